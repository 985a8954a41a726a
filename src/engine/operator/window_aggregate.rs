//! The window aggregate: rows go into panes, windows are merged from panes when they are shown.

use super::frozen::Frozen;
use super::pane::Pane;
use super::rolling_distinct::RollingDistinct;
use super::window_parts::Giving;
use super::{Operator, Pushed, Snapshot, StateLimit};
use crate::clock::Micros;
use crate::engine::options::OutputMode;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use crate::query::functions::window_fields;
use crate::query::window::WindowSpec;
use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::{Result, internal_err};
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

/// Windows over one stream. Whatever the window's kind, a row is aggregated once, in its pane.
pub struct WindowAggregate {
    pub(super) spec: Arc<AggregateSpec>,
    pub(super) window: WindowSpec,
    pub(super) panes: BTreeMap<Micros, Pane>,
    /// Rows that were pushed and are in no pane yet, by its start.
    pushed: Vec<(Micros, Evaluated)>,
    pub(super) frozen: Frozen,
    /// What need not be merged from panes when a window that slides is closed.
    pub(super) rolling: Vec<RollingDistinct>,
    /// The start of the first window that is not final. Rows of earlier windows only are late.
    pub(super) open: Micros,
    updated: usize,
    /// What is still to be given since the last `advance`.
    pub(super) giving: Option<Giving>,
    waits_to_spill: bool,
}

impl WindowAggregate {
    /// No windows yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<AggregateSpec>, window: WindowSpec) -> Result<Self> {
        let frozen = Frozen::new(spec.clone())?;
        let rolling = if window.pane < window.size { RollingDistinct::all(&spec)? } else { vec![] };
        Ok(Self {
            spec,
            window,
            panes: BTreeMap::new(),
            pushed: Vec::new(),
            frozen,
            rolling,
            open: Micros::MIN,
            updated: 0,
            giving: None,
            waits_to_spill: false,
        })
    }

    /// Evaluates rows that came out of the plan below, by pane; gives how many of them were late. O(rows).
    ///
    /// A row is late when all of its windows are final. A row without a time is in no window.
    fn evaluate(&mut self, rows: &RecordBatch) -> Result<u64> {
        if rows.num_rows() == 0 {
            return Ok(0);
        }
        let rows = self.spec.evaluate(rows)?;
        let panes = rows.panes.as_primitive::<TimestampMicrosecondType>();
        let (Some(first), Some(last)) = (compute::min(panes), compute::max(panes)) else { return Ok(0) };
        if first == last && panes.null_count() == 0 && first >= self.open {
            self.pushed.push((first, rows));
            return Ok(0);
        }
        let mut late = 0;
        let mut by_pane: BTreeMap<Micros, Vec<u32>> = BTreeMap::new();
        for (row, pane) in panes.iter().enumerate() {
            match pane {
                Some(pane) if pane >= self.open => by_pane.entry(pane).or_default().push(row as u32),
                Some(_) => late += 1,
                None => {}
            }
        }
        for (pane, positions) in by_pane {
            self.pushed.push((pane, rows.take(&UInt32Array::from(positions))?));
        }
        Ok(late)
    }

    /// Makes the windows final that end at or before `watermark`, without showing them.
    pub(super) fn forget(&mut self, watermark: Micros) {
        if watermark > Micros::MIN {
            self.forget_before(self.window.first_open(watermark));
        }
    }

    pub(super) fn forget_before(&mut self, open: Micros) {
        self.open = self.open.max(open);
        let kept = self.panes.split_off(&self.open);
        for mut pane in std::mem::replace(&mut self.panes, kept).into_values() {
            pane.forget(&mut self.frozen);
        }
        for rolling in &mut self.rolling {
            rolling.forget_before(self.open, |number| self.frozen.rows.batch(number).is_some());
        }
    }

    /// The starts of the windows over these panes, in order, those that are final left out.
    pub(super) fn starts_over(&self, panes: impl Iterator<Item = Micros>) -> Vec<Micros> {
        let window = &self.window;
        let mut starts = BTreeSet::new();
        for pane in panes {
            let first = Some(window.first_start(pane).max(self.open));
            let all = iter::successors(first, |start| start.checked_add(window.slide));
            starts.extend(all.take_while(|start| *start <= pane));
        }
        starts.into_iter().collect()
    }

    /// The rows of one window that is in memory. Its groups come in the order in which its panes have them.
    pub(super) fn window(&mut self, start: Micros, keep: Keep) -> Result<Option<RecordBatch>> {
        let end = start.saturating_add(self.window.size);
        let mut panes: Vec<&mut Pane> = self.panes.range_mut(start..end).map(|(_, pane)| pane).collect();
        let alone = match &mut panes[..] {
            [] => return Ok(None),
            // A tumbling window that was never frozen is its pane: nothing to merge.
            [only] if keep == Keep::Nothing && self.window.pane == self.window.size => only.take_live(),
            _ => None,
        };
        if let Some(mut groups) = alone {
            return self.rows_of(start, groups.take_result()?).map(Some);
        }
        let mut batches = Vec::new();
        for pane in &mut panes {
            pane.freeze(&mut self.frozen)?;
            batches.extend(pane.frozen_rows(&self.frozen)?);
        }
        let merges = batches.len() > 1 || panes.iter().any(|pane| pane.restored);
        if keep == Keep::Nothing && panes.iter().all(|pane| pane.whole_batches().is_some()) {
            return self.rolled(start, batches, merges).map(Some);
        }
        self.rows_of(start, self.frozen.result(&batches, merges)?).map(Some)
    }

    /// The rows of the window that is closed next, where what rolls on is not merged from its panes.
    fn rolled(&mut self, start: Micros, mut batches: Vec<RecordBatch>, merges: bool) -> Result<RecordBatch> {
        let end = start.saturating_add(self.window.size);
        for rolling in &mut self.rolling {
            for (pane, numbers) in
                self.panes.range(start..end).filter_map(|(at, pane)| Some((at, pane.whole_batches()?)))
            {
                rolling.add(*pane, numbers, &self.frozen)?;
            }
            for rows in &mut batches {
                *rows = rolling.without_lists(rows)?;
            }
        }
        let (keys, mut values) = self.frozen.result(&batches, merges)?;
        for rolling in &self.rolling {
            let value = &mut values[rolling.aggregate];
            *value = rolling.counts(start, &keys, value.len(), &self.frozen)?;
        }
        self.rows_of(start, (keys, values))
    }

    /// Puts a window, its groups and their values together as a result.
    pub(super) fn rows_of(
        &self,
        start: Micros,
        (mut columns, values): (Vec<ArrayRef>, Vec<ArrayRef>),
    ) -> Result<RecordBatch> {
        let Some(rows) = values.first().or(columns.first()).map(|column| column.len()) else {
            return internal_err!("a window has neither groups nor aggregates");
        };
        let time = |time: Micros| Arc::new(TimestampMicrosecondArray::from_value(time, rows)) as ArrayRef;
        let bounds = vec![time(start), time(start.saturating_add(self.window.size))];
        columns.insert(self.spec.position, Arc::new(StructArray::try_new(window_fields(), bounds, None)?));
        columns.extend(values);
        Ok(RecordBatch::try_new(self.spec.result.clone(), columns)?)
    }
}

