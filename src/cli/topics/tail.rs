//! `ecap-topics tail`

mod print;

use self::print::Printer;
use super::complete;
use super::session::Session;
use crate::cli::common::CommonArgs;
use crate::cli::interrupt;
use crate::clock::{Micros, Stop};
use crate::kafka::admin::TopicState;
use crate::kafka::offsets::{Offsets, Partition, Span};
use crate::kafka::tail::{Record, Tail};
use crate::units::parse_time;
use crate::{Error, Result};
use regex::bytes::Regex;
use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::time::Duration;

/// How many records are shown when nobody says.
const LAST: usize = 10;

/// Show the last records of a topic, or all from an offset or a time
#[derive(clap::Args, Debug)]
#[command(
    after_help = "--format json gives one line per record: topic, partition, offset, timestamp, timestamp_ms, \
    key, value, headers.\n\n\
    Examples:\n  ecap-topics tail transactions -n 5\n  ecap-topics tail transactions --from earliest --format json\n  \
    ecap-topics tail user-events --from '2025-07-27 10:00:00' --grep '\"purchase\"' --follow"
)]
pub struct Args {
    /// The topic
    #[arg(add = complete::topics())]
    topic: String,
    /// The last N records; with --from the first N from there [default: 10, or all with --from]
    #[arg(short = 'n', long = "lines", value_name = "N", allow_negative_numbers = true)]
    count: Option<usize>,
    /// Start at earliest, latest, an offset (of every partition), or a time (UTC)
    #[arg(long, value_name = "WHERE", allow_negative_numbers = true)]
    from: Option<From>,
    /// Only this partition
    #[arg(short, long, value_name = "P", allow_negative_numbers = true)]
    partition: Option<i32>,
    /// Only records whose key or value contains this: a regular expression, or a text that is none
    #[arg(long, value_name = "PATTERN")]
    grep: Option<String>,
    /// Go on with new records until ctrl-C
    #[arg(short, long)]
    follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Earliest,
    Latest,
    Offset(i64),
    Time(Micros),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<i64>()) {
            ("earliest", _) => Ok(Self::Earliest),
            ("latest", _) => Ok(Self::Latest),
            (_, Ok(offset)) if offset >= 0 => Ok(Self::Offset(offset)),
            (_, Ok(_)) => Err("an offset is at least 0".into()),
            (text, Err(_)) => parse_time(text)
                .map(Self::Time)
                .map_err(|_| "write earliest, latest, an offset, or a time as 2025-07-27T10:08:09Z".into()),
        }
    }
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let topic = session.topic(&args.topic)?;
    let stop = interrupt::listen()?;
    let pattern = args.grep.as_deref().map(pattern).transpose()?;
    let matches = |record: &Record| pattern.as_ref().is_none_or(|pattern| is_match(pattern, record));
    let spans = spans(args, &session, topic)?;
    let mut printer = Printer::new(common.output.format);
    let connection = &session.settings.connection;
    if args.from.is_some() {
        let mut tail = Tail::start(connection, &spans, args.follow)?;
        return stream(&mut tail, args.count.unwrap_or(usize::MAX), &stop, matches, &mut printer);
    }
    let count = args.count.unwrap_or(LAST);
    // Without a pattern the last N of the topic are among the last N of each partition.
    let reach = if pattern.is_some() { i64::MAX } else { i64::try_from(count).unwrap_or(i64::MAX) };
    for record in
        last(&mut Tail::start(connection, &shortened(&spans, reach), false)?, count, &stop, matches)?
    {
        printer.show(&record)?;
    }
    printer.flush()?;
    if !args.follow {
        return Ok(());
    }
    let mut tail = Tail::start(connection, &shortened(&spans, 0), true)?;
    stream(&mut tail, usize::MAX, &stop, matches, &mut printer)
}

