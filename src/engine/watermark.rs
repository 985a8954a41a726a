//! The watermark: how far event time is known to have come. A small pure struct; it never goes back.

use crate::clock::Micros;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Over what the watermark is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The minimum over the partitions that are not idle: reading a backlog drops nothing.
    #[default]
    Partitions,
    /// Spark's: the maximum over all that was seen of a topic, the minimum over topics.
    Spark,
    /// The clock, whatever the records say.
    Processing,
}

/// A partition that has more to give and gave nothing for so long, in microseconds, is not waited for.
const SILENCE: Micros = 30_000_000;

/// So many records say where a partition stands in event time.
const MANY: usize = 100;

/// What is known of one partition.
#[derive(Debug, Clone, Copy, Default)]
struct Partition {
    /// The largest event time seen.
    newest: Option<Micros>,
    /// When its last record was read, by the clock.
    read_at: Micros,
    /// Whether everything that it holds was read.
    caught_up: bool,
    /// The oldest of the last [`MANY`] records.
    stands: Option<Micros>,
    /// Records since then, and the oldest of them.
    records: usize,
    oldest: Option<Micros>,
}

/// A partition of a query's topics: the number of the topic in the query, and the partition's own.
pub type Lane = (usize, i32);

/// The watermark of a query: the largest event time seen minus a delay by topic, taken by [`Policy`].
///
/// A partition is idle when it was read to its end and nothing came for the idle timeout, or never
/// anything at all. When all are idle the watermark goes on by the time that passes.
#[derive(Debug)]
pub struct Watermark {
    delays: Vec<Micros>,
    idle_timeout: Option<Micros>,
    policy: Policy,
    partitions: BTreeMap<Lane, Partition>,
    current: Option<Micros>,
    /// Since when all partitions are idle, and the watermark at that moment.
    all_idle: Option<(Micros, Micros)>,
}

/// What a restart needs to know of a watermark.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Saved {
    /// The watermark.
    pub current: Option<Micros>,
    /// The largest event time seen of each partition.
    pub newest: Vec<(Lane, Micros)>,
}

