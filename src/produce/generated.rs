//! Rows straight from the generator, with no file between.

use super::check::Checker;
use super::source::{Next, Row, Source};
use crate::Result;
use crate::generate::{END_OF_TIME, Generator, Item, Records};

/// The first `rows` rows of a generator that writes JSON.
pub struct GeneratedSource {
    generator: Generator,
    records: Records,
    checker: Checker,
    row: u64,
    rows: u64,
    /// Records that are found, the next one at the end.
    found: Vec<Item>,
}

/// So many records are found at once.
const BATCH: usize = 256;

impl GeneratedSource {
    /// A source of the generator's rows; 0 for no end.
    pub fn new(generator: Generator, checker: Checker, rows: u64) -> Self {
        let rows = if rows == 0 { u64::MAX } else { rows };
        Self {
            records: generator.records(0, END_OF_TIME),
            generator,
            checker,
            row: 0,
            rows,
            found: Vec::new(),
        }
    }
}

impl Source for GeneratedSource {
    fn name(&self) -> &str {
        "the generator"
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        if self.found.is_empty() {
            self.records.next(BATCH, &mut self.found);
            self.found.reverse();
        }
        let Some(item) = self.found.pop().filter(|_| self.row < self.rows) else {
            return Ok(Next::End);
        };
        self.row += 1;
        row.line = self.row;
        row.value.clear();
        self.generator.write_record(&item, &mut row.value);
        row.value.truncate(row.value.trim_ascii_end().len());
        Ok(self.checker.check(row).map_or_else(Next::Bad, |()| Next::Row))
    }
}
