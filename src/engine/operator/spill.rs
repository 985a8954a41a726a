//! Rows of state on the disk, where memory is not to hold them.
//!
//! They stand in blocks, in the order of their keys' hashes, so that some keys are read without the others. The files
//! have no names: the system takes them back when the process ends, however it ends.

use super::Stored;
use crate::engine::ipc;
use crate::units::format_size;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use std::fs::{self, File};
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Hashes of keys, from one to another.
pub type Hashes = RangeInclusive<u64>;

/// So many rows are in a block: few, as a key that is looked for brings its block with it.
pub const BLOCK: usize = 1_024;

/// So many rows are in a run at most: a snapshot holds a run in memory.
pub const RUN: usize = 64 * BLOCK;

/// So much is read at once, however small the limit is.
const LEAST: usize = 4 << 10;

/// How much memory state may take, and where it goes beyond that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateLimit {
    /// Bytes.
    pub memory: usize,
    /// The folder; it is made where it is not there.
    pub folder: PathBuf,
}

impl StateLimit {
    /// What is held until it is written: sorting it for that takes about as much again.
    pub fn held(&self) -> usize {
        self.memory / 2
    }

    /// What a batch's results may take.
    pub fn results(&self) -> usize {
        self.memory / 8
    }

    /// In how many parts so many bytes of rows are read, as merging them takes several times what they take.
    pub fn parts(&self, bytes: usize) -> usize {
        bytes / (self.memory / 16).max(LEAST) + 1
    }
}

/// One of `count` parts of all hashes, about as large as the others.
pub fn part(number: usize, count: usize) -> Hashes {
    let width = u64::MAX / count.max(1) as u64;
    let first = width * number as u64;
    first..=if number + 1 >= count { u64::MAX } else { first + (width - 1) }
}

/// A file that rows are written to.
#[derive(Debug)]
pub struct SpillFile {
    file: Arc<File>,
    end: u64,
    folder: PathBuf,
}

impl SpillFile {
    /// An empty file in a folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(folder: &Path) -> Result<Self> {
        let file = fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        let file = Arc::new(file.map_err(|error| unwritten(folder, &error))?);
        Ok(Self { file, end: 0, folder: folder.into() })
    }

    /// How many bytes were written.
    pub fn length(&self) -> u64 {
        self.end
    }

    /// Writes a run: rows of one pane, in the order of their keys' hashes, block by block.
    ///
    /// # Errors
    /// When the disk is full, or does not take it.
    pub fn write(
        &mut self,
        pane: i64,
        blocks: impl Iterator<Item = Result<(RecordBatch, Hashes)>>,
    ) -> Result<Run> {
        let mut run = Run { file: self.file.clone(), pane, blocks: vec![], rows: 0, bytes: 0 };
        let mut bytes = Vec::new();
        for block in blocks {
            let (rows, hashes) = block?;
            bytes.clear();
            ipc::encode(std::slice::from_ref(&rows), &mut bytes)?;
            self.file.write_all_at(&bytes, self.end).map_err(|error| unwritten(&self.folder, &error))?;
            let (at, length, crc) = (self.end, bytes.len(), crc32c::crc32c(&bytes));
            run.blocks.push(Block { hashes, at, length, crc });
            self.end += length as u64;
            run.rows += rows.num_rows();
            run.bytes += length;
        }
        Ok(run)
    }
}

fn unwritten(folder: &Path, error: &io::Error) -> Error {
    let message = format!("cannot keep state in {}: {error}", folder.display());
    Error::failed(message).hint("make room there or name another --state-directory, and start again")
}

/// Rows of one pane on the disk.
#[derive(Debug)]
pub struct Run {
    file: Arc<File>,
    /// The start of the pane.
    pub pane: i64,
    blocks: Vec<Block>,
    /// How many rows.
    pub rows: usize,
    /// What they take on the disk, in bytes.
    pub bytes: usize,
}

#[derive(Debug)]
struct Block {
    hashes: Hashes,
    at: u64,
    length: usize,
    crc: u32,
}

impl Run {
    /// The hash of the first row's key, and of the last one's.
    pub fn hashes(&self) -> Hashes {
        let (first, last) = (self.blocks.first(), self.blocks.last());
        first.map_or(u64::MAX, |block| *block.hashes.start())..=last.map_or(0, |block| *block.hashes.end())
    }

    /// The rows of those blocks whose hashes `wanted` wants, block by block, with these hashes.
    pub fn blocks<'a>(
        &'a self,
        wanted: impl Fn(&Hashes) -> bool + 'a,
    ) -> impl Iterator<Item = Result<(RecordBatch, &'a Hashes)>> + 'a {
        let blocks = self.blocks.iter().filter(move |block| wanted(&block.hashes));
        blocks.map(|block| Ok((self.read(block)?, &block.hashes)))
    }

    fn read(&self, block: &Block) -> Result<RecordBatch> {
        let mut bytes = vec![0; block.length];
        let read = self.file.read_exact_at(&mut bytes, block.at);
        read.map_err(|error| Error::failed(format!("state on the disk cannot be read: {error}")))?;
        if crc32c::crc32c(&bytes) != block.crc {
            let size = format_size(block.length as u64);
            return Err(Error::failed(format!("{size} of state on the disk are not as they were written"))
                .hint("the disk is at fault: start again, with another --state-directory"));
        }
        let rows = ipc::decode(&bytes)?;
        rows.into_iter().next().ok_or_else(|| Error::failed("a block of state has no rows"))
    }
}

impl Stored for Run {
    fn load(&self) -> Result<Vec<RecordBatch>> {
        let blocks = self.blocks(|_| true).map(|block| block.map(|(rows, _)| rows));
        let rows = blocks.collect::<Result<Vec<_>>>()?;
        match rows.first() {
            Some(first) => Ok(vec![concat_batches(&first.schema(), &rows)?]),
            None => Ok(vec![]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};

    #[test]
    fn parts_have_every_hash_once() {
        for count in [1, 2, 3, 7, 1_000] {
            let mut next = 0;
            for hashes in (0..count).map(|number| part(number, count)) {
                assert_eq!(*hashes.start(), next);
                next = hashes.end().wrapping_add(1);
            }
            assert_eq!(next, 0, "the last one has the last hash");
        }
    }

    #[test]
    fn what_a_disk_changed_is_told_of() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut file = SpillFile::create(folder.path())?;
        assert_eq!(fs::read_dir(folder.path())?.count(), 0, "the file has no name");
        let numbers = |from: i64| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + 100));
            RecordBatch::try_from_iter([("n", column)])
        };
        let blocks = [Ok((numbers(0)?, 0..=4)), Ok((numbers(100)?, 5..=9))];
        let run = file.write(7, blocks.into_iter())?;
        assert_eq!((run.pane, run.rows, run.hashes()), (7, 200, 0..=9));
        assert_eq!(run.blocks(|hashes| hashes.contains(&6)).count(), 1);
        assert_eq!(run.load()?.iter().map(RecordBatch::num_rows).sum::<usize>(), 200);
        file.file.write_all_at(b"?", file.end - 300)?;
        assert!(run.load().is_err_and(|error| error.message().contains("not as they were written")));
        Ok(())
    }
}
