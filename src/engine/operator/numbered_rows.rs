//! Rows on the disk that are found by their numbers: what finds them by their keys stays in memory.

use super::ours;
use super::spill::{Disk, Hashes, Run};
use super::state_rows::owned;
use crate::query::error::of_running;
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use datafusion::common::{Result, internal_datafusion_err};
use std::ops::Range;
use std::sync::Arc;

/// So many rows are in a block: few, as one that is looked for brings its block with it.
const BLOCK: usize = 256;

/// Rows in the order in which they came. The runs have the numbers of rows where others have hashes of keys.
#[derive(Debug, Default)]
pub struct OnDisk {
    runs: Vec<Arc<Run>>,
    rows: usize,
}

/// Some of them, read.
pub struct Read {
    numbers: Vec<u32>,
    /// The rows.
    pub rows: RecordBatch,
}

impl Read {
    /// Where a row is of which it is known that it was read.
    pub fn position(&self, number: u32) -> usize {
        self.numbers.partition_point(|read| *read < number)
    }
}

impl OnDisk {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// What they take on the disk, in bytes.
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// Adds rows behind those that are there, in runs of their own, of about `most` bytes.
    pub fn add(
        &mut self,
        disk: &mut Disk,
        most: usize,
        rows: impl IntoIterator<Item = RecordBatch>,
    ) -> Result<()> {
        let pieces = rows.into_iter().flat_map(|rows| {
            let count = rows.num_rows();
            let starts = (0..count).step_by(BLOCK);
            starts.map(move |start| rows.slice(start, BLOCK.min(count - start)))
        });
        let next = &mut self.rows;
        let blocks = pieces.map(|rows| {
            let first = *next as u64;
            *next += rows.num_rows();
            Ok((owned(rows).map_err(|error| of_running(&error))?, first..=*next as u64 - 1))
        });
        self.runs.extend(
            disk.file().and_then(|file| file.write(0, most, blocks)).map_err(ours)?.into_iter().map(Arc::new),
        );
        Ok(())
    }

    /// The rows of these numbers, of which there is at least one.
    pub fn read(&self, mut numbers: Vec<u32>) -> Result<Read> {
        numbers.sort_unstable();
        numbers.dedup();
        let within = |rows: &Hashes| -> Range<usize> {
            let until = |end: u64| numbers.partition_point(|number| u64::from(*number) < end);
            until(*rows.start())..until(*rows.end() + 1)
        };
        let mut parts = Vec::new();
        for run in self.runs.iter().filter(|run| !within(&run.hashes()).is_empty()) {
            for block in run.blocks(|rows| !within(rows).is_empty()) {
                let (block, rows) = block.map_err(ours)?;
                let own = numbers[within(rows)].iter().map(|number| number - *rows.start() as u32);
                parts.push(owned(take_record_batch(&block, &UInt32Array::from_iter_values(own))?)?);
            }
        }
        let first = parts.first().ok_or_else(|| internal_datafusion_err!("rows of state are gone"))?;
        let rows = concat_batches(first.schema_ref(), &parts)?;
        Ok(Read { numbers, rows })
    }

    /// The runs with the rows from this number on, with which one begins.
    pub fn since(&self, number: usize) -> impl Iterator<Item = &Arc<Run>> {
        self.runs.iter().filter(move |run| *run.hashes().start() >= number as u64)
    }
}
