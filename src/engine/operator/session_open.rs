//! The sessions that are open: by key, and by the time at which they end.

use super::key_map::{Entry, Spot};
use super::keyed_rows::{KeyedRows, Placed};
use super::keys::Key;
use super::state_rows::Place;
use crate::clock::Micros;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One session: from its first record to the gap after its last, and where its partial aggregates stand.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// The time of the first record.
    pub start: Micros,
    /// The gap after the last record.
    pub end: Micros,
    /// Where its row stands.
    pub place: Place,
    /// The time for which it is noted: not behind its end.
    due: Micros,
    /// The round in which it changed, until it was shown.
    changed: u64,
}

/// A session that is open.
#[derive(Clone, Copy)]
pub struct Found {
    /// The session as it is.
    pub session: Session,
    spot: Spot,
}

impl Placed for Session {
    fn place(&mut self) -> &mut Place {
        &mut self.place
    }
}

/// Open sessions.
pub struct Open {
    /// By key.
    pub rows: KeyedRows<Session>,
    /// When to look whether a session of a hash has ended. A session has one note, however often records
    /// move its end; it is noted again when that time has come.
    due: BinaryHeap<Reverse<(Micros, u64)>>,
    /// The hashes of the keys whose sessions changed in this round.
    changed: Vec<u64>,
    /// How many sessions changed in this round.
    count: usize,
    round: u64,
}

impl Open {
    /// None yet.
    pub fn new() -> Self {
        Self { rows: KeyedRows::default(), due: BinaryHeap::new(), changed: Vec::new(), count: 0, round: 1 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.by_key.len()
    }

    /// What they take, in bytes, without their rows.
    pub fn memory(&self) -> usize {
        self.rows.by_key.memory() + self.due.capacity() * size_of::<Reverse<(Micros, u64)>>()
    }

    /// All sessions of each of these keys, by the number of their key, the earliest first.
    pub fn all_of<'a>(&self, keys: impl Iterator<Item = Key<'a>>) -> Vec<(usize, Found)> {
        let all = self.rows.by_key.all_of(keys).into_iter();
        let mut all: Vec<_> =
            all.map(|(key, spot, session)| (key, Found { session: *session, spot })).collect();
        all.sort_by_key(|(key, found)| (*key, found.session.start));
        all
    }

    /// A session is not the same any more: it is to be changed by [`Self::put`] or taken out.
    pub fn touched(&mut self, session: &Session) {
        self.count -= usize::from(session.changed == self.round);
    }

    /// Takes out the session of a key whose row stands at a place.
    pub fn take(&mut self, key: Key<'_>, place: Place) {
        self.rows.by_key.take(key, |session| session.place == place);
    }

    /// Opens a session, or changes the one that `was` there.
    pub fn put(&mut self, key: Key<'_>, (start, end): (Micros, Micros), place: Place, was: Option<Found>) {
        self.changed.push(key.hash);
        self.count += 1;
        let round = self.round;
        let was = was.and_then(|Found { session: was, spot }| {
            self.rows.by_key.at_mut(spot, key.hash, |session| session.place == was.place)
        });
        match was {
            Some(session) => *session = Session { start, end, place, changed: round, ..*session },
            None => self.open(key, Session { start, end, place, due: end, changed: round }),
        }
    }

    /// Opens a session that a snapshot kept.
    pub fn restore(&mut self, key: Key<'_>, (start, end): (Micros, Micros), place: Place) {
        self.open(key, Session { start, end, place, due: end, changed: 0 });
    }

    fn open(&mut self, key: Key<'_>, session: Session) {
        self.due.push(Reverse((session.due, key.hash)));
        self.rows.by_key.add(key, session);
    }

    /// All of them.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.rows.by_key.iter().map(|entry| entry.value.place).collect();
        places.sort_unstable();
        places
    }

    /// How many changed since the round began.
    pub fn changed(&self) -> usize {
        self.count
    }

    /// Those that changed since the round began; the next round begins.
    pub fn take_changed(&mut self) -> Vec<Place> {
        let (mut places, round) = (Vec::new(), self.round);
        for hash in std::mem::take(&mut self.changed) {
            let all = self.rows.by_key.hashed_mut(hash).map(|entry| &mut entry.value);
            for session in all.filter(|session| session.changed == round) {
                session.changed = 0;
                places.push(session.place);
            }
        }
        self.begin_round();
        places.sort_unstable();
        places
    }

    /// Begins the next round, and forgets what changed.
    pub fn begin_round(&mut self) {
        self.changed.clear();
        self.count = 0;
        self.round += 1;
    }

    /// Takes out those that ended before `watermark`, in the order of their ends. A record exactly the gap
    /// after the last one still joins its session, so one that ends at the watermark stays.
    pub fn take_ended(&mut self, watermark: Micros) -> Vec<Place> {
        let mut ended: Vec<Entry<Session>> = Vec::new();
        while let Some(Reverse((due, hash))) = self.due.peek().copied()
            && due < watermark
        {
            self.due.pop();
            let is_over = |session: &Session| session.due == due && session.end < watermark;
            if let Some(entry) = self.rows.by_key.take_hashed(hash, is_over) {
                ended.push(entry);
            } else if let Some(session) = self.rows.by_key.find_mut(hash, |session| session.due == due) {
                session.due = session.end;
                self.due.push(Reverse((session.due, hash)));
            }
        }
        ended.sort_unstable_by(|a, b| (a.value.end, a.key()).cmp(&(b.value.end, b.key())));
        ended.iter().map(|entry| entry.value.place).collect()
    }
}
