//! Rows straight from the generator, with no file between.

use super::check::Checker;
use super::source::{Next, Row, Source};
use crate::Result;
use crate::generate::{END_OF_TIME, Item, Merge, Timeline};

/// The first `rows` rows of a timeline that is written as JSON.
pub struct GeneratedSource {
    timeline: Timeline,
    records: Merge,
    /// One for each kind, in the timeline's order.
    checkers: Vec<Checker>,
    row: u64,
    rows: u64,
    /// Records that are found, the next one at the end.
    found: Vec<Item>,
}

/// So many records are found at once.
const BATCH: usize = 256;

impl GeneratedSource {
    /// A source of the timeline's rows, 0 for no end. Each kind has its checker, and its place is the destination
    /// of its rows.
    pub fn new(timeline: Timeline, checkers: Vec<Checker>, rows: u64) -> Self {
        let rows = if rows == 0 { u64::MAX } else { rows };
        let records = timeline.records(0, END_OF_TIME);
        Self { timeline, records, checkers, row: 0, rows, found: Vec::new() }
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
        row.destination = usize::from(item.part);
        row.value.clear();
        self.timeline.write_record(&item, &mut row.value);
        row.value.truncate(row.value.trim_ascii_end().len());
        let checked = self.checkers.get_mut(row.destination).map_or(Ok(()), |checker| checker.check(row));
        Ok(checked.map_or_else(Next::Bad, |()| Next::Row))
    }
}
