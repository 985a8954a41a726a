//! The rows of a batch, which need not be in memory all at once.

use crate::Result;
use crate::record::partition::slices;
use arrow::array::RecordBatch;
use std::borrow::Cow;
use std::fmt;

/// Rows that are kept somewhere else than in memory.
pub trait StoredRows: fmt::Debug {
    /// How many there are.
    fn count(&self) -> u64;

    /// All of them, piece by piece, always in the same order.
    fn pieces(&self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + '_>;
}

/// The rows of a batch. They can be gone through more than once.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a> {
    /// In memory.
    Held(&'a [RecordBatch]),
    /// Somewhere else.
    Stored(&'a dyn StoredRows),
}

impl<'a> Rows<'a> {
    /// How many there are.
    pub fn count(self) -> u64 {
        match self {
            Self::Held(rows) => rows.iter().map(|rows| rows.num_rows() as u64).sum(),
            Self::Stored(rows) => rows.count(),
        }
    }

    /// Those that are in memory.
    pub fn held(self) -> &'a [RecordBatch] {
        match self {
            Self::Held(rows) => rows,
            Self::Stored(_) => &[],
        }
    }

    /// All of them, piece by piece. A piece can fail where the rows are not in memory.
    pub fn pieces(self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + 'a> {
        match self {
            Self::Held(rows) => Box::new(rows.iter().cloned().map(Ok)),
            Self::Stored(rows) => rows.pieces(),
        }
    }

    /// The same in pieces that are not large.
    pub fn slices(self) -> impl Iterator<Item = Result<RecordBatch>> + 'a {
        self.pieces().flat_map(|piece| match piece {
            Ok(rows) => slices(&rows).map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// All of them in memory, for sinks that need them at once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all(self) -> Result<Cow<'a, [RecordBatch]>> {
        match self {
            Self::Held(rows) => Ok(Cow::Borrowed(rows)),
            Self::Stored(rows) => rows.pieces().collect::<Result<_>>().map(Cow::Owned),
        }
    }
}
