//! Records of a topic as they stand there, from given offsets: for people to look at, and for what is kept in a topic.

pub use super::batch::{Header, Message};

use super::admin::{TopicState, code_of, denied, failed};
use super::batch::{self, Queue};
use super::config::Connection;
use super::context::Context;
use super::offsets::{Offsets, Partition, Span};
use crate::clock::Micros;
use crate::engine::source::SourceRecord;
use crate::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a topic may give nothing before its end.
const SILENCE: Duration = Duration::from_secs(30);

/// How long one look waits for a record.
const LOOK: Duration = Duration::from_millis(100);

/// So many records are taken from the client at once, at most.
const MANY: usize = 4_096;

/// A record as it stands in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
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
    /// Its headers, in order; a value may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Reads partitions of a topic from given offsets, up to given ends or for ever.
pub struct Tail {
    /// What was taken from the client; before the client, as it must be dropped first.
    batch: Vec<Message>,
    /// How many of it were given out by [`Self::next`].
    given: usize,
    queue: Queue,
    consumer: Arc<BaseConsumer<Context>>,
    topic: String,
    /// Where each partition that is still being read ends; `None` when all are read for ever.
    ends: Option<BTreeMap<i32, i64>>,
    /// Why no more can be read behind the batch.
    lost: Option<RDKafkaErrorCode>,
}

impl Tail {
    /// Reads each partition from its span's first offset; with `follow` for ever, else up to the span's end. The
    /// spans are of one topic.
    ///
    /// # Errors
    /// A usage error where a client setting is wrong.
    pub fn start(connection: &Connection, spans: &BTreeMap<Partition, Span>, follow: bool) -> Result<Self> {
        let consumer = connection.reader(&[
            ("fetch.wait.max.ms", "100"),
            ("fetch.queue.backoff.ms", "2"),
            ("queued.max.messages.kbytes", "16384"),
        ])?;
        let read: Vec<_> = spans.iter().filter(|(_, span)| follow || span.records() > 0).collect();
        let topic = read.first().map_or("", |((topic, _), _)| topic.as_str());
        let queue = Queue::new(consumer.clone(), topic, read.iter().map(|((_, partition), _)| *partition))?;
        let wrong = failed("reading");
        let mut assignment = TopicPartitionList::new();
        for ((topic, partition), span) in &read {
            assignment.add_partition_offset(topic, *partition, Offset::Offset(span.first)).map_err(&wrong)?;
        }
        consumer.assign(&assignment).map_err(&wrong)?;
        let ends = read.iter().map(|((_, partition), span)| (*partition, span.next));
        let ends = (!follow).then(|| ends.collect());
        let topic = topic.to_string();
        Ok(Self { batch: Vec::new(), given: 0, queue, consumer, topic, ends, lost: None })
    }

    /// The next record; `None` when none came within `patience`.
    ///
    /// # Errors
    /// When the cluster cannot be read any more.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Record>> {
        if self.given == self.batch.len() {
            self.fetch(patience)?;
        }
        let next = self.batch.get(self.given).map(Record::from);
        self.given += usize::from(next.is_some());
        Ok(next)
    }

    /// The records that are there; none when none came within `patience`.
    ///
    /// # Errors
    /// When the cluster cannot be read any more.
    pub fn batch(&mut self, patience: Duration) -> Result<&[Message]> {
        self.fetch(patience)?;
        self.given = self.batch.len();
        Ok(&self.batch)
    }

    /// Whether it is not read for ever.
    pub fn has_end(&self) -> bool {
        self.ends.is_some()
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
        self.given == self.batch.len() && self.ends.as_ref().is_some_and(BTreeMap::is_empty)
    }

    fn fetch(&mut self, patience: Duration) -> Result<()> {
        let right = format!("READ on topic '{}'", self.topic);
        let wrong = denied("reading", &right);
        // Errors, log lines and tokens to be renewed stay in the client's own queue. The group that the client has to name is
        // nobody's, so nobody needs a right to it.
        let of_group = Some(RDKafkaErrorCode::GroupAuthorizationFailed);
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            if let Err(error) = polled
                && code_of(&error) != of_group
            {
                return Err(wrong(error));
            }
        }
        self.given = 0;
        self.batch.clear();
        if self.at_end() {
            return Ok(());
        }
        let Self { queue, batch, ends, lost, .. } = self;
        if lost.is_none() {
            queue.keep(MANY, patience, batch);
        }
        batch.retain(|message| match message.error() {
            None => is_within(ends, message),
            Some(RDKafkaErrorCode::PartitionEOF) => {
                reached(ends, message.partition(), i64::MAX);
                false
            }
            Some(code) => {
                *lost = Some(code);
                false
            }
        });
        match lost.take_if(|_| batch.is_empty()) {
            Some(code) => Err(wrong(KafkaError::MessageConsumption(code))),
            None => Ok(()),
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.batch.clear();
        batch::close(&self.consumer);
    }
}

/// Whether a record is before the end of its partition, which may be reached by it.
fn is_within(ends: &mut Option<BTreeMap<i32, i64>>, message: &Message) -> bool {
    let (partition, offset) = (message.partition(), message.offset());
    let before = |ends: &BTreeMap<_, _>| ends.get(&partition).is_some_and(|end| offset < *end);
    let within = ends.as_ref().is_none_or(before);
    reached(ends, partition, offset.saturating_add(1));
    within
}

fn reached(ends: &mut Option<BTreeMap<i32, i64>>, partition: i32, next: i64) {
    if let Some(ends) = ends
        && ends.get(&partition).is_some_and(|end| next >= *end)
    {
        ends.remove(&partition);
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

impl<'a> From<&'a Record> for SourceRecord<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.time.unwrap_or(0),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            in_file: None,
        }
    }
}

impl From<&Message> for Record {
    fn from(message: &Message) -> Self {
        let headers = message.headers().into_iter();
        Self {
            partition: message.partition(),
            offset: message.offset(),
            time: message.timestamp().map(|millis| millis.saturating_mul(1_000)),
            key: message.key().map(<[u8]>::to_vec),
            value: message.value().map(<[u8]>::to_vec),
            headers: headers.map(|(name, value)| (name.into_owned(), value.map(<[u8]>::to_vec))).collect(),
        }
    }
}
