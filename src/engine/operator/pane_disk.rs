//! A pane whose groups go to the disk.

use super::frozen::Frozen;
use super::pane::{Held, Pane};
use super::spill::last_alike;
use datafusion::common::Result;
use std::collections::BTreeSet;

/// After so many spills of about one size what they wrote is merged.
const OFTEN: usize = 16;

impl Pane {
    /// Puts all that is in memory onto the disk.
    pub fn spill(&mut self, frozen: &mut Frozen) -> Result<()> {
        self.touched.spilled = self.touched.take_count();
        self.freeze(frozen)?;
        let places = match &self.held {
            Held::Batches(batches) => frozen.hashed(batches)?,
            Held::Groups(groups) => groups.by_key.iter().map(|entry| (entry.hash(), entry.value)).collect(),
        };
        if places.is_empty() {
            return Ok(());
        }
        let runs = frozen.spill(self.start, places)?;
        self.forget_held(frozen);
        self.runs.extend(runs);
        self.merge_runs(frozen)
    }

    /// Merges the last of what was spilled where that was often and about as much, so that a group does not have many
    /// rows there, and a row is written anew seldom: about as often as the rows of the pane double.
    fn merge_runs(&mut self, frozen: &mut Frozen) -> Result<()> {
        let spills = frozen.spills(&self.runs);
        let alike = last_alike(spills.iter().map(|(rows, _)| *rows));
        if alike < OFTEN {
            return Ok(());
        }
        let merged: BTreeSet<u32> = spills.into_iter().rev().take(alike).flat_map(|(_, runs)| runs).collect();
        let runs = frozen.merge_runs(self.start, &merged)?;
        for number in merged {
            self.runs.remove(&number);
            frozen.rows.remove(number);
        }
        self.runs.extend(runs);
        Ok(())
    }
}
