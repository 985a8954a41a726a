//! Live views: readings come in from a thread of their own, keys change what is seen of them. Without a screen the same
//! readings are a stream of JSON.

mod keys;
mod paint;
mod terminal;
mod view;

pub use keys::Key;
#[cfg(test)]
pub use paint::tests::picture;
pub use paint::{Column, Picture, Row, paint, rate, sparkline, wide};
pub use view::{Common, Position, View};

use super::interrupt;
use super::output::{self, Format, OutputArgs, Stream};
use crate::clock::{Clock, Micros, Stop, SystemClock};
use crate::error::Fault;
use crate::units::{format_rfc3339, parse_duration};
use crate::{Error, Result};
use serde::Serialize;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;
use terminal::Screen;

/// How long a key is waited for before the screen is looked after.
const BLINK: Duration = Duration::from_millis(100);

/// How often is read, and how many times.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How long from one reading to the next
    #[arg(short, long, default_value = "2s", value_name = "DURATION", value_parser = parse_duration)]
    interval: Duration,
    /// End after so many readings
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<usize>,
}

/// To whom the readings go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// To a person: a picture on the whole screen.
    Screen,
    /// To a program: a document a line.
    Lines,
}

impl Form {
    /// What the format means for a live view.
    ///
    /// # Errors
    /// A usage error for another format than JSON, and where there is no screen.
    pub fn of(output: &OutputArgs) -> Result<Self> {
        match output.format {
            Format::Json => Ok(Self::Lines),
            Format::Table if Stream::Out.is_terminal() => Ok(Self::Screen),
            Format::Table => {
                let error = Error::usage("monitor needs a terminal");
                Err(error.hint("--format json gives a document for each interval"))
            }
            _ => Err(Error::usage("monitor has a screen, and --format json")),
        }
    }
}

/// Shows what `sample` reads, until a key or a signal ends it, or all readings were made. A sample is given the time, and
/// what the view wants to look into.
///
/// # Errors
/// When the terminal or standard output is gone.
pub fn run<V: View>(
    form: Form,
    args: &Args,
    view: V,
    sample: impl FnMut(Micros, Option<&str>) -> Result<V::Reading> + Send + 'static,
) -> Result<()> {
    let stop = interrupt::listen()?;
    let interval = args.interval.max(interrupt::SHORTEST);
    let readings = Readings::start(sample, interval, args.count.unwrap_or(usize::MAX))?;
    match form {
        Form::Screen => live(readings, view, &stop),
        Form::Lines => lines(&readings, &stop),
    }
}

/// A reading, or why there is none.
type Read<R> = (Micros, Result<R>);

/// The readings of a thread, which ends when this is dropped. It is not waited for: it changes nothing.
struct Readings<R> {
    heard: Receiver<Read<R>>,
    wishes: Sender<Option<String>>,
    wanted: Option<String>,
}

impl<R: Send + 'static> Readings<R> {
    /// Reads in a thread of its own, as what is asked may be away and is waited for.
    fn start(
        mut sample: impl FnMut(Micros, Option<&str>) -> Result<R> + Send + 'static,
        interval: Duration,
        count: usize,
    ) -> Result<Self> {
        let ((tell, heard), (wishes, wished)) = (channel(), channel::<Option<String>>());
        std::thread::Builder::new().name("monitor".into()).spawn(move || {
            let mut wanted = None;
            for number in 1..=count {
                let now = SystemClock.now();
                if tell.send((now, sample(now, wanted.as_deref()))).is_err() || number == count {
                    break;
                }
                match wished.recv_timeout(interval) {
                    Ok(wish) => wanted = wished.try_iter().last().unwrap_or(wish),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        })?;
        Ok(Self { heard, wishes, wanted: None })
    }

    /// Says what the next readings are to look into; where that is new, the next one comes at once.
    fn want(&mut self, wanted: Option<&str>) {
        if self.wanted.as_deref() != wanted {
            self.wanted = wanted.map(Into::into);
            // After the last reading nobody listens any more.
            let _ = self.wishes.send(self.wanted.clone());
        }
    }
}

/// A document a line.
fn lines<R: Serialize + Send + 'static>(readings: &Readings<R>, stop: &Stop) -> Result<()> {
    while !stop.requested() {
        let document = match readings.heard.recv_timeout(BLINK) {
            Ok((_, Ok(reading))) => output::to_json(&reading)?,
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

/// A screen for people.
fn live<V: View>(mut readings: Readings<V::Reading>, mut view: V, stop: &Stop) -> Result<()> {
    let mut screen = Screen::open()?;
    let mut last = None;
    loop {
        screen.draw(|frame| view.draw(frame, last.as_ref()))?;
        if stop.requested() {
            return Ok(());
        }
        for key in screen.keys(BLINK) {
            let goes_on = match &last {
                Some(reading) => view.key(key, reading),
                None => !matches!(key, Key::Quit | Key::Letter('q') | Key::Escape),
            };
            if !goes_on {
                return Ok(());
            }
        }
        readings.want(view.wanted());
        loop {
            match readings.heard.try_recv() {
                Ok((_, Ok(reading))) => {
                    view.common().trouble = None;
                    view.stay_inside(&reading);
                    last = Some(reading);
                }
                Ok((now, Err(error))) => {
                    view.common().trouble.get_or_insert_with(|| trouble(now, &error));
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }
}

/// Why there is nothing new, and since when.
fn trouble(now: Micros, error: &Error) -> String {
    let since = time_of_day(&format_rfc3339(now));
    match error.fault() {
        Fault::Unreachable => format!("NO ANSWER SINCE {since}"),
        _ => format!("NOTHING NEW SINCE {since}: {}", error.message()),
    }
}

/// The time of day in a time as RFC 3339: `10:08:09 UTC`.
pub fn time_of_day(time: &str) -> String {
    format!("{} UTC", time.get(11..19).unwrap_or_default())
}
