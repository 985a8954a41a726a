//! Keys that are remembered until event time has come to a moment.

use crate::clock::Micros;
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Keys, and until when each is remembered.
#[derive(Debug)]
pub struct Remembered<K> {
    until: HashMap<K, Micros>,
    /// The same keys by the time at which they are forgotten.
    expiring: BTreeMap<Micros, Vec<K>>,
}

impl<K> Default for Remembered<K> {
    fn default() -> Self {
        Self { until: HashMap::new(), expiring: BTreeMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Remembered<K> {
    /// Remembers a key that is not there.
    pub fn remember(&mut self, key: K, until: Micros) {
        self.until.insert(key.clone(), until);
        self.expiring.entry(until).or_default().push(key);
    }

    /// Whether a key is there.
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.until.contains_key(key)
    }

    /// Until when a key is remembered, if it is.
    pub fn until(&self, key: &K) -> Option<Micros> {
        self.until.get(key).copied()
    }

    /// Event time has come to `watermark`: forgets what is remembered up to then.
    pub fn forget(&mut self, watermark: Micros) {
        while self.expiring.first_key_value().is_some_and(|(until, _)| *until <= watermark) {
            self.forget_first();
        }
    }

    /// Forgets the keys that are to be forgotten next.
    pub fn forget_first(&mut self) {
        for key in self.expiring.pop_first().into_iter().flat_map(|(_, keys)| keys) {
            self.until.remove(&key);
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// Some key.
    pub fn first(&self) -> Option<&K> {
        self.until.keys().next()
    }

    /// About what they take, in bytes, without what a key points to.
    pub fn memory(&self) -> usize {
        self.until.capacity() * size_of::<(K, Micros, K)>()
    }
}
