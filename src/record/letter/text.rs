//! Dead letters as lines of JSON. Bytes that are no text stand in hexadecimal digits, under a name of their own.

use super::Letter;
use super::rows::Letters;
use crate::units::parse_time;
use crate::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::Deserialize;
use std::sync::Arc;

/// Bytes as lines show them, and the name that they have where they are no text.
const BYTES: [(&str, &str); 2] = [("key", "key_hex"), ("value", "value_hex")];

/// What columns say with which lines of JSON leave nulls out.
pub const NULLS: (&str, &str) = ("ecap.nulls", "left out");

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Result<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Option<_> = digits.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| Error::data("what stands for bytes are no hexadecimal digits"))
}

/// The columns of rows of dead letters as lines have them; what is null is left out of a line.
pub fn columns(columns: &SchemaRef) -> SchemaRef {
    let mut fields = Vec::new();
    for field in columns.fields() {
        match BYTES.iter().find(|(name, _)| name == field.name()) {
            Some((text, hex)) => {
                fields.extend([text, hex].map(|name| Arc::new(Field::new(*name, DataType::Utf8, true))));
            }
            None => fields.push(field.clone()),
        }
    }
    let metadata = [(NULLS.0.to_string(), NULLS.1.to_string())];
    Arc::new(Schema::new(fields).with_metadata(metadata.into()))
}

/// Rows of dead letters in these columns.
///
/// # Errors
/// When Arrow refuses the columns, which is a fault of this code.
pub fn readable(shown: &SchemaRef, rows: &RecordBatch) -> Result<RecordBatch> {
    let letters = Letters::of(rows)?;
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        match field.name().as_str() {
            "key" => columns.extend(texts(letters.iter().map(|letter| letter.key))),
            "value" => columns.extend(texts(letters.iter().map(|letter| letter.value))),
            _ => columns.push(column.clone()),
        }
    }
    Ok(RecordBatch::try_new(shown.clone(), columns)?)
}

/// Bytes as text where they are text, and as digits where they are not.
fn texts<'a>(bytes: impl Iterator<Item = Option<&'a [u8]>>) -> [ArrayRef; 2] {
    let (mut texts, mut digits) = (StringBuilder::new(), StringBuilder::new());
    for bytes in bytes {
        let text = bytes.map(std::str::from_utf8);
        texts.append_option(text.and_then(std::result::Result::ok));
        digits.append_option(bytes.filter(|_| text.is_some_and(|text| text.is_err())).map(hex));
    }
    [Arc::new(texts.finish()), Arc::new(digits.finish())]
}

/// A line, as queries and `ecap-produce` write it.
#[derive(Debug, Deserialize)]
struct Line {
    topic: String,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<String>,
    key: Option<String>,
    key_hex: Option<String>,
    value: Option<String>,
    value_hex: Option<String>,
    file: Option<String>,
    line: Option<i64>,
    #[serde(default)]
    stage: String,
    code: String,
    column: Option<String>,
    reason: String,
    consumer: Option<String>,
    query: Option<String>,
    batch: Option<i64>,
    refused_at: Option<String>,
}

/// Gives the letter of a line.
///
/// # Errors
/// A data error where it is none; what `visit` says.
pub fn read(line: &[u8], visit: &mut dyn FnMut(&Letter<'_>) -> Result<()>) -> Result<()> {
    let line: Line = serde_json::from_slice(line)
        .map_err(|error| Error::data(format!("this is no line of dead letters: {error}")))?;
    let time = |text: &Option<String>| text.as_deref().map(parse_time).transpose();
    let bytes = |text: Option<String>, digits: Option<String>| match (text, digits) {
        (Some(text), _) => Ok(Some(text.into_bytes())),
        (None, digits) => digits.as_deref().map(unhex).transpose(),
    };
    let (timestamp, refused_at) = (time(&line.timestamp)?, time(&line.refused_at)?);
    let (key, value) = (bytes(line.key, line.key_hex)?, bytes(line.value, line.value_hex)?);
    visit(&Letter {
        topic: &line.topic,
        partition: line.partition,
        offset: line.offset,
        timestamp,
        key: key.as_deref(),
        value: value.as_deref(),
        file: line.file.as_deref(),
        line: line.line,
        stage: &line.stage,
        code: &line.code,
        column: line.column.as_deref(),
        reason: &line.reason,
        consumer: line.consumer.as_deref(),
        query: line.query.as_deref(),
        batch: line.batch,
        refused_at,
    })
}
