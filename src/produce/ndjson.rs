//! Rows from lines of JSON.

use super::check::Checker;
use super::reject::Problem;
use super::source::{Next, Row, Source};
use crate::record::reject::Code;
use crate::{Error, Result};
use std::io::{BufRead, Read};

/// A byte-order mark, which some editors put before the first line.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Lines of JSON, one record each; empty lines are passed over.
pub struct NdjsonSource<R> {
    name: String,
    lines: R,
    line: u64,
    checker: Checker,
    max_bytes: usize,
}

impl<R: BufRead> NdjsonSource<R> {
    /// A source of the records in `lines`. A line longer than `max_bytes` is not kept in memory.
    pub fn new(name: impl Into<String>, lines: R, checker: Checker, max_bytes: usize) -> Self {
        Self { name: name.into(), lines, line: 0, checker, max_bytes }
    }

    /// Reads a line without its end; false at the end of the source. Of a line that is too long only
    /// its beginning is kept.
    fn read_line(&mut self, text: &mut Vec<u8>) -> std::io::Result<bool> {
        text.clear();
        let limit = self.max_bytes as u64 + 2;
        let mut read = self.lines.by_ref().take(limit).read_until(b'\n', text)?;
        if read as u64 == limit && !text.ends_with(b"\n") {
            read += self.lines.skip_until(b'\n')?;
        }
        self.line += 1;
        if self.line == 1 && text.starts_with(BOM) {
            text.drain(..BOM.len());
        }
        while text.last().is_some_and(u8::is_ascii_whitespace) {
            text.pop();
        }
        Ok(read > 0)
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        Error::failed(format!("cannot read {}: {error}", self.name))
    }

    fn check(&mut self, row: &mut Row) -> Result<(), Problem> {
        if row.value.len() > self.max_bytes {
            let most = self.max_bytes;
            return Err(Problem::row(
                Code::TooLarge,
                format!("the record is larger than the topic's {most} bytes"),
            ));
        }
        self.checker.check(row)
    }
}

impl<R: BufRead> Source for NdjsonSource<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        while self.read_line(&mut row.value).map_err(|error| self.broken(&error))? {
            if row.value.is_empty() {
                continue;
            }
            row.line = self.line;
            return Ok(self.check(row).map_or_else(Next::Bad, |()| Next::Row));
        }
        Ok(Next::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

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
}
