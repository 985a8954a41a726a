//! Rows from CSV with a header line: the catalog says what each column is.

use super::Checker;
use super::cells::{Cells, is_strict};
use super::header::{Column, Header, columns};
use super::lines::Lines;
use super::reject::Problem;
use super::source::{Next, Row, Source};
use crate::catalog::Record;
use crate::record::reject::Code;
use crate::{Error, Result};
use std::io::{self, BufRead};

/// No row is longer, in bytes, so that a quote that is never closed does not fill the memory.
const LONGEST: usize = 16 << 20;

/// A CSV with a header line. Its columns may come in any order; those that the topic does not know are
/// sent as text. An empty cell is null.
///
/// A row may go over several lines, between quotes. Where that makes no sense a quote was not closed: then its
/// first line alone is bad, and what follows is read for itself.
pub struct CsvSource<R> {
    name: String,
    lines: Lines<R>,
    columns: Vec<Column>,
    checker: Checker,
    /// The row as it stands, and what is in it.
    text: Vec<u8>,
    cells: Cells,
    /// The number of its first line, and where that ends.
    line: u64,
    first: usize,
    /// The cell in which the first line ends, where the row goes on behind it.
    open: Option<usize>,
}

impl<R: BufRead> CsvSource<R> {
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
        let mut source = Self {
            name: name.into(),
            lines: Lines::new(text),
            columns: Vec::new(),
            checker,
            text: Vec::new(),
            cells: Cells::default(),
            line: 0,
            first: 0,
            open: None,
        };
        source.read().map_err(|error| broken(&source.name, &error))?;
        let found = source.cells.all().map(|cell| String::from_utf8_lossy(cell).trim().to_owned());
        source.columns = columns(found.collect(), record, header).map_err(|error| error.at(&source.name))?;
        Ok(source)
    }

    /// Reads the next row that is not empty; false at the end.
    fn read(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.cells.clear();
        self.open = None;
        while matches!(&self.text[..], b"" | b"\n" | b"\r\n") {
            self.text.clear();
            if !self.lines.append(&mut self.text, LONGEST)? {
                return Ok(false);
            }
        }
        (self.line, self.first) = (self.lines.number(), self.text.len());
        let mut at = 0;
        while !self.cells.add(&self.text[at..]) {
            at = self.text.len();
            self.open.get_or_insert(self.cells.count());
            if at > LONGEST || !self.lines.append(&mut self.text, LONGEST)? {
                break;
            }
        }
        Ok(true)
    }

    /// Makes the row a record.
    fn convert(&mut self, row: &mut Row) -> Result<(), Problem> {
        if self.first > LONGEST {
            return Err(Problem::row(Code::TooLarge, "the line has more than 16 MiB"));
        }
        let Some(open) = self.open else { return self.judge(row) };
        if self.cells.is_whole() && is_strict(&self.text) {
            let judged = self.judge(row);
            if judged.is_ok() || !self.has_rows_inside() {
                return judged;
            }
        }
        Err(self.unclosed(open))
    }

    fn judge(&mut self, row: &mut Row) -> Result<(), Problem> {
        let (found, wanted) = (self.cells.count(), self.columns.len());
        if found != wanted {
            let reason = format!("the row has {found} fields, the header has {wanted}");
            return Err(Problem::row(Code::MalformedRow, reason));
        }
        row.value.clear();
        for (column, cell) in self.columns.iter().zip(self.cells.all()) {
            row.value.push(if row.value.is_empty() { b'{' } else { b',' });
            column.write(column.text(cell)?, &mut row.value)?;
        }
        row.value.push(b'}');
        self.checker.check(row)
    }

    /// Whether a line between the row's first and last has all fields of a row.
    fn has_rows_inside(&mut self) -> bool {
        let mut lines = self.text[self.first..].split_inclusive(|byte| *byte == b'\n');
        lines.next_back();
        lines.any(|line| {
            self.cells.clear();
            self.cells.add(line) && self.cells.count() == self.columns.len()
        })
    }

    /// Leaves the row with its first line, in which a quote was opened and not closed.
    fn unclosed(&mut self, cell: usize) -> Problem {
        self.lines.give_back(&self.text[self.first..]);
        self.text.truncate(self.first);
        match self.columns.get(cell) {
            Some(Column { name, .. }) => Problem::column(
                name,
                Code::MalformedRow,
                format!("{name} begins with a quote that is not closed"),
            ),
            None => Problem::row(Code::MalformedRow, "a quote is not closed"),
        }
    }
}

