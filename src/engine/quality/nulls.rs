//! Nulls in the columns that matter.

use arrow::array::{Array, RecordBatch};
use std::collections::BTreeMap;

/// Counts nulls by critical column.
#[derive(Debug, Clone)]
pub struct Nulls {
    columns: Vec<String>,
}

impl Nulls {
    /// Of these columns.
    pub fn new(columns: &[String]) -> Self {
        Self { columns: columns.to_vec() }
    }

    /// Adds the nulls of rows, and of columns that rows do not have.
    pub fn count(&self, rows: &RecordBatch, nulls: &mut BTreeMap<String, u64>) {
        for name in &self.columns {
            let Some(column) = rows.column_by_name(name) else { continue };
            *nulls.entry(name.clone()).or_default() += column.null_count() as u64;
        }
    }

    /// Adds a record that was refused because `column` is absent or null.
    pub fn count_refused(&self, column: &str, nulls: &mut BTreeMap<String, u64>) {
        if self.columns.iter().any(|critical| critical == column) {
            *nulls.entry(column.into()).or_default() += 1;
        }
    }
}
