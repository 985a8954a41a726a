//! Which transactions of a partition were aborted: what readers of committed records need to skip
//! them.
//!
//! A file of fixed entries in the order of their markers, so that memory does not grow with it; there
//! is none until a transaction is aborted.

use super::blob::Blob;
use bytes::{Buf, BufMut};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

const ENTRY_SIZE: u64 = 32;
/// Entries before the log's start that are kept until it is worth writing the file anew.
const STALE: u64 = 4_096;

/// An aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    pub producer_id: i64,
    /// The offset of its first record.
    pub first: i64,
    /// The offset of its marker.
    pub marker: i64,
    /// The last stable offset when it had ended: no later entry begins before it.
    pub stable: i64,
}

/// All of a partition that are in its log.
pub struct AbortedList {
    path: Option<PathBuf>,
    blob: Option<Blob>,
    len: u64,
}

impl AbortedList {
    /// Opens the list of a folder, or an empty one in memory.
    pub fn open(folder: Option<&Path>) -> io::Result<Self> {
        let path = folder.map(|folder| folder.join("aborted"));
        let mut list = Self { path, blob: None, len: 0 };
        if let Some(path) = list.path.as_deref().filter(|path| path.exists()) {
            let blob = Blob::open(Some(path))?;
            list.len = blob.len()? / ENTRY_SIZE;
            blob.truncate(list.len * ENTRY_SIZE)?;
            list.blob = Some(blob);
        }
        Ok(list)
    }

    /// Adds an entry; one that is there already is left alone, as a start sees markers again.
    pub fn push(&mut self, entry: Aborted, sync: bool) -> io::Result<()> {
        if let Some(last) = self.len.checked_sub(1)
            && self.get(last)?.marker >= entry.marker
        {
            return Ok(());
        }
        let blob = match &self.blob {
            Some(blob) => blob,
            None => self.blob.insert(Blob::open(self.path.as_deref())?),
        };
        // A write that failed may have left a part behind.
        if blob.len()? != self.len * ENTRY_SIZE {
            blob.truncate(self.len * ENTRY_SIZE)?;
        }
        blob.append(&mut [IoSlice::new(&entry.bytes())])?;
        if sync {
            blob.sync()?;
        }
        self.len += 1;
        Ok(())
    }

    /// Those with records or their marker at `from` or later, and records before `until`. All offsets
    /// before `until` must be stable.
    pub fn between(&self, from: i64, until: i64) -> io::Result<Vec<Aborted>> {
        let mut found = Vec::new();
        for at in self.first_at(from)?..self.len {
            let entry = self.get(at)?;
            if entry.first < until {
                found.push(entry);
            }
            if entry.stable >= until {
                break;
            }
        }
        Ok(found)
    }

    /// Forgets entries with a marker at `end` or later: the log lost them.
    pub fn cut(&mut self, end: i64) -> io::Result<()> {
        self.len = self.first_at(end)?;
        self.blob.as_ref().map_or(Ok(()), |blob| blob.truncate(self.len * ENTRY_SIZE))
    }

    /// Forgets entries with a marker before `start`, when they are many.
    pub fn forget(&mut self, start: i64) -> io::Result<()> {
        let stale = self.first_at(start)?;
        let Some(blob) = self.blob.as_ref().filter(|_| stale >= STALE && stale * 2 >= self.len) else {
            return Ok(());
        };
        let kept = blob.read(stale * ENTRY_SIZE, ((self.len - stale) * ENTRY_SIZE) as usize)?;
        if let Some(path) = &self.path {
            super::write_whole(path, &kept)?;
        }
        let fresh = Blob::open(self.path.as_deref())?;
        if self.path.is_none() {
            fresh.append(&mut [IoSlice::new(&kept)])?;
        }
        self.blob = Some(fresh);
        self.len -= stale;
        Ok(())
    }

    /// The number of the first entry with a marker at `offset` or later.
    fn first_at(&self, offset: i64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle)?.marker < offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn get(&self, at: u64) -> io::Result<Aborted> {
        let blob = self.blob.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = blob.read(at * ENTRY_SIZE, ENTRY_SIZE as usize)?;
        if bytes.len() as u64 != ENTRY_SIZE {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Aborted {
            producer_id: bytes.get_i64(),
            first: bytes.get_i64(),
            marker: bytes.get_i64(),
            stable: bytes.get_i64(),
        })
    }
}

impl Aborted {
    fn bytes(&self) -> [u8; ENTRY_SIZE as usize] {
        let mut bytes = [0; ENTRY_SIZE as usize];
        let mut rest = &mut bytes[..];
        for field in [self.producer_id, self.first, self.marker, self.stable] {
            rest.put_i64(field);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(first: i64, marker: i64, stable: i64) -> Aborted {
        Aborted { producer_id: first, first, marker, stable }
    }

    #[test]
    fn a_reader_gets_those_that_touch_what_it_reads() {
        let folder = tempfile::tempdir().unwrap();
        for folder in [None, Some(folder.path())] {
            let mut list = AbortedList::open(folder).unwrap();
            assert_eq!(list.between(0, 100).unwrap(), []);
            let all = [entry(5, 7, 2), entry(2, 8, 9), entry(10, 15, 12), entry(12, 20, 21)];
            all.into_iter().chain([all[3]]).for_each(|entry| list.push(entry, false).unwrap());
            if folder.is_some() {
                list = AbortedList::open(folder).unwrap();
            }
            assert_eq!(list.between(0, 100).unwrap(), all);
            assert_eq!(list.between(0, 4).unwrap(), [all[1]], "the second began before the first");
            assert_eq!(list.between(8, 9).unwrap(), [all[1]]);
            assert_eq!(list.between(16, 21).unwrap(), [all[3]]);
            list.cut(15).unwrap();
            assert_eq!(list.between(0, 100).unwrap(), all[..2]);
            for at in 10..30 + STALE as i64 {
                list.push(entry(at * 10, at * 10 + 1, at * 10 + 2), false).unwrap();
            }
            list.forget(STALE as i64 * 10 + 241).unwrap();
            assert_eq!((list.len, list.between(STALE as i64 * 10 + 271, i64::MAX).unwrap().len()), (6, 3));
            list.push(entry(1_000_000, 1_000_001, 1_000_002), false).unwrap();
            assert_eq!(list.between(1_000_000, i64::MAX).unwrap().len(), 1);
        }
    }
}
