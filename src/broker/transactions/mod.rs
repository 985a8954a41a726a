//! The coordinator of transactions: who owns each transactional id, what its transaction is made of,
//! and how it ends.
//!
//! A transaction ends in three steps, as in Apache Kafka: the decision goes to the journal, markers go
//! to its partitions and groups, and the journal says that it is done. Whoever starts after a crash
//! finds the decision and goes on from there. Here the steps follow each other in one call: a client
//! meets a transaction that is half ended only if a step failed, and then it is tried again.

mod transaction;

pub use transaction::{Identity, State, Transaction};

use super::groups::{Groups, Place};
use super::journal::Journal;
use super::marker::{COORDINATOR_EPOCH, Marker, Outcome};
use super::topics::Topics;
use crate::clock::Clock;
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a transaction may be open at most, milliseconds: 15 minutes.
const LONGEST_MS: i32 = 900_000;
/// When an id that nobody uses is forgotten, milliseconds: 7 days.
const EXPIRATION_MS: i64 = 7 * 86_400_000;

/// What the journal keeps: an id as it is now, or that it is forgotten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    id: String,
    now: Option<Transaction>,
}

/// Every transactional id.
pub struct Transactions {
    clock: Arc<dyn Clock>,
    topics: Arc<Topics>,
    groups: Arc<Groups>,
    inner: Mutex<Inner>,
}

struct Inner {
    all: BTreeMap<String, Transaction>,
    journal: Journal<Entry>,
}

/// Where a transaction writes.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    Partition(&'a str, i32),
    /// Offsets of this group.
    Group(&'a str),
}

