//! Dead letters as rows: how sinks take them, and Parquet and Delta tables keep them.

use super::Letter;
use crate::record::storable;
use crate::{Error, Result};
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryBuilder, Int32Builder, Int64Builder,
    PrimitiveArray, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use std::sync::{Arc, LazyLock};

/// The columns, in this order.
static COLUMNS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let bytes = |name: &str| Field::new(name, DataType::Binary, true);
    let time = |name: &str| Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, None), true);
    Arc::new(Schema::new(vec![
        text("topic"),
        Field::new("partition", DataType::Int32, true),
        number("offset"),
        time("timestamp"),
        bytes("key"),
        bytes("value"),
        text("file"),
        number("line"),
        text("stage"),
        text("code"),
        text("column"),
        text("reason"),
        text("consumer"),
        text("query"),
        number("batch"),
        time("refused_at"),
    ]))
});

/// The columns that dead letters have as rows, one for each field of a [`Letter`].
pub fn columns() -> SchemaRef {
    COLUMNS.clone()
}

/// Takes letters, and gives them as rows.
#[derive(Debug, Default)]
pub struct Builder {
    topic: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    timestamp: TimestampMicrosecondBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    file: StringBuilder,
    line: Int64Builder,
    stage: StringBuilder,
    code: StringBuilder,
    column: StringBuilder,
    reason: StringBuilder,
    consumer: StringBuilder,
    query: StringBuilder,
    batch: Int64Builder,
    refused_at: TimestampMicrosecondBuilder,
}

impl Builder {
    /// Adds a letter.
    pub fn push(&mut self, letter: &Letter<'_>) {
        self.topic.append_value(letter.topic);
        self.partition.append_option(letter.partition);
        self.offset.append_option(letter.offset);
        self.timestamp.append_option(letter.timestamp);
        self.key.append_option(letter.key);
        self.value.append_option(letter.value);
        self.file.append_option(letter.file);
        self.line.append_option(letter.line);
        self.stage.append_value(letter.stage);
        self.code.append_value(letter.code);
        self.column.append_option(letter.column);
        self.reason.append_value(letter.reason);
        self.consumer.append_option(letter.consumer);
        self.query.append_option(letter.query);
        self.batch.append_option(letter.batch);
        self.refused_at.append_option(letter.refused_at);
    }

    /// The letters since the last call.
    ///
    /// # Errors
    /// When Arrow refuses the columns, which is a fault of this code.
    pub fn take(&mut self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.topic.finish()),
            Arc::new(self.partition.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.timestamp.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.file.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.stage.finish()),
            Arc::new(self.code.finish()),
            Arc::new(self.column.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.consumer.finish()),
            Arc::new(self.query.finish()),
            Arc::new(self.batch.finish()),
            Arc::new(self.refused_at.finish()),
        ];
        Ok(RecordBatch::try_new(COLUMNS.clone(), columns)?)
    }
}

/// Rows as letters.
#[derive(Debug)]
pub struct Letters {
    /// The rows, in the columns as they are kept.
    rows: RecordBatch,
}

impl Letters {
    /// Reads rows, of whomever; what columns they do not have is not known of their letters.
    ///
    /// # Errors
    /// A data error where they are no dead letters: they have no topic, no code or no reason.
    pub fn of(rows: &RecordBatch) -> Result<Self> {
        let has = |name: &&str| rows.column_by_name(name).is_some();
        if let Some(absent) = ["topic", "code", "reason"].iter().find(|name| !has(name)) {
            return Err(Error::data(format!("these are no dead letters: they have no column '{absent}'")));
        }
        let kept = storable::columns(&COLUMNS);
        let column = |field: &Arc<Field>| match rows.column_by_name(field.name()) {
            Some(column) => storable::array(field, column),
            None => Ok(new_null_array(field.data_type(), rows.num_rows())),
        };
        let columns = kept.fields().iter().map(column).collect::<Result<_>>()?;
        Ok(Self { rows: RecordBatch::try_new(kept.clone(), columns)? })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Letter<'_>> {
        (0..self.len()).map(|row| self.letter(row))
    }

    fn letter(&self, row: usize) -> Letter<'_> {
        Letter {
            topic: self.text(0, row).unwrap_or_default(),
            partition: self.number::<Int32Type>(1, row),
            offset: self.number::<Int64Type>(2, row),
            timestamp: self.number::<TimestampMicrosecondType>(3, row),
            key: self.bytes(4, row),
            value: self.bytes(5, row),
            file: self.text(6, row),
            line: self.number::<Int64Type>(7, row),
            stage: self.text(8, row).unwrap_or_default(),
            code: self.text(9, row).unwrap_or_default(),
            column: self.text(10, row),
            reason: self.text(11, row).unwrap_or_default(),
            consumer: self.text(12, row),
            query: self.text(13, row),
            batch: self.number::<Int64Type>(14, row),
            refused_at: self.number::<TimestampMicrosecondType>(15, row),
        }
    }

    fn text(&self, column: usize, row: usize) -> Option<&str> {
        let column: &StringArray = self.rows.column(column).as_string_opt()?;
        column.is_valid(row).then(|| column.value(row))
    }

    fn bytes(&self, column: usize, row: usize) -> Option<&[u8]> {
        let column: &BinaryArray = self.rows.column(column).as_binary_opt()?;
        column.is_valid(row).then(|| column.value(row))
    }

    fn number<T: ArrowPrimitiveType>(&self, column: usize, row: usize) -> Option<T::Native> {
        let column: &PrimitiveArray<T> = self.rows.column(column).as_primitive_opt()?;
        column.is_valid(row).then(|| column.value(row))
    }
}
