//! The ways in which the same records come: sizes of batches, order of partitions, stops.

use super::case::Case;
use super::records::{Record, Topical};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// So often a query is killed.
const KILLS: u64 = 12;

/// How records come.
#[derive(Debug, Clone)]
pub struct Way {
    /// The sizes of reads, in turn, again and again; a topic has a turn of its own.
    reads: Reads,
    /// Whether partitions are mixed anew, and with which dice.
    mixed: Option<u64>,
    /// Where the query is stopped and restored.
    stop: Option<Stop>,
    /// Whether it is killed again and again, and goes on from its checkpoint, and by which dice.
    killed: Option<u64>,
    /// Whether no state may stay in memory, where it need not.
    spilled: bool,
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    /// After so many batches of those that the case lists.
    Batches(usize),
    /// After so many thousandths of each topic's records.
    Thousandths(u64),
}

#[derive(Debug, Clone)]
enum Reads {
    Everything,
    Of(usize),
    Listed(BTreeMap<String, Vec<usize>>),
    Random(u64),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reads {
            Reads::Everything => f.write_str("one batch")?,
            Reads::Of(size) => write!(f, "batches of {size}")?,
            Reads::Listed(sizes) => write!(f, "batches of {sizes:?}")?,
            Reads::Random(seed) => write!(f, "random batches (seed {seed})")?,
        }
        if let Some(seed) = self.mixed {
            write!(f, ", partitions mixed (seed {seed})")?;
        }
        if let Some(at) = self.stop {
            write!(f, ", restored after {at:?}")?;
        }
        if let Some(seed) = self.killed {
            write!(f, ", killed (seed {seed})")?;
        }
        f.write_str(if self.spilled { ", state on the disk" } else { "" })
    }
}

/// All ways of a case.
pub fn all(case: &Case) -> Vec<Way> {
    let way = |reads, mixed, stop| Way { reads, mixed, stop, killed: None, spilled: false };
    if let Some(sizes) = &case.settings.batches {
        let count = sizes.values().map(Vec::len).max().unwrap_or_default();
        let restored = |after| way(Reads::Listed(sizes.clone()), None, Some(Stop::Batches(after)));
        let killed = seeds(case)
            .map(|seed| Way { killed: Some(seed), ..way(Reads::Listed(sizes.clone()), None, None) });
        let spilled = killed.clone().map(|way| Way { spilled: true, ..way });
        return (1..count).map(restored).chain(killed).chain(spilled).collect();
    }
    let mut ways = vec![way(Reads::Of(1), None, None), way(Reads::Of(7), None, None)];
    for seed in seeds(case) {
        let mut dice = Dice(seed);
        ways.push(way(Reads::Random(seed), None, None));
        ways.push(way(Reads::Random(seed), Some(seed), None));
        ways.push(way(Reads::Random(seed), Some(seed), Some(Stop::Thousandths(dice.below(1_000)))));
        ways.push(way(Reads::Everything, Some(seed), Some(Stop::Thousandths(dice.below(1_000)))));
        ways.push(Way { killed: Some(seed), ..way(Reads::Random(seed), Some(seed), None) });
        ways.push(Way { spilled: true, ..way(Reads::Random(seed), Some(seed), None) });
        ways.push(Way {
            killed: Some(seed),
            spilled: true,
            ..way(Reads::Random(seed + 1), Some(seed), None)
        });
    }
    ways
}

/// One by default, another for each case; a long run (ECAP_TEST_CASES) has one for each hundred, 20 at most.
fn seeds(case: &Case) -> std::ops::Range<u64> {
    let count = std::env::var("ECAP_TEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let first: u64 = case.name.bytes().map(u64::from).sum();
    first..first + count.map_or(1, |count: u64| (count / 100).clamp(1, 20))
}

impl Way {
    /// In one batch, or in the batches that the case lists.
    pub fn straight(case: &Case) -> Self {
        let reads = case.settings.batches.clone().map_or(Reads::Everything, Reads::Listed);
        Self { reads, mixed: None, stop: None, killed: None, spilled: false }
    }

    /// Whether no state may stay in memory, where it need not.
    pub fn is_spilled(&self) -> bool {
        self.spilled
    }

    /// Whether the query goes on from a checkpoint.
    pub fn is_restored(&self) -> bool {
        self.stop.is_some() || self.killed.is_some()
    }

    /// After how many steps it is killed, one life after the other; the last one is not killed.
    pub fn kills(&self) -> Option<impl Iterator<Item = u64> + use<>> {
        let mut dice = Dice(self.killed?);
        Some((0..KILLS).map(move |_| 1 + dice.below(40)))
    }

    /// The records in the order in which they arrive: within a partition always the same.
    pub fn arrivals(&self, topic: &Topical) -> Vec<Record> {
        let Some(seed) = self.mixed else { return topic.records.clone() };
        let mut partitions: BTreeMap<i32, VecDeque<Record>> = BTreeMap::new();
        for record in &topic.records {
            partitions.entry(record.partition).or_default().push_back(record.clone());
        }
        let (mut queues, mut dice) = (partitions.into_values().collect::<Vec<_>>(), Dice(seed));
        let mut mixed = Vec::new();
        while !queues.is_empty() {
            let chosen = dice.below(queues.len() as u64) as usize;
            mixed.extend(queues[chosen].pop_front());
            queues.retain(|queue| !queue.is_empty());
        }
        mixed
    }

    /// How many of a topic's records come before the query is stopped; nothing where it is not.
    pub fn before_stop(&self, topic: &Topical) -> Option<usize> {
        let records = topic.records.len();
        match (self.stop?, &self.reads) {
            (Stop::Batches(count), Reads::Listed(sizes)) => {
                let listed = sizes.get(&topic.topic.name);
                Some(listed.map_or(records, |sizes| sizes.iter().take(count).sum()))
            }
            (Stop::Batches(_), _) => None,
            (Stop::Thousandths(part), _) => Some(records * part as usize / 1_000),
        }
    }

    /// The sizes of the reads of a topic, of which `already` records were read before.
    pub fn reads(&self, topic: &Topical, already: usize) -> Vec<usize> {
        let records = topic.records.len();
        match &self.reads {
            Reads::Everything => vec![records.max(1)],
            Reads::Of(size) => vec![*size],
            Reads::Listed(sizes) => {
                let mut sizes = sizes.get(&topic.topic.name).cloned().unwrap_or_else(|| vec![records]);
                let mut rest = already;
                while rest > 0 {
                    rest -= sizes.remove(0);
                }
                // Nothing comes behind the last batch; a turn of nothing would start again at the first.
                sizes.extend([0; 100]);
                sizes
            }
            Reads::Random(seed) => {
                let mut dice = Dice(seed * 31 + topic.topic.name.len() as u64);
                let widest = 1 + dice.below(records as u64 / 2 + 2);
                (0..97).map(|_| dice.below(widest + 1) as usize).chain([1]).collect()
            }
        }
    }
}

/// Small dice that give the same numbers for the same seed (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % limit
    }
}
