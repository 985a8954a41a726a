//! Compaction: of each key only the last record stays. A pass reads closed segments without holding
//! the log, writes each run of them anew into one file aside, and the log takes that in their place.

use super::latest::{Latest, MOST_KEYS};
use super::segment::Segment;
use super::{Aborted, Log, Rules, Span, write_whole};
use crate::broker::batch::{HEADER_SIZE, Header};
use crate::broker::records::Record;
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// When and how a log is compacted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compaction {
    /// The part of the log that must be uncompacted before it is worth it, from 0 to 1.
    pub dirty_ratio: f64,
    /// The shortest that a record stays as it is, milliseconds.
    pub min_lag_ms: i64,
    /// The longest, milliseconds: then the ratio does not count.
    pub max_lag_ms: i64,
    /// How long a tombstone stays after its first compaction, milliseconds.
    pub delete_retention_ms: i64,
}

/// A closed segment as it was when the pass began.
struct Source {
    base: i64,
    end: i64,
    span: Span,
}

/// One pass over a log, up to what its memory can hold.
pub struct Pass {
    folder: Option<PathBuf>,
    sources: Vec<Source>,
    /// Where the part begins that no pass has seen.
    dirty: i64,
    segment_bytes: u64,
    now_ms: i64,
    delete_retention_ms: i64,
    /// Transactions whose records count for nothing.
    aborted: AbortedSpans,
    /// Base offsets of the last batches of producers, which a restart wants to see.
    last_batches: HashMap<i64, i64>,
    most_keys: usize,
    /// Whether new files are on the disk before old ones go.
    syncs: bool,
}

/// By producer, where aborted transactions begin and where their markers are.
struct AbortedSpans(HashMap<i64, Vec<(i64, i64)>>);

impl AbortedSpans {
    /// From a list in the order of markers.
    fn new(all: Vec<Aborted>) -> Self {
        let mut spans: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
        for aborted in all {
            spans.entry(aborted.producer_id).or_default().push((aborted.first, aborted.marker));
        }
        Self(spans)
    }

    fn of(&self, header: &Header) -> Option<(i64, i64)> {
        let spans = self.0.get(&header.producer_id)?;
        let at = spans.partition_point(|(_, marker)| *marker < header.base_offset);
        spans.get(at).copied().filter(|_| header.is_transactional())
    }

    /// Whether a batch belongs to an aborted transaction.
    fn holds(&self, header: &Header) -> bool {
        !header.is_control() && self.of(header).is_some_and(|(first, _)| first <= header.base_offset)
    }

    /// Whether a batch is the marker of one.
    fn ends_at(&self, header: &Header) -> bool {
        header.is_control() && self.of(header).is_some_and(|(_, marker)| marker == header.base_offset)
    }
}

/// What compaction leaves of a batch.
enum Left {
    All,
    Some(Header, Vec<u8>),
    Nothing,
}

impl Log {
    /// What is to be compacted now, if there is enough: closed segments, up to the last stable offset.
    pub fn compaction(&self, rules: &Rules, now_ms: i64) -> Option<Pass> {
        let how = rules.compaction?;
        let (_, closed) = self.segments.split_last()?;
        let dirty =
            if (self.start..=self.end()).contains(&self.compacted) { self.compacted } else { self.start };
        let first = closed.partition_point(|segment| segment.summary.next_offset <= dirty);
        let (clean, rest) = closed.split_at_checked(first)?;
        let too_young = |segment: &Segment| {
            how.min_lag_ms > 0 && segment.summary.max_timestamp > now_ms.saturating_sub(how.min_lag_ms)
        };
        let stable = self.last_stable();
        let ready = |segment: &&Segment| segment.summary.next_offset <= stable && !too_young(segment);
        let count = rest.iter().take_while(ready).count();
        let rest = rest.get(..count)?;
        let size = |segments: &[Segment]| segments.iter().map(|segment| segment.summary.size).sum::<u64>();
        let (clean, uncompacted) = (size(clean) as f64, size(rest) as f64);
        let overdue = || {
            let before = now_ms.saturating_sub(how.max_lag_ms);
            how.max_lag_ms < i64::MAX
                && rest.iter().filter_map(Segment::first_time).any(|time| time > 0 && time < before)
        };
        if rest.is_empty() || !(uncompacted / (clean + uncompacted) > how.dirty_ratio || overdue()) {
            return None;
        }
        let source = |segment: &Segment| Source {
            base: segment.base,
            end: segment.summary.next_offset,
            span: segment.span(0),
        };
        Some(Pass {
            folder: self.folder.clone(),
            sources: closed.iter().take(first + count).map(source).collect(),
            dirty,
            segment_bytes: rules.segment_bytes,
            now_ms,
            delete_retention_ms: how.delete_retention_ms,
            aborted: AbortedSpans::new(self.aborted_between(0, stable).ok()?),
            last_batches: self.producers.last_batches(),
            most_keys: MOST_KEYS,
            syncs: true,
        })
    }

