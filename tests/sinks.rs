//! Sinks that keep results: one contract for all of them, and what is special to each.

mod compact;
pub mod contract;
mod delta;
mod evolution;
pub mod fault;
mod files;
mod letters;
mod merge;
mod script;
pub mod subjects;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use ecap::Result;
use ecap::sink::{Batch, Rows, Sink, Writer};
use std::sync::Arc;

/// The sink of a query.
pub fn writer(query: &str) -> Writer {
    Writer { query: query.into(), sink: "out".into() }
}

/// Rows with these ids; they fall into three categories and two days.
pub fn rows(ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    let ids: Vec<_> = ids.into_iter().collect();
    let categories = ids.iter().map(|id| ["Books", "Games/Toys", ""][id.unsigned_abs() as usize % 3]);
    let days = ids.iter().map(|id| ["2025-07-27", "2025-07-28"][id.unsigned_abs() as usize % 2]);
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from(ids.clone()))),
        ("category", Arc::new(StringArray::from_iter_values(categories))),
        ("day", Arc::new(StringArray::from_iter_values(days))),
        ("at", Arc::new(TimestampMicrosecondArray::from_iter_values(ids.iter().map(|id| id * 1_000_001)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

/// Writes a batch.
pub fn give(sink: &mut dyn Sink, id: u64, rows: &RecordBatch) -> Result<()> {
    let columns = rows.schema();
    let rows = Rows::Held(std::slice::from_ref(rows));
    sink.write(&Batch { id, columns, rows, records: 0, total_records: 0 })
}
