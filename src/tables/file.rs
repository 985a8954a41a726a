//! Tables in files.

use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;
use std::sync::Arc;

/// A CSV file with a heading. The type of a column is the narrowest that all its values have; an empty
/// value is null.
///
/// # Errors
/// A usage error with the file and what is wrong in it.
pub fn csv(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let wrong = |error: arrow::error::ArrowError| Error::usage(format!("{}: {error}", path.display()));
    let mut file = open(path)?;
    let format = Format::default().with_header(true);
    let (schema, _) = format.infer_schema(&mut file, None).map_err(wrong)?;
    if schema.fields().is_empty() {
        return Err(
            Error::usage(format!("{} is empty", path.display())).hint("its first line names the columns")
        );
    }
    file.rewind()?;
    let schema = Arc::new(schema);
    let reader =
        ReaderBuilder::new(schema.clone()).with_format(format).build_buffered(file).map_err(wrong)?;
    let rows = reader.collect::<Result<_, _>>().map_err(wrong)?;
    Ok((schema, rows))
}

/// A Parquet file.
///
/// # Errors
/// A usage error with the file and what is wrong in it.
pub fn parquet(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let wrong = |error: String| Error::usage(format!("{}: {error}", path.display()));
    let file = open(path)?.into_inner();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| wrong(error.to_string()))?;
    let schema = reader.schema().clone();
    let rows = reader.build().map_err(|error| wrong(error.to_string()))?;
    let rows = rows.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    Ok((schema, rows))
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path);
    file.map(BufReader::new).map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))
}
