//! Offsets by time and by leader epoch.

use super::{Context, check_epoch, code};
use crate::broker::log::LEADER_EPOCH;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use list_offsets_request::ListOffsetsPartition;
use list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use offset_for_leader_epoch_request::OffsetForLeaderPartition;
use offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub fn list_offsets(context: &Context<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let found = find(context, &topic.name, asked, request.isolation_level == 1);
            let response = ListOffsetsPartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code(&found));
            let (offset, time) = found.unwrap_or((-1, -1));
            let epoch = if offset < 0 || context.version < 4 { -1 } else { LEADER_EPOCH };
            response.with_offset(offset).with_timestamp(time).with_leader_epoch(epoch)
        });
        ListOffsetsTopicResponse::default().with_partitions(partitions.collect()).with_name(topic.name)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// (offset, time), each −1 where there is none; among committed records only if that is asked for.
fn find(
    context: &Context<'_>,
    topic: &str,
    asked: &ListOffsetsPartition,
    committed_only: bool,
) -> Result<(i64, i64), ResponseError> {
    let partition = context.partition(topic, asked.partition_index)?;
    check_epoch(asked.current_leader_epoch)?;
    let log = partition.log();
    let end = if committed_only { log.last_stable() } else { log.end() };
    let readable = |found: Option<(i64, i64)>| found.filter(|(offset, _)| *offset < end).unwrap_or((-1, -1));
    match asked.timestamp {
        LATEST => Ok((end, -1)),
        EARLIEST | EARLIEST_LOCAL => Ok((log.start(), -1)),
        MAX_TIMESTAMP => log.find_max_time().map(readable),
        LATEST_TIERED => Ok((-1, -1)),
        time if time >= 0 => log.find_time(time).map(readable),
        _ => Err(ResponseError::InvalidRequest),
    }
}

pub fn offset_for_leader_epoch(
    context: &Context<'_>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let end = epoch_end(context, &topic.topic, asked);
            let response =
                EpochEndOffset::default().with_partition(asked.partition).with_error_code(code(&end));
            let (epoch, offset) = end.unwrap_or((-1, -1));
            response.with_leader_epoch(epoch).with_end_offset(offset)
        });
        OffsetForLeaderTopicResult::default().with_partitions(partitions.collect()).with_topic(topic.topic)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn epoch_end(
    context: &Context<'_>,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ResponseError> {
    let partition = context.partition(topic, asked.partition)?;
    check_epoch(asked.current_leader_epoch)?;
    let end = partition.log().end();
    Ok(if asked.leader_epoch == LEADER_EPOCH { (LEADER_EPOCH, end) } else { (-1, -1) })
}
