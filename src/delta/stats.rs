//! What the log says of a file, so that readers pass it over: how many rows, and of each column the least and greatest
//! value and the nulls.

use crate::{Error, Result};
use arrow::array::{
    Array, ArrayRef, DurationMicrosecondArray, RecordBatch, Scalar, UInt32Array, UInt64Array,
};
use arrow::compute::kernels::numeric::add_wrapping;
use arrow::compute::{SortOptions, sort_to_indices, sum, take};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use arrow::json::writer::{LineDelimited, WriterBuilder};
use deltalake::kernel::Metadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::ParquetMetaData;
use serde_json::{Map, Value, json};

/// Of so many columns the log says something where the table does not say of which.
const COLUMNS: i64 = 32;

/// Instants in the log have milliseconds.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// The greatest instant goes up to the next millisecond, in microseconds.
const UP: i64 = 999;

/// What the log says of a file with these columns, as JSON.
///
/// # Errors
/// When the file's own statistics cannot be read.
pub fn of(file: &ParquetMetaData, columns: &SchemaRef, table: &Metadata) -> Result<String> {
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for field in indexed(columns, table) {
        let parquet = file.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(field.name(), columns, parquet)?;
        let groups = file.row_groups();
        let count: UInt64Array = converter.row_group_null_counts(groups.iter())?;
        nulls.insert(field.name().clone(), json!(sum(&count).unwrap_or_default()));
        if has_order(field.data_type()) {
            let own = extreme(&converter.row_group_mins(groups.iter())?, false)?;
            least.extend(value(field, own)?);
            let own = extreme(&converter.row_group_maxes(groups.iter())?, true)?;
            greatest.extend(value(field, up(own)?)?);
        }
    }
    let count = file.file_metadata().num_rows();
    Ok(json!({"numRecords": count, "minValues": least, "maxValues": greatest, "nullCount": nulls})
        .to_string())
}

/// The columns of which the log says something.
fn indexed<'a>(columns: &'a SchemaRef, table: &'a Metadata) -> impl Iterator<Item = &'a Field> {
    let properties = table.configuration();
    let named = properties.get("delta.dataSkippingStatsColumns");
    let most = properties.get("delta.dataSkippingNumIndexedCols").and_then(|count| count.parse().ok());
    let most = usize::try_from(most.unwrap_or(COLUMNS)).unwrap_or(usize::MAX);
    let wanted = move |(place, field): &(usize, &Field)| match named {
        Some(names) => names.split(',').any(|name| name.trim().trim_matches('`') == field.name()),
        None => *place < most,
    };
    let fields = columns.fields().iter().map(AsRef::as_ref).enumerate().filter(wanted);
    fields.map(|(_, field)| field).filter(|field| !field.data_type().is_nested())
}

/// Types whose least and greatest values are told.
pub fn has_order(kind: &DataType) -> bool {
    use DataType::{Date32, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp, Utf8};
    let plain = matches!(kind, Date32 | Float32 | Float64 | Int8 | Int16 | Int32 | Int64 | Utf8);
    plain || matches!(kind, Timestamp(TimeUnit::Microsecond, _))
}

/// The greatest value of a column, or the least, as a column; null where there is none.
///
/// # Errors
/// When values of the type have no order.
pub fn extreme(column: &ArrayRef, greatest: bool) -> Result<ArrayRef> {
    let order = SortOptions { descending: greatest, nulls_first: false };
    let first: UInt32Array = sort_to_indices(column, Some(order), Some(1))?;
    Ok(take(column, &first, None)?)
}

fn up(greatest: ArrayRef) -> Result<ArrayRef> {
    match greatest.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(add_wrapping(&greatest, &Scalar::new(DurationMicrosecondArray::from(vec![UP])))?)
        }
        _ => Ok(greatest),
    }
}

/// A value by the name of its column; nothing where it is null.
fn value(field: &Field, value: ArrayRef) -> Result<Map<String, Value>> {
    let rows = RecordBatch::try_from_iter_with_nullable([(field.name(), value, true)])?;
    let builder =
        WriterBuilder::new().with_timestamp_format(TIME.into()).with_timestamp_tz_format(TIME.into());
    let mut writer = builder.build::<_, LineDelimited>(Vec::new());
    writer.write(&rows)?;
    writer.finish()?;
    serde_json::from_slice(&writer.into_inner()).map_err(|error| Error::failed(error.to_string()))
}
