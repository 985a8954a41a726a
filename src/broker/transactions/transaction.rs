//! One transactional id, as its coordinator knows it: whose it is, and where its transaction stands.
//!
//! Nothing here writes or reads a clock: each step gives the state after it, for the coordinator to keep.

use crate::broker::groups::Place;
use crate::broker::marker::Outcome;
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The last epoch of a producer id that is given out; the one after it fences its producer.
const LAST_EPOCH: i16 = i16::MAX - 1;

/// A producer id at one of its epochs: a newer epoch fences the older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub producer_id: i64,
    pub epoch: i16,
}

/// Where the transaction of an id stands. The names are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The producer has none yet.
    Empty,
    Ongoing,
    /// Decided; markers are being written.
    PrepareCommit,
    PrepareAbort,
    /// Ended; the next one may begin.
    CompleteCommit,
    CompleteAbort,
}

/// A transactional id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    pub identity: Identity,
    /// The epoch that may still ask for the current one, −1 if another producer has that.
    last_epoch: i16,
    /// The producer id before the epochs of it were used up.
    last_producer_id: i64,
    pub state: State,
    /// How long it may be open, milliseconds.
    pub timeout_ms: i32,
    /// When it was begun, milliseconds; −1 if none was.
    pub started: i64,
    /// When it last changed, milliseconds.
    pub updated: i64,
    pub partitions: BTreeSet<Place>,
    /// The groups that it commits offsets of.
    pub groups: BTreeSet<String>,
}

impl State {
    /// Every state, in Kafka's order.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// How the transaction was decided to end, while that is not done.
    pub fn decided(self) -> Option<Outcome> {
        match self {
            Self::PrepareCommit => Some(Outcome::Commit),
            Self::PrepareAbort => Some(Outcome::Abort),
            _ => None,
        }
    }
}

impl Transaction {
    /// An id that was never used; its first epoch comes with [`Self::restart`].
    pub fn new(producer_id: i64, now_ms: i64) -> Self {
        Self {
            identity: Identity { producer_id, epoch: -1 },
            last_epoch: -1,
            last_producer_id: -1,
            state: State::Empty,
            timeout_ms: 0,
            started: -1,
            updated: now_ms,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
        }
    }

    /// Whether a producer that says to be `expected` may go on after an error.
    ///
    /// # Errors
    /// `ProducerFenced`.
    pub fn admit(&self, expected: Option<Identity>) -> Result<(), ResponseError> {
        let Some(expected) = expected.filter(|_| self.identity.epoch >= 0) else { return Ok(()) };
        let same = expected.producer_id == self.identity.producer_id;
        let older = expected.producer_id == self.last_producer_id && expected.epoch >= LAST_EPOCH;
        if same || older { Ok(()) } else { Err(ResponseError::ProducerFenced) }
    }

    /// Whether the producer id has no epoch left for its next producer, so that a new id is needed.
    pub fn is_exhausted_for(&self, expected: Option<Identity>) -> bool {
        let epoch = self.identity.epoch;
        epoch >= LAST_EPOCH && expected.is_none_or(|expected| expected.epoch == epoch)
    }

    /// Gives the id to the producer that asks: at the next epoch, or with a new producer id if there is
    /// one. `expected` is who the producer says to be; it may ask again for what it did not hear.
    ///
    /// # Errors
    /// `ProducerFenced`: another producer asked in between.
    pub fn restart(
        &self,
        expected: Option<Identity>,
        new_id: Option<i64>,
        timeout_ms: i32,
        now_ms: i64,
    ) -> Result<Self, ResponseError> {
        let Identity { producer_id, epoch } = self.identity;
        let (identity, last_epoch) = match (new_id, expected) {
            (Some(new_id), _) => {
                let last_epoch = if expected.is_some() { epoch } else { -1 };
                (Identity { producer_id: new_id, epoch: 0 }, last_epoch)
            }
            (None, None) => (Identity { producer_id, epoch: epoch + 1 }, -1),
            (None, Some(expected)) if epoch < 0 || expected.epoch == epoch => {
                (Identity { producer_id, epoch: epoch + 1 }, epoch)
            }
            (None, Some(expected)) if expected.epoch == self.last_epoch => (self.identity, self.last_epoch),
            (None, Some(_)) => return Err(ResponseError::ProducerFenced),
        };
        let last_producer_id = if new_id.is_some() { producer_id } else { self.last_producer_id };
        Ok(Self { identity, last_epoch, last_producer_id, timeout_ms, ..Self::new(producer_id, now_ms) })
    }

