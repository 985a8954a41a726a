//! count(DISTINCT x) for all groups in one table. DataFusion's own has no grouped form for text and
//! takes kilobytes a group; this one interns pairs of group and value, and keeps the same state (a list
//! of values per group).

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt32Array, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UInt64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use std::iter::repeat_n;
use std::sync::Arc;

/// Counts the distinct values of each group.
pub struct DistinctCount {
    pairs: Box<dyn GroupValues>,
    pair_schema: SchemaRef,
    counts: Vec<i64>,
    /// The values of each group while they are in no table: nothing was added to the state that came first.
    lists: Option<ListArray>,
    indices: Vec<usize>,
    item: FieldRef,
}

fn table(schema: &SchemaRef) -> Result<Box<dyn GroupValues>> {
    new_group_values(schema.clone(), &GroupOrdering::None)
}

impl DistinctCount {
    /// Whether this counts what `aggregate` asks for.
    pub fn serves(aggregate: &AggregateFunctionExpr) -> bool {
        aggregate.fun().name() == "count" && aggregate.is_distinct() && aggregate.expressions().len() == 1
    }

    /// An empty count for `aggregate`.
    pub fn new(aggregate: &AggregateFunctionExpr) -> Result<Self> {
        let state = aggregate.state_fields()?;
        let Some(DataType::List(item)) = state.first().map(|field| field.data_type()) else {
            return internal_err!("the state of count(DISTINCT) is not a list");
        };
        let pair_schema = Arc::new(Schema::new(vec![
            Field::new("group", DataType::UInt64, false),
            Field::new("value", item.data_type().clone(), true),
        ]));
        let pairs = table(&pair_schema)?;
        Ok(Self { pairs, pair_schema, counts: vec![], lists: None, indices: vec![], item: item.clone() })
    }

    /// Adds the values of each list to the group of its row.
    fn add_lists(&mut self, lists: &ListArray, groups: impl Iterator<Item = usize>) -> Result<()> {
        let lengths = lists.offsets().lengths();
        let repeated = groups.zip(lengths).flat_map(|(group, length)| repeat_n(group as u64, length));
        let group = UInt64Array::from_iter_values(repeated);
        let (first, last) = (lists.offsets()[0] as usize, lists.offsets()[lists.len()] as usize);
        self.add(group, lists.values().slice(first, last - first))
    }

    /// Before something is added: what came first goes into the table.
    fn intern_lists(&mut self) -> Result<()> {
        let Some(lists) = self.lists.take() else { return Ok(()) };
        self.counts.fill(0);
        self.add_lists(&lists, 0..lists.len())
    }

    fn add(&mut self, groups: UInt64Array, values: ArrayRef) -> Result<()> {
        let known = self.pairs.len();
        self.pairs.intern(&[Arc::new(groups.clone()), values], &mut self.indices)?;
        // New pairs have the ids from `known` on, but not always in the order of rows.
        let mut seen = vec![false; self.pairs.len() - known];
        for (row, pair) in self.indices.iter().enumerate() {
            if *pair >= known && !std::mem::replace(&mut seen[*pair - known], true) {
                self.counts[groups.value(row) as usize] += 1;
            }
        }
        Ok(())
    }

    /// The values of each group as a list; the table is empty afterwards.
    fn drain(&mut self) -> Result<ArrayRef> {
        if let Some(lists) = self.lists.take() {
            self.clear()?;
            return Ok(Arc::new(lists));
        }
        let columns = self.pairs.emit(EmitTo::All)?;
        let groups = columns[0].as_primitive::<UInt64Type>();
        let lengths = self.counts.iter().map(|count| *count as usize);
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let mut next: Vec<usize> = offsets.iter().map(|offset| *offset as usize).collect();
        let mut order = vec![0; groups.len()];
        for (row, group) in groups.values().iter().enumerate() {
            let place = &mut next[*group as usize];
            order[*place] = row as u32;
            *place += 1;
        }
        let values = compute::take(&columns[1], &UInt32Array::from(order), None)?;
        self.clear()?;
        Ok(Arc::new(ListArray::try_new(self.item.clone(), offsets, values, None)?))
    }

    fn clear(&mut self) -> Result<()> {
        self.counts.clear();
        self.lists = None;
        self.pairs = table(&self.pair_schema)?;
        Ok(())
    }
}

/// The rows that count: those that the filter keeps and whose value is not null.
fn kept(
    values: &ArrayRef,
    groups: &[usize],
    filter: Option<&BooleanArray>,
) -> Result<(UInt64Array, ArrayRef)> {
    let groups = UInt64Array::from_iter_values(groups.iter().map(|group| *group as u64));
    if filter.is_none() && values.logical_null_count() == 0 {
        return Ok((groups, values.clone()));
    }
    let mut mask = compute::is_not_null(values)?;
    if let Some(filter) = filter {
        mask = compute::and(&mask, &compute::prep_null_mask_filter(filter))?;
    }
    let groups = compute::filter(&groups, &mask)?;
    Ok((groups.as_primitive::<UInt64Type>().clone(), compute::filter(values, &mask)?))
}

impl GroupsAccumulator for DistinctCount {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.intern_lists()?;
        self.counts.resize(groups, 0);
        let (group, value) = kept(&values[0], group_indices, filter)?;
        self.add(group, value)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        let lists = values[0].as_list::<i32>();
        if self.counts.is_empty() && group_indices.iter().copied().eq(0..groups) {
            self.counts.extend(lists.offsets().lengths().map(|length| length as i64));
            self.lists = Some(lists.clone());
            return Ok(());
        }
        self.intern_lists()?;
        self.counts.resize(groups, 0);
        self.add_lists(lists, group_indices.iter().copied())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let EmitTo::All = emit else { return internal_err!("count(DISTINCT) gives all groups at once") };
        let counts = std::mem::take(&mut self.counts);
        self.clear()?;
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let EmitTo::All = emit else { return internal_err!("count(DISTINCT) gives all groups at once") };
        Ok(vec![self.drain()?])
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        internal_err!("count(DISTINCT) has no state of single rows")
    }

    fn size(&self) -> usize {
        let lists = self.lists.as_ref().map_or(0, Array::get_array_memory_size);
        self.pairs.size() + lists + self.counts.capacity() * size_of::<i64>()
    }
}
