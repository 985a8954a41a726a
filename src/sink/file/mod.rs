//! Results in files: a file by batch and partition that appears whole, or one file that grows by batches. A manifest
//! says which of them are committed, and which batch of whom was last: a restart trusts it, and readers see whole
//! batches by it.

pub mod compact;
mod filling;
mod folder;
mod growing;
mod manifest;
mod tidy;

use super::steps::Steps;
use super::{Batch, Sink, Writer};
use crate::clock::Clock;
use crate::error::Fault;
use crate::{Error, Result};
use arrow::datatypes::SchemaRef;
use compact::Targets;
use folder::Folder;
use growing::{Growing, Pipe};
use manifest::{Kept, fold};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Ndjson,
    /// CSV with a heading.
    Csv,
    /// Parquet. Instants are in UTC.
    Parquet,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ndjson, Self::Csv, Self::Parquet];

    /// The ending of its files' names.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// How files are laid out.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What they hold.
    pub form: Form,
    /// The columns whose values name the folders, the outermost first.
    pub partition_by: Vec<String>,
    /// How large a file becomes, about, in bytes.
    pub file_size: u64,
    /// The age at which the sink merges small files itself; without it they stay for [`compact::compact`].
    pub file_age: Option<Duration>,
}

/// How large a file becomes where nobody says, in bytes.
pub const FILE_SIZE: u64 = 128 << 20;

/// After so many batches the sink looks whether there are files to merge.
const LOOK: u64 = 16;

impl Layout {
    /// Files of a form in one folder.
    pub fn new(form: Form) -> Self {
        Self { form, partition_by: vec![], file_size: FILE_SIZE, file_age: None }
    }
}

/// Keeps each batch that has rows in files.
pub struct FileSink {
    path: PathBuf,
    place: Place,
    clock: Arc<dyn Clock>,
}

enum Place {
    Folder(Folder),
    Growing(Growing),
    Pipe(Pipe),
}

impl FileSink {
    /// Writes rows of these columns to `path`: a folder where it is one, or a file where it is one; what is not there
    /// yet is a file if its name has an ending, else a folder. Parquet goes into folders only.
    ///
    /// # Errors
    /// A usage error when it cannot be written, holds files that nobody accounts for, or does not fit the layout.
    pub fn open(
        path: &Path,
        layout: Layout,
        columns: &SchemaRef,
        writer: Writer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let open = || match Pipe::open(path, layout.form)? {
            Some(pipe) => Ok(Place::Pipe(pipe)),
            None if !path.is_dir() && (path.exists() || has_ending(path)) => {
                Growing::open(path, &layout, writer).map(Place::Growing)
            }
            None => Folder::open(path, layout, columns, writer).map(Place::Folder),
        };
        let opened = open()
            .map_err(|error: Error| error.at(format!("cannot write the results to {}", path.display())));
        Ok(Self { path: path.into(), place: opened?, clock })
    }

    /// Where steps are heard of; for tests.
    #[must_use]
    pub fn watched(mut self, steps: Steps) -> Self {
        match &mut self.place {
            Place::Folder(folder) => folder.steps = steps,
            Place::Growing(file) => file.steps = steps,
            Place::Pipe(_) => {}
        }
        self
    }

    /// Whether a batch counts once, however often it is written: into a pipe it goes each time.
    pub fn keeps(&self) -> bool {
        !matches!(self.place, Place::Pipe(_))
    }

    /// Merges the small files of the folder, every few batches. The batch is committed whatever comes of it.
    fn merge(folder: &mut Folder, batch: u64, clock: &dyn Clock) {
        let Some(file_age) = folder.layout.file_age.filter(|_| batch % LOOK == LOOK - 1) else { return };
        let targets = Targets { file_size: folder.layout.file_size, file_age };
        if let Err(error) = compact::compact(&folder.path, &targets, clock.now(), &mut folder.steps) {
            tracing::warn!("the small files of {} stay: {error}", folder.path.display());
        }
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let written = match &mut self.place {
            Place::Folder(folder) => folder.write(batch),
            Place::Growing(file) => file.write(batch),
            // A part of the rows may have gone into it: they are not given again.
            Place::Pipe(pipe) => pipe.write(batch).map_err(|error| error.blaming(Fault::Failed)),
        };
        written.map_err(|error| {
            let (path, number) = (self.path.display(), batch.id);
            let message = format!("cannot write batch {number} to {path}: {}", error.message());
            match error.fault() {
                Fault::NoSpace => Error::new(Fault::NoSpace, message),
                _ => Error::failed(message)
                    .hint("the batch is not committed: see to the disk, and start again"),
            }
        })?;
        if let Place::Folder(folder) = &mut self.place {
            Self::merge(folder, batch.id, self.clock.as_ref());
        }
        Ok(())
    }
}

/// A file with committed rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The file.
    pub path: PathBuf,
    /// How much of it is committed, in bytes.
    pub bytes: u64,
}

/// The files at `path`, a file or a folder, as far as their manifest says that they are committed; a file without one
/// is taken whole.
///
/// # Errors
/// A usage error when nothing is there, or a folder has no manifest; when it cannot be read.
pub fn committed(path: &Path) -> Result<Vec<Committed>> {
    let there = std::fs::metadata(path).map_err(|error| Error::usage(error.to_string()))?;
    let (manifest, folder) = match there.is_dir() {
        true => (folder::manifest(path), path),
        false => (growing::manifest(path)?, path.parent().unwrap_or(Path::new(""))),
    };
    if !manifest.exists() && there.is_dir() {
        return Err(Error::usage("no manifest says which of its files are whole"));
    }
    if !manifest.exists() {
        return Ok(vec![Committed { path: path.into(), bytes: there.len() }]);
    }
    let files = fold(manifest.lock()?.entries()?).into_iter().flat_map(|entry| entry.files);
    let committed = |kept: Kept| Committed { path: folder.join(&kept.path), bytes: kept.bytes };
    Ok(files.map(committed).collect())
}

/// What a file holds, by its name: lines of JSON, where that says nothing.
pub fn form_of(path: &Path) -> Form {
    let ending = path.extension().and_then(|ending| ending.to_str());
    Form::ALL.into_iter().find(|form| Some(form.ending()) == ending).unwrap_or(Form::Ndjson)
}

/// Whether results at `path` are files in `folder`.
pub fn is_in(path: &Path, folder: &Path) -> bool {
    let own = if path.is_dir() || !has_ending(path) { Some(path) } else { path.parent() };
    // The parent of a bare name is empty.
    let own = own.map(|own| if own.as_os_str().is_empty() { Path::new(".") } else { own });
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    own.and_then(real).is_some_and(|own| real(folder) == Some(own))
}

fn has_ending(path: &Path) -> bool {
    let is_folder = path.to_string_lossy().ends_with('/');
    !is_folder && path.extension().is_some()
}
