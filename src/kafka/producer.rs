//! Records into one topic: idempotent, acknowledged by all replicas, counted until the last answer.

mod facts;
mod lane;
mod latency;
mod ledger;
mod record;
mod target;
mod transactions;

pub use latency::Latencies;
pub use ledger::{Cause, Receipts, Undelivered};
pub use record::{Outgoing, Record};
pub use transactions::{Mark, position_group, positioned};

use super::config::Connection;
use crate::catalog::Topic;
use crate::{Error, Result};
use lane::Lane;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use std::time::Duration;
use target::Target;
use transactions::Transactions;

/// What waits to be sent is bounded, whatever the size of the source: 32 MiB, or this many records.
const QUEUE_KILOBYTES: u32 = 32 * 1024;
const QUEUE_RECORDS: u64 = 100_000;

/// The client knows no smaller limit of a request; what is between them the broker refuses.
const LEAST: usize = 1_000;

const KEYLESS_REASON: &str = "a compacted topic takes no record without a key";

/// How long the client may take to give up what it was told to give up.
const BRIEFLY: Duration = Duration::from_secs(5);

/// A producer for a topic. Several clients side by side share its partitions: each packs its batches on a
/// thread of its own, and a partition, and with it a key, belongs to one of them, so that order holds.
pub struct Producer {
    lanes: Vec<Lane>,
    /// Its topic, and those that were added.
    targets: Vec<Target>,
    transactions: Option<Transactions>,
    /// A transaction was begun and is not committed.
    is_open: bool,
}

impl Producer {
    /// A producer for `topic`, with the catalog's compression and maximum size. A record that is not
    /// acknowledged within `patience` has failed. `linger` is how long a record may wait for others to
    /// share its request.
    ///
    /// # Errors
    /// When no broker answers, or the cluster has no such topic; a usage error where a client setting is wrong.
    pub fn new(connection: &Connection, topic: &Topic, linger: Duration, patience: Duration) -> Result<Self> {
        Self::wide(connection, topic, (linger, patience), 1)
    }

    /// The same with so many clients side by side, one for each partition at most.
    ///
    /// # Errors
    /// As with one.
    pub fn wide(
        connection: &Connection,
        topic: &Topic,
        (linger, patience): (Duration, Duration),
        clients: u32,
    ) -> Result<Self> {
        let clients = clients.max(1);
        let lanes = |most| {
            let config = settings(connection, topic, most, (linger, patience), clients);
            (0..clients).map(|_| Lane::new(&config, connection, false)).collect()
        };
        Self::of(lanes, connection, topic)
    }

    /// The same with transactions: what is sent between [`Self::begin`] and [`Self::commit`] is seen as a
    /// whole or not at all. No other producer with this `id` can commit anything from now on, and what
    /// the last one left open is aborted.
    ///
    /// # Errors
    /// As without, and when the cluster does not give the id.
    pub fn transactional(
        connection: &Connection,
        topic: &Topic,
        (linger, patience): (Duration, Duration),
        id: &str,
    ) -> Result<Self> {
        let transactions = Transactions::marking(connection, &topic.name, id, patience)?;
        Self::with(connection, topic, (linger, patience), transactions)
    }

    /// The same, where a transaction may last as long as `longest`, and nothing marks how far its source has come.
    ///
    /// # Errors
    /// As there.
    pub fn unmarked(
        connection: &Connection,
        topic: &Topic,
        (linger, patience): (Duration, Duration),
        id: &str,
        longest: Duration,
    ) -> Result<Self> {
        let transactions = Transactions::new(id, patience, longest);
        Self::with(connection, topic, (linger, patience), transactions)
    }

    fn with(
        connection: &Connection,
        topic: &Topic,
        timing: (Duration, Duration),
        transactions: Transactions,
    ) -> Result<Self> {
        let lanes = |most| {
            let mut config = settings(connection, topic, most, timing, 1);
            transactions.configure(&mut config);
            Ok(vec![Lane::new(&config, connection, true)?])
        };
        let mut producer = Self::of(lanes, connection, topic)?;
        producer.lanes.iter().try_for_each(|lane| transactions.init(lane.client()))?;
        producer.transactions = Some(transactions);
        Ok(producer)
    }

    fn of(
        lanes: impl Fn(usize) -> Result<Vec<Lane>>,
        connection: &Connection,
        topic: &Topic,
    ) -> Result<Self> {
        let most = topic.max_message_bytes();
        // Before anything is asked for, as they take a while until they may send.
        let mut own = lanes(most)?;
        connection.check()?;
        let target = Target::of(connection, &topic.name)?;
        if let Some(less) = target.most.filter(|less| *less < most) {
            own = lanes(less.max(LEAST))?;
        }
        own.truncate(target.partitions as usize);
        Ok(Self { lanes: own, targets: vec![target], transactions: None, is_open: false })
    }

    /// Adds a topic, for [`Self::send_to`]; gives its number. That which the producer is for has the number 0.
    ///
    /// # Errors
    /// When it is not there, or the cluster does not answer.
    pub fn add(&mut self, connection: &Connection, topic: &str) -> Result<usize> {
        self.targets.push(Target::of(connection, topic)?);
        Ok(self.targets.len() - 1)
    }

