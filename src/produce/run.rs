//! The loop: a row ahead, a wait until it is due, a batch, its acknowledgement.

mod undelivered;

use super::held::Held;
use super::pace::Schedule;
use super::progress::Progress;
use super::reject::{Problem, Reject};
use super::source::{Next, Row, Source};
use super::{Destination, Pace, Target, Watch};
use crate::clock::{Clock, Micros, Stop};
use crate::kafka::producer::Outgoing;
use crate::record::reject::Code;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where records go: rows say to which of them.
    pub destinations: Vec<Destination>,
    /// Records in a batch; the last may have fewer.
    pub batch_size: u64,
    /// How batches are paced.
    pub pace: Pace,
    /// Whether a stall is made up for, or moves the rest of the schedule.
    pub catches_up: bool,
    /// Where to stop; 0 for all. Records of earlier runs that this one goes on behind count.
    pub max_records: u64,
    /// When to stop, from the start of the run.
    pub duration: Option<Duration>,
    /// Stop at the first row that cannot be sent.
    pub fail_fast: bool,
    /// Each batch is a transaction, with the progress in it.
    pub transactions: bool,
    /// What earlier runs did; the source stands behind it.
    pub before: Progress,
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
/// stopped answering; a data error when the plan says to stop at the first bad row. A transaction that is
/// open then is aborted.
pub fn run(
    plan: &Plan,
    source: &mut dyn Source,
    target: &mut dyn Target,
    watch: &mut dyn Watch,
    (clock, stop): (&dyn Clock, &Stop),
    totals: &mut Totals,
) -> Result<()> {
    let (row, progress) = (Row::default(), plan.before.clone());
    let (ahead, held, in_vain) = (None, Held::default(), 0);
    let mut run = Run { plan, source, target, watch, clock, totals, progress, row, ahead, held, in_vain };
    let outcome = run.batches(stop);
    if outcome.is_err() && plan.transactions {
        drop(run.target.abort());
    }
    let settled = run.settle();
    outcome.and(settled)
}

struct Run<'a> {
    plan: &'a Plan,
    source: &'a mut dyn Source,
    target: &'a mut dyn Target,
    watch: &'a mut dyn Watch,
    clock: &'a dyn Clock,
    totals: &'a mut Totals,
    /// Of all runs so far.
    progress: Progress,
    row: Row,
    /// What `row` holds, when it was read before its turn.
    ahead: Option<Next>,
    /// With transactions: the batch so far, and how often it was sent in vain.
    held: Held,
    in_vain: u32,
}

impl Run<'_> {
    fn batches(&mut self, stop: &Stop) -> Result<()> {
        let start = self.clock.now();
        let end = self.plan.duration.map(|time| start.saturating_add(time.as_micros() as Micros));
        let mut schedule = Schedule::new(self.plan.pace, self.plan.catches_up, start);
        while !stop.requested() && self.is_there()? {
            let now = self.clock.now();
            let wait = schedule.wait(self.totals.sent, self.row.time, now);
            let begins = now.saturating_add(wait.as_micros() as Micros);
            if end.is_some_and(|end| begins >= end) || !wait.is_zero() && self.watch.wait(wait) {
                break;
            }
            self.batch(&mut schedule)?;
            schedule.done(self.clock.now());
        }
        Ok(())
    }

    fn batch(&mut self, schedule: &mut Schedule) -> Result<()> {
        if self.plan.transactions {
            self.target.begin()?;
            self.held.clear();
            self.in_vain = 0;
        }
        let records = self.fill(schedule)?;
        if self.plan.pace.awaits() || self.plan.transactions {
            self.settle()?;
        } else {
            self.collect()?;
        }
        self.progress.batches += 1;
        if self.plan.transactions {
            self.target.commit(&self.progress.to_mark(self.source))?;
        }
        self.totals.batches += 1;
        self.watch.batch(self.progress.batches, records, self.progress.sent)
    }

    /// Sends the records of a batch: so many as it has, or as are due.
    fn fill(&mut self, schedule: &mut Schedule) -> Result<u64> {
        let mut records = 0;
        while records < self.plan.batch_size && self.is_there()? {
            let now = self.clock.now();
            if let Pace::Replay(_) = self.plan.pace
                && records > 0
                && !schedule.wait(self.totals.sent, self.row.time, now).is_zero()
            {
                break;
            }
            records += 1;
            self.send(records, now)?;
        }
        Ok(records)
    }

    /// Whether there is another row to send. It is read now, so that nothing waits after the last batch.
    fn is_there(&mut self) -> Result<bool> {
        if self.plan.max_records != 0 && self.progress.sent >= self.plan.max_records {
            return Ok(false);
        }
        let next = self.ahead.take().map_or_else(|| self.next_good(), Ok)?;
        let is_there = next == Next::Row;
        self.ahead = Some(next);
        Ok(is_there)
    }

    /// The next row that can be sent; the bad ones before it are rejected.
    fn next_good(&mut self) -> Result<Next> {
        loop {
            match self.source.next(&mut self.row)? {
                Next::Bad(problem) => {
                    self.note_read();
                    let (at, value) =
                        ((self.row.destination, self.row.line), std::mem::take(&mut self.row.value));
                    self.reject(at, problem, &value)?;
                }
                next => return Ok(next),
            }
        }
    }

    /// A row is done with, so that the progress goes behind it.
    fn note_read(&mut self) {
        if self.plan.transactions {
            self.progress.read(&self.row);
        }
    }

    fn send(&mut self, position: u64, time: Micros) -> Result<()> {
        self.ahead = None;
        self.note_read();
        let Row { destination, line, key, value, .. } = &mut self.row;
        if let Some(destination) = self.plan.destinations.get(*destination) {
            destination.stamp.add(value, self.progress.batches + 1, position, time);
        }
        self.totals.sent += 1;
        self.progress.sent += 1;
        let value = Some(value.as_slice()).filter(|value| !value.is_empty());
        let record = Outgoing { key: key.as_deref(), value, headers: &[], time, line: *line };
        if self.plan.transactions {
            self.held.push(&record);
        }
        self.target.send(*destination, record)
    }

    /// Waits for the answers, and sees to what was not delivered, until everything is.
    fn settle(&mut self) -> Result<()> {
        loop {
            let settled = self.target.settle();
            let goes_on = self.collect();
            settled?;
            if !goes_on? {
                return Ok(());
            }
        }
    }

    fn reject(&mut self, (destination, line): (usize, u64), problem: Problem, value: &[u8]) -> Result<()> {
        let (code, topic) = (problem.code, self.plan.topic(destination));
        let reject = Reject::new(topic, self.source.name(), line, problem, value, self.clock.now());
        *self.totals.rejected.entry(code).or_default() += 1;
        self.watch.reject(&reject)?;
        if self.plan.fail_fast {
            return Err(Error::data(reject.to_string()));
        }
        Ok(())
    }
}
