//! Records of a topic one by one, for people to look at.

use super::admin::{TopicState, failed};
use super::config::{Connection, wrong_setting};
use super::context::Context;
use super::offsets::{Offsets, Partition, Span};
use crate::clock::Micros;
use crate::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How long a topic may give nothing before its end.
const SILENCE: Duration = Duration::from_secs(30);

/// How long one look waits for a record.
const LOOK: Duration = Duration::from_millis(100);

/// A record as it stands in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp, if it has one.
    pub time: Option<Micros>,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Reads partitions from given offsets, up to given ends or for ever.
pub struct Tail {
    consumer: BaseConsumer<Context>,
    /// Where each partition that is still being read ends; `None` when all are read for ever.
    ends: Option<BTreeMap<i32, i64>>,
}

impl Tail {
    /// Reads each partition from its span's first offset; with `follow` for ever, else up to the span's end.
    ///
    /// # Errors
    /// A usage error where a client setting is wrong.
    pub fn start(connection: &Connection, spans: &BTreeMap<Partition, Span>, follow: bool) -> Result<Self> {
        let mut config = connection.client();
        config
            .set("group.id", "ecap-questions")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "16384");
        let consumer: BaseConsumer<Context> =
            config.create_with_context(connection.context()).map_err(|error| wrong_setting(&error))?;
        let read: Vec<_> = spans.iter().filter(|(_, span)| follow || span.records() > 0).collect();
        let wrong = failed("reading");
        let mut assignment = TopicPartitionList::new();
        for ((topic, partition), span) in &read {
            assignment.add_partition_offset(topic, *partition, Offset::Offset(span.first)).map_err(&wrong)?;
        }
        consumer.assign(&assignment).map_err(&wrong)?;
        let ends = read.iter().map(|((_, partition), span)| (*partition, span.next));
        Ok(Self { consumer, ends: (!follow).then(|| ends.collect()) })
    }

    /// The next record; `None` when none came within `patience`.
    ///
    /// # Errors
    /// When the cluster cannot be read any more.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Record>> {
        match self.consumer.poll(patience) {
            None => Ok(None),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.reached(partition, i64::MAX);
                Ok(None)
            }
            Some(Err(error)) => Err(failed("reading")(error)),
            Some(Ok(message)) => {
                let record = Record::from(&message);
                let within = self.is_within(&record);
                self.reached(record.partition, record.offset.saturating_add(1));
                Ok(within.then_some(record))
            }
        }
    }

    /// Gives each record up to the ends, or until `take` breaks off.
    ///
    /// # Errors
    /// An unreachable error when none comes within `patience`; what `take` says.
    pub fn each(
        &mut self,
        topic: &str,
        patience: Duration,
        take: &mut dyn FnMut(&Record) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut heard = Instant::now();
        while !self.at_end() {
            if let Some(record) = self.next(LOOK)? {
                heard = Instant::now();
                if take(&record)?.is_break() {
                    break;
                }
            } else if heard.elapsed() > patience {
                let waited = patience.as_secs();
                let message = format!("topic '{topic}' could not be read to its end for {waited} s");
                return Err(Error::unreachable(message).hint(
                    "a transaction that a writer left open may be before it; the broker ends it at its time",
                ));
            }
        }
        Ok(())
    }

    /// Whether every partition was read up to its end.
    pub fn at_end(&self) -> bool {
        self.ends.as_ref().is_some_and(BTreeMap::is_empty)
    }

    fn is_within(&self, record: &Record) -> bool {
        let before =
            |ends: &BTreeMap<_, _>| ends.get(&record.partition).is_some_and(|end| record.offset < *end);
        self.ends.as_ref().is_none_or(before)
    }

    fn reached(&mut self, partition: i32, next: i64) {
        if let Some(ends) = &mut self.ends
            && ends.get(&partition).is_some_and(|end| next >= *end)
        {
            ends.remove(&partition);
        }
    }
}

/// Gives each record that a topic has at this moment, or those of the partitions that `topic` names.
///
/// # Errors
/// When the topic cannot be read to its end; what `take` says.
pub fn read_to_end(
    connection: &Connection,
    topic: &TopicState,
    take: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<()> {
    let spans = Offsets::new(connection)?.spans([topic])?;
    let mut each = |record: &Record| take(record).map(ControlFlow::Continue);
    Tail::start(connection, &spans, false)?.each(&topic.name, SILENCE, &mut each)
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            topic: message.topic().to_string(),
            partition: message.partition(),
            offset: message.offset(),
            time: message.timestamp().to_millis().map(|millis| millis.saturating_mul(1_000)),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_string(), header.value.unwrap_or_default().to_vec()))
                .collect(),
        }
    }
}
