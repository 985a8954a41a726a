//! count(DISTINCT x) of windows that slide: a value is looked at once in each pane, not once in each window.
//!
//! Windows are closed in order. So it is enough to know of a value in which pane it was seen last: a window
//! that is closed has the values that were seen since it began. Nothing here is state: it is made again from the
//! frozen rows of the panes.

use super::distinct::DistinctCount;
use super::frozen::Frozen;
use super::key_map::KeyMap;
use super::keys::{Key, KeyMaker};
use crate::clock::Micros;
use crate::query::aggregate::AggregateSpec;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use hashbrown::HashTable;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many values are kept before those that no window can have any more are looked for.
const MANY: usize = 32;

/// The distinct values of one aggregate over the panes of the windows that were closed last.
pub struct RollingDistinct {
    /// Which aggregate it is.
    pub aggregate: usize,
    /// Where its list stands in the layout of state.
    column: usize,
    maker: KeyMaker,
    /// The frozen batches that were added.
    added: BTreeSet<u32>,
    groups: KeyMap<u32>,
    /// By group: how many of its values were seen last in which pane, in the order of panes.
    seen_in: Vec<Vec<(Micros, i64)>>,
    /// Numbers of groups that are not in use.
    free: Vec<u32>,
    /// The values of all groups.
    seen: HashTable<Seen>,
    /// Their bytes, one behind the other.
    bytes: Vec<u8>,
    /// How many values there were when those that no window can have were dropped.
    kept: usize,
}

/// A value of a group, and the pane in which it was seen last.
#[derive(Clone, Copy)]
struct Seen {
    hash: u64,
    pane: Micros,
    start: usize,
    length: u32,
    group: u32,
}

impl Seen {
    fn bytes(self, all: &[u8]) -> &[u8] {
        &all[self.start..self.start + self.length as usize]
    }
}

impl RollingDistinct {
    /// One for each aggregate that it serves.
    ///
    /// # Errors
    /// When values are of a type that cannot be compared.
    pub fn all(spec: &AggregateSpec) -> Result<Vec<Self>> {
        let mut column = spec.keys.fields().len();
        let mut all = Vec::new();
        for (number, (aggregate, width)) in spec.aggregates.iter().zip(&spec.state_widths).enumerate() {
            if DistinctCount::serves(aggregate)
                && let DataType::List(item) = spec.state.field(column).data_type()
            {
                all.push(Self::new(number, column, item.data_type().clone())?);
            }
            column += width;
        }
        Ok(all)
    }

    fn new(aggregate: usize, column: usize, of: DataType) -> Result<Self> {
        Ok(Self {
            aggregate,
            column,
            maker: KeyMaker::new([of])?,
            added: BTreeSet::new(),
            groups: KeyMap::default(),
            seen_in: Vec::new(),
            free: Vec::new(),
            seen: HashTable::new(),
            bytes: Vec::new(),
            kept: 0,
        })
    }

    /// Adds the frozen batches of a pane that were not added yet. O(their values).
    pub fn add(&mut self, pane: Micros, batches: &BTreeSet<u32>, frozen: &Frozen) -> Result<()> {
        for number in batches {
            if let Some(rows) = frozen.rows.batch(*number)
                && self.added.insert(*number)
            {
                self.add_rows(pane, rows, frozen)?;
            }
        }
        Ok(())
    }

    fn add_rows(&mut self, pane: Micros, rows: &RecordBatch, frozen: &Frozen) -> Result<()> {
        let keys = frozen.keys(rows)?;
        let lists = rows.column(self.column).as_list::<i32>();
        let values = self.maker.keys(std::slice::from_ref(lists.values()))?;
        for (row, bounds) in lists.offsets().windows(2).enumerate() {
            let group = self.group(keys.key(row));
            let mut counts = std::mem::take(&mut self.seen_in[group as usize]);
            for value in bounds[0]..bounds[1] {
                let before = self.see(group, pane, values.key(value as usize));
                if before.is_none_or(|before| before < pane) {
                    before.into_iter().for_each(|before| count(&mut counts, before, -1));
                    count(&mut counts, pane, 1);
                }
            }
            self.seen_in[group as usize] = counts;
        }
        Ok(())
    }

