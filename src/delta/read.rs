//! Reading data files, in the columns of their table.

use super::columns::fit;
use super::table::Table;
use crate::place::in_store;
use crate::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::Bytes;
use deltalake::kernel::Add;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

/// A data file in memory.
pub struct Opened<'a> {
    add: &'a Add,
    bytes: Bytes,
    partitions: Vec<(Field, ArrayRef)>,
}

/// Reads a data file of a table.
///
/// # Errors
/// When it cannot be read, or some of its rows are marked as deleted.
pub async fn open<'a>(table: &Table, add: &'a Add) -> Result<Opened<'a>> {
    if add.deletion_vector.is_some() {
        let message = format!("{} has a deletion vector, which ecap does not read", add.path);
        return Err(Error::failed(message).hint("OPTIMIZE the table with what wrote it"));
    }
    let bytes = table.get(&in_store(&add.path)).await.map_err(|error| error.at(&add.path))?;
    let value = |name: &String| {
        let field = table.columns.field_with_name(name)?.clone();
        let text = partition(add, name);
        let value = cast(&(Arc::new(StringArray::from(vec![text])) as ArrayRef), field.data_type())?;
        Ok((field, value))
    };
    let partitions = table.partition_columns().iter().map(value).collect::<Result<_>>()?;
    Ok(Opened { add, bytes, partitions })
}

/// The value of a partition of a file; an empty one is none.
pub fn partition(add: &Add, name: &str) -> Option<String> {
    add.partition_values.get(name).cloned().flatten().filter(|text| !text.is_empty())
}

impl Opened<'_> {
    /// Its rows in these columns; those that are newer than the file are null.
    ///
    /// # Errors
    /// When it is no Parquet.
    pub fn rows(&self, columns: &SchemaRef) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let wrong = |error: parquet::errors::ParquetError| Error::from(error).at(&self.add.path);
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.bytes.clone()).map_err(wrong)?;
        let wanted = |field: &&Arc<Field>| columns.field_with_name(field.name()).is_ok();
        let names = reader.schema().fields().iter().filter(wanted).map(|field| field.name().clone());
        let roots = names.filter_map(|name| reader.schema().index_of(&name).ok());
        let mask = ProjectionMask::roots(reader.parquet_schema(), roots.collect::<Vec<_>>());
        let rows = reader.with_projection(mask).build().map_err(wrong)?;
        Ok(rows.map(|rows| fit(columns, &self.with_partitions(&rows?)?)))
    }

    /// The rows with the values that their path has.
    fn with_partitions(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let count = rows.num_rows();
        let first = UInt32Array::from(vec![0; count]);
        let mut fields: Vec<_> = rows.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut columns = rows.columns().to_vec();
        for (field, value) in &self.partitions {
            fields.push(field.clone());
            columns.push(take(value, &first, None)?);
        }
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
    }
}

/// All rows of a table.
///
/// # Errors
/// As [`open`].
pub async fn all(table: &Table) -> Result<Vec<RecordBatch>> {
    let mut all = Vec::new();
    for add in table.files.values() {
        for rows in open(table, add).await?.rows(&table.columns)? {
            all.push(rows?);
        }
    }
    Ok(all)
}

/// The columns of these names, in this order.
///
/// # Errors
/// When one is not there.
pub fn some(columns: &Schema, names: &[String]) -> Result<SchemaRef> {
    let fields = names.iter().map(|name| columns.field_with_name(name).cloned());
    Ok(Arc::new(Schema::new(fields.collect::<std::result::Result<Vec<_>, _>>()?)))
}

/// The rows in these columns alone.
///
/// # Errors
/// When one is not there.
pub fn project(rows: &RecordBatch, columns: &Schema) -> Result<RecordBatch> {
    let places = columns.fields().iter().map(|field| rows.schema_ref().index_of(field.name()));
    Ok(rows.project(&places.collect::<std::result::Result<Vec<_>, _>>()?)?)
}
