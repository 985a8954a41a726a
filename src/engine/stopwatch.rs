//! Where the time of a batch goes.

use super::progress::Durations;
use crate::clock::{Clock, Micros};
use std::sync::Arc;
use std::time::Duration;

/// What a query does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for records, and taking them from the client.
    Fetch,
    /// Bytes to columns.
    Decode,
    /// The stages on records.
    Plan,
    /// The operators that keep state.
    State,
    /// The stages on what operators give.
    Result,
    /// Giving rows out, and dead letters.
    Sink,
    /// Measuring the quality of records.
    Quality,
    /// Keeping what a restart goes on from.
    Checkpoint,
    /// What is left: the watermark, positions.
    Other,
}

/// So many phases there are.
const PHASES: usize = Phase::Other as usize + 1;

/// Charges the time that passes to the phase that runs. It is looked at when a phase ends: a few times for
/// each chunk of records, never for a record.
pub struct Stopwatch {
    clock: Arc<dyn Clock>,
    phase: Phase,
    since: Micros,
    spent: [Micros; PHASES],
}

impl Stopwatch {
    /// Nothing was spent yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { since: clock.now(), clock, phase: Phase::Other, spent: [0; PHASES] }
    }

    /// A batch begins: what was spent before is forgotten. Gives the time.
    pub fn begin(&mut self) -> Micros {
        let now = self.enter(Phase::Other);
        self.spent = [0; PHASES];
        now
    }

    /// From now on time is spent on `phase`. Gives the time.
    pub fn enter(&mut self, phase: Phase) -> Micros {
        let now = self.clock.now();
        self.spent[self.phase as usize] += (now - self.since).max(0);
        (self.phase, self.since) = (phase, now);
        now
    }

    /// Says that `time` of what is spent on the phase that runs was spent on `other`.
    pub fn was_spent_on(&mut self, other: Phase, time: Duration) {
        let time = Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX);
        self.spent[self.phase as usize] -= time;
        self.spent[other as usize] += time;
    }

    /// What was spent since the batch began, up to the phase that runs.
    pub fn durations(&self) -> Durations {
        let millis = |phase: Phase| self.spent[phase as usize].max(0).unsigned_abs() / 1_000;
        Durations {
            fetch: millis(Phase::Fetch),
            decode: millis(Phase::Decode),
            plan: millis(Phase::Plan),
            state: millis(Phase::State),
            result: millis(Phase::Result),
            sink: millis(Phase::Sink),
            quality: Some(millis(Phase::Quality)).filter(|_| self.spent[Phase::Quality as usize] > 0),
            checkpoint: Some(millis(Phase::Checkpoint))
                .filter(|_| self.spent[Phase::Checkpoint as usize] > 0),
            trigger_execution: self.spent.iter().sum::<Micros>().max(0).unsigned_abs() / 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn time_is_charged_to_the_phase_that_runs() {
        let clock = Arc::new(ManualClock::at(1_000_000));
        let mut watch = Stopwatch::new(clock.clone());
        clock.set(5_000_000);
        assert_eq!(watch.begin(), 5_000_000);
        for (phase, until) in [
            (Phase::Decode, 5_010_000),
            (Phase::Plan, 5_010_600),
            (Phase::Decode, 5_030_600),
            (Phase::Plan, 5_031_000),
            (Phase::Sink, 5_034_000),
        ] {
            watch.enter(phase);
            clock.set(until);
            if until == 5_030_600 {
                watch.was_spent_on(Phase::Fetch, Duration::from_millis(12));
            }
        }
        watch.enter(Phase::Other);
        let expected = Durations {
            fetch: 12,
            decode: 18,
            plan: 1,
            sink: 3,
            trigger_execution: 34,
            ..Durations::default()
        };
        assert_eq!(watch.durations(), expected, "parts of a millisecond add up");
        watch.begin();
        assert_eq!(watch.durations(), Durations::default());
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_away() {
        let clock = Arc::new(ManualClock::at(10_000_000));
        let mut watch = Stopwatch::new(clock.clone());
        watch.begin();
        clock.set(3_000_000);
        watch.enter(Phase::Sink);
        assert_eq!(watch.durations(), Durations::default());
    }
}
