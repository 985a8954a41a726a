//! Columns that grow by a record at a time. A value can be written again until its record is accepted,
//! so that of a duplicate key the last counts and a refused record leaves nothing behind.

use super::json::{Malformed, Scan, Scanned, Text};
use super::schema::{Field, Type};
use super::timestamp;
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Fields};
use arrow::error::ArrowError;
use std::sync::Arc;

/// One column and its values so far.
#[derive(Debug)]
pub struct Column {
    field: Field,
    values: Values,
    valid: Vec<bool>,
    state: State,
}

/// What the record that is being read says of the column.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Absent,
    Null,
    Set,
    Mismatch(String),
}

#[derive(Debug)]
enum Values {
    Text(Texts),
    Int(Vec<i32>),
    BigInt(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Timestamp(Vec<i64>),
    Struct(Columns),
    Map(Entries),
}

/// Texts one behind the other; `ends` has the end of each, and a leading 0.
#[derive(Debug)]
struct Texts {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

/// Entries one behind the other; `ends` has the end of each map, and a leading 0.
#[derive(Debug)]
struct Entries {
    ends: Vec<i32>,
    keys: Texts,
    values: Box<Column>,
}

impl Texts {
    fn new() -> Self {
        Self { ends: vec![0], bytes: Vec::new() }
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    fn push(&mut self, text: Option<&Text<'_>>) {
        if let Some(text) = text {
            text.append_to(&mut self.bytes);
        }
        self.ends.push(self.bytes.len() as i32);
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let capacity = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity));
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(ends)), bytes.into(), nulls)
    }
}

impl Entries {
    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let entries = self.ends.last().map_or(0, |end| *end as usize);
        self.keys.truncate(entries);
        self.values.truncate(entries);
    }

    /// Reads the entries of one map; of a duplicate key both stay, as nobody can say which is meant.
    fn read(&mut self, scan: &mut Scan<'_>, depth: usize) -> Scanned<State> {
        let mut state = State::Set;
        scan.expect(b'{', "'{'")?;
        if scan.take(b'}') {
            return Ok(state);
        }
        loop {
            let key = scan.key()?;
            self.keys.push(Some(&key));
            self.values.read(scan, depth + 1)?;
            if let State::Mismatch(found) = &self.values.state {
                state = State::Mismatch(found.clone());
            }
            let rows = self.values.rows();
            self.values.accept(rows);
            if !scan.more(b'}', "',' or '}'")? {
                return Ok(state);
            }
        }
    }
}

impl Column {
    /// An empty column.
    pub fn new(field: Field) -> Self {
        let values = match &field.kind {
            Type::String => Values::Text(Texts::new()),
            Type::Int => Values::Int(Vec::new()),
            Type::BigInt => Values::BigInt(Vec::new()),
            Type::Double => Values::Double(Vec::new()),
            Type::Boolean => Values::Boolean(Vec::new()),
            Type::Timestamp => Values::Timestamp(Vec::new()),
            Type::Struct(fields) => Values::Struct(Columns::new(fields.iter().cloned())),
            Type::Map(value) => {
                let field = Field { name: "values".into(), kind: (**value).clone(), nullable: true };
                Values::Map(Entries { ends: vec![0], keys: Texts::new(), values: Box::new(Self::new(field)) })
            }
        };
        Self { field, values, valid: Vec::new(), state: State::Absent }
    }

    /// What is declared of the column.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// How many records were accepted.
    pub fn rows(&self) -> usize {
        self.valid.len()
    }

    /// Whether the record that is being read has no value here, or null.
    pub fn is_null(&self) -> bool {
        matches!(self.state, State::Absent | State::Null)
    }

    /// What the record that is being read has here in place of the declared type.
    pub fn mismatch(&self) -> Option<&str> {
        match &self.state {
            State::Mismatch(found) => Some(found),
            _ => None,
        }
    }

    /// The number that the record which is being read has here.
    pub fn number(&self) -> Option<f64> {
        let row = self.rows();
        match (&self.state, &self.values) {
            (State::Set, Values::Int(values)) => values.get(row).map(|value| f64::from(*value)),
            (State::Set, Values::BigInt(values)) => values.get(row).map(|value| *value as f64),
            (State::Set, Values::Double(values)) => values.get(row).copied(),
            _ => None,
        }
    }

