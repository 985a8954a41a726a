//! One file of a partition's log, with its index.

use super::blob::Blob;
use super::index::{Entry, Index, Summary};
use crate::broker::batch::{HEADER_SIZE, Header};
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is read at a time when only headers are of interest.
const HEADERS_WINDOW: usize = 64 << 10;
/// How much is read at a time when every byte is checked.
const SCAN_WINDOW: usize = 1 << 20;

/// A run of batches from a base offset on.
pub struct Segment {
    /// The first offset that it may hold; its file is named after it.
    pub base: i64,
    /// What it holds.
    pub summary: Summary,
    /// The time of its first batch in milliseconds, for `segment.ms`.
    pub first_timestamp: Option<i64>,
    /// From 0 to 1: its share of `segment.jitter.ms`.
    pub luck: f64,
    blob: Arc<Blob>,
    index: Index,
    path: Option<PathBuf>,
    /// Bytes that the saved index covers.
    saved: u64,
    torn: bool,
}

/// Where a segment is written that is to take another's place.
fn aside(path: &Path) -> PathBuf {
    path.with_extension("compacted")
}

/// A place to read from: bytes from `position` to `end` are whole batches.
pub struct Span {
    blob: Arc<Blob>,
    position: u64,
    end: u64,
}

impl Segment {
    /// A new, empty segment; in memory without a folder.
    pub fn create(folder: Option<&Path>, base: i64) -> io::Result<Self> {
        let path = folder.map(|folder| folder.join(format!("{base:020}.log")));
        let blob = Blob::open(path.as_deref())?;
        blob.truncate(0)?;
        Ok(Self::empty(base, blob, path))
    }

    /// A new, empty segment beside the one with the same base, until it is to [`Self::take_place`].
    pub fn aside(folder: Option<&Path>, base: i64) -> io::Result<Self> {
        let path = folder.map(|folder| folder.join(format!("{base:020}.log")));
        let blob = Blob::open(path.as_deref().map(aside).as_deref())?;
        blob.truncate(0)?;
        Ok(Self::empty(base, blob, path))
    }

