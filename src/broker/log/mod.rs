//! A partition's log: segments of record batches, kept exactly as they came.

mod aborted;
mod admit;
mod blob;
mod compaction;
mod index;
mod latest;
mod producers;
mod segment;
mod transactions;

pub use aborted::Aborted;
pub use admit::{Admitted, Refused};
pub use blob::Blob;
pub use compaction::Compaction;
pub use producers::Producer;
pub use segment::Span;

use super::batch::Header;
use super::marker::Marker;
use super::pack::Codec;
use aborted::AbortedList;
use kafka_protocol::ResponseError;
use producers::Producers;
use segment::Segment;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

/// Places that recent reads ended at, one per sequential reader.
const REMEMBERED_PLACES: usize = 16;
/// How much may be written until the index is saved again: what a start has to check at most.
const CHECKPOINT_BYTES: u64 = 32 << 20;
/// The one leader's epoch. A log that never changes hands stays in its first.
pub const LEADER_EPOCH: i32 = 0;

/// What of a topic's settings the log itself obeys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    /// The most that a segment's age may be less, milliseconds.
    pub segment_jitter_ms: i64,
    /// Milliseconds; negative keeps forever.
    pub retention_ms: i64,
    /// Bytes of a partition; negative keeps all.
    pub retention_bytes: i64,
    /// Whether old segments are deleted at all.
    pub deletes: bool,
    /// How the log is reduced to the last record of each key, if it is; then every record needs one.
    pub compaction: Option<Compaction>,
    pub max_batch_bytes: usize,
    /// The codec that batches are stored in; `None` leaves each in its own.
    pub codec: Option<Codec>,
    /// How far ahead of the broker's clock a record's time may be, milliseconds.
    pub ahead_ms: i64,
    /// How far behind it, milliseconds.
    pub behind_ms: i64,
    /// Whether the broker's time replaces the records'.
    pub stamps: bool,
    /// Whether a write waits for the disk.
    pub sync: bool,
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its first record's offset.
    pub offset: i64,
    /// The broker's time of it in milliseconds, −1 if the records keep their own.
    pub stamp: i64,
    /// Whether it was there already.
    pub repeated: bool,
}

/// One partition's records.
pub struct Log {
    folder: Option<PathBuf>,
    /// Never empty; the last is written to.
    segments: Vec<Segment>,
    start: i64,
    producers: Producers,
    aborted: AbortedList,
    /// Up to where it was compacted.
    compacted: i64,
    /// Whether its topic was deleted, so that its folder may be another's.
    gone: bool,
    places: VecDeque<(i64, i64, u64)>,
}

