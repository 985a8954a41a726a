//! Rows from lines of JSON.

use super::check::Checker;
use super::lines::Lines;
use super::source::{Next, Row, Source};
use crate::{Error, Result};
use std::io::BufRead;

/// Lines of JSON, one record each; empty lines are passed over.
pub struct NdjsonSource<R> {
    name: String,
    lines: Lines<R>,
    checker: Checker,
    max_bytes: usize,
}

impl<R: BufRead> NdjsonSource<R> {
    /// A source of the records in `lines`. A line longer than `max_bytes`, which the checker refuses, is not
    /// kept in memory.
    pub fn new(name: impl Into<String>, lines: R, checker: Checker, max_bytes: usize) -> Self {
        let checker = checker.at_most(max_bytes);
        Self { name: name.into(), lines: Lines::new(lines), checker, max_bytes }
    }

    /// Reads a line without its end; false at the end of the source.
    fn read(&mut self, text: &mut Vec<u8>) -> Result<bool> {
        text.clear();
        let is_there = self.lines.append(text, self.max_bytes);
        let is_there =
            is_there.map_err(|error| Error::failed(format!("cannot read {}: {error}", self.name)))?;
        if text.ends_with(b"\n") {
            text.truncate(text.trim_ascii_end().len());
        }
        Ok(is_there)
    }
}

impl<R: BufRead> Source for NdjsonSource<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        while self.read(&mut row.value)? {
            if row.value.is_empty() {
                continue;
            }
            row.line = self.lines.number();
            return Ok(self.checker.check(row).map_or_else(Next::Bad, |()| Next::Row));
        }
        Ok(Next::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::record::reject::Code;

    const GOOD: &str = r#"{"customer_id":"c","final_amount":1.5}"#;

    fn read(text: &[u8]) -> Result<Vec<(u64, Next, usize)>> {
        let catalog = Catalog::built_in()?;
        let topic = catalog.topic("customer-transactions")?;
        let record = topic.record.as_ref().ok_or_else(|| Error::failed("no record"))?;
        let mut source = NdjsonSource::new("t", text, Checker::new(record), 100);
        let (mut row, mut rows) = (Row::default(), Vec::new());
        loop {
            match source.next(&mut row)? {
                Next::End => return Ok(rows),
                next => rows.push((row.line, next, row.value.len())),
            }
        }
    }

    #[test]
    fn lines_are_records_whatever_their_ends() -> Result<()> {
        let rows = read(format!("\u{feff}{GOOD}\r\n\n{GOOD}").as_bytes())?;
        assert_eq!(rows, [(1, Next::Row, GOOD.len()), (3, Next::Row, GOOD.len())]);
        Ok(())
    }

    #[test]
    fn a_bad_line_does_not_stop_the_next() -> Result<()> {
        let mut text = vec![b'x'; 10_000];
        text.extend([b"\n{\"city\":\"\xff\"}\n", GOOD.as_bytes()].concat());
        let codes: Vec<_> = read(&text)?
            .into_iter()
            .map(|(line, next, _)| match next {
                Next::Bad(problem) => (line, Some(problem.code)),
                _ => (line, None),
            })
            .collect();
        assert_eq!(codes, [(1, Some(Code::TooLarge)), (2, Some(Code::MalformedJson)), (3, None)]);
        Ok(())
    }

    #[test]
    fn a_line_that_is_too_long_is_not_taken_for_its_beginning() -> Result<()> {
        let line = |blanks: usize, behind: &str| format!("{GOOD:<100}{}{behind}", " ".repeat(blanks));
        for blanks in 0..8 {
            let rows = read(line(blanks, "}").as_bytes())?;
            assert!(matches!(&rows[..], [(1, Next::Bad(_), _)]), "{blanks} blanks: {rows:?}");
        }
        assert_eq!(read(line(0, "\r\n").as_bytes())?, [(1, Next::Row, GOOD.len())]);
        Ok(())
    }
}
