//! An accumulator per group, for aggregates that have none for all groups, or one whose every call looks at
//! all groups. A call visits only the groups that its rows reach.

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array};
use arrow::compute::take_arrays;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;

/// The size of about so many groups is asked for, to know that of all.
const SAMPLE: usize = 64;

/// The accumulators of one aggregate, by group.
pub struct ByGroup {
    aggregate: Arc<AggregateFunctionExpr>,
    each: Vec<Box<dyn Accumulator>>,
}

impl ByGroup {
    /// Whether the accumulator for all groups of `aggregate` looks at all of them in each call: then this
    /// one is better for groups that last. For a few groups it is the slower one.
    pub fn serves_lasting(aggregate: &AggregateFunctionExpr) -> bool {
        matches!(aggregate.fun().name(), "min" | "max") && aggregate.field().data_type().is_nested()
    }

    /// No groups yet.
    pub fn new(aggregate: Arc<AggregateFunctionExpr>) -> Self {
        Self { aggregate, each: Vec::new() }
    }

    /// Gives each group its rows, in their order. O(rows × log(rows)).
    fn visit(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
        give: impl Fn(&mut dyn Accumulator, &[ArrayRef]) -> Result<()>,
    ) -> Result<()> {
        while self.each.len() < count {
            self.each.push(self.aggregate.create_accumulator()?);
        }
        let group = |row: &u32| groups[*row as usize];
        let passes = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let mut rows: Vec<u32> = (0..groups.len() as u32).filter(|row| passes(*row as usize)).collect();
        rows.sort_by_key(group);
        let values = take_arrays(values, &UInt32Array::from(rows.clone()), None)?;
        let mut start = 0;
        for same in rows.chunk_by(|a, b| group(a) == group(b)) {
            let own: Vec<ArrayRef> = values.iter().map(|values| values.slice(start, same.len())).collect();
            give(self.each[group(&same[0])].as_mut(), &own)?;
            start += same.len();
        }
        Ok(())
    }

    fn take(&mut self, emit: EmitTo) -> Result<Vec<Box<dyn Accumulator>>> {
        let EmitTo::All = emit else { return internal_err!("groups are given all at once") };
        Ok(std::mem::take(&mut self.each))
    }
}

fn column(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
    if values.is_empty() { Ok(new_empty_array(data_type)) } else { ScalarValue::iter_to_array(values) }
}

impl GroupsAccumulator for ByGroup {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        self.visit(values, groups, filter, count, |accumulator, values| accumulator.update_batch(values))
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.visit(values, groups, None, count, |accumulator, values| accumulator.merge_batch(values))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let mut each = self.take(emit)?;
        let values = each.iter_mut().map(|accumulator| accumulator.evaluate()).collect::<Result<_>>()?;
        column(values, self.aggregate.field().data_type())
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let fields = self.aggregate.state_fields()?;
        let mut columns: Vec<Vec<ScalarValue>> = vec![Vec::with_capacity(self.each.len()); fields.len()];
        for mut accumulator in self.take(emit)? {
            for (column, value) in columns.iter_mut().zip(accumulator.state()?) {
                column.push(value);
            }
        }
        columns.into_iter().zip(&fields).map(|(values, field)| column(values, field.data_type())).collect()
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        internal_err!("there is no state of single rows")
    }

    /// An estimate from a few groups, as asking each would cost more than a batch.
    fn size(&self) -> usize {
        let step = self.each.len() / SAMPLE + 1;
        let sample = self.each.iter().step_by(step).map(|accumulator| accumulator.size());
        self.each.capacity() * size_of::<Box<dyn Accumulator>>() + step * sample.sum::<usize>()
    }
}
