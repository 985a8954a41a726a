//! What changed in a window aggregate, for update mode.

use super::groups::Groups;
use super::keys::{Key, Keys};
use super::window_aggregate::WindowAggregate;
use crate::clock::Micros;
use arrow::array::RecordBatch;
use datafusion::common::Result;
use std::collections::{BTreeMap, HashSet};

/// Rows on the disk, by pane.
type OnDisk = BTreeMap<Micros, Vec<RecordBatch>>;

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
        let starts = self.starts_over(changed.keys().copied());
        let on_disk = self.on_disk(&starts, &changed)?;
        let mut rows = Vec::new();
        for start in starts {
            rows.push(self.changed_groups(start, &changed, &on_disk)?);
        }
        for (start, groups) in changed {
            if let Some(pane) = self.panes.get_mut(&start) {
                pane.compact(&mut self.frozen, groups.num_rows())?;
            }
        }
        Ok(rows)
    }

    /// What panes of these windows have on the disk of groups that changed in a window of theirs, by pane: a pane is read
    /// once, however many windows it is in.
    fn on_disk(&self, starts: &[Micros], changed: &BTreeMap<Micros, RecordBatch>) -> Result<OnDisk> {
        let size = self.window.size;
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(OnDisk::new()) };
        let mut found = OnDisk::new();
        for (at, pane) in self.panes.range(*first..last.saturating_add(size)) {
            if pane.runs().is_empty() {
                continue;
            }
            let near = at.saturating_sub(size - 1)..at.saturating_add(size);
            let keys = self.keys_of(changed.range(near))?;
            found.insert(*at, self.frozen.find(pane.runs(), each(&keys))?);
        }
        Ok(found)
    }

    /// The rows of one window for the groups that changed in its panes: merged from their rows in all of
    /// its panes.
    fn changed_groups(
        &self,
        start: Micros,
        changed: &BTreeMap<Micros, RecordBatch>,
        found: &OnDisk,
    ) -> Result<RecordBatch> {
        let on_disk = self.is_on_disk(start);
        if self.window.pane == self.window.size
            && !on_disk
            && let Some(groups) = changed.get(&start)
        {
            return self.rows_of(start, self.frozen.values(groups)?);
        }
        let end = start.saturating_add(self.window.size);
        let keys = self.keys_of(changed.range(start..end))?;
        let mut seen = HashSet::new();
        let keys: Vec<_> = each(&keys).filter(|key| seen.insert(key.bytes)).collect();
        let mut groups = Groups::new(&self.spec)?;
        for rows in found.range(start..end).flat_map(|(_, found)| found) {
            groups.merge(&self.spec, &self.frozen.only(rows, |key| seen.contains(key.bytes))?)?;
        }
        let panes = self.panes.range(start..end);
        let places: Vec<_> = panes.flat_map(|(_, pane)| pane.places(keys.iter().copied())).collect();
        groups.merge(&self.spec, &self.frozen.rows.take(&places)?)?;
        self.rows_of(start, groups.take_result()?)
    }

    /// The keys of groups by pane, with how many there are of each.
    fn keys_of<'a>(
        &self,
        groups: impl Iterator<Item = (&'a Micros, &'a RecordBatch)>,
    ) -> Result<Vec<(usize, Keys)>> {
        groups.map(|(_, groups)| Ok((groups.num_rows(), self.frozen.keys(groups)?))).collect()
    }
}

fn each(keys: &[(usize, Keys)]) -> impl Iterator<Item = Key<'_>> + Clone {
    keys.iter().flat_map(|(rows, keys)| (0..*rows).map(|row| keys.key(row)))
}
