//! Rows from CSV with a header line: the catalog says what each column is.

use super::Checker;
use super::leash::Leash;
use super::reject::Problem;
use super::source::{Next, Row, Source};
use crate::catalog::Record;
use crate::record::reject::Code;
use crate::record::schema::Type;
use crate::{Error, Result, units};
use ::csv::{ByteRecord, Reader, ReaderBuilder, Terminator, WriterBuilder};
use std::io::{Read, Write};

/// A CSV with a header line. Its columns may come in any order; those that the topic does not know are
/// sent as text. An empty cell is null.
pub struct CsvSource<R> {
    name: String,
    reader: Reader<Leash<R>>,
    columns: Vec<Column>,
    checker: Checker,
    cells: ByteRecord,
}

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
struct Column {
    name: String,
    kind: Type,
}

impl<R: Read> CsvSource<R> {
    /// A source of the records in `text`. The header is read at once.
    ///
    /// # Errors
    /// When the header cannot be read, lacks a column that it must have, or has one twice; a usage error when
    /// the topic has nested columns.
    pub fn new(
        name: impl Into<String>,
        text: R,
        record: &Record,
        header: Header,
        checker: Checker,
    ) -> Result<Self> {
        let name = name.into();
        // The reader's own Windows line ends put its line numbers one behind.
        let lines = Terminator::Any(b'\n');
        let mut reader = ReaderBuilder::new().flexible(true).terminator(lines).from_reader(Leash::new(text));
        let found = reader.byte_headers().map_err(|error| broken(&name, &error))?.clone();
        let found = found.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned());
        let columns = columns(found.collect(), record, header).map_err(|error| error.at(&name))?;
        Ok(Self { name, reader, columns, checker, cells: ByteRecord::new() })
    }

    /// The row's cells, without the first half of a Windows line end.
    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.cells.len().saturating_sub(1);
        let cells = self.cells.iter().enumerate();
        cells.map(
            move |(index, cell)| if index == last { cell.strip_suffix(b"\r").unwrap_or(cell) } else { cell },
        )
    }

    /// Makes the row a record.
    fn convert(&mut self, row: &mut Row) -> Result<(), Problem> {
        let (found, wanted) = (self.cells.len(), self.columns.len());
        if found != wanted {
            let reason = format!("the row has {found} fields, the header has {wanted}");
            return Err(Problem::row(Code::MalformedRow, reason));
        }
        row.value.clear();
        for (column, cell) in self.columns.iter().zip(self.cells()) {
            row.value.push(if row.value.is_empty() { b'{' } else { b',' });
            column.write(column.text(cell)?, &mut row.value)?;
        }
        row.value.push(b'}');
        self.checker.check(row)
    }

    /// The row's text again; quotes stand where they are needed.
    fn original(&self) -> Vec<u8> {
        let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
        // Writing into memory cannot fail.
        let _ = writer.write_record(self.cells());
        let mut text = writer.into_inner().unwrap_or_default();
        text.pop();
        text
    }
}

impl<R: Read> Source for CsvSource<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        loop {
            self.reader.get_mut().renew();
            let more = self.reader.read_byte_record(&mut self.cells);
            if !more.map_err(|error| broken(&self.name, &error))? {
                return Ok(Next::End);
            }
            let is_empty = self.cells.as_slice() == b"\r";
            if !is_empty {
                break;
            }
        }
        row.line = self.cells.position().map_or(0, ::csv::Position::line);
        Ok(match self.convert(row) {
            Ok(()) => Next::Row,
            Err(problem) => {
                row.value = self.original();
                Next::Bad(problem)
            }
        })
    }
}

fn broken(name: &str, error: &::csv::Error) -> Error {
    Error::failed(format!("cannot read {name}: {error}"))
}

/// The columns of a header, by what the catalog says of them.
fn columns(header: Vec<String>, record: &Record, must: Header) -> Result<Vec<Column>> {
    let all = record.columns();
    if must == Header::Part && !header.iter().any(|name| all.field(name).is_some()) {
        return Err(Error::failed("line 1: the header has no column of the topic"));
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
        columns.push(Column { name, kind });
    }
    Ok(columns)
}

