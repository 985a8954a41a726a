//! Rows by partition: a folder for each value, named as Hive names them, which all readers of folders know.

use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::BTreeMap;

/// How an instant is written in a name.
const TIME: &str = "%Y-%m-%d %H:%M:%S%.f";

/// Rows are written in slices of so many, to see between two of them how long a file is.
const SLICE: usize = 8_192;

/// What stands for a value that is null, or an empty text: no folder has an empty name.
const NOTHING: &str = "__HIVE_DEFAULT_PARTITION__";

const OPTIONS: FormatOptions<'_> =
    FormatOptions::new().with_timestamp_format(Some(TIME)).with_timestamp_tz_format(Some(TIME));

/// The rows of a partition.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The values of the partition's columns, as text.
    pub values: Vec<Option<String>>,
    /// Rows without these columns.
    pub rows: Vec<RecordBatch>,
}

/// Rows by the folder that the values of their partition columns name.
///
/// # Errors
/// When a value has no form as text.
pub fn split<'a>(
    by: &[String],
    rows: impl IntoIterator<Item = &'a RecordBatch>,
) -> Result<BTreeMap<String, Part>> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for rows in rows.into_iter().filter(|rows| rows.num_rows() > 0) {
        if by.is_empty() {
            parts.entry(String::new()).or_default().rows.push(rows.clone());
            continue;
        }
        let columns = by.iter().map(|name| column(rows, name)).collect::<Result<Vec<_>>>()?;
        let rest = rows.project(&others(rows.schema_ref(), by))?;
        for indices in groups(&columns)? {
            let values = values(&columns, indices.value(0) as usize)?;
            let part = parts.entry(folder(by, &values)).or_default();
            part.values = values;
            part.rows.push(take_record_batch(&rest, &indices)?);
        }
    }
    Ok(parts)
}

/// Rows in slices that are not large.
pub fn slices(rows: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let starts = (0..rows.num_rows()).step_by(SLICE);
    starts.map(|start| rows.slice(start, SLICE.min(rows.num_rows() - start)))
}

/// A usage error where a flag names a column that is not there.
///
/// # Errors
/// As said.
pub fn named(flag: &str, names: &[String], columns: &Schema) -> Result<()> {
    match names.iter().find(|name| columns.field_with_name(name).is_err()) {
        Some(absent) => {
            let all: Vec<_> = columns.fields().iter().map(|field| field.name().as_str()).collect();
            let error = Error::usage(format!("{flag} {absent}: the result has no such column"));
            Err(error.hint(format!("it has {}", all.join(", "))))
        }
        None => Ok(()),
    }
}

/// The columns of files in partitions by these columns.
///
/// # Errors
/// A usage error when a column is not there, or none would be left.
pub fn rest(columns: &SchemaRef, by: &[String]) -> Result<Schema> {
    named("--partition-by", by, columns)?;
    match others(columns, by) {
        others if others.is_empty() => {
            let error = Error::usage("--partition-by: all columns are partitions, and files would have none");
            Err(error.hint("name fewer"))
        }
        others => Ok(columns.project(&others)?),
    }
}

fn others(columns: &Schema, by: &[String]) -> Vec<usize> {
    let fields = columns.fields().iter().enumerate();
    fields.filter(|(_, field)| !by.contains(field.name())).map(|(index, _)| index).collect()
}

fn column(rows: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let column = rows.column_by_name(name).cloned();
    column.ok_or_else(|| Error::failed(format!("the rows have no column {name} to part them by")))
}

/// The rows of each combination of values, in the order of these.
fn groups(columns: &[ArrayRef]) -> Result<Vec<UInt32Array>> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let keys = converter.convert_columns(columns)?;
    let mut groups: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for (index, key) in (0u32..).zip(&keys) {
        groups.entry(key).or_default().push(index);
    }
    Ok(groups.into_values().map(UInt32Array::from).collect())
}

/// The values of a row; an empty text is none, as no folder has an empty name.
fn values(columns: &[ArrayRef], row: usize) -> Result<Vec<Option<String>>> {
    let value = |column: &ArrayRef| {
        let text = ArrayFormatter::try_new(column, &OPTIONS)?.value(row).to_string();
        Ok(Some(text).filter(|text| column.is_valid(row) && !text.is_empty()))
    };
    columns.iter().map(value).collect()
}

/// The folder of these values: `date=2025-07-27/category=Books`.
fn folder(by: &[String], values: &[Option<String>]) -> String {
    let value = |value: &Option<String>| value.as_deref().map_or(NOTHING.into(), escaped);
    let parts = by.iter().zip(values).map(|(name, text)| format!("{}={}", escaped(name), value(text)));
    parts.collect::<Vec<_>>().join("/")
}

/// What has a meaning in paths, patterns or URLs stands as `%` and its number, as in Hive.
fn escaped(text: &str) -> String {
    let special = |letter: char| letter.is_ascii_control() || "\"#%'*/:=?\\{}[]^".contains(letter);
    let escape = |letter: char| match special(letter) {
        true => format!("%{:02X}", u32::from(letter)),
        false => letter.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use std::sync::Arc;

    #[test]
    fn rows_are_in_the_folders_of_their_values() -> Result<()> {
        let dates = Date32Array::from(vec![20_296, 20_297, 20_296, 20_296]);
        let texts = StringArray::from(vec![Some("a/b"), None, Some(""), Some("a/b")]);
        let batch = RecordBatch::try_from_iter([
            ("date", Arc::new(dates) as ArrayRef),
            ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
            ("category", Arc::new(texts)),
        ])?;
        let by = ["date".to_string(), "category".to_string()];
        let parts = split(&by, &[batch.clone(), batch])?;
        let rows: Vec<_> = parts
            .iter()
            .map(|(folder, part)| {
                (folder.as_str(), part.rows.iter().map(RecordBatch::num_rows).sum::<usize>())
            })
            .collect();
        let nothing = |date| format!("date={date}/category={NOTHING}");
        let (empty, null) = (nothing("2025-07-27"), nothing("2025-07-28"));
        assert_eq!(rows, [(empty.as_str(), 2), ("date=2025-07-27/category=a%2Fb", 4), (&null, 2)]);
        assert!(parts.values().flat_map(|part| &part.rows).all(|rows| rows.num_columns() == 1));
        Ok(())
    }

    #[test]
    fn an_instant_names_a_folder() -> Result<()> {
        let times = TimestampMicrosecondArray::from(vec![1_753_610_889_000_000]).with_timezone("UTC");
        let values = values(&[Arc::new(times) as ArrayRef], 0)?;
        assert_eq!(values, [Some("2025-07-27 10:08:09".to_string())]);
        let folder = folder(&["at".into()], &values);
        assert_eq!(folder, "at=2025-07-27 10%3A08%3A09");
        Ok(())
    }
}
