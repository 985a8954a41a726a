//! When the next batch may go: a pure function of the clock and the acknowledgements.

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
    /// So many records per second. The times are counted from the start, so that nothing adds up.
    Rate(f64),
}

impl Pace {
    /// Whether a batch has to be acknowledged before it is known when the next may go.
    pub fn awaits(self) -> bool {
        matches!(self, Self::Pause(_))
    }

    /// How long to wait at `now` before the next batch, when the run began at `start`, has sent `sent`
    /// records, and has just had its last answer.
    pub fn wait(self, start: Micros, sent: u64, now: Micros) -> Duration {
        match self {
            Self::Unpaced => Duration::ZERO,
            Self::Pause(pause) => pause,
            Self::Rate(rate) => {
                let due = start + (sent as f64 * 1e6 / rate) as Micros;
                Duration::from_micros(due.saturating_sub(now).max(0) as u64)
            }
        }
    }
}

/// Reads a rate: `5000/s`, or a bare number of records per second.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_rate(text: &str) -> Result<f64> {
    let number = text.trim().trim_end_matches("/s");
    let rate = number.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| Error::usage(format!("'{text}' is not a rate")).hint("write 5000/s, or 0.5/s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read() {
        assert_eq!(parse_rate("5000/s"), Ok(5_000.0));
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        assert!(["0", "-1/s", "fast", "inf"].iter().all(|text| parse_rate(text).is_err()));
    }

    #[test]
    fn a_pause_is_whole_and_a_rate_does_not_drift() {
        assert_eq!(Pace::Unpaced.wait(0, 10, 5), Duration::ZERO);
        assert_eq!(Pace::Pause(Duration::from_secs(10)).wait(0, 10, 77), Duration::from_secs(10));
        let rate = Pace::Rate(100.0);
        assert_eq!(rate.wait(1_000, 10, 1_000), Duration::from_millis(100));
        assert_eq!(rate.wait(1_000, 10, 61_000), Duration::from_millis(40));
        assert_eq!(rate.wait(1_000, 10, 900_000), Duration::ZERO);
    }
}