impl Column {
    fn text<'a>(&self, cell: &'a [u8]) -> Result<&'a str, Problem> {
        let not_utf8 =
            |_| Problem::column(&self.name, Code::MalformedRow, format!("{} is not UTF-8", self.name));
        std::str::from_utf8(cell).map_err(not_utf8)
    }

    /// Writes `"name":value`.
    fn write(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
        write_text(&self.name, out);
        out.push(b':');
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::Schema;

    fn record() -> Result<Record> {
        let catalog = crate::catalog::Catalog::built_in()?;
        let mut record =
            catalog.topic("customer-transactions")?.record.clone().unwrap_or_else(|| unreachable!());
        record.schema = Schema::parse(
            "customer_id STRING, age INT NOT NULL, price DOUBLE, premium BOOLEAN, day TIMESTAMP",
        )?;
        Ok(record)
    }

    /// Line, what there was, key, value.
    type ReadRow = (u64, Next, Option<String>, String);

    const HEADER: &str = "customer_id,age,price,premium,day\n";

    fn read(text: impl AsRef<[u8]>) -> Result<Vec<ReadRow>> {
        let mut source = {
            let record = record()?;
            CsvSource::new("a.csv", text.as_ref(), &record, Header::Whole, Checker::new(&record))?
        };
        let (mut row, mut rows) = (Row::default(), Vec::new());
        loop {
            match source.next(&mut row)? {
                Next::End => return Ok(rows),
                next => {
                    let value = String::from_utf8_lossy(&row.value).into_owned();
                    let key = row.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
                    rows.push((row.line, next, key, value));
                }
            }
        }
    }

    #[test]
    fn cells_become_what_the_catalog_says() -> Result<()> {
        let rows = read(format!("{HEADER}\"a, \"\"b\"\"\",007,1.50,True,2025-01-02\nc,8,,FALSE,\n"))?;
        let day = "2025-01-02T00:00:00.000Z";
        let first =
            format!(r#"{{"customer_id":"a, \"b\"","age":7,"price":1.50,"premium":true,"day":"{day}"}}"#);
        let second = r#"{"customer_id":"c","age":8,"price":null,"premium":false,"day":null}"#;
        assert_eq!(rows[0], (2, Next::Row, Some("a, \"b\"".into()), first));
        assert_eq!(rows[1], (3, Next::Row, Some("c".into()), second.into()));
        Ok(())
    }

    #[test]
    fn a_mark_windows_line_ends_and_more_columns_are_no_problem() -> Result<()> {
        let header = HEADER.trim_end();
        let rows = read(format!("\u{feff}{header},note\r\n\r\na,1,2,true,2025-01-02,hi\r\na,x\r\n"))?;
        assert!(rows[0].3.ends_with(r#""note":"hi"}"#), "{rows:?}");
        assert_eq!((rows[0].0, &rows[0].1), (3, &Next::Row));
        assert_eq!((rows[1].0, rows[1].3.as_str(), rows.len()), (4, "a,x", 2));
        Ok(())
    }

    #[test]
    fn a_bad_row_says_line_and_column_and_the_rest_goes_on() -> Result<()> {
        let bad = [
            ("a,1,2,true", Code::MalformedRow, None, "the row has 4 fields, the header has 5"),
            ("a,x,2,true,", Code::TypeMismatch, Some("age"), "'x' is not INT"),
            ("a,1,NaN,true,", Code::TypeMismatch, Some("price"), "'NaN' is not DOUBLE"),
            ("a,1,2,maybe,", Code::TypeMismatch, Some("premium"), "'maybe' is not BOOLEAN"),
            ("a,1,2,true,soon", Code::TypeMismatch, Some("day"), "'soon' is not TIMESTAMP"),
            ("a,,2,true,", Code::MissingField, Some("age"), "age is missing or null"),
            (",1,2,true,", Code::NullCustomer, Some("customer_id"), "customer_id is null"),
        ];
        for (row, code, column, reason) in bad {
            let rows = read(format!("{HEADER}a,1,2,true,\n{row}\na,3,2,true,\n"))?;
            let problem = Problem { column: column.map(str::to_owned), code, reason: reason.into() };
            assert_eq!((rows[1].0, &rows[1].1, rows[1].3.as_str()), (3, &Next::Bad(problem), row));
            assert_eq!((rows.len(), &rows[2].1), (3, &Next::Row));
        }
        let rows = read([HEADER.as_bytes(), b"\xff,1,2,true,\n"].concat())?;
        assert!(matches!(&rows[0].1, Next::Bad(problem) if problem.reason == "customer_id is not UTF-8"));
        Ok(())
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused() {
        let error = |text: &str| read(text).map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(error("customer_id,price,day\n"), "a.csv: line 1: the header lacks columns age, premium");
        assert!(error(&HEADER.replace("day", "day,day")).ends_with("column 'day' twice"));
        assert!(error("").contains("lacks columns"));
    }
}
