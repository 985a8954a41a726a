//! A folder in which each batch becomes files, one for each partition that has rows.
//!
//! First the files of a batch appear, then the line of the manifest that commits them. What is there without a line
//! is of a batch that was cut off: the same query writes it again, over the same names.

use super::filling::Filling;
use super::manifest::{Entry, Kept, Manifest, last};
use super::{Layout, tidy};
use crate::new_file::create_folder;
use crate::record::partition;
use crate::sink::steps::Steps;
use crate::sink::{Batch, Rows, Writer, at_start};
use crate::{Error, Result};
use arrow::datatypes::SchemaRef;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the manifest: readers of folders pass names over that begin like this.
pub const MANIFEST: &str = "_manifest";

/// A folder of files.
#[derive(Debug)]
pub struct Folder {
    pub(super) path: PathBuf,
    pub(super) layout: Layout,
    pub(super) steps: Steps,
    writer: Writer,
    /// The columns of the files: without those of the partitions.
    columns: SchemaRef,
    /// The last batch of the writer that is committed; unknown after an error.
    last: Option<Option<u64>>,
    /// How long the manifest was when that was known, in bytes.
    length: u64,
}

/// The manifest of a folder.
pub fn manifest(folder: &Path) -> Manifest {
    Manifest::new(folder.join(MANIFEST))
}

/// A writer in the names of its files.
pub fn tag(writer: &Writer) -> String {
    let text = format!("{}\n{}", writer.query, writer.sink);
    format!("{:08x}", crc32c::crc32c(text.as_bytes()))
}

impl Folder {
    /// Opens a folder, and removes what a batch left there that was cut off.
    ///
    /// # Errors
    /// A usage error when it cannot be written, or holds files that no manifest names.
    pub fn open(path: &Path, layout: Layout, columns: &SchemaRef, writer: Writer) -> Result<Self> {
        let columns = Arc::new(partition::rest(columns, &layout.partition_by)?);
        create_folder(path).map_err(|error| at_start(error.into()))?;
        let manifest = manifest(path);
        if !manifest.exists() {
            refuse_strangers(path, &layout)?;
        }
        let locked = manifest.lock().map_err(at_start)?;
        // Whether files can be made is said before the first batch.
        if !manifest.exists() {
            locked.replace(&[]).map_err(at_start)?;
        }
        let entries = locked.open()?;
        tidy::remove_leftovers(path, &entries, Some(&tag(&writer)))?;
        let (last, length) = (Some(last(&entries, &writer)), locked.length()?);
        Ok(Self { path: path.into(), layout, steps: Steps::default(), writer, columns, last, length })
    }

    /// Keeps a batch.
    ///
    /// # Errors
    /// When it cannot be told that it is committed.
    pub fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if self.last()?.is_some_and(|last| batch.id <= last) {
            return Ok(());
        }
        self.last = None;
        let mut files = Vec::new();
        if self.layout.partition_by.is_empty() {
            self.write_part(batch.id, "", batch.rows, &mut files)?;
        } else {
            for (folder, part) in &partition::split(&self.layout.partition_by, batch.rows.all()?.iter())? {
                self.write_part(batch.id, folder, Rows::Held(&part.rows), &mut files)?;
            }
        }
        self.steps.reach("manifest")?;
        let manifest = manifest(&self.path);
        let locked = manifest.lock()?;
        // Who took the query over from this process, while it slept, may have written the batch: over the same names.
        let is_known = locked.length()? == self.length;
        if is_known || last(&locked.entries()?, &self.writer).is_none_or(|last| last < batch.id) {
            locked.append(&Entry::batch(&self.writer, batch.id, files))?;
        }
        self.steps.reach("committed")?;
        (self.last, self.length) = (Some(Some(batch.id)), locked.length()?);
        Ok(())
    }

    /// The last batch that is committed.
    fn last(&mut self) -> Result<Option<u64>> {
        match self.last {
            Some(known) => Ok(known),
            None => {
                let read = last(&manifest(&self.path).lock()?.entries()?, &self.writer);
                self.last = Some(read);
                Ok(read)
            }
        }
    }

    /// Makes the files of a partition.
    fn write_part(&mut self, batch: u64, folder: &str, rows: Rows<'_>, files: &mut Vec<Kept>) -> Result<()> {
        let mut slices = rows.slices().peekable();
        let mut number = 0;
        while slices.peek().is_some() {
            let path = self.place(batch, folder, number);
            let mut file = Filling::create(self.layout.form, &self.path.join(&path), &self.columns)?;
            let mut count = 0;
            while file.bytes() < self.layout.file_size
                && let Some(rows) = slices.next().transpose()?
            {
                count += rows.num_rows() as u64;
                file.write(&rows)?;
            }
            let (file, bytes) = file.close()?;
            self.steps.reach("file")?;
            file.finish()?;
            files.push(Kept { path, rows: count, bytes });
            number += 1;
        }
        Ok(())
    }

    /// The path of a file in the folder: the same whenever the same batch is written.
    fn place(&self, batch: u64, folder: &str, number: u32) -> String {
        let (tag, ending) = (tag(&self.writer), self.layout.form.ending());
        let part = if number == 0 { String::new() } else { format!("-{number}") };
        let name = format!("batch-{batch:06}-{tag}{part}.{ending}");
        if folder.is_empty() { name } else { format!("{folder}/{name}") }
    }
}

/// A folder whose files nobody accounts for is not taken: readers would mix them with the results.
fn refuse_strangers(path: &Path, layout: &Layout) -> Result<()> {
    let usage = |error: std::io::Error| Error::usage(error.to_string());
    for file in std::fs::read_dir(path).map_err(usage)? {
        let file = file.map_err(usage)?.path();
        if file.extension().is_some_and(|ending| ending == layout.form.ending()) {
            let message = format!("no manifest names {}, which is there already", file.display());
            return Err(Error::usage(message).hint("name another folder, or empty this one"));
        }
    }
    Ok(())
}