impl Log {
    /// Opens the log of a folder, made if it is not there, or an empty one in memory. Only the last
    /// segment is scanned; what is torn at its end is cut, and said.
    pub fn open(folder: Option<&Path>) -> io::Result<Self> {
        let mut log = Self {
            folder: folder.map(Path::to_path_buf),
            segments: Vec::new(),
            start: 0,
            producers: Producers::default(),
            aborted: AbortedList::open(None)?,
            compacted: folder.and_then(|folder| read_offset(folder, "compacted")).unwrap_or(0),
            gone: false,
            places: VecDeque::new(),
        };
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder)?;
            log.aborted = AbortedList::open(Some(folder))?;
            log.recover(folder)?;
        }
        if log.segments.is_empty() {
            log.segments.push(Segment::create(folder, 0)?);
        }
        let first = log.segments.first().map_or(0, |segment| segment.base);
        log.start =
            folder.and_then(|folder| read_offset(folder, "start")).unwrap_or(0).clamp(first, log.end());
        log.checkpoint_after(CHECKPOINT_BYTES);
        Ok(log)
    }

    fn recover(&mut self, folder: &Path) -> io::Result<()> {
        let mut bases = find_segments(folder)?;
        let last = bases.pop();
        for base in bases {
            let path = folder.join(format!("{base:020}.log"));
            if base < self.end() {
                // Compaction was cut short: the segment before this one has its records.
                Segment::reopen(path, base)?.delete();
                continue;
            }
            let (segment, cut) = Segment::open_closed(path.clone(), base)?;
            say_cut(&path, cut, segment.summary.next_offset);
            self.segments.push(segment);
        }
        if let Some(base) = last {
            let path = folder.join(format!("{base:020}.log"));
            let mut segment = Segment::reopen(path.clone(), base)?;
            let snapshot = std::fs::read(path.with_extension("producers")).ok();
            let known = |bytes: Vec<u8>| Producers::load(&bytes, segment.summary.next_offset).ok();
            self.producers = snapshot.and_then(known).unwrap_or_default();
            let cut = segment.recover(|header, batch| self.note(header, batch))?;
            self.aborted.cut(segment.summary.next_offset)?;
            say_cut(&path, cut, segment.summary.next_offset);
            self.segments.push(segment);
        }
        Ok(())
    }

    /// Takes a stored batch into the books.
    fn note(&mut self, header: &Header, batch: &[u8]) -> io::Result<()> {
        match Marker::read(header, batch) {
            Some(marker) => {
                if let Some(aborted) = self.producers.aborts(header, &marker) {
                    self.aborted.push(aborted, false)?;
                }
                self.producers.note_marker(header, &marker);
            }
            None if header.is_idempotent() => self.producers.note(header),
            None => {}
        }
        Ok(())
    }

    /// The first offset that can be read.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> i64 {
        self.segments.last().map_or(0, |segment| segment.summary.next_offset)
    }

    /// Bytes stored.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.summary.size).sum()
    }

    /// Stores one batch. When this returns, the operating system has it, and with `rules.sync` the
    /// disk.
    ///
    /// # Errors
    /// A sequence that does not fit, `InvalidTxnState` if it is the first of a transaction (see
    /// [`Self::append_first`]), or `KafkaStorageError` if it cannot be written; then nothing of it is in
    /// the log.
    pub fn append(
        &mut self,
        batch: &Admitted<'_>,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<Placed, ResponseError> {
        self.store(batch, rules, now_ms, false)
    }

    /// The same for a batch that may be the first of its transaction in this partition. That the
    /// transaction's coordinator has it is the caller's to see to: nobody else ends it.
    ///
    /// # Errors
    /// As there.
    pub fn append_first(
        &mut self,
        batch: &Admitted<'_>,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<Placed, ResponseError> {
        self.store(batch, rules, now_ms, true)
    }

    fn store(
        &mut self,
        batch: &Admitted<'_>,
        rules: &Rules,
        now_ms: i64,
        begins: bool,
    ) -> Result<Placed, ResponseError> {
        let (header, records) = (batch.header, &*batch.records);
        if header.is_idempotent()
            && let Some(stored) = self.producers.check(&header)?
        {
            let stamp = if rules.stamps { stored.timestamp } else { -1 };
            return Ok(Placed { offset: stored.offset, stamp, repeated: true });
        }
        if header.is_transactional() && !begins && !self.producers.has_open(&header) {
            return Err(ResponseError::InvalidTxnState);
        }
        let mut placed = header.place(self.end(), LEADER_EPOCH);
        if rules.stamps {
            placed = placed.stamp(now_ms, records);
        }
        self.write(&placed, records, rules).map_err(|error| self.unwritable(error))?;
        if placed.is_idempotent() {
            self.producers.note(&placed);
        }
        self.checkpoint_after(CHECKPOINT_BYTES);
        let stamp = if rules.stamps { now_ms } else { -1 };
        Ok(Placed { offset: placed.base_offset, stamp, repeated: false })
    }

    fn write(&mut self, header: &Header, records: &[u8], rules: &Rules) -> io::Result<()> {
        if self.is_full(header, rules) {
            self.roll()?;
        }
        match self.segments.last_mut() {
            Some(active) => active.append(header, records, rules.sync),
            None => Err(io::Error::other("the log has no segment")),
        }
    }

    fn unwritable(&self, error: io::Error) -> ResponseError {
        tracing::error!(folder = ?self.folder, %error, "a batch could not be written");
        ResponseError::KafkaStorageError
    }

    fn is_full(&self, next: &Header, rules: &Rules) -> bool {
        self.segments.last().is_some_and(|active| {
            let age = active.first_timestamp.map_or(0, |first| next.max_timestamp.saturating_sub(first));
            let size = active.summary.size;
            let jitter = rules.segment_jitter_ms.min(rules.segment_ms) as f64 * active.luck;
            let longest = rules.segment_ms.saturating_sub(jitter as i64);
            size > 0 && (size + next.size() as u64 > rules.segment_bytes || age > longest)
        })
    }

    /// Saves what the next start would otherwise have to find out. If it cannot be written, the start
    /// takes longer.
    pub fn checkpoint(&mut self) {
        let base = self.segments.last().map_or(0, |active| active.base);
        // Producers first: a start that knows more of them than of the log is right all the same.
        let saved = self.save_producers(base).and_then(|()| match self.segments.last_mut() {
            Some(active) => active.checkpoint(),
            None => Ok(()),
        });
        if let Err(error) = saved {
            tracing::debug!(folder = ?self.folder, %error, "no checkpoint was written");
        }
    }

    /// The same if so many bytes were written since the last time.
    pub fn checkpoint_after(&mut self, bytes: u64) {
        if self.segments.last().is_some_and(|active| active.unsaved() >= bytes) {
            self.checkpoint();
        }
    }

    fn save_producers(&self, base: i64) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        write_whole(&folder.join(format!("{base:020}.producers")), &self.producers.save()?)
    }

    /// Closes the last segment and begins the next one.
    fn roll(&mut self) -> io::Result<()> {
        if self.gone {
            return Err(io::Error::other("the topic was deleted"));
        }
        let end = self.end();
        self.save_producers(end)?;
        let next = Segment::create(self.folder.as_deref(), end)?;
        if let Some(active) = self.segments.last_mut() {
            active.close();
        }
        self.segments.push(next);
        Ok(())
    }

    /// Ends it: its topic was deleted. Who reads it still may finish.
    pub fn end_for_good(&mut self) {
        self.gone = true;
    }

    /// Where to read from `offset` on: `None` at the end.
    ///
    /// # Errors
    /// `OffsetOutOfRange` before the start or behind the end; `KafkaStorageError`.
    pub fn read_from(&self, offset: i64) -> Result<Option<(i64, Span)>, ResponseError> {
        if offset < self.start || offset > self.end() {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let at = self.segments.partition_point(|segment| segment.summary.next_offset <= offset);
        let Some(segment) = self.segments.get(at) else { return Ok(None) };
        let known = |place: &&(i64, i64, u64)| (place.0, place.1) == (segment.base, offset);
        let hint = self.places.iter().find(known).map(|place| place.2);
        let span = segment.span_from(offset, hint).map_err(storage_error)?;
        Ok((span.len() > 0).then_some((segment.base, span)))
    }

    /// Remembers that the batch of `offset` begins `read` bytes after the beginning of `span`, in the
    /// segment with base `segment`, so that the reader who comes next for it need not search.
    pub fn remember(&mut self, segment: i64, offset: i64, span: &Span, read: u64) {
        let at = self.segments.partition_point(|known| known.base < segment);
        if !self.segments.get(at).is_some_and(|segment| segment.is_read_by(span)) {
            // It was compacted meanwhile.
            return;
        }
        let position = span.position() + read;
        if self.places.len() == REMEMBERED_PLACES {
            self.places.pop_front();
        }
        self.places.push_back((segment, offset, position));
    }

    /// The first record with `timestamp` (milliseconds) or later, as (offset, time).
    ///
    /// # Errors
    /// `KafkaStorageError`.
    pub fn find_time(&self, timestamp: i64) -> Result<Option<(i64, i64)>, ResponseError> {
        let ends_before =
            |segment: &Segment| segment.summary.max_timestamp < timestamp || segment.summary.size == 0;
        for segment in self.segments.iter().skip_while(|segment| ends_before(segment)) {
            if let Some((header, batch)) = segment.batch_since(timestamp).map_err(storage_error)? {
                let found = header
                    .first_record_since(timestamp, &batch)
                    .unwrap_or((header.base_offset, header.max_timestamp));
                return Ok(Some((found.0.max(self.start), found.1)));
            }
        }
        Ok(None)
    }

    /// The first record with the largest time, as (offset, time).
    ///
    /// # Errors
    /// `KafkaStorageError`.
    pub fn find_max_time(&self) -> Result<Option<(i64, i64)>, ResponseError> {
        let largest = self.segments.iter().map(|segment| segment.summary.max_timestamp).max();
        largest.filter(|time| *time >= 0).map_or(Ok(None), |time| self.find_time(time))
    }

    /// Makes `offset` the first that can be read (−1: the end), and drops segments before it.
    ///
    /// # Errors
    /// `OffsetOutOfRange`, `KafkaStorageError`.
    pub fn delete_before(&mut self, offset: i64) -> Result<i64, ResponseError> {
        let offset = if offset == -1 { self.end() } else { offset };
        if offset < 0 || offset > self.end() {
            return Err(ResponseError::OffsetOutOfRange);
        }
        if offset > self.start {
            if let Some(folder) = &self.folder {
                let text = offset.to_string();
                write_whole(&folder.join("start"), text.as_bytes()).map_err(storage_error)?;
            }
            self.start = offset;
            self.drop_while(|log, first| first.summary.next_offset <= log.start);
        }
        Ok(self.start)
    }

    /// Deletes closed segments that are too old or too much, and forgets old producers.
    pub fn expire(&mut self, rules: &Rules, now_ms: i64, forget_producers_before: i64) {
        self.producers.forget(forget_producers_before);
        if !rules.deletes {
            return;
        }
        let newest_time = |segment: &Segment| segment.summary.max_timestamp;
        let outlived = |segment: &Segment| {
            rules.retention_ms >= 0 && newest_time(segment) < now_ms.saturating_sub(rules.retention_ms)
        };
        let active_is_old = self.segments.last().is_some_and(|last| last.summary.size > 0 && outlived(last));
        if active_is_old && let Err(error) = self.roll() {
            tracing::warn!(folder = ?self.folder, %error, "no new segment could be begun");
        }
        self.drop_while(|log, first| {
            let excess = log.size().saturating_sub(first.summary.size);
            outlived(first) || (rules.retention_bytes >= 0 && excess >= rules.retention_bytes as u64)
        });
    }

    fn drop_while(&mut self, goes: impl Fn(&Self, &Segment) -> bool) {
        while self.segments.len() > 1
            && let Some(first) = self.segments.first()
            && goes(self, first)
        {
            self.segments.remove(0).delete();
            let first = self.segments.first().map_or(0, |segment| segment.base);
            self.start = self.start.max(first);
        }
        if let Err(error) = self.aborted.forget(self.start) {
            tracing::debug!(folder = ?self.folder, %error, "the list of aborted transactions was not cut");
        }
    }
}

/// The base offsets of a folder's segments; what is left of a compaction is removed.
fn find_segments(folder: &Path) -> io::Result<Vec<i64>> {
    let mut bases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let base = || path.file_stem()?.to_str()?.parse::<i64>().ok();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => bases.extend(base()),
            Some("compacted") => std::fs::remove_file(&path)?,
            _ => {}
        }
    }
    bases.sort_unstable();
    Ok(bases)
}

fn storage_error(error: io::Error) -> ResponseError {
    tracing::error!(%error, "the log could not be read or written");
    ResponseError::KafkaStorageError
}

fn say_cut(path: &Path, cut: u64, end: i64) {
    if cut > 0 {
        tracing::warn!(
            "{}: the last {cut} bytes were not a whole batch and were cut; the log ends at offset {end}",
            path.display()
        );
    }
}

fn read_offset(folder: &Path, name: &str) -> Option<i64> {
    std::fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
}

/// Writes a file that appears whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, bytes)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .inspect_err(|_| drop(std::fs::remove_file(&unfinished)))
}

#[cfg(test)]
mod tests;
