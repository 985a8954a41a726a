//! Rows of state that stand on the disk, and how batches get there.

use super::spill::Run;
use super::state_rows::{Place, StateRows};
use std::sync::Arc;

impl StateRows {
    /// Adds rows on the disk; gives the number of their batch.
    pub fn add_run(&mut self, run: Run) -> u32 {
        let number = self.take_number();
        self.insert_run(number, run);
        number
    }

    fn insert_run(&mut self, number: u32, run: Run) {
        self.live += run.rows;
        self.spilled += run.bytes;
        self.runs.insert(number, Arc::new(run));
    }

    /// Puts a batch of memory onto the disk; `run` are its rows that are in use. Where that is all of it, it keeps its
    /// number, and a snapshot need not give it again. Where some are not in use, no group has rows in several batches, and
    /// their order does not matter.
    pub fn replace(&mut self, number: u32, run: Run) {
        if self.batches.get(&number).is_some_and(|kept| kept.dead.is_empty()) {
            self.forget(number);
            self.insert_run(number, run);
        } else {
            self.remove(number);
            self.add_run(run);
        }
    }

    /// A batch on the disk.
    pub fn run(&self, number: u32) -> Option<&Arc<Run>> {
        self.runs.get(&number)
    }

    /// All batches on the disk.
    pub fn runs(&self) -> impl Iterator<Item = (u32, &Arc<Run>)> {
        self.runs.iter().map(|(number, run)| (*number, run))
    }

    /// What is on the disk, in bytes. O(1).
    pub fn spilled(&self) -> usize {
        self.spilled
    }

    /// The places of the rows in use, by batch in memory.
    pub fn places(&self) -> impl Iterator<Item = (u32, Vec<Place>)> {
        self.batches.iter().map(|(number, kept)| {
            let rows = kept.in_use().into_iter();
            (*number, rows.map(|row| (*number, row)).collect())
        })
    }
}
