//! Answers that are not the last word yet: a broker that begins to lead partitions, or to look after groups, first has to
//! learn of it, and of what was kept of them.

use super::admin::code_of;
use crate::clock::{Micros, Stop, Timer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// How long is waited before the same is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until the answer is no longer `open`, or `patience` has ended; the last answer.
pub fn settled<T>(
    timer: &dyn Timer,
    patience: Duration,
    mut ask: impl FnMut() -> T,
    open: impl Fn(&T) -> bool,
) -> T {
    let until = timer.now().saturating_add(patience.as_micros() as Micros);
    loop {
        let answer = ask();
        if !open(&answer) || timer.now() >= until {
            return answer;
        }
        timer.wait(PAUSE, &Stop::default());
    }
}

/// Whether a broker says that it does not look after a group yet, or no longer.
pub fn has_no_coordinator(error: &KafkaError) -> bool {
    code_of(error).is_some_and(says_no_coordinator)
}

/// The same of a code.
pub fn says_no_coordinator(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    matches!(code, CoordinatorLoadInProgress | CoordinatorNotAvailable | NotCoordinator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    /// How often is asked until an answer is `settled`, and what it is.
    fn asked(settled_at: usize) -> (usize, bool) {
        let mut rounds = 0;
        let ask = || {
            rounds += 1;
            rounds == settled_at
        };
        let answer = settled(&ManualClock::default(), Duration::from_secs(1), ask, |answer| !answer);
        (rounds, answer)
    }

    #[test]
    fn the_same_is_asked_until_it_is_settled_or_patience_ends() {
        assert_eq!(asked(1), (1, true));
        assert_eq!(asked(3), (3, true));
        assert_eq!(asked(usize::MAX), (21, false));
    }
}
