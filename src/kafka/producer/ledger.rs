//! Where the answers to a producer's records are counted.

use super::{Latencies, Record};
use crate::Error;
use crate::kafka::admin::words;
use crate::kafka::context::Context;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::{ClientContext, Statistics};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A record that was not delivered for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Which of several topics it was for, where there are several.
    pub destination: usize,
    /// The record.
    pub record: Record,
    /// Whose fault it is.
    pub cause: Cause,
    /// It is larger than the topic's maximum.
    pub too_large: bool,
    /// What the client or the broker said.
    pub reason: String,
}

/// Why a record was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The client did not take it, so that a transaction goes on without it.
    NotTaken,
    /// The broker refused it.
    Refused,
    /// The broker refused another one that came with it.
    Neighbour,
    /// It was given up with its transaction.
    TakenBack,
    /// The broker did not answer in time.
    TimedOut,
    /// Something that no other record would change.
    Other,
}

impl Cause {
    fn of(code: RDKafkaErrorCode) -> Self {
        use RDKafkaErrorCode as Code;
        match code {
            Code::MessageSizeTooLarge
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation => Self::Refused,
            Code::InvalidDifferentRecord => Self::Neighbour,
            Code::PurgeQueue | Code::PurgeInflight => Self::TakenBack,
            Code::MessageTimedOut => Self::TimedOut,
            _ => Self::Other,
        }
    }
}

impl Undelivered {
    /// A record that failed with `code`.
    pub fn new(record: Record, code: RDKafkaErrorCode) -> Self {
        let too_large = code == RDKafkaErrorCode::MessageSizeTooLarge;
        Self { destination: 0, record, cause: Cause::of(code), too_large, reason: words(code) }
    }

    /// What it means for whoever waits for it: an unreachable error where the broker did not answer.
    pub fn error(&self, topic: &str, what: &str) -> Error {
        let message = format!("topic '{topic}' does not take {what}: {}", self.reason);
        match self.cause {
            Cause::TimedOut => Error::unreachable(message),
            _ => Error::failed(message),
        }
    }

    /// One that the client does not take, and why.
    pub fn not_taken(record: Record, reason: &str) -> Self {
        Self { destination: 0, record, cause: Cause::NotTaken, too_large: false, reason: reason.to_owned() }
    }
}

/// What became of the records so far.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    /// Records that all replicas have; of transactions, those that were not taken back.
    pub acknowledged: u64,
    /// Their bytes, keys and values.
    pub bytes: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// From handing over to acknowledgement.
    pub latencies: Latencies,
    /// Requests that were sent again.
    pub retries: u64,
    /// Connections to brokers that broke off; what was under way on them was sent again.
    pub disconnects: u64,
}

impl Receipts {
    /// Adds what others say.
    pub fn add(&mut self, other: &Self) {
        let Self { acknowledged, bytes, failed, latencies, retries, disconnects } = other;
        self.acknowledged += acknowledged;
        self.bytes += bytes;
        self.failed += failed;
        self.latencies.merge(latencies);
        self.retries += retries;
        self.disconnects += disconnects;
    }
}

/// Where the answers are counted.
pub struct Ledger {
    context: Context,
    /// One failure dooms all that is not committed yet.
    has_transactions: bool,
    /// Something was sent.
    in_use: AtomicBool,
    book: Mutex<Book>,
    reached: Condvar,
}

#[derive(Default)]
struct Book {
    receipts: Receipts,
    undelivered: Vec<Undelivered>,
    /// How many records have their answer.
    settled: u64,
    /// Whoever waits is woken at this many answers, and not at every one.
    awaited: Option<u64>,
    /// Nothing more will be acknowledged.
    doomed: bool,
    /// Records and bytes when the transaction began.
    before: (u64, u64),
}

impl Ledger {
    /// An empty ledger of a client that reports to `context`.
    pub fn new(context: Context, has_transactions: bool) -> Self {
        let (in_use, book, reached) = (AtomicBool::new(false), Mutex::default(), Condvar::new());
        Self { context, has_transactions, in_use, book, reached }
    }

