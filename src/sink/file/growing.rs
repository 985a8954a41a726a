//! One file that grows by batches. A manifest beside it says how long it is with the last batch that is committed:
//! what is behind that is of a batch that was cut off, and is taken away.

use super::filling::text;
use super::manifest::{Entry, Kept, Manifest, last};
use super::{Form, Layout};
use crate::sink::steps::Steps;
use crate::sink::{Batch, Writer, at_start};
use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The manifest of a file.
///
/// # Errors
/// A usage error when the path is none of a file.
pub fn manifest(path: &Path) -> Result<Manifest> {
    let name = path.file_name().ok_or_else(|| Error::usage("it is no file"))?;
    Ok(Manifest::new(path.with_file_name(format!(".{}.manifest", name.display()))))
}

/// A file that grows.
#[derive(Debug)]
pub struct Growing {
    form: Form,
    pub(super) path: PathBuf,
    pub(super) steps: Steps,
    writer: Writer,
    manifest: Manifest,
}

impl Growing {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// A usage error when it cannot be written, or the form does not grow.
    pub fn open(path: &Path, layout: &Layout, writer: Writer) -> Result<Self> {
        if layout.form == Form::Parquet {
            return Err(Error::usage("Parquet is written into a folder").hint("--path ./results"));
        }
        if !layout.partition_by.is_empty() {
            return Err(Error::usage("--partition-by needs a folder").hint("--path ./results"));
        }
        let manifest = manifest(path)?;
        let opened = Self { form: layout.form, path: path.into(), steps: Steps::default(), writer, manifest };
        opened.file().and_then(|_| opened.take_over()).map_err(at_start)?;
        Ok(opened)
    }

    /// What is in the file before there is a manifest is committed.
    fn take_over(&self) -> Result<()> {
        let locked = self.manifest.lock()?;
        let entries = locked.open()?;
        match entries.is_empty() {
            true => locked.replace(&[Entry::files(vec![self.kept(0, self.file()?.metadata()?.len())])]),
            false => self.cut(&self.file()?, &entries).map(drop),
        }
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When it cannot be told that it is committed.
    pub fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let file = self.file()?;
        let locked = self.manifest.lock()?;
        let entries = locked.open()?;
        if last(&entries, &self.writer).is_some_and(|last| batch.id <= last) {
            return Ok(());
        }
        let committed = self.cut(&file, &entries)?;
        self.steps.reach("rows")?;
        let length = append(&file, committed, self.form, batch)?;
        self.steps.reach("manifest")?;
        let kept = self.kept(batch.count(), length);
        locked.append(&Entry::batch(&self.writer, batch.id, vec![kept]))?;
        self.steps.reach("committed")
    }

    fn file(&self) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(&self.path)?)
    }

    /// Takes away what is not committed; and how long the file then is.
    fn cut(&self, file: &File, entries: &[Entry]) -> Result<u64> {
        let length = file.metadata()?.len();
        let committed = entries.iter().rev().find_map(|entry| entry.files.last()).map(|kept| kept.bytes);
        // A file that became shorter was begun anew by somebody.
        let committed = committed.unwrap_or(length).min(length);
        if committed < length {
            file.set_len(committed)?;
        }
        Ok(committed)
    }

    fn kept(&self, rows: u64, bytes: u64) -> Kept {
        let name = self.path.file_name().unwrap_or_default();
        Kept { path: name.display().to_string(), rows, bytes }
    }
}

/// Adds rows behind what is committed; gives how long the file then is. Where that fails it is as long as before.
fn append(file: &File, before: u64, form: Form, batch: &Batch<'_>) -> Result<u64> {
    let written = write_text(file, form, batch, before == 0)
        .and_then(|bytes| Ok(file.sync_data().map(|()| before + bytes)?));
    if written.is_err() {
        file.set_len(before)?;
    }
    written
}

/// Writes rows as text, piece by piece; gives how many bytes that are.
fn write_text(mut out: &File, form: Form, batch: &Batch<'_>, mut heading: bool) -> Result<u64> {
    let mut bytes = 0;
    for rows in batch.rows.slices() {
        let text = text(form, &batch.columns, &[rows?], std::mem::take(&mut heading))?;
        out.write_all(&text)?;
        bytes += text.len() as u64;
    }
    Ok(bytes)
}

/// What is no file on a disk, such as a pipe: it takes rows, and keeps no promise.
#[derive(Debug)]
pub struct Pipe {
    form: Form,
    file: File,
    wrote_heading: bool,
}

impl Pipe {
    /// Opens what is at `path`; none where a file is, or nothing yet.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path, form: Form) -> Result<Option<Self>> {
        match path.metadata() {
            Ok(data) if !data.is_file() && !data.is_dir() => {
                let file = OpenOptions::new().append(true).open(path)?;
                Ok(Some(Self { form, file, wrote_heading: false }))
            }
            _ => Ok(None),
        }
    }

    /// Gives rows out.
    ///
    /// # Errors
    /// When nobody takes them.
    pub fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let heading = !std::mem::replace(&mut self.wrote_heading, true);
        write_text(&self.file, self.form, batch, heading).map(drop)
    }
}