    /// Takes the place of the file with the same base, and ends writing.
    pub fn take_place(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            // The index goes first: one of other bytes must not be believed.
            match std::fs::remove_file(path.with_extension("index")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => std::fs::rename(aside(path), path)?,
            }
        }
        self.close();
        Ok(())
    }

    /// Removes a file that has not taken its place.
    pub fn discard(&self) {
        if let Some(path) = &self.path {
            std::fs::remove_file(aside(path)).ok();
        }
    }

    /// Waits until the disk has all of it.
    pub fn sync(&self) -> io::Result<()> {
        self.blob.sync()
    }

    /// The time of its first batch in milliseconds.
    pub fn first_time(&self) -> Option<i64> {
        let head = || Header::read(&self.blob.read(0, HEADER_SIZE).ok()?);
        self.first_timestamp.or_else(|| Some(head()?.max_timestamp))
    }

    /// Whether `span` is of these bytes.
    pub fn is_read_by(&self, span: &Span) -> bool {
        Arc::ptr_eq(&self.blob, &span.blob)
    }

    fn empty(base: i64, blob: Blob, path: Option<PathBuf>) -> Self {
        let summary = Summary { size: 0, next_offset: base, max_timestamp: -1, max_timestamp_offset: base };
        let index = Index::Open(Vec::new());
        Self {
            base,
            summary,
            first_timestamp: None,
            luck: rand::random(),
            blob: Arc::new(blob),
            index,
            path,
            saved: 0,
            torn: false,
        }
    }

    /// Opens a segment that nothing is written to any more; it is scanned only if its index is not
    /// whole. Returns how many bytes were cut.
    pub fn open_closed(path: PathBuf, base: i64) -> io::Result<(Self, u64)> {
        let blob = Blob::open(Some(&path))?;
        match Index::load(&path.with_extension("index"), blob.len()?) {
            Some((index, summary)) => {
                let segment = Self { index, summary, ..Self::empty(base, blob, Some(path)) };
                Ok((segment, 0))
            }
            None => {
                let mut segment = Self::reopen(path, base)?;
                let cut = segment.recover(|_, _| Ok(()))?;
                segment.close();
                Ok((segment, cut))
            }
        }
    }

    /// Opens a segment as its last checkpoint left it; what follows is not known until [`Self::recover`].
    pub fn reopen(path: PathBuf, base: i64) -> io::Result<Self> {
        let blob = Blob::open(Some(&path))?;
        let saved = Index::resume(&path.with_extension("index"), blob.len()?);
        let first = Header::read(&blob.read(0, HEADER_SIZE)?);
        let mut segment = Self::empty(base, blob, Some(path));
        segment.first_timestamp = first.map(|first| first.max_timestamp);
        if let Some((index, summary)) = saved {
            (segment.index, segment.summary, segment.saved) = (index, summary, summary.size);
        }
        Ok(segment)
    }

    /// Checks every batch that is not in the books yet, shows each to `seen`, and cuts what is not
    /// whole at the end. Returns how many bytes were cut.
    pub fn recover(&mut self, mut seen: impl FnMut(&Header, &[u8]) -> io::Result<()>) -> io::Result<u64> {
        let blob = Arc::clone(&self.blob);
        let size = blob.len()?;
        let mut window = Bytes::new();
        let mut window_at = self.summary.size;
        loop {
            let at = self.summary.size;
            let skip = (at - window_at) as usize;
            let header = window.get(skip..).and_then(Header::read);
            let whole = header.and_then(|header| window.get(skip..skip.checked_add(header.size())?));
            match (header, whole) {
                (Some(header), Some(batch)) => {
                    if header.base_offset < self.summary.next_offset || !header.checks(batch) {
                        break;
                    }
                    seen(&header, batch)?;
                    self.note(&header);
                }
                _ if at >= size => break,
                (header, _) => {
                    let wanted = header.map_or(0, |header| header.size()).max(SCAN_WINDOW);
                    let fresh = blob.read(at, wanted.min((size - at) as usize))?;
                    if window_at == at && fresh.len() <= window.len() {
                        break;
                    }
                    (window, window_at) = (fresh, at);
                }
            }
        }
        blob.truncate(self.summary.size)?;
        let cut = size - self.summary.size;
        Ok(cut)
    }

    /// Takes a batch into the books, after its bytes.
    fn note(&mut self, header: &Header) {
        let summary = &mut self.summary;
        self.index.note(Entry {
            offset: header.base_offset,
            position: summary.size,
            timestamp_before: summary.max_timestamp,
        });
        // Compaction leaves batches that hold no record: they have no time.
        if header.count > 0 && header.max_timestamp > summary.max_timestamp {
            summary.max_timestamp = header.max_timestamp;
            summary.max_timestamp_offset = header.base_offset;
        }
        summary.size += header.size() as u64;
        summary.next_offset = header.next_offset();
        self.first_timestamp.get_or_insert(header.max_timestamp);
    }

    /// Writes a batch whole or not at all.
    ///
    /// # Errors
    /// The file's own; nothing of the batch is left in the log.
    pub fn append(&mut self, header: &Header, records: &[u8], sync: bool) -> io::Result<()> {
        if self.torn {
            self.blob.truncate(self.summary.size)?;
            self.torn = false;
        }
        let head = header.bytes();
        let written = self.blob.append(&mut [IoSlice::new(&head), IoSlice::new(records)]);
        if let Err(error) = written.and_then(|()| if sync { self.blob.sync() } else { Ok(()) }) {
            self.torn = self.blob.truncate(self.summary.size).is_err();
            return Err(error);
        }
        self.note(header);
        Ok(())
    }

    /// Bytes that a start has to check.
    pub fn unsaved(&self) -> u64 {
        self.summary.size - self.saved
    }

    /// Saves the index, so that a start need not check what is before this place.
    pub fn checkpoint(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.index.save(&path.with_extension("index"), &self.summary)?;
        }
        self.saved = self.summary.size;
        Ok(())
    }

    /// Ends writing: its index goes to a file. If that cannot be written, the next start scans.
    pub fn close(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = self.index.close(&path.with_extension("index"), &self.summary)
        {
            tracing::debug!(path = %path.display(), %error, "no index was written");
        }
    }

    /// From the batch that holds `offset` (or the first after it) to the end; `hint` is a place at or
    /// before it, if one is known.
    pub fn span_from(&self, offset: i64, hint: Option<u64>) -> io::Result<Span> {
        let mut span = self.span(match hint {
            Some(position) => position,
            None => self.index.before_offset(offset)?,
        });
        let found = span.headers(|header| header.next_offset() > offset)?;
        span.position = found.map_or(span.end, |(position, _)| position);
        Ok(span)
    }

    /// What of a span is before the batch with `offset`.
    pub fn span_until(&self, span: Span, offset: i64) -> io::Result<Span> {
        if self.summary.next_offset <= offset {
            return Ok(span);
        }
        let found =
            self.span(self.index.before_offset(offset)?).headers(|header| header.base_offset >= offset)?;
        let end = found.map_or(span.end, |(position, _)| position).max(span.position);
        Ok(Span { end, ..span })
    }

    /// The first batch that has a record with `timestamp` (milliseconds) or later.
    pub fn batch_since(&self, timestamp: i64) -> io::Result<Option<(Header, Bytes)>> {
        let span = self.span(self.index.before_time(timestamp)?);
        let found = span.headers(|header| header.count > 0 && header.max_timestamp >= timestamp)?;
        found.map(|(position, header)| Ok((header, self.blob.read(position, header.size())?))).transpose()
    }

    /// From a place where a batch begins to the end.
    pub fn span(&self, position: u64) -> Span {
        Span { blob: Arc::clone(&self.blob), position, end: self.summary.size }
    }

    /// Removes its files; who reads it still may finish.
    pub fn delete(&self) {
        if let Some(path) = &self.path {
            for extension in ["log", "index", "producers"] {
                std::fs::remove_file(path.with_extension(extension)).ok();
            }
        }
    }
}

