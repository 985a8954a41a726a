//! Results kept in memory, for tests.

use super::{Batch, Sink};
use crate::Result;
use arrow::array::RecordBatch;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps all rows of a query; its clones share them.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Kept>>);

/// What is kept, and the last batch of it.
#[derive(Debug, Default)]
struct Kept {
    rows: Vec<RecordBatch>,
    last: Option<u64>,
}

impl Memory {
    /// Everything that was given out so far.
    pub fn rows(&self) -> Vec<RecordBatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rows.clone()
    }
}

impl Sink for Memory {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let rows = batch.rows.all()?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.last.is_none_or(|last| last < batch.id) {
            kept.rows.extend_from_slice(&rows);
            kept.last = Some(batch.id);
        }
        Ok(())
    }
}
