//! The rows of a bucket by key.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const NONE: u32 = u32::MAX;

/// Finds rows by their key, which is given as bytes and a hash of them. Rows of one hash are chained.
#[derive(Default)]
pub struct Index {
    /// The last row of each hash.
    last: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    /// The row before each row that has the same hash.
    before: Vec<u32>,
    /// The keys of all rows, one behind the other, and where each ends.
    keys: Vec<u8>,
    ends: Vec<usize>,
}

impl Index {
    /// Adds the next row; without a key it is never found.
    pub fn add(&mut self, key: Option<(u64, &[u8])>) {
        let row = self.ends.len() as u32;
        let before = key.and_then(|(hash, bytes)| {
            self.keys.extend_from_slice(bytes);
            self.last.insert(hash, row)
        });
        self.before.push(before.unwrap_or(NONE));
        self.ends.push(self.keys.len());
    }

    /// What it takes, in bytes.
    pub fn memory(&self) -> usize {
        let table = self.last.capacity() * (size_of::<(u64, u32)>() + 1);
        table
            + self.before.capacity() * size_of::<u32>()
            + self.keys.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }

    /// The rows with this key, the last one first.
    pub fn find<'a>(&'a self, hash: u64, key: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let same_hash = std::iter::successors(self.last.get(&hash).copied(), |row| {
            let before = self.before[*row as usize];
            (before != NONE).then_some(before)
        });
        same_hash.filter(move |row| self.key(*row as usize) == key)
    }

    fn key(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start..self.ends[row]]
    }
}

/// Takes a number that is a hash already as it is.
#[derive(Default)]
pub struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