impl Span {
    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.end - self.position
    }

    /// Where it begins in its segment.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whole batches of at most `limit` bytes together; a first batch that is larger is read all the
    /// same if it has at most `most` bytes. With them comes the offset after the last.
    pub fn read(&self, limit: usize, most: usize) -> io::Result<(Bytes, Option<i64>)> {
        let wanted = self.len().min(limit.max(HEADER_SIZE) as u64) as usize;
        let mut bytes = self.blob.read(self.position, wanted)?;
        if let Some(first) = Header::read(&bytes)
            && first.size() > limit
        {
            let fits = first.size() <= most;
            bytes = if fits { self.blob.read(self.position, first.size())? } else { Bytes::new() };
        }
        let (mut whole, mut next) = (0, None);
        while let Some(header) = bytes.get(whole..).and_then(Header::read)
            && whole + header.size() <= bytes.len()
        {
            whole += header.size();
            next = Some(header.next_offset());
        }
        bytes.truncate(whole);
        Ok((bytes, next))
    }

    /// Shows every batch in turn; memory holds a mebibyte of them, or the largest one.
    ///
    /// # Errors
    /// The file's own, or bytes that are no batches.
    pub fn batches(&self, mut show: impl FnMut(&Header, &[u8]) -> ControlFlow<()>) -> io::Result<()> {
        let mut rest = Self { blob: Arc::clone(&self.blob), ..*self };
        while rest.len() > 0 {
            let (window, _) = rest.read(SCAN_WINDOW, usize::MAX)?;
            if window.is_empty() {
                return Err(io::Error::other("a segment holds bytes that are no batch"));
            }
            let mut at = 0;
            while let Some(header) = window.get(at..).and_then(Header::read) {
                let batch = window.get(at..at + header.size()).unwrap_or_default();
                if show(&header, batch).is_break() {
                    return Ok(());
                }
                at += header.size();
            }
            rest.position += window.len() as u64;
        }
        Ok(())
    }

    /// The first batch whose header `matches`, with its place.
    fn headers(&self, matches: impl Fn(&Header) -> bool) -> io::Result<Option<(u64, Header)>> {
        let mut found = None;
        self.walk(|position, header| {
            if matches(&header) {
                found = Some((position, header));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Shows every header in turn, with its place, reading no more than it must.
    fn walk(&self, mut show: impl FnMut(u64, Header) -> ControlFlow<()>) -> io::Result<()> {
        let mut position = self.position;
        let (mut window, mut window_at) = (Bytes::new(), position);
        while position < self.end {
            let skip = (position - window_at) as usize;
            let Some(header) = window.get(skip..).and_then(Header::read) else {
                if window_at == position && !window.is_empty() {
                    break;
                }
                window = self.blob.read(position, HEADERS_WINDOW.min((self.end - position) as usize))?;
                window_at = position;
                continue;
            };
            if show(position, header).is_break() {
                break;
            }
            position += header.size() as u64;
        }
        Ok(())
    }
}