    fn group(&mut self, key: Key<'_>) -> u32 {
        if let Some(number) = self.groups.get(key) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.seen_in.push(Vec::new());
            self.seen_in.len() as u32 - 1
        });
        self.groups.add(key, number);
        number
    }

    /// A value was seen in a pane; gives the one in which it was seen last before.
    fn see(&mut self, group: u32, pane: Micros, value: Key<'_>) -> Option<Micros> {
        let (all, key) = (&self.bytes, value.bytes);
        let hash = value.hash ^ u64::from(group).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let is_it = |seen: &Seen| seen.hash == hash && seen.group == group && seen.bytes(all) == key;
        if let Some(seen) = self.seen.find_mut(hash, is_it) {
            let before = seen.pane;
            seen.pane = pane.max(before);
            return Some(before);
        }
        let seen = Seen { hash, pane, start: self.bytes.len(), length: key.len() as u32, group };
        self.bytes.extend_from_slice(key);
        self.seen.insert_unique(hash, seen, |seen| seen.hash);
        None
    }

    /// How many values each of these groups has in the window that begins at `start` and is the last one that
    /// was closed. `keys` are the columns of the groups.
    pub fn counts(
        &self,
        start: Micros,
        keys: &[ArrayRef],
        groups: usize,
        frozen: &Frozen,
    ) -> Result<ArrayRef> {
        let keys = frozen.maker.keys(keys)?;
        let counts = (0..groups).map(|row| {
            let counts =
                self.groups.get(keys.key(row)).map_or(&[][..], |group| &self.seen_in[*group as usize]);
            counts.iter().filter(|(pane, _)| *pane >= start).map(|(_, count)| count).sum()
        });
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    /// Drops what no window that begins at `open` or later can have, now and then.
    pub fn forget_before(&mut self, open: Micros, batches: impl Fn(u32) -> bool) {
        self.added.retain(|number| batches(*number));
        if self.seen.len() < MANY.max(2 * self.kept) {
            return;
        }
        self.drop_values_before(open);
        self.kept = self.seen.len();
        for counts in &mut self.seen_in {
            counts.retain(|(pane, count)| *pane >= open && *count > 0);
        }
        let (seen_in, free) = (&self.seen_in, &mut self.free);
        self.groups.retain(|group| {
            let is_used = !seen_in[*group as usize].is_empty();
            if !is_used {
                free.push(*group);
            }
            is_used
        });
    }

    fn drop_values_before(&mut self, open: Micros) {
        let all = std::mem::take(&mut self.bytes);
        let mut kept = Vec::new();
        self.seen.retain(|seen| {
            if seen.pane < open {
                return false;
            }
            let start = kept.len();
            kept.extend_from_slice(seen.bytes(&all));
            seen.start = start;
            true
        });
        self.bytes = kept;
    }

    /// What it takes, in bytes.
    pub fn memory(&self) -> usize {
        let counts =
            self.seen_in.iter().map(|counts| counts.capacity() * size_of::<(Micros, i64)>()).sum::<usize>();
        self.seen.allocation_size() + self.bytes.capacity() + self.groups.memory() + counts
    }

    /// The rows without the lists of values, which need not be merged.
    pub fn without_lists(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        let lists = columns[self.column].as_list::<i32>();
        let DataType::List(item) = lists.data_type() else { return Ok(rows.clone()) };
        let offsets = OffsetBuffer::new_zeroed(lists.len());
        let none = lists.values().slice(0, 0);
        columns[self.column] = Arc::new(ListArray::try_new(item.clone(), offsets, none, None)?);
        Ok(RecordBatch::try_new(rows.schema(), columns)?)
    }
}

/// Adds to the count of a pane; panes are few, and mostly the last one is meant.
fn count(counts: &mut Vec<(Micros, i64)>, pane: Micros, by: i64) {
    match counts.iter_mut().rev().find(|(of, _)| *of == pane) {
        Some((_, count)) => *count += by,
        None => {
            let at = counts.partition_point(|(of, _)| *of < pane);
            counts.insert(at, (pane, by));
        }
    }
}
