//! The rows of a query's result until the sinks have them: in memory, or on the disk where memory is not to hold them.

use super::operator::StateLimit;
use super::operator::spill::{Disk, RUN, Run};
use crate::Result;
use crate::sink::{Rows, StoredRows};
use arrow::array::RecordBatch;
use std::iter;

/// The rows of a batch, in order.
#[derive(Debug, Default)]
pub struct Results {
    /// Where rows go that memory is not to hold, where there is a limit.
    disk: Option<Disk>,
    /// Those that were spilled, which come first.
    runs: Vec<Run>,
    held: Vec<RecordBatch>,
    /// What those take that are held, in bytes.
    bytes: usize,
}

impl Results {
    /// No rows yet, which do not take more memory than `limit` says.
    pub fn within(limit: Option<StateLimit>) -> Self {
        Self { disk: limit.map(Disk::new), ..Self::default() }
    }

    /// No rows yet, with the same limit.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::within(self.disk.as_ref().map(|disk| disk.limit.clone()))
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn add(&mut self, rows: RecordBatch) -> Result<()> {
        self.bytes += rows.get_array_memory_size();
        self.held.push(rows);
        let Some(disk) = self.disk.as_mut().filter(|disk| self.bytes > disk.limit.results()) else {
            return Ok(());
        };
        let file = disk.file()?;
        for rows in self.held.drain(..) {
            self.runs.extend(file.write(0, RUN, iter::once(Ok((rows, 0..=0))))?);
        }
        self.bytes = 0;
        Ok(())
    }

    /// The rows, for sinks.
    pub fn rows(&self) -> Rows<'_> {
        if self.runs.is_empty() { Rows::Held(&self.held) } else { Rows::Stored(self) }
    }

    /// All rows in memory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(&self) -> Result<Vec<RecordBatch>> {
        Ok(self.rows().all()?.into_owned())
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.rows().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

impl StoredRows for Results {
    fn count(&self) -> u64 {
        self.runs.iter().map(|run| run.rows as u64).sum::<u64>() + Rows::Held(&self.held).count()
    }

    fn pieces(&self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + '_> {
        let blocks = self.runs.iter().flat_map(|run| run.blocks(|_| true));
        Box::new(blocks.map(|block| Ok(block?.0)).chain(Rows::Held(&self.held).pieces()))
    }
}