    /// Drops what was written behind `rows` records.
    fn truncate(&mut self, rows: usize) {
        self.state = State::Absent;
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Text(values) => values.truncate(rows),
            Values::Int(values) => values.truncate(rows),
            Values::BigInt(values) => values.truncate(rows),
            Values::Double(values) => values.truncate(rows),
            Values::Boolean(values) => values.truncate(rows),
            Values::Timestamp(values) => values.truncate(rows),
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
        if first == b'n' {
            scan.word("null")?;
            self.state = State::Null;
            return Ok(());
        }
        self.state = match (&mut self.values, first) {
            (Values::Text(values), b'"') => {
                values.push(Some(&scan.text("a text")?));
                State::Set
            }
            (Values::Struct(columns), b'{') if depth < super::json::MAX_DEPTH => {
                columns.read(scan, depth + 1)?;
                columns.mismatch().map_or(State::Set, State::Mismatch)
            }
            (Values::Map(entries), b'{') if depth < super::json::MAX_DEPTH => entries.read(scan, depth)?,
            (Values::Timestamp(values), b'"') => {
                put(values, timestamp::parse(&scan.text("a text")?.to_bytes()))
            }
            (Values::Boolean(values), b't') => put(values, Some(scan.word("true").map(|()| true)?)),
            (Values::Boolean(values), b'f') => put(values, Some(scan.word("false").map(|()| false)?)),
            (values, b'-' | b'0'..=b'9') => values.put_number(scan.number()?),
            _ => {
                scan.skip(depth)?;
                State::Mismatch(String::new())
            }
        };
        if let State::Mismatch(found) = &mut self.state
            && found.is_empty()
        {
            *found = excerpt(scan.since(start));
        }
        Ok(())
    }

    /// Makes what was read the value of record `row`; null where nothing usable was.
    fn accept(&mut self, row: usize) {
        let set = self.state == State::Set;
        if !set {
            self.truncate(row);
        }
        match &mut self.values {
            Values::Text(values) if !set => values.push(None),
            Values::Int(values) if !set => values.push(0),
            Values::BigInt(values) if !set => values.push(0),
            Values::Double(values) if !set => values.push(0.0),
            Values::Boolean(values) if !set => values.push(false),
            Values::Timestamp(values) if !set => values.push(0),
            Values::Struct(columns) => columns.accept(),
            Values::Map(entries) => entries.ends.push(entries.values.rows() as i32),
            _ => {}
        }
        self.valid.push(set);
        self.state = State::Absent;
    }

    /// The values as an Arrow array; the column is empty again.
    pub fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = self.rows();
        let valid = std::mem::replace(&mut self.valid, Vec::with_capacity(rows));
        let all = valid.iter().all(|valid| *valid);
        let nulls = (!all).then(|| NullBuffer::new(BooleanBuffer::from(valid)));
        let kind = self.field.kind.to_arrow();
        Ok(match &mut self.values {
            Values::Text(texts) => Arc::new(texts.finish(nulls)?),
            Values::Int(values) => Arc::new(Int32Array::try_new(take(values).into(), nulls)?),
            Values::BigInt(values) => Arc::new(Int64Array::try_new(take(values).into(), nulls)?),
            Values::Double(values) => Arc::new(Float64Array::try_new(take(values).into(), nulls)?),
            Values::Boolean(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(take(values)), nulls)),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::try_new(take(values).into(), nulls)?)
            }
            Values::Struct(columns) => {
                let fields = columns.columns.iter().map(|column| Arc::new(column.field.to_arrow()));
                let fields: Fields = fields.collect();
                Arc::new(StructArray::try_new_with_length(fields, columns.finish()?, nulls, rows)?)
            }
            Values::Map(entries) => Arc::new(entries.finish(&kind, nulls)?),
        })
    }
}

