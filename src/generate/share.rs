//! A share of all, as people write it: `5%`, `0.05`.

use super::dice::Dice;
use crate::{Error, Result};

/// A share from none to all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share(f64);

const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

impl Share {
    /// A share of 1; none where it is below 0, above 1, or no number.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// Reads `5%`, `0.5 %` or `0.05`.
    ///
    /// # Errors
    /// A usage error that shows the accepted forms.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::usage(format!("'{text}' is no share of all")).hint("write 5%, 0.5% or 0.05, at most 100%")
        };
        let (number, unit) = match text.trim().strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (text.trim(), 1.0),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        Self::new(number / unit).ok_or_else(wrong)
    }

    /// The share of 1.
    pub fn of_one(self) -> f64 {
        self.0
    }

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self.0 == 0.0
    }

    /// Throws the dice: true for this share of all throws.
    pub fn meets(self, dice: &mut Dice) -> bool {
        // All is below 2^64, so the conversion stops at the largest number.
        !self.is_none() && dice.bits() <= (self.0 * TWO_TO_64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        for (text, share) in [("5%", 0.05), ("0.5 %", 0.005), ("0.05", 0.05), ("0", 0.0), ("100%", 1.0)] {
            assert_eq!(Share::parse(text).map(Share::of_one), Ok(share), "{text}");
        }
        for text in ["", "%", "5", "-1%", "101%", "NaN", "inf", "five"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }
}
