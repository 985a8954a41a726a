//! When the next batch may go: a pure function of the clock and of what went before.

use crate::clock::Micros;
use crate::{Error, Result};
use std::time::Duration;

/// How batches are paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the broker takes them.
    Unpaced,
    /// A pause after each batch, from the moment at which all its records are acknowledged.
    Pause(Duration),
    /// So many records per second.
    Rate(f64),
    /// By the records' own times, so many times as fast as they pass.
    Replay(f64),
}

impl Pace {
    /// Whether a batch has to be acknowledged before it is known when the next may go.
    pub fn awaits(self) -> bool {
        matches!(self, Self::Pause(_))
    }
}

/// So far behind is a stall; less is caught up in any case, as every batch takes a while.
const STALL: Micros = 1_000_000;

/// When batches are due. Times are counted from the start, so that nothing adds up.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    catches_up: bool,
    /// When the run began, or would have begun had there been no stall.
    start: Micros,
    /// The time of the first record that has one.
    first: Option<Micros>,
    /// How far behind it the latest record is: one that comes out of order is not due earlier.
    latest: Micros,
    /// When the pause ends.
    resumes: Micros,
}

impl Schedule {
    /// A schedule from `start` on. After a stall it is made up for, or the rest comes later by as much.
    pub fn new(pace: Pace, catches_up: bool, start: Micros) -> Self {
        Self { pace, catches_up, start, first: None, latest: 0, resumes: start }
    }

    /// A batch is done.
    pub fn done(&mut self, now: Micros) {
        if let Pace::Pause(pause) = self.pace {
            self.resumes = now.saturating_add(micros(pause));
        }
    }

    /// How long to wait at `now`, when `sent` records went before, and the next has this event time.
    pub fn wait(&mut self, sent: u64, time: Option<Micros>, now: Micros) -> Duration {
        let due = match (self.pace, time) {
            (Pace::Unpaced, _) | (Pace::Replay(_), None) => return Duration::ZERO,
            (Pace::Pause(_), _) => self.resumes,
            (Pace::Rate(rate), _) => self.start.saturating_add((sent as f64 * 1e6 / rate) as Micros),
            (Pace::Replay(speed), Some(time)) => {
                let passed = time.saturating_sub(*self.first.get_or_insert(time));
                self.latest = self.latest.max(passed);
                self.start.saturating_add((self.latest as f64 / speed) as Micros)
            }
        };
        self.until(due, now)
    }

    fn until(&mut self, due: Micros, now: Micros) -> Duration {
        let behind = now.saturating_sub(due);
        if behind > STALL && !self.catches_up && !self.pace.awaits() {
            self.start = self.start.saturating_add(behind);
        }
        Duration::from_micros(behind.saturating_neg().max(0).unsigned_abs())
    }
}

fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}

/// Reads a rate: `5000/s`, `300/m`, or a bare number of records per second.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_rate(text: &str) -> Result<f64> {
    let (number, seconds) = match text.trim().split_once('/') {
        None => (text.trim(), 1.0),
        Some((number, "s")) => (number, 1.0),
        Some((number, "m" | "min")) => (number, 60.0),
        Some((number, "h")) => (number, 3_600.0),
        Some(_) => ("", 1.0),
    };
    let rate = number.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    let rate = rate.map(|rate| rate / seconds);
    rate.ok_or_else(|| Error::usage(format!("'{text}' is not a rate")).hint("write 5000/s, 300/m or 0.5"))
}

/// Reads a speed: `10x`, or a bare factor.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_speed(text: &str) -> Result<f64> {
    let number = text.trim().trim_end_matches(['x', 'X']);
    let speed = number.parse::<f64>().ok().filter(|speed| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| Error::usage(format!("'{text}' is not a speed")).hint("write 10x, or 0.5x"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    #[test]
    fn a_rate_and_a_speed_are_read() {
        assert_eq!(parse_rate("5000/s"), Ok(5_000.0));
        assert_eq!(parse_rate("300/m"), Ok(5.0));
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        assert!(["0", "-1/s", "fast", "inf", "5/fortnight"].iter().all(|text| parse_rate(text).is_err()));
        assert_eq!((parse_speed("10x"), parse_speed("0.5")), (Ok(10.0), Ok(0.5)));
        assert!(["0x", "x", "-1", "NaN"].iter().all(|text| parse_speed(text).is_err()));
    }

    #[test]
    fn a_pause_is_whole_and_a_rate_does_not_drift() {
        assert_eq!(Schedule::new(Pace::Unpaced, true, 0).wait(10, None, 5), Duration::ZERO);
        let mut pause = Schedule::new(Pace::Pause(Duration::from_secs(10)), true, 0);
        assert_eq!(pause.wait(0, None, 0), Duration::ZERO);
        pause.done(77 * SECOND);
        assert_eq!(pause.wait(10, None, 78 * SECOND), Duration::from_secs(9));

        let mut rate = Schedule::new(Pace::Rate(100.0), true, 1_000);
        assert_eq!(rate.wait(10, None, 1_000), Duration::from_millis(100));
        assert_eq!(rate.wait(10, None, 61_000), Duration::from_millis(40));
        assert_eq!(rate.wait(10, None, 900_000), Duration::ZERO);
        // Ten hours later it is due to the microsecond.
        let hours = 36_000 * SECOND + 1_000;
        assert_eq!(rate.wait(3_600_001, None, hours), Duration::from_millis(10));
    }

    #[test]
    fn a_stall_is_made_up_for_or_not() {
        for (catches_up, wait) in [(true, 0), (false, 1_000)] {
            let mut rate = Schedule::new(Pace::Rate(1.0), catches_up, 0);
            assert_eq!(rate.wait(10, None, 10 * SECOND), Duration::ZERO);
            assert_eq!(rate.wait(11, None, 70 * SECOND), Duration::ZERO, "59 s too late");
            assert_eq!(rate.wait(12, None, 70 * SECOND), Duration::from_millis(wait));
        }
        let mut rate = Schedule::new(Pace::Rate(1.0), false, 0);
        assert_eq!(rate.wait(1, None, SECOND + SECOND / 2), Duration::ZERO);
        assert_eq!(rate.wait(2, None, 2 * SECOND), Duration::ZERO, "half a second is no stall");
        let mut replay = Schedule::new(Pace::Replay(1.0), false, 0);
        for (time, now, wait) in [(0, 0, 0), (30, 30, 0), (5, 30, 0), (31, 30, 1), (40, 90, 0), (41, 90, 1)] {
            let found = replay.wait(0, Some(time * SECOND), now * SECOND);
            assert_eq!(found, Duration::from_secs(wait), "the record of second {time}, at {now}");
        }
    }

    #[test]
    fn a_replay_keeps_the_distances_of_the_records() {
        let mut replay = Schedule::new(Pace::Replay(10.0), true, 0);
        let history = 1_700_000_000 * SECOND;
        assert_eq!(replay.wait(0, None, 0), Duration::ZERO, "without a time it does not wait");
        assert_eq!(replay.wait(0, Some(history), 0), Duration::ZERO);
        assert_eq!(replay.wait(1, Some(history + 20 * SECOND), SECOND), Duration::from_secs(1));
        assert_eq!(replay.wait(1, Some(history - 20 * SECOND), 2 * SECOND), Duration::ZERO, "out of order");
        assert_eq!(replay.wait(1, Some(Micros::MAX), 0).as_secs(), (i64::MAX - history) as u64 / 10_000_000);
    }
}
