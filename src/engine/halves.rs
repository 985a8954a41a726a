//! Finding the rows on which an expression fails: rows are tried together, and a part that fails is tried in halves.

use std::ops::Range;

/// The parts that are still to be tried, in order.
pub struct Halves(Vec<Range<usize>>);

impl Halves {
    /// So many rows, in one part.
    pub fn of(rows: usize) -> Self {
        Self(std::iter::once(0..rows).collect())
    }

    /// This part failed: its halves are next. Not for one that has no more than a row.
    pub fn halve(&mut self, part: &Range<usize>) {
        let middle = part.start + part.len() / 2;
        self.0.extend([middle..part.end, part.start..middle]);
    }
}

impl Iterator for Halves {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        self.0.pop()
    }
}
