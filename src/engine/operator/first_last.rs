//! First and last values by group, in an order or as they come. DataFusion's own looks at all groups in each
//! call; this one visits those that its rows reach, and keeps a few bytes of each.

use super::keys::KeyMaker;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use std::sync::Arc;
use std::{iter, slice};

/// The first or the last row of each group.
pub struct FirstLast {
    last: bool,
    ignores_nulls: bool,
    value: KeyMaker,
    order: KeyMaker,
    groups: Vec<Option<Pick>>,
    /// What the picks take beyond their own size.
    bytes: usize,
}

/// A row as bytes: what it is ordered by, and behind that its value.
struct Pick {
    bytes: Box<[u8]>,
    order: usize,
}

impl Pick {
    fn order(&self) -> &[u8] {
        &self.bytes[..self.order]
    }

    fn value(&self) -> &[u8] {
        &self.bytes[self.order..]
    }
}

impl FirstLast {
    /// Whether this gives what `aggregate` asks for.
    pub fn serves(aggregate: &AggregateFunctionExpr) -> bool {
        let known = matches!(aggregate.fun().name(), "first_value" | "last_value");
        known && fields(aggregate).and_then(KeyMaker::ordered).is_ok()
    }

    /// No groups yet.
    pub fn new(aggregate: &AggregateFunctionExpr) -> Result<Self> {
        let mut order = fields(aggregate)?;
        Ok(Self {
            last: aggregate.fun().name() == "last_value",
            ignores_nulls: aggregate.ignore_nulls(),
            value: KeyMaker::ordered(vec![order.remove(0)])?,
            order: KeyMaker::ordered(order)?,
            groups: Vec::new(),
            bytes: 0,
        })
    }

    /// Picks among rows. Of equals in an order, the one that came first stays.
    fn pick(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        count: usize,
        passes: impl Fn(usize) -> bool,
    ) -> Result<()> {
        let Some((value, order)) = columns.split_first() else { return internal_err!("a value is missing") };
        self.groups.resize_with(count, || None);
        let nulls = value.logical_nulls().filter(|_| self.ignores_nulls);
        let (values, orders) = (self.value.keys(slice::from_ref(value))?, self.order.keys(order)?);
        for (row, group) in groups.iter().enumerate() {
            if !passes(row) || nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let order = orders.bytes(row);
            let wins = match &self.groups[*group] {
                None => true,
                Some(_) if order.is_empty() => self.last,
                Some(held) if self.last => order > held.order(),
                Some(held) => order < held.order(),
            };
            if wins {
                self.put(*group, order, values.bytes(row));
            }
        }
        Ok(())
    }

    fn put(&mut self, group: usize, order: &[u8], value: &[u8]) {
        if let Some(held) = &mut self.groups[group] {
            if held.order == order.len() && held.bytes.len() == order.len() + value.len() {
                held.bytes[..order.len()].copy_from_slice(order);
                held.bytes[order.len()..].copy_from_slice(value);
                return;
            }
            self.bytes -= held.bytes.len();
        }
        self.bytes += order.len() + value.len();
        self.groups[group] = Some(Pick { bytes: [order, value].concat().into(), order: order.len() });
    }

    fn take(&mut self, emit: EmitTo) -> Result<Vec<Option<Pick>>> {
        let EmitTo::All = emit else { return internal_err!("groups are given all at once") };
        self.bytes = 0;
        Ok(std::mem::take(&mut self.groups))
    }

    fn values(&self, groups: &[Option<Pick>]) -> Result<Vec<ArrayRef>> {
        self.value.columns(groups.iter().map(|group| group.as_ref().map(Pick::value)))
    }
}

/// The value and what it is ordered by.
fn fields(aggregate: &AggregateFunctionExpr) -> Result<Vec<(DataType, SortOptions)>> {
    let types = aggregate.state_fields()?.into_iter().map(|field| field.data_type().clone());
    let orders = aggregate.order_bys().iter().map(|order| order.options);
    Ok(types.zip(iter::once(SortOptions::default()).chain(orders)).collect())
}

impl GroupsAccumulator for FirstLast {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        let passes = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        self.pick(columns, groups, count, passes)
    }

    fn merge_batch(&mut self, columns: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        let Some((is_set, columns)) = columns.split_last() else {
            return internal_err!("a state is missing");
        };
        let is_set = is_set.as_boolean();
        self.pick(columns, groups, count, |row| is_set.is_valid(row) && is_set.value(row))
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit)?;
        Ok(self.values(&groups)?.remove(0))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.take(emit)?;
        let mut columns = self.values(&groups)?;
        columns.extend(self.order.columns(groups.iter().map(|group| group.as_ref().map(Pick::order)))?);
        let is_set = groups.iter().map(|group| Some(group.is_some()));
        columns.push(Arc::new(BooleanArray::from_iter(is_set)));
        Ok(columns)
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        internal_err!("there is no state of single rows")
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Option<Pick>>() + self.bytes
    }
}
