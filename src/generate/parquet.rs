//! Records as Parquet, with the catalog's types: from the same bytes as lines of JSON, by the decoder that
//! consumers use.

use super::Kind;
use super::output::Target;
use crate::catalog::Catalog;
use crate::record::decode::Decoder;
use crate::record::zone;
use crate::{Error, Result};
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use std::io::{self, Write};
use std::sync::Arc;

/// So many rows are in a row group: what is kept in memory.
const GROUP: usize = 32_768;

/// Writes records of one kind to a Parquet file.
pub struct Parquet<'a> {
    decoder: Decoder,
    schema: SchemaRef,
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
    rows: u64,
}

impl<'a> Parquet<'a> {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(kind: Kind, out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let catalog = Catalog::built_in()?;
        let record = catalog.topic(kind.topic())?.record.clone();
        let mut record = record.ok_or_else(|| Error::failed(format!("{} has no schema", kind.topic())))?;
        // A tombstone has nulls where records have none.
        record.schema.fields.iter_mut().for_each(|field| field.nullable = true);
        let names: Vec<String> = record.schema.fields.iter().map(|field| field.name.clone()).collect();
        let schema = zone::labelled_fields(record.schema.to_arrow().fields(), Some("UTC"));
        let schema = Arc::new(Schema::new(schema));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP))
            .build();
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(wrong)?;
        Ok(Self { decoder: Decoder::new(&record, &names), schema, writer, rows: 0 })
    }

    /// Ends the file, and says how many rows it has.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<u64> {
        self.writer.close().map_err(wrong)?;
        Ok(self.rows)
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        let columns = self.decoder.finish()?;
        let columns = columns.iter().map(|column| zone::label(column, Some("UTC"))).collect::<Result<_>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

impl Target for Parquet<'_> {
    fn write(&mut self, text: &[u8], records: usize) -> io::Result<bool> {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.decoder.push(Some(line)).map_err(|reject| io::Error::other(reject.to_string()))?;
        }
        self.rows += records as u64;
        let batch = self.batch().map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(wrong)?;
        Ok(true)
    }
}

fn wrong(error: ParquetError) -> io::Error {
    io::Error::other(error)
}
