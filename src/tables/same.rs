//! One type for each kind of value, whatever a file or a database calls it: a query then compares likes.

use crate::Result;
use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;

/// The rows in the types of records: texts are STRING, times have microseconds.
///
/// # Errors
/// When a value has no place in its type.
pub fn same((schema, rows): (SchemaRef, Vec<RecordBatch>)) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let fields = schema.fields().iter().map(|field| Field::new(field.name(), of(field.data_type()), true));
    let wanted = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let same = |batch: &RecordBatch| {
        let columns = batch.columns().iter().zip(wanted.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        Ok(RecordBatch::try_new(wanted.clone(), columns.collect::<Result<_, _>>()?)?)
    };
    let rows = rows.iter().map(same).collect::<Result<_>>()?;
    Ok((wanted, rows))
}

fn of(kind: &DataType) -> DataType {
    match kind {
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::Timestamp(..) | DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Dictionary(_, values) => of(values),
        other => other.clone(),
    }
}
