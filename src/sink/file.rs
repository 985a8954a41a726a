//! Results in files, for development: a file by batch that appears whole, or one file that grows by batches.
//! What a query that is started again gives out anew is there twice.

use super::{Batch, Sink, lines};
use crate::new_file::NewFile;
use crate::record::zone;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// The ending of its files' names.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Writes each batch that has rows.
#[derive(Debug)]
pub struct FileSink {
    form: Form,
    path: PathBuf,
    /// The file that grows; without one `path` is a folder.
    file: Option<File>,
}

impl FileSink {
    /// Writes to `path`: a folder where it is one, or a file where it is one; what is not there yet is a file
    /// if its name has an ending, else a folder. Parquet goes into folders only.
    ///
    /// # Errors
    /// A usage error when it cannot be written, or the folder holds the batches of another run.
    pub fn new(form: Form, path: &Path) -> Result<Self> {
        let sink = Self { form, path: path.into(), file: None };
        if !path.is_dir() && (path.exists() || has_ending(path)) {
            sink.open_file()
        } else {
            sink.open_folder()
        }
        .map_err(|error| error.at(format!("cannot write the results to {}", path.display())))
    }

    fn open_file(self) -> Result<Self> {
        if self.form == Form::Parquet {
            return Err(Error::usage("Parquet is written into a folder").hint("--path ./results"));
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let file = file.map_err(|error| Error::usage(error.to_string()))?;
        Ok(Self { file: Some(file), ..self })
    }

    fn open_folder(self) -> Result<Self> {
        let usage = |error: std::io::Error| Error::usage(error.to_string());
        std::fs::create_dir_all(&self.path).map_err(usage)?;
        for file in std::fs::read_dir(&self.path).map_err(usage)? {
            let name = file.map_err(usage)?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("batch-") && name.ends_with(self.form.ending()) {
                let message = format!("{name} is there already, of another run");
                return Err(Error::usage(message).hint("name another folder, or empty this one"));
            }
        }
        // Whether files can be made is said before the first batch.
        drop(NewFile::create(&self.place(0), true).map_err(|error| Error::usage(error.message()))?);
        Ok(self)
    }

    /// Whether each batch is a file of its own.
    pub fn is_folder(&self) -> bool {
        self.file.is_none()
    }

    /// Whether its files are in `folder`.
    pub fn is_in(&self, folder: &Path) -> bool {
        let own = if self.is_folder() { Some(self.path.as_path()) } else { self.path.parent() };
        // The parent of a bare name is empty.
        let own = own.map(|own| if own.as_os_str().is_empty() { Path::new(".") } else { own });
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        own.and_then(real).is_some_and(|own| real(folder) == Some(own))
    }

    /// The file of a batch.
    fn place(&self, batch: u64) -> PathBuf {
        self.path.join(format!("batch-{batch:06}.{}", self.form.ending()))
    }

    fn text(&self, batch: &Batch<'_>, heading: bool) -> Result<Vec<u8>> {
        match self.form {
            Form::Csv => lines::csv(&batch.columns, batch.rows, heading),
            _ => lines::ndjson(batch.rows),
        }
    }

    /// Adds the batch to the file; where that fails the file is as it was.
    fn append(&self, mut file: &File, batch: &Batch<'_>) -> Result<()> {
        let before = file.metadata()?;
        let text = self.text(batch, before.len() == 0)?;
        let written =
            file.write_all(&text).and_then(|()| if before.is_file() { file.sync_data() } else { Ok(()) });
        if written.is_err() && before.is_file() {
            file.set_len(before.len())?;
        }
        Ok(written?)
    }

    /// Makes the file of the batch.
    fn make(&self, batch: &Batch<'_>) -> Result<()> {
        let mut file = NewFile::create(&self.place(batch.id), true)?;
        match self.form {
            Form::Parquet => write_parquet(&mut file, &batch.columns, batch.rows)?,
            Form::Ndjson | Form::Csv => file.write_all(&self.text(batch, true)?)?,
        }
        file.finish()
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.rows.iter().all(|rows| rows.num_rows() == 0) {
            return Ok(());
        }
        let written = match &self.file {
            Some(file) => self.append(file, batch),
            None => self.make(batch),
        };
        written.map_err(|error| {
            let (path, number) = (self.path.display(), batch.id);
            let message = format!("cannot write batch {number} to {path}: {}", error.message());
            Error::failed(message).hint("nothing of this batch was written: see to the disk, and start again")
        })
    }
}

fn has_ending(path: &Path) -> bool {
    let is_folder = path.to_string_lossy().ends_with('/');
    !is_folder && path.extension().is_some()
}

fn write_parquet(file: &mut NewFile, columns: &SchemaRef, rows: &[RecordBatch]) -> Result<()> {
    let utc = Some("UTC");
    let columns = Arc::new(Schema::new(zone::labelled_fields(columns.fields(), utc)));
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let wrong = |error: parquet::errors::ParquetError| Error::failed(error.to_string());
    let mut writer = ArrowWriter::try_new(file, columns.clone(), Some(properties)).map_err(wrong)?;
    for rows in rows {
        let arrays = rows.columns().iter().map(|column| zone::label(column, utc)).collect::<Result<_>>()?;
        writer.write(&RecordBatch::try_new(columns.clone(), arrays)?).map_err(wrong)?;
    }
    writer.close().map_err(wrong)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};

    fn write(sink: &mut FileSink, id: u64, numbers: Vec<i64>) -> Result<()> {
        let column: ArrayRef = Arc::new(Int64Array::from(numbers));
        let rows = RecordBatch::try_from_iter([("n", column)])?;
        sink.write(&Batch { id, columns: rows.schema(), rows: &[rows], records: 0, total_records: 0 })
    }

    #[test]
    fn a_batch_is_a_file_and_one_without_rows_is_none() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("out");
        let mut sink = FileSink::new(Form::Csv, &path)?;
        write(&mut sink, 0, vec![1])?;
        write(&mut sink, 1, vec![])?;
        write(&mut sink, 42, vec![2, 3])?;
        let mut names: Vec<_> = std::fs::read_dir(&path)?
            .map(|file| file.map(|file| file.file_name()))
            .collect::<Result<_, _>>()?;
        names.sort();
        assert_eq!(names, ["batch-000000.csv", "batch-000042.csv"]);
        assert_eq!(std::fs::read_to_string(path.join("batch-000042.csv"))?, "n\n2\n3\n");
        let again = FileSink::new(Form::Csv, &path).expect_err("an earlier run's").to_string();
        assert!(again.contains("batch-0000") && again.contains("another folder"), "{again}");
        FileSink::new(Form::Ndjson, &path).map(drop)
    }

    #[test]
    fn a_file_grows_under_one_heading() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("out.csv");
        let mut sink = FileSink::new(Form::Csv, &path)?;
        write(&mut sink, 0, vec![1])?;
        write(&mut sink, 1, vec![2])?;
        write(&mut FileSink::new(Form::Csv, &path)?, 0, vec![3])?;
        assert_eq!(std::fs::read_to_string(&path)?, "n\n1\n2\n3\n");
        Ok(())
    }
}
