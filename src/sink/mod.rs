//! Where results go: a file per sink behind one small trait.

pub mod console;
pub mod file;
pub mod letters;
mod lines;
pub mod memory;

use crate::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// What a batch of a query gives out.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The number of the batch, from 0.
    pub id: u64,
    /// The columns of the result.
    pub columns: SchemaRef,
    /// The rows.
    pub rows: &'a [RecordBatch],
    /// Records that were read for it, the refused ones with them.
    pub records: u64,
    /// Records that were read since the query began.
    pub total_records: u64,
}

/// Takes the results of a query, batch by batch, in order.
pub trait Sink {
    /// Takes one batch.
    ///
    /// # Errors
    /// When the sink gives up; the batch then counts as not taken.
    fn write(&mut self, batch: &Batch<'_>) -> Result<()>;
}