impl Watermark {
    /// No watermark yet over topics with these delays. Without an idle timeout, silent partitions hold it
    /// back for ever.
    pub fn new(delays: &[Duration], idle_timeout: Option<Duration>, policy: Policy) -> Self {
        let micros = |duration: &Duration| duration.as_micros() as Micros;
        Self {
            delays: delays.iter().map(micros).collect(),
            idle_timeout: idle_timeout.as_ref().map(micros),
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
    pub fn expect(&mut self, lane: Lane) {
        self.partitions.entry(lane).or_default();
    }

    /// Says that records of a partition were read at `now`, of which the newest had event time `newest`.
    pub fn observe(&mut self, lane: Lane, newest: Option<Micros>, now: Micros) {
        let known = self.partitions.entry(lane).or_default();
        known.newest = known.newest.max(newest);
        known.read_at = now;
        known.caught_up = false;
    }

    /// Says whether a partition was read to its end.
    pub fn caught_up(&mut self, lane: Lane, caught_up: bool) {
        self.partitions.entry(lane).or_default().caught_up = caught_up;
    }

    /// Takes the watermark anew at `now`, and gives it.
    pub fn advance(&mut self, now: Micros) -> Option<Micros> {
        let reached = match self.policy {
            Policy::Partitions => self.slowest(now),
            Policy::Spark => self.slowest_topic(),
            Policy::Processing => Some(now),
        };
        self.current = self.current.max(reached);
        self.current = self.current.max(self.moved_on(now));
        self.current
    }

    /// Says that so many records of a partition were read, none of them older than `oldest`.
    pub fn passed(&mut self, lane: Lane, records: usize, oldest: Option<Micros>) {
        let known = self.partitions.entry(lane).or_default();
        known.records += records;
        known.oldest = known.oldest.into_iter().chain(oldest).min();
        if known.records >= MANY {
            known.stands = known.oldest.take();
            known.records = 0;
        }
    }

    /// The partitions that stand more than `most` behind what the slowest of those that give records has come to.
    ///
    /// Where one stands is the oldest of many records, so that no single time from a wrong clock makes it wait. One
    /// that was read to its end has nothing to be waited for, nor has one that gave nothing for a while, though it
    /// has more: its broker is away.
    pub fn ahead(&self, most: Micros, now: Micros) -> BTreeSet<Lane> {
        let gives = |known: &Partition| !known.caught_up && now.saturating_sub(known.read_at) < SILENCE;
        let giving = self.partitions.iter().filter(|(_, known)| gives(known));
        let slowest = giving.filter_map(|(lane, known)| self.reached(*lane, known)).min();
        let Some(most) = slowest.map(|slowest| slowest.saturating_add(most)) else { return BTreeSet::new() };
        let is_ahead = |(lane, known): &(&Lane, &Partition)| {
            known.stands.is_some_and(|stands| stands.saturating_sub(self.delay_of(**lane)) > most)
        };
        self.partitions.iter().filter(is_ahead).map(|(lane, _)| *lane).collect()
    }

    fn delay_of(&self, lane: Lane) -> Micros {
        self.delays.get(lane.0).copied().unwrap_or(0)
    }

    /// How far a partition has come: its newest time minus the topic's delay.
    fn reached(&self, lane: Lane, known: &Partition) -> Option<Micros> {
        Some(known.newest?.saturating_sub(self.delay_of(lane)))
    }

    /// The minimum over the partitions that are not idle; `None` while one of them said nothing yet.
    fn slowest(&self, now: Micros) -> Option<Micros> {
        let active = self.partitions.iter().filter(|(_, known)| !self.is_idle(known, now));
        let slowest = active.map(|(lane, known)| self.reached(*lane, known)).min();
        // All idle: the most that any of them reached, from where time goes on by itself.
        slowest.unwrap_or_else(|| self.partitions.iter().filter_map(|(lane, p)| self.reached(*lane, p)).max())
    }

    /// The minimum over the topics of their newest time; `None` while one of them said nothing yet.
    fn slowest_topic(&self) -> Option<Micros> {
        let newest = |topic| {
            let own = self.partitions.iter().filter(|((of, _), _)| *of == topic);
            own.filter_map(|(lane, known)| self.reached(*lane, known)).max()
        };
        (0..self.delays.len()).map(newest).min().flatten()
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

    /// What a restart needs.
    pub fn save(&self) -> Saved {
        let newest = self.partitions.iter().filter_map(|(lane, known)| Some((*lane, known.newest?)));
        Saved { current: self.current, newest: newest.collect() }
    }

    /// Goes on at `now` from what was saved.
    pub fn restore(&mut self, saved: Saved, now: Micros) {
        self.current = saved.current;
        for (lane, newest) in saved.newest {
            self.observe(lane, Some(newest), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Micros = 1_000_000;

    fn watermark(policy: Policy) -> Watermark {
        let mut watermark = Watermark::new(&[Duration::from_secs(10)], Some(Duration::from_secs(30)), policy);
        watermark.expect((0, 0));
        watermark.expect((0, 1));
        watermark
    }

    #[test]
    fn a_partition_that_said_nothing_yet_holds_it_back() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe((0, 0), Some(100 * SECOND), 0);
        assert_eq!(watermark.advance(0), None);
        watermark.observe((0, 1), Some(50 * SECOND), 0);
        assert_eq!(watermark.advance(0), Some(40 * SECOND));
    }

    #[test]
    fn an_empty_partition_does_not_hold_it_back() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe((0, 0), Some(100 * SECOND), 0);
        watermark.caught_up((0, 1), true);
        assert_eq!(watermark.advance(0), Some(90 * SECOND));
    }

    #[test]
    fn a_silent_partition_is_left_out_after_the_timeout() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe((0, 0), Some(100 * SECOND), 0);
        watermark.observe((0, 1), Some(50 * SECOND), 0);
        watermark.caught_up((0, 1), true);
        assert_eq!(watermark.advance(29 * SECOND), Some(40 * SECOND));
        watermark.observe((0, 0), Some(100 * SECOND), 30 * SECOND);
        assert_eq!(watermark.advance(30 * SECOND), Some(90 * SECOND));
    }

    #[test]
    fn when_all_are_idle_it_goes_on_with_time() {
        let mut watermark = watermark(Policy::Partitions);
        watermark.observe((0, 0), Some(100 * SECOND), 0);
        watermark.caught_up((0, 0), true);
        watermark.caught_up((0, 1), true);
        assert_eq!(watermark.advance(0), Some(90 * SECOND));
        assert_eq!(watermark.advance(30 * SECOND), Some(90 * SECOND));
        assert_eq!(watermark.advance(35 * SECOND), Some(95 * SECOND));
        watermark.observe((0, 0), Some(101 * SECOND), 36 * SECOND);
        assert_eq!(watermark.advance(36 * SECOND), Some(95 * SECOND), "it never goes back");
    }

    #[test]
    fn spark_s_policy_takes_the_newest_of_all() {
        let mut watermark = watermark(Policy::Spark);
        watermark.observe((0, 0), Some(100 * SECOND), 0);
        assert_eq!(watermark.advance(0), Some(90 * SECOND));
    }

    #[test]
    fn who_is_far_ahead_of_those_that_give_records_waits() {
        let mut watermark = watermark(Policy::Partitions);
        let ahead =
            |watermark: &Watermark, now| watermark.ahead(60 * SECOND, now).into_iter().collect::<Vec<_>>();
        watermark.observe((0, 0), Some(200 * SECOND), 0);
        watermark.passed((0, 0), 100, Some(100 * SECOND));
        assert_eq!(ahead(&watermark, 0), [], "nothing is known of the other one yet");
        watermark.observe((0, 1), Some(40 * SECOND), 0);
        assert_eq!(ahead(&watermark, 0), []);
        watermark.passed((0, 0), 99, Some(101 * SECOND));
        assert_eq!(ahead(&watermark, 0), [], "that is not enough to say where it stands");
        watermark.passed((0, 0), 1, None);
        assert_eq!(ahead(&watermark, 0), [(0, 0)]);
        assert_eq!(ahead(&watermark, 30 * SECOND), [], "the other one gave nothing for too long");
        watermark.observe((0, 1), Some(40 * SECOND), 30 * SECOND);
        assert_eq!(ahead(&watermark, 31 * SECOND), [(0, 0)], "who waits gives nothing either");
        watermark.caught_up((0, 1), true);
        assert_eq!(ahead(&watermark, 31 * SECOND), []);
    }

    proptest! {
        #[test]
        fn it_never_goes_back(steps in prop::collection::vec((0i32..3, 0i64..1_000, 0i64..60, any::<bool>()), 1..50)) {
            let mut watermark = watermark(Policy::Partitions);
            let (mut now, mut last) = (0, None);
            for (partition, time, passed, caught_up) in steps {
                now += passed * SECOND;
                watermark.observe((0, partition), Some(time * SECOND), now);
                watermark.caught_up((0, partition), caught_up);
                let current = watermark.advance(now);
                prop_assert!(current >= last);
                last = current;
            }
        }
    }
}
