//! A pane: a stretch of time in which every record is in the same windows.

use super::frozen::{Frozen, Restored};
use super::groups::Groups;
use super::keyed_rows::KeyedRows;
use super::keys::Key;
use super::spill::last_alike;
use super::state_rows::{Place, shrunk};
use super::touched::Touched;
use crate::clock::Micros;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use arrow::array::RecordBatch;
use datafusion::common::Result;
use std::collections::BTreeSet;

/// So many frozen batches are merged into one, where all of them are read again and again.
const MANY: usize = 8;
/// So many of about one size are merged into one, where they are read once.
const SEVERAL: usize = 4;
/// After so many batches without a row a pane rests.
const RESTING: u32 = 8;

/// The partial aggregates of a pane: a live part that takes rows, and frozen rows.
pub struct Pane {
    pub(super) start: Micros,
    live: Option<Groups>,
    pub(super) touched: Touched,
    /// So many batches had no row for it, one after the other.
    rested: u32,
    /// Whether a group may have several rows in one batch: in one that was on the disk before a restart.
    pub(super) restored: bool,
    pub(super) held: Held,
    /// The numbers of batches on the disk, all of them older than what is held.
    pub(super) runs: BTreeSet<u32>,
}

/// The frozen rows of a pane that are in memory.
pub enum Held {
    /// The numbers of batches. A group may have a row in each, and all rows are in use.
    Batches(BTreeSet<u32>),
    /// Where the one row of each group stands.
    Groups(KeyedRows<Place>),
}

impl Pane {
    /// The pane that begins at `start`.
    pub fn new(start: Micros) -> Self {
        let (touched, held) = (Touched::default(), Held::Batches(BTreeSet::new()));
        Self { start, live: None, touched, rested: 0, restored: false, held, runs: BTreeSet::new() }
    }

    /// Goes on with these frozen batches, and the rows of them that are in use.
    pub fn restore(&mut self, restored: Restored, frozen: &mut Frozen) -> Result<()> {
        let Restored { batches, runs } = restored;
        (self.runs, self.restored) = (runs, true);
        self.held = Held::Batches(batches.keys().copied().collect());
        if batches.iter().all(|(number, live)| frozen.places(*number).count() == live.len()) {
            return Ok(());
        }
        let places = batches.iter().flat_map(|(number, live)| live.iter().map(|row| (*number, *row)));
        self.index_rows(places.collect(), frozen)
    }

    /// Aggregates rows of this pane.
    pub fn update(&mut self, spec: &AggregateSpec, rows: &Evaluated) -> Result<()> {
        let live = match (&mut self.live, &self.held) {
            (Some(live), _) => live,
            // With an index it is frozen after each batch.
            (none, Held::Groups(_)) => none.insert(Groups::new(spec)?),
            (none, Held::Batches(_)) => none.insert(Groups::lasting(spec)?),
        };
        if spec.sorted_input {
            let mut alone = Groups::new(spec)?;
            alone.update(rows)?;
            live.merge(spec, &alone.take_state(spec)?)?;
        } else {
            live.update(rows)?;
        }
        self.touched.add(live.of_last_rows());
        self.rested = 0;
        Ok(())
    }

    /// A batch is over. Where no row has come for a while, the live part is frozen, as that takes less than half as much.
    pub fn rest(&mut self, frozen: &mut Frozen) -> Result<()> {
        self.rested = self.rested.saturating_add(1);
        if self.rested != RESTING {
            return Ok(());
        }
        self.freeze(frozen)?;
        self.merge_small(frozen)
    }

    /// Makes sure that single groups can be found: O(groups) at the first call, and O(1) then.
    pub fn index(&mut self, frozen: &mut Frozen) -> Result<()> {
        let Held::Batches(batches) = &self.held else { return Ok(()) };
        let places = batches.iter().flat_map(|number| frozen.places(*number)).collect();
        self.index_rows(places, frozen)
    }

    fn index_rows(&mut self, places: Vec<Place>, frozen: &mut Frozen) -> Result<()> {
        let rows = frozen.rows.take(&places)?;
        let keys = frozen.keys(&rows)?;
        let mut groups = KeyedRows::default();
        for (row, place) in places.iter().enumerate() {
            groups.by_key.set(keys.key(row), *place);
        }
        if groups.by_key.len() < places.len() {
            // Some group has several rows.
            let state = frozen.merged(&[rows])?.take_state(&frozen.spec)?;
            self.forget_held(frozen);
            self.held = Held::Groups(KeyedRows::default());
            return self.add(&state, frozen).map(|_| ());
        }
        if let Held::Batches(batches) = &self.held {
            batches.iter().for_each(|number| groups.added(*number, &frozen.rows));
        }
        self.held = Held::Groups(groups);
        Ok(())
    }

    /// Freezes the live part; gives the rows that are frozen now for the groups that it had.
    pub fn freeze(&mut self, frozen: &mut Frozen) -> Result<Option<RecordBatch>> {
        let Some(mut live) = self.live.take().filter(|live| !live.is_empty()) else { return Ok(None) };
        let state = shrunk(live.take_state(&frozen.spec)?)?;
        self.add(&state, frozen).map(Some)
    }

