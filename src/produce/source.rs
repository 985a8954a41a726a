//! Where rows come from, one at a time into one reused row.

use super::reject::Problem;
use super::{Checker, CsvSource, Header, NdjsonSource, ParquetSource};
use crate::catalog::Topic;
use crate::generate::Format;
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A row as its source gives it.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The line it begins in, from 1.
    pub line: u64,
    /// The value of the topic's key column.
    pub key: Option<Vec<u8>>,
    /// The record as one JSON object; the original text where there is a problem.
    pub value: Vec<u8>,
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

/// How much of a file is read at once.
const BUFFER: usize = 256 * 1024;

/// Opens a file of a topic's records; `-` is standard input.
///
/// # Errors
/// When the file cannot be read or does not fit the topic.
pub fn open(path: &Path, format: Format, topic: &Topic) -> Result<Box<dyn Source>> {
    let record = topic.record.as_ref().ok_or_else(|| {
        Error::usage(format!("topic '{}' has no schema to check rows against", topic.name))
            .hint("a dead-letter topic is written by consumers alone")
    })?;
    if format == Format::Parquet {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| Error::usage(format!("cannot read {name}: {error}")))?;
        return Ok(Box::new(ParquetSource::new(name, file, record, Checker::new(record))?));
    }
    let (name, text): (_, Box<dyn Read>) = match path.to_str() {
        Some("-") => ("standard input".to_owned(), Box::new(std::io::stdin())),
        _ => {
            let name = path.display().to_string();
            let file =
                File::open(path).map_err(|error| Error::usage(format!("cannot read {name}: {error}")))?;
            (name, Box::new(file))
        }
    };
    let text = BufReader::with_capacity(BUFFER, text);
    Ok(match format {
        Format::Csv => Box::new(CsvSource::new(name, text, record, Header::Whole, Checker::new(record))?),
        Format::Ndjson | Format::Parquet => {
            Box::new(NdjsonSource::new(name, text, Checker::new(record), topic.max_message_bytes()))
        }
    })
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
