//! Records out: whole batches as they are stored, and a wait for more that an append ends.

use super::{Context, check_epoch};
use crate::broker::log::Span;
use crate::broker::metrics::Traffic;
use crate::broker::topics::{Partition, Topic};
use bytes::Bytes;
use fetch_request::{FetchPartition, FetchTopic};
use fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// The longest that a client may wait.
const LONGEST_WAIT_MS: i32 = 300_000;
/// The bytes that one answer is filled with, whatever the client asks for. More makes nothing faster,
/// and what answers need is the broker's memory.
const ENOUGH_BYTES: usize = 2 << 20;

/// Answers when `min_bytes` are there, or something is wrong, or `max_wait_ms` is over.
pub async fn fetch(context: &Context<'_>, request: FetchRequest) -> FetchResponse {
    if request.session_id != 0 {
        let error = ResponseError::FetchSessionIdNotFound.code();
        return FetchResponse::default().with_error_code(error);
    }
    let wait = request.max_wait_ms.clamp(0, LONGEST_WAIT_MS) as u64;
    let deadline = Instant::now() + Duration::from_millis(wait);
    let enough = request.min_bytes.max(0) as u64;
    let bell = Arc::new(Notify::new());
    loop {
        let found = find_all(context, &request, &bell);
        let bytes: u64 = found.iter().flat_map(|topic| &topic.partitions).map(Found::bytes).sum();
        let failed = found.iter().flat_map(|topic| &topic.partitions).any(|found| found.place.is_err());
        if failed || bytes >= enough || timeout_at(deadline, bell.notified()).await.is_err() {
            return respond(context, found, &request);
        }
    }
}

struct FoundTopic<'a> {
    asked: &'a FetchTopic,
    topic: Result<Arc<Topic>, ResponseError>,
    partitions: Vec<Found<'a>>,
}

/// What is there for one partition.
struct Found<'a> {
    asked: &'a FetchPartition,
    place: Result<Place, ResponseError>,
}

struct Place {
    partition: Arc<Partition>,
    start: i64,
    end: i64,
    /// Where the oldest open transaction begins, or the end.
    stable: i64,
    /// The segment's base, and where to read in it.
    span: Option<(i64, Span)>,
}

impl Found<'_> {
    fn bytes(&self) -> u64 {
        let span = self.place.as_ref().ok().and_then(|place| place.span.as_ref());
        let limit = self.asked.partition_max_bytes.max(0) as u64;
        // A first batch is sent whole even if it is larger, so that it counts whatever the limit.
        span.map_or(0, |(_, span)| span.len().min(limit.max(1)))
    }
}

fn find_all<'a>(context: &Context<'_>, request: &'a FetchRequest, bell: &Arc<Notify>) -> Vec<FoundTopic<'a>> {
    let topics = request.topics.iter().map(|asked| {
        let topic = find_topic(context, asked);
        let committed_only = committed_only(request);
        let partitions = asked.partitions.iter().map(|asked| Found {
            asked,
            place: topic
                .as_ref()
                .map_err(|error| *error)
                .and_then(|topic| find(topic, asked, committed_only, bell)),
        });
        let partitions = partitions.collect();
        FoundTopic { asked, topic, partitions }
    });
    topics.collect()
}

fn find_topic(context: &Context<'_>, asked: &FetchTopic) -> Result<Arc<Topic>, ResponseError> {
    if context.version >= 13 {
        context.core.topics.get_by_id(asked.topic_id).ok_or(ResponseError::UnknownTopicId)
    } else {
        context.core.topics.get(&asked.topic).ok_or(ResponseError::UnknownTopicOrPartition)
    }
}

/// Whether the reader wants no record of a transaction that was not committed.
fn committed_only(request: &FetchRequest) -> bool {
    request.isolation_level == 1
}

fn find(
    topic: &Topic,
    asked: &FetchPartition,
    committed_only: bool,
    bell: &Arc<Notify>,
) -> Result<Place, ResponseError> {
    let partition = topic.partition(asked.partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
    check_epoch(asked.current_leader_epoch)?;
    // The bell is hung up before looking, so that nothing is appended unnoticed in between.
    partition.wait(bell);
    let log = partition.log();
    let span = if committed_only {
        log.read_stable_from(asked.fetch_offset)?
    } else {
        log.read_from(asked.fetch_offset)?
    };
    let (start, end, stable) = (log.start(), log.end(), log.last_stable());
    drop(log);
    Ok(Place { partition, start, end, stable, span })
}

fn respond(context: &Context<'_>, found: Vec<FoundTopic<'_>>, request: &FetchRequest) -> FetchResponse {
    let partitions = found.iter().flat_map(|topic| &topic.partitions);
    let mut room = Room {
        client: request.max_bytes.max(0) as usize,
        own: context.core.room.for_fetch(ENOUGH_BYTES),
        waiting: partitions.filter(|found| found.bytes() > 0).count(),
        empty: true,
    };
    let topics = found.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|found| {
            let data = read(found, committed_only(request), &mut room);
            count(&context.core.metrics.traffic, &data);
            if let Ok(topic) = &topic.topic {
                count(&topic.traffic, &data);
            }
            data
        });
        FetchableTopicResponse::default()
            .with_topic(topic.asked.topic.clone())
            .with_topic_id(topic.asked.topic_id)
            .with_partitions(partitions.collect())
    });
    FetchResponse::default().with_responses(topics.collect())
}

