//! Batches: where their rows come from, how they are checked, stamped and paced, and what became of them.

mod check;
mod csv;
mod generated;
mod guard;
mod leash;
mod ndjson;
mod pace;
mod parquet;
mod reject;
mod source;
mod stamp;

pub use check::Checker;
pub use csv::{CsvSource, Header};
pub use generated::GeneratedSource;
pub use ndjson::NdjsonSource;
pub use pace::{Pace, parse_rate};
pub use parquet::ParquetSource;
pub use reject::{Problem, Reject, RejectFile};
pub use source::{Next, Repeated, Row, Source, open};
pub use stamp::Stamp;

use crate::clock::{Clock, Micros, Stop};
use crate::kafka::producer::{Outgoing, Producer, Undelivered};
use crate::record::reject::Code;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where records go, and what came back.
pub trait Target {
    /// Hands a record over; waits while there is no room.
    ///
    /// # Errors
    /// When nothing more can be sent.
    fn send(&mut self, record: Outgoing) -> Result<()>;

    /// Waits until every record so far is acknowledged or has failed.
    fn settle(&mut self);

    /// The records that failed since this was asked last.
    fn take_undelivered(&mut self) -> Vec<Undelivered>;
}

impl Target for Producer {
    fn send(&mut self, record: Outgoing) -> Result<()> {
        Producer::send(self, record)
    }

    fn settle(&mut self) {
        Producer::settle(self);
    }

    fn take_undelivered(&mut self) -> Vec<Undelivered> {
        Producer::take_undelivered(self)
    }
}

/// Who watches a run: a terminal, a test.
pub trait Watch {
    /// A batch was sent: its number from 1, its records, and all records sent so far. In a run that
    /// pauses, it is acknowledged too.
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

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The topic's name.
    pub topic: String,
    /// Records in a batch; the last may have fewer.
    pub batch_size: u64,
    /// How batches are paced.
    pub pace: Pace,
    /// Where to stop; 0 for all.
    pub max_records: u64,
    /// When to stop, from the start of the run.
    pub duration: Option<Duration>,
    /// Stop at the first row that cannot be sent.
    pub fail_fast: bool,
    /// What is added to each record.
    pub stamp: Stamp,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records handed to the client.
    pub sent: u64,
    /// Batches.
    pub batches: u64,
    /// Rows that were not sent and records that were not delivered, by reason.
    pub rejected: BTreeMap<Code, u64>,
}

impl Totals {
    /// Rows and records that went to the reject file.
    pub fn rejects(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// Sends a source's rows in batches until it ends, the plan's number is reached, or `stop` is requested;
/// the running batch is finished and acknowledged first. What was done is in `totals`, whatever happens.
///
/// # Errors
/// When the source cannot be read or nothing more can be sent; an unreachable error when the broker
/// stopped answering; a data error when the plan says to stop at the first bad row.
pub fn run(
    plan: &Plan,
    source: &mut dyn Source,
    target: &mut dyn Target,
    watch: &mut dyn Watch,
    (clock, stop): (&dyn Clock, &Stop),
    totals: &mut Totals,
) -> Result<()> {
    let mut run = Run { plan, source, target, watch, clock, totals, row: Row::default(), ahead: None };
    let outcome = run.batches(stop);
    run.target.settle();
    let collected = run.collect();
    outcome.and(collected)
}

struct Run<'a> {
    plan: &'a Plan,
    source: &'a mut dyn Source,
    target: &'a mut dyn Target,
    watch: &'a mut dyn Watch,
    clock: &'a dyn Clock,
    totals: &'a mut Totals,
    row: Row,
    /// What `row` holds, when it was read before its batch.
    ahead: Option<Next>,
}

impl Run<'_> {
    fn batches(&mut self, stop: &Stop) -> Result<()> {
        let start = self.clock.now();
        let end = self.plan.duration.map(|time| start.saturating_add(time.as_micros() as Micros));
        while !stop.requested() && self.is_wanted() {
            let records = self.batch()?;
            if self.plan.pace.awaits() {
                self.target.settle();
            }
            if records > 0 {
                self.totals.batches += 1;
                self.watch.batch(self.totals.batches, records, self.totals.sent)?;
            }
            self.collect()?;
            let now = self.clock.now();
            let wait = self.plan.pace.wait(start, self.totals.sent, now);
            let is_over = records < self.plan.batch_size
                || end.is_some_and(|end| now.saturating_add(wait.as_micros() as Micros) >= end)
                || !wait.is_zero() && (!self.is_wanted() || !self.is_there()? || self.watch.wait(wait));
            if is_over {
                break;
            }
        }
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        self.plan.max_records == 0 || self.totals.sent < self.plan.max_records
    }

    /// Whether another row can be sent, so that nothing waits after the last batch.
    fn is_there(&mut self) -> Result<bool> {
        let next = self.next_good()?;
        self.ahead = Some(next.clone());
        Ok(next == Next::Row)
    }

    /// Sends one batch; one with fewer records than a batch has is the last.
    fn batch(&mut self) -> Result<u64> {
        let mut records = 0;
        while records < self.plan.batch_size && self.is_wanted() {
            let next = self.ahead.take().map_or_else(|| self.next_good(), Ok)?;
            if next == Next::End {
                break;
            }
            records += 1;
            self.send(records)?;
        }
        Ok(records)
    }

    /// The next row that can be sent; the bad ones before it are rejected.
    fn next_good(&mut self) -> Result<Next> {
        loop {
            match self.source.next(&mut self.row)? {
                Next::Bad(problem) => {
                    let (line, value) = (self.row.line, std::mem::take(&mut self.row.value));
                    self.reject(line, problem, &value)?;
                }
                next => return Ok(next),
            }
        }
    }

    fn send(&mut self, position: u64) -> Result<()> {
        let time = self.clock.now();
        self.plan.stamp.add(&mut self.row.value, self.totals.batches + 1, position, time);
        let Row { line, key, value } = &self.row;
        self.totals.sent += 1;
        self.target.send(Outgoing {
            key: key.as_deref(),
            value: Some(value),
            headers: &[],
            time,
            line: *line,
        })
    }

    /// Rejects what was not delivered. A broker that no longer answers ends the run.
    fn collect(&mut self) -> Result<()> {
        let mut silent = None;
        for record in self.target.take_undelivered() {
            let code = if record.too_large { Code::TooLarge } else { Code::NotDelivered };
            silent = silent.or(record.timed_out.then_some(record.line));
            self.reject(record.line, Problem::row(code, record.reason), &record.value)?;
        }
        silent.map_or(Ok(()), |line| {
            let file = self.source.name();
            Err(Error::unreachable(format!(
                "the broker stopped answering: {file}, line {line} was not acknowledged"
            ))
            .hint("start it again, and produce what is in the reject file and what follows it"))
        })
    }

    fn reject(&mut self, line: u64, problem: Problem, value: &[u8]) -> Result<()> {
        let code = problem.code;
        let reject =
            Reject::new(&self.plan.topic, self.source.name(), line, problem, value, self.clock.now());
        *self.totals.rejected.entry(code).or_default() += 1;
        self.watch.reject(&reject)?;
        if self.plan.fail_fast {
            return Err(Error::data(reject.to_string()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
