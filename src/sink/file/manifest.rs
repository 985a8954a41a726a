//! The manifest of files: which are committed, and which batch of whom was last. A line is a batch; a line that was
//! cut off is none.

use crate::new_file::NewFile;
use crate::sink::Writer;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// So many lines are kept as they came; more are folded when the manifest is opened.
const LINES: usize = 1_000;

/// So many files stand in a line that was folded: readers bound how long a line is.
const FILES: usize = 1_000;

/// A line: a batch of a writer with its files, or files that are of nobody any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose batch it is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub of: Option<Origin>,
    /// What is committed with it.
    pub files: Vec<Kept>,
}

/// A batch of a writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    query: String,
    sink: String,
    batch: u64,
}

/// A file that is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its path from the folder of the manifest on.
    pub path: String,
    /// How many rows it has; of a file that grows, those of this batch.
    pub rows: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
}

impl Entry {
    /// The batch of a writer.
    pub fn batch(writer: &Writer, batch: u64, files: Vec<Kept>) -> Self {
        let Writer { query, sink } = writer.clone();
        Self { of: Some(Origin { query, sink, batch }), files }
    }

    /// Files that are of nobody.
    pub fn files(files: Vec<Kept>) -> Self {
        Self { of: None, files }
    }
}

impl Origin {
    /// Who wrote it.
    pub fn writer(&self) -> Writer {
        Writer { query: self.query.clone(), sink: self.sink.clone() }
    }

    /// The number of the batch.
    pub fn batch(&self) -> u64 {
        self.batch
    }
}

/// The last batch of a writer in these lines.
pub fn last(entries: &[Entry], writer: &Writer) -> Option<u64> {
    let own = |of: &&Origin| of.query == writer.query && of.sink == writer.sink;
    entries.iter().filter_map(|entry| entry.of.as_ref()).filter(own).map(Origin::batch).max()
}

/// A manifest on the disk.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    lock: PathBuf,
}

/// A manifest that nobody else changes for now.
#[derive(Debug)]
pub struct Locked<'a> {
    path: &'a Path,
    _lock: File,
}

impl Manifest {
    /// The manifest at `path`, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        let mut lock = path.clone();
        lock.set_extension("lock");
        Self { path, lock }
    }

    /// Whether it was ever written.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Waits until nobody else writes.
    ///
    /// # Errors
    /// When the folder cannot be written, or cannot be locked.
    pub fn lock(&self) -> Result<Locked<'_>> {
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&self.lock);
        let lock = open.and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(|error| Error::from(error).at(self.lock.display()))?;
        Ok(Locked { path: &self.path, _lock: lock })
    }
}

impl Locked<'_> {
    /// Its lines; what was cut off is taken away, and many lines become few.
    ///
    /// # Errors
    /// When it cannot be read, or holds a line that is none.
    pub fn open(&self) -> Result<Vec<Entry>> {
        let entries = self.entries()?;
        if entries.len() <= LINES {
            return Ok(entries);
        }
        let folded = fold(entries);
        self.replace(&folded)?;
        Ok(folded)
    }

    /// Its lines.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut file = self.file()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64)?;
        }
        let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
        lines.map(|(number, line)| self.parse(number + 1, line)).collect()
    }

    fn parse(&self, number: usize, line: &[u8]) -> Result<Entry> {
        serde_json::from_slice(line).map_err(|error| {
            let message = format!("line {number} of {} is none of a manifest: {error}", self.path.display());
            Error::failed(message).hint("restore the file, or name another folder")
        })
    }

    /// How long it is, in bytes; 0 where it was never written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn length(&self) -> Result<u64> {
        match self.path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            length => Ok(length?.len()),
        }
    }

    /// Adds a line; where that fails the file is as it was.
    ///
    /// # Errors
    /// When it cannot be told that the line is on the disk.
    pub fn append(&self, entry: &Entry) -> Result<()> {
        let mut line = serde_json::to_vec(entry).map_err(|error| Error::failed(error.to_string()))?;
        line.push(b'\n');
        let mut file = self.file()?;
        let before = self.end(&mut file)?;
        let written = file.write_all(&line).and_then(|()| file.sync_data());
        if written.is_err() {
            file.set_len(before)?;
        }
        Ok(written?)
    }

    /// Goes to the end of the last whole line.
    fn end(&self, file: &mut File) -> Result<u64> {
        let (length, mut last) = (file.seek(SeekFrom::End(0))?, [b'\n']);
        if length > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            self.entries()?;
        }
        Ok(file.seek(SeekFrom::End(0))?)
    }

    /// Puts these lines in the place of all.
    ///
    /// # Errors
    /// When they cannot be written; the manifest is as it was then.
    pub fn replace(&self, entries: &[Entry]) -> Result<()> {
        let mut text = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut text, entry).map_err(|error| Error::failed(error.to_string()))?;
            text.push(b'\n');
        }
        let mut file = NewFile::create(self.path, true)?;
        file.write_all(&text)?;
        file.finish()
    }

    fn file(&self) -> Result<File> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(self.path);
        file.map_err(|error| Error::from(error).at(self.path.display()))
    }
}

