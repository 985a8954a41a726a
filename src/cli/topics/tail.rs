//! `ecap-topics tail`

mod condition;
mod filter;
mod print;
mod template;
mod text;

use self::condition::Condition;
use self::filter::Filter;
use self::print::{Printer, Style, View};
use self::template::Template;
use super::complete;
use super::place::Place;
use super::session::Session;
use crate::cli::common::CommonArgs;
use crate::cli::{interrupt, output};
use crate::clock::{Clock, Stop, SystemClock};
use crate::error::Fault;
use crate::kafka::admin::TopicState;
use crate::kafka::offsets::{Offsets, Partition, Span};
use crate::kafka::tail::{Record, Tail};
use crate::{Error, Result};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many records are shown when nobody says.
const LAST: usize = 10;

/// How long records are waited for before what was read is shown.
const PAUSE: Duration = Duration::from_millis(100);

/// Show the last records of a topic, or all from an offset or a time
#[derive(clap::Args, Debug)]
#[command(
    after_help = "WHERE is earliest (or beginning), latest (or end), an offset, -10 for ten before the end of each \
    partition, a time (UTC) as 2025-07-27T10:08:09Z or @1753610889000, or 2h for two hours ago.\n\n\
    --format json gives one line per record: topic, partition, offset, timestamp, timestamp_ms, key, value, headers; \
    tombstone where the value is null, and binary with the names of what is shown in hexadecimal digits.\n\n\
    --print has kcat's fields: %s value, %S its length, %k key, %K its length, %h headers, %t topic, %p partition, \
    %o offset, %T time in milliseconds.\n\n\
    Examples:\n  ecap-topics tail transactions -n 5\n  ecap-topics tail transactions --from earliest --format json\n  \
    ecap-topics tail transactions --from 1h --where 'price > 100' --key USER_7\n  \
    ecap-topics tail transactions --from beginning --print '%p %o %k %s\\n'\n  \
    ecap-topics tail user-events --from '2025-07-27 10:00:00' --until '2025-07-27 11:00:00' --grep '\"purchase\"'\n  \
    ecap-topics tail user-events --grep '\"purchase\"' --follow"
)]
pub struct Args {
    /// The topic
    #[arg(add = complete::topics())]
    topic: String,
    /// The last N records; with --from the first N from there [default: 10, or all with --from]
    #[arg(short = 'n', long = "lines", value_name = "N", allow_negative_numbers = true)]
    count: Option<usize>,
    /// Start here
    #[arg(long, value_name = "WHERE", allow_hyphen_values = true)]
    from: Option<Place>,
    /// Stop before this; the end, as it was at the start, is before it
    #[arg(long, value_name = "WHERE", allow_hyphen_values = true, conflicts_with = "follow")]
    until: Option<Place>,
    /// Only this partition
    #[arg(short, long, value_name = "P", allow_negative_numbers = true)]
    partition: Option<i32>,
    /// Only records with exactly this key
    #[arg(short, long, value_name = "KEY", allow_hyphen_values = true)]
    key: Option<String>,
    /// Only records whose key or value contains this: a regular expression, or a text that is none
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    grep: Option<String>,
    /// Only records for which this holds: SQL over the record's columns, and _key, _partition, _offset, _timestamp
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// The columns of a topic that is not in the catalog, such as 'a STRING, ts TIMESTAMP', for --where
    #[arg(long, value_name = "COLUMNS", requires = "condition")]
    schema: Option<String>,
    /// Go on with new records until ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only the values, byte by byte, each with a line end
    #[arg(long, conflicts_with = "template")]
    raw: bool,
    /// Show each record by a form such as '%k %s\n', which says all that is written
    #[arg(long = "print", value_name = "FORM", allow_hyphen_values = true)]
    template: Option<Template>,
}

impl Args {
    fn style(&self, common: &CommonArgs) -> Style {
        match (&self.template, self.raw) {
            (Some(template), _) => Style::Template(template.clone()),
            (None, true) => Style::Template(Template::raw()),
            (None, false) => Style::Format(common.output.format),
        }
    }
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let topic = session.topic(&args.topic)?;
    let stop = interrupt::listen()?;
    let condition = args
        .condition
        .as_ref()
        .map(|sql| Condition::new(sql, &topic.name, args.schema.as_deref(), &session.settings));
    let mut filter = Filter {
        key: args.key.clone(),
        pattern: args.grep.as_deref().map(filter::pattern).transpose()?,
        condition: condition.transpose()?,
    };
    let spans = spans(args, &session, topic)?;
    let mut printer = Printer::new(args.style(common), &topic.name);
    show(args, &session, &spans, &stop, &mut filter, &mut printer)?;
    filter.condition.iter().flat_map(Condition::undecided).for_each(|line| output::note(&line));
    Ok(())
}

