//! Where in a segment an offset or a time is, to within a block of 64 KiB.
//!
//! The segment that is written to keeps its entries in memory; a closed one reads them from its
//! index file, so that memory does not grow with what is stored.

use bytes::{Buf, BufMut};
use std::io;
use std::path::Path;

use super::blob::Blob;

/// Bytes of log between two entries.
const BLOCK: u64 = 64 << 10;
const ENTRY_SIZE: usize = 24;
const FOOTER_SIZE: usize = 44;

/// The beginning of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Base offset of the batch that begins here.
    pub offset: i64,
    /// Its place in the file, in bytes.
    pub position: u64,
    /// The largest record time before this place, in milliseconds.
    pub timestamp_before: i64,
}

/// What a segment is, besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Bytes.
    pub size: u64,
    /// The offset after the last record.
    pub next_offset: i64,
    /// The largest record time in milliseconds, −1 if there is none.
    pub max_timestamp: i64,
    /// Base offset of the first batch with that time.
    pub max_timestamp_offset: i64,
}

/// The entries of one segment.
pub enum Index {
    /// Of the segment that is written to.
    Open(Vec<Entry>),
    /// In a file, with how many there are.
    Closed(Blob, usize),
}

impl Index {
    /// Notes the batch at `entry`, if a block has passed since the last one.
    pub fn note(&mut self, entry: Entry) {
        if let Self::Open(entries) = self
            && entries.last().is_none_or(|last| entry.position >= last.position + BLOCK)
        {
            entries.push(entry);
        }
    }

    /// Where to begin looking for `offset`.
    pub fn before_offset(&self, offset: i64) -> io::Result<u64> {
        self.last_where(|entry| entry.offset <= offset)
    }

    /// Where to begin looking for the first record with `timestamp` or later.
    pub fn before_time(&self, timestamp: i64) -> io::Result<u64> {
        self.last_where(|entry| entry.timestamp_before < timestamp)
    }

    fn last_where(&self, holds: impl Fn(&Entry) -> bool) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.len());
        let mut position = 0;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle)?.filter(&holds) {
                Some(entry) => {
                    position = entry.position;
                    low = middle + 1;
                }
                None => high = middle,
            }
        }
        Ok(position)
    }

    fn len(&self) -> usize {
        match self {
            Self::Open(entries) => entries.len(),
            Self::Closed(_, count) => *count,
        }
    }

    fn get(&self, at: usize) -> io::Result<Option<Entry>> {
        match self {
            Self::Open(entries) => Ok(entries.get(at).copied()),
            Self::Closed(blob, _) => Ok(decode(&blob.read((at * ENTRY_SIZE) as u64, ENTRY_SIZE)?)),
        }
    }

    /// Writes the entries and the summary to a file that appears whole.
    pub fn save(&self, path: &Path, summary: &Summary) -> io::Result<()> {
        let Self::Open(entries) = self else { return Ok(()) };
        let mut bytes = Vec::with_capacity(entries.len() * ENTRY_SIZE + FOOTER_SIZE);
        for entry in entries {
            bytes.put_i64(entry.offset);
            bytes.put_u64(entry.position);
            bytes.put_i64(entry.timestamp_before);
        }
        bytes.put_u64(entries.len() as u64);
        bytes.put_u64(summary.size);
        bytes.put_i64(summary.next_offset);
        bytes.put_i64(summary.max_timestamp);
        bytes.put_i64(summary.max_timestamp_offset);
        bytes.put_u32(crc32c::crc32c(&bytes));
        super::write_whole(path, &bytes)
    }

    /// Saves the index and reads from the file from now on.
    pub fn close(&mut self, path: &Path, summary: &Summary) -> io::Result<()> {
        self.save(path, summary)?;
        *self = Self::Closed(Blob::open(Some(path))?, self.len());
        Ok(())
    }

    /// Opens the index of a closed segment of `size` bytes; `None` if it is missing, torn or of
    /// other bytes, and must be made again.
    pub fn load(path: &Path, size: u64) -> Option<(Self, Summary)> {
        let (entries, summary) = parse(&std::fs::read(path).ok()?)?;
        let blob = Blob::open(Some(path)).ok()?;
        (summary.size == size).then_some((Self::Closed(blob, entries.len()), summary))
    }

    /// What was saved of a segment that had at most `size` bytes then, to be written on.
    pub fn resume(path: &Path, size: u64) -> Option<(Self, Summary)> {
        let (entries, summary) = parse(&std::fs::read(path).ok()?)?;
        (summary.size <= size).then_some((Self::Open(entries), summary))
    }
}

fn parse(bytes: &[u8]) -> Option<(Vec<Entry>, Summary)> {
    let (body, mut crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    if crc.get_u32() != crc32c::crc32c(body) {
        return None;
    }
    let (entries, mut footer) = body.split_at_checked(bytes.len().checked_sub(FOOTER_SIZE)?)?;
    let count = footer.get_u64() as usize;
    let summary = Summary {
        size: footer.get_u64(),
        next_offset: footer.get_i64(),
        max_timestamp: footer.get_i64(),
        max_timestamp_offset: footer.get_i64(),
    };
    let entries: Vec<Entry> = entries.chunks(ENTRY_SIZE).filter_map(decode).collect();
    (entries.len() == count).then_some((entries, summary))
}

fn decode(mut bytes: &[u8]) -> Option<Entry> {
    (bytes.len() == ENTRY_SIZE).then(|| Entry {
        offset: bytes.get_i64(),
        position: bytes.get_u64(),
        timestamp_before: bytes.get_i64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_index_answers_as_the_open_one_did() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.index");
        let mut index = Index::Open(Vec::new());
        for at in 0..100 {
            index.note(Entry {
                offset: at * 10,
                position: at as u64 * 40_000,
                timestamp_before: at * 100 - 1,
            });
        }
        let summary =
            Summary { size: 4_000_000, next_offset: 1_000, max_timestamp: 9_999, max_timestamp_offset: 990 };
        let asked = [-5, 0, 15, 333, 5_000];
        let answers = |index: &Index| {
            asked.map(|at| (index.before_offset(at).unwrap(), index.before_time(at).unwrap()))
        };
        let open = answers(&index);
        index.close(&path, &summary).unwrap();
        assert_eq!(answers(&index), open);
        let (loaded, read) = Index::load(&path, 4_000_000).unwrap();
        assert_eq!((answers(&loaded), read), (open, summary));
        assert!(Index::load(&path, 4_000_001).is_none(), "an index of other bytes");
        let (resumed, _) = Index::resume(&path, 4_000_001).unwrap();
        assert_eq!(answers(&resumed), open);
        assert!(Index::resume(&path, 3_999_999).is_none(), "an index of bytes that are gone");
        std::fs::write(&path, b"torn").unwrap();
        assert!(Index::load(&path, 4_000_000).is_none());
    }
}
