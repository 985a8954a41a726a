//! What is told to everybody who asks within a tick, so that many cost what one does.

use crate::clock::Micros;
use crate::consumers::supervisor::TICK;
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};

/// A text, and when it was made.
#[derive(Default)]
pub struct Recent(Mutex<Option<(Micros, Bytes)>>);

impl Recent {
    /// The text of now, or that of less than a tick ago.
    pub fn text(&self, now: Micros, make: impl FnOnce() -> String) -> Bytes {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = 0..TICK.as_micros() as Micros;
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
    fn a_text_is_made_once_a_tick() {
        let (recent, tick) = (Recent::default(), TICK.as_micros() as Micros);
        let text = |now, made: &str| recent.text(now, || made.into());
        assert_eq!(text(5 * tick, "first"), "first");
        assert_eq!(text(6 * tick - 1, "not made"), "first");
        assert_eq!(text(6 * tick, "second"), "second");
        assert_eq!(text(tick, "of a clock that was set back"), "of a clock that was set back");
    }
}
