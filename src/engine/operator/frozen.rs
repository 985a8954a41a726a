//! Frozen groups: partial aggregates as rows, which a snapshot keeps as they are.

use super::accumulators::Accumulators;
use super::frozen_disk::spill_all;
use super::groups::Groups;
use super::keys::{KeyMaker, Keys};
use super::spill::Disk;
use super::state_rows::{Place, StateRows};
use super::{Snapshot, StateLimit};
use crate::clock::Micros;
use crate::query::aggregate::AggregateSpec;
use crate::query::functions::time_type;
use arrow::array::{ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use datafusion::common::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The frozen groups of all panes: keys, states, pane. A batch belongs to one pane.
pub struct Frozen {
    /// What is aggregated.
    pub spec: Arc<AggregateSpec>,
    /// The rows.
    pub rows: StateRows,
    /// Makes bytes of the groups' keys.
    pub maker: KeyMaker,
    /// Where rows go that memory is not to hold, where there is a limit.
    pub disk: Option<Disk>,
}

impl Frozen {
    /// No groups yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<AggregateSpec>) -> Result<Self> {
        let maker = KeyMaker::new(spec.keys.fields().iter().map(|field| field.data_type().clone()))?;
        let pane = Arc::new(Field::new("pane", time_type(), false));
        let fields: Vec<_> = spec.state.fields().iter().cloned().chain([pane]).collect();
        Ok(Self { spec, rows: StateRows::new(Arc::new(Schema::new(fields))), maker, disk: None })
    }

    /// From now on rows may go to the disk, where keys all over are looked for with each batch or are not.
    pub fn keep_to(&mut self, limit: StateLimit, finds_keys: bool) {
        let mut disk = Disk::new(limit);
        disk.finds_keys = finds_keys;
        self.disk = Some(disk);
    }

    /// Adds groups of a pane; gives their batch, and its number.
    pub fn add(&mut self, pane: Micros, state: &RecordBatch) -> Result<(u32, RecordBatch)> {
        let mut columns = state.columns().to_vec();
        columns.push(Arc::new(TimestampMicrosecondArray::from_value(pane, state.num_rows())));
        let rows = RecordBatch::try_new(self.rows.schema().clone(), columns)?;
        Ok((self.rows.add(rows.clone()), rows))
    }

    /// The keys of groups, to be compared.
    pub fn keys(&self, groups: &RecordBatch) -> Result<Keys> {
        self.maker.keys(&groups.columns()[..self.maker.width()])
    }

    /// Groups merged with older rows of theirs: `of[n]` is the group of `older[n]`.
    pub fn merge_older(&self, older: &[Place], of: &[usize], state: &RecordBatch) -> Result<RecordBatch> {
        let (width, count) = (self.maker.width(), state.num_rows());
        let mut all = Accumulators::new(&self.spec)?;
        let older = self.rows.take_columns(older, width..state.num_columns())?;
        let each: Vec<usize> = (0..count).collect();
        all.merge_both((older.columns(), of), (&state.columns()[width..], &each), count)?;
        let mut columns = state.columns()[..width].to_vec();
        columns.extend(all.take_state()?);
        Ok(RecordBatch::try_new(self.spec.state.clone(), columns)?)
    }

    /// The keys and values of groups that have one row each.
    pub fn values(&self, groups: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        let (keys, states) = groups.columns().split_at(self.maker.width());
        let mut values = Accumulators::new(&self.spec)?;
        let each: Vec<usize> = (0..groups.num_rows()).collect();
        values.merge(&states[..states.len() - 1], &each, each.len())?;
        Ok((keys.to_vec(), values.take_values()?))
    }

    /// The keys and values of the groups in these batches; `merges` where a group may have several rows.
    pub fn result(&self, batches: &[RecordBatch], merges: bool) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>)> {
        match batches {
            [only] if !merges => self.values(only),
            _ => self.merged(batches)?.take_result(),
        }
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

    /// Goes on from what snapshots kept; gives the batches and rows in use, by pane. Beyond the limit they go to the
    /// disk, the ones before them too.
    pub fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<BTreeMap<Micros, Restored>> {
        let parts = snapshots.into_iter().flat_map(|snapshot| snapshot.parts);
        let (maker, disk) = (&self.maker, &mut self.disk);
        let kept = self.rows.restore(parts, |rows| match disk {
            Some(disk) if rows.memory() > disk.limit.held() => spill_all(rows, maker, disk),
            _ => Ok(()),
        })?;
        let mut panes: BTreeMap<Micros, Restored> = BTreeMap::new();
        for (number, live) in kept {
            let Some(batch) = self.rows.batch(number).filter(|batch| batch.num_rows() > 0) else { continue };
            panes.entry(pane_of(batch)).or_default().batches.insert(number, live);
        }
        for (number, run) in self.rows.runs() {
            panes.entry(run.pane).or_default().runs.insert(number);
        }
        Ok(panes)
    }
}

/// What a pane goes on from.
#[derive(Default)]
pub struct Restored {
    /// Its batches in memory, with the rows in use.
    pub batches: BTreeMap<u32, BTreeSet<u32>>,
    /// Its batches on the disk.
    pub runs: BTreeSet<u32>,
}

/// The start of the pane that a batch is of.
pub fn pane_of(batch: &RecordBatch) -> Micros {
    batch.column(batch.num_columns() - 1).as_primitive::<TimestampMicrosecondType>().value(0)
}
