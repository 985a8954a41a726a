//! The rows of a bucket by key.
//!
//! Looking a key up waits for memory three times, however many rows there are: for a slot, for a row, and for
//! the row's key.

use super::keys::folded;
use crate::clock::Micros;
use std::iter;

const NONE: u32 = u32::MAX;

/// Finds rows by their key, which is given as bytes and a hash of them. Rows of one hash are chained.
#[derive(Default)]
pub struct Index {
    /// The last row of each hash, by open addressing with linear probing; at most half of them are taken.
    slots: Vec<Slot>,
    taken: usize,
    rows: Vec<Row>,
    /// The keys of all rows, one behind the other.
    keys: Vec<u8>,
}

/// A hash, and the last row that has it.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    row: u32,
}

/// What is known of a row.
#[derive(Clone, Copy)]
struct Row {
    time: Micros,
    /// Where its key ends.
    end: usize,
    /// The row before it that has the same hash.
    before: u32,
}

impl Index {
    /// Adds the next row; without a key it is never found.
    pub fn add(&mut self, time: Micros, key: Option<(u64, &[u8])>) {
        let row = self.rows.len() as u32;
        let before = key.map_or(NONE, |(hash, bytes)| {
            self.keys.extend_from_slice(bytes);
            self.put(Slot { hash: folded(hash), row })
        });
        self.rows.push(Row { time, end: self.keys.len(), before });
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The times of all rows.
    pub fn times(&self) -> impl Iterator<Item = Micros> {
        self.rows.iter().map(|row| row.time)
    }

    /// The time of a row.
    pub fn time(&self, row: u32) -> Micros {
        self.rows[row as usize].time
    }

    /// What it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.rows.capacity() * size_of::<Row>()
            + self.keys.capacity()
    }

    /// The last row that has this hash, and perhaps the key.
    pub fn last(&self, hash: u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let row = self.slots[self.slot_of(folded(hash))].row;
        (row != NONE).then_some(row)
    }

    /// This row and those before it that have the same hash, the last one first.
    pub fn chain(&self, row: u32) -> impl Iterator<Item = u32> {
        iter::successors(Some(row), |row| {
            let before = self.rows[*row as usize].before;
            (before != NONE).then_some(before)
        })
    }

    /// The key of a row.
    pub fn key(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].end);
        &self.keys[start..self.rows[row].end]
    }

    /// Puts a row in the place of the last one that has its hash; gives that.
    fn put(&mut self, slot: Slot) -> u32 {
        if 2 * self.taken >= self.slots.len() {
            let slots = vec![Slot { hash: 0, row: NONE }; (2 * self.slots.len()).max(16)];
            for slot in std::mem::replace(&mut self.slots, slots) {
                let at = self.slot_of(slot.hash);
                if slot.row != NONE {
                    self.slots[at] = slot;
                }
            }
        }
        let at = self.slot_of(slot.hash);
        let before = std::mem::replace(&mut self.slots[at], slot).row;
        self.taken += usize::from(before == NONE);
        before
    }

    /// Where a hash is, or would be. There is always a free slot.
    fn slot_of(&self, hash: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].row != NONE && self.slots[at].hash != hash {
            at = (at + 1) & mask;
        }
        at
    }
}
