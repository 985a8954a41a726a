//! Tables of Delta Lake, at their newest version.

use crate::Result;
use crate::clock::SystemClock;
use crate::delta::table::{Interest, Table};
use crate::delta::{read, runtime};
use crate::place::Place;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;

/// All rows of the table at a path or URL.
///
/// # Errors
/// A usage error when there is no table; otherwise when a file of it cannot be read.
pub fn load(text: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let place = Place::open(text, &[])?;
    let interest = Interest { app: None, files: true };
    runtime()?.block_on(async {
        let table = Table::existing(place, interest, Arc::new(SystemClock)).await?;
        Ok((table.columns.clone(), read::all(&table).await?))
    })
}
