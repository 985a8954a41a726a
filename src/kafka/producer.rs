//! Records into one topic: idempotent, acknowledged by all replicas, counted until the last answer.

mod latency;

pub use latency::Latencies;

use super::config::{Connection, wrong_setting};
use super::context::Context;
use crate::catalog::Topic;
use crate::clock::Micros;
use crate::{Error, Result};
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Statistics};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What waits to be sent is bounded, whatever the size of the source: 32 MiB, or this many records.
const QUEUE_KILOBYTES: usize = 32 * 1024;
const QUEUE_RECORDS: u64 = 100_000;

/// One record on its way.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The key, if it has one; it decides the partition.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a null.
    pub value: Option<&'a [u8]>,
    /// What stands beside them, by name.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The record's timestamp.
    pub time: Micros,
    /// Where it came from, given back when it fails.
    pub line: u64,
}

/// A record that was not delivered for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Where it came from.
    pub line: u64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// It is larger than the topic's maximum.
    pub too_large: bool,
    /// The broker did not answer in time.
    pub timed_out: bool,
    /// What the client or the broker said.
    pub reason: String,
}

/// What became of the records so far.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    /// Records that all replicas have.
    pub acknowledged: u64,
    /// Their bytes, keys and values.
    pub bytes: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// From handing over to acknowledgement.
    pub latencies: Latencies,
    /// Requests that were sent again.
    pub retries: u64,
}

/// A producer for one topic.
pub struct Producer {
    client: ThreadedProducer<Ledger>,
    topic: String,
    sent: u64,
}

impl Producer {
    /// A producer for `topic`, with the catalog's compression and maximum size. A record that is not
    /// acknowledged within `patience` has failed. `linger` is how long a record may wait for others to
    /// share its request.
    ///
    /// # Errors
    /// When the cluster has no such topic; a usage error where a client setting is wrong.
    pub fn new(connection: &Connection, topic: &Topic, linger: Duration, patience: Duration) -> Result<Self> {
        let mut config = connection.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("compression.codec", topic.compression())
            .set("message.max.bytes", topic.max_message_bytes().to_string())
            .set("batch.size", topic.max_message_bytes().min(1 << 20).to_string())
            .set("linger.ms", linger.as_millis().to_string())
            .set("delivery.timeout.ms", patience.as_millis().to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KILOBYTES.to_string())
            .set("queue.buffering.max.messages", QUEUE_RECORDS.to_string())
            .set("statistics.interval.ms", "250");
        require(connection, &topic.name)?;
        let ledger = Ledger::new(connection.context());
        let client = config.create_with_context(ledger).map_err(|error| wrong_setting(&error))?;
        Ok(Self { client, topic: topic.name.clone(), sent: 0 })
    }

    /// Hands a record over, waiting while the queue is full. What is refused at once counts as failed.
    ///
    /// # Errors
    /// When the client cannot go on at all.
    pub fn send(&mut self, record: Outgoing) -> Result<()> {
        self.sent += 1;
        let ticket = Box::new(Ticket { line: record.line, handed_over: Instant::now() });
        let mut message =
            BaseRecord::with_opaque_to(&self.topic, ticket).timestamp(record.time.div_euclid(1_000));
        (message.key, message.payload) = (record.key, record.value);
        if !record.headers.is_empty() {
            let all = OwnedHeaders::new_with_capacity(record.headers.len());
            let add = |all: OwnedHeaders, (key, value): &(&str, &[u8])| {
                all.insert(Header { key, value: Some(*value) })
            };
            message.headers = Some(record.headers.iter().fold(all, add));
        }
        while let Err((error, refused)) = self.client.send(message) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.wait_for_room(),
                Some(RDKafkaErrorCode::Fatal) | None => return Err(self.broken(&error)),
                Some(code) => {
                    self.ledger().fail(undelivered(
                        record.line,
                        record.key,
                        record.value.unwrap_or_default(),
                        code,
                    ));
                    return Ok(());
                }
            }
            message = refused;
        }
        Ok(())
    }

    /// Waits until every record so far is acknowledged or has failed.
    pub fn settle(&self) {
        self.ledger().wait_until(self.sent, Duration::MAX);
    }

    /// The records that failed since this was asked last.
    pub fn take_undelivered(&self) -> Vec<Undelivered> {
        std::mem::take(&mut self.ledger().book().undelivered)
    }

    /// What became of the records so far.
    pub fn receipts(&self) -> Receipts {
        self.ledger().book().receipts.clone()
    }

    fn ledger(&self) -> &Ledger {
        self.client.context()
    }

    /// Waits until a tenth of the queue is free, or a moment: bytes may fill it before records do.
    fn wait_for_room(&self) {
        let settled = self.ledger().book().settled();
        self.ledger().wait_until(settled + QUEUE_RECORDS / 10, Duration::from_millis(20));
    }

    fn broken(&self, error: &KafkaError) -> Error {
        let reason = self.client.client().fatal_error().map_or(error.to_string(), |(_, reason)| reason);
        Error::failed(format!("the producer cannot go on: {reason}"))
    }
}

