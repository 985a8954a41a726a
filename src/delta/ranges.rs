//! Which files can have rows with given keys, by what the log says of each file: the values of its partition, and the
//! least and greatest value of each column.

use super::read::{partition, project};
use super::stats::{extreme, has_order};
use super::table::Table;
use crate::Result;
use arrow::array::{
    Array, ArrayRef, BooleanArray, DurationMicrosecondArray, RecordBatch, Scalar, StringArray,
};
use arrow::compute::kernels::cmp::{gt_eq, lt_eq};
use arrow::compute::kernels::numeric::add_wrapping;
use arrow::compute::{and, cast};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::json::ReaderBuilder;
use arrow::row::{RowConverter, SortField};
use deltalake::kernel::Add;
use serde_json::{Value, json};
use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

/// Instants in the log have milliseconds, and what other writers write is cut off behind these, in microseconds.
const CUT_OFF: i64 = 1_000;

/// The files of a table that can have rows with these keys.
///
/// # Errors
/// When a key is not among the columns of the rows.
pub fn candidates<'a>(table: &'a Table, keys: &Schema, rows: &RecordBatch) -> Result<Vec<&'a Add>> {
    let files: Vec<_> = table.files.values().collect();
    // Read once, and only where a key is no partition.
    let stats = LazyCell::new(|| files.iter().map(|add| stats_of(add)).collect::<Vec<_>>());
    let mut may = BooleanArray::from(vec![true; files.len()]);
    let keys = project(rows, keys)?;
    for (key, column) in keys.schema().fields().iter().map(|field| field.name()).zip(keys.columns()) {
        let near = match table.partition_columns().contains(key) {
            true => same_partition(&files, key, column)?,
            false => overlapping(&stats, key, column)?,
        };
        may = and(&may, &near)?;
    }
    let may = files.into_iter().zip(may.iter()).filter(|(_, may)| *may != Some(false));
    Ok(may.map(|(file, _)| file).collect())
}

/// Files whose value of a partition is one of the column's.
fn same_partition(files: &[&Add], key: &str, column: &ArrayRef) -> Result<BooleanArray> {
    let texts = files.iter().map(|file| partition(file, key));
    let values = cast(&(Arc::new(StringArray::from_iter(texts)) as ArrayRef), column.data_type())?;
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let (own, theirs) =
        (converter.convert_columns(std::slice::from_ref(column))?, converter.convert_columns(&[values])?);
    let own: HashSet<_> = own.iter().collect();
    Ok(theirs.iter().map(|value| Some(own.contains(&value))).collect())
}

/// What the log says of a file's values, if it can be read.
fn stats_of(file: &Add) -> Option<Value> {
    serde_json::from_str(file.stats.as_ref()?).ok()
}

/// Files whose values reach into those of the column. A file of which the log does not say it may.
fn overlapping(stats: &[Option<Value>], key: &str, column: &ArrayRef) -> Result<BooleanArray> {
    let all = BooleanArray::from(vec![true; stats.len()]);
    if column.null_count() > 0 || column.is_empty() || !has_order(column.data_type()) {
        return Ok(all);
    }
    let (Some(least), Some(greatest)) =
        (bounds(stats, key, "minValues", column), bounds(stats, key, "maxValues", column))
    else {
        return Ok(all);
    };
    let greatest = match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            add_wrapping(&greatest, &Scalar::new(DurationMicrosecondArray::from(vec![CUT_OFF])))?
        }
        _ => greatest,
    };
    let below = lt_eq(&least, &Scalar::new(extreme(column, true)?))?;
    let above = gt_eq(&greatest, &Scalar::new(extreme(column, false)?))?;
    // Without a bound a comparison is null, which is no reason to pass a file over.
    let near = below.iter().zip(&above).map(|near| Some(near.0 != Some(false) && near.1 != Some(false)));
    Ok(near.collect())
}

/// The least or greatest values of a column, one for each file; none where what the log says cannot be read.
fn bounds(stats: &[Option<Value>], key: &str, which: &str, column: &ArrayRef) -> Option<ArrayRef> {
    let bound = |stats: &Option<Value>| {
        let bound = stats.as_ref().and_then(|stats| stats.get(which)?.get(key));
        json!({ "bound": bound }).to_string() + "\n"
    };
    let lines: String = stats.iter().map(bound).collect();
    let schema = Schema::new(vec![Field::new("bound", column.data_type().clone(), true)]);
    let builder = ReaderBuilder::new(Arc::new(schema)).with_batch_size(stats.len().max(1));
    let bounds = builder.build(lines.as_bytes()).ok()?.next()?.ok()?;
    (bounds.num_rows() == stats.len()).then(|| bounds.column(0).clone())
}
