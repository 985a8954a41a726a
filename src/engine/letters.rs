//! Dead letters: records that a query cannot use, as they stood in their topic, with the reason.

use super::source::SourceRecord;
use crate::clock::Micros;
use crate::record::letter::rows;
use crate::record::letter::{Letter, Stage};
use crate::record::reject::{Code, Reject};
use crate::sink::{Batch, Rows, Sink};
use crate::{Error, Result};
use arrow::array::RecordBatch;

/// A record that cannot be used.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// The topic that it stood in.
    pub topic: &'a str,
    /// What is known of it.
    pub record: Known<'a>,
    /// Where it was refused.
    pub stage: Stage,
    /// Why.
    pub reject: &'a Reject,
}

/// What is known of a record that is refused.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// All of it, as it stood in its topic.
    Record(SourceRecord<'a>),
    /// Its partition and its offset.
    Place(i32, i64),
    /// Nothing: it is a row of the query that was made of several records.
    Nothing,
}

impl Known<'_> {
    /// What the record takes, in bytes.
    fn bytes(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        match self {
            Known::Record(record) => length(record.key) + length(record.value),
            Known::Place(..) | Known::Nothing => 0,
        }
    }
}

impl std::fmt::Display for DeadLetter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "topic {}, ", self.topic)?;
        match self.record {
            Known::Record(SourceRecord { in_file: Some(at), .. }) => write!(f, "{at}: {}", self.reject),
            Known::Record(SourceRecord { partition, offset, .. }) | Known::Place(partition, offset) => {
                write!(f, "partition {partition}, offset {offset}: {}", self.reject)
            }
            Known::Nothing => write!(f, "a row of many records: {}", self.reject),
        }
    }
}

/// So many bytes of letters end a batch: they are kept in memory until its rows are given out.
const MOST: usize = 16 << 20;

/// What a letter takes at least, in bytes: places, numbers and times.
const LEAST: usize = 200;

/// So many bytes of letters become rows at once.
const SLICE: usize = 1 << 20;

/// What keeps the dead letters of a query: they are rows of a batch as its results are, and go to a sink of their own.
pub struct LetterSink<'a> {
    /// Takes them, in the columns of [`rows::columns`].
    pub sink: Box<dyn Sink + 'a>,
    /// The consumer that refuses them.
    pub consumer: String,
    /// The identity of the query.
    pub query: String,
}

/// Where the records of a query go that it cannot use, or could not use any more.
pub struct Refused<'a> {
    /// What keeps them; without it they are told of only.
    keeper: Option<LetterSink<'a>>,
    fail_fast: bool,
    /// The batch that runs, and when it began.
    batch: (u64, Micros),
    /// Whether one of this batch was told of.
    told: bool,
    rows: rows::Builder,
    /// So many bytes are in `rows`, and in the batch.
    bytes: (usize, usize),
    full: Vec<RecordBatch>,
}

impl<'a> Refused<'a> {
    /// With `fail_fast` the first record that cannot be used is an error.
    pub fn new(keeper: Option<LetterSink<'a>>, fail_fast: bool) -> Self {
        let (rows, full) = (rows::Builder::default(), vec![]);
        Self { keeper, fail_fast, batch: (0, 0), told: false, rows, bytes: (0, 0), full }
    }

    /// A batch of this number begins, at this time.
    pub fn begin(&mut self, batch: u64, began: Micros) {
        (self.batch, self.told) = ((batch, began), false);
    }

    /// Takes a record, and tells of the first of a batch. A late one is no fault of anybody, and is taken without a
    /// word.
    ///
    /// # Errors
    /// A data error where the first one is to end the query.
    pub fn take(&mut self, letter: &DeadLetter<'_>) -> Result<()> {
        self.keep(letter)?;
        if letter.reject.code == Code::Late {
            return Ok(());
        }
        if self.fail_fast {
            return Err(Error::data(letter.to_string()).hint("--fail-fast stops here"));
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!("refused a record: {letter}");
        }
        Ok(())
    }

    fn keep(&mut self, DeadLetter { topic, record, stage, reject }: &DeadLetter<'_>) -> Result<()> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let (batch, began) = self.batch;
        let place = match *record {
            Known::Record(SourceRecord { partition, offset, .. }) | Known::Place(partition, offset) => {
                Some((partition, offset))
            }
            Known::Nothing => None,
        };
        let own = match record {
            Known::Record(record) => Some(record),
            Known::Place(..) | Known::Nothing => None,
        };
        let in_file = own.and_then(|record| record.in_file);
        let letter = Letter {
            topic,
            partition: place.map(|(partition, _)| partition),
            offset: place.map(|(_, offset)| offset),
            timestamp: own.map(|record| record.timestamp),
            key: own.and_then(|record| record.key),
            value: own.and_then(|record| record.value),
            file: in_file.map(|at| &*at.file),
            line: in_file.and_then(|at| i64::try_from(at.line).ok()),
            stage: stage.as_str(),
            code: reject.code.as_str(),
            column: reject.column.as_deref(),
            reason: &reject.reason,
            consumer: Some(&keeper.consumer),
            query: Some(&keeper.query),
            batch: i64::try_from(batch).ok(),
            refused_at: Some(began),
        };
        self.rows.push(&letter);
        let bytes = LEAST + record.bytes() + reject.reason.len();
        self.bytes = (self.bytes.0 + bytes, self.bytes.1 + bytes);
        if self.bytes.0 >= SLICE { self.slice() } else { Ok(()) }
    }

    fn slice(&mut self) -> Result<()> {
        self.bytes.0 = 0;
        self.full.push(self.rows.take()?);
        Ok(())
    }

    /// Whether they are kept, and not only told of.
    pub fn keeps(&self) -> bool {
        self.keeper.is_some()
    }

    /// Whether a batch that goes on would keep too much in memory.
    pub fn is_full(&self) -> bool {
        self.bytes.1 >= MOST
    }

    /// The results of the batch are given out, which had read so many records, and all so far so many: gives its letters
    /// out, too.
    ///
    /// # Errors
    /// As [`Sink::write`].
    pub fn give_out(&mut self, records: u64, total_records: u64) -> Result<()> {
        if self.bytes.0 > 0 {
            self.slice()?;
        }
        let Some(keeper) = self.keeper.as_mut().filter(|_| !self.full.is_empty()) else { return Ok(()) };
        let (id, columns) = (self.batch.0, rows::columns());
        keeper.sink.write(&Batch { id, columns, rows: Rows::Held(&self.full), records, total_records })?;
        self.bytes = (0, 0);
        self.full.clear();
        Ok(())
    }
}
