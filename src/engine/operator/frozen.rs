//! Frozen groups: partial aggregates as rows, which a snapshot keeps as they are.

use super::Snapshot;
use super::accumulators::Accumulators;
use super::groups::Groups;
use super::session::Keys;
use super::state_rows::{Place, StateRows};
use crate::clock::Micros;
use crate::query::aggregate::AggregateSpec;
use crate::query::functions::time_type;
use arrow::array::{AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The frozen groups of all panes: keys, states, pane. A batch belongs to one pane.
pub struct Frozen {
    /// What is aggregated.
    pub spec: Arc<AggregateSpec>,
    /// The rows.
    pub rows: StateRows,
    converter: RowConverter,
}

impl Frozen {
    /// No groups yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<AggregateSpec>) -> Result<Self> {
        let keys = spec.keys.fields().iter();
        let converter =
            RowConverter::new(keys.map(|field| SortField::new(field.data_type().clone())).collect())?;
        let pane = Arc::new(Field::new("pane", time_type(), false));
        let fields: Vec<_> = spec.state.fields().iter().cloned().chain([pane]).collect();
        Ok(Self { spec, rows: StateRows::new(Arc::new(Schema::new(fields))), converter })
    }

    /// Adds groups of a pane; gives the number of their batch.
    pub fn add(&mut self, pane: Micros, state: &RecordBatch) -> Result<u32> {
        let mut columns = state.columns().to_vec();
        columns.push(Arc::new(TimestampMicrosecondArray::from_value(pane, state.num_rows())));
        Ok(self.rows.add(RecordBatch::try_new(self.rows.schema().clone(), columns)?))
    }

    /// The keys of groups, to be compared.
    pub fn keys(&self, state: &RecordBatch) -> Result<Keys> {
        let width = self.spec.keys.fields().len();
        let keys = (width > 0).then(|| self.converter.convert_columns(&state.columns()[..width]));
        Ok(Keys(keys.transpose()?))
    }

    /// Merges groups with older rows of theirs, which go out of use: `of[n]` is the group of `older[n]`.
    pub fn replace(&mut self, older: &[Place], of: &[usize], state: &RecordBatch) -> Result<RecordBatch> {
        let (width, count) = (self.spec.keys.fields().len(), state.num_rows());
        let mut all = Accumulators::new(&self.spec)?;
        all.merge(&self.rows.take(older)?.columns()[width..], of, count)?;
        let each: Vec<usize> = (0..count).collect();
        all.merge(&state.columns()[width..], &each, count)?;
        self.rows.drop_rows(older);
        let mut columns = state.columns()[..width].to_vec();
        columns.extend(all.take_state()?);
        Ok(RecordBatch::try_new(self.spec.state.clone(), columns)?)
    }

    /// Rows merged into one of each group.
    pub fn merged(&self, batches: &[RecordBatch]) -> Result<Groups> {
        let mut groups = Groups::new(&self.spec)?;
        for rows in batches {
            groups.merge(&self.spec, rows)?;
        }
        Ok(groups)
    }

    /// The places of all rows of a batch.
    pub fn places(&self, number: u32) -> impl Iterator<Item = Place> + use<> {
        let rows = self.rows.batch(number).map_or(0, RecordBatch::num_rows) as u32;
        (0..rows).map(move |row| (number, row))
    }

    /// Goes on from what snapshots kept; gives the batches and rows in use, by pane.
    pub fn restore(&mut self, snapshots: Vec<Snapshot>) -> BTreeMap<Micros, BTreeMap<u32, BTreeSet<u32>>> {
        let parts = snapshots.into_iter().flat_map(|snapshot| snapshot.parts);
        let mut panes: BTreeMap<Micros, BTreeMap<u32, BTreeSet<u32>>> = BTreeMap::new();
        for (number, live) in self.rows.restore(parts) {
            let Some(batch) = self.rows.batch(number).filter(|batch| batch.num_rows() > 0) else { continue };
            let pane = batch.column(batch.num_columns() - 1).as_primitive::<TimestampMicrosecondType>();
            panes.entry(pane.value(0)).or_default().insert(number, live);
        }
        panes
    }
}
