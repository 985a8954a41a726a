//! The watermark: how far event time is known to have come. A small pure struct; it never goes back.

use crate::clock::Micros;
use std::collections::BTreeMap;
use std::time::Duration;

/// Over what the watermark is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The minimum over the partitions that are not idle: reading a backlog drops nothing.
    #[default]
    Partitions,
    /// Spark's: the maximum over all that was seen.
    Spark,
}

/// What is known of one partition.
#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    /// The largest event time seen.
    newest: Option<Micros>,
    /// When its last record was read, by the clock.
    read_at: Micros,
    /// Whether everything that it holds was read.
    caught_up: bool,
}

/// The watermark of one topic: the largest event time seen minus a delay, by [`Policy`].
///
/// A partition is idle when it was read to its end and nothing came for the idle timeout, or never
/// anything at all. When all are idle the watermark goes on by the time that passes.
#[derive(Debug)]
pub struct Watermark {
    delay: Micros,
    idle_timeout: Option<Micros>,
    policy: Policy,
    partitions: BTreeMap<i32, Partition>,
    current: Option<Micros>,
    /// Since when all partitions are idle, and the watermark at that moment.
    all_idle: Option<(Micros, Micros)>,
}

impl Watermark {
    /// No watermark yet. Without an idle timeout, silent partitions hold it back for ever.
    pub fn new(delay: Duration, idle_timeout: Option<Duration>, policy: Policy) -> Self {
        let micros = |duration: Duration| duration.as_micros() as Micros;
        Self {
            delay: micros(delay),
            idle_timeout: idle_timeout.map(micros),
            policy,
            partitions: BTreeMap::new(),
            current: None,
            all_idle: None,
        }
    }

    /// The watermark as of the last [`Self::advance`].
    pub fn current(&self) -> Option<Micros> {
        self.current
    }

    /// Makes a partition known, which from now on is waited for until it is caught up.
    pub fn expect(&mut self, partition: i32) {
        self.partitions.entry(partition).or_default();
    }

    /// Says that records of a partition were read at `now`, of which the newest had event time `newest`.
    pub fn observe(&mut self, partition: i32, newest: Option<Micros>, now: Micros) {
        let known = self.partitions.entry(partition).or_default();
        known.newest = known.newest.max(newest);
        known.read_at = now;
        known.caught_up = false;
    }

    /// Says whether a partition was read to its end.
    pub fn caught_up(&mut self, partition: i32, caught_up: bool) {
        self.partitions.entry(partition).or_default().caught_up = caught_up;
    }

    /// Takes the watermark anew at `now`, and gives it.
    pub fn advance(&mut self, now: Micros) -> Option<Micros> {
        let reached = match self.policy {
            Policy::Spark => self.partitions.values().filter_map(|known| known.newest).max(),
            Policy::Partitions => self.slowest(now),
        };
        let reached = reached.map(|newest| newest.saturating_sub(self.delay));
        self.current = self.current.max(reached);
        self.current = self.current.max(self.moved_on(now));
        self.current
    }

    /// The minimum over the partitions that are not idle; `None` while one of them said nothing yet.
    fn slowest(&self, now: Micros) -> Option<Micros> {
        let active = self.partitions.values().filter(|known| !self.is_idle(known, now));
        let slowest = active.map(|known| known.newest).min();
        // All idle: the most that any of them reached, from where time goes on by itself.
        slowest.unwrap_or_else(|| self.partitions.values().filter_map(|known| known.newest).max())
    }

    fn is_idle(&self, known: &Partition, now: Micros) -> bool {
        let silent = |timeout| known.newest.is_none() || now.saturating_sub(known.read_at) >= timeout;
        known.caught_up && self.idle_timeout.is_some_and(silent)
    }

    /// Where the watermark came to by the time that passed since all partitions are idle.
    fn moved_on(&mut self, now: Micros) -> Option<Micros> {
        let idle = !self.partitions.is_empty()
            && self.partitions.values().all(|known| self.is_idle(known, now))
            && self.partitions.values().any(|known| known.newest.is_some());
        if !idle {
            self.all_idle = None;
            return None;
        }
        let (since, base) = *self.all_idle.get_or_insert((now, self.current?));
        Some(base.saturating_add(now.saturating_sub(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Micros = 1_000_000;

    fn watermark(policy: Policy) -> Watermark {
        let mut watermark = Watermark::new(Duration::from_secs(10), Some(Duration::from_secs(30)), policy);
        watermark.expect(0);
        watermark.expect(1);
        watermark
    }

    #[test]
    fn a_partition_that_said_nothing_yet_holds_it_back() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe(0, Some(100 * SECOND), 0);
        assert_eq!(watermark.advance(0), None);
        watermark.observe(1, Some(50 * SECOND), 0);
        assert_eq!(watermark.advance(0), Some(40 * SECOND));
    }

    #[test]
    fn an_empty_partition_does_not_hold_it_back() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe(0, Some(100 * SECOND), 0);
        watermark.caught_up(1, true);
        assert_eq!(watermark.advance(0), Some(90 * SECOND));
    }

    #[test]
    fn a_silent_partition_is_left_out_after_the_timeout() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe(0, Some(100 * SECOND), 0);
        watermark.observe(1, Some(50 * SECOND), 0);
        watermark.caught_up(1, true);
        assert_eq!(watermark.advance(29 * SECOND), Some(40 * SECOND));
        watermark.observe(0, Some(100 * SECOND), 30 * SECOND);
        assert_eq!(watermark.advance(30 * SECOND), Some(90 * SECOND));
    }

    #[test]
    fn when_all_are_idle_it_goes_on_with_time() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe(0, Some(100 * SECOND), 0);
        watermark.caught_up(0, true);
        watermark.caught_up(1, true);
        assert_eq!(watermark.advance(0), Some(90 * SECOND));
        assert_eq!(watermark.advance(30 * SECOND), Some(90 * SECOND));
        assert_eq!(watermark.advance(35 * SECOND), Some(95 * SECOND));
        watermark.observe(0, Some(101 * SECOND), 36 * SECOND);
        assert_eq!(watermark.advance(36 * SECOND), Some(95 * SECOND), "it never goes back");
    }

    #[test]
    fn spark_s_policy_takes_the_newest_of_all() {
        let mut watermark = watermark(Policy::Spark);
        watermark.observe(0, Some(100 * SECOND), 0);
        assert_eq!(watermark.advance(0), Some(90 * SECOND));
    }

    proptest! {
        #[test]
        fn it_never_goes_back(steps in prop::collection::vec((0i32..3, 0i64..1_000, 0i64..60, any::<bool>()), 1..50)) {
            let mut watermark = watermark(Policy::Partitions);
            let (mut now, mut last) = (0, None);
            for (partition, time, passed, caught_up) in steps {
                now += passed * SECOND;
                watermark.observe(partition, Some(time * SECOND), now);
                watermark.caught_up(partition, caught_up);
                let current = watermark.advance(now);
                prop_assert!(current >= last);
                last = current;
            }
        }
    }
}
