//! Groups and their partial aggregates: what a pane keeps while rows come in.

use super::accumulators::Accumulators;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

/// Groups, in the order in which they came, and one accumulator per aggregate over all of them.
pub struct Groups {
    /// `None` where the window is the only group column: then there is one group.
    keys: Option<Box<dyn GroupValues>>,
    accumulators: Accumulators,
    indices: Vec<usize>,
    rows: usize,
}

impl Groups {
    /// No groups yet, for one batch.
    pub fn new(spec: &AggregateSpec) -> Result<Self> {
        Self::of(spec, Accumulators::new(spec)?)
    }

    /// No groups yet, for batch after batch.
    pub fn lasting(spec: &AggregateSpec) -> Result<Self> {
        Self::of(spec, Accumulators::lasting(spec)?)
    }

    fn of(spec: &AggregateSpec, accumulators: Accumulators) -> Result<Self> {
        let keys = match spec.keys.fields().is_empty() {
            true => None,
            false => Some(new_group_values(spec.keys.clone(), &GroupOrdering::None)?),
        };
        Ok(Self { keys, accumulators, indices: Vec::new(), rows: 0 })
    }

    /// Whether no row came yet.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.keys.as_ref().map_or(usize::from(self.rows > 0), |keys| keys.len())
    }

    /// About what they take, in bytes.
    pub fn memory(&self) -> usize {
        self.keys.as_ref().map_or(0, |keys| keys.size()) + self.accumulators.memory()
    }

    fn intern(&mut self, keys: &[ArrayRef], rows: usize) -> Result<usize> {
        self.rows += rows;
        if let Some(known) = &mut self.keys {
            known.intern(keys, &mut self.indices)?;
            return Ok(known.len());
        }
        self.indices.clear();
        self.indices.resize(rows, 0);
        Ok(1)
    }

    /// Aggregates rows. O(rows).
    pub fn update(&mut self, rows: &Evaluated) -> Result<()> {
        let groups = self.intern(&rows.keys, rows.rows())?;
        self.accumulators.update(rows, &self.indices, groups)
    }

    /// The group of each row that was added last.
    pub fn of_last_rows(&self) -> &[usize] {
        &self.indices
    }

    /// Adds partial aggregates in the layout of [`AggregateSpec::state`].
    pub fn merge(&mut self, spec: &AggregateSpec, state: &RecordBatch) -> Result<()> {
        if state.num_rows() == 0 {
            return Ok(());
        }
        let (keys, states) = state.columns().split_at(spec.keys.fields().len());
        let groups = self.intern(keys, state.num_rows())?;
        self.accumulators.merge(states, &self.indices, groups)
    }

    fn take_keys(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows = 0;
        self.keys.as_mut().map_or(Ok(vec![]), |keys| keys.emit(EmitTo::All))
    }

    /// The partial aggregates in the layout of [`AggregateSpec::state`]; the groups are gone afterwards.
    pub fn take_state(&mut self, spec: &AggregateSpec) -> Result<RecordBatch> {
        let mut columns = self.take_keys()?;
        columns.extend(self.accumulators.take_state()?);
        Ok(RecordBatch::try_new(spec.state.clone(), columns)?)
    }

    /// The group columns and the aggregates' values; the groups are gone afterwards.
    pub fn take_result(&mut self) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        Ok((self.take_keys()?, self.accumulators.take_values()?))
    }
}
