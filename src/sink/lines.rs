//! Rows as lines for machines.

use crate::record::letter::text::NULLS;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// How an instant is written.
const RFC_3339: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

const OPTIONS: FormatOptions<'_> = FormatOptions::new().with_timestamp_format(Some(RFC_3339));

/// One JSON object a row; nulls are written, unless the columns say [`NULLS`].
///
/// # Errors
/// When a value has no form in JSON.
pub fn ndjson(rows: &[RecordBatch]) -> Result<Vec<u8>> {
    let says =
        |rows: &RecordBatch| rows.schema_ref().metadata().get(NULLS.0).is_some_and(|how| how == NULLS.1);
    let nulls = !rows.iter().any(says);
    let builder = WriterBuilder::new().with_explicit_nulls(nulls).with_timestamp_format(RFC_3339.into());
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    for rows in rows {
        writer.write(rows)?;
    }
    writer.finish()?;
    Ok(writer.into_inner())
}

/// The lines of such a text, one by one: no value has a line's end in it.
pub fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
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
    for rows in rows {
        let columns = rows.columns().iter().map(Texts::new);
        let mut columns = columns.collect::<Result<Vec<_>>>()?;
        for row in 0..rows.num_rows() {
            for column in &mut columns {
                writer.write_field(column.at(row)?).map_err(wrong)?;
            }
            writer.write_record(None::<&[u8]>).map_err(wrong)?;
        }
    }
    writer.into_inner().map_err(|error| Error::failed(error.to_string()))
}

/// A column as text, row by row.
pub struct Texts<'a> {
    formatter: ArrayFormatter<'a>,
    times: Option<&'a TimestampMicrosecondArray>,
    /// The row that was asked for last, and its text.
    last: Option<usize>,
    text: String,
}

impl<'a> Texts<'a> {
    /// Reads a column.
    ///
    /// # Errors
    /// When its values have no form as text.
    pub fn new(column: &'a ArrayRef) -> Result<Self> {
        let formatter = ArrayFormatter::try_new(column, &OPTIONS)?;
        Ok(Self { formatter, times: column.as_primitive_opt(), last: None, text: String::new() })
    }

    /// The text of a row; a null's is empty.
    ///
    /// # Errors
    /// When the value has no form as text.
    pub fn at(&mut self, row: usize) -> Result<&str> {
        // Many rows have the same window, and an instant is slow to write.
        let same = |(times, last): (&TimestampMicrosecondArray, usize)| {
            times.is_valid(row) && times.is_valid(last) && times.value(row) == times.value(last)
        };
        if !self.times.zip(self.last).is_some_and(same) {
            self.text.clear();
            self.formatter.value(row).write(&mut self.text)?;
        }
        self.last = Some(row);
        Ok(&self.text)
    }
}
