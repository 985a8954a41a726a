//! count(DISTINCT x) of windows that slide: a value is looked at once in each pane, not once in each window.
//!
//! Windows are closed in order. So it is enough to know of a value in which pane it was seen last: a window
//! that is closed has the values that were seen since it began. Nothing here is state: it is made again from the
//! frozen rows of the panes.

use super::distinct::DistinctCount;
use super::distinct_values::{Panes, Values};
use super::frozen::Frozen;
use super::key_map::KeyMap;
use super::keys::{Key, KeyMaker};
use crate::clock::Micros;
use crate::query::aggregate::AggregateSpec;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many values are asked for at a time, so that a processor waits for the memory of all of them at once.
const ROUND: usize = 64;

/// The distinct values of one aggregate over the panes of the windows that were closed last.
pub struct RollingDistinct {
    /// Which aggregate it is.
    pub aggregate: usize,
    /// Where its list stands in the layout of state.
    column: usize,
    maker: KeyMaker,
    /// The frozen batches that were added.
    added: BTreeSet<u32>,
    /// Where each group stands in `groups`.
    numbers: KeyMap<u32>,
    groups: Vec<Values>,
    /// Numbers of groups that are not in use.
    free: Vec<u32>,
    /// What the groups take, in bytes.
    memory: usize,
    panes: Panes,
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
            numbers: KeyMap::default(),
            groups: Vec::new(),
            free: Vec::new(),
            memory: 0,
            panes: Panes::default(),
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
        let groups: Vec<u32> = (0..rows.num_rows()).map(|row| self.group(keys.key(row))).collect();
        let lists = rows.column(self.column).as_list::<i32>();
        match lists.values().as_string_opt::<i32>() {
            Some(texts) => {
                self.add_values(pane, &groups, lists.value_offsets(), |value| texts.value(value).as_bytes())
            }
            None => {
                let values = self.maker.keys(std::slice::from_ref(lists.values()))?;
                self.add_values(pane, &groups, lists.value_offsets(), |value| values.bytes(value));
            }
        }
        Ok(())
    }

    /// Adds the values of each group, which are those between two offsets. No value is null.
    fn add_values<'a>(
        &mut self,
        pane: Micros,
        groups: &[u32],
        offsets: &[i32],
        bytes: impl Fn(usize) -> &'a [u8],
    ) {
        let place = self.panes.place(pane);
        let (mut round, mut known) = (Vec::with_capacity(ROUND), Vec::with_capacity(ROUND));
        for (number, bounds) in groups.iter().zip(offsets.windows(2)) {
            let group = &mut self.groups[*number as usize];
            self.memory -= group.memory();
            let (mut at, end) = (bounds[0] as usize, bounds[1] as usize);
            while at < end {
                round.extend((at..end.min(at + ROUND)).map(|value| Key::of(bytes(value))));
                known.extend(round.iter().map(|key| group.ask_for(*key)));
                known.drain(..).flatten().for_each(|seen| self.panes.ask_for(seen));
                for key in round.drain(..) {
                    group.see(place, key, &mut self.panes);
                }
                at += ROUND;
            }
            self.memory += group.memory();
        }
    }

    fn group(&mut self, key: Key<'_>) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(Values::default());
            self.groups.len() as u32 - 1
        });
        self.memory += self.groups[number as usize].memory();
        self.numbers.add(key, number);
        number
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
            let number = self.numbers.get(keys.key(row));
            number.map_or(0, |number| self.groups[*number as usize].seen_since(start))
        });
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }

    /// Drops what no window that begins at `open` or later can have. O(groups) where a pane is over.
    pub fn forget_before(&mut self, open: Micros, batches: impl Fn(u32) -> bool) {
        if !self.panes.forget_before(open) {
            return;
        }
        self.added.retain(|number| batches(*number));
        let (groups, free, mut memory) = (&mut self.groups, &mut self.free, 0);
        self.numbers.retain(|number| {
            let group = &mut groups[*number as usize];
            group.forget_before(open, &self.panes);
            if group.is_empty() {
                *group = Values::default();
                free.push(*number);
                return false;
            }
            memory += group.memory();
            true
        });
        self.memory = memory;
    }

    /// What it takes, in bytes. O(panes).
    pub fn memory(&self) -> usize {
        self.numbers.memory() + self.memory + self.panes.memory()
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
