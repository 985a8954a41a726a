//! Tables in files.

use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A CSV file with a heading. The type of a column is the narrowest that all its values have; an empty
/// value is null.
///
/// # Errors
/// A usage error with the file and what is wrong in it; when somebody writes into it meanwhile.
pub fn csv(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let wrong = |error: arrow::error::ArrowError| Error::usage(format!("{}: {error}", path.display()));
    let text = whole(path)?;
    let format = Format::default().with_header(true);
    let (schema, _) = format.infer_schema(text.as_slice(), None).map_err(wrong)?;
    if schema.fields().is_empty() {
        return Err(
            Error::usage(format!("{} is empty", path.display())).hint("its first line names the columns")
        );
    }
    let schema = Arc::new(schema);
    let reader = ReaderBuilder::new(schema.clone()).with_format(format);
    let reader = reader.build_buffered(text.as_slice()).map_err(wrong)?;
    let rows = reader.collect::<Result<_, _>>().map_err(wrong)?;
    Ok((schema, rows))
}

/// A Parquet file.
///
/// # Errors
/// A usage error with the file and what is wrong in it.
pub fn parquet(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let wrong = |error: String| Error::usage(format!("{}: {error}", path.display()));
    let file = open(path)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| wrong(error.to_string()))?;
    let schema = reader.schema().clone();
    let rows = reader.build().map_err(|error| wrong(error.to_string()))?;
    let rows = rows.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    Ok((schema, rows))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// What a file holds at a moment: it is read once, so that types and rows are of the same text.
fn whole(path: &Path) -> Result<Vec<u8>> {
    let (mut file, mut bytes) = (open(path)?, Vec::new());
    let length = file.read_to_end(&mut bytes).and_then(|_| Ok(file.metadata()?.len()));
    if length.map_err(|error| unreadable(path, &error))? != bytes.len() as u64 {
        let error = Error::failed(format!("{} is being written", path.display()));
        return Err(error.hint("write it beside, and rename it: it is whole at any moment then"));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::usage(format!("cannot read {}: {error}", path.display()))
}
