//! Rows that engines in different languages can agree on: JSON values, compared without order.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ecap::units::format_time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Doubles may differ by this much, relative to the larger one: sums depend on their order.
const TOLERANCE: f64 = 1e-9;

/// Columns and rows. Times are text in UTC, `2025-03-01 10:00:00.5`; doubles that are no numbers are text.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// What Arrow batches hold.
    pub fn of(columns: &Schema, batches: &[RecordBatch]) -> Result<Self, String> {
        let mut rows = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                rows.push(batch.columns().iter().map(|array| cell(array, row)).collect::<Result<_, _>>()?);
            }
        }
        Ok(Self { columns: columns.fields().iter().map(|field| field.name().clone()).collect(), rows })
    }

    /// What a CSV says, each cell read as what `like` has in that column; an empty cell is null.
    pub fn from_csv(text: &str, like: &Self) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| error.to_string())?;
        let columns: Vec<_> = header.iter().map(str::to_string).collect();
        if columns != like.columns {
            return Err(format!("the columns are {:?}, expected.csv has {columns:?}", like.columns));
        }
        let is_text = |column: usize| like.rows.iter().any(|row| row[column].is_string());
        let parsed = |(column, cell): (usize, &str)| match cell {
            "" => Value::Null,
            text if is_text(column) => json!(text),
            text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        };
        let mut rows = Vec::new();
        for row in reader.records() {
            rows.push(row.map_err(|error| error.to_string())?.iter().enumerate().map(parsed).collect());
        }
        Ok(Self { columns, rows })
    }

    /// Of the rows with the same `key` the last one.
    pub fn last_by(self, key: &[String]) -> Result<Self, String> {
        let place = |name| self.columns.iter().position(|column| column == name);
        let places: Vec<_> = key.iter().filter_map(place).collect();
        if places.len() != key.len() || key.is_empty() {
            return Err(format!("key {key:?} must name columns of {:?}", self.columns));
        }
        let mut last = BTreeMap::new();
        for row in self.rows {
            let key: Vec<_> = places.iter().map(|place| row[*place].to_string()).collect();
            last.insert(key, row);
        }
        Ok(Self { columns: self.columns, rows: last.into_values().collect() })
    }
}

fn cell(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Timestamp(unit, _) => json!(format_time(micros(array, unit, row)?)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let named = fields.iter().zip(columns);
            let cells = named.map(|(field, column)| Ok((field.name().clone(), cell(column, row)?)));
            Value::Object(cells.collect::<Result<Map<_, _>, String>>()?)
        }
        DataType::List(_) => cells(&array.as_list::<i32>().value(row))?,
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1));
            let cells = (0..entries.len()).map(|at| Ok((keys.value(at).to_string(), cell(values, at)?)));
            Value::Object(cells.collect::<Result<Map<_, _>, String>>()?)
        }
        kind => plain(kind, &text(array, row)?),
    })
}

fn cells(array: &dyn Array) -> Result<Value, String> {
    (0..array.len()).map(|at| cell(array, at)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn plain(kind: &DataType, text: &str) -> Value {
    match kind {
        DataType::Boolean => json!(text == "true"),
        kind if kind.is_numeric() => match serde_json::from_str(text) {
            Ok(number) => number,
            Err(_) => json!(text),
        },
        _ => json!(text),
    }
}

fn text(array: &dyn Array, row: usize) -> Result<String, String> {
    let formatter =
        ArrayFormatter::try_new(array, &FormatOptions::default()).map_err(|error| error.to_string())?;
    Ok(formatter.value(row).to_string())
}

fn micros(array: &dyn Array, unit: &TimeUnit, row: usize) -> Result<i64, String> {
    let whole = arrow::compute::cast(array, &DataType::Int64).map_err(|error| error.to_string())?;
    let value = whole.as_primitive::<arrow::datatypes::Int64Type>().value(row);
    Ok(match unit {
        TimeUnit::Second => value * 1_000_000,
        TimeUnit::Millisecond => value * 1_000,
        TimeUnit::Microsecond => value,
        TimeUnit::Nanosecond => value / 1_000,
    })
}

/// Says how two tables differ, if they do: not by the order of rows, nor by more than [`TOLERANCE`].
pub fn compare(ours: &Table, theirs: &Table) -> Result<(), String> {
    let (mut left, mut right) = (ours.rows.clone(), theirs.rows.clone());
    let doubles = doubles(&left, &right);
    left.sort_by(|one, other| order(one, other, &doubles));
    right.sort_by(|one, other| order(one, other, &doubles));
    let same = |(one, other): &(&Vec<Value>, &Vec<Value>)| {
        one.len() == other.len() && one.iter().zip(*other).all(|(one, other)| equal(one, other))
    };
    let differing = left.iter().zip(&right).find(|pair| !same(pair));
    match differing {
        None if left.len() == right.len() => Ok(()),
        None => {
            let (more, fewer) = if left.len() > right.len() { (&left, &right) } else { (&right, &left) };
            let first = json!(more[fewer.len()]);
            Err(format!(
                "{} rows, where {} are expected; the first too many or missing: {first}",
                left.len(),
                right.len()
            ))
        }
        Some((one, other)) => Err(format!(
            "{} rows, where {} are expected; the first that differ:\n  {:?}\n  is       {}\n  expected {}",
            left.len(),
            right.len(),
            ours.columns,
            json!(one),
            json!(other)
        )),
    }
}

/// Says how the names of columns differ, if they do; the engines need not agree on upper and lower case.
pub fn compare_names(ours: &Table, theirs: &Table) -> Result<(), String> {
    let same = |(one, other): (&String, &String)| one.eq_ignore_ascii_case(other);
    if ours.columns.len() == theirs.columns.len() && ours.columns.iter().zip(&theirs.columns).all(same) {
        return Ok(());
    }
    Err(format!("the columns are {:?}, expected are {:?}", ours.columns, theirs.columns))
}

/// Which columns hold doubles in either table: they come last in the order, as they may differ a little.
fn doubles(left: &[Vec<Value>], right: &[Vec<Value>]) -> Vec<bool> {
    let width = left.iter().chain(right).map(Vec::len).max().unwrap_or_default();
    let is_double = |column: usize| {
        let mut cells = left.iter().chain(right).filter_map(|row| row.get(column));
        cells.any(|cell| cell.is_f64())
    };
    (0..width).map(is_double).collect()
}

fn order(one: &[Value], other: &[Value], doubles: &[bool]) -> Ordering {
    let exact = |row: &[Value]| {
        let cells = row.iter().zip(doubles).filter(|(_, double)| !**double);
        cells.map(|(cell, _)| cell.to_string()).collect::<Vec<_>>()
    };
    let inexact = |row: &[Value]| {
        let cells = row.iter().zip(doubles).filter(|(_, double)| **double);
        cells.map(|(cell, _)| cell.as_f64().unwrap_or(f64::NEG_INFINITY)).collect::<Vec<_>>()
    };
    let by_doubles = || inexact(one).partial_cmp(&inexact(other)).unwrap_or(Ordering::Equal);
    exact(one).cmp(&exact(other)).then_with(by_doubles)
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::NAN));
            (one - other).abs() <= TOLERANCE * one.abs().max(other.abs())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        _ => one == other,
    }
}
