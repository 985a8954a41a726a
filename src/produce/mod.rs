//! Batches: where their rows come from, how they are checked, stamped and paced, and what became of them.

mod cells;
mod check;
mod csv;
mod destination;
mod file;
mod generated;
mod guard;
mod header;
mod held;
mod lines;
mod ndjson;
mod pace;
mod parquet;
mod progress;
mod reject;
mod run;
mod source;
mod stamp;

pub use check::Checker;
pub use csv::CsvSource;
pub use destination::{Destination, Fan};
pub use file::{ENDINGS, FileKind, Packing};
pub use generated::GeneratedSource;
pub use header::Header;
pub use ndjson::NdjsonSource;
pub use pace::{Pace, parse_rate, parse_speed};
pub use parquet::ParquetSource;
pub use progress::Progress;
pub use reject::{Problem, Reject, RejectFile};
pub use run::{Plan, Totals, run};
pub use source::{Next, Repeated, Row, Source};
pub use stamp::Stamp;

use crate::Result;
use crate::kafka::producer::{Mark, Outgoing, Producer, Undelivered};
use std::time::Duration;

/// Where records go, and what came back.
pub trait Target {
    /// Hands a record for one of the run's topics over; waits while there is no room.
    ///
    /// # Errors
    /// When nothing more can be sent.
    fn send(&mut self, destination: usize, record: Outgoing) -> Result<()>;

    /// Waits until every record so far is acknowledged or has failed; in a transaction that cannot be
    /// committed any more, only until that is known.
    ///
    /// # Errors
    /// When nothing more can be sent.
    fn settle(&mut self) -> Result<()>;

    /// A batch begins; with transactions nobody sees it before it is committed.
    ///
    /// # Errors
    /// When it cannot begin.
    fn begin(&mut self) -> Result<()>;

    /// Commits a settled batch as a whole, with how far its source has come.
    ///
    /// # Errors
    /// When it is not committed, or that is not known.
    fn commit(&mut self, mark: &Mark) -> Result<()>;

    /// Takes back a batch that is not committed; gives its records that had failed or were given up.
    fn abort(&mut self) -> Vec<Undelivered>;

    /// The records that failed since this was asked last.
    fn take_undelivered(&mut self) -> Vec<Undelivered>;
}

impl Target for Producer {
    fn send(&mut self, _destination: usize, record: Outgoing) -> Result<()> {
        Producer::send(self, record)
    }

    fn settle(&mut self) -> Result<()> {
        Producer::settle(self);
        self.check()
    }

    fn begin(&mut self) -> Result<()> {
        Producer::begin(self)
    }

    fn commit(&mut self, mark: &Mark) -> Result<()> {
        Producer::commit(self, Some(mark))
    }

    fn abort(&mut self) -> Vec<Undelivered> {
        Producer::abort(self)
    }

    fn take_undelivered(&mut self) -> Vec<Undelivered> {
        Producer::take_undelivered(self)
    }
}

/// Who watches a run: a terminal, a test.
pub trait Watch {
    /// A batch was sent: its number from 1, its records, and all records sent so far, earlier runs that it
    /// goes on behind included. In a run that pauses or has transactions, it is acknowledged too.
    ///
    /// # Errors
    /// When it cannot be shown.
    fn batch(&mut self, number: u64, records: u64, sent: u64) -> Result<()>;

    /// A row is not sent, or a record was not delivered.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn reject(&mut self, reject: &Reject) -> Result<()>;

    /// Waits before the next batch; true when the run is to stop.
    fn wait(&mut self, time: Duration) -> bool;
}

#[cfg(test)]
mod tests;
