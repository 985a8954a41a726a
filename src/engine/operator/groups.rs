//! Groups and their partial aggregates: what a pane keeps while rows come in.

use super::distinct::DistinctCount;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use arrow::array::{ArrayRef, RecordBatch};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use std::sync::Arc;

/// Groups, in the order in which they came, and one accumulator per aggregate over all of them.
pub struct Groups {
    /// `None` where the window is the only group column: then there is one group.
    keys: Option<Box<dyn GroupValues>>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    indices: Vec<usize>,
    rows: usize,
}

fn accumulator(aggregate: &Arc<AggregateFunctionExpr>) -> Result<Box<dyn GroupsAccumulator>> {
    if DistinctCount::serves(aggregate) {
        return Ok(Box::new(DistinctCount::new(aggregate)?));
    }
    if aggregate.groups_accumulator_supported() {
        return aggregate.create_groups_accumulator();
    }
    let aggregate = aggregate.clone();
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || aggregate.create_accumulator())))
}

impl Groups {
    /// No groups yet.
    pub fn new(spec: &AggregateSpec) -> Result<Self> {
        let keys = match spec.keys.fields().is_empty() {
            true => None,
            false => Some(new_group_values(spec.keys.clone(), &GroupOrdering::None)?),
        };
        let accumulators = spec.aggregates.iter().map(accumulator).collect::<Result<_>>()?;
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
        let each = self.accumulators.iter_mut().zip(&rows.arguments).zip(&rows.filters);
        for ((accumulator, arguments), filter) in each {
            accumulator.update_batch(arguments, &self.indices, filter.as_ref(), groups)?;
        }
        Ok(())
    }

    /// Adds partial aggregates in the layout of [`AggregateSpec::state`].
    pub fn merge(&mut self, spec: &AggregateSpec, state: &RecordBatch) -> Result<()> {
        let (keys, mut states) = state.columns().split_at(spec.keys.fields().len());
        let groups = self.intern(keys, state.num_rows())?;
        for (accumulator, width) in self.accumulators.iter_mut().zip(&spec.state_widths) {
            let (own, rest) = states.split_at(*width);
            accumulator.merge_batch(own, &self.indices, groups)?;
            states = rest;
        }
        Ok(())
    }

    fn take_keys(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows = 0;
        self.keys.as_mut().map_or(Ok(vec![]), |keys| keys.emit(EmitTo::All))
    }

    /// The partial aggregates in the layout of [`AggregateSpec::state`]; the groups are gone afterwards.
    pub fn take_state(&mut self, spec: &AggregateSpec) -> Result<RecordBatch> {
        let mut columns = self.take_keys()?;
        for accumulator in &mut self.accumulators {
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        Ok(RecordBatch::try_new(spec.state.clone(), columns)?)
    }

    /// The group columns and the aggregates' values; the groups are gone afterwards.
    pub fn take_result(&mut self) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let keys = self.take_keys()?;
        let values = self.accumulators.iter_mut().map(|accumulator| accumulator.evaluate(EmitTo::All));
        Ok((keys, values.collect::<Result<_>>()?))
    }
}
