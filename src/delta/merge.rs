//! Rows that take the place of those with the same keys. Files that have some are written anew without them; two nulls
//! are the same key, as they are the same group of a query.

use super::ranges::candidates;
use super::read::{self, Opened};
use super::table::Table;
use super::write::{Files, added};
use crate::Result;
use crate::record::last::last_of_each;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use deltalake::kernel::{Action, Add};
use std::collections::HashSet;

/// What has to be committed for `rows`, which are in the columns `columns`, to take their places. Of rows with the same
/// keys the last one counts.
///
/// # Errors
/// When a file cannot be read or written.
pub async fn merge(
    table: &Table,
    columns: &SchemaRef,
    keys: &[String],
    rows: &[RecordBatch],
    size: Option<u64>,
) -> Result<Vec<Action>> {
    let merging = Merging::new(table, columns, keys, rows)?;
    let mut files = Files::new(table, columns, size);
    let rewritten = merging.rewrite(&mut files).await;
    let (old, new) = files.close(rewritten).await?;
    Ok(old.into_iter().map(|add| table.remove(add, true)).chain(added(new)).collect())
}

/// Rows on their way into a table.
struct Merging<'a> {
    table: &'a Table,
    columns: &'a SchemaRef,
    /// The columns of the keys.
    key: SchemaRef,
    /// The last row of each key.
    rows: RecordBatch,
    converter: RowConverter,
    /// The keys, as bytes that are the same for the same keys.
    keys: HashSet<Box<[u8]>>,
}

impl<'a> Merging<'a> {
    fn new(table: &'a Table, columns: &'a SchemaRef, keys: &[String], rows: &[RecordBatch]) -> Result<Self> {
        let key = read::some(columns, keys)?;
        let places = keys.iter().map(|name| columns.index_of(name));
        let places = places.collect::<std::result::Result<Vec<_>, _>>()?;
        let rows = concat_batches(columns, &last_of_each(rows, &places)?)?;
        let fields = key.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let found = converter.convert_columns(read::project(&rows, &key)?.columns())?;
        let keys = found.iter().map(|row| row.data().into()).collect();
        Ok(Self { table, columns, key, rows, converter, keys })
    }

    /// Writes what stays of the files that have rows with these keys, and the new rows behind it; and which files they
    /// were.
    async fn rewrite(&self, files: &mut Files<'_>) -> Result<Vec<&'a Add>> {
        let mut old = Vec::new();
        for add in candidates(self.table, &self.key, &self.rows)? {
            let opened = read::open(self.table, add).await?;
            if !self.touches(&opened)? {
                continue;
            }
            for rows in opened.rows(self.columns)? {
                let rows = rows?;
                let others = self.others(&read::project(&rows, &self.key)?)?;
                files.write(&filter_record_batch(&rows, &others)?).await?;
            }
            old.push(add);
        }
        files.write(&self.rows).await?;
        Ok(old)
    }

    /// Whether a file has rows with these keys.
    fn touches(&self, file: &Opened<'_>) -> Result<bool> {
        for keys in file.rows(&self.key)? {
            if self.others(&keys?)?.false_count() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Which rows have other keys.
    fn others(&self, keys: &RecordBatch) -> Result<BooleanArray> {
        let rows = self.converter.convert_columns(keys.columns())?;
        Ok(rows.iter().map(|row| Some(!self.keys.contains(row.data()))).collect())
    }
}
