//! What is known of keys, in a table that grows a little at a time.

use super::keys::Key;
use hashbrown::HashTable;

/// So many entries are in a shard on average before one of the shards is split.
const FULL: usize = 512;

/// What an allocation takes beyond its size, about.
const ALLOCATION: usize = 12;

/// Values by key; a key may have several.
///
/// The table is made of small ones by linear hashing: one of them is split when the load asks for it, and
/// two are joined when it lets them, so that no call ever moves all entries.
pub struct KeyMap<V> {
    shards: Vec<HashTable<Entry<V>>>,
    len: usize,
    /// What the keys take.
    bytes: usize,
}

/// A value with its key.
pub struct Entry<V> {
    hash: u64,
    key: Box<[u8]>,
    /// The value.
    pub value: V,
}

impl<V> Entry<V> {
    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The key's hash.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    fn is_of(&self, key: Key<'_>) -> bool {
        self.hash == key.hash && *self.key == *key.bytes
    }
}

/// Where a value is as long as none is added or taken out.
#[derive(Clone, Copy)]
pub struct Spot {
    shard: usize,
    bucket: usize,
}

impl<V> Default for KeyMap<V> {
    fn default() -> Self {
        Self { shards: vec![HashTable::new()], len: 0, bytes: 0 }
    }
}

impl<V> KeyMap<V> {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// What it takes, in bytes. O(1).
    pub fn memory(&self) -> usize {
        let tables = self.shards.len() * size_of::<HashTable<Entry<V>>>();
        tables + self.len * (size_of::<Entry<V>>() + 1) * 3 / 2 + self.bytes
    }

