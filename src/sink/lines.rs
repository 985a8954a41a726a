//! Rows as lines for machines.

use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// How an instant is written.
const RFC_3339: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// One JSON object a row; nulls are written.
///
/// # Errors
/// When a value has no form in JSON.
pub fn ndjson(rows: &[RecordBatch]) -> Result<Vec<u8>> {
    let builder = WriterBuilder::new().with_explicit_nulls(true).with_timestamp_format(RFC_3339.into());
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    for rows in rows {
        writer.write(rows)?;
    }
    writer.finish()?;
    Ok(writer.into_inner())
}

/// One line of CSV a row, under their names where a `heading` is wanted.
///
/// # Errors
/// When a value has no form as text.
pub fn csv(columns: &SchemaRef, rows: &[RecordBatch], heading: bool) -> Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let wrong = |error: ::csv::Error| Error::failed(error.to_string());
    if heading {
        writer.write_record(columns.fields().iter().map(|field| field.name())).map_err(wrong)?;
    }
    let options = FormatOptions::default().with_timestamp_format(Some(RFC_3339));
    for rows in rows {
        let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..rows.num_rows() {
            writer.write_record(columns.iter().map(|column| column.value(row).to_string())).map_err(wrong)?;
        }
    }
    writer.into_inner().map_err(|error| Error::failed(error.to_string()))
}
