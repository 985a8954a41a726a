//! Rows of state on the disk, where memory is not to hold them.
//!
//! They stand in blocks, in the order of their keys' hashes, so that some keys are read without the others. The files
//! have no names: the system takes them back when the process ends, however it ends.

use super::Stored;
use super::key_filter::KeyFilter;
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

/// So many where keys all over are looked for with each batch: reading a block costs about as much as so many rows.
const SMALL_BLOCK: usize = 128;

/// A run of so many bytes has no further blocks: a snapshot holds a run in memory.
pub const RUN: usize = 4 << 20;

/// A file of so many bytes is not a small one.
const LARGE: u64 = 64 << 20;

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

/// Whether two ranges have a hash in common.
pub fn meet(some: &Hashes, others: &Hashes) -> bool {
    some.start() <= others.end() && others.start() <= some.end()
}

/// Whether a range has one of these hashes, which go up.
pub fn has_any(range: &Hashes, hashes: &[u64]) -> bool {
    let first = hashes.partition_point(|hash| hash < range.start());
    hashes.get(first).is_some_and(|hash| hash <= range.end())
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

    /// Writes rows of one pane, in the order of their keys' hashes, block by block; in runs, each of which ends where it
    /// has `most` bytes or more.
    ///
    /// # Errors
    /// When the disk is full, or does not take it.
    pub fn write(
        &mut self,
        pane: i64,
        most: usize,
        blocks: impl Iterator<Item = Result<(RecordBatch, Hashes)>>,
    ) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut bytes = Vec::new();
        for block in blocks {
            let (rows, hashes) = block?;
            bytes.clear();
            ipc::encode(std::slice::from_ref(&rows), &mut bytes)?;
            self.file.write_all_at(&bytes, self.end).map_err(|error| unwritten(&self.folder, &error))?;
            let (at, length, crc) = (self.end, bytes.len(), crc32c::crc32c(&bytes));
            self.end += length as u64;
            if runs.last().is_none_or(|run| run.bytes >= most) {
                let (file, blocks) = (self.file.clone(), vec![]);
                runs.push(Run { file, pane, blocks, rows: 0, bytes: 0, filter: None });
            }
            if let Some(run) = runs.last_mut() {
                run.blocks.push(Block { hashes, at, length, crc });
                run.rows += rows.num_rows();
                run.bytes += length;
            }
        }
        Ok(runs)
    }
}

/// Where an operator puts rows that memory is not to hold.
#[derive(Debug)]
pub struct Disk {
    /// How much memory may hold.
    pub limit: StateLimit,
    /// Whether keys all over are looked for with each batch.
    pub finds_keys: bool,
    /// The file that is written to.
    file: Option<SpillFile>,
}

impl Disk {
    /// Nothing there yet.
    pub fn new(limit: StateLimit) -> Self {
        Self { limit, finds_keys: false, file: None }
    }

    /// How many rows are in a block.
    pub fn block(&self) -> usize {
        if self.finds_keys { SMALL_BLOCK } else { BLOCK }
    }

    /// Whether what takes `held` bytes in memory and can go to the disk takes too much, beside `stays`, which cannot. The
    /// more that is, the more often rows go to the disk, but not so often that it does not pay.
    pub fn is_over(&self, held: usize, stays: usize) -> bool {
        held > self.limit.held().saturating_sub(stays).max(self.limit.held() / 8)
    }

    /// From now on rows go into another file, if this one is large: a file takes its room as long as any of its rows
    /// is in use, and there must not be many of them.
    pub fn begin(&mut self) {
        self.file = self.file.take().filter(|file| file.end < LARGE.max(self.limit.memory as u64));
    }

    /// The file that is written to, which is made where there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn file(&mut self) -> Result<&mut SpillFile> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(SpillFile::create(&self.limit.folder)?)),
        }
    }
}

/// How many of the last sizes are about as large: none of them is more than twice what comes behind it.
pub fn last_alike(sizes: impl DoubleEndedIterator<Item = usize>) -> usize {
    let (mut count, mut behind) = (0, 0);
    for size in sizes.rev() {
        if count > 0 && size > 2 * behind {
            break;
        }
        behind += size;
        count += 1;
    }
    count
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
    /// Which keys may be there, where keys are looked for.
    pub filter: Option<KeyFilter>,
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

    /// What stays of it in memory for finding keys, in bytes.
    pub fn stays(&self) -> usize {
        self.filter.as_ref().map_or(0, |filter| filter.memory() + self.blocks.len() * size_of::<Block>())
    }

    /// Those of these hashes, which go up, that may be there.
    pub fn may_have(&self, hashes: &[u64]) -> Vec<u64> {
        let (first, last) = self.hashes().into_inner();
        let from = hashes.partition_point(|hash| *hash < first);
        let until = hashes.partition_point(|hash| *hash <= last).max(from);
        let is_there = |hash: &u64| self.filter.as_ref().is_none_or(|filter| filter.may_have(*hash));
        hashes[from..until].iter().copied().filter(is_there).collect()
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
        let runs = file.write(7, RUN, blocks.into_iter())?;
        let [run] = &runs[..] else { panic!("two small blocks are one run: {runs:?}") };
        assert_eq!((run.pane, run.rows, run.hashes()), (7, 200, 0..=9));
        assert_eq!(run.blocks(|hashes| hashes.contains(&6)).count(), 1);
        assert_eq!(run.load()?.iter().map(RecordBatch::num_rows).sum::<usize>(), 200);
        file.file.write_all_at(b"?", file.end - 300)?;
        assert!(run.load().is_err_and(|error| error.message().contains("not as they were written")));
        Ok(())
    }

    #[test]
    fn a_run_ends_by_its_bytes() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
        let rows = RecordBatch::try_from_iter([("n", column)])?;
        let blocks = (0..10).map(|hash| Ok((rows.clone(), hash..=hash)));
        let runs = SpillFile::create(folder.path())?.write(0, 20_000, blocks)?;
        assert_eq!(runs.iter().map(|run| run.rows).collect::<Vec<_>>(), [3_000, 3_000, 3_000, 1_000]);
        Ok(())
    }
}