    /// Puts a compacted segment in the place of those it was made of; `false` if they are not there any
    /// more.
    ///
    /// # Errors
    /// The files' own. Whatever happens, a start finds the old segments or the new one.
    fn replace(&mut self, old: &[Source], mut fresh: Segment) -> io::Result<bool> {
        let at = self.segments.partition_point(|segment| segment.base < fresh.base);
        let range = at..at + old.len();
        let same = |(segment, source): (&Segment, &Source)| segment.is_read_by(&source.span);
        let segments = self.segments.get(range.clone()).unwrap_or_default();
        if self.gone || segments.len() != old.len() || !segments.iter().zip(old).all(same) {
            fresh.discard();
            return Ok(false);
        }
        fresh.take_place()?;
        // It covers what the others hold: a start that finds them too deletes them.
        self.segments.splice(range, [fresh]).skip(1).for_each(|segment| segment.delete());
        self.places.clear();
        Ok(true)
    }

    fn note_compacted(&mut self, end: i64) -> io::Result<()> {
        self.compacted = end;
        match self.folder.as_ref().filter(|_| !self.gone) {
            Some(folder) => write_whole(&folder.join("compacted"), end.to_string().as_bytes()),
            None => Ok(()),
        }
    }
}

impl Pass {
    /// Carries it out. `log` is asked for when a segment is ready; `stop` ends it early, and nothing is
    /// lost. Says whether it came to its end.
    ///
    /// # Errors
    /// The files' own; what is not yet replaced is as it was.
    pub fn run<L: std::ops::DerefMut<Target = Log>>(
        mut self,
        log: impl Fn() -> L,
        stop: impl Fn() -> bool,
    ) -> io::Result<bool> {
        let Some(latest) = self.read_keys(&stop)? else { return Ok(false) };
        let mut sources = std::mem::take(&mut self.sources);
        sources.retain(|source| source.base < latest.end);
        let mut open = HashSet::new();
        let mut rest = &sources[..];
        while !rest.is_empty() {
            let (run, later) = rest.split_at(self.run_length(rest));
            let Some(fresh) = self.rewrite(run, &latest, &mut open, &stop)? else { return Ok(false) };
            if !log().replace(run, fresh)? {
                return Ok(false);
            }
            rest = later;
        }
        log().note_compacted(latest.end).map(|()| true)
    }

    /// How many segments fit into one.
    fn run_length(&self, sources: &[Source]) -> usize {
        let mut size = 0;
        let fits = |source: &&Source| {
            size += source.span.len();
            size <= self.segment_bytes
        };
        sources.iter().take_while(fits).count().max(1)
    }