/// From where to where each partition is read.
fn spans(args: &Args, session: &Session, topic: &TopicState) -> Result<BTreeMap<Partition, Span>> {
    let offsets = Offsets::new(&session.settings.connection)?;
    let mut spans = offsets.spans([topic])?;
    if let Some(partition) = args.partition {
        spans.retain(|(_, number), _| *number == partition);
        if spans.is_empty() {
            let count = topic.partitions.len();
            return Err(Error::failed(format!("topic '{}' has no partition {partition}", topic.name))
                .hint(format!("it has 0 to {}", count.saturating_sub(1))));
        }
    }
    let times = match args.from {
        Some(From::Time(time)) => offsets.at_time(topic, time)?,
        _ => BTreeMap::new(),
    };
    for (partition, span) in &mut spans {
        let start = match args.from {
            None | Some(From::Earliest) => span.first,
            Some(From::Latest) => span.next,
            Some(From::Offset(offset)) => offset,
            Some(From::Time(_)) => times.get(partition).copied().unwrap_or(span.next),
        };
        span.first = start.max(span.first).min(span.next);
    }
    Ok(spans)
}

/// The last `reach` offsets of each span.
fn shortened(spans: &BTreeMap<Partition, Span>, reach: i64) -> BTreeMap<Partition, Span> {
    let last = |span: &Span| Span { first: span.next.saturating_sub(reach).max(span.first), next: span.next };
    spans.iter().map(|(partition, span)| (partition.clone(), last(span))).collect()
}

/// Shows records as they come, at most `count`, until the end or a request to stop.
fn stream(
    tail: &mut Tail,
    count: usize,
    stop: &Stop,
    matches: impl Fn(&Record) -> bool,
    printer: &mut Printer,
) -> Result<()> {
    let mut shown = 0;
    while shown < count && !tail.at_end() && !stop.requested() {
        match tail.next(Duration::from_millis(100))? {
            Some(record) if matches(&record) => {
                printer.show(&record)?;
                shown += 1;
            }
            Some(_) => {}
            None => printer.flush()?,
        }
    }
    printer.flush()
}

/// The last `count` records in the order of their timestamps.
fn last(
    tail: &mut Tail,
    count: usize,
    stop: &Stop,
    matches: impl Fn(&Record) -> bool,
) -> Result<Vec<Record>> {
    let mut kept: BTreeMap<i32, VecDeque<Record>> = BTreeMap::new();
    while !tail.at_end() && !stop.requested() {
        let Some(record) = tail.next(Duration::from_millis(100))?.filter(&matches) else { continue };
        let kept = kept.entry(record.partition).or_default();
        kept.push_back(record);
        if kept.len() > count {
            kept.pop_front();
        }
    }
    let mut records: Vec<_> = kept.into_values().flatten().collect();
    records.sort_by_key(|record| (record.time, record.partition, record.offset));
    Ok(records.split_off(records.len().saturating_sub(count)))
}

fn pattern(text: &str) -> Result<Regex> {
    let wrong = |error: regex::Error| Error::usage(format!("--grep: {error}"));
    Regex::new(text).or_else(|_| Regex::new(&regex::escape(text))).map_err(wrong)
}

fn is_match(pattern: &Regex, record: &Record) -> bool {
    [&record.key, &record.value].into_iter().flatten().any(|bytes| pattern.is_match(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_an_offset_or_a_time() {
        for (text, from) in [
            ("earliest", From::Earliest),
            ("latest", From::Latest),
            ("42", From::Offset(42)),
            ("2025-07-27T10:08:09Z", From::Time(1_753_610_889_000_000)),
            ("2025-07-27 10:08:09", From::Time(1_753_610_889_000_000)),
        ] {
            assert_eq!(text.parse(), Ok(from), "{text}");
        }
        for text in ["", "yesterday", "-5", "99999999999999999999"] {
            assert!(text.parse::<From>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_expression_is_found_as_it_stands() {
        assert!(pattern("{\"a\"").expect("a text").is_match(b"x {\"a\": 1}"));
        assert!(pattern("a.c").expect("an expression").is_match(b"abc"));
    }
}
