//! Where results go: a file per sink behind one small trait.

pub mod console;
pub mod delta;
pub mod exec;
pub mod file;
pub mod kafka;
pub mod letters;
pub mod lines;
pub mod memory;
pub mod postgres;
pub mod retry;
mod rows;
pub mod several;
pub mod steps;

pub use rows::{Rows, StoredRows};

use crate::error::Fault;
use crate::{Error, Result};
use arrow::datatypes::SchemaRef;

/// What a batch of a query gives out.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The number of the batch, from 0.
    pub id: u64,
    /// The columns of the result.
    pub columns: SchemaRef,
    /// The rows.
    pub rows: Rows<'a>,
    /// Records that were read for it, the refused ones with them.
    pub records: u64,
    /// Records that were read since the query began.
    pub total_records: u64,
}

impl Batch<'_> {
    /// How many rows it has.
    pub fn count(&self) -> u64 {
        self.rows.count()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// Who writes to a sink. What keeps results keeps with them which batch of whom it has last, in one step with the
/// batch: that is what makes a batch count once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The query, by the identity that its checkpoint gave it: no two checkpoints have the same.
    pub query: String,
    /// The sink among those of the query.
    pub sink: String,
}

/// Takes the results of a query, batch by batch, in order.
pub trait Sink {
    /// Keeps one batch, whole or not at all. A batch that a sink has already, by its [`Writer`] and the batch's
    /// number, is passed over: a query that was killed gives its last batch again.
    ///
    /// # Errors
    /// When it cannot tell that the batch is kept. The same batch may be written again afterwards: the sink then looks
    /// first whether it has it, as an answer may have been lost.
    fn write(&mut self, batch: &Batch<'_>) -> Result<()>;
}

/// Gives a batch to a place that may be another one than at the start: looked at again it takes the rows, or the reason is
/// clearer.
fn looking_again(mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    match attempt() {
        Err(error) if error.fault() == Fault::Failed => attempt(),
        other => other,
    }
}

/// What does not go at the start is how it is asked for.
fn at_start(error: Error) -> Error {
    if error.fault() == Fault::Failed { error.blaming(Fault::Usage) } else { error }
}