    /// All values.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<V>> {
        self.shards.iter().flatten()
    }

    /// A value of each of these keys.
    ///
    /// Memory is asked for in rounds, so that a processor waits for that of many keys at a time.
    pub fn get_all<'a>(&self, keys: impl Iterator<Item = Key<'a>>) -> Vec<Option<&V>> {
        let same_hash =
            keys.map(|key| (key, self.shard(key.hash).find(key.hash, |entry| entry.hash == key.hash)));
        let same_hash: Vec<_> = same_hash.collect();
        let found = same_hash.into_iter().map(|(key, entry)| match entry {
            Some(entry) if *entry.key != *key.bytes => self.get(key),
            entry => entry.map(|entry| &entry.value),
        });
        found.collect()
    }

    /// A value of a key.
    pub fn get(&self, key: Key<'_>) -> Option<&V> {
        self.shard(key.hash).find(key.hash, |entry| entry.is_of(key)).map(|entry| &entry.value)
    }

    /// All values of each of these keys, with the number of their key, in the order of these, and where they are.
    ///
    /// Memory is asked for in rounds here, too.
    pub fn all_of<'a>(&self, keys: impl Iterator<Item = Key<'a>>) -> Vec<(usize, Spot, &V)> {
        let mut same_hash = Vec::new();
        for (number, key) in keys.enumerate() {
            let shard = self.shard_of(key.hash);
            let table = &self.shards[shard];
            let entries =
                table.iter_hash_buckets(key.hash).filter_map(|at| Some((at, table.get_bucket(at)?)));
            let own = entries.filter(|(_, entry)| entry.hash == key.hash);
            same_hash.extend(own.map(|(bucket, entry)| (number, key, Spot { shard, bucket }, entry)));
        }
        let all = same_hash.into_iter().filter(|(_, key, _, entry)| *entry.key == *key.bytes);
        all.map(|(number, _, spot, entry)| (number, spot, &entry.value)).collect()
    }

    /// The value that was found at `spot`, or wherever it is by now; it is the one of its hash for which `is_it` holds.
    pub fn at_mut(&mut self, spot: Spot, hash: u64, is_it: impl Fn(&V) -> bool) -> Option<&mut V> {
        let Spot { shard, bucket } = spot;
        let there = self.shards.get(shard).and_then(|table| table.get_bucket(bucket));
        if there.is_some_and(|entry| entry.hash == hash && is_it(&entry.value)) {
            return self.shards[shard].get_bucket_mut(bucket).map(|entry| &mut entry.value);
        }
        self.find_mut(hash, |value| is_it(value))
    }

    /// All entries whose keys have this hash.
    pub fn hashed_mut(&mut self, hash: u64) -> impl Iterator<Item = &mut Entry<V>> {
        let at = self.shard_of(hash);
        self.shards[at].iter_hash_mut(hash).filter(move |entry| entry.hash == hash)
    }

    /// A value whose key has this hash, and which is the one.
    pub fn find_mut(&mut self, hash: u64, mut is_it: impl FnMut(&mut V) -> bool) -> Option<&mut V> {
        let mut values = self.hashed_mut(hash).map(|entry| &mut entry.value);
        values.find_map(|value| if is_it(value) { Some(value) } else { None })
    }

    /// Puts a value in the place of a key's one.
    pub fn set(&mut self, key: Key<'_>, value: V) {
        match self.find_of(key) {
            Some(held) => *held = value,
            None => self.add(key, value),
        }
    }

    /// Drops all values for which `keep` does not hold. O(values).
    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        let (mut len, mut bytes) = (0, 0);
        for shard in &mut self.shards {
            shard.retain(|entry| {
                let stays = keep(&entry.value);
                len += usize::from(stays);
                bytes += if stays { entry.key.len() + ALLOCATION } else { 0 };
                stays
            });
        }
        (self.len, self.bytes) = (len, bytes);
        while self.shards.len() > 1 && self.len < self.shards.len() * FULL / 4 {
            self.join();
        }
    }

    fn find_of(&mut self, key: Key<'_>) -> Option<&mut V> {
        let at = self.shard_of(key.hash);
        self.shards[at].find_mut(key.hash, |entry| entry.is_of(key)).map(|entry| &mut entry.value)
    }

    /// Adds a value to those of a key.
    pub fn add(&mut self, key: Key<'_>, value: V) {
        let entry = Entry { hash: key.hash, key: key.bytes.into(), value };
        self.len += 1;
        self.bytes += entry.key.len() + ALLOCATION;
        let at = self.shard_of(entry.hash);
        self.shards[at].insert_unique(entry.hash, entry, Entry::hash);
        if self.len > self.shards.len() * FULL {
            self.split();
        }
    }

    /// Takes out a value of a key for which `is_it` holds.
    pub fn take(&mut self, key: Key<'_>, is_it: impl Fn(&V) -> bool) -> Option<Entry<V>> {
        self.take_entry(key.hash, |entry| entry.is_of(key) && is_it(&entry.value))
    }

    /// Takes out a value whose key has this hash and for which `is_it` holds.
    pub fn take_hashed(&mut self, hash: u64, is_it: impl Fn(&V) -> bool) -> Option<Entry<V>> {
        self.take_entry(hash, |entry| entry.hash == hash && is_it(&entry.value))
    }

    fn take_entry(&mut self, hash: u64, is_it: impl Fn(&Entry<V>) -> bool) -> Option<Entry<V>> {
        let at = self.shard_of(hash);
        let (entry, _) = self.shards[at].find_entry(hash, is_it).ok()?.remove();
        self.len -= 1;
        self.bytes -= entry.key.len() + ALLOCATION;
        if self.len < self.shards.len() * FULL / 4 {
            self.join();
        }
        Some(entry)
    }

    fn shard(&self, hash: u64) -> &HashTable<Entry<V>> {
        &self.shards[self.shard_of(hash)]
    }

    /// The number of the shard for a hash: so many of its bits as there are numbers, or one less where that
    /// shard was not split yet. A shard itself uses the lowest and the highest bits.
    fn shard_of(&self, hash: u64) -> usize {
        let bits = (hash >> 32) as usize;
        let all = self.shards.len().next_power_of_two();
        let at = bits & (all - 1);
        if at < self.shards.len() { at } else { at & (all / 2 - 1) }
    }

    /// The shard that was, or is to be, split into itself and the one of this number.
    fn origin(number: usize) -> usize {
        number - (number + 1).next_power_of_two() / 2
    }

    fn split(&mut self) {
        let number = self.shards.len();
        let entries = std::mem::take(&mut self.shards[Self::origin(number)]);
        self.shards.push(HashTable::new());
        self.spread(entries);
    }

    fn join(&mut self) {
        if self.shards.len() > 1 {
            let entries = self.shards.pop();
            self.spread(entries.into_iter().flatten());
        }
    }

    fn spread(&mut self, entries: impl IntoIterator<Item = Entry<V>>) {
        for entry in entries {
            let at = self.shard_of(entry.hash);
            self.shards[at].insert_unique(entry.hash, entry, Entry::hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Few hashes, so that keys share them.
    fn hash(number: u16) -> u64 {
        u64::from(number % 61).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn key(number: u16, bytes: &[u8; 2]) -> Key<'_> {
        Key { hash: hash(number), bytes }
    }

    proptest! {
        #[test]
        fn it_holds_what_was_put_and_not_taken(steps in prop::collection::vec((0u16..300, 0u8..3, any::<bool>()), 0..400)) {
            let (mut map, mut model, mut spots) = (KeyMap::default(), BTreeSet::new(), BTreeMap::new());
            for (number, value, adds) in steps {
                let (bytes, value) = (number.to_be_bytes(), (number, value));
                let key = key(number, &bytes);
                if adds && model.insert(value) {
                    map.add(key, value);
                } else if !adds {
                    let taken = map.take(key, |held| *held == value).map(|entry| entry.value);
                    prop_assert_eq!(taken.is_some(), model.remove(&value));
                }
                let wanted: Vec<_> = model.iter().filter(|(of, _)| *of == number).copied().collect();
                let found = map.get_all([key].into_iter()).remove(0).copied();
                prop_assert!(found.map_or(wanted.is_empty(), |value| wanted.contains(&value)));
                prop_assert_eq!(map.get(key).is_some(), !wanted.is_empty());
                let all = map.all_of([key].into_iter());
                spots.extend(all.iter().map(|(_, spot, value)| (**value, *spot)));
                let all: BTreeSet<_> = all.into_iter().map(|(_, _, value)| *value).collect();
                prop_assert_eq!(all, wanted.into_iter().collect());
                // A value is found by where it was long ago, too.
                for (value, spot) in &spots {
                    let there = map.at_mut(*spot, hash(value.0), |held| held == value);
                    prop_assert_eq!(there.is_some(), model.contains(value));
                }
            }
            prop_assert_eq!(map.len(), model.len());
            let mut all: Vec<_> = map.iter().map(|entry| (entry.key().to_vec(), entry.value)).collect();
            all.sort_unstable();
            prop_assert_eq!(all, model.iter().map(|value| (value.0.to_be_bytes().to_vec(), *value)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_finds_everything_while_it_grows_and_shrinks() {
        let mut map = KeyMap::default();
        let keys: Vec<[u8; 4]> = (0u32..20_000).map(u32::to_be_bytes).collect();
        let hash =
            |bytes: &[u8; 4]| u64::from(u32::from_be_bytes(*bytes)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let key = |bytes| Key { hash: hash(bytes), bytes };
        for (count, bytes) in keys.iter().enumerate() {
            map.set(key(bytes), 0);
            map.set(key(bytes), count);
            assert_eq!(map.get(key(&keys[count / 2])), Some(&(count / 2)));
        }
        assert!(map.shards.len() > 32 && map.shards.iter().all(|shard| shard.len() < 3 * FULL));
        for (count, bytes) in keys.iter().enumerate() {
            assert_eq!(
                map.take_hashed(hash(bytes), |value| *value == count).map(|entry| entry.value),
                Some(count)
            );
            assert_eq!(
                map.get(key(&keys[(count + 1).min(keys.len() - 1)])).is_some(),
                count + 1 < keys.len()
            );
        }
        assert_eq!((map.len(), map.shards.len(), map.bytes), (0, 1, 0));
    }
}
