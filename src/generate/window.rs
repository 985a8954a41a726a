//! Windows in which a truth file adds records up.

use crate::clock::Micros;
use crate::units::{format_duration, parse_duration};
use crate::{Error, Result};
use std::time::Duration;

/// Windows in which records are added up: half open, aligned to the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How long it is.
    pub size: Micros,
    slide: Micros,
}

impl Window {
    /// Reads `1m`, or `5m/1m` for windows of five minutes, one every minute.
    ///
    /// # Errors
    /// A usage error that shows the accepted forms.
    pub fn parse(text: &str) -> Result<Self> {
        let (size, slide) = text.split_once('/').unwrap_or((text, text));
        let [size, slide] =
            [size, slide].map(|part| parse_duration(part).map(|time| time.as_micros() as Micros));
        let (size, slide) = (size?, slide?);
        if slide <= 0 || size < slide || size / slide > 10_000 {
            return Err(Error::usage(format!("'{text}' are no windows"))
                .hint("write 1m, or 5m/1m for windows of five minutes, one every minute"));
        }
        Ok(Self { size, slide })
    }

    /// Where the windows begin that contain a time, the latest first.
    pub fn starts(self, time: Micros) -> impl Iterator<Item = Micros> {
        let latest = time - time.rem_euclid(self.slide);
        let starts = (0..).map(move |back| latest - back * self.slide);
        starts.take_while(move |start| start + self.size > time)
    }

    /// As it was asked for.
    pub fn name(self) -> String {
        let [size, slide] =
            [self.size, self.slide].map(|time| format_duration(Duration::from_micros(time as u64)));
        if size == slide { size } else { format!("{size}/{slide}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_contain_their_times() -> Result<()> {
        let window = Window::parse("5m/2m")?;
        assert_eq!(window.name(), "5m/2m");
        let minutes = |time: Micros| window.starts(time * 60_000_000).map(|start| start / 60_000_000);
        assert_eq!(minutes(6).collect::<Vec<_>>(), [6, 4, 2]);
        assert_eq!(minutes(7).collect::<Vec<_>>(), [6, 4]);
        assert_eq!(Window::parse("1m")?.name(), "1m");
        for text in ["", "0s", "1m/0s", "1m/2m", "1d/1ms", "1m/1m/1m"] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
        Ok(())
    }
}
