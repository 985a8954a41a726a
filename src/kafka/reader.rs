//! A topic read partition by partition, from numbers and not from logical offsets: these would cost
//! half a second before the first record.

use super::batch::{Message, Queue};
use super::config::{Connection, wrong_setting};
use super::context::Context;
use crate::clock::Micros;
use crate::engine::source::{Position, Source, SourceRecord};
use crate::{Error, Result, units};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the broker may take to answer a question.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long until a question is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// How long more records are waited for once some are there.
const PAUSE: Duration = Duration::from_millis(2);

/// What a record is taken to measure while none was seen.
const LARGE: usize = 64 << 10;

/// So many messages are taken from the client at once, at most; fewer where they are large.
const MANY: usize = 4_096;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The first record that is there.
    Earliest,
    /// Behind the last record that is there.
    Latest,
    /// The first record at or after a time, in microseconds since the epoch.
    Time(Micros),
}

impl std::str::FromStr for From {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            _ => units::parse_time(text)
                .map(Self::Time)
                .map_err(|error| error.hint("earliest, latest, or a time")),
        }
    }
}

/// Reads all partitions of one topic.
pub struct Reader {
    queue: Queue,
    consumer: Arc<BaseConsumer<Context>>,
    topic: String,
    positions: BTreeMap<i32, Position>,
    stops_at_ends: bool,
    mirrored: BTreeMap<i32, i64>,
    /// The size of the largest record that was taken last, in bytes.
    largest: usize,
    pause: Duration,
}

impl Reader {
    /// A reader of `topic` whose positions are shown as consumer group `group`. `memory` bounds what the
    /// client keeps of records that were not read yet, in bytes.
    ///
    /// # Errors
    /// A usage error where a client setting is wrong; otherwise when the topic is not there, or the broker
    /// does not answer.
    pub fn new(connection: &Connection, topic: &str, group: &str, from: From, memory: usize) -> Result<Self> {
        let mut config = connection.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed");
        let bytes = |share: usize| (memory / share).max(1).to_string();
        for (name, value) in [
            ("fetch.wait.max.ms", "100".into()),
            ("fetch.queue.backoff.ms", "2".into()),
            ("fetch.message.max.bytes", bytes(16)),
            ("fetch.max.bytes", bytes(2)),
            ("queued.max.messages.kbytes", bytes(1024)),
        ] {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let consumer: BaseConsumer<Context> =
            config.create_with_context(connection.context()).map_err(|error| wrong_setting(&error))?;
        let partitions = partitions(&consumer, topic)?;
        let mut positions = BTreeMap::new();
        for partition in partitions {
            let (first, end) = first_bounds(&consumer, topic, partition)?;
            let start = if from == From::Latest { end } else { first };
            positions.insert(partition, Position { start, next: start, end, caught_up: start == end });
        }
        if let From::Time(time) = from {
            start_at_time(&consumer, topic, time, &mut positions)?;
        }
        let consumer = Arc::new(consumer);
        let reader = Self {
            queue: Queue::new(consumer.clone(), topic, positions.keys().copied())?,
            consumer,
            topic: topic.into(),
            positions,
            stops_at_ends: false,
            mirrored: BTreeMap::new(),
            largest: LARGE,
            pause: PAUSE,
        };
        reader
            .consumer
            .assign(&reader.list(|position| position.next)?)
            .map_err(|error| reader.lost(&error))?;
        Ok(reader)
    }

    /// Lets the client say what is not about a partition: errors, log lines, tokens to be renewed.
    fn serve(&self) -> Result<()> {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            polled.map(drop).or_else(|error| self.judge(error))?;
        }
        Ok(())
    }

    fn list(&self, offset: impl Fn(&Position) -> i64) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for (partition, position) in &self.positions {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(offset(position)))
                .map_err(|error| self.lost(&error))?;
        }
        Ok(list)
    }

    fn lost(&self, error: &KafkaError) -> Error {
        Error::failed(format!("topic '{}': {error}", self.topic))
    }

    /// What a failed read means: some things pass by themselves, others end the query.
    fn judge(&self, error: KafkaError) -> Result<()> {
        match &error {
            KafkaError::MessageConsumption(code) => match code {
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition => Err(Error::failed(format!(
                    "topic '{}' is gone: it was deleted while it was read",
                    self.topic
                ))),
                RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::Authentication => {
                    Err(self.lost(&error))
                }
                // The client connects again by itself, for as long as it takes.
                _ => {
                    tracing::warn!("topic '{}': {error}; reading goes on when it passes", self.topic);
                    Ok(())
                }
            },
            _ => Err(self.lost(&error)),
        }
    }
}

/// Hands a record over and moves on; gives its size in bytes, or 0 where it is not wanted.
#[inline]
fn hand_over(
    positions: &mut BTreeMap<i32, Position>,
    stops_at_ends: bool,
    message: &Message,
    take: &mut dyn FnMut(SourceRecord<'_>),
) -> usize {
    let (partition, offset) = (message.partition(), message.offset());
    let Some(position) = positions.get_mut(&partition) else { return 0 };
    if stops_at_ends && offset >= position.end {
        position.caught_up = true;
        return 0;
    }
    position.next = offset + 1;
    position.caught_up = stops_at_ends && position.next >= position.end;
    let timestamp = message.timestamp().unwrap_or(0).saturating_mul(1_000);
    let (key, value) = (message.key(), message.value());
    take(SourceRecord { partition, offset, timestamp, key, value });
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)
}