fn show(
    args: &Args,
    session: &Session,
    spans: &BTreeMap<Partition, Span>,
    stop: &Stop,
    filter: &mut Filter,
    printer: &mut Printer,
) -> Result<()> {
    let connection = &session.settings.connection;
    if args.from.is_some() {
        let mut tail = Tail::start(connection, spans, args.follow)?;
        return stream(&mut tail, args.count.unwrap_or(usize::MAX), stop, filter, printer);
    }
    let count = args.count.unwrap_or(LAST);
    // Without a filter the last N of the topic are among the last N of each partition.
    let reach = if filter.takes_all() { i64::try_from(count).unwrap_or(i64::MAX) } else { i64::MAX };
    for record in last(&mut Tail::start(connection, &shortened(spans, reach), false)?, count, stop, filter)? {
        printer.show(&View::from(&record))?;
    }
    printer.flush()?;
    if !args.follow {
        return Ok(());
    }
    let mut tail = Tail::start(connection, &shortened(spans, 0), true)?;
    stream(&mut tail, usize::MAX, stop, filter, printer)
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
    let now = SystemClock.now();
    let place = |place: Place| place.offsets(&offsets, topic, &spans, now);
    let (from, until) = (args.from.map(place).transpose()?, args.until.map(place).transpose()?);
    for (partition, span) in &mut spans {
        let first = from.as_ref().and_then(|from| from.get(partition));
        let next = until.as_ref().and_then(|until| until.get(partition));
        span.next = *next.unwrap_or(&span.next);
        span.first = (*first.unwrap_or(&span.first)).min(span.next);
    }
    Ok(spans)
}

/// The last `reach` offsets of each span.
fn shortened(spans: &BTreeMap<Partition, Span>, reach: i64) -> BTreeMap<Partition, Span> {
    let last = |span: &Span| Span { first: span.next.saturating_sub(reach).max(span.first), next: span.next };
    spans.iter().map(|(partition, span)| (partition.clone(), last(span))).collect()
}

/// Shows records as they come, at most `count`, until the end or a request to stop. Whoever follows waits for a
/// broker that is away.
fn stream(
    tail: &mut Tail,
    count: usize,
    stop: &Stop,
    filter: &mut Filter,
    printer: &mut Printer,
) -> Result<()> {
    let (mut shown, mut away, follows) = (0, false, !tail.has_end());
    while shown < count && !tail.at_end() && !stop.requested() {
        let batch = match tail.batch(PAUSE) {
            Ok(batch) => batch,
            Err(error) if follows && error.fault() == Fault::Unreachable => {
                if !std::mem::replace(&mut away, true) {
                    output::note(&format!("{error}; reading goes on when it passes"));
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        away &= batch.is_empty();
        let selected = filter.select(batch)?;
        for message in selected.iter().take(count - shown) {
            printer.show_message(message)?;
        }
        shown += selected.len();
        // What is read from a topic's past comes fast, and is written in large pieces.
        if batch.is_empty() || follows {
            printer.flush()?;
        }
    }
    printer.flush()
}

/// The last `count` records in the order of their timestamps.
fn last(tail: &mut Tail, count: usize, stop: &Stop, filter: &mut Filter) -> Result<Vec<Record>> {
    let mut kept: BTreeMap<i32, VecDeque<Record>> = BTreeMap::new();
    while count > 0 && !tail.at_end() && !stop.requested() {
        for message in filter.select(tail.batch(PAUSE)?)? {
            let kept = kept.entry(message.partition()).or_default();
            kept.push_back(Record::from(message));
            if kept.len() > count {
                kept.pop_front();
            }
        }
    }
    let mut records: Vec<_> = kept.into_values().flatten().collect();
    records.sort_by_key(|record| (record.time, record.partition, record.offset));
    Ok(records.split_off(records.len().saturating_sub(count)))
}
