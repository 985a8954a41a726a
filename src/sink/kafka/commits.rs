//! Which batch of whom is committed last: a record of the compacted topic `ecap-commits` by query and sink, written in
//! the transaction of the batch itself. A second record names the run that began last.

use super::records::{ROW, delivered};
use crate::clock::Micros;
use crate::kafka::admin::{Admin, PATIENCE, TopicState};
use crate::kafka::compacted;
use crate::kafka::config::Connection;
use crate::kafka::offsets::Offsets;
use crate::kafka::producer::{Outgoing, Producer};
use crate::kafka::tail::{Record, Tail};
use crate::sink::Writer;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

/// The topic, behind the prefix of the environment.
pub const TOPIC: &str = "ecap-commits";

/// Where all records are, however many partitions somebody gave the topic.
const PARTITION: u32 = 0;

/// The records of one query and sink.
pub struct Commits {
    connection: Connection,
    topic: String,
    batch_key: String,
    claim_key: String,
    /// This run.
    owner: String,
    claims: u64,
    /// How long the end of the topic may be out of reach.
    patience: Duration,
}

/// A batch that is committed.
#[derive(Serialize, Deserialize)]
struct Commit {
    batch: u64,
    rows: u64,
}

/// A run has begun, or has begun again after an error.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Claim {
    owner: String,
    claim: u64,
}

/// What a topic says.
#[derive(Default)]
struct Seen {
    batch: Option<u64>,
    claim: Option<Claim>,
}

impl Commits {
    /// The records of `writer` in `topic`, which is made where it is not there.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses; a usage error when the topic is there and not compacted.
    pub fn new(connection: &Connection, topic: String, writer: &Writer, patience: Duration) -> Result<Self> {
        compacted::make(connection, &topic)?;
        let Writer { query, sink } = writer;
        let committed = BTreeMap::from([("isolation.level".into(), "read_committed".into())]);
        Ok(Self {
            connection: connection.clone().with_properties(committed),
            topic,
            batch_key: key(&[query, sink])?,
            claim_key: key(&[query, sink, "owner"])?,
            owner: uuid::Uuid::new_v4().to_string(),
            claims: 0,
            patience,
        })
    }

    /// Takes over. The producer has its transactional id by now, so nothing that another run began can still be committed;
    /// what was committed stands before the claim.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn claim(&mut self, producer: &mut Producer, now: Micros) -> Result<()> {
        self.claims += 1;
        producer.begin()?;
        self.put(producer, &self.claim_key, &text(&self.own())?, now)?;
        delivered(producer, &self.topic, &ROW)?;
        producer.commit(None)
    }

    /// The batch that was committed last before the claim. It can be read once nothing before the claim is left open: all
    /// sinks of a query have to be begun, and what a run of another query left open ends at its time.
    ///
    /// # Errors
    /// When the cluster does not answer, or another run took over since this one did.
    pub fn last(&self) -> Result<Option<u64>> {
        let seen = self.read(Some(&self.own()))?;
        if self.claims > 1 {
            self.judge(&seen)?;
        }
        Ok(seen.batch)
    }

    fn own(&self) -> Claim {
        Claim { owner: self.owner.clone(), claim: self.claims }
    }

    /// Whether this run is still the one that began last.
    ///
    /// # Errors
    /// When it is not, or the cluster does not answer.
    pub fn check(&self) -> Result<()> {
        if self.claims == 0 { Ok(()) } else { self.judge(&self.read(None)?) }
    }

    fn judge(&self, seen: &Seen) -> Result<()> {
        if seen.claim.as_ref().is_some_and(|claim| claim.owner != self.owner) {
            let message = format!("another run writes for {} now", self.batch_key);
            return Err(
                Error::failed(message).hint("this one can commit nothing more; what it committed stays")
            );
        }
        Ok(())
    }

    /// Adds to the transaction that a batch is committed.
    ///
    /// # Errors
    /// When the client cannot go on.
    pub fn add(&self, producer: &mut Producer, batch: u64, rows: u64, now: Micros) -> Result<()> {
        self.put(producer, &self.batch_key, &text(&Commit { batch, rows })?, now)
    }

    fn put(&self, producer: &mut Producer, key: &str, value: &str, time: Micros) -> Result<()> {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        producer.send_beside(&self.topic, PARTITION, Outgoing { key, value, headers: &[], time, line: 0 })
    }

    /// Reads up to the run's own claim, or to the end.
    fn read(&self, own: Option<&Claim>) -> Result<Seen> {
        let mut topic = there(&Admin::new(&self.connection)?, &self.topic)?
            .ok_or_else(|| Error::failed(format!("topic '{}' is not there any more", self.topic)))?;
        topic.partitions.retain(|partition| partition.id == PARTITION as i32);
        let spans = Offsets::new(&self.connection)?.spans([&topic])?;
        let mut seen = Seen::default();
        let mut tail = Tail::start(&self.connection, &spans, own.is_some())?;
        tail.each(&self.topic, self.patience, &mut |record| self.note(record, own, &mut seen))?;
        Ok(seen)
    }

    /// Takes note of a record; breaks off at the run's own claim.
    fn note(&self, record: &Record, own: Option<&Claim>, seen: &mut Seen) -> Result<ControlFlow<()>> {
        // Whoever wants a query to be forgotten leaves a null.
        let (key, value) = (record.key.as_deref(), record.value.as_deref().unwrap_or(b"null"));
        let wrong = |error: serde_json::Error| {
            Error::failed(format!("topic '{}', offset {}: {error}", self.topic, record.offset))
        };
        if key == Some(self.batch_key.as_bytes()) {
            let commit: Option<Commit> = serde_json::from_slice(value).map_err(wrong)?;
            seen.batch = commit.map(|commit| commit.batch);
        } else if key == Some(self.claim_key.as_bytes()) {
            let claim: Option<Claim> = serde_json::from_slice(value).map_err(wrong)?;
            if own.is_some() && own == claim.as_ref() {
                return Ok(ControlFlow::Break(()));
            }
            seen.claim = claim;
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn there(admin: &Admin, topic: &str) -> Result<Option<TopicState>> {
    Ok(admin.cluster(PATIENCE)?.topic(topic).cloned())
}

/// A key that no other query and sink has.
fn key(parts: &[&str]) -> Result<String> {
    serde_json::to_string(parts).map_err(|error| Error::failed(error.to_string()))
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::failed(error.to_string()))
}
