//! Rows from Parquet: each becomes a JSON object, so that it is judged as any other record.

use super::check::Checker;
use super::guard::guarded;
use super::source::{Next, Row, Source};
use crate::catalog::Record;
use crate::record::zone;
use crate::{Error, Result};
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use std::fs::File;
use std::sync::Arc;

/// So many rows are turned into JSON at once.
const ROWS: usize = 512;

/// How an instant is written: nothing of it is lost, and the decoder reads it.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// A date as the instant of its midnight.
const DATE: &str = "%Y-%m-%dT00:00:00Z";

/// A Parquet file. The topic's columns are read by their names; others are not, and those that the file
/// does not have are null. An instant without a zone is UTC; not a number is null, as JSON has none.
pub struct ParquetSource {
    name: String,
    batches: ParquetRecordBatchReader,
    checker: Checker,
    /// Rows as JSON, each with its line end.
    lines: Vec<u8>,
    at: usize,
    row: u64,
}

impl ParquetSource {
    /// A source of the rows in `file`.
    ///
    /// # Errors
    /// When it is not Parquet, is cut short, or has no column of the topic.
    pub fn new(name: impl Into<String>, file: File, record: &Record, checker: Checker) -> Result<Self> {
        let name = name.into();
        let opened = guarded(|| open(file, record)).unwrap_or_else(|panic| Err(Error::failed(panic)));
        let batches = opened.map_err(|error| broken(&name, &error))?;
        Ok(Self { name, batches, checker, lines: Vec::new(), at: 0, row: 0 })
    }

    /// Turns the next rows into JSON; false when there are no more.
    fn fill(&mut self) -> Result<bool> {
        self.lines.clear();
        self.at = 0;
        while self.lines.is_empty() {
            let batches = &mut self.batches;
            let rows = guarded(|| batches.next()).map_err(|panic| broken(&self.name, &panic))?;
            let Some(rows) = rows.transpose().map_err(|error| broken(&self.name, &error))? else {
                return Ok(false);
            };
            write(&rows, &mut self.lines).map_err(|error| broken(&self.name, &error))?;
        }
        Ok(true)
    }
}

impl Source for ParquetSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        if self.at == self.lines.len() && !self.fill()? {
            return Ok(Next::End);
        }
        let rest = &self.lines[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        row.value.clear();
        row.value.extend_from_slice(&rest[..length]);
        self.at = (self.at + length + 1).min(self.lines.len());
        self.row += 1;
        row.line = self.row;
        Ok(self.checker.check(row).map_or_else(Next::Bad, |()| Next::Row))
    }
}

/// The rows of a file, with those columns that the topic has.
fn open(file: File, record: &Record) -> Result<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let known = record.columns();
    let columns = builder.schema().fields().iter().enumerate();
    let columns = columns.filter(|(_, column)| known.field(column.name()).is_some());
    let columns: Vec<usize> = columns.map(|(index, _)| index).collect();
    if columns.is_empty() {
        return Err(Error::failed("it has no column of the topic"));
    }
    let columns = ProjectionMask::roots(builder.parquet_schema(), columns);
    Ok(builder.with_projection(columns).with_batch_size(ROWS).build()?)
}

/// Writes each row as a line of JSON.
fn write(rows: &RecordBatch, lines: &mut Vec<u8>) -> Result<()> {
    let columns = rows.columns().iter().map(|column| zone::label(column, None)).collect::<Result<_>>()?;
    let schema = Arc::new(Schema::new(zone::labelled_fields(rows.schema_ref().fields(), None)));
    let rows = RecordBatch::try_new(schema, columns)?;
    let builder = WriterBuilder::new().with_timestamp_format(TIME.into()).with_date_format(DATE.into());
    let mut writer = builder.build::<_, LineDelimited>(lines);
    writer.write(&rows)?;
    Ok(writer.finish()?)
}

fn broken(name: &str, error: &impl std::fmt::Display) -> Error {
    // Some of its messages have several lines.
    let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    Error::failed(format!("cannot read {name}: {reason}"))
}
