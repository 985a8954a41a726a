//! The header of a CSV, and what its cells become.

use super::reject::Problem;
use crate::catalog::Record;
use crate::record::reject::Code;
use crate::record::schema::Type;
use crate::{Error, Result, units};
use std::io::Write;

/// What a header must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Every column that the topic's source has.
    Whole,
    /// Some column of the topic, and all that must not be null.
    Part,
}

/// What a cell becomes.
#[derive(Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// How it stands in JSON, the colon with it.
    label: Vec<u8>,
    kind: Type,
}

/// The columns of a header, by what the catalog says of them.
///
/// # Errors
/// When it lacks a column that it must have, or has one twice; a usage error where one is nested.
pub fn columns(header: Vec<String>, record: &Record, must: Header) -> Result<Vec<Column>> {
    let all = record.columns();
    if !header.iter().any(|name| all.field(name).is_some()) {
        let names: Vec<&str> = all.fields.iter().map(|field| field.name.as_str()).take(3).collect();
        return Err(Error::failed("line 1: the header has no column of the topic")
            .hint(format!("the first line names the columns: {}, …", names.join(", "))));
    }
    let known = record.schema.fields.iter().filter(|field| must == Header::Whole || !field.nullable);
    let known = known.map(|field| field.name.as_str());
    let absent: Vec<&str> = known.filter(|name| !header.iter().any(|found| found == name)).collect();
    if !absent.is_empty() {
        let plural = if absent.len() == 1 { "column" } else { "columns" };
        return Err(Error::failed(format!("line 1: the header lacks {plural} {}", absent.join(", "))));
    }
    let mut columns: Vec<Column> = Vec::with_capacity(header.len());
    for name in header {
        if columns.iter().any(|column| column.name == name) {
            return Err(Error::failed(format!("line 1: the header has column '{name}' twice")));
        }
        let kind = all.field(&name).map_or(Type::String, |field| field.kind.clone());
        if matches!(kind, Type::Struct(_) | Type::Map(_)) {
            return Err(Error::usage(format!("column '{name}' is nested, which CSV has no form for"))
                .hint("use a file of JSON lines"));
        }
        let mut label = Vec::new();
        write_text(&name, &mut label);
        label.push(b':');
        columns.push(Column { name, label, kind });
    }
    Ok(columns)
}

impl Column {
    /// A cell as text.
    ///
    /// # Errors
    /// Where it is not UTF-8.
    pub fn text<'a>(&self, cell: &'a [u8]) -> Result<&'a str, Problem> {
        let not_utf8 =
            |_| Problem::column(&self.name, Code::MalformedRow, format!("{} is not UTF-8", self.name));
        std::str::from_utf8(cell).map_err(not_utf8)
    }

    /// Writes `"name":value`.
    ///
    /// # Errors
    /// Where the text is no value of the column's type.
    pub fn write(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
        out.extend_from_slice(&self.label);
        write_value(&self.kind, text, out).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Problem::column(&self.name, Code::TypeMismatch, format!("'{shown}' is not {}", self.kind))
        })
    }
}

/// Writes a cell as a value of its column's type, if it is one.
fn write_value(kind: &Type, text: &str, out: &mut Vec<u8>) -> Option<()> {
    let trimmed = text.trim();
    match kind {
        _ if text.is_empty() => out.extend(b"null"),
        Type::String => write_text(text, out),
        Type::Int => write_number(trimmed, trimmed.parse::<i32>().ok()?, out),
        Type::BigInt => write_number(trimmed, trimmed.parse::<i64>().ok()?, out),
        Type::Double => {
            write_number(trimmed, trimmed.parse::<f64>().ok().filter(|value| value.is_finite())?, out);
        }
        Type::Boolean if trimmed.eq_ignore_ascii_case("true") => out.extend(b"true"),
        Type::Boolean if trimmed.eq_ignore_ascii_case("false") => out.extend(b"false"),
        Type::Timestamp => write_text(&units::format_rfc3339(units::parse_time(trimmed).ok()?), out),
        Type::Boolean | Type::Struct(_) | Type::Map(_) => return None,
    }
    Some(())
}

/// Writes a number as it stands, unless CSV allows what JSON does not: `+1`, `.5`, `007`.
fn write_number(text: &str, value: impl std::fmt::Display, out: &mut Vec<u8>) {
    if serde_json::from_str::<serde_json::Number>(text).is_ok() {
        out.extend(text.as_bytes());
    } else {
        // Writing into memory cannot fail.
        let _ = write!(out, "{value}");
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}
