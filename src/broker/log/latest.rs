//! Where each key was last written: what compaction needs to know, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Keys that one pass knows, at about 25 bytes each. A log with more takes several passes.
pub const MOST_KEYS: usize = 450_000;

/// The last offset of each key, from where the map was begun up to its end. Keys are told apart by
/// 128 bits that nobody outside can foresee.
pub struct Latest {
    hashers: [RandomState; 2],
    offsets: HashMap<(u64, u64), i64>,
    most: usize,
    /// The offset after the last record that it knows of.
    pub end: i64,
}

impl Latest {
    /// An empty map of at most `most` keys, for records from offset `from` on.
    pub fn new(from: i64, most: usize) -> Self {
        Self { hashers: Default::default(), offsets: HashMap::new(), most, end: from }
    }

    fn hash(&self, key: &[u8]) -> (u64, u64) {
        let [one, two] = &self.hashers;
        (one.hash_one(key), two.hash_one(key))
    }

    /// Takes the record at `offset`, the highest so far, into the map; `false` if there is no room.
    pub fn note(&mut self, key: &[u8], offset: i64) -> bool {
        let hash = self.hash(key);
        if self.offsets.len() >= self.most && !self.offsets.contains_key(&hash) {
            return false;
        }
        self.offsets.insert(hash, offset);
        self.end = offset + 1;
        true
    }

    /// Whether no later record with this key is known.
    pub fn is_last(&self, key: &[u8], offset: i64) -> bool {
        self.offsets.get(&self.hash(key)).is_none_or(|last| *last <= offset)
    }
}
