//! One client of a producer, with its own queue, its own connection and its own thread that packs batches.

use super::ledger::{Cause, Ledger, Receipts, Undelivered};
use super::{BRIEFLY, Outgoing, QUEUE_RECORDS, Record};
use crate::Result;
use crate::kafka::config::{Connection, wrong_setting};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};
use std::time::Duration;

/// A client, and how many records it was given.
pub struct Lane {
    client: ThreadedProducer<Ledger>,
    sent: u64,
}

impl Lane {
    /// A client with these settings.
    ///
    /// # Errors
    /// A usage error where a setting is wrong.
    pub fn new(config: &ClientConfig, connection: &Connection, has_transactions: bool) -> Result<Self> {
        let ledger = Ledger::new(connection.context(), has_transactions);
        let client = config.create_with_context(ledger).map_err(|error| wrong_setting(&error))?;
        Ok(Self { client, sent: 0 })
    }

    /// The client itself.
    pub fn client(&self) -> &ThreadedProducer<Ledger> {
        &self.client
    }

    /// Hands a record over, waiting while the queue is full. What is refused at once counts as failed.
    ///
    /// # Errors
    /// When the client cannot go on at all.
    pub fn send(&mut self, topic: &str, partition: u32, record: Outgoing) -> Result<(), KafkaError> {
        self.sent += 1;
        self.ledger().use_it();
        let mut message =
            BaseRecord::with_opaque_to(topic, record.line as usize).timestamp(record.time.div_euclid(1_000));
        (message.key, message.payload) = (record.key, record.value);
        message.partition = Some(partition as i32);
        message.headers = headers(record.headers);
        while let Err((error, refused)) = self.client.send(message) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.wait_for_room(),
                Some(RDKafkaErrorCode::Fatal) | None => return Err(error),
                Some(code) => {
                    let failed = Undelivered::new(Record::from(&record), code);
                    self.ledger().fail(Undelivered { cause: Cause::NotTaken, ..failed });
                    return Ok(());
                }
            }
            message = refused;
        }
        Ok(())
    }

    /// Counts a record as failed that is not to be sent.
    pub fn refuse(&mut self, record: &Outgoing, reason: &str) {
        self.sent += 1;
        self.ledger().fail(Undelivered::not_taken(record.into(), reason));
    }

    /// Waits until every record so far is acknowledged or has failed, as long as answers can be expected;
    /// whether they are there.
    pub fn settle(&self) -> bool {
        self.ledger().wait_until(self.sent, Duration::MAX)
    }

    /// Lets go of what is under way: nothing more of it would be acknowledged.
    pub fn give_up(&self) {
        self.client.purge(PurgeConfig::default().queue().inflight());
        self.ledger().wait_for_all(self.sent, BRIEFLY);
    }

    /// A transaction begins.
    pub fn remember(&self) {
        self.ledger().remember();
    }

    /// The transaction was taken back.
    pub fn forget(&self) {
        self.ledger().forget(self.sent);
    }

    /// Why the client cannot go on, if it cannot.
    pub fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.client.client().fatal_error()
    }

    /// The records that failed since this was asked last.
    pub fn take_undelivered(&self) -> Vec<Undelivered> {
        self.ledger().take_undelivered()
    }

    /// Adds what became of the records so far.
    pub fn add_receipts(&self, sum: &mut Receipts) {
        self.ledger().add_receipts(sum);
    }

    fn ledger(&self) -> &Ledger {
        self.client.context()
    }

    /// Waits until a tenth of the queue is free, or a moment: bytes may fill it before records do.
    fn wait_for_room(&self) {
        let settled = self.ledger().settled();
        self.ledger().wait_for_all(settled + QUEUE_RECORDS / 10, Duration::from_millis(20));
    }
}

fn headers(headers: &[(&str, &[u8])]) -> Option<OwnedHeaders> {
    let all = OwnedHeaders::new_with_capacity(headers.len());
    let add =
        |all: OwnedHeaders, (key, value): &(&str, &[u8])| all.insert(Header { key, value: Some(*value) });
    (!headers.is_empty()).then(|| headers.iter().fold(all, add))
}
