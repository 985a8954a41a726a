//! Results for people and pipes: a table per batch, or a line per row.

use super::{Batch, Sink, lines};
use crate::units::format_count;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use std::io::Write;
use std::sync::Arc;

/// How an instant is shown to people.
const TIME: &str = "%Y-%m-%d %H:%M:%S%.f";

/// The forms of rows on a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A heading, a table, and how many records were read.
    Table,
    /// One JSON object a row.
    Json,
    /// One line a row, under one heading.
    Csv,
}

/// Shows each batch.
pub struct Console<W> {
    out: W,
    form: Form,
    most: usize,
    wrote_heading: bool,
}

impl<W: Write> Console<W> {
    /// Shows batches on `out`; a table shows `most` rows of a batch and says how many there are.
    pub fn new(out: W, form: Form, most: usize) -> Self {
        Self { out, form, most, wrote_heading: false }
    }

    fn table(&mut self, batch: &Batch<'_>) -> Result<()> {
        let line = "-".repeat(43);
        let mut text = format!("{line}\nBatch {}\n{line}\n", batch.id);
        let all = batch.rows.all()?;
        if !all.is_empty() {
            let rows = sorted(&concat_batches(&batch.columns, all.iter())?)?;
            let shown = readable(&rows.slice(0, rows.num_rows().min(self.most)))?;
            let options = FormatOptions::default().with_timestamp_format(Some(TIME)).with_null("NULL");
            text += &format!("{}\n", pretty_format_batches_with_options(&[shown], &options)?);
            if rows.num_rows() > self.most {
                let (shown, all) = (format_count(self.most as u64), format_count(rows.num_rows() as u64));
                text += &format!("the first {shown} of {all} rows: --rows {all} shows all\n");
            }
        }
        text += &format!(
            "Records in this batch: {}\nTotal records processed: {}\n\n",
            batch.records, batch.total_records
        );
        self.put(text.as_bytes())
    }

    fn json(&mut self, batch: &Batch<'_>) -> Result<()> {
        batch.rows.slices().try_for_each(|rows| self.put(&lines::ndjson(&[rows?])?))
    }

    fn csv(&mut self, batch: &Batch<'_>) -> Result<()> {
        if !std::mem::replace(&mut self.wrote_heading, true) {
            self.put(&lines::csv(&batch.columns, &[], true)?)?;
        }
        batch.rows.slices().try_for_each(|rows| self.put(&lines::csv(&batch.columns, &[rows?], false)?))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let put = self.out.write_all(bytes).and_then(|()| self.out.flush());
        put.map_err(|error| Error::from(error).at("standard output"))
    }
}

impl<W: Write> Sink for Console<W> {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        match self.form {
            Form::Table => self.table(batch),
            Form::Json => self.json(batch),
            Form::Csv => self.csv(batch),
        }
    }
}

/// The rows in the order of their columns from the left, as far as these have an order.
fn sorted(rows: &RecordBatch) -> Result<RecordBatch> {
    let ordered = |column: &&ArrayRef| !column.data_type().is_nested();
    let by: Vec<_> = rows.columns().iter().filter(ordered).take(4).collect();
    let by: Vec<_> =
        by.into_iter().map(|column| SortColumn { values: column.clone(), options: None }).collect();
    if by.is_empty() {
        return Ok(rows.clone());
    }
    let order: UInt32Array = lexsort_to_indices(&by, None)?;
    let columns = rows.columns().iter().map(|column| take(column, &order, None));
    Ok(RecordBatch::try_new(rows.schema(), columns.collect::<Result<_, _>>()?)?)
}

/// The rows with floats as people write them: two digits behind the point, more where they count.
fn readable(rows: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        match column.as_primitive_opt::<Float64Type>() {
            Some(floats) => {
                fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
                let texts = floats.iter().map(|value| value.map(float));
                columns.push(Arc::new(StringArray::from_iter(texts)) as ArrayRef);
            }
            None => {
                fields.push(field.clone());
                columns.push(column.clone());
            }
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-2..1e15).contains(&magnitude) {
        format!("{value:e}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Rows;
    use arrow::array::{Float64Array, Int64Array, TimestampMicrosecondArray};

    fn shown(form: Form, most: usize) -> String {
        let time = TimestampMicrosecondArray::from(vec![10_000_000, 5_000_000]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("window_start", Arc::new(time)),
            ("n", Arc::new(Int64Array::from(vec![Some(3), None]))),
            ("total", Arc::new(Float64Array::from(vec![0.1 + 0.2, 12.5]))),
        ];
        let rows = RecordBatch::try_from_iter(columns).expect("columns of one length");
        let mut out = Vec::new();
        let batch =
            Batch { id: 7, columns: rows.schema(), rows: Rows::Held(&[rows]), records: 3, total_records: 12 };
        Console::new(&mut out, form, most).write(&batch).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_batch_is_a_table() {
        insta::assert_snapshot!(shown(Form::Table, 20), @r"
        -------------------------------------------
        Batch 7
        -------------------------------------------
        +---------------------+------+-------+
        | window_start        | n    | total |
        +---------------------+------+-------+
        | 1970-01-01 00:00:05 | NULL | 12.50 |
        | 1970-01-01 00:00:10 | 3    | 0.30  |
        +---------------------+------+-------+
        Records in this batch: 3
        Total records processed: 12
        ");
        assert!(shown(Form::Table, 1).contains("the first 1 of 2 rows: --rows 2 shows all"));
    }

    #[test]
    fn rows_are_lines_for_machines() {
        assert_eq!(
            shown(Form::Json, 0),
            "{\"window_start\":\"1970-01-01T00:00:10.000Z\",\"n\":3,\"total\":0.30000000000000004}\n\
             {\"window_start\":\"1970-01-01T00:00:05.000Z\",\"n\":null,\"total\":12.5}\n"
        );
        assert_eq!(
            shown(Form::Csv, 0),
            "window_start,n,total\n1970-01-01T00:00:10.000Z,3,0.30000000000000004\n1970-01-01T00:00:05.000Z,,12.5\n"
        );
    }
}