/// The same in few lines: the last batch of each writer, and all files, of which the last word counts.
pub fn fold(entries: Vec<Entry>) -> Vec<Entry> {
    let mut writers: Vec<Origin> = Vec::new();
    let (mut files, mut places) = (Vec::new(), HashMap::new());
    for entry in entries {
        for file in entry.files {
            let place = *places.entry(file.path.clone()).or_insert(files.len());
            match files.get_mut(place) {
                Some(known) => *known = file,
                None => files.push(file),
            }
        }
        let Some(of) = entry.of else { continue };
        match writers.iter_mut().find(|known| known.writer() == of.writer()) {
            Some(known) => known.batch = known.batch.max(of.batch),
            None => writers.push(of),
        }
    }
    let writers = writers.into_iter().map(|of| Entry { of: Some(of), files: vec![] });
    writers.chain(files.chunks(FILES).map(|files| Entry::files(files.to_vec()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(query: &str) -> Writer {
        Writer { query: query.into(), sink: "files".into() }
    }

    fn kept(path: &str) -> Vec<Kept> {
        vec![Kept { path: path.into(), rows: 1, bytes: 10 }]
    }

    #[test]
    fn a_line_that_was_cut_off_anywhere_is_none() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = Manifest::new(folder.path().join("_manifest"));
        let lines: Vec<_> = (0..2).map(|batch| Entry::batch(&writer("q"), batch, kept("a"))).collect();
        manifest.lock()?.append(&lines[0])?;
        let one = std::fs::read(&manifest.path)?;
        manifest.lock()?.append(&lines[1])?;
        let two = std::fs::read(&manifest.path)?;
        for length in one.len()..two.len() {
            std::fs::write(&manifest.path, &two[..length])?;
            if length % 2 == 0 {
                assert_eq!(manifest.lock()?.entries()?, lines[..1], "{length}");
            }
            manifest.lock()?.append(&lines[1])?;
            assert_eq!(std::fs::read(&manifest.path)?, two);
        }
        Ok(())
    }

    #[test]
    fn many_lines_become_few_and_say_the_same() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = Manifest::new(folder.path().join("_manifest"));
        let locked = manifest.lock()?;
        let many = |batch: u64| {
            Entry::batch(&writer(["a", "b"][batch as usize % 2]), batch, kept(&batch.to_string()))
        };
        locked.replace(&(0..2_500).map(many).collect::<Vec<_>>())?;
        let folded = locked.open()?;
        assert_eq!(folded, locked.entries()?);
        assert_eq!(folded.len(), 2 + 3);
        assert_eq!((last(&folded, &writer("a")), last(&folded, &writer("b"))), (Some(2_498), Some(2_499)));
        assert_eq!(last(&folded, &writer("c")), None);
        let files: Vec<_> = folded.iter().flat_map(|entry| &entry.files).map(|file| &file.path).collect();
        assert_eq!(
            files,
            (0..2_500).map(|batch| batch.to_string()).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
        Ok(())
    }
}
