//! What must survive a restart and is not a record: committed offsets, used producer ids, transactions.
//!
//! A file of entries, each with its length and checksum, that is appended to and written anew when
//! most of it is out of date.

use super::log::{Blob, write_whole};
use bytes::{Buf, BufMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// Below this size the file is never written anew.
const SMALL: u64 = 4 << 20;

/// A committed position of a group in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
    /// When it was committed, milliseconds.
    pub time: i64,
}

/// One change of the groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    Commit {
        group: String,
        topic: String,
        partition: i32,
        committed: Committed,
    },
    ForgetOffset {
        group: String,
        topic: String,
        partition: i32,
    },
    /// A group that has or had members, and since when (milliseconds) it has none; without a protocol
    /// type it is forgotten.
    Group {
        group: String,
        protocol_type: String,
        emptied: Option<i64>,
    },
    /// An offset that its group gets if the producer's transaction commits.
    Pending {
        group: String,
        producer_id: i64,
        topic: String,
        partition: i32,
        committed: Committed,
    },
    /// The producer's transaction has ended for the group.
    EndPending {
        group: String,
        producer_id: i64,
        commits: bool,
    },
    /// Producer ids below this one may have been given out.
    ProducerIds {
        below: i64,
    },
}

/// A file of entries of one kind, or nothing if all is in memory.
pub struct Journal<E> {
    path: Option<PathBuf>,
    blob: Blob,
    size: u64,
    size_when_new: u64,
    sync: bool,
    entries: PhantomData<fn(E) -> E>,
}

impl<E: Serialize + DeserializeOwned> Journal<E> {
    /// Opens the journal and shows every entry to `replay`; what is torn at its end is cut, and said.
    pub fn open(path: Option<&Path>, sync: bool, mut replay: impl FnMut(E)) -> io::Result<Self> {
        let bytes = match path.map(std::fs::read) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Some(Ok(bytes)) => bytes,
            _ => Vec::new(),
        };
        let mut rest = &bytes[..];
        while let Some(entries) = take(&mut rest) {
            entries.into_iter().for_each(&mut replay);
        }
        let size = (bytes.len() - rest.len()) as u64;
        let blob = Blob::open(path)?;
        if let Some(path) = path
            && !rest.is_empty()
        {
            let path = path.display();
            tracing::warn!("{path}: the last {} bytes were not a whole entry and were cut", rest.len());
            blob.truncate(size)?;
        }
        Ok(Self {
            path: path.map(Path::to_path_buf),
            blob,
            size,
            size_when_new: 0,
            sync,
            entries: PhantomData,
        })
    }

    /// Writes `entries` together: all of them are there after a crash, or none.
    pub fn append(&mut self, entries: &[E]) -> io::Result<()> {
        if self.path.is_none() {
            return Ok(());
        }
        let bytes = frame(entries)?;
        // A write that failed may have left a part behind.
        if self.blob.len()? != self.size {
            self.blob.truncate(self.size)?;
        }
        self.blob.append(&mut [IoSlice::new(&bytes)])?;
        if self.sync {
            self.blob.sync()?;
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Whether it should be written anew.
    pub fn is_stale(&self) -> bool {
        self.size > SMALL && self.size > self.size_when_new * 4
    }

    /// Replaces all that is in it.
    pub fn rewrite(&mut self, entries: &[E]) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let bytes = frame(entries)?;
        write_whole(path, &bytes)?;
        self.blob = Blob::open(Some(path))?;
        if self.sync {
            self.blob.sync()?;
        }
        self.size = bytes.len() as u64;
        self.size_when_new = self.size;
        Ok(())
    }
}

fn frame<E: Serialize>(entries: &[E]) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(entries)?;
    let mut bytes = Vec::with_capacity(json.len() + 8);
    bytes.put_u32(json.len() as u32);
    bytes.put_u32(crc32c::crc32c(&json));
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

fn take<E: DeserializeOwned>(bytes: &mut &[u8]) -> Option<Vec<E>> {
    let mut rest = *bytes;
    let length = rest.try_get_u32().ok()? as usize;
    let crc = rest.try_get_u32().ok()?;
    let (json, rest) = rest.split_at_checked(length)?;
    if crc32c::crc32c(json) != crc {
        return None;
    }
    let entries = serde_json::from_slice(json).ok()?;
    *bytes = rest;
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_replayed_and_a_torn_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let ids = |below| Entry::ProducerIds { below };
        let mut journal = Journal::open(Some(&path), false, |_: Entry| {}).unwrap();
        journal.append(&[ids(1), ids(2)]).unwrap();
        journal.append(&[ids(3)]).unwrap();
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(&[0, 0, 0, 9, 1]);
        std::fs::write(&path, &bytes).unwrap();

        let mut seen = Vec::new();
        let mut journal = Journal::open(Some(&path), false, |entry| seen.push(entry)).unwrap();
        assert_eq!(seen, [ids(1), ids(2), ids(3)]);
        journal.rewrite(&[ids(9)]).unwrap();
        journal.append(&[ids(10)]).unwrap();
        seen.clear();
        Journal::open(Some(&path), false, |entry| seen.push(entry)).unwrap();
        assert_eq!(seen, [ids(9), ids(10)]);
    }
}