    /// Adds frozen rows, one of each group. With an index they take the place of older ones. O(rows).
    fn add(&mut self, state: &RecordBatch, frozen: &mut Frozen) -> Result<RecordBatch> {
        let groups = match &mut self.held {
            Held::Batches(batches) => {
                let (number, rows) = frozen.add(self.start, state)?;
                batches.insert(number);
                return Ok(rows);
            }
            Held::Groups(groups) => groups,
        };
        let keys = frozen.keys(state)?;
        let each = 0..state.num_rows();
        let known = groups.by_key.get_all(each.clone().map(|row| keys.key(row)));
        let known = known.into_iter().enumerate().filter_map(|(row, place)| Some((*place?, row)));
        let (older, of): (Vec<Place>, Vec<usize>) = known.unzip();
        let (number, rows) = match older.is_empty() {
            true => frozen.add(self.start, state)?,
            false => frozen.add(self.start, &frozen.merge_older(&older, &of, state)?)?,
        };
        for row in each {
            groups.by_key.set(keys.key(row), (number, row as u32));
        }
        groups.drop_rows(&older, &mut frozen.rows);
        groups.added(number, &frozen.rows);
        Ok(rows)
    }

    /// Writes frozen rows anew where there are many batches, or few of their rows in use; `changed` rows were
    /// added since the last call.
    pub fn compact(&mut self, frozen: &mut Frozen, changed: usize) -> Result<()> {
        match &mut self.held {
            Held::Groups(groups) => groups.tidy(&mut frozen.rows, &frozen.maker, changed),
            Held::Batches(batches) if batches.len() < MANY => Ok(()),
            Held::Batches(_) => {
                let state = frozen.merged(&self.frozen_rows(frozen)?)?.take_state(&frozen.spec)?;
                self.forget_held(frozen);
                self.add(&state, frozen).map(|_| ())
            }
        }
    }

    /// Merges the last frozen batches where several are about as large, so that there are few of them, and a row is
    /// written anew seldom: about as often as the rows of the pane double.
    pub fn merge_small(&mut self, frozen: &mut Frozen) -> Result<()> {
        let Held::Batches(batches) = &self.held else { return Ok(()) };
        let rows = |number: &u32| frozen.rows.batch(*number).map_or(0, RecordBatch::num_rows);
        let alike = last_alike(batches.iter().map(rows));
        if alike < SEVERAL {
            return Ok(());
        }
        let merged: Vec<u32> = batches.iter().copied().skip(batches.len() - alike).collect();
        let parts: Vec<_> = merged.iter().filter_map(|number| frozen.rows.batch(*number)).cloned().collect();
        let state = frozen.merged(&parts)?.take_state(&frozen.spec)?;
        let (number, _) = frozen.add(self.start, &state)?;
        if let Held::Batches(batches) = &mut self.held {
            merged.iter().for_each(|number| {
                batches.remove(number);
            });
            batches.insert(number);
        }
        merged.iter().for_each(|number| frozen.rows.remove(*number));
        Ok(())
    }

    /// Drops what is frozen.
    pub fn forget(&mut self, frozen: &mut Frozen) {
        std::mem::take(&mut self.runs).iter().for_each(|number| frozen.rows.remove(*number));
        self.forget_held(frozen);
    }

    pub(super) fn forget_held(&mut self, frozen: &mut Frozen) {
        self.batches().iter().for_each(|number| frozen.rows.remove(*number));
        self.held = Held::Batches(BTreeSet::new());
    }

    /// What is on the disk: the numbers of batches. A group may have a row in each.
    pub fn runs(&self) -> &BTreeSet<u32> {
        &self.runs
    }

    /// The numbers of its frozen batches in memory, whose rows are all in use; none where single rows are.
    pub fn whole_batches(&self) -> Option<&BTreeSet<u32>> {
        match &self.held {
            Held::Batches(batches) => Some(batches),
            Held::Groups(_) => None,
        }
    }

    fn batches(&self) -> &BTreeSet<u32> {
        match &self.held {
            Held::Batches(batches) => batches,
            Held::Groups(groups) => groups.batches(),
        }
    }

    /// The live part itself, if nothing is frozen: then there is nothing to merge.
    pub fn take_live(&mut self) -> Option<Groups> {
        if self.batches().is_empty() && self.runs.is_empty() { self.live.take() } else { None }
    }

    /// All frozen rows in memory, in the order in which they were frozen.
    pub fn frozen_rows(&self, frozen: &Frozen) -> Result<Vec<RecordBatch>> {
        match &self.held {
            Held::Batches(batches) => {
                Ok(batches.iter().filter_map(|number| frozen.rows.batch(*number)).cloned().collect())
            }
            Held::Groups(groups) => {
                let mut places: Vec<Place> = groups.by_key.iter().map(|entry| entry.value).collect();
                places.sort_unstable();
                Ok(vec![frozen.rows.take(&places)?])
            }
        }
    }

    /// Where the frozen rows of groups are in memory, once there is an index.
    pub fn places<'a>(&self, keys: impl Iterator<Item = Key<'a>>) -> Vec<Place> {
        match &self.held {
            Held::Batches(_) => vec![],
            Held::Groups(groups) => groups.by_key.get_all(keys).into_iter().flatten().copied().collect(),
        }
    }

    /// About what the live part and the index take, in bytes.
    pub fn memory(&self) -> usize {
        let index = match &self.held {
            Held::Batches(_) => 0,
            Held::Groups(groups) => groups.by_key.memory(),
        };
        index + self.live.as_ref().map_or(0, Groups::memory)
    }

    /// How many groups rows came to since the last call.
    pub fn take_touched(&mut self) -> usize {
        self.touched.take_count()
    }

    /// How many groups are live.
    pub fn live(&self) -> usize {
        self.live.as_ref().map_or(0, Groups::len)
    }
}
