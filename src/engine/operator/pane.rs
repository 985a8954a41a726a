//! A pane: a stretch of time in which every record is in the same windows.

use super::frozen::Frozen;
use super::groups::Groups;
use super::state_rows::Place;
use crate::clock::Micros;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use arrow::array::RecordBatch;
use datafusion::common::Result;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// So many frozen batches are merged into one, where all of them are read again and again.
const MANY: usize = 8;

/// The partial aggregates of a pane: a live part that takes rows, and frozen rows.
pub struct Pane {
    start: Micros,
    live: Option<Groups>,
    /// The frozen batches.
    batches: BTreeSet<u32>,
    /// Where the one frozen row of each group is. Without it a group may have a row in each batch, and all
    /// rows are in use.
    index: Option<HashMap<Box<[u8]>, Place>>,
}

impl Pane {
    /// The pane that begins at `start`.
    pub fn new(start: Micros) -> Self {
        Self { start, live: None, batches: BTreeSet::new(), index: None }
    }

    /// Goes on with these frozen batches, and the rows of them that are in use.
    pub fn restore(&mut self, batches: &BTreeMap<u32, BTreeSet<u32>>, frozen: &mut Frozen) -> Result<()> {
        self.batches.extend(batches.keys());
        if batches.iter().all(|(number, live)| frozen.places(*number).count() == live.len()) {
            return Ok(());
        }
        let places = batches.iter().flat_map(|(number, live)| live.iter().map(|row| (*number, *row)));
        self.index_rows(places.collect(), frozen)
    }

    /// Aggregates rows of this pane.
    pub fn update(&mut self, spec: &AggregateSpec, rows: &Evaluated) -> Result<()> {
        let live = match &mut self.live {
            Some(live) => live,
            // With an index it is frozen after each batch.
            none if self.index.is_some() => none.insert(Groups::new(spec)?),
            none => none.insert(Groups::lasting(spec)?),
        };
        if !spec.sorted_input {
            return live.update(rows);
        }
        let mut alone = Groups::new(spec)?;
        alone.update(rows)?;
        live.merge(spec, &alone.take_state(spec)?)
    }

    /// Makes sure that single groups can be found: O(groups) at the first call, and O(1) then.
    pub fn index(&mut self, frozen: &mut Frozen) -> Result<()> {
        if self.index.is_some() {
            return Ok(());
        }
        let places = self.batches.iter().flat_map(|number| frozen.places(*number)).collect();
        self.index_rows(places, frozen)
    }

    fn index_rows(&mut self, places: Vec<Place>, frozen: &mut Frozen) -> Result<()> {
        let rows = frozen.rows.take(&places)?;
        let keys = frozen.keys(&rows)?;
        let own = |row: usize| Box::from(keys.of(row as u32));
        let index: HashMap<_, _> = places.iter().enumerate().map(|(row, place)| (own(row), *place)).collect();
        if index.len() == places.len() {
            self.index = Some(index);
            return Ok(());
        }
        // Some group has several rows.
        let state = frozen.merged(&[rows])?.take_state(&frozen.spec)?;
        self.forget(frozen);
        self.index = Some(HashMap::new());
        self.add(&state, frozen)
    }

    /// Freezes the live part; gives what it was: what changed since the last freeze.
    pub fn freeze(&mut self, frozen: &mut Frozen) -> Result<Option<RecordBatch>> {
        let Some(mut live) = self.live.take().filter(|live| !live.is_empty()) else { return Ok(None) };
        let state = live.take_state(&frozen.spec)?;
        self.add(&state, frozen)?;
        Ok(Some(state))
    }

    /// Adds frozen rows, one of each group. With an index they take the place of older ones. O(rows).
    fn add(&mut self, state: &RecordBatch, frozen: &mut Frozen) -> Result<()> {
        let Some(index) = &mut self.index else {
            self.batches.insert(frozen.add(self.start, state)?);
            return Ok(());
        };
        let keys = frozen.keys(state)?;
        let rows = 0..state.num_rows() as u32;
        let known = rows.clone().filter_map(|row| Some((*index.get(keys.of(row))?, row as usize)));
        let (older, of): (Vec<Place>, Vec<usize>) = known.unzip();
        let number = match older.is_empty() {
            true => frozen.add(self.start, state)?,
            false => {
                let state = frozen.replace(&older, &of, state)?;
                frozen.add(self.start, &state)?
            }
        };
        for row in rows {
            index.insert(keys.of(row).into(), (number, row));
        }
        self.batches.insert(number);
        Ok(())
    }

    /// Writes the frozen rows anew, in one batch, when there are many batches, or few of their rows in use.
    pub fn compact(&mut self, frozen: &mut Frozen) -> Result<()> {
        let Some(index) = &mut self.index else {
            if self.batches.len() < MANY {
                return Ok(());
            }
            let state = frozen.merged(&self.frozen_rows(frozen)?)?.take_state(&frozen.spec)?;
            self.forget(frozen);
            return self.add(&state, frozen);
        };
        self.batches.retain(|number| frozen.rows.batch(*number).is_some());
        if !frozen.rows.is_sparse(&self.batches) {
            return Ok(());
        }
        let mut places: Vec<&mut Place> = index.values_mut().collect();
        places.sort_unstable();
        let rows = frozen.rows.take(&places.iter().map(|place| **place).collect::<Vec<_>>())?;
        for number in std::mem::take(&mut self.batches) {
            frozen.rows.remove(number);
        }
        let number = frozen.rows.add(rows);
        self.batches.insert(number);
        places.into_iter().zip(0..).for_each(|(place, row)| *place = (number, row));
        Ok(())
    }

    /// Drops what is frozen.
    pub fn forget(&mut self, frozen: &mut Frozen) {
        self.index = None;
        for number in std::mem::take(&mut self.batches) {
            frozen.rows.remove(number);
        }
    }

    /// The live part itself, if nothing is frozen: then there is nothing to merge.
    pub fn take_live(&mut self) -> Option<Groups> {
        if self.batches.is_empty() { self.live.take() } else { None }
    }

    /// All frozen rows, in the order in which they were frozen.
    pub fn frozen_rows(&self, frozen: &Frozen) -> Result<Vec<RecordBatch>> {
        let Some(index) = &self.index else {
            return Ok(self
                .batches
                .iter()
                .filter_map(|number| frozen.rows.batch(*number))
                .cloned()
                .collect());
        };
        let mut places: Vec<Place> = index.values().copied().collect();
        places.sort_unstable();
        Ok(vec![frozen.rows.take(&places)?])
    }

    /// Where the frozen row of a group is, once there is an index.
    pub fn place(&self, key: &[u8]) -> Option<Place> {
        self.index.as_ref()?.get(key).copied()
    }

    /// About what the live part and the index take, in bytes.
    pub fn memory(&self) -> usize {
        let entry = |(key, _): (&Box<[u8]>, &Place)| size_of::<(Box<[u8]>, Place)>() + key.len();
        let indexed =
            self.index.as_ref().map_or(0, |index| index.capacity() * index.iter().next().map_or(0, entry));
        indexed + self.live.as_ref().map_or(0, Groups::memory)
    }

    /// How many groups there are, those that are live or in several batches counted once each.
    pub fn groups(&self, frozen: &Frozen) -> usize {
        let known = || self.batches.iter().map(|number| frozen.places(*number).count()).sum();
        self.index.as_ref().map_or_else(known, HashMap::len) + self.live.as_ref().map_or(0, Groups::len)
    }
}
