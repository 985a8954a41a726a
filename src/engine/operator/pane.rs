//! A pane: a stretch of time in which every record is in the same windows.

use super::Part;
use super::groups::Groups;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use arrow::array::RecordBatch;
use datafusion::common::Result;

/// So many frozen batches are merged into one.
const MANY: usize = 8;

/// The partial aggregates of a pane: a live part that takes rows, and frozen batches that do not change.
#[derive(Default)]
pub struct Pane {
    live: Option<Groups>,
    frozen: Vec<RecordBatch>,
    /// How many of the frozen batches a snapshot has already given.
    saved: usize,
    /// Whether the frozen batches hold again what an earlier snapshot gave.
    rewritten: bool,
}

impl Pane {
    /// Adds what a snapshot kept, or puts it in the place of what the snapshots before it kept.
    pub fn restore(&mut self, saved: Part) {
        if saved.replaces {
            self.frozen.clear();
        }
        self.frozen.extend(saved.rows);
        self.saved = self.frozen.len();
    }

    /// Aggregates rows of this pane.
    pub fn update(&mut self, spec: &AggregateSpec, rows: &Evaluated) -> Result<()> {
        let live = match &mut self.live {
            Some(live) => live,
            none => none.insert(Groups::new(spec)?),
        };
        if !spec.sorted_input {
            return live.update(rows);
        }
        let mut alone = Groups::new(spec)?;
        alone.update(rows)?;
        live.merge(spec, &alone.take_state(spec)?)
    }

    /// Turns the live part into a frozen batch, and gives it: what changed since the last freeze.
    pub fn freeze(&mut self, spec: &AggregateSpec) -> Result<Option<RecordBatch>> {
        let Some(mut live) = self.live.take().filter(|live| !live.is_empty()) else { return Ok(None) };
        let state = live.take_state(spec)?;
        self.frozen.push(state.clone());
        Ok(Some(state))
    }

    /// Merges the frozen batches into one when there are many.
    pub fn compact(&mut self, spec: &AggregateSpec) -> Result<()> {
        if self.frozen.len() < MANY {
            return Ok(());
        }
        let mut merged = Groups::new(spec)?;
        for state in self.frozen.drain(..) {
            merged.merge(spec, &state)?;
        }
        self.frozen.push(merged.take_state(spec)?);
        self.rewritten |= self.saved > 0;
        self.saved = 0;
        Ok(())
    }

    /// The live part itself, if nothing is frozen: then there is nothing to merge.
    pub fn take_live(&mut self) -> Option<Groups> {
        if self.frozen.is_empty() { self.live.take() } else { None }
    }

    /// The frozen batches.
    pub fn frozen(&self) -> &[RecordBatch] {
        &self.frozen
    }

    /// What no snapshot gave yet, if there is anything, as the part called `key`.
    pub fn save(&mut self, key: i64) -> Option<Part> {
        let rows = self.frozen[self.saved..].to_vec();
        self.saved = self.frozen.len();
        let replaces = std::mem::take(&mut self.rewritten);
        (!rows.is_empty()).then_some(Part { key, replaces, rows })
    }

    /// How many groups there are, those of frozen batches counted once each.
    pub fn groups(&self) -> usize {
        let frozen: usize = self.frozen.iter().map(RecordBatch::num_rows).sum();
        frozen + self.live.as_ref().map_or(0, Groups::len)
    }
}