    /// Whether the caller owns the id and nothing is under way.
    ///
    /// # Errors
    /// `InvalidProducerIdMapping`, `ProducerFenced`; `ConcurrentTransactions` while markers are written.
    pub fn check(&self, caller: Identity) -> Result<(), ResponseError> {
        self.check_owner(caller)?;
        if self.state.decided().is_some() { Err(ResponseError::ConcurrentTransactions) } else { Ok(()) }
    }

    fn check_owner(&self, caller: Identity) -> Result<(), ResponseError> {
        if caller.producer_id != self.identity.producer_id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if caller.epoch != self.identity.epoch { Err(ResponseError::ProducerFenced) } else { Ok(()) }
    }

    /// The open transaction, begun if there is none, with more partitions and groups.
    pub fn grow(&self, partitions: Vec<Place>, group: Option<String>, now_ms: i64) -> Self {
        let mut grown = self.clone();
        if self.state != State::Ongoing {
            (grown.state, grown.started) = (State::Ongoing, now_ms);
        }
        grown.partitions.extend(partitions);
        grown.groups.extend(group);
        grown.updated = now_ms;
        grown
    }

    /// The transaction with its end decided by its producer; `None` if it has ended so already.
    ///
    /// # Errors
    /// Not the owner; `ConcurrentTransactions` while markers are written; `InvalidTxnState` if nothing
    /// is open, or it was decided otherwise.
    pub fn decide(
        &self,
        caller: Identity,
        outcome: Outcome,
        now_ms: i64,
    ) -> Result<Option<Self>, ResponseError> {
        self.check_owner(caller)?;
        match (self.state, outcome) {
            (State::Ongoing, _) => Ok(Some(self.decided(outcome, now_ms))),
            (State::CompleteCommit, Outcome::Commit) | (State::CompleteAbort, Outcome::Abort) => Ok(None),
            (state, _) if state.decided() == Some(outcome) => Err(ResponseError::ConcurrentTransactions),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// The open transaction to be aborted, with an epoch that its producer does not have.
    pub fn fenced(&self, now_ms: i64) -> Self {
        let mut fenced = self.decided(Outcome::Abort, now_ms);
        fenced.last_epoch = fenced.identity.epoch;
        fenced.identity.epoch = fenced.identity.epoch.saturating_add(1);
        fenced
    }

    fn decided(&self, outcome: Outcome, now_ms: i64) -> Self {
        let state = match outcome {
            Outcome::Commit => State::PrepareCommit,
            Outcome::Abort => State::PrepareAbort,
        };
        Self { state, updated: now_ms, ..self.clone() }
    }

    /// The transaction when all its markers are written.
    pub fn completed(&self, outcome: Outcome, now_ms: i64) -> Self {
        let state = match outcome {
            Outcome::Commit => State::CompleteCommit,
            Outcome::Abort => State::CompleteAbort,
        };
        let (partitions, groups) = Default::default();
        Self { state, updated: now_ms, partitions, groups, ..self.clone() }
    }

    /// Whether it was open for too long.
    pub fn has_timed_out(&self, now_ms: i64) -> bool {
        self.state == State::Ongoing && self.started.saturating_add(i64::from(self.timeout_ms)) < now_ms
    }

    /// Whether nobody has used it since `before` (milliseconds), and nothing is open.
    pub fn is_stale(&self, before: i64) -> bool {
        let idle = matches!(self.state, State::Empty | State::CompleteCommit | State::CompleteAbort);
        idle && self.updated <= before
    }
}
