//! What a window is: its size, its slide, and the panes that it is made of.

use crate::clock::Micros;
use crate::units::{format_duration, parse_duration};
use crate::{Error, Result};
use std::time::Duration;

/// More panes than this in one window are refused: each costs memory and a merge.
pub const MAX_PANES: i64 = 10_000;

/// The windows of a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub enum Windows {
    /// Tumbling or sliding.
    Fixed(WindowSpec),
    /// As long as records come: a session ends `gap` microseconds after its last record.
    Session {
        /// In microseconds.
        gap: Micros,
    },
}

impl Windows {
    /// Reads the arguments of `session_window(time, gap)`.
    ///
    /// # Errors
    /// A usage error when the gap is not a duration, or not longer than nothing.
    pub fn session(gap: &str) -> Result<Self> {
        match parse_duration(gap)?.as_micros() as Micros {
            0 => Err(Error::usage("the gap of a session must be longer than 0s")),
            gap => Ok(Self::Session { gap }),
        }
    }

    /// How long after its start a row of a result may still be to come, in microseconds; `None` where a
    /// window may be of any length.
    pub fn size(&self) -> Option<Micros> {
        match self {
            Self::Fixed(window) => Some(window.size),
            Self::Session { .. } => None,
        }
    }
}

impl std::fmt::Display for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |micros: Micros| format_duration(Duration::from_micros(micros.unsigned_abs()));
        match self {
            Self::Fixed(window) if window.size == window.slide => write!(f, "tumbling {}", text(window.size)),
            Self::Fixed(window) => {
                write!(f, "sliding {} by {}", text(window.size), text(window.slide))
            }
            Self::Session { gap } => write!(f, "session {}", text(*gap)),
        }
    }
}

/// A tumbling or sliding window over event time, half open [start, end), aligned to the epoch in UTC.
///
/// Windows are made of panes, whose width is the greatest common divisor of size and slide, so that a
/// record is aggregated once, however many windows contain it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct WindowSpec {
    /// How long a window is, in microseconds.
    pub size: Micros,
    /// How far a window's start is from the next one's, in microseconds.
    pub slide: Micros,
    /// How far the windows are moved from the epoch, in microseconds.
    pub offset: Micros,
    /// The width of a pane, in microseconds.
    pub pane: Micros,
}

impl WindowSpec {
    /// A window of `size`, `slide` and `offset` microseconds.
    ///
    /// # Errors
    /// A usage error when they do not fit together.
    pub fn new(size: Micros, slide: Micros, offset: Micros) -> Result<Self> {
        let text = |micros: Micros| format_duration(Duration::from_micros(micros.unsigned_abs()));
        if size <= 0 || slide <= 0 {
            let what = if size <= 0 { "window" } else { "slide" };
            return Err(Error::usage(format!("the {what} must be longer than 0s")));
        }
        if slide > size {
            let message = format!("the slide ({}) is longer than the window ({})", text(slide), text(size));
            return Err(Error::usage(message).hint("records between two windows would be in none"));
        }
        let pane = greatest_common_divisor(size, slide);
        if size / pane > MAX_PANES {
            let message = format!(
                "a window of {} sliding by {} has {} panes, {MAX_PANES} at most",
                text(size),
                text(slide),
                size / pane
            );
            return Err(Error::usage(message).hint("make the slide longer, or a divisor of the window"));
        }
        Ok(Self { size, slide, offset: offset.rem_euclid(slide), pane })
    }

    /// Reads the arguments of `window(time, size[, slide[, start]])`.
    ///
    /// # Errors
    /// A usage error when one is not a duration, or they do not fit together.
    pub fn parse(size: &str, slide: Option<&str>, offset: Option<&str>) -> Result<Self> {
        let micros = |text: &str| parse_duration(text).map(|duration| duration.as_micros() as Micros);
        let size = micros(size)?;
        let slide = slide.map_or(Ok(size), micros)?;
        Self::new(size, slide, offset.map_or(Ok(0), micros)?)
    }

    /// The start of the first window that contains `time`.
    pub fn first_start(&self, time: Micros) -> Micros {
        self.last_start(time.saturating_sub(self.size)).saturating_add(self.slide)
    }

    /// The start of the last window that contains `time`.
    pub fn last_start(&self, time: Micros) -> Micros {
        start_of(time, self.slide, self.offset)
    }

    /// The start of the first window that is not final at `watermark`: its end lies behind it.
    pub fn first_open(&self, watermark: Micros) -> Micros {
        self.first_start(watermark)
    }
}

/// The start of the stretch of `width` microseconds that contains `time`, where one of them starts at
/// `offset` from the epoch: a pane, or the last window of a slide.
pub fn start_of(time: Micros, width: Micros, offset: Micros) -> Micros {
    time.saturating_sub(time.saturating_sub(offset).rem_euclid(width))
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(size: &str, slide: &str) -> String {
        WindowSpec::parse(size, Some(slide), None).expect_err("refused").to_string()
    }

    #[test]
    fn windows_that_make_no_sense_are_refused() {
        assert!(refusal("10s", "20s").starts_with("the slide (20s) is longer than the window (10s)"));
        assert_eq!(refusal("10s", "0s"), "the slide must be longer than 0s");
        assert_eq!(refusal("0", "0s"), "the window must be longer than 0s");
        assert!(refusal("1 day", "1ms").contains("86400000 panes, 10000 at most"));
        assert!(refusal("10s", "-5s").contains("'-5s' is not a duration"));
    }

    proptest! {
        #[test]
        fn the_windows_of_a_time_are_those_that_contain_it(
            time in -1_000_000i64..1_000_000, size in 1i64..500, slide in 1i64..500, offset in 0i64..500,
        ) {
            prop_assume!(slide <= size);
            let window = WindowSpec::new(size, slide, offset).expect("fits");
            let contains = |start: i64| start <= time && time < start + size;
            let (first, last) = (window.first_start(time), window.last_start(time));
            prop_assert!(contains(first) && contains(last));
            prop_assert!(!contains(first - slide) && !contains(last + slide));
            let pane = start_of(time, window.pane, window.offset);
            prop_assert!(pane <= time && time < pane + window.pane);
            prop_assert_eq!((first - pane).rem_euclid(window.pane), 0);
            let open = window.first_open(time);
            prop_assert!(open + size > time && open + size - slide <= time);
        }
    }
}
