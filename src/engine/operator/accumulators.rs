//! One accumulator per aggregate, over groups that are numbered by whoever holds them.

use super::by_group::ByGroup;
use super::distinct::DistinctCount;
use super::first_last::FirstLast;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use arrow::array::ArrayRef;
use arrow::compute::concat;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;

/// The accumulators of all aggregates of a window.
pub struct Accumulators {
    each: Vec<Box<dyn GroupsAccumulator>>,
    /// How many columns of state each has.
    widths: Vec<usize>,
}

fn accumulator(aggregate: &Arc<AggregateFunctionExpr>, lasting: bool) -> Result<Box<dyn GroupsAccumulator>> {
    if DistinctCount::serves(aggregate) {
        return Ok(Box::new(DistinctCount::new(aggregate)?));
    }
    if FirstLast::serves(aggregate) {
        return Ok(Box::new(FirstLast::new(aggregate)?));
    }
    if !aggregate.groups_accumulator_supported() || lasting && ByGroup::serves_lasting(aggregate) {
        return Ok(Box::new(ByGroup::new(aggregate.clone())));
    }
    aggregate.create_groups_accumulator()
}

impl Accumulators {
    /// No groups yet, for the groups of one batch.
    pub fn new(spec: &AggregateSpec) -> Result<Self> {
        Self::of(spec, false)
    }

    /// No groups yet, for batch after batch: a batch costs nothing for groups that it does not reach.
    pub fn lasting(spec: &AggregateSpec) -> Result<Self> {
        Self::of(spec, true)
    }

    fn of(spec: &AggregateSpec, lasting: bool) -> Result<Self> {
        let each = spec.aggregates.iter().map(|aggregate| accumulator(aggregate, lasting));
        Ok(Self { each: each.collect::<Result<_>>()?, widths: spec.state_widths.clone() })
    }

    /// Aggregates rows: `groups[row]` is the group of each, below `count`. O(rows).
    pub fn update(&mut self, rows: &Evaluated, groups: &[usize], count: usize) -> Result<()> {
        let each = self.each.iter_mut().zip(&rows.arguments).zip(&rows.filters);
        for ((accumulator, arguments), filter) in each {
            accumulator.update_batch(arguments, groups, filter.as_ref(), count)?;
        }
        Ok(())
    }

    /// Adds partial aggregates, as [`Self::take_state`] gives them.
    pub fn merge(&mut self, mut states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        for (accumulator, width) in self.each.iter_mut().zip(&self.widths) {
            let (own, rest) = states.split_at(*width);
            accumulator.merge_batch(own, groups, count)?;
            states = rest;
        }
        Ok(())
    }

    /// Adds older partial aggregates and newer ones, in this order and at once: DataFusion takes it that every group
    /// below `count` has a row in what is added first, and that its value is not null where no row says so.
    pub fn merge_both(
        &mut self,
        (older, older_groups): (&[ArrayRef], &[usize]),
        (newer, newer_groups): (&[ArrayRef], &[usize]),
        count: usize,
    ) -> Result<()> {
        if older_groups.is_empty() {
            return self.merge(newer, newer_groups, count);
        }
        let both = older.iter().zip(newer).map(|(older, newer)| concat(&[older, newer]));
        let both = both.collect::<Result<Vec<_>, _>>()?;
        self.merge(&both, &[older_groups, newer_groups].concat(), count)
    }

    /// About what they take, in bytes.
    pub fn memory(&self) -> usize {
        self.each.iter().map(|accumulator| accumulator.size()).sum()
    }

    /// The partial aggregates by group; the groups are gone afterwards.
    pub fn take_state(&mut self) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::new();
        for accumulator in &mut self.each {
            columns.extend(accumulator.state(EmitTo::All)?);
        }
        Ok(columns)
    }

    /// The aggregates' values by group; the groups are gone afterwards.
    pub fn take_values(&mut self) -> Result<Vec<ArrayRef>> {
        self.each.iter_mut().map(|accumulator| accumulator.evaluate(EmitTo::All)).collect()
    }
}
