//! What a consumer counted since the process began.

use crate::engine::progress::{Durations, Progress};
use std::collections::BTreeMap;

/// Upper bounds of the times that batches are counted by, in milliseconds.
pub const BOUNDS: [u64; 12] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];

/// What a consumer counted since the process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches.
    pub batches: u64,
    /// Records read, the refused ones with them.
    pub read: u64,
    /// Records refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Late records.
    pub late: u64,
    /// Rows given out.
    pub rows: u64,
    /// Batches that a sink did not take, and was given again.
    pub sink_retries: u64,
    /// Batches that took no longer than each of [`BOUNDS`] and longer than the one before it.
    pub within: [u64; BOUNDS.len()],
    /// Milliseconds that batches took together.
    pub millis: u64,
    /// Milliseconds of their phases together.
    pub phases: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Adds a batch.
    pub fn add(&mut self, report: &Progress) {
        self.batches += 1;
        self.read += report.num_input_rows;
        for (reason, count) in &report.rejected {
            *self.rejected.entry(reason.clone()).or_default() += count;
        }
        self.late += report.sources.iter().flat_map(|source| source.late_by_partition.values()).sum::<u64>();
        self.rows += report.sink.num_output_rows;
        let took = report.duration_ms.trigger_execution;
        if let Some(count) = BOUNDS.iter().zip(&mut self.within).find(|(bound, _)| took <= **bound) {
            *count.1 += 1;
        }
        self.millis += took;
        for (phase, millis) in phases(&report.duration_ms) {
            *self.phases.entry(phase).or_default() += millis;
        }
    }
}

/// The phases of a batch, as its report names them.
fn phases(took: &Durations) -> impl Iterator<Item = (&'static str, u64)> {
    let always = [
        ("fetch", took.fetch),
        ("decode", took.decode),
        ("plan", took.plan),
        ("state", took.state),
        ("result", took.result),
        ("sink", took.sink),
    ];
    let sometimes = [("quality", took.quality), ("checkpoint", took.checkpoint)];
    always.into_iter().chain(sometimes.into_iter().filter_map(|(phase, millis)| Some((phase, millis?))))
}
