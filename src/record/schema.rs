//! A record's columns, written as Spark SQL writes them: one text that both engines read.

use crate::{Error, Result};
use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit};
use std::fmt;
use std::sync::Arc;

/// The columns of a record, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The columns; their names are unique.
    pub fields: Vec<Field>,
}

/// One column, or one field of a nested column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, as in the JSON.
    pub name: String,
    /// What its values are.
    pub kind: Type,
    /// Whether it may be absent or null.
    pub nullable: bool,
}

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Text, UTF-8.
    String,
    /// A 32-bit signed integer.
    Int,
    /// A 64-bit signed integer.
    BigInt,
    /// A 64-bit float.
    Double,
    /// True or false.
    Boolean,
    /// Microseconds since the epoch, UTC; in JSON RFC 3339 or epoch milliseconds.
    Timestamp,
    /// Named fields inside a column.
    Struct(Vec<Field>),
    /// From text to a type.
    Map(Box<Type>),
}

impl Schema {
    /// Reads `a STRING NOT NULL, b STRUCT<c: INT>`.
    ///
    /// # Errors
    /// A usage error that says what was expected, and where.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser { text, at: 0 };
        let fields = parser.fields(None)?;
        Ok(Self { fields })
    }

    /// The column of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The same columns as Arrow's.
    pub fn to_arrow(&self) -> SchemaRef {
        Arc::new(ArrowSchema::new(arrow_fields(&self.fields)))
    }
}

impl Field {
    /// The same column as Arrow's. Nullable always: a decoder refuses what must not be null.
    pub fn to_arrow(&self) -> ArrowField {
        ArrowField::new(&self.name, self.kind.to_arrow(), true)
    }
}

fn arrow_fields(fields: &[Field]) -> Fields {
    fields.iter().map(Field::to_arrow).collect()
}

impl Type {
    /// The same type as Arrow's.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::String => DataType::Utf8,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Struct(fields) => DataType::Struct(arrow_fields(fields)),
            Self::Map(value) => {
                let entries = [
                    ArrowField::new("keys", DataType::Utf8, false),
                    ArrowField::new("values", value.to_arrow(), true),
                ];
                let entries =
                    ArrowField::new("entries", DataType::Struct(Fields::from(entries.to_vec())), false);
                DataType::Map(Arc::new(entries), false)
            }
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_fields(f, &self.fields, " ")
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("STRING"),
            Self::Int => f.write_str("INT"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                write_fields(f, fields, ": ")?;
                f.write_str(">")
            }
            Self::Map(value) => write!(f, "MAP<STRING, {value}>"),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Field], between: &str) -> fmt::Result {
    for (index, field) in fields.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        let null = if field.nullable { "" } else { " NOT NULL" };
        write!(f, "{comma}{}{between}{}{null}", field.name, field.kind)?;
    }
    Ok(())
}

/// Nested types deeper than this are refused, so that a schema cannot exhaust the stack.
const MAX_DEPTH: usize = 32;

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&mut self) -> &str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn wrong(&mut self, expected: &str) -> Error {
        let found = self.rest().chars().take(12).collect::<String>();
        let found = if found.is_empty() { "the end".into() } else { format!("'{found}'") };
        let at = self.text[..self.at].chars().count() + 1;
        Error::usage(format!("schema, character {at}: expected {expected}, found {found}"))
            .hint("write it as Spark does: id INT NOT NULL, name STRING, place STRUCT<city: STRING>")
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    fn word(&mut self, expected: &str) -> Result<String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = rest[..end].to_string();
        self.at += end;
        if word.is_empty() { Err(self.wrong(expected)) } else { Ok(word) }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let start = self.at;
        let found = self.word("").is_ok_and(|word| word.eq_ignore_ascii_case(keyword));
        if !found {
            self.at = start;
        }
        found
    }

    /// Fields up to the end of the text, or up to `>` inside the nested type at `depth`.
    fn fields(&mut self, depth: Option<usize>) -> Result<Vec<Field>> {
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let name = self.word("a column name")?;
            if fields.iter().any(|field| field.name == name) {
                return Err(Error::usage(format!("schema: column '{name}' is there twice")));
            }
            self.take(":");
            let kind = self.kind(depth.map_or(0, |depth| depth + 1))?;
            let nullable = !self.keyword("NOT");
            if !nullable && !self.keyword("NULL") {
                return Err(self.wrong("NULL after NOT"));
            }
            fields.push(Field { name, kind, nullable });
            if self.take(",") {
                continue;
            }
            return match depth {
                Some(_) if self.take(">") => Ok(fields),
                None if self.rest().is_empty() => Ok(fields),
                _ => Err(self.wrong(if depth.is_some() { "',' or '>'" } else { "','" })),
            };
        }
    }

    fn kind(&mut self, depth: usize) -> Result<Type> {
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err(self.wrong("at most 32 levels of nesting"));
        }
        Ok(match self.word("a type")?.to_ascii_uppercase().as_str() {
            "STRING" => Type::String,
            "INT" | "INTEGER" => Type::Int,
            "BIGINT" | "LONG" => Type::BigInt,
            "DOUBLE" => Type::Double,
            "BOOLEAN" => Type::Boolean,
            "TIMESTAMP" => Type::Timestamp,
            "STRUCT" if self.take("<") => Type::Struct(self.fields(Some(depth))?),
            "MAP" if self.take("<") && self.keyword("STRING") && self.take(",") => {
                let value = self.kind(depth + 1)?;
                if !self.take(">") {
                    return Err(self.wrong("'>'"));
                }
                Type::Map(Box::new(value))
            }
            _ => {
                self.at = start;
                return Err(self
                    .wrong("STRING, INT, BIGINT, DOUBLE, BOOLEAN, TIMESTAMP, STRUCT<…> or MAP<STRING, …>"));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_reads_and_writes_the_same_text() {
        let text = "id STRING NOT NULL, n INT, at TIMESTAMP NOT NULL, \
                    place STRUCT<city: STRING, point: STRUCT<x: DOUBLE, y: DOUBLE>>, m MAP<STRING, STRING>";
        let schema = Schema::parse(text).expect("valid");
        assert_eq!(schema.to_string(), text);
        assert_eq!(schema.fields.len(), 5);
        assert!(!schema.fields[0].nullable);
    }

    #[test]
    fn a_wrong_schema_says_where() {
        for (text, part) in [
            ("id TEXT", "character 4"),
            ("id STRING,", "a column name"),
            ("id STRING NOT", "NULL after NOT"),
            ("a STRUCT<b: INT", "'>'"),
            ("a INT, a INT", "twice"),
            ("a INT b INT", "','"),
        ] {
            let error = Schema::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Schema::parse(&"a STRUCT<".repeat(100)).is_err());
    }
}