/// Whether panes are needed after a window was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// They are not.
    Nothing,
    /// They are.
    Panes,
}

impl Operator for WindowAggregate {
    fn push(&mut self, _: usize, rows: &RecordBatch) -> Result<Pushed> {
        let late = self.evaluate(rows)?;
        Ok(Pushed { rows: vec![], late })
    }

    fn commit(&mut self) -> Result<()> {
        for (pane, rows) in self.pushed.drain(..) {
            self.panes.entry(pane).or_insert_with(|| Pane::new(pane)).update(&self.spec, &rows)?;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.pushed.clear();
    }

    fn advance(&mut self, watermark: Micros, mode: OutputMode) -> Result<Vec<RecordBatch>> {
        self.updated = self.panes.values_mut().map(Pane::take_touched).sum();
        let watermark =
            if watermark < Micros::MAX { watermark.saturating_sub(self.spec.lag) } else { watermark };
        match mode {
            OutputMode::Append => {
                let closed = self.give_all(Giving::closed(watermark))?;
                self.panes.values_mut().try_for_each(|pane| pane.rest(&mut self.frozen))?;
                Ok(closed)
            }
            OutputMode::Complete => self.give_all(Giving::all(self.starts_over(self.panes.keys().copied()))),
            OutputMode::Update => {
                let changed = self.changed()?;
                // At the end of a bounded run they are shown, and a run to come goes on with them.
                if watermark < Micros::MAX {
                    self.forget(watermark);
                }
                self.spill_above_limit()?;
                Ok(changed)
            }
        }
    }

    fn more(&mut self) -> Result<Vec<RecordBatch>> {
        self.give()
    }

    fn keep_to(&mut self, limit: StateLimit, mode: OutputMode) {
        self.waits_to_spill = mode == OutputMode::Update;
        self.frozen.keep_to(limit, self.waits_to_spill);
    }

    /// In update mode what a batch changed stays in memory until it is shown.
    fn spill(&mut self) -> Result<()> {
        if self.waits_to_spill { Ok(()) } else { self.spill_above_limit() }
    }

    fn spilled(&self) -> usize {
        self.frozen.rows.spilled()
    }

    fn late_before(&self, _: usize) -> Micros {
        self.open
    }

    fn rows(&self) -> usize {
        self.frozen.rows.len() + self.panes.values().map(Pane::live).sum::<usize>()
    }

    fn updated(&self) -> usize {
        self.updated
    }

    fn memory(&self) -> usize {
        let rolling = self.rolling.iter().map(RollingDistinct::memory).sum::<usize>();
        self.frozen.rows.memory()
            + self.frozen.rows.stays()
            + self.panes.values().map(Pane::memory).sum::<usize>()
            + rolling
    }

    fn snapshot(&mut self) -> Result<Snapshot> {
        for pane in self.panes.values_mut() {
            pane.freeze(&mut self.frozen)?;
            pane.merge_small(&mut self.frozen)?;
        }
        Ok(Snapshot { mark: self.open, parts: self.frozen.rows.save()? })
    }

    /// Panes of final windows are left out.
    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()> {
        let open = snapshots.last().map_or(Micros::MIN, |snapshot| snapshot.mark);
        for (start, restored) in self.frozen.restore(snapshots)? {
            let pane = self.panes.entry(start).or_insert_with(|| Pane::new(start));
            pane.restore(restored, &mut self.frozen)?;
        }
        self.forget_before(open);
        Ok(())
    }
}
