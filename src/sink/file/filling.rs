//! A file while it takes rows. It appears when it is finished, whole.

use super::Form;
use crate::Result;
use crate::new_file::NewFile;
use crate::record::storable;
use crate::sink::lines;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::path::Path;

/// A file that takes rows of the same columns.
pub enum Filling {
    /// Parquet, packed with zstd.
    Parquet {
        /// Packs the rows; boxed, as it is large.
        writer: Box<ArrowWriter<NewFile>>,
        /// The columns as they are kept.
        columns: SchemaRef,
    },
    /// Lines.
    Text {
        /// The file.
        file: NewFile,
        /// What the lines are.
        form: Form,
        /// The columns.
        columns: SchemaRef,
        /// How long it is.
        bytes: u64,
    },
}

impl Filling {
    /// Begins a file; one of the same name is overwritten in the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(form: Form, path: &Path, columns: &SchemaRef) -> Result<Self> {
        let mut file = NewFile::create(path, true)?;
        if form == Form::Parquet {
            let columns = storable::columns(columns);
            let writer = ArrowWriter::try_new(file, columns.clone(), Some(properties()))?;
            return Ok(Self::Parquet { writer: Box::new(writer), columns });
        }
        let heading = if form == Form::Csv { lines::csv(columns, &[], true)? } else { Vec::new() };
        file.write_all(&heading)?;
        Ok(Self::Text { file, form, columns: columns.clone(), bytes: heading.len() as u64 })
    }

    /// Takes rows.
    ///
    /// # Errors
    /// When they cannot be written, or a value has no form in the file.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet { writer, columns } => Ok(writer.write(&storable::rows(columns, rows)?)?),
            Self::Text { file, form, columns, bytes } => {
                let text = text(*form, columns, std::slice::from_ref(rows), false)?;
                *bytes += text.len() as u64;
                Ok(file.write_all(&text)?)
            }
        }
    }

    /// How long it is about, in bytes; while it takes rows some are not packed yet.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Parquet { writer, .. } => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Self::Text { bytes, .. } => *bytes,
        }
    }

    /// Writes it out, for a file that does not appear yet; and how long it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(self) -> Result<(NewFile, u64)> {
        let file = match self {
            Self::Parquet { writer, .. } => writer.into_inner()?,
            Self::Text { file, .. } => file,
        };
        let bytes = file.length()?;
        Ok((file, bytes))
    }
}

/// Rows as lines, under their names where a `heading` is wanted and the form has one.
///
/// # Errors
/// When a value has no form as text.
pub fn text(form: Form, columns: &SchemaRef, rows: &[RecordBatch], heading: bool) -> Result<Vec<u8>> {
    match form {
        Form::Csv => lines::csv(columns, rows, heading),
        Form::Ndjson | Form::Parquet => lines::ndjson(rows),
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()
}
