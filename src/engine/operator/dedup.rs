//! Deduplication: the first row of each key passes, the others do not, until the watermark has passed the
//! time for which a key is remembered.

use super::key_map::KeyMap;
use super::keys::{Key, KeyMaker, Keys};
use super::seen_disk::{SeenOnDisk, each_key, rows_of};
use super::spill::Disk;
use super::{Operator, Part, Pushed, Snapshot, StateLimit, ours};
use crate::clock::Micros;
use crate::engine::options::OutputMode;
use crate::query::dedup::DedupSpec;
use arrow::array::{Array, AsArray, BinaryBuilder, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::Result;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

/// So many notes are kept in any case.
const FEW: usize = 1_024;

/// The keys that were seen, and until when each is remembered.
pub struct Dedup {
    spec: Arc<DedupSpec>,
    /// How long a key is remembered behind its row's time, in microseconds.
    delay: Micros,
    maker: KeyMaker,
    seen: KeyMap<Seen>,
    /// The keys of rows that were pushed, and which of them are new: these are among the keys that were seen, and nothing
    /// else knows of them yet.
    pushed: Vec<(Keys, Vec<New>)>,
    /// Where keys go that memory is not to hold, where there is a limit; and those that are there.
    disk: Option<Disk>,
    on_disk: SeenOnDisk,
    /// When keys with a hash are forgotten.
    expiring: BinaryHeap<Reverse<(Micros, u64)>>,
    /// The hashes of keys that no snapshot gave yet.
    unsaved: Vec<u64>,
    /// Until when some key of a part is remembered that snapshots gave, by the part's key.
    parts: BTreeMap<i64, Micros>,
    watermark: Micros,
    /// Keys that are new since the last `advance`, and those that were new before it.
    fresh: usize,
    updated: usize,
}

/// A key that was not seen before: its row, its hash, and until when it is remembered.
type New = (usize, u64, Micros);

/// What is known of a key.
struct Seen {
    until: Micros,
    saved: bool,
}

impl Dedup {
    /// No key yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<DedupSpec>, delay: Duration) -> Result<Self> {
        let maker = KeyMaker::new(spec.key_types()?)?;
        Ok(Self {
            delay: if spec.time_is_key { 0 } else { delay.as_micros() as Micros },
            spec,
            maker,
            seen: KeyMap::default(),
            pushed: Vec::new(),
            disk: None,
            on_disk: SeenOnDisk::default(),
            expiring: BinaryHeap::new(),
            unsaved: Vec::new(),
            parts: BTreeMap::new(),
            watermark: Micros::MIN,
            fresh: 0,
            updated: 0,
        })
    }

    /// What the keys in memory take, in bytes.
    fn held(&self) -> usize {
        let expiring = self.expiring.capacity() * size_of::<Reverse<(Micros, u64)>>();
        self.seen.memory() + expiring + self.unsaved.capacity() * size_of::<u64>()
    }

    fn remember(&mut self, key: Key<'_>, seen: Seen) {
        self.expiring.push(Reverse((seen.until, key.hash)));
        self.seen.set(key, seen);
    }

    /// Notes that no snapshot gave a key yet. Without snapshots the notes do not outgrow the keys.
    fn note_unsaved(&mut self, hash: u64) {
        self.unsaved.push(hash);
        if self.unsaved.len() > 2 * self.seen.len() + FEW {
            let seen = &mut self.seen;
            self.unsaved.retain(|hash| seen.find_mut(*hash, |seen| !seen.saved).is_some());
        }
    }

    /// The keys that no snapshot gave yet, and until when the last of them is remembered.
    fn save_keys(&mut self) -> Result<Option<(RecordBatch, Micros)>> {
        let mut keys = BinaryBuilder::new();
        let mut until = Vec::new();
        for hash in self.unsaved.drain(..) {
            for entry in self.seen.hashed_mut(hash).filter(|entry| !entry.value.saved) {
                entry.value.saved = true;
                keys.append_value(entry.key());
                until.push(entry.value.until);
            }
        }
        let Some(last) = until.iter().max().copied() else { return Ok(None) };
        Ok(Some((rows_of(keys.finish(), until)?, last)))
    }

    fn restore_keys(&mut self, part: i64, rows: &RecordBatch) -> Result<()> {
        let mut last = None;
        each_key(rows, |bytes, until| {
            last = last.max(Some(until));
            self.remember(Key::of(bytes), Seen { until, saved: true });
        })?;
        self.parts.extend(last.map(|last| (part, last)));
        Ok(())
    }

    /// What is known of the keys of rows.
    fn known(&self, keys: &[Key<'_>]) -> Result<Vec<bool>> {
        let known = self.seen.get_all(keys.iter().copied());
        let mut known: Vec<bool> = known.iter().map(Option::is_some).collect();
        if self.on_disk.len() > 0 {
            let others = keys.iter().zip(&known).filter(|(_, known)| !**known).map(|(key, _)| *key);
            let on_disk = self.on_disk.remembered(&others.collect::<Vec<_>>(), self.watermark)?;
            for (known, key) in known.iter_mut().zip(keys) {
                *known = *known || on_disk.contains(key.bytes);
            }
        }
        Ok(known)
    }

    fn forget(&mut self) {
        while let Some(Reverse((until, hash))) = self.expiring.peek().copied()
            && until <= self.watermark
        {
            self.expiring.pop();
            self.seen.take_hashed(hash, |seen| seen.until == until);
        }
        self.on_disk.forget(self.watermark);
    }
}

impl Operator for Dedup {
    fn push(&mut self, _: usize, rows: &RecordBatch) -> Result<Pushed> {
        let (keys, times) = self.spec.evaluate(rows)?;
        let made = self.maker.keys(&keys)?;
        let keys: Vec<Key<'_>> = (0..rows.num_rows()).map(|row| made.key(row)).collect();
        let known = self.known(&keys)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let (mut late, mut first, mut new) = (0, Vec::with_capacity(rows.num_rows()), Vec::new());
        for (row, known) in known.into_iter().enumerate() {
            // A row without a time is remembered from where event time stands.
            let time = if times.is_valid(row) { times.value(row) } else { self.watermark.saturating_add(1) };
            let is_late = time <= self.watermark;
            late += u64::from(is_late);
            let passes = !is_late && !known && self.seen.get(keys[row]).is_none();
            first.push(passes);
            if passes {
                let until = time.saturating_add(self.delay);
                self.seen.set(keys[row], Seen { until, saved: false });
                new.push((row, keys[row].hash, until));
            }
        }
        self.pushed.push((made, new));
        let rows = filter_record_batch(rows, &BooleanArray::from(first))?;
        Ok(Pushed { rows: if rows.num_rows() > 0 { vec![rows] } else { vec![] }, late })
    }

    fn commit(&mut self) -> Result<()> {
        for (_, new) in std::mem::take(&mut self.pushed) {
            self.fresh += new.len();
            for (_, hash, until) in new {
                self.expiring.push(Reverse((until, hash)));
                self.note_unsaved(hash);
            }
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        for (keys, new) in self.pushed.drain(..) {
            for (row, ..) in new {
                self.seen.take(keys.key(row), |_| true);
            }
        }
    }

    fn advance(&mut self, watermark: Micros, _: OutputMode) -> Result<Vec<RecordBatch>> {
        self.updated = std::mem::take(&mut self.fresh);
        if watermark < Micros::MAX {
            self.watermark = self.watermark.max(watermark.saturating_sub(self.spec.lag));
            self.forget();
        }
        Ok(vec![])
    }

    fn late_before(&self, _: usize) -> Micros {
        self.watermark.saturating_add(1)
    }

    fn rows(&self) -> usize {
        self.seen.len() + self.on_disk.len()
    }

    fn updated(&self) -> usize {
        self.updated
    }

    fn memory(&self) -> usize {
        self.held() + self.on_disk.memory()
    }

    fn keep_to(&mut self, limit: StateLimit, _: OutputMode) {
        self.disk = Some(Disk::new(limit));
    }

    fn spill(&mut self) -> Result<()> {
        let held = self.held();
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.is_over(held, self.on_disk.memory())) else {
            return Ok(());
        };
        disk.begin();
        for saved in [true, false] {
            let entries = self.seen.iter().filter(|entry| entry.value.saved == saved);
            let keys =
                entries.map(|entry| (Key { hash: entry.hash(), bytes: entry.key() }, entry.value.until));
            self.on_disk.add(disk, keys.collect(), saved)?;
        }
        (self.seen, self.expiring, self.unsaved) = Default::default();
        self.on_disk.merge(disk, self.watermark)
    }

    fn spilled(&self) -> usize {
        self.on_disk.bytes()
    }

    fn snapshot(&mut self) -> Result<Snapshot> {
        let watermark = self.watermark;
        let over = self.parts.extract_if(.., |_, until| *until <= watermark);
        let mut parts: Vec<Part> = over.map(|(key, _)| Part::of(key, true, vec![])).collect();
        let mut key = self.parts.last_key_value().map_or(0, |(last, _)| last + 1);
        for (run, until) in self.on_disk.save() {
            self.parts.insert(key, until);
            parts.push(Part::stored(key, run));
            key += 1;
        }
        if let Some((rows, until)) = self.save_keys()? {
            self.parts.insert(key, until);
            parts.push(Part::of(key, true, vec![rows]));
        }
        Ok(Snapshot { mark: watermark, parts })
    }

    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()> {
        for snapshot in snapshots {
            self.watermark = snapshot.mark;
            for part in snapshot.parts {
                let key = part.key;
                part.load().map_err(ours)?.iter().try_for_each(|rows| self.restore_keys(key, rows))?;
                self.spill()?;
            }
        }
        self.forget();
        Ok(())
    }
}