/// Asks for all topics, so that no broker creates the one that is asked for.
fn require(connection: &Connection, topic: &str) -> Result<()> {
    let metadata = connection.questioner()?.fetch_metadata(None, Duration::from_secs(8));
    let metadata =
        metadata.map_err(|error| Error::unreachable(format!("cannot list the topics: {error}")))?;
    if metadata.topics().iter().any(|there| there.name() == topic) {
        return Ok(());
    }
    Err(Error::failed(format!("topic '{topic}' is not there"))
        .hint("make it with `ecap-topics create-topics`"))
}

/// What a record carries with it until its answer comes.
struct Ticket {
    line: u64,
    handed_over: Instant,
}

/// Where the answers are counted.
struct Ledger {
    context: Context,
    book: Mutex<Book>,
    reached: Condvar,
}

#[derive(Default)]
struct Book {
    receipts: Receipts,
    undelivered: Vec<Undelivered>,
    /// Whoever waits is woken at this many answers, and not at every one.
    awaited: Option<u64>,
}

impl Book {
    fn settled(&self) -> u64 {
        self.receipts.acknowledged + self.receipts.failed
    }
}

impl Ledger {
    fn new(context: Context) -> Self {
        Self { context, book: Mutex::default(), reached: Condvar::new() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, settled: u64, patience: Duration) {
        let mut book = self.book();
        book.awaited = Some(settled);
        let waited = self.reached.wait_timeout_while(book, patience, |book| book.settled() < settled);
        waited.unwrap_or_else(PoisonError::into_inner).0.awaited = None;
    }

    fn note(&self, change: impl FnOnce(&mut Book)) {
        let mut book = self.book();
        change(&mut book);
        if book.awaited.is_some_and(|awaited| book.settled() >= awaited) {
            self.reached.notify_all();
        }
    }

    fn fail(&self, record: Undelivered) {
        self.note(|book| {
            book.receipts.failed += 1;
            book.undelivered.push(record);
        });
    }
}

impl ProducerContext for Ledger {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        match result {
            Ok(message) => self.note(|book| {
                book.receipts.acknowledged += 1;
                book.receipts.bytes += (message.payload_len() + message.key_len()) as u64;
                book.receipts.latencies.add(ticket.handed_over.elapsed().as_micros() as u64);
            }),
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                let value = message.payload().unwrap_or_default();
                self.fail(undelivered(ticket.line, message.key(), value, code));
            }
        }
    }
}

impl ClientContext for Ledger {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.book().receipts.retries = statistics.brokers.values().map(|broker| broker.txretries).sum();
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.context.generate_oauth_token(config)
    }
}

fn undelivered(line: u64, key: Option<&[u8]>, value: &[u8], code: RDKafkaErrorCode) -> Undelivered {
    Undelivered {
        line,
        key: key.map(<[u8]>::to_vec),
        value: value.to_vec(),
        too_large: code == RDKafkaErrorCode::MessageSizeTooLarge,
        timed_out: code == RDKafkaErrorCode::MessageTimedOut,
        reason: code.to_string(),
    }
}