impl<R: BufRead> Source for CsvSource<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        if !self.read().map_err(|error| broken(&self.name, &error))? {
            return Ok(Next::End);
        }
        row.line = self.line;
        Ok(match self.convert(row) {
            Ok(()) => Next::Row,
            Err(problem) => {
                row.value.clear();
                row.value.extend_from_slice(self.text.trim_ascii_end());
                Next::Bad(problem)
            }
        })
    }
}

fn broken(name: &str, error: &io::Error) -> Error {
    Error::failed(format!("cannot read {name}: {error}"))
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
    fn a_quote_that_is_not_closed_costs_its_line_alone() -> Result<()> {
        let good = "a,1,2,true,\n";
        for (bad, column) in [
            ("\"a,1,2,true,", "customer_id"),
            ("a,1,2,true,\"2025-01-01", "day"),
            ("a,1,2,\"true,", "premium"),
        ] {
            // Behind it there is no quote, another open one, one that closes it, or one that seems to.
            for behind in ["", bad, "\"a\",1,2,true,", "5\""] {
                let rows = read(format!("{HEADER}{bad}\n{good}{behind}\n{good}"))?;
                let Next::Bad(problem) = &rows[0].1 else { panic!("{bad} {behind} {rows:?}") };
                assert_eq!((problem.code, problem.column.as_deref()), (Code::MalformedRow, Some(column)));
                assert_eq!((rows[0].0, rows[0].3.as_str()), (2, bad));
                assert_eq!((rows[1].0, &rows[1].1), (3, &Next::Row), "{bad} {behind}");
                let last = rows.last().map(|row| (row.0, row.1.clone()));
                assert_eq!(last, Some((5, Next::Row)), "{bad} {behind}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() -> Result<()> {
        let large = format!("{},1,2,true,\n", "x".repeat(1 << 20));
        let rows = read(format!("{HEADER}\"a,1,2,true,\n{}", large.repeat(20)))?;
        assert!(matches!(&rows[0].1, Next::Bad(problem) if problem.column.as_deref() == Some("customer_id")));
        assert!(rows[1..].iter().map(|row| (row.0, &row.1)).eq((3..23).map(|line| (line, &Next::Row))));
        let endless = "x".repeat(20 << 20);
        let rows = read(format!("{HEADER}{endless}\na,1,2,true,\n"))?;
        assert!(matches!(&rows[0].1, Next::Bad(problem) if problem.code == Code::TooLarge));
        assert_eq!((rows.len(), rows[1].0, &rows[1].1), (2, 3, &Next::Row));
        Ok(())
    }

    #[test]
    fn a_cell_may_have_several_lines() -> Result<()> {
        let rows = read(format!("{HEADER}\"a\r\n\n,\"\"b\",1,2,true,\n\"a\nb\",x,2,true,\r\nc,1,2,true,"))?;
        assert_eq!((rows[0].0, &rows[0].1, rows[0].2.as_deref()), (2, &Next::Row, Some("a\r\n\n,\"b")));
        assert!(matches!(&rows[1].1, Next::Bad(problem) if problem.code == Code::TypeMismatch));
        assert_eq!((rows[1].0, rows[1].3.as_str()), (5, "\"a\nb\",x,2,true,"));
        assert_eq!((rows[2].0, &rows[2].1, rows.len()), (7, &Next::Row, 3));
        Ok(())
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused() {
        let error = |text: &str| read(text).map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(error("customer_id,price,day\n"), "a.csv: line 1: the header lacks columns age, premium");
        assert!(error(&HEADER.replace("day", "day,day")).ends_with("column 'day' twice"));
        for none in ["", "a,1,2,true,2025-01-02\n"] {
            assert_eq!(
                error(none),
                "a.csv: line 1: the header has no column of the topic: the first line names the columns: customer_id, age, price, …"
            );
        }
    }
}
