//! Columns as bytes that can be compared and hashed.

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;
use datafusion::common::hash_utils::RandomState;
use std::hash::BuildHasher;

/// Makes bytes of columns, and columns of bytes.
pub struct KeyMaker {
    /// `None` where there are no columns: then all rows are alike.
    converter: Option<RowConverter>,
    width: usize,
    /// A row of nulls.
    nulls: Keys,
}

/// The rows of a batch as bytes.
pub struct Keys(Option<Rows>);

/// A row as bytes, with a hash of them.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// The same for the same bytes.
    pub hash: u64,
    /// The row.
    pub bytes: &'a [u8],
}

impl KeyMaker {
    /// For columns of these types.
    ///
    /// # Errors
    /// When one is of a type that cannot be compared.
    pub fn new(types: impl IntoIterator<Item = DataType>) -> Result<Self> {
        Self::ordered(types.into_iter().map(|data_type| (data_type, SortOptions::default())).collect())
    }

    /// For columns of these types, in these orders.
    ///
    /// # Errors
    /// When one is of a type that cannot be compared.
    pub fn ordered(fields: Vec<(DataType, SortOptions)>) -> Result<Self> {
        let mut maker = Self { converter: None, width: fields.len(), nulls: Keys(None) };
        if !fields.is_empty() {
            let nulls: Vec<_> = fields.iter().map(|(data_type, _)| new_null_array(data_type, 1)).collect();
            let fields =
                fields.into_iter().map(|(data_type, order)| SortField::new_with_options(data_type, order));
            maker.converter = Some(RowConverter::new(fields.collect())?);
            maker.nulls = maker.keys(&nulls)?;
        }
        Ok(maker)
    }

    /// How many columns there are.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows of columns.
    pub fn keys(&self, columns: &[ArrayRef]) -> Result<Keys> {
        let rows = self.converter.as_ref().map(|converter| converter.convert_columns(columns));
        Ok(Keys(rows.transpose()?))
    }

    /// The columns of rows; a row that is missing is null.
    pub fn columns<'a>(&'a self, rows: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Vec<ArrayRef>> {
        let Some(converter) = &self.converter else { return Ok(vec![]) };
        let (parser, nulls) = (converter.parser(), self.nulls.bytes(0));
        Ok(converter.convert_rows(rows.map(|bytes| parser.parse(bytes.unwrap_or(nulls))))?)
    }
}

impl Keys {
    /// A row.
    pub fn bytes(&self, row: usize) -> &[u8] {
        self.0.as_ref().map_or(&[], |rows| rows.row(row).data())
    }

    /// A row with its hash.
    pub fn key(&self, row: usize) -> Key<'_> {
        Key::of(self.bytes(row))
    }
}

impl<'a> Key<'a> {
    /// The key with these bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { hash: RandomState::default().hash_one(bytes), bytes }
    }
}

/// Half of a hash, of all its bits.
pub fn folded(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}
