//! The last rows that a consumer gave out, for people to look at.

use crate::sink::Batch;
use crate::sink::lines::{ndjson, split};
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// So many rows are kept.
const KEPT: usize = 100;

/// The last rows, which are copied: a large batch does not stay in memory for a few of its rows.
#[derive(Debug, Clone, Default)]
pub struct LastRows {
    pieces: VecDeque<RecordBatch>,
}

impl LastRows {
    /// Those of a batch, where they are in memory.
    pub fn of(batch: &Batch<'_>) -> Self {
        let mut left = KEPT;
        let mut pieces = VecDeque::new();
        for rows in batch.rows.held().iter().rev() {
            let count = rows.num_rows().min(left);
            left -= count;
            if count > 0
                && let Some(last) = ending(rows, count)
            {
                pieces.push_front(last);
            }
        }
        Self { pieces }
    }

    /// Adds those of the next batch, and forgets older ones.
    pub fn add(&mut self, next: Self) {
        let Some(first) = next.pieces.front() else { return };
        if self.pieces.back().is_some_and(|piece| piece.schema_ref() != first.schema_ref()) {
            self.pieces.clear();
        }
        self.pieces.extend(next.pieces);
        self.forget();
    }

    /// Forgets what is more than is kept.
    fn forget(&mut self) {
        let mut count: usize = self.pieces.iter().map(RecordBatch::num_rows).sum();
        while let Some(first) = self.pieces.front().filter(|first| count - first.num_rows() >= KEPT) {
            count -= first.num_rows();
            self.pieces.pop_front();
        }
    }
}

/// A copy of the last `count` rows.
fn ending(rows: &RecordBatch, count: usize) -> Option<RecordBatch> {
    let all = rows.num_rows() as u32;
    let last = UInt32Array::from_iter_values(all - count as u32..all);
    // Only an index that is too large can fail.
    take_record_batch(rows, &last).ok()
}

/// The last rows as a document: their columns, and their values in that order.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rows {
    /// Their names.
    pub columns: Vec<String>,
    /// The newest last; times are RFC 3339.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub rows: VecDeque<Vec<Value>>,
}

impl Rows {
    /// Of these rows; those that have no form in JSON are left out.
    pub fn of(last: &LastRows) -> Self {
        let Some(piece) = last.pieces.back() else { return Self::default() };
        let columns: Vec<String> =
            piece.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
        let text =
            last.pieces.iter().flat_map(|piece| ndjson(std::slice::from_ref(piece)).unwrap_or_default());
        let text: Vec<u8> = text.collect();
        let row = |line: &[u8]| {
            let mut values: Map<String, Value> = serde_json::from_slice(line).ok()?;
            Some(columns.iter().map(|name| values.remove(name).unwrap_or_default()).collect())
        };
        let mut rows: VecDeque<Vec<Value>> = split(&text).filter_map(row).collect();
        rows.drain(..rows.len().saturating_sub(KEPT));
        Self { columns, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink;
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use std::sync::Arc;

    fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
        let names = numbers.clone().map(|number| (number % 2 == 0).then(|| format!("n{number}")));
        let names: ArrayRef = Arc::new(StringArray::from_iter(names));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        RecordBatch::try_from_iter_with_nullable([("n", numbers, true), ("name", names, true)]).unwrap()
    }

    #[test]
    fn the_newest_hundred_rows_are_kept() {
        let mut last = LastRows::default();
        for (id, pieces) in
            [vec![rows(0..3)], vec![rows(3..70), rows(70..130)], vec![rows(130..131)]].iter().enumerate()
        {
            let batch = Batch {
                id: id as u64,
                columns: pieces[0].schema(),
                rows: sink::Rows::Held(pieces),
                records: 0,
                total_records: 0,
            };
            last.add(LastRows::of(&batch));
        }
        let document = Rows::of(&last);
        assert_eq!(document.columns, ["n", "name"]);
        let numbers: Vec<_> = document.rows.iter().map(|row| row[0].as_i64().unwrap()).collect();
        assert_eq!(numbers, (31..131).collect::<Vec<_>>());
        assert_eq!(document.rows[98], [Value::from(129), Value::Null]);
        assert_eq!(document.rows[99], [Value::from(130), Value::from("n130")]);
        assert!(Rows::of(&LastRows::default()).rows.is_empty());
    }
}
