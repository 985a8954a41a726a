//! Results kept in memory, for tests.

use super::{Batch, Sink};
use crate::Result;
use arrow::array::RecordBatch;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps all rows; its clones share them.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<RecordBatch>>>);

impl Memory {
    /// Everything that was given out so far.
    pub fn rows(&self) -> Vec<RecordBatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for Memory {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let rows = batch.rows.all()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&rows);
        Ok(())
    }
}
