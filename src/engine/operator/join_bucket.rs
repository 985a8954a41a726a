//! A stretch of time of one side of a join: its rows, their index by key, and which of them matched.

use super::join_index::Index;
use super::join_side::Arrived;
use super::numbered_rows::OnDisk;
use super::spill::{Disk, RUN, Run};
use super::state_rows::owned;
use crate::clock::Micros;
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute;
use datafusion::common::{Result, exec_err};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

/// Batches larger than this are not merged with later ones.
const LARGE: usize = 4 << 20;

/// Rows of one side, numbered in the order in which they came.
#[derive(Default)]
pub struct Bucket {
    /// The first ones, where memory is not to hold them.
    on_disk: OnDisk,
    /// The others.
    batches: Vec<RecordBatch>,
    /// The number of each batch's first row.
    firsts: Vec<usize>,
    index: Index,
    /// Whether each row matched; empty where nobody asks.
    matched: Vec<bool>,
    /// Which rows matched since the last snapshot.
    newly_matched: Vec<u32>,
    /// How many rows a snapshot has already given.
    saved: usize,
    /// The rows that are not dead yet, the oldest first, from when the first of them dies.
    living: Option<BinaryHeap<Reverse<(Micros, u32)>>>,
}

impl Bucket {
    /// How many rows are kept for what may still come.
    pub fn len(&self) -> usize {
        self.living.as_ref().map_or(self.index.len(), BinaryHeap::len)
    }

    /// About what the rows in memory take, in bytes.
    pub fn held(&self) -> usize {
        self.batches.iter().map(RecordBatch::get_array_memory_size).sum()
    }

    /// About what all takes in memory, in bytes.
    pub fn memory(&self) -> usize {
        let living = self.living.as_ref().map_or(0, BinaryHeap::capacity);
        self.held()
            + self.matched.capacity()
            + living * size_of::<Reverse<(Micros, u32)>>()
            + self.index.memory()
    }

    /// Adds the rows of `arrived` at `positions`, copied; `matched` says which of all that arrived matched.
    pub fn add(&mut self, arrived: &Arrived, positions: Vec<u32>, matched: Option<&[bool]>) -> Result<()> {
        for position in positions.iter().map(|position| *position as usize) {
            let row = self.index.len() as u32;
            self.index.add(arrived.times[position], arrived.key(position));
            if let Some(living) = &mut self.living {
                living.push(Reverse((arrived.times[position], row)));
            }
            if let Some(matched) = matched {
                self.matched.push(matched[position]);
                self.newly_matched.extend(matched[position].then_some(row));
            }
        }
        let rows = compute::take_record_batch(&arrived.rows, &UInt32Array::from(positions))?;
        self.append(owned(rows)?)
    }

    /// Appends a batch. Small ones are merged so that there are few, and each row is copied seldom.
    fn append(&mut self, rows: RecordBatch) -> Result<()> {
        let mut rows = rows;
        while let Some(last) = self.batches.pop_if(|last| {
            last.num_rows() <= 2 * rows.num_rows()
                && last.get_array_memory_size() + rows.get_array_memory_size() <= LARGE
        }) {
            self.firsts.pop();
            rows = compute::concat_batches(last.schema_ref(), [&last, &rows])?;
        }
        self.firsts.push(self.index.len() - rows.num_rows());
        self.batches.push(rows);
        Ok(())
    }

    /// The rows by key.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The rows that are on the disk.
    pub fn on_disk(&self) -> &OnDisk {
        &self.on_disk
    }

    /// Puts all rows onto the disk. A snapshot gives whole runs, so a run has no rows that one has already given
    /// beside others.
    pub fn spill(&mut self, disk: &mut Disk) -> Result<()> {
        let (first, all) = (self.on_disk.len(), self.index.len());
        let saved = self.saved.max(first);
        for rows in [first..saved, saved..all] {
            let rows = self.slices(rows);
            self.on_disk.add(disk, RUN, rows)?;
        }
        self.batches.clear();
        self.firsts.clear();
        Ok(())
    }

    /// The batches in memory, in which [`Self::place`] finds rows.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// In which batch a row is, and where in it.
    pub fn place(&self, row: u32) -> (usize, usize) {
        let batch = self.firsts.partition_point(|first| *first <= row as usize) - 1;
        (batch, row as usize - self.firsts[batch])
    }

    /// Notes that a row matched.
    pub fn mark(&mut self, row: u32) {
        if let Some(matched) = self.matched.get_mut(row as usize)
            && !*matched
        {
            *matched = true;
            self.newly_matched.push(row);
        }
    }

    /// Lets the rows die that are older than `dead_before`; gives those that never matched.
    pub fn expire(&mut self, dead_before: Micros) -> Vec<u32> {
        let mut living = self.living.take().unwrap_or_else(|| self.all().collect());
        let mut unmatched = Vec::new();
        while let Some(Reverse((time, row))) = living.peek()
            && *time < dead_before
        {
            unmatched.extend((!self.matched[*row as usize]).then_some(*row));
            living.pop();
        }
        self.living = Some(living);
        unmatched
    }

    /// Lets all rows die; gives those that never matched.
    pub fn expire_all(&mut self) -> Vec<u32> {
        let living = self.living.take().map_or_else(|| self.all().collect(), BinaryHeap::into_vec);
        let rows = living.into_iter().map(|Reverse((_, row))| row);
        rows.filter(|row| !self.matched[*row as usize]).collect()
    }

    fn all(&self) -> impl Iterator<Item = Reverse<(Micros, u32)>> + '_ {
        self.index.times().zip(0u32..).map(Reverse)
    }

    /// The rows that no snapshot gave yet: those on the disk, and those behind them.
    pub fn save(&mut self) -> (Vec<Arc<Run>>, Vec<RecordBatch>) {
        let (saved, all) = (self.saved, self.index.len());
        self.saved = all;
        (self.on_disk.since(saved).cloned().collect(), self.slices(saved..all))
    }

    /// Some of the rows in memory.
    fn slices(&self, rows: Range<usize>) -> Vec<RecordBatch> {
        let slice = |(batch, first): (&RecordBatch, &usize)| {
            let start = rows.start.saturating_sub(*first).min(batch.num_rows());
            let end = rows.end.saturating_sub(*first).min(batch.num_rows());
            (start < end).then(|| batch.slice(start, end - start))
        };
        self.batches.iter().zip(&self.firsts).filter_map(slice).collect()
    }

    /// Whether a snapshot gave rows of this bucket.
    pub fn is_saved(&self) -> bool {
        self.saved > 0
    }

    /// The rows that matched since the last snapshot.
    pub fn save_matched(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.newly_matched)
    }

    /// Marks what a snapshot gave as matched.
    pub fn restore_matched(&mut self, rows: &[u32]) -> Result<()> {
        if rows.iter().any(|row| *row as usize >= self.matched.len()) {
            return exec_err!("the saved state of a join names rows that it does not have");
        }
        rows.iter().for_each(|row| self.matched[*row as usize] = true);
        Ok(())
    }

    /// Says that everything is in a snapshot, because it came from one.
    pub fn all_saved(&mut self) {
        self.saved = self.index.len();
        self.newly_matched.clear();
    }
}
