//! `ecap-topics monitor`

mod draw;
mod keys;
mod sample;
mod screen;
mod view;

use self::sample::{Memory, Sampler, Snapshot};
use self::screen::Screen;
use self::view::{Key, View};
use super::session::Session;
use crate::cli::common::CommonArgs;
use crate::cli::interrupt;
use crate::cli::output::{self, Format, Stream};
use crate::clock::{Clock, Micros, Stop, SystemClock};
use crate::error::Fault;
use crate::units::{format_rfc3339, parse_duration};
use crate::{Error, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

/// How long a key is waited for before the screen is looked after.
const BLINK: Duration = Duration::from_millis(100);

/// Watch topics and groups: messages and bytes a second, distribution, lag and its trend
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Keys: q quit, Tab the other list, arrows select, Enter looks into a topic, Esc back, s sorts by the \
    next column, r turns the order, / filters. A group with * mirrors the progress of a query.\n\n\
    Bytes a second are estimated: messages a second, times the mean size of records, of which one is read for each \
    partition and interval. Skew is the fullest partition by the mean. Without a terminal, or with --format json, there is \
    a document for each interval.\n\n\
    Examples:\n  ecap-topics monitor\n  ecap-topics monitor --interval 10s --format json"
)]
pub struct Args {
    /// How long from one reading to the next
    #[arg(short, long, default_value = "2s", value_name = "DURATION", value_parser = parse_duration)]
    interval: Duration,
    /// End after so many readings
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<usize>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let in_lines = common.output.format == Format::Json;
    if !in_lines && common.output.format != Format::Table {
        return Err(Error::usage("monitor has a screen, and --format json"));
    }
    if !in_lines && !Stream::Out.is_terminal() {
        return Err(
            Error::usage("monitor needs a terminal").hint("--format json gives a document for each interval")
        );
    }
    let Session { settings, admin, .. } = Session::open(common)?;
    let sampler = Sampler { admin, connection: settings.connection, memory: Memory::default() };
    let stop = interrupt::listen()?;
    let interval = args.interval.max(interrupt::SHORTEST);
    let readings = start(sampler, interval, args.count, stop.clone())?;
    if in_lines { lines(&readings, &stop) } else { live(&readings, &stop) }
}

/// A reading, or why there is none.
type Read = (Micros, Result<Snapshot>);

/// Reads in a thread of its own, as a broker that is away is waited for. The thread is not waited for: it changes nothing.
fn start(
    mut sampler: Sampler,
    interval: Duration,
    count: Option<usize>,
    stop: Stop,
) -> Result<Receiver<Read>> {
    let (readings, heard) = channel();
    std::thread::Builder::new().name("monitor".into()).spawn(move || {
        let mut left = count.unwrap_or(usize::MAX);
        while left > 0 && !stop.requested() {
            let now = SystemClock.now();
            if readings.send((now, sampler.sample(now))).is_err() {
                break;
            }
            left -= 1;
            if left == 0 || stop.wait(interval) {
                break;
            }
        }
    })?;
    Ok(heard)
}

/// A document a line.
fn lines(readings: &Receiver<Read>, stop: &Stop) -> Result<()> {
    while !stop.requested() {
        let document = match readings.recv_timeout(BLINK) {
            Ok((_, Ok(snapshot))) => output::to_json(&snapshot)?,
            Ok((now, Err(error))) => output::to_json(
                &serde_json::json!({"time": format_rfc3339(now), "error": error.to_string()}),
            )?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        output::print(&(document + "\n"))?;
    }
    Ok(())
}

/// Why there is nothing new, and since when.
fn trouble(now: Micros, error: &Error) -> String {
    let time = format_rfc3339(now);
    let since = time.get(11..19).unwrap_or_default();
    match error.fault() {
        Fault::Unreachable => format!("NO ANSWER SINCE {since} UTC"),
        _ => format!("NOTHING NEW SINCE {since} UTC: {}", error.message()),
    }
}

/// A screen for people.
fn live(readings: &Receiver<Read>, stop: &Stop) -> Result<()> {
    let mut screen = Screen::open()?;
    let mut view = View::new(output::has_colour(Stream::Out));
    let mut last: Option<Snapshot> = None;
    loop {
        screen.draw(|frame| draw::draw(frame, last.as_ref(), &view))?;
        if stop.requested() {
            return Ok(());
        }
        for key in screen.keys(BLINK) {
            let go_on = match &last {
                Some(snapshot) => view.press(key, snapshot),
                None => !matches!(key, Key::Quit | Key::Letter('q') | Key::Escape),
            };
            if !go_on {
                return Ok(());
            }
        }
        loop {
            match readings.try_recv() {
                Ok((_, Ok(snapshot))) => {
                    view.trouble = None;
                    view.stay_inside(&snapshot);
                    last = Some(snapshot);
                }
                Ok((now, Err(error))) => {
                    view.trouble.get_or_insert_with(|| trouble(now, &error));
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }
}
