//! A column that grows by a record at a time. A value can be written again until its record is accepted,
//! so that of a duplicate key the last counts and a refused record leaves nothing behind.

use super::columns::{Columns, Use};
use super::entries::{Entries, Texts};
use super::json::{MAX_DEPTH, Number, Scan, Scanned, Text};
use super::observed::{Drift, Observed};
use super::schema::{Field, Type};
use super::timestamp::{Day, of_millis};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, NullArray, NullBufferBuilder, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Fields;
use arrow::error::ArrowError;
use std::sync::Arc;

/// One column and its values so far.
#[derive(Debug)]
pub struct Column {
    field: Field,
    /// Whether its values are wanted as an array.
    kept: bool,
    values: Values,
    /// Which rows have a value. A column without nulls keeps a count.
    valid: NullBufferBuilder,
    state: State,
    /// What the current record has in place of the declared type.
    found: String,
    drift: Drift,
}

/// What the current record says of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its key did not come.
    Absent,
    /// It is null.
    Null,
    /// It has a value of the declared type.
    Set,
    /// It has a value that cannot be of the declared type.
    Mismatch,
}

#[derive(Debug)]
enum Values {
    Text(Texts),
    /// Texts that are only looked for.
    Presence,
    Int(Vec<i32>),
    BigInt(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Timestamp(Vec<i64>, Day),
    Struct(Columns),
    Map(Box<Entries>),
}

impl Column {
    /// An empty column.
    pub fn new(field: Field, used: Use) -> Self {
        let values = match &field.kind {
            Type::String if used == Use::Presence => Values::Presence,
            Type::String => Values::Text(Texts::default()),
            Type::Int => Values::Int(Vec::new()),
            Type::BigInt => Values::BigInt(Vec::new()),
            Type::Double => Values::Double(Vec::new()),
            Type::Boolean => Values::Boolean(Vec::new()),
            Type::Timestamp => Values::Timestamp(Vec::new(), Day::default()),
            Type::Struct(fields) => Values::Struct(Columns::new(fields, |_| used)),
            Type::Map(value) => Values::Map(Box::new(Entries::new(value, used))),
        };
        let (kept, valid, state) = (used == Use::Values, NullBufferBuilder::new(0), State::Absent);
        Self { field, kept, values, valid, state, found: String::new(), drift: Drift::default() }
    }

    /// What is declared of the column.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// How many records were accepted.
    pub fn rows(&self) -> usize {
        self.valid.len()
    }

    /// What the current record says.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the current record has no value here, or null.
    pub fn is_null(&self) -> bool {
        matches!(self.state, State::Absent | State::Null)
    }

    /// What the current record has here in place of the declared type.
    pub fn mismatch(&self) -> Option<&str> {
        (self.state == State::Mismatch).then_some(&self.found)
    }

    /// The last value that was of the wrong type.
    pub fn last_mismatch(&self) -> &str {
        &self.found
    }

    /// The number that the current record has here.
    #[inline]
    pub fn number(&self) -> Option<f64> {
        let row = self.rows();
        match (self.state, &self.values) {
            (State::Set, Values::Int(values)) => values.get(row).map(|value| f64::from(*value)),
            (State::Set, Values::BigInt(values)) => values.get(row).map(|value| *value as f64),
            (State::Set, Values::Double(values)) => values.get(row).copied(),
            _ => None,
        }
    }

    /// The text of an accepted record, if it has one.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&[u8]> {
        match &self.values {
            Values::Text(texts) if self.valid.is_valid(row) => texts.get(row),
            _ => None,
        }
    }

