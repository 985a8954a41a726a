//! The distinct values of one group, and in which pane each was seen last.

use super::keys::{Key, folded};
use crate::clock::Micros;
use hashbrown::HashTable;
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
pub struct Seen {
    hash: u32,
    /// The number of the pane.
    pane: u32,
    /// Where the value is among the bytes of the pane.
    start: usize,
}

/// The bytes of the values that were seen last in each pane that some window needs.
#[derive(Default)]
pub struct Panes {
    /// In the order of their numbers, in which they came.
    all: Vec<PaneBytes>,
    next: u32,
    /// The buffer of a pane that is over, for the next one.
    spare: Vec<u8>,
}

struct PaneBytes {
    number: u32,
    start: Micros,
    /// The values one behind the other, each behind its length.
    bytes: Vec<u8>,
}

impl Panes {
    /// Where the pane stands that begins at `start`, until some are dropped.
    pub fn place(&mut self, start: Micros) -> usize {
        if let Some(at) = self.all.iter().rposition(|pane| pane.start == start) {
            return at;
        }
        self.all.push(PaneBytes { number: self.next, start, bytes: std::mem::take(&mut self.spare) });
        self.next += 1;
        self.all.len() - 1
    }

    /// Drops the panes before `open`; says whether there were any.
    pub fn forget_before(&mut self, open: Micros) -> bool {
        let many = self.all.len();
        for over in self.all.extract_if(.., |pane| pane.start < open) {
            if over.bytes.capacity() > self.spare.capacity() {
                self.spare = over.bytes;
            }
        }
        self.spare.clear();
        self.all.len() < many
    }

    /// What they take, in bytes. O(panes).
    pub fn memory(&self) -> usize {
        self.all.iter().map(|pane| pane.bytes.capacity()).sum::<usize>() + self.spare.capacity()
    }

    /// Where the pane of a number stands; none of one that is over.
    fn at(&self, number: u32) -> Option<usize> {
        // Mostly the first one that came is over first: then no number is missing.
        let next = number.checked_sub(self.all.first()?.number)? as usize;
        match self.all.get(next) {
            Some(pane) if pane.number == number => Some(next),
            _ => self.all.binary_search_by_key(&number, |pane| pane.number).ok(),
        }
    }

    /// Touches the bytes of a value.
    pub fn ask_for(&self, seen: Seen) {
        black_box(self.value(&seen).map(<[u8]>::len));
    }

    /// The bytes of a value; none of one that is in no window that is open.
    fn value(&self, seen: &Seen) -> Option<&[u8]> {
        let (length, rest) = self.all[self.at(seen.pane)?].bytes.get(seen.start..)?.split_first_chunk()?;
        rest.get(..u32::from_le_bytes(*length) as usize)
    }
}

impl PaneBytes {
    /// Adds a value; gives where it is.
    fn push(&mut self, value: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(value);
        start
    }
}

impl Values {
    /// Touches what is known of a value; gives that, or of another value with its hash.
    pub fn ask_for(&self, value: Key<'_>) -> Option<Seen> {
        let hash = folded(value.hash);
        self.seen.find(spread(hash), |seen| seen.hash == hash).copied()
    }

    /// A value was seen in the pane that stands at this place.
    pub fn see(&mut self, place: usize, value: Key<'_>, panes: &mut Panes) {
        let (hash, own) = (folded(value.hash), panes.all[place].start);
        let is_it = |seen: &Seen| seen.hash == hash && panes.value(seen) == Some(value.bytes);
        let known = self.seen.find_mut(spread(hash), is_it);
        let before = known.as_ref().and_then(|seen| Some(panes.all[panes.at(seen.pane)?].start));
        if before.is_some_and(|before| before >= own) {
            return;
        }
        let pane = &mut panes.all[place];
        let now = Seen { hash, pane: pane.number, start: pane.push(value.bytes) };
        match known {
            Some(seen) => *seen = now,
            None => {
                self.seen.insert_unique(spread(hash), now, |seen| spread(seen.hash));
            }
        }
        if let Some(before) = before {
            count(&mut self.counts, before, -1);
        }
        count(&mut self.counts, own, 1);
    }

    /// Drops what was seen last before `open`, in panes that are over; values themselves now and then.
    pub fn forget_before(&mut self, open: Micros, panes: &Panes) {
        self.counts.retain(|(pane, count)| *pane >= open && *count > 0);
        if self.seen.len() >= MANY.max(2 * self.kept) {
            self.seen.retain(|seen| panes.at(seen.pane).is_some());
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

/// A hash of which a table may look at any bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
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
