//! Rows of state that stand on the disk, and how batches get there.

use super::numbered_rows::{OnDisk, Read};
use super::spill::{Disk, Run};
use super::state_rows::{Place, StateRows};
use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rows of a batch.
#[derive(Debug)]
pub enum Rows {
    /// In memory.
    Held(RecordBatch),
    /// On the disk, in one run, those with them that are out of use: each has its place still.
    OnDisk(OnDisk),
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Held(rows) => rows.num_rows(),
            Self::OnDisk(rows) => rows.len(),
        }
    }
}

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
        self.stays += run.stays();
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

    /// What stays in memory of what is on the disk, in bytes. O(1).
    pub fn stays(&self) -> usize {
        self.stays
    }

    /// The places of the rows in use, by batch in memory.
    pub fn places(&self) -> impl Iterator<Item = (u32, Vec<Place>)> {
        self.batches.iter().map(|(number, kept)| {
            let rows = kept.in_use().into_iter();
            (*number, rows.map(|row| (*number, row)).collect())
        })
    }

    /// Puts all batches in memory onto the disk. Their rows keep their places.
    pub fn spill(&mut self, disk: &mut Disk) -> Result<()> {
        for kept in self.batches.values_mut() {
            let Rows::Held(rows) = &kept.rows else { continue };
            let mut on_disk = OnDisk::default();
            on_disk.add(disk, usize::MAX, [rows.clone()])?;
            self.memory -= get_record_batch_memory_size(rows);
            self.spilled += on_disk.bytes();
            kept.rows = Rows::OnDisk(on_disk);
        }
        Ok(())
    }

    /// A batch as it was added, wherever it is.
    pub fn load(&self, number: u32) -> Result<Option<RecordBatch>> {
        match self.batches.get(&number).map(|kept| &kept.rows) {
            Some(Rows::OnDisk(rows)) => Ok(Some(rows.read((0..rows.len() as u32).collect())?.rows)),
            _ => Ok(self.batch(number).cloned()),
        }
    }

    /// Those of the rows at some places that are on the disk, by batch.
    pub(super) fn read(&self, places: &[Place]) -> Result<BTreeMap<u32, Read>> {
        let mut wanted: BTreeMap<u32, (&OnDisk, Vec<u32>)> = BTreeMap::new();
        for same in places.chunk_by(|a, b| a.0 == b.0).filter(|_| self.spilled > 0) {
            let number = same[0].0;
            if let Some(Rows::OnDisk(on_disk)) = self.batches.get(&number).map(|kept| &kept.rows) {
                let (_, rows) = wanted.entry(number).or_insert_with(|| (on_disk, vec![]));
                rows.extend(same.iter().map(|(_, row)| *row));
            }
        }
        wanted.into_iter().map(|(number, (on_disk, rows))| Ok((number, on_disk.read(rows)?))).collect()
    }
}