    /// Hands a record over, waiting while the queue is full. What is refused at once counts as failed.
    ///
    /// # Errors
    /// When the client cannot go on at all.
    pub fn send(&mut self, record: Outgoing) -> Result<()> {
        self.send_to(0, record)
    }

    /// Hands a record over for the topic of this number.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_to(&mut self, number: usize, record: Outgoing) -> Result<()> {
        let target = &mut self.targets[number];
        let Some(partition) = target.partition(record.key) else {
            self.lanes.iter_mut().take(1).for_each(|lane| lane.refuse(&record, KEYLESS_REASON));
            return Ok(());
        };
        let lane = partition as usize % self.lanes.len();
        let sent = self.lanes[lane].send(&target.topic, partition, record);
        sent.map_err(|error| self.broken(&error))
    }

    /// Hands a record for a partition of any topic over.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_beside(&mut self, topic: &str, partition: u32, record: Outgoing) -> Result<()> {
        let sent = self.lanes[0].send(topic, partition, record);
        sent.map_err(|error| self.broken(&error))
    }

    /// Waits until every record so far is acknowledged or has failed; of a transaction that cannot be
    /// committed any more, only until that is known.
    pub fn settle(&self) {
        for lane in &self.lanes {
            if !lane.settle() && self.transactions.is_none() {
                lane.give_up();
            }
        }
    }

    /// Whether the client can go on.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self) -> Result<()> {
        let fatal = self.lanes.iter().find_map(Lane::fatal_error);
        fatal.map_or(Ok(()), |(code, _)| Err(self.broken(&KafkaError::MessageProduction(code))))
    }

    /// Whether another producer took the transactional id over, or the broker took it away, as it does with a
    /// transaction that lasts too long.
    pub fn is_fenced(&self) -> bool {
        let code = |lane: &Lane| lane.fatal_error().map(|(code, _)| code);
        self.lanes.iter().filter_map(code).any(|code| transactions::FENCED.contains(&code))
    }

    /// Begins a transaction, where there are transactions.
    ///
    /// # Errors
    /// When another producer has the id now, or the broker does not answer.
    pub fn begin(&mut self) -> Result<()> {
        let (Some(transactions), [lane]) = (&self.transactions, &self.lanes[..]) else { return Ok(()) };
        transactions.begin(lane.client())?;
        lane.remember();
        self.is_open = true;
        Ok(())
    }

    /// Commits what was sent since [`Self::begin`], and a mark with it, once everything is settled.
    ///
    /// # Errors
    /// When another producer has the id now, or the broker does not answer; then it is not known whether
    /// it is committed.
    pub fn commit(&mut self, mark: Option<&Mark>) -> Result<()> {
        let (Some(transactions), [lane]) = (&self.transactions, &self.lanes[..]) else { return Ok(()) };
        transactions.commit(lane.client(), mark)?;
        self.is_open = false;
        Ok(())
    }

    /// Takes back what was sent since [`Self::begin`], as far as the broker can still be told; nobody
    /// sees it in any case. Gives the records that had failed, and those that were given up.
    pub fn abort(&mut self) -> Vec<Undelivered> {
        let (Some(transactions), [lane], true) = (&self.transactions, &self.lanes[..], self.is_open) else {
            return Vec::new();
        };
        transactions.abort(lane.client());
        lane.give_up();
        lane.forget();
        self.is_open = false;
        lane.take_undelivered()
    }

    /// The mark that was committed last with this transactional id into this topic.
    ///
    /// # Errors
    /// When the broker does not tell it.
    pub fn last_mark(&self) -> Result<Option<Mark>> {
        self.transactions.as_ref().map_or(Ok(None), Transactions::last)
    }

    /// The records that failed since this was asked last.
    pub fn take_undelivered(&self) -> Vec<Undelivered> {
        self.lanes.iter().flat_map(Lane::take_undelivered).collect()
    }

    /// What became of the records so far.
    pub fn receipts(&self) -> Receipts {
        let mut sum = Receipts::default();
        self.lanes.iter().for_each(|lane| lane.add_receipts(&mut sum));
        sum
    }

    fn broken(&self, error: &KafkaError) -> Error {
        let (code, reason) = match self.lanes.iter().find_map(Lane::fatal_error) {
            Some((code, reason)) => (Some(code), reason),
            None => (error.rdkafka_error_code(), error.to_string()),
        };
        match &self.transactions {
            Some(transactions) => transactions.wrong("cannot go on", code, &reason),
            None => Error::failed(format!("the producer cannot go on: {reason}")),
        }
    }
}

/// The settings of each of so many clients, for records of at most `most` bytes: those that are promised, and under the user's own those that are
/// only better.
fn settings(
    connection: &Connection,
    topic: &Topic,
    most: usize,
    (linger, patience): (Duration, Duration),
    clients: u32,
) -> ClientConfig {
    let mut connection = connection.clone();
    connection.prefer(&[
        ("compression.type", topic.compression()),
        ("batch.size", &most.min(1 << 20).to_string()),
        ("linger.ms", &linger.as_millis().to_string()),
        ("queue.buffering.max.kbytes", &(QUEUE_KILOBYTES / clients).to_string()),
        ("queue.buffering.max.messages", &QUEUE_RECORDS.to_string()),
    ]);
    let mut config = connection.client();
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.max.bytes", most.to_string())
        .set("delivery.timeout.ms", patience.as_millis().to_string())
        .set("statistics.interval.ms", "250");
    config
}
