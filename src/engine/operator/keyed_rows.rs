//! Rows of state by key: where each stands, and how batches with few rows in use go away.

use super::key_map::KeyMap;
use super::keys::KeyMaker;
use super::state_rows::{Place, StateRows, owned};
use arrow::array::RecordBatch;
use datafusion::common::Result;
use std::collections::{BTreeSet, VecDeque};

/// Sparse batches wait until there are so many.
const SEVERAL: usize = 8;
/// So many rows may be moved at a time, however few rows came.
const FEW: usize = 1_024;

/// What stands in a row of state.
pub trait Placed {
    /// Where.
    fn place(&mut self) -> &mut Place;
}

impl Placed for Place {
    fn place(&mut self) -> &mut Place {
        self
    }
}

/// What stands in rows of state, by key.
pub struct KeyedRows<V> {
    /// By key.
    pub by_key: KeyMap<V>,
    /// The batches with rows of these.
    batches: BTreeSet<u32>,
    /// Batches with few rows in use.
    sparse: VecDeque<u32>,
}

impl<V> Default for KeyedRows<V> {
    fn default() -> Self {
        Self { by_key: KeyMap::default(), batches: BTreeSet::new(), sparse: VecDeque::new() }
    }
}

impl<V: Placed> KeyedRows<V> {
    /// Notes a batch that was added.
    pub fn added(&mut self, number: u32, rows: &StateRows) {
        self.batches.insert(number);
        if rows.is_sparse(number) {
            self.sparse.push_back(number);
        }
    }

    /// Lets rows go out of use.
    pub fn drop_rows(&mut self, places: &[Place], rows: &mut StateRows) {
        let dropped = rows.drop_rows(places);
        self.sparse.extend(dropped.sparse);
        for number in dropped.gone {
            self.batches.remove(&number);
        }
    }

    /// The batches that rows are in.
    pub fn batches(&self) -> &BTreeSet<u32> {
        &self.batches
    }

    /// Writes rows of sparse batches anew, in one batch: at most about twice as many as have `changed`, so
    /// that it keeps up with what goes out of use and no call is a long one.
    pub fn tidy(&mut self, rows: &mut StateRows, keys: &KeyMaker, changed: usize) -> Result<()> {
        if self.sparse.len() < SEVERAL {
            return Ok(());
        }
        let mut moved: Vec<(u64, Place)> = Vec::new();
        while moved.len() < FEW.max(2 * changed)
            && let Some(number) = self.sparse.pop_front()
        {
            let Some(batch) = rows.load(number)? else { continue };
            self.find_rows(number, &batch, keys, &mut moved)?;
        }
        let places: Vec<Place> = moved.iter().map(|(_, place)| *place).collect();
        if places.is_empty() {
            return Ok(());
        }
        let number = rows.add(owned(rows.take(&places)?)?);
        for ((hash, place), row) in moved.into_iter().zip(0..) {
            if let Some(value) = self.by_key.find_mut(hash, |value| *value.place() == place) {
                *value.place() = (number, row);
            }
        }
        self.drop_rows(&places, rows);
        self.added(number, rows);
        Ok(())
    }

    /// The rows of a batch that are in use.
    fn find_rows(
        &mut self,
        number: u32,
        batch: &RecordBatch,
        keys: &KeyMaker,
        found: &mut Vec<(u64, Place)>,
    ) -> Result<()> {
        let keys = keys.keys(&batch.columns()[..keys.width()])?;
        for row in 0..batch.num_rows() {
            let (hash, place) = (keys.key(row).hash, (number, row as u32));
            if self.by_key.find_mut(hash, |value| *value.place() == place).is_some() {
                found.push((hash, place));
            }
        }
        Ok(())
    }
}
