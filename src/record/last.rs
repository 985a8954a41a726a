//! Rows that a later one with the same key replaces: what merges a batch into a table changes each row once only.

use crate::Result;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::row::{RowConverter, Rows, SortField};
use std::collections::HashSet;

/// The rows without those that come again, by the columns at these places.
///
/// # Errors
/// When the columns cannot be compared.
pub fn last_of_each(rows: &[RecordBatch], key: &[usize]) -> Result<Vec<RecordBatch>> {
    let Some(first) = rows.first() else { return Ok(vec![]) };
    let kind = |column: &usize| SortField::new(first.column(*column).data_type().clone());
    let converter = RowConverter::new(key.iter().map(kind).collect())?;
    let of = |rows: &RecordBatch| {
        let columns: Vec<_> = key.iter().map(|column| rows.column(*column).clone()).collect();
        Ok(converter.convert_columns(&columns)?)
    };
    let keys = rows.iter().map(of).collect::<Result<Vec<Rows>>>()?;
    let mut seen = HashSet::new();
    let mut kept: Vec<_> = rows
        .iter()
        .zip(&keys)
        .rev()
        .map(|(rows, keys)| {
            let mut is_last: Vec<bool> =
                (0..keys.num_rows()).rev().map(|row| seen.insert(keys.row(row))).collect();
            is_last.reverse();
            if is_last.iter().all(|last| *last) {
                return Ok(rows.clone());
            }
            Ok(filter_record_batch(rows, &BooleanArray::from(is_last))?)
        })
        .collect::<Result<_>>()?;
    kept.reverse();
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    #[test]
    fn the_last_row_of_a_key_stays_where_it_is() -> Result<()> {
        let batch = |keys: Vec<Option<&str>>, numbers: Vec<i64>| {
            let keys: ArrayRef = Arc::new(StringArray::from(keys));
            let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
            RecordBatch::try_from_iter_with_nullable([("k", keys, true), ("n", numbers, true)])
        };
        let rows = [
            batch(vec![Some("a"), Some("b"), None], vec![1, 2, 3])?,
            batch(vec![Some("c"), Some("a"), None, Some("a")], vec![4, 5, 6, 7])?,
        ];
        let kept = last_of_each(&rows, &[0])?;
        let numbers =
            kept.iter().flat_map(|rows| rows.column(1).as_primitive::<Int64Type>().values().to_vec());
        assert_eq!(numbers.collect::<Vec<_>>(), [2, 4, 6, 7]);
        Ok(())
    }
}
