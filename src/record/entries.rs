//! What has no fixed width: texts, and the entries of maps. They stand one behind the other.

use super::column::{Column, State};
use super::columns::Use;
use super::json::{Scan, Scanned, Text};
use super::observed::Observed;
use super::schema::{Field, Type};
use arrow::array::{ArrayRef, MapArray, StringArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use std::sync::Arc;

/// Texts; `ends` has the end of each, and a leading 0.
#[derive(Debug)]
pub struct Texts {
    ends: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { ends: vec![0], bytes: Vec::new() }
    }
}

impl Texts {
    /// Drops all but the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        self.bytes.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    /// Adds a text.
    #[inline]
    pub fn push(&mut self, text: &Text<'_>) {
        text.append_to(&mut self.bytes);
        self.push_empty();
    }

    /// One of them.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let (start, end) = (*self.ends.get(row)?, *self.ends.get(row + 1)?);
        self.bytes.get(start as usize..end as usize)
    }

    /// Adds what stands behind the last text, which is nothing by itself.
    pub fn push_empty(&mut self) {
        self.ends.push(self.bytes.len() as i32);
    }

    /// The texts as an array; there are none any more.
    ///
    /// # Errors
    /// When they are not UTF-8, which is a fault of the decoder.
    pub fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let rows = self.ends.len();
        let mut ends = Vec::with_capacity(rows);
        ends.push(0);
        let ends = std::mem::replace(&mut self.ends, ends);
        let capacity = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity));
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(ends)), bytes.into(), nulls)
    }
}

/// The entries of maps; `ends` has the end of each map, and a leading 0.
#[derive(Debug)]
pub struct Entries {
    ends: Vec<i32>,
    keys: Texts,
    values: Column,
}

impl Entries {
    /// No maps yet, of values of this type.
    pub fn new(value: &Type, used: Use) -> Self {
        let field = Field { name: "values".into(), kind: value.clone(), nullable: true };
        Self { ends: vec![0], keys: Texts::default(), values: Column::new(field, used) }
    }

    /// Drops all but the first `rows` maps.
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows + 1);
        let entries = self.ends.last().map_or(0, |end| *end as usize);
        self.keys.truncate(entries);
        self.values.truncate(entries);
    }

    /// Reads the entries of one map; of a duplicate key both stay, as nobody can say which is meant.
    /// `depth` objects and arrays are there, the map counted.
    pub fn read(&mut self, scan: &mut Scan<'_>, depth: usize) -> Scanned<State> {
        let mut state = State::Set;
        scan.expect(b'{', "'{'")?;
        if scan.take(b'}') {
            return Ok(state);
        }
        loop {
            let key = scan.key()?;
            self.keys.push(&key);
            self.values.read(scan, depth)?;
            if self.values.state() == State::Mismatch {
                state = State::Mismatch;
            }
            self.values.accept(self.values.rows());
            if !scan.more(b'}', "',' or '}'")? {
                return Ok(state);
            }
        }
    }

    /// Makes what was read one map.
    pub fn accept(&mut self) {
        self.ends.push(self.values.rows() as i32);
    }

    /// The last value that was of the wrong type.
    pub fn mismatch(&self) -> &str {
        self.values.last_mismatch()
    }

    /// Adds what the values had that is not declared.
    pub fn observe(&self, path: &str, observed: &mut Observed) {
        self.values.observe(path, observed);
    }

    /// The maps as an array; there are none any more.
    ///
    /// # Errors
    /// When Arrow refuses them, which is a fault of this module.
    pub fn finish(&mut self, kind: &DataType, nulls: Option<NullBuffer>) -> Result<MapArray, ArrowError> {
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
