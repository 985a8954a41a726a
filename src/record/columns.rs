//! The columns of an object, and the rows that were read into them.

use super::column::Column;
use super::json::{Scan, Scanned};
use super::keys::{Keys, Passed, Target};
use super::observed::Observed;
use super::schema::Field;
use arrow::array::ArrayRef;
use arrow::error::ArrowError;

/// What is made of a declared field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A column with its values.
    Values,
    /// A column that knows of the current record only whether it has a value, and of the right type.
    Presence,
    /// Nothing: its values are validated and passed over.
    Nothing,
}

/// The columns of an object. One record is current: it was read, but neither accepted nor refused.
#[derive(Debug)]
pub struct Columns {
    /// The columns that are read, in the order of the schema.
    pub columns: Vec<Column>,
    keys: Keys,
    rows: usize,
}

impl Columns {
    /// Empty columns for an object with these fields.
    pub fn new(fields: &[Field], of: impl Fn(&Field) -> Use) -> Self {
        let mut columns = Vec::new();
        let target = |field: &Field, columns: &mut Vec<Column>| {
            let used = of(field);
            if used == Use::Nothing {
                return Target::Passed(Passed::new(&field.kind));
            }
            columns.push(Column::new(field.clone(), used));
            Target::Column(columns.len() - 1)
        };
        let keys = Keys::new(fields.iter().map(|field| (field, target(field, &mut columns))));
        Self { columns, keys, rows: 0 }
    }

    /// How many records were accepted.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Reads one object as the current record; `depth` objects and arrays are there, itself counted.
    #[inline]
    pub fn read(&mut self, scan: &mut Scan<'_>, depth: usize) -> Scanned<()> {
        self.keys.read(&mut self.columns, scan, depth)
    }

    /// Where the current record has a value of the wrong type, and what it is.
    pub fn mismatch(&self) -> Option<String> {
        self.columns.iter().find_map(|column| {
            let found = column.mismatch()?;
            let between = if found.starts_with('.') { "" } else { " = " };
            Some(format!(".{}{between}{found}", column.field().name))
        })
    }

    /// Makes the current record the next row.
    #[inline]
    pub fn accept(&mut self) {
        for column in &mut self.columns {
            column.accept(self.rows);
        }
        self.rows += 1;
    }

    /// Forgets the current record.
    pub fn refuse(&mut self) {
        self.truncate(self.rows);
    }

    /// Forgets the current record and all rows behind the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
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

    /// Adds what the objects had that is not declared; `path` is what stands before the names.
    pub fn observe(&self, path: &str, observed: &mut Observed) {
        self.keys.observe(path, observed);
        for column in &self.columns {
            column.observe(path, observed);
        }
    }
}