impl Source for Reader {
    fn positions(&self) -> &BTreeMap<i32, Position> {
        &self.positions
    }

    fn look_ahead(&mut self) -> Result<()> {
        for (partition, position) in &mut self.positions {
            let (_, end) = match bounds(&self.consumer, &self.topic, *partition) {
                Ok(bounds) => bounds,
                // A broker that is away for a while only delays what is seen of the end.
                Err(error) => {
                    tracing::warn!("{error}; reading goes on when it passes");
                    return Ok(());
                }
            };
            position.caught_up &= end == position.end;
            position.end = end;
        }
        Ok(())
    }

    fn stop_at_ends(&mut self) -> Result<()> {
        self.stops_at_ends = true;
        Ok(())
    }

    fn read(
        &mut self,
        limit: usize,
        patience: Duration,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> Result<()> {
        self.serve()?;
        let (mut bytes, mut wait) = (0, patience);
        while bytes < limit {
            let most = ((limit - bytes) / self.largest).clamp(1, MANY);
            let Self { queue, positions, stops_at_ends, .. } = self;
            let (mut failed, mut largest) = (None, 0);
            let taken = queue.take(most, wait, |message| match message.error() {
                None => {
                    let size = hand_over(positions, *stops_at_ends, message, take);
                    bytes += size;
                    largest = largest.max(size);
                }
                Some(RDKafkaErrorCode::PartitionEOF) => {
                    positions.entry(message.partition()).or_default().caught_up = true;
                }
                Some(code) => failed = Some(code),
            });
            if largest > 0 {
                self.largest = largest;
            }
            if let Some(code) = failed {
                self.judge(KafkaError::MessageConsumption(code))?;
            }
            let caught_up = self.positions.values().all(|at| at.caught_up);
            if taken == 0 || self.stops_at_ends && caught_up {
                break;
            }
            // The end was reported when the client got there, perhaps seconds ago: what it fetched since
            // then is behind the report in its queue, and is still read.
            wait = match bytes > 0 {
                true if caught_up => Duration::ZERO,
                true => self.pause,
                false => wait,
            };
        }
        Ok(())
    }

    fn linger(&mut self, pause: Duration) {
        self.pause = pause;
    }

    fn mirror(&mut self) -> Result<()> {
        let now: BTreeMap<_, _> =
            self.positions.iter().map(|(partition, at)| (*partition, at.next)).collect();
        if now == self.mirrored {
            return Ok(());
        }
        let list = self.list(|position| position.next)?;
        for partition in self.positions.keys() {
            if let Some(mut element) = list.find_partition(&self.topic, *partition) {
                element.set_metadata(owner());
            }
        }
        match self.consumer.commit(&list, CommitMode::Async) {
            Ok(()) => self.mirrored = now,
            // Only lag tools look at it, so the query goes on.
            Err(error) => tracing::warn!("the positions could not be shown to lag tools: {error}"),
        }
        Ok(())
    }
}

/// Who mirrors: for people who look at the group.
fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("ecap-consume on {}, process {}", host.trim(), std::process::id())
}

fn partitions(consumer: &BaseConsumer<Context>, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(|error| unanswered(&error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions: Vec<i32> =
        found.map_or(vec![], |found| found.partitions().iter().map(|partition| partition.id()).collect());
    if partitions.is_empty() {
        return Err(Error::failed(format!("topic '{topic}' is not there"))
            .hint(format!("create it with `ecap-topics create-topics {topic}`")));
    }
    Ok(partitions)
}

fn unanswered(error: &KafkaError) -> Error {
    Error::unreachable(format!("the broker does not answer: {error}"))
}

fn bounds(consumer: &BaseConsumer<Context>, topic: &str, partition: i32) -> Result<(i64, i64)> {
    consumer.fetch_watermarks(topic, partition, PATIENCE).map_err(|error| unanswered(&error))
}

/// The bounds of a partition that may be on its way to its leader, as it is just after it was created.
fn first_bounds(consumer: &BaseConsumer<Context>, topic: &str, partition: i32) -> Result<(i64, i64)> {
    let start = Instant::now();
    loop {
        match bounds(consumer, topic, partition) {
            Err(_) if start.elapsed() < PATIENCE => std::thread::sleep(AGAIN),
            answer => return answer,
        }
    }
}

/// Moves each start to the first record at or after `time`; to the end where there is none.
fn start_at_time(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    time: Micros,
    positions: &mut BTreeMap<i32, Position>,
) -> Result<()> {
    let mut asked = TopicPartitionList::new();
    for partition in positions.keys() {
        asked
            .add_partition_offset(topic, *partition, Offset::Offset((time / 1_000).max(0)))
            .map_err(|error| unanswered(&error))?;
    }
    let found = consumer.offsets_for_times(asked, PATIENCE).map_err(|error| unanswered(&error))?;
    for (partition, position) in positions {
        let start = match found.find_partition(topic, *partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => position.end,
        };
        *position = Position { start, next: start, caught_up: start == position.end, ..*position };
    }
    Ok(())
}