impl Transactions {
    /// Opens the transactions as the journal at `path` left them, or none in memory. Those whose end
    /// was decided are ended.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn open(
        path: Option<&Path>,
        sync: bool,
        clock: Arc<dyn Clock>,
        topics: Arc<Topics>,
        groups: Arc<Groups>,
    ) -> crate::Result<Self> {
        let mut all = BTreeMap::new();
        let replay = |Entry { id, now }| match now {
            Some(now) => drop(all.insert(id, now)),
            None => drop(all.remove(&id)),
        };
        let journal = Journal::open(path, sync, replay).map_err(|error| match path {
            Some(path) => crate::Error::from(error).at(path.display()),
            None => error.into(),
        })?;
        let transactions = Self { clock, topics, groups, inner: Mutex::new(Inner { all, journal }) };
        transactions.tick();
        Ok(transactions)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        self.clock.now() / 1_000
    }

    /// Gives the id to the producer that asks, which fences the one before; `expected` is who it says to
    /// be, if it goes on after an error. A transaction that is open is aborted first.
    ///
    /// # Errors
    /// `ConcurrentTransactions` when one was open: the producer is to ask again. `ProducerFenced`,
    /// `InvalidTransactionTimeout`, `InvalidRequest` for an empty id; `NotCoordinator` or
    /// `CoordinatorLoadInProgress` if it cannot be written.
    pub fn init(
        &self,
        id: &str,
        timeout_ms: i32,
        expected: Option<Identity>,
    ) -> Result<Identity, ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if !(1..=LONGEST_MS).contains(&timeout_ms) {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        let mut inner = self.lock();
        let known = match inner.all.get(id) {
            Some(known) => known.clone(),
            None => Transaction::new(self.groups.new_producer_id()?, self.now_ms()),
        };
        known.admit(expected)?;
        if known.state == State::Ongoing {
            inner.keep(id, known.fenced(self.now_ms()))?;
            self.finish(&mut inner, id).ok();
            return Err(ResponseError::ConcurrentTransactions);
        }
        if known.state.decided().is_some() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let exhausted = known.is_exhausted_for(expected);
        let new_id = exhausted.then(|| self.groups.new_producer_id()).transpose()?;
        let given = known.restart(expected, new_id, timeout_ms, self.now_ms())?;
        let identity = given.identity;
        inner.keep(id, given)?;
        Ok(identity)
    }

    /// Adds partitions, or a group whose offsets it commits, to the caller's transaction, which begins
    /// with the first of them.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty id; as [`Transaction::check`]; `NotCoordinator` if they cannot be written.
    pub fn add(
        &self,
        id: &str,
        caller: Identity,
        partitions: Vec<Place>,
        group: Option<String>,
    ) -> Result<(), ResponseError> {
        let mut inner = self.lock();
        let known = inner.find(id)?;
        known.check(caller)?;
        let grown = known.grow(partitions, group, self.now_ms());
        let unchanged = known.state == State::Ongoing
            && (&known.partitions, &known.groups) == (&grown.partitions, &grown.groups);
        if unchanged { Ok(()) } else { inner.keep(id, grown) }
    }

    /// Does `write` if `part` is in the caller's open transaction, which cannot end meanwhile.
    ///
    /// # Errors
    /// Not the owner; `TransactionAbortable` if it is not in the transaction; those of `write`.
    pub fn write_in<T>(
        &self,
        id: &str,
        caller: Identity,
        part: Part<'_>,
        write: impl FnOnce() -> Result<T, ResponseError>,
    ) -> Result<T, ResponseError> {
        let inner = self.lock();
        let known = inner.all.get(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        known.check(caller)?;
        let added = match part {
            Part::Partition(topic, partition) => known.partitions.contains(&(topic.to_string(), partition)),
            Part::Group(group) => known.groups.contains(group),
        };
        if added { write() } else { Err(ResponseError::TransactionAbortable) }
    }

    /// Commits or aborts the caller's transaction. When this returns, every reader sees it.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty id; as [`Transaction::decide`]. `NotCoordinator` if nothing was
    /// decided; what was is carried out as soon as it can be.
    pub fn end(&self, id: &str, caller: Identity, outcome: Outcome) -> Result<(), ResponseError> {
        let mut inner = self.lock();
        if let Some(decided) = inner.find(id)?.decide(caller, outcome, self.now_ms())? {
            inner.keep(id, decided)?;
            self.finish(&mut inner, id).ok();
        }
        Ok(())
    }

    /// Carries out what was decided for an id. What is done is not done again when a step fails.
    fn finish(&self, inner: &mut Inner, id: &str) -> Result<(), ResponseError> {
        let Some(known) = inner.all.get_mut(id) else { return Ok(()) };
        let Some(outcome) = known.state.decided() else { return Ok(()) };
        let Identity { producer_id, epoch } = known.identity;
        let marker =
            Marker { producer_id, producer_epoch: epoch, outcome, coordinator_epoch: COORDINATOR_EPOCH };
        while let Some((topic, partition)) = known.partitions.first() {
            self.mark(topic, *partition, &marker)?;
            known.partitions.pop_first();
        }
        while let Some(group) = known.groups.first() {
            self.groups.end_pending(group, producer_id, outcome == Outcome::Commit)?;
            known.groups.pop_first();
        }
        let completed = known.completed(outcome, self.now_ms());
        inner.keep(id, completed)
    }

    /// Writes a marker; a partition that is gone needs none.
    fn mark(&self, topic: &str, partition: i32, marker: &Marker) -> Result<(), ResponseError> {
        match self.write_marker(topic, partition, marker) {
            // With the last two a newer marker is there: the transaction was ended by hand.
            Err(
                ResponseError::UnknownTopicOrPartition
                | ResponseError::InvalidProducerEpoch
                | ResponseError::TransactionCoordinatorFenced,
            ) => Ok(()),
            written => written,
        }
    }

    /// Ends what is open of a producer's transaction in a partition, whatever its coordinator thinks.
    ///
    /// # Errors
    /// `UnknownTopicOrPartition`, an older epoch of the producer or coordinator, `KafkaStorageError`.
    pub fn write_marker(&self, topic: &str, partition: i32, marker: &Marker) -> Result<(), ResponseError> {
        let topic = self.topics.get(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = topic.partition(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        partition.log().end_transaction(marker, &topic.rules, self.now_ms())?;
        partition.wake();
        Ok(())
    }

    /// Looks at an id, if it is known.
    pub fn look<T>(&self, id: &str, look: impl FnOnce(&Transaction) -> T) -> Option<T> {
        self.lock().all.get(id).map(look)
    }

    /// Looks at every id.
    pub fn look_at_all<T>(&self, mut look: impl FnMut(&str, &Transaction) -> T) -> Vec<T> {
        self.lock().all.iter().map(|(id, known)| (look)(id, known)).collect()
    }

    /// Lets time pass: what was decided is carried out, what is open for too long is aborted, ids that
    /// nobody uses are forgotten.
    pub fn tick(&self) {
        let now_ms = self.now_ms();
        let mut inner = self.lock();
        let due = |known: &Transaction| {
            known.state.decided().is_some()
                || known.has_timed_out(now_ms)
                || known.is_stale(now_ms - EXPIRATION_MS)
        };
        let due: Vec<String> =
            inner.all.iter().filter(|(_, known)| due(known)).map(|(id, _)| id.clone()).collect();
        for id in due {
            if let Err(error) = self.settle(&mut inner, &id, now_ms) {
                tracing::warn!(%id, %error, "a transaction could not be ended; it is tried again");
            }
        }
        inner.refresh();
    }

    fn settle(&self, inner: &mut Inner, id: &str, now_ms: i64) -> Result<(), ResponseError> {
        let Some(known) = inner.all.get(id) else { return Ok(()) };
        if known.is_stale(now_ms - EXPIRATION_MS) {
            return inner.forget(id);
        }
        if known.has_timed_out(now_ms) {
            tracing::info!(%id, "a transaction was open for longer than its timeout and is aborted");
            let fenced = known.fenced(now_ms);
            inner.keep(id, fenced)?;
        }
        self.finish(inner, id)
    }
}

impl Inner {
    fn find(&self, id: &str) -> Result<&Transaction, ResponseError> {
        let missing = match id {
            "" => ResponseError::InvalidRequest,
            _ => ResponseError::InvalidProducerIdMapping,
        };
        self.all.get(id).ok_or(missing)
    }

    /// An id is as given from now on, after a restart too.
    fn keep(&mut self, id: &str, now: Transaction) -> Result<(), ResponseError> {
        let entry = Entry { id: id.to_string(), now: Some(now.clone()) };
        self.journal.append(&[entry]).map_err(unwritable)?;
        self.all.insert(id.to_string(), now);
        Ok(())
    }

    fn forget(&mut self, id: &str) -> Result<(), ResponseError> {
        self.journal.append(&[Entry { id: id.to_string(), now: None }]).map_err(unwritable)?;
        self.all.remove(id);
        Ok(())
    }

    /// Writes the journal anew when most of it is out of date.
    fn refresh(&mut self) {
        if !self.journal.is_stale() {
            return;
        }
        let entry = |(id, now): (&String, &Transaction)| Entry { id: id.clone(), now: Some(now.clone()) };
        let entries: Vec<Entry> = self.all.iter().map(entry).collect();
        if let Err(error) = self.journal.rewrite(&entries) {
            tracing::warn!(%error, "the journal of transactions could not be written anew");
        }
    }
}

/// As on Apache Kafka, whose coordinator is another one then: every client asks again.
fn unwritable(error: std::io::Error) -> ResponseError {
    tracing::error!(%error, "the journal of transactions could not be written");
    ResponseError::NotCoordinator
}

#[cfg(test)]
mod tests;
