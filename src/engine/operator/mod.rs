//! Operators that keep state between batches, behind one trait.

mod accumulators;
mod by_group;
pub mod dedup;
mod distinct;
mod distinct_values;
mod first_last;
mod frozen;
mod frozen_disk;
mod groups;
pub mod join;
mod join_bucket;
mod join_index;
mod join_side;
mod key_filter;
mod key_map;
mod keyed_rows;
mod keys;
mod numbered_rows;
mod pane;
mod pane_disk;
mod rolling_distinct;
mod seen_disk;
pub mod session;
mod session_batch;
mod session_open;
pub(super) mod spill;
mod state_rows;
mod state_runs;
mod touched;
pub mod window_aggregate;
mod window_changes;
mod window_parts;

pub use spill::StateLimit;

use super::options::OutputMode;
use crate::clock::Micros;
use crate::query::cut::OperatorSpec;
use crate::query::window::Windows;
use arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use std::sync::Arc;
use std::time::Duration;

/// What keeps state of one or two streams, and gives rows when event time allows.
///
/// Its results do not depend on how rows were split into batches, as long as nothing is late.
pub trait Operator {
    /// Looks at rows of its input number `input`, with all expressions that it needs, and says what comes of them at once.
    /// Rows that are pushed until the next [`Self::commit`] belong together: they meet each other, and all of them count, or
    /// none. O(rows).
    fn push(&mut self, input: usize, rows: &RecordBatch) -> Result<Pushed>;

    /// Takes the rows that were pushed.
    fn commit(&mut self) -> Result<()>;

    /// Forgets the rows that were pushed since the last [`Self::commit`], as if they had not been.
    fn roll_back(&mut self);

    /// Event time has come to `watermark`, which never goes back: gives the rows that are ready, and drops
    /// what no row to come can need. [`Micros::MAX`] is the end of a bounded run: all is ready, and what a run to come
    /// brings is late only for what was ready then. Where what changed is shown already, it stays as it is.
    fn advance(&mut self, watermark: Micros, mode: OutputMode) -> Result<Vec<RecordBatch>>;

    /// More of the rows that are ready since the last `advance`, where memory is not to hold all of them at once; none
    /// where these were all.
    fn more(&mut self) -> Result<Vec<RecordBatch>> {
        Ok(vec![])
    }

    /// Rows of its input number `input` that are older cannot change any result: they are late.
    fn late_before(&self, input: usize) -> Micros;

    /// How many rows or groups are kept.
    fn rows(&self) -> usize;

    /// How many rows or groups were new or changed in the batch that ended with the last `advance`.
    fn updated(&self) -> usize;

    /// About how many bytes the state takes. Costs nothing that depends on how much there is.
    fn memory(&self) -> usize;

    /// From now on it keeps to `limit`, by writing rows to the disk. `mode` is that of all `advance`s to come.
    fn keep_to(&mut self, limit: StateLimit, mode: OutputMode);

    /// Writes to the disk what is above the limit. Called after each `commit`.
    fn spill(&mut self) -> Result<()>;

    /// How many bytes of its state are on the disk.
    fn spilled(&self) -> usize;

    /// What changed since the last snapshot.
    fn snapshot(&mut self) -> Result<Snapshot>;

    /// Goes on from all snapshots of a stream, in order. Called once, on a new operator that knows its limit.
    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()>;
}

/// What comes of rows at once.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Rows for whatever stands above.
    pub rows: Vec<RecordBatch>,
    /// How many rows were late, and dropped.
    pub late: u64,
}

/// What changed in an operator's state, enough to go on from together with the snapshots before it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// How far event time had come.
    pub mark: Micros,
    /// The state, in parts that an operator can tell apart.
    pub parts: Vec<Part>,
}

/// A part of a snapshot.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name inside the operator.
    pub key: i64,
    /// Whether it replaces what earlier snapshots kept under this key.
    pub replaces: bool,
    /// The state as rows.
    pub rows: Vec<RecordBatch>,
    /// Where they stand, if they are not in memory.
    pub stored: Option<Arc<dyn Stored>>,
}

/// Rows that are kept somewhere else than in memory.
pub trait Stored: std::fmt::Debug + Send + Sync {
    /// The rows.
    ///
    /// # Errors
    /// When they are not there as they were written.
    fn load(&self) -> crate::Result<Vec<RecordBatch>>;
}

impl Part {
    /// A part whose rows are in memory.
    pub fn of(key: i64, replaces: bool, rows: Vec<RecordBatch>) -> Self {
        Self { key, replaces, rows, stored: None }
    }

    /// A part whose rows are somewhere else.
    pub fn stored(key: i64, rows: Arc<dyn Stored>) -> Self {
        Self { key, replaces: false, rows: vec![], stored: Some(rows) }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.stored.is_none() && self.rows.iter().all(|rows| rows.num_rows() == 0)
    }

    /// The rows, wherever they are.
    ///
    /// # Errors
    /// As [`Stored::load`].
    pub fn load(self) -> crate::Result<Vec<RecordBatch>> {
        self.stored.map_or(Ok(self.rows), |stored| stored.load())
    }
}

/// An error of ours on its way through DataFusion's.
pub(super) fn ours(error: crate::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The operator that `spec` describes. `delay` is how long keys of rows are remembered.
///
/// # Errors
/// When an aggregate cannot be made, which planning rules out.
pub fn of(spec: &OperatorSpec, delay: Duration) -> Result<Box<dyn Operator>> {
    Ok(match spec {
        OperatorSpec::Window(spec) => match &spec.windows {
            Windows::Fixed(window) => {
                Box::new(window_aggregate::WindowAggregate::new(spec.clone(), window.clone())?)
            }
            Windows::Session { gap } => Box::new(session::SessionAggregate::new(spec.clone(), *gap)?),
        },
        OperatorSpec::Dedup(spec) => Box::new(dedup::Dedup::new(spec.clone(), delay)?),
        OperatorSpec::Join(spec) => Box::new(join::Join::new(spec.clone())?),
    })
}