    /// The last offsets of the keys in the uncompacted part, as many as there is room for.
    fn read_keys(&self, stop: &impl Fn() -> bool) -> io::Result<Option<Latest>> {
        let mut latest = Latest::new(self.dirty, self.most_keys);
        for source in self.sources.iter().filter(|source| source.end > self.dirty) {
            let mut full = false;
            source.span.batches(|header, batch| {
                if stop() {
                    return ControlFlow::Break(());
                }
                full = header.next_offset() > self.dirty && !self.note_keys(header, batch, &mut latest);
                if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if stop() {
                return Ok(None);
            }
            if full {
                break;
            }
        }
        Ok(Some(latest))
    }

    fn note_keys(&self, header: &Header, batch: &[u8], latest: &mut Latest) -> bool {
        // A batch that cannot be read is kept, so that what is in it need not be known.
        if !header.is_control()
            && !self.aborted.holds(header)
            && let Ok(mut records) = header.records(batch)
        {
            while let Ok(Some(record)) = records.next() {
                let offset = header.base_offset.saturating_add(record.offset_delta);
                if offset >= self.dirty
                    && let Some(key) = record.key
                    && !latest.note(key, offset)
                {
                    return false;
                }
            }
        }
        latest.end = header.next_offset();
        true
    }

    /// One segment of what is left of `run`. Its last batch stays, if need be without records, so that
    /// the segment ends where the run did.
    fn rewrite(
        &self,
        run: &[Source],
        latest: &Latest,
        open: &mut HashSet<i64>,
        stop: &impl Fn() -> bool,
    ) -> io::Result<Option<Segment>> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(None) };
        let mut fresh = Segment::aside(self.folder.as_deref(), first.base)?;
        let mut written = Ok(());
        for source in run {
            source.span.batches(|header, batch| {
                written = match self.sift(header, batch, latest, open) {
                    Left::All => fresh.append(header, batch.get(HEADER_SIZE..).unwrap_or_default(), false),
                    Left::Some(header, records) => fresh.append(&header, &records, false),
                    Left::Nothing if header.next_offset() == last.end || self.is_last_of_producer(header) => {
                        fresh.append(&header.emptied(), &[], false)
                    }
                    Left::Nothing => Ok(()),
                };
                if written.is_err() || stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if written.is_err() || stop() {
                fresh.discard();
                return written.map(|()| None);
            }
        }
        if self.syncs {
            fresh.sync().inspect_err(|_| fresh.discard())?;
        }
        Ok(Some(fresh))
    }

    fn is_last_of_producer(&self, header: &Header) -> bool {
        header.is_idempotent() && self.last_batches.get(&header.producer_id) == Some(&header.base_offset)
    }

    /// What is left of a batch. `open` are the producers that have written in a transaction whose
    /// marker is still to come.
    fn sift(&self, header: &Header, batch: &[u8], latest: &Latest, open: &mut HashSet<i64>) -> Left {
        if self.aborted.holds(header) {
            return Left::Nothing;
        }
        if self.aborted.ends_at(header) {
            // Readers look for it as long as the transaction is in the list of those that were aborted.
            return Left::All;
        }
        if header.is_control() {
            let ends_nothing = !open.remove(&header.producer_id);
            return self.sift_marker(header, batch, ends_nothing && header.base_offset < latest.end);
        }
        if header.is_transactional() {
            open.insert(header.producer_id);
        }
        if header.base_offset >= latest.end {
            return Left::All;
        }
        self.sift_records(header, batch, latest).unwrap_or(Left::All)
    }

    /// A marker goes when its transaction has no records any more, as long after that as a tombstone.
    fn sift_marker(&self, header: &Header, batch: &[u8], ends_nothing: bool) -> Left {
        match header.delete_horizon() {
            _ if !ends_nothing => Left::All,
            Some(horizon) if self.now_ms >= horizon => Left::Nothing,
            Some(_) => Left::All,
            None => self.write(header, batch, true, |_| true).unwrap_or(Left::All),
        }
    }

    fn sift_records(&self, header: &Header, batch: &[u8], latest: &Latest) -> io::Result<Left> {
        let deletes = header.delete_horizon().is_some_and(|horizon| self.now_ms >= horizon);
        let keeps = |record: &Record<'_>| {
            let offset = header.base_offset.saturating_add(record.offset_delta);
            let last = record.key.is_some_and(|key| latest.is_last(key, offset));
            offset >= latest.end || last && (record.has_value || !deletes)
        };
        let (mut kept, mut tombstones) = (0, false);
        let mut records = header.records(batch)?;
        while let Some(record) = records.next()? {
            if keeps(&record) {
                kept += 1;
                tombstones |= !record.has_value;
            }
        }
        let begins = tombstones && header.delete_horizon().is_none();
        match kept {
            0 => Ok(Left::Nothing),
            _ if kept == header.count && !begins => Ok(Left::All),
            _ => self.write(header, batch, begins, keeps),
        }
    }

    /// The batch with the records that stay; `begins` the time that its tombstones have left.
    fn write(
        &self,
        header: &Header,
        batch: &[u8],
        begins: bool,
        keeps: impl Fn(&Record<'_>) -> bool,
    ) -> io::Result<Left> {
        let horizon = begins.then(|| self.now_ms.saturating_add(self.delete_retention_ms));
        header.retain(batch, horizon, keeps).map(|(header, records)| Left::Some(header, records))
    }
}

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod tests;