fn count(traffic: &Traffic, data: &PartitionData) {
    traffic.fetches.add(1);
    traffic.bytes_out.add(data.records.as_ref().map_or(0, |records| records.len() as u64));
    if data.error_code != 0 {
        traffic.failed_fetches.add(1);
    }
}

/// How much an answer may still grow. Partitions share it evenly, so that no reader gets far ahead in
/// one of them.
struct Room {
    /// What the client allows; only the first batch of the answer may be larger.
    client: usize,
    /// What the broker wants; any partition's first batch may be larger.
    own: usize,
    /// Partitions that have records and did not get their share yet.
    waiting: usize,
    empty: bool,
}

impl Room {
    /// What the next partition may take, and how large its first batch may be at most.
    fn share(&self, partition_max: i32) -> (usize, usize) {
        let most = self.client.min(partition_max.max(0) as usize);
        let share = most.min(self.own / self.waiting.max(1));
        (share, if self.empty { usize::MAX } else { most })
    }

    fn taken(&mut self, bytes: usize) {
        self.client = self.client.saturating_sub(bytes);
        self.own = self.own.saturating_sub(bytes);
        self.waiting = self.waiting.saturating_sub(1);
        self.empty &= bytes == 0;
    }
}

fn read(found: Found<'_>, committed_only: bool, room: &mut Room) -> PartitionData {
    let response =
        PartitionData::default().with_partition_index(found.asked.partition).with_aborted_transactions(None);
    let share = room.share(found.asked.partition_max_bytes);
    let from = found.asked.fetch_offset;
    let taken = found.place.and_then(|place| {
        let (records, next) = take(&place, share, room)?;
        let aborted = if committed_only { Some(aborted(&place, from, next)?) } else { None };
        Ok((place, records, aborted))
    });
    match taken {
        Ok((place, records, aborted)) => response
            .with_high_watermark(place.end)
            .with_last_stable_offset(place.stable)
            .with_log_start_offset(place.start)
            .with_aborted_transactions(aborted)
            .with_records(Some(records)),
        Err(error) => response
            .with_error_code(error.code())
            .with_high_watermark(-1)
            .with_last_stable_offset(-1)
            .with_log_start_offset(-1)
            // Kafka leaves the list out where it looked at the partition.
            .with_aborted_transactions(
                (committed_only || error == ResponseError::UnknownTopicOrPartition).then(Vec::new),
            )
            .with_records(Some(Bytes::new())),
    }
}

/// Records, and the offset after them if there are any.
fn take(
    place: &Place,
    (share, most): (usize, usize),
    room: &mut Room,
) -> Result<(Bytes, Option<i64>), ResponseError> {
    let Some((segment, span)) = place.span.as_ref().filter(|_| most > 0 && room.own > 0) else {
        return Ok((Bytes::new(), None));
    };
    let (records, next) = span.read(share, most).map_err(|error| {
        tracing::error!(%error, "records could not be read");
        ResponseError::KafkaStorageError
    })?;
    room.taken(records.len());
    if let Some(next) = next {
        place.partition.log().remember(*segment, next, span, records.len() as u64);
    }
    Ok((records, next))
}

/// Which of the records between two offsets the reader has to skip.
fn aborted(place: &Place, from: i64, next: Option<i64>) -> Result<Vec<AbortedTransaction>, ResponseError> {
    let Some(next) = next else { return Ok(Vec::new()) };
    let found = place.partition.log().aborted_between(from, next)?.into_iter().map(|aborted| {
        AbortedTransaction::default()
            .with_producer_id(ProducerId(aborted.producer_id))
            .with_first_offset(aborted.first)
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_share_an_answer_and_the_first_batch_is_always_sent() {
        let mut room = Room { client: 1 << 20, own: 900, waiting: 3, empty: true };
        assert_eq!(room.share(10_000), (300, usize::MAX));
        room.taken(100);
        assert_eq!(room.share(10_000), (400, 10_000), "what one leaves, the others get");
        room.taken(700);
        assert_eq!(room.share(50), (50, 50));
        room.taken(0);
        assert_eq!((room.own, room.waiting), (100, 0));
    }
}
