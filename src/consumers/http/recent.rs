//! What is told to everybody who asks within a while, so that many cost what one does.

use crate::clock::Micros;
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A text, and when it was made.
pub struct Recent {
    /// It is not told when it is this old.
    age: Duration,
    last: Mutex<Option<(Micros, Bytes)>>,
}

impl Recent {
    /// Of a text that is made anew when it is this old.
    pub fn new(age: Duration) -> Self {
        Self { age, last: Mutex::default() }
    }

    /// The text of now, or one that is not too old.
    pub fn text(&self, now: Micros, make: impl FnOnce() -> String) -> Bytes {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = 0..self.age.as_micros() as Micros;
        let is_fresh = |(made, _): &&(Micros, Bytes)| fresh.contains(&now.saturating_sub(*made));
        if let Some((_, text)) = last.as_ref().filter(is_fresh) {
            return text.clone();
        }
        last.insert((now, Bytes::from(make()))).1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once_in_its_age() {
        let (recent, age) = (Recent::new(Duration::from_secs(1)), 1_000_000);
        let text = |now, made: &str| recent.text(now, || made.into());
        assert_eq!(text(5 * age, "first"), "first");
        assert_eq!(text(6 * age - 1, "not made"), "first");
        assert_eq!(text(6 * age, "second"), "second");
        assert_eq!(text(age, "of a clock that was set back"), "of a clock that was set back");
    }
}
