//! Columns in the types that readers of tables know, whatever the engine computes in.

use super::zone;
use crate::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::util::display::FormatOptions;
use std::sync::Arc;

/// A value that has no place in its type is an error, and not a null.
const STRICT: CastOptions<'_> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// The columns as they are kept: instants are in UTC and have microseconds, all may be null.
pub fn columns(columns: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(columns.fields().iter().map(kept).collect::<Vec<_>>()))
}

fn kept(field: &FieldRef) -> Field {
    Field::new(field.name(), kind(field.data_type()), true)
}

/// The type in which values of a type are kept.
pub fn kind(from: &DataType) -> DataType {
    use DataType::{
        Binary, BinaryView, Date32, Date64, Decimal32, Decimal64, Decimal128, Dictionary, Duration,
        FixedSizeBinary, FixedSizeList, Float16, Float32, Int16, Int32, Int64, Interval, LargeBinary,
        LargeList, LargeUtf8, List, Map, Null, RunEndEncoded, Struct, Time32, Time64, Timestamp, UInt8,
        UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match from {
        Timestamp(..) => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Date64 => Date32,
        UInt8 => Int16,
        UInt16 => Int32,
        UInt32 | UInt64 => Int64,
        Float16 => Float32,
        LargeUtf8 | Utf8View | Null | Time32(_) | Time64(_) | Duration(_) | Interval(_) => Utf8,
        LargeBinary | BinaryView | FixedSizeBinary(_) => Binary,
        Decimal32(precision, scale) | Decimal64(precision, scale) => Decimal128(*precision, *scale),
        Dictionary(_, values) => kind(values),
        RunEndEncoded(_, values) => kind(values.data_type()),
        List(item) | LargeList(item) | FixedSizeList(item, _) => List(Arc::new(kept(item))),
        Struct(fields) => Struct(fields.iter().map(kept).collect()),
        Map(entries, sorted) => match entries.data_type() {
            Struct(parts) if parts.len() == 2 => {
                let (key, value) = (&parts[0], &parts[1]);
                let key = Field::new(key.name(), kind(key.data_type()), false);
                let entry = Struct([key, kept(value)].into_iter().collect());
                Map(Arc::new(Field::new(entries.name(), entry, false)), *sorted)
            }
            _ => from.clone(),
        },
        other => other.clone(),
    }
}

/// The rows with their columns in these types, column by column.
///
/// # Errors
/// When a value has no place in its type, such as a number above all numbers of a smaller one.
pub fn rows(columns: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let arrays = columns.fields().iter().zip(rows.columns()).map(|(field, column)| array(field, column));
    Ok(RecordBatch::try_new(columns.clone(), arrays.collect::<Result<_>>()?)?)
}

/// A column in the type of a field.
///
/// # Errors
/// As [`rows`].
pub fn array(field: &Field, column: &ArrayRef) -> Result<ArrayRef> {
    // A cast would look the zone up for each value.
    let labelled = zone::label(column, Some("UTC"))?;
    if labelled.data_type() == field.data_type() {
        return Ok(labelled);
    }
    cast_with_options(&labelled, field.data_type(), &STRICT)
        .map_err(|error| Error::from(error).at(format!("column {}", field.name())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray, ListArray, TimestampMicrosecondArray, UInt64Array};
    use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

    #[test]
    fn instants_are_in_utc_wherever_they_stand() -> Result<()> {
        let times = TimestampMicrosecondArray::from(vec![1, 2, 3]);
        let item = Arc::new(Field::new("item", times.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 1]);
        let lists = ListArray::try_new(item, offsets, Arc::new(times), None)?;
        let batch = RecordBatch::try_from_iter([("t", Arc::new(lists) as ArrayRef)])?;
        let kept = rows(&columns(&batch.schema()), &batch)?;
        let values = kept.column(0).as_list::<i32>().values().clone();
        assert_eq!(*values.data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
        assert_eq!(values.as_primitive::<TimestampMicrosecondType>().values(), &[1, 2, 3]);
        Ok(())
    }

    #[test]
    fn a_number_that_is_too_large_is_an_error() -> Result<()> {
        let of = |number: u64| {
            let batch =
                RecordBatch::try_from_iter([("n", Arc::new(UInt64Array::from(vec![number])) as ArrayRef)])?;
            rows(&columns(&batch.schema()), &batch)
        };
        assert_eq!(of(7)?.column(0).as_primitive::<Int64Type>().values(), &[7]);
        let error = of(u64::MAX).expect_err("no place").to_string();
        assert!(error.contains("column n"), "{error}");
        Ok(())
    }
}
