//! What changed in a window aggregate, for update mode.

use super::groups::Groups;
use super::window_aggregate::WindowAggregate;
use crate::clock::Micros;
use arrow::array::RecordBatch;
use datafusion::common::Result;
use std::collections::{BTreeMap, HashSet};

impl WindowAggregate {
    /// The rows of groups and windows that changed since the last call. O(what changed).
    pub(super) fn changed(&mut self) -> Result<Vec<RecordBatch>> {
        let mut changed = BTreeMap::new();
        for (start, pane) in &mut self.panes {
            pane.index(&mut self.frozen)?;
            if let Some(rows) = pane.freeze(&mut self.frozen)? {
                changed.insert(*start, rows);
            }
        }
        let mut rows = Vec::new();
        for start in self.starts_over(changed.keys().copied()) {
            rows.push(self.changed_groups(start, &changed)?);
        }
        for (start, groups) in changed {
            if let Some(pane) = self.panes.get_mut(&start) {
                pane.compact(&mut self.frozen, groups.num_rows())?;
            }
        }
        Ok(rows)
    }

    /// The rows of one window for the groups that changed in its panes: merged from their rows in all of
    /// its panes.
    fn changed_groups(&self, start: Micros, changed: &BTreeMap<Micros, RecordBatch>) -> Result<RecordBatch> {
        let on_disk = self.is_on_disk(start);
        if self.window.pane == self.window.size
            && !on_disk
            && let Some(groups) = changed.get(&start)
        {
            return self.rows_of(start, self.frozen.values(groups)?);
        }
        let end = start.saturating_add(self.window.size);
        let keys =
            changed.range(start..end).map(|(_, groups)| Ok((groups.num_rows(), self.frozen.keys(groups)?)));
        let keys: Vec<_> = keys.collect::<Result<_>>()?;
        let keys = keys.iter().flat_map(|(rows, keys)| (0..*rows).map(|row| keys.key(row)));
        let mut seen = HashSet::new();
        let keys: Vec<_> = keys.filter(|key| seen.insert(key.bytes)).collect();
        let mut groups = Groups::new(&self.spec)?;
        for (_, pane) in self.panes.range(start..end).filter(|_| on_disk) {
            self.frozen.merge_keys(pane.runs(), &keys, &mut groups)?;
        }
        let panes = self.panes.range(start..end);
        let places: Vec<_> = panes.flat_map(|(_, pane)| pane.places(keys.iter().copied())).collect();
        groups.merge(&self.spec, &self.frozen.rows.take(&places)?)?;
        self.rows_of(start, groups.take_result()?)
    }
}