    /// Something is sent, so that a broker that is away matters.
    pub fn use_it(&self) {
        self.in_use.store(true, Ordering::Relaxed);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records have their answer.
    pub fn settled(&self) -> u64 {
        self.book().settled
    }

    /// Adds what became of the records so far.
    pub fn add_receipts(&self, sum: &mut Receipts) {
        sum.add(&self.book().receipts);
    }

    /// The records that failed since this was asked last.
    pub fn take_undelivered(&self) -> Vec<Undelivered> {
        std::mem::take(&mut self.book().undelivered)
    }

    /// Waits for `settled` answers, at most for `patience` and as long as answers can be expected;
    /// whether they are there.
    pub fn wait_until(&self, settled: u64, patience: Duration) -> bool {
        self.wait(settled, patience, |book| book.settled < settled && !book.doomed)
    }

    /// The same, whether or not anything can still be acknowledged: failures are answers too.
    pub fn wait_for_all(&self, settled: u64, patience: Duration) -> bool {
        self.wait(settled, patience, |book| book.settled < settled)
    }

    fn wait(&self, settled: u64, patience: Duration, goes_on: impl Fn(&Book) -> bool) -> bool {
        let mut book = self.book();
        book.awaited = Some(settled);
        let waited = self.reached.wait_timeout_while(book, patience, |book| goes_on(book));
        let mut book = waited.unwrap_or_else(PoisonError::into_inner).0;
        book.awaited = None;
        book.settled >= settled
    }

    fn note(&self, change: impl FnOnce(&mut Book)) {
        let mut book = self.book();
        change(&mut book);
        if book.doomed || book.awaited.is_some_and(|awaited| book.settled >= awaited) {
            self.reached.notify_all();
        }
    }

    /// A record failed for good.
    pub fn fail(&self, record: Undelivered) {
        self.note(|book| {
            book.doomed |= self.has_transactions && record.cause != Cause::NotTaken;
            book.settled += 1;
            book.receipts.failed += 1;
            book.undelivered.push(record);
        });
    }

    /// A transaction begins.
    pub fn remember(&self) {
        let mut book = self.book();
        book.before = (book.receipts.acknowledged, book.receipts.bytes);
    }

    /// The transaction was taken back, so nobody has its records, and of the `sent` so far none is awaited.
    pub fn forget(&self, sent: u64) {
        let mut book = self.book();
        book.settled = sent;
        (book.receipts.acknowledged, book.receipts.bytes) = book.before;
        book.doomed = false;
    }
}

impl ProducerContext for Ledger {
    /// Where a record came from.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, line: usize) {
        match result {
            Ok(message) => {
                let (bytes, micros) = (message.payload_len() + message.key_len(), latency(message));
                self.note(|book| {
                    book.settled += 1;
                    book.receipts.acknowledged += 1;
                    book.receipts.bytes += bytes as u64;
                    book.receipts.latencies.add(micros);
                });
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                let record = Record {
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    time: message.timestamp().to_millis().unwrap_or_default().saturating_mul(1_000),
                    line: line as u64,
                };
                self.fail(Undelivered::new(record, code));
            }
        }
    }
}

/// How long a record was with the client, in microseconds. The client knows it, so that no record has to
/// carry the time at which it was handed over.
fn latency(message: &BorrowedMessage<'_>) -> u64 {
    // SAFETY: the message is alive as long as it is borrowed, and the call only reads from it.
    #[expect(unsafe_code, reason = "rdkafka does not offer it")]
    let micros = unsafe { rdkafka_sys::rd_kafka_message_latency(message.ptr()) };
    micros.max(0).unsigned_abs()
}

impl ClientContext for Ledger {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => self.note(|book| book.doomed = true),
            Some(RDKafkaErrorCode::AllBrokersDown) if self.in_use.load(Ordering::Relaxed) => {
                tracing::warn!("no broker answers: records wait until one does, or their time is over");
            }
            _ => {}
        }
        self.context.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let brokers = statistics.brokers.values();
        // The address that was given is only asked for the brokers behind it.
        let known = brokers.clone().filter(|broker| broker.nodeid >= 0);
        let mut book = self.book();
        book.receipts.retries = brokers.map(|broker| broker.txretries).sum();
        book.receipts.disconnects = known.filter_map(|broker| u64::try_from(broker.disconnects?).ok()).sum();
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.context.generate_oauth_token(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    #[test]
    fn a_record_that_no_broker_answered_for_may_go_later() {
        use RDKafkaErrorCode as Code;
        for (code, fault) in
            [(Code::MessageTimedOut, Fault::Unreachable), (Code::InvalidRecord, Fault::Failed)]
        {
            let record = Record { key: None, value: None, time: 0, line: 1 };
            let error = Undelivered::new(record, code).error("t", "a record");
            assert_eq!(error.fault(), fault);
            assert!(error.message().starts_with("topic 't' does not take a record: "), "{error}");
        }
    }
}
