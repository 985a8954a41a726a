//! What becomes of records that were not delivered.
//!
//! A broker refuses batches, and does not always say which of its records is at fault: those of a refused batch
//! are sent again in halves, until the one that is refused is alone. In a transaction nothing of that is committed;
//! then the batch is sent again without it.

use super::Run;
use crate::kafka::producer::{Cause, Undelivered};
use crate::produce::reject::Problem;
use crate::record::reject::Code;
use crate::{Error, Result};

/// How often records are sent again though none of them was refused: after a refusal in a transaction librdkafka
/// has to number its records anew, and finds that out by an attempt.
const MOST_IN_VAIN: u32 = 3;

const TOO_LARGE_AGAIN: &str = "its batch is too large to be kept and sent again: \
    start again with --resume and a smaller --batch-size";

impl Run<'_> {
    /// Sees to what was not delivered; whether something was sent again, and is to be waited for.
    pub fn collect(&mut self) -> Result<bool> {
        let failed = self.failed(false);
        self.judge(&failed)?;
        let lost = failed.iter().find(|record| self.plan.transactions && is_lost(record));
        if let Some(lost) = lost.filter(|_| !self.held.is_whole()) {
            return Err(self.over(lost).hint(TOO_LARGE_AGAIN));
        }
        let suspects = refused(&failed);
        self.isolate(&suspects)?;
        match lost {
            Some(lost) => self.begin_again(lost, suspects.is_empty())?,
            None => self.send_neighbours(&failed)?,
        }
        Ok(!failed.is_empty())
    }

    /// The records that failed. With them a transaction has, and so has one that was only a try: it is taken back.
    fn failed(&mut self, is_try: bool) -> Vec<Undelivered> {
        let mut failed = self.target.take_undelivered();
        if self.plan.transactions && (is_try || failed.iter().any(is_lost)) {
            failed.extend(self.target.abort());
        }
        failed
    }

    /// Rejects what the client did not take. A broker that no longer answers ends the run, and so does what no
    /// other record would change; then everything that failed is rejected, unless it is in a transaction.
    fn judge(&mut self, failed: &[Undelivered]) -> Result<()> {
        let ends = |record: &&Undelivered| match record.cause {
            Cause::TimedOut | Cause::Other => true,
            Cause::TakenBack => !self.plan.transactions,
            Cause::NotTaken | Cause::Refused | Cause::Neighbour => false,
        };
        let over = failed.iter().find(ends).map(|record| self.over(record));
        let all = over.is_some() && !self.plan.transactions;
        for record in failed.iter().filter(|record| all || record.cause == Cause::NotTaken) {
            self.reject_record(record)?;
        }
        over.map_or(Ok(()), Err)
    }

    /// Finds the records that the broker refuses, among those that it refused together, and rejects them.
    fn isolate(&mut self, suspects: &[&Undelivered]) -> Result<()> {
        if let [record] = suspects {
            return self.reject_record(record);
        }
        let (one, other) = suspects.split_at(suspects.len() / 2);
        for half in [one, other].into_iter().filter(|half| !half.is_empty()) {
            let failed = self.try_alone(half)?;
            self.isolate(&refused(&failed))?;
        }
        Ok(())
    }

    /// Sends records by themselves until it is clear which of them fail.
    fn try_alone(&mut self, records: &[&Undelivered]) -> Result<Vec<Undelivered>> {
        for _ in 0..=MOST_IN_VAIN {
            let failed = self.attempt(records)?;
            let in_vain = failed.iter().any(is_lost) && refused(&failed).is_empty();
            if !in_vain || !self.plan.transactions {
                self.send_neighbours(&failed)?;
                return Ok(failed);
            }
        }
        records.first().map_or(Ok(Vec::new()), |record| Err(self.over(record)))
    }

    fn attempt(&mut self, records: &[&Undelivered]) -> Result<Vec<Undelivered>> {
        if self.plan.transactions {
            self.target.begin()?;
        }
        records
            .iter()
            .try_for_each(|failed| self.target.send(failed.destination, (&failed.record).into()))?;
        self.target.settle()?;
        let failed = self.failed(true);
        self.judge(&failed)?;
        Ok(failed)
    }

    /// Sends again what was refused only for the sake of others, unless its whole transaction is.
    fn send_neighbours(&mut self, failed: &[Undelivered]) -> Result<()> {
        let is_neighbour = |record: &&Undelivered| record.cause == Cause::Neighbour;
        let mut neighbours = failed.iter().filter(is_neighbour).filter(|_| !self.plan.transactions);
        neighbours
            .try_for_each(|neighbour| self.target.send(neighbour.destination, (&neighbour.record).into()))
    }

    /// Sends a batch that was taken back once more, without what was rejected of it.
    fn begin_again(&mut self, lost: &Undelivered, in_vain: bool) -> Result<()> {
        self.in_vain = if in_vain { self.in_vain + 1 } else { 0 };
        if self.in_vain > MOST_IN_VAIN {
            return Err(self.over(lost));
        }
        self.target.begin()?;
        // What has transactions has one topic.
        self.held.records().iter().try_for_each(|record| self.target.send(0, record.into()))
    }

    fn reject_record(&mut self, failed: &Undelivered) -> Result<()> {
        let (record, reason) = (&failed.record, failed.reason.clone());
        let code = if failed.too_large { Code::TooLarge } else { Code::NotDelivered };
        self.held.remove(record.line);
        let value = record.value.as_deref().unwrap_or_default();
        self.reject((failed.destination, record.line), Problem::row(code, reason), value)
    }

    /// Why the run ends with this record.
    fn over(&self, failed: &Undelivered) -> Error {
        let (file, line, reason) = (self.source.name(), failed.record.line, &failed.reason);
        let what = match failed.cause {
            Cause::TimedOut => Error::unreachable(format!(
                "the broker stopped answering: {file}, line {line} was not acknowledged"
            )),
            _ => Error::failed(format!("{file}, line {line} was not acknowledged: {reason}")),
        };
        what.hint(match self.plan.transactions {
            true => "its batch is taken back as a whole; start again with --resume to go on with it",
            false => "start it again, and produce what is in the reject file and what follows it",
        })
    }
}

/// Those that the broker refused.
fn refused(failed: &[Undelivered]) -> Vec<&Undelivered> {
    failed.iter().filter(|record| record.cause == Cause::Refused).collect()
}

/// Whether a transaction cannot be committed with this.
fn is_lost(record: &Undelivered) -> bool {
    record.cause != Cause::NotTaken
}