    /// Drops what was written behind `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        self.state = State::Absent;
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Text(values) => values.truncate(rows),
            Values::Presence => {}
            Values::Int(values) => values.truncate(rows),
            Values::BigInt(values) => values.truncate(rows),
            Values::Double(values) => values.truncate(rows),
            Values::Boolean(values) => values.truncate(rows),
            Values::Timestamp(values, _) => values.truncate(rows),
            Values::Struct(columns) => columns.truncate(rows),
            Values::Map(entries) => entries.truncate(rows),
        }
    }

    /// Reads the value that comes next as this column's value of the current record.
    #[inline]
    pub fn read(&mut self, scan: &mut Scan<'_>, depth: usize) -> Scanned<()> {
        if self.state != State::Absent {
            self.truncate(self.rows());
        }
        let first = scan.peek();
        let start = scan.position();
        self.state = match first {
            b'"' => {
                let text = scan.text("a text")?;
                self.values.put_text(&text)
            }
            b'-' | b'0'..=b'9' => {
                let number = scan.number()?;
                self.values.put_number(&number)
            }
            _ => self.values.read_other(scan, first, depth)?,
        };
        if self.state == State::Mismatch {
            self.drifted(first, scan.since(start));
        }
        Ok(())
    }

    #[cold]
    fn drifted(&mut self, first: u8, value: &[u8]) {
        let inside = match &self.values {
            Values::Struct(columns) if first == b'{' => columns.mismatch(),
            Values::Map(entries) if first == b'{' => Some(entries.mismatch().into()),
            _ => None,
        };
        // What is wrong inside of an object, its own columns count.
        if inside.is_none() {
            self.drift.note(first);
        }
        self.found = inside.unwrap_or_else(|| excerpt(value));
    }

    /// Makes the value of the current record that of row `row`; null where it has nothing usable.
    #[inline]
    pub fn accept(&mut self, row: usize) {
        if !self.kept {
            return self.pass();
        }
        let set = self.state == State::Set;
        if !set {
            self.push_null(row);
        }
        match &mut self.values {
            Values::Struct(columns) => columns.accept(),
            Values::Map(entries) => entries.accept(),
            _ => {}
        }
        self.valid.append(set);
        self.state = State::Absent;
    }

    /// Forgets the value of the current record, which was only looked at.
    #[inline]
    fn pass(&mut self) {
        match self.values {
            Values::Presence => self.state = State::Absent,
            _ => self.truncate(0),
        }
    }

    #[cold]
    fn push_null(&mut self, row: usize) {
        if self.state == State::Mismatch {
            self.truncate(row);
        }
        match &mut self.values {
            Values::Text(values) => values.push_empty(),
            Values::Int(values) => values.push(0),
            Values::BigInt(values) => values.push(0),
            Values::Double(values) => values.push(0.0),
            Values::Boolean(values) => values.push(false),
            Values::Timestamp(values, _) => values.push(0),
            Values::Presence | Values::Struct(_) | Values::Map(_) => {}
        }
    }

    /// The values as an Arrow array, where they were kept; the column is empty again.
    ///
    /// # Errors
    /// When Arrow refuses them, which is a fault of this module.
    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = self.rows();
        let nulls = self.valid.finish();
        Ok(match &mut self.values {
            Values::Text(texts) => Arc::new(texts.finish(nulls)?),
            _ if !self.kept => Arc::new(NullArray::new(0)),
            Values::Presence => Arc::new(NullArray::new(rows)),
            Values::Int(values) => Arc::new(Int32Array::try_new(take(values).into(), nulls)?),
            Values::BigInt(values) => Arc::new(Int64Array::try_new(take(values).into(), nulls)?),
            Values::Double(values) => Arc::new(Float64Array::try_new(take(values).into(), nulls)?),
            Values::Boolean(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(take(values)), nulls)),
            Values::Timestamp(values, _) => {
                Arc::new(TimestampMicrosecondArray::try_new(take(values).into(), nulls)?)
            }
            Values::Struct(columns) => {
                let fields = columns.columns.iter().map(|column| Arc::new(column.field.to_arrow()));
                let fields: Fields = fields.collect();
                Arc::new(StructArray::try_new_with_length(fields, columns.finish()?, nulls, rows)?)
            }
            Values::Map(entries) => Arc::new(entries.finish(&self.field.kind.to_arrow(), nulls)?),
        })
    }

    /// Adds what records had here that is not declared; `path` is what stands before the name.
    pub fn observe(&self, path: &str, observed: &mut Observed) {
        let own = format!("{path}{}", self.field.name);
        self.drift.observe(&own, observed);
        match &self.values {
            Values::Struct(columns) => columns.observe(&format!("{own}."), observed),
            Values::Map(entries) => entries.observe(&format!("{own}."), observed),
            _ => {}
        }
    }
}

/// Takes the values out and leaves room for as many.
fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let capacity = values.len();
    std::mem::replace(values, Vec::with_capacity(capacity))
}

#[inline]
fn put<T>(values: &mut Vec<T>, value: Option<T>) -> State {
    match value {
        Some(value) => {
            values.push(value);
            State::Set
        }
        None => State::Mismatch,
    }
}

impl Values {
    #[inline]
    fn put_text(&mut self, text: &Text<'_>) -> State {
        match self {
            Self::Text(values) => {
                values.push(text);
                State::Set
            }
            Self::Presence => State::Set,
            Self::Timestamp(values, day) if text.escapes == 0 => put(values, day.parse(text.raw)),
            Self::Timestamp(values, day) => put(values, day.parse(&text.to_bytes())),
            _ => State::Mismatch,
        }
    }

    #[inline]
    fn put_number(&mut self, number: &Number<'_>) -> State {
        match self {
            Self::Int(values) => put(values, number.integer().and_then(|value| i32::try_from(value).ok())),
            Self::BigInt(values) => put(values, number.integer()),
            Self::Double(values) => put(values, number.float()),
            Self::Timestamp(values, _) => put(values, number.integer().and_then(of_millis)),
            _ => State::Mismatch,
        }
    }

    /// Reads what is neither a wanted text nor a number.
    #[inline(never)]
    fn read_other(&mut self, scan: &mut Scan<'_>, first: u8, depth: usize) -> Scanned<State> {
        Ok(match (self, first) {
            (_, b'n') => scan.word("null").map(|()| State::Null)?,
            (Self::Struct(columns), b'{') if depth < MAX_DEPTH => {
                columns.read(scan, depth + 1)?;
                if columns.columns.iter().any(|column| column.state == State::Mismatch) {
                    State::Mismatch
                } else {
                    State::Set
                }
            }
            (Self::Map(entries), b'{') if depth < MAX_DEPTH => entries.read(scan, depth + 1)?,
            (Self::Boolean(values), b't') => put(values, Some(scan.word("true").map(|()| true)?)),
            (Self::Boolean(values), b'f') => put(values, Some(scan.word("false").map(|()| false)?)),
            _ => scan.skip(depth).map(|()| State::Mismatch)?,
        })
    }
}

/// The start of a value, for a message.
pub fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text.trim().chars().take(40).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    short
}
