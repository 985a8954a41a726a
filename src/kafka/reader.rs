//! A topic read partition by partition, from numbers and not from logical offsets: these would cost
//! half a second before the first record.

use super::batch::{self, Message, Queue};
use super::config::{Connection, Questioner, wrong_setting};
use super::context::Context;
use super::mirror::Mirror;
use super::offsets::Span;
use super::start::{self, From};
use super::tail::Tail;
use crate::engine::source::{Allowance, Mark, Position, Source, SourceRecord};
use crate::error::Fault;
use crate::{Error, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// How long more records are waited for once some are there.
const PAUSE: Duration = Duration::from_millis(2);

/// How long records that are read again may take to come.
const AGAIN: Duration = Duration::from_secs(10);

/// What a record is taken to measure while none was seen.
const LARGE: usize = 64 << 10;

/// So many messages are taken from the client at once, at most; fewer where they are large.
const MANY: usize = 4_096;

/// Reads all partitions of one topic.
pub struct Reader {
    queue: Queue,
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    /// Asks for the bounds of partitions: behind a fetch that waits, each answer would take as long.
    questioner: Questioner,
    connection: Connection,
    group: String,
    memory: usize,
    pub(super) topic: String,
    pub(super) positions: BTreeMap<i32, Position>,
    stops_at_ends: bool,
    mirror: Mirror,
    /// The size of the largest record that was taken last, in bytes.
    largest: usize,
    pause: Duration,
    /// What may still be handed over, of all partitions and of each.
    pub(super) allowance: Allowance,
    pub(super) taken: BTreeMap<i32, u64>,
    /// Partitions that have handed over what they may.
    pub(super) held: BTreeSet<i32>,
    /// Partitions that are too far ahead in event time.
    waiting: BTreeSet<i32>,
    fails_on_data_loss: bool,
    /// Where each partition began when it was last asked: what was before is deleted.
    begins: BTreeMap<i32, i64>,
    /// Records that the broker had deleted before they were read.
    lost: u64,
}

impl Reader {
    /// A reader of `topic` whose positions are shown as consumer group `group`. `memory` bounds what the
    /// client keeps of records that were not read yet, in bytes.
    ///
    /// # Errors
    /// A usage error where a client setting is wrong; otherwise when the topic is not there, or the broker
    /// does not answer.
    pub fn new(
        connection: &Connection,
        topic: &str,
        group: &str,
        from: &From,
        memory: usize,
    ) -> Result<Self> {
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
        let questioner = connection.questioner()?;
        let (positions, begins) = start::positions(&questioner, topic, from)?;
        let consumer = Arc::new(consumer);
        let reader = Self {
            queue: Queue::new(consumer.clone(), topic, positions.keys().copied())?,
            consumer,
            questioner,
            connection: connection.clone(),
            group: group.into(),
            memory,
            topic: topic.into(),
            positions,
            stops_at_ends: false,
            mirror: Mirror::default(),
            largest: LARGE,
            pause: PAUSE,
            allowance: Allowance::default(),
            taken: BTreeMap::new(),
            held: BTreeSet::new(),
            waiting: BTreeSet::new(),
            fails_on_data_loss: false,
            begins,
            lost: 0,
        };
        reader
            .consumer
            .assign(&reader.list(|position| position.next)?)
            .map_err(|error| reader.lost(&error))?;
        Ok(reader)
    }

    /// Ends the query where records were deleted before they were read; else they are counted.
    pub fn fail_on_data_loss(&mut self) {
        self.fails_on_data_loss = true;
    }

    /// Lag tools are told the query whose positions they see, by the name of its checkpoint.
    pub fn mirrors(&mut self, query: Option<String>) {
        self.mirror.of(query);
    }

    /// Counts and tells of records that were deleted before they were read: offsets from `from` up to `to`.
    fn tell_of_loss(&mut self, partition: i32, from: i64, to: i64) -> Result<()> {
        self.lost += from.abs_diff(to);
        let what = format!("offsets {from} to {} were deleted before they were read", to - 1);
        let message = format!("topic '{}', partition {partition}: {what}", self.topic);
        if self.fails_on_data_loss {
            return Err(Error::data(message).hint("--from earliest goes on with what is there"));
        }
        tracing::warn!("{message}; reading goes on at {to}");
        Ok(())
    }

    /// Takes in the partitions that were added to the topic.
    fn look_for_partitions(&mut self) -> Result<()> {
        let mut added = start::partitions(&self.questioner, &self.topic)?;
        added.retain(|partition| !self.positions.contains_key(partition));
        if added.is_empty() {
            return Ok(());
        }
        for (partition, (start, end)) in start::first_bounds(&self.questioner, &self.topic, &added)? {
            self.queue.add(&self.topic, partition)?;
            self.positions.insert(partition, Position { start, next: start, end, caught_up: start == end });
            self.begins.insert(partition, start);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.topic, partition, Offset::Offset(start))
                .and_then(|()| self.consumer.incremental_assign(&list))
                .map_err(|error| self.lost(&error))?;
            tracing::warn!(
                "topic '{}': partition {partition} was added and is read from its start",
                self.topic
            );
        }
        Ok(())
    }

    fn caught_up(&self) -> bool {
        self.positions.values().all(|at| at.caught_up)
    }

    /// Whether nothing is left that may be handed over.
    fn is_done(&self) -> bool {
        self.stops_at_ends && self.caught_up()
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

    pub(super) fn lost(&self, error: &KafkaError) -> Error {
        Error::failed(format!("topic '{}': {error}", self.topic))
    }

    fn gone(&self) -> Error {
        Error::failed(format!("topic '{}' is gone: it was deleted while it was read", self.topic))
    }

    /// What a failed read means: some things pass by themselves, others end the query.
    fn judge(&self, error: KafkaError) -> Result<()> {
        match &error {
            KafkaError::MessageConsumption(code) => match *code {
                code if start::is_absent(code) => Err(self.gone()),
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

/// Which records were deleted before they were read, if a message is behind some: partition, and the offsets
/// from and to. Other gaps are markers and compaction.
#[inline]
fn loss(
    positions: &BTreeMap<i32, Position>,
    begins: &BTreeMap<i32, i64>,
    message: &Message,
) -> Option<(i32, i64, i64)> {
    let (partition, offset) = (message.partition(), message.offset());
    let next = positions.get(&partition)?.next;
    if offset <= next {
        return None;
    }
    let begin = *begins.get(&partition)?;
    (begin > next).then_some((partition, next, begin.min(offset)))
}

/// Hands a record over and moves on; gives its size in bytes, or nothing where it is not wanted.
#[inline]
fn hand_over(
    positions: &mut BTreeMap<i32, Position>,
    stops_at_ends: bool,
    message: &Message,
    take: &mut dyn FnMut(SourceRecord<'_>),
) -> Option<usize> {
    let (partition, offset) = (message.partition(), message.offset());
    let position = positions.get_mut(&partition)?;
    if stops_at_ends && offset >= position.end {
        position.caught_up = true;
        return None;
    }
    position.next = offset + 1;
    position.caught_up = stops_at_ends && position.next >= position.end;
    let timestamp = message.timestamp().unwrap_or(0).saturating_mul(1_000);
    let (key, value) = (message.key(), message.value());
    take(SourceRecord { partition, offset, timestamp, key, value, in_file: None });
    Some(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len))
}

/// Moves on to the end of a partition: markers and deleted records end it behind its last record. What came behind
/// the end up to which it is read was not handed over, and is still to be read another time.
fn end_reached(position: &mut Position, stops_at_ends: bool, end: i64) {
    let end = if stops_at_ends { end.min(position.end) } else { end };
    position.next = position.next.max(end);
    position.caught_up = true;
}

impl Source for Reader {
    fn positions(&self) -> &BTreeMap<i32, Position> {
        &self.positions
    }

    fn go_to(&mut self, mark: &Mark) -> Result<()> {
        let stands = self.mark() == *mark
            && !self.stops_at_ends
            && self.positions.values().all(|at| at.start == at.next);
        if !stands {
            let (memory, from) = (self.memory, From::Offsets(mark.offsets.clone()));
            let mut there = Self::new(&self.connection, &self.topic, &self.group, &from, memory)?;
            (there.fails_on_data_loss, there.lost) = (self.fails_on_data_loss, self.lost);
            there.pause = self.pause;
            *self = there;
        }
        Ok(())
    }

    fn stop_at(&mut self, mark: &Mark) {
        self.stops_at_ends = true;
        for (partition, position) in &mut self.positions {
            // A partition that is not in the mark was not known then.
            position.end = mark.offsets.get(partition).copied().unwrap_or(position.next);
            position.caught_up = position.next >= position.end;
        }
    }

    fn look_ahead(&mut self) -> Result<()> {
        let looked = self.look_for_partitions();
        if let Err(error) = &looked {
            tracing::debug!("{error}");
        }
        let partitions: Vec<i32> = self.positions.keys().copied().collect();
        let bounds = match start::bounds(&self.questioner, &self.topic, &partitions) {
            Ok(bounds) => bounds,
            // A broker that is away for a while only delays what is seen of the ends.
            Err(error) if error.fault() == Fault::Unreachable => {
                tracing::warn!("{error}; reading goes on when it passes");
                return Ok(());
            }
            // The client goes on fetching from a topic that is gone, without a word.
            Err(_) if looked.as_ref().is_err_and(|error| error.fault() == Fault::Failed) => {
                return Err(self.gone());
            }
            Err(error) => {
                tracing::debug!("{error}");
                return Ok(());
            }
        };
        for (partition, (begin, end)) in bounds {
            let Some(position) = self.positions.get_mut(&partition) else { continue };
            self.begins.insert(partition, begin);
            position.caught_up &= end == position.end;
            position.end = end;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        match start::partitions(&self.questioner, &self.topic) {
            Ok(there) if self.positions.keys().all(|partition| there.contains(partition)) => Ok(()),
            Err(error) if error.fault() != Fault::Failed => {
                tracing::debug!("{error}");
                Ok(())
            }
            Ok(_) | Err(_) => Err(self.gone()),
        }
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
        self.mirror.show_when_due(&self.consumer, &self.topic);
        if self.is_done() {
            return Ok(());
        }
        let (mut bytes, mut wait) = (0, patience);
        let limit = limit.min(self.allowance.bytes.unwrap_or(usize::MAX));
        while bytes < limit {
            let most = self.room(((limit - bytes) / self.largest).clamp(1, MANY));
            if most == 0 {
                break;
            }
            let Self { queue, positions, stops_at_ends, begins, taken: counts, .. } = self;
            let (mut failed, mut largest, mut losses) = (None, 0, Vec::new());
            let taken = queue.take(most, wait, |message| match message.error() {
                None => {
                    losses.extend(loss(positions, begins, message));
                    if let Some(size) = hand_over(positions, *stops_at_ends, message, take) {
                        *counts.entry(message.partition()).or_default() += 1;
                        bytes += size;
                        largest = largest.max(size);
                    }
                }
                Some(RDKafkaErrorCode::PartitionEOF) => {
                    losses.extend(loss(positions, begins, message));
                    let position = positions.entry(message.partition()).or_default();
                    end_reached(position, *stops_at_ends, message.offset());
                }
                Some(code) => failed = Some(code),
            });
            for (partition, from, to) in losses {
                self.tell_of_loss(partition, from, to)?;
            }
            if largest > 0 {
                self.largest = largest;
            }
            if let Some(code) = failed {
                self.judge(KafkaError::MessageConsumption(code))?;
            }
            if self.allowance.per_partition.is_some() {
                self.hold(self.sated())?;
            }
            if taken == 0 || self.is_done() {
                break;
            }
            let caught_up = self.caught_up();
            // The end was reported when the client got there, perhaps seconds ago: what it fetched since
            // then is behind the report in its queue, and is still read.
            wait = match bytes > 0 {
                true if caught_up => Duration::ZERO,
                true => self.pause,
                false => wait,
            };
        }
        if let Some(left) = &mut self.allowance.bytes {
            *left -= bytes.min(*left);
        }
        Ok(())
    }

    fn read_again(
        &mut self,
        partition: i32,
        offsets: &BTreeSet<i64>,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> Result<()> {
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return Ok(()) };
        let span = Span { first: *first, next: last + 1 };
        let spans = BTreeMap::from([((self.topic.clone(), partition), span)]);
        let mut tail = Tail::start(&self.connection, &spans, false)?;
        let read = tail.each(&self.topic, AGAIN, &mut |record| {
            if offsets.contains(&record.offset) {
                take(record.into());
            }
            Ok(ControlFlow::Continue(()))
        });
        // The records are refused in any case, if need be by their places alone.
        read.unwrap_or_else(|error| tracing::warn!("records cannot be read again to be kept: {error}"));
        Ok(())
    }

    fn allow(&mut self, allowance: Allowance) -> Result<()> {
        self.allowance = allowance;
        self.taken.clear();
        self.hold(BTreeSet::new())
    }

    fn wait(&mut self, partitions: &BTreeSet<i32>) -> Result<()> {
        for partition in self.waiting.symmetric_difference(partitions) {
            self.queue.wait(&self.topic, *partition, partitions.contains(partition))?;
        }
        self.waiting.clone_from(partitions);
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        let waits = |(partition, at): (&i32, &Position)| {
            at.caught_up || self.held.contains(partition) || self.waiting.contains(partition)
        };
        self.allowance.bytes == Some(0)
            || self.room(1) == 0
            || !self.held.is_empty() && self.positions.iter().all(waits)
    }

    fn fetching(&self) -> Duration {
        self.queue.fetching
    }

    fn lost_records(&self) -> u64 {
        self.lost
    }

    fn linger(&mut self, pause: Duration) {
        self.pause = pause;
    }

    fn mirror(&mut self) -> Result<()> {
        self.mirror.done(self.positions.iter().map(|(partition, at)| (*partition, at.next)).collect());
        self.mirror.show_when_due(&self.consumer, &self.topic);
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.mirror.show(&self.consumer, &self.topic);
        batch::close(&self.consumer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_partition_does_not_pass_over_what_came_behind_the_end_that_is_read_up_to() {
        let read = |stops_at_ends, end| {
            let mut position = Position { start: 0, next: 7, end: 10, caught_up: false };
            end_reached(&mut position, stops_at_ends, end);
            (position.next, position.caught_up)
        };
        // Records 10 to 29 came after a bounded run, or a batch that runs again, had begun.
        assert_eq!(read(true, 30), (10, true));
        assert_eq!(read(true, 9), (9, true));
        assert_eq!(read(false, 30), (30, true));
    }
}