impl Entries {
    fn finish(&mut self, kind: &DataType, nulls: Option<NullBuffer>) -> Result<MapArray, ArrowError> {
        let DataType::Map(entry, _) = kind else {
            return Err(ArrowError::SchemaError("a map column is not of a map type".into()));
        };
        let DataType::Struct(fields) = entry.data_type() else {
            return Err(ArrowError::SchemaError("a map's entries are not a struct".into()));
        };
        let columns: Vec<ArrayRef> = vec![Arc::new(self.keys.finish(None)?), self.values.finish()?];
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let entries = StructArray::try_new(fields.clone(), columns, None)?;
        MapArray::try_new(entry.clone(), OffsetBuffer::new(ScalarBuffer::from(ends)), entries, nulls, false)
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
        None => State::Mismatch(String::new()),
    }
}

impl Values {
    #[inline]
    fn put_number(&mut self, number: super::json::Number<'_>) -> State {
        let integer = || if number.integer { number.raw.parse::<i64>().ok() } else { None };
        match self {
            Self::Int(values) => put(values, integer().and_then(|value| i32::try_from(value).ok())),
            Self::BigInt(values) => put(values, integer()),
            Self::Double(values) => {
                put(values, number.raw.parse::<f64>().ok().filter(|value| value.is_finite()))
            }
            Self::Timestamp(values) => put(values, integer().and_then(|millis| millis.checked_mul(1_000))),
            _ => State::Mismatch(String::new()),
        }
    }
}

/// The start of a value, for a message.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut short: String = text.trim().chars().take(40).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    short
}

/// The columns of an object, and which key stands for which.
#[derive(Debug)]
pub struct Columns {
    /// The columns, in the order of the schema.
    pub columns: Vec<Column>,
    rows: usize,
    /// Which column the next key is likely to name: objects of one topic have their keys in one order.
    likely: usize,
}

impl Columns {
    /// Empty columns for these fields.
    pub fn new(fields: impl Iterator<Item = Field>) -> Self {
        Self { columns: fields.map(Column::new).collect(), rows: 0, likely: 0 }
    }

    /// How many records were accepted.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Reads one object as the current record.
    pub fn read(&mut self, scan: &mut Scan<'_>, depth: usize) -> Scanned<()> {
        self.likely = 0;
        scan.expect(b'{', "'{'")?;
        if scan.take(b'}') {
            return Ok(());
        }
        loop {
            let key = scan.key()?;
            match self.find(key) {
                Some(index) => self.columns[index].read(scan, depth)?,
                None => scan.skip(depth)?,
            }
            if !scan.more(b'}', "',' or '}'")? {
                return Ok(());
            }
        }
    }

    #[inline]
    fn find(&mut self, key: Text<'_>) -> Option<usize> {
        let unescaped;
        let name = if key.escaped {
            unescaped = key.to_bytes();
            &unescaped[..]
        } else {
            key.raw
        };
        let is = |column: &Column| column.field.name.as_bytes() == name;
        if self.columns.get(self.likely).is_some_and(is) {
            self.likely += 1;
            return Some(self.likely - 1);
        }
        let index = self.columns.iter().position(is)?;
        self.likely = index + 1;
        Some(index)
    }

    fn mismatch(&self) -> Option<String> {
        self.columns.iter().find_map(|column| {
            let found = column.mismatch()?;
            let between = if found.starts_with('.') { "" } else { " = " };
            Some(format!(".{}{between}{found}", column.field.name))
        })
    }

    /// Makes what was read the next record.
    pub fn accept(&mut self) {
        for column in &mut self.columns {
            column.accept(self.rows);
        }
        self.rows += 1;
    }

    /// Forgets what was read since the last accepted record.
    pub fn refuse(&mut self) {
        self.truncate(self.rows);
    }

    fn truncate(&mut self, rows: usize) {
        self.rows = rows;
        for column in &mut self.columns {
            column.truncate(rows);
        }
    }

    /// The columns as Arrow arrays; they are empty again.
    ///
    /// # Errors
    /// When Arrow refuses a column, which is a fault of this module.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.rows = 0;
        self.columns.iter_mut().map(Column::finish).collect()
    }
}

/// What a malformed record is told.
pub fn sentence(malformed: Malformed, bytes: &[u8]) -> String {
    let found = bytes.get(malformed.at..).filter(|rest| !rest.is_empty());
    let found = found.map_or("the end".into(), |rest| format!("'{}'", excerpt(&rest[..rest.len().min(12)])));
    format!("at byte {}: expected {}, found {found}", malformed.at, malformed.expected)
}
