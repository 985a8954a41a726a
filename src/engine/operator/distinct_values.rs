//! The distinct values of one group, and in which pane each was seen last.

use super::keys::Key;
use crate::clock::Micros;
use hashbrown::HashTable;
use std::collections::BTreeMap;
use std::hint::black_box;

/// So many values are kept before those that no window can have any more are looked for.
const MANY: usize = 8;

/// The values of a group, in a table of their own: it is small, and the next value is in the cache.
#[derive(Default)]
pub struct Values {
    seen: HashTable<Seen>,
    /// How many values were seen last in which pane, in the order of panes.
    counts: Vec<(Micros, i64)>,
    /// How many values there were when those that no window can have were dropped.
    kept: usize,
}

/// A value, and the pane in which it was seen last.
#[derive(Clone, Copy)]
struct Seen {
    hash: u64,
    pane: Micros,
    /// Where the value is among the bytes of the pane.
    start: usize,
    length: usize,
}

impl Values {
    /// Touches what is known of a value.
    pub fn ask_for(&self, hash: u64) {
        black_box(self.seen.find(hash, |seen| seen.hash == hash).map(|seen| seen.start));
    }

    /// A value was seen in a pane; `own` are the bytes of that pane, `all` those of the others.
    pub fn see(&mut self, pane: Micros, value: Key<'_>, own: &mut Vec<u8>, all: &BTreeMap<Micros, Vec<u8>>) {
        // A value whose bytes are gone is in no window that is open.
        let bytes = |seen: &Seen| {
            let of_pane = if seen.pane == pane { Some(&*own) } else { all.get(&seen.pane) };
            of_pane.map(|bytes| &bytes[seen.start..seen.start + seen.length])
        };
        let is_it = |seen: &Seen| seen.hash == value.hash && bytes(seen) == Some(value.bytes);
        let now = Seen { hash: value.hash, pane, start: own.len(), length: value.bytes.len() };
        match self.seen.find_mut(value.hash, is_it) {
            Some(seen) if seen.pane >= pane => return,
            Some(seen) => {
                let before = std::mem::replace(seen, now);
                count(&mut self.counts, before.pane, -1);
            }
            None => {
                self.seen.insert_unique(value.hash, now, |seen| seen.hash);
            }
        }
        own.extend_from_slice(value.bytes);
        count(&mut self.counts, pane, 1);
    }

    /// Drops what was seen last before `open`; values themselves now and then.
    pub fn forget_before(&mut self, open: Micros) {
        self.counts.retain(|(pane, count)| *pane >= open && *count > 0);
        if self.seen.len() >= MANY.max(2 * self.kept) {
            self.seen.retain(|seen| seen.pane >= open);
            self.kept = self.seen.len();
        }
    }

    /// How many values were seen since `start`.
    pub fn seen_since(&self, start: Micros) -> i64 {
        self.counts.iter().filter(|(pane, _)| *pane >= start).map(|(_, count)| count).sum()
    }

    /// Whether there are none that a window can have.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// What it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.seen.allocation_size() + self.counts.capacity() * size_of::<(Micros, i64)>() + size_of::<Self>()
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
