//! Where rows come from, one at a time into one reused row.

use super::reject::Problem;
use crate::Result;
use crate::clock::Micros;

/// A row as its source gives it.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The line it begins in, from 1.
    pub line: u64,
    /// The value of the topic's key column.
    pub key: Option<Vec<u8>>,
    /// When it happened, where that is asked for and known.
    pub time: Option<Micros>,
    /// Which of the run's topics it is for; 0 where there is one.
    pub destination: usize,
    /// The record as one JSON object, and nothing for a tombstone; the original text where there is a problem.
    pub value: Vec<u8>,
}

impl Row {
    /// Whether it says that its key is gone.
    pub fn is_tombstone(&self) -> bool {
        self.value.is_empty()
    }
}

/// What a source had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A good row.
    Row,
    /// A row that cannot be sent.
    Bad(Problem),
    /// No more rows.
    End,
}

/// A source of rows. Its memory does not depend on how many there are.
pub trait Source {
    /// What the source is called in messages.
    fn name(&self) -> &str;

    /// Reads the next row.
    ///
    /// # Errors
    /// When the source cannot be read any further. A bad row is no error.
    fn next(&mut self, row: &mut Row) -> Result<Next>;
}

/// A source that begins again when it ends, unless a whole round had no good row.
pub struct Repeated<F> {
    open: F,
    round: Box<dyn Source>,
    rows: u64,
}

impl<F: FnMut() -> Result<Box<dyn Source>>> Repeated<F> {
    /// Repeats what `open` opens.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn new(mut open: F) -> Result<Self> {
        let round = open()?;
        Ok(Self { open, round, rows: 0 })
    }
}

impl<F: FnMut() -> Result<Box<dyn Source>>> Source for Repeated<F> {
    fn name(&self) -> &str {
        self.round.name()
    }

    fn next(&mut self, row: &mut Row) -> Result<Next> {
        let mut next = self.round.next(row)?;
        if next == Next::End && self.rows > 0 {
            self.rows = 0;
            self.round = (self.open)()?;
            next = self.round.next(row)?;
        }
        self.rows += u64::from(next == Next::Row);
        Ok(next)
    }
}
