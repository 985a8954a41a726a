//! A look at single records, of many partitions at once: how old the next ones to read are, and how large.

use super::admin::failed;
use super::batch::{self, Queue};
use super::config::Connection;
use super::offsets::Partition;
use crate::Result;
use crate::clock::Micros;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A place in a topic: partition and offset.
pub type Spot = (Partition, i64);

/// What was seen of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Its timestamp, if it has one.
    pub time: Option<Micros>,
    /// Its key and its value, in bytes.
    pub bytes: usize,
}

/// So many messages are taken at once, at most.
const MANY: usize = 1_024;

/// The first record at or behind each of these offsets. Those that do not come within `patience` are left out. Partitions
/// are read together; several offsets of one are read one after the other.
///
/// # Errors
/// A usage error where a client setting is wrong.
pub fn looks(
    connection: &Connection,
    spots: impl IntoIterator<Item = Spot>,
    patience: Duration,
) -> Result<BTreeMap<Spot, Look>> {
    let mut waiting: BTreeMap<Partition, BTreeSet<i64>> = BTreeMap::new();
    for (partition, offset) in spots {
        waiting.entry(partition).or_default().insert(offset);
    }
    let (began, mut found) = (Instant::now(), BTreeMap::new());
    while !waiting.is_empty() && began.elapsed() < patience {
        let round: BTreeMap<Partition, i64> = waiting
            .iter_mut()
            .filter_map(|(partition, offsets)| Some((partition.clone(), offsets.pop_first()?)))
            .collect();
        waiting.retain(|_, offsets| !offsets.is_empty());
        read(connection, round, patience.saturating_sub(began.elapsed()), &mut found)?;
    }
    Ok(found)
}

/// Reads one record of each partition.
fn read(
    connection: &Connection,
    mut wanted: BTreeMap<Partition, i64>,
    patience: Duration,
    found: &mut BTreeMap<Spot, Look>,
) -> Result<()> {
    let consumer = connection.reader(&[
        ("fetch.wait.max.ms", "10"),
        ("fetch.message.max.bytes", "65536"),
        ("queued.min.messages", "1"),
        ("queued.max.messages.kbytes", "1024"),
    ])?;
    let mut queue = Queue::new(consumer.clone(), "", std::iter::empty())?;
    let wrong = failed("reading");
    let mut list = TopicPartitionList::with_capacity(wanted.len());
    for ((topic, partition), offset) in &wanted {
        queue.add(topic, *partition)?;
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).map_err(&wrong)?;
    }
    consumer.assign(&list).map_err(&wrong)?;
    let began = Instant::now();
    while !wanted.is_empty() && began.elapsed() < patience {
        while consumer.poll(Duration::ZERO).is_some() {}
        queue.take(MANY, Duration::from_millis(50), |message| {
            // Also the end of a partition is an answer: there is no record.
            let place = (message.topic().into_owned(), message.partition());
            let Some(offset) = wanted.remove(&place) else { return };
            if message.error().is_none() {
                let time = message.timestamp().map(|millis| millis.saturating_mul(1_000));
                let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
                let bytes = length(message.key()) + length(message.value());
                found.insert((place, offset), Look { time, bytes });
            }
        });
    }
    drop(queue);
    batch::close(&consumer);
    Ok(())
}
