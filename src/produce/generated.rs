//! Rows straight from the generator, with no file between.

use super::check::Checker;
use super::source::{Next, Row, Source};
use crate::Result;
use crate::generate::Generator;

/// The first `rows` rows of a generator that writes JSON.
pub struct GeneratedSource {
    generator: Generator,
    checker: Checker,
    row: u64,
    rows: u64,
    text: String,
}

impl GeneratedSource {
    /// A source of the generator's rows; 0 for no end.
    pub fn new(generator: Generator, checker: Checker, rows: u64) -> Self {
        let rows = if rows == 0 { u64::MAX } else { rows };
        Self { generator, checker, row: 0, rows, text: String::new() }
    }
}

impl Source for GeneratedSource {
    fn name(&self) -> &str {
        "the generator"
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        if self.row == self.rows {
            return Ok(Next::End);
        }
        self.text.clear();
        self.generator.write_row(self.row, &mut self.text);
        self.row += 1;
        row.line = self.row;
        row.value.clear();
        row.value.extend(self.text.trim_end().as_bytes());
        Ok(match self.checker.check(&row.value) {
            Ok(key) => {
                row.key = key;
                Next::Row
            }
            Err(problem) => Next::Bad(problem),
        })
    }
}
