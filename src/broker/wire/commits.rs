//! Offsets that groups have committed.

use super::transactions::{on_disk, outside};
use super::{Context, code, text};
use crate::broker::groups::{Caller, Group, Place};
use crate::broker::journal::Committed;
use crate::broker::transactions::{Identity, Part};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use offset_fetch_response::*;
use std::collections::BTreeMap;
use txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic};

/// The longest text that may be committed with an offset.
const LONGEST_METADATA: usize = 4_096;

pub fn offset_commit(context: &Context<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut accepted = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let metadata = partition.committed_metadata.as_ref();
            if check(context, &topic.name, partition.partition_index, metadata).is_ok() {
                let place = (topic.name.to_string(), partition.partition_index);
                let (offset, epoch) = (partition.committed_offset, partition.committed_leader_epoch);
                accepted.push((place, committed(context, offset, epoch, metadata)));
            }
        }
    }
    let caller = Caller {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id_or_member_epoch,
    };
    let stored = context.core.groups.commit(&request.group_id, caller, accepted);
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let metadata = partition.committed_metadata.as_ref();
            let result =
                stored.and_then(|()| check(context, &topic.name, partition.partition_index, metadata));
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&result))
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// Offsets that count when their transaction commits.
pub fn txn_offset_commit(context: &Context<'_>, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let mut accepted = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let metadata = partition.committed_metadata.as_ref();
            if check(context, &topic.name, partition.partition_index, metadata).is_ok() {
                let place = (topic.name.to_string(), partition.partition_index);
                let (offset, epoch) = (partition.committed_offset, partition.committed_leader_epoch);
                accepted.push((place, committed(context, offset, epoch, metadata)));
            }
        }
    }
    let stored = keep_pending(context, &request, accepted);
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let metadata = partition.committed_metadata.as_ref();
            let result =
                stored.and_then(|()| check(context, &topic.name, partition.partition_index, metadata));
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&result))
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

fn keep_pending(
    context: &Context<'_>,
    request: &TxnOffsetCommitRequest,
    offsets: Vec<(Place, Committed)>,
) -> Result<(), ResponseError> {
    let caller = Caller {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        generation: request.generation_id,
    };
    let identity = Identity { producer_id: request.producer_id.0, epoch: request.producer_epoch };
    let keep =
        || context.core.groups.commit_pending(&request.group_id, caller, identity.producer_id, offsets);
    let part = Part::Group(&request.group_id);
    let kept = on_disk(context, || {
        context.core.transactions.write_in(&request.transactional_id, identity, part, keep)
    });
    kept.map_err(|error| outside(error, context.version >= 4))
}

fn check(
    context: &Context<'_>,
    topic: &str,
    partition: i32,
    metadata: Option<&StrBytes>,
) -> Result<(), ResponseError> {
    context.partition(topic, partition)?;
    let length = metadata.map_or(0, |metadata| metadata.len());
    if length > LONGEST_METADATA { Err(ResponseError::OffsetMetadataTooLarge) } else { Ok(()) }
}

/// What is kept of a commit, in a transaction or not.
fn committed(
    context: &Context<'_>,
    offset: i64,
    leader_epoch: i32,
    metadata: Option<&StrBytes>,
) -> Committed {
    let metadata = metadata.map(|text| text.to_string()).unwrap_or_default();
    Committed { offset, leader_epoch, metadata, time: context.now_ms() }
}

/// What a group has committed in a partition, if it has; an error if that may be about to change.
type Answer = Result<Option<Committed>, ResponseError>;
/// Answers topic by topic; for the places asked for, or for all.
type Found = BTreeMap<String, Vec<(i32, Answer)>>;

fn look_up(context: &Context<'_>, group: &str, asked: Option<Vec<Place>>, stable_only: bool) -> Found {
    let look = |group: &Group, place: &Place| {
        if stable_only && group.is_unstable(place) {
            return Err(ResponseError::UnstableOffsetCommit);
        }
        Ok(group.offsets.get(place).cloned())
    };
    let groups = &context.core.groups;
    let answers: Vec<(Place, Answer)> = match asked {
        Some(places) => {
            let ask = |place| {
                let answer = groups.look(group, |group| look(group, &place)).unwrap_or(Ok(None));
                (place, answer)
            };
            places.into_iter().map(ask).collect()
        }
        None => {
            let all = |group: &Group| {
                let places = group.offsets.keys();
                places.map(|place| (place.clone(), look(group, place))).collect()
            };
            groups.look(group, all).unwrap_or_default()
        }
    };
    let mut found = Found::new();
    for ((topic, partition), answer) in answers {
        found.entry(topic).or_default().push((partition, answer));
    }
    found
}

fn places<'a>(topics: impl Iterator<Item = (&'a TopicName, &'a Vec<i32>)>) -> Vec<Place> {
    topics
        .flat_map(|(name, partitions)| partitions.iter().map(|partition| (name.to_string(), *partition)))
        .collect()
}

pub fn offset_fetch(context: &Context<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if context.version >= 8 {
        let groups = request.groups.into_iter().map(|group| {
            let asked = group
                .topics
                .as_ref()
                .map(|topics| places(topics.iter().map(|topic| (&topic.name, &topic.partition_indexes))));
            let found = look_up(context, &group.group_id, asked, request.require_stable);
            let found = found.into_iter().map(topic_of_group);
            OffsetFetchResponseGroup::default().with_group_id(group.group_id).with_topics(found.collect())
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let asked = request
        .topics
        .as_ref()
        .map(|topics| places(topics.iter().map(|topic| (&topic.name, &topic.partition_indexes))));
    let found = look_up(context, &request.group_id, asked, request.require_stable).into_iter().map(topic);
    OffsetFetchResponse::default().with_topics(found.collect())
}

fn topic((name, partitions): (String, Vec<(i32, Answer)>)) -> OffsetFetchResponseTopic {
    let partitions = partitions.into_iter().map(|(index, answer)| {
        let error = code(&answer);
        let (offset, epoch, metadata) = parts(answer.ok().flatten());
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(Some(metadata))
            .with_error_code(error)
    });
    OffsetFetchResponseTopic::default().with_name(TopicName(text(name))).with_partitions(partitions.collect())
}

fn topic_of_group((name, partitions): (String, Vec<(i32, Answer)>)) -> OffsetFetchResponseTopics {
    let partitions = partitions.into_iter().map(|(index, answer)| {
        let error = code(&answer);
        let (offset, epoch, metadata) = parts(answer.ok().flatten());
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(Some(metadata))
            .with_error_code(error)
    });
    OffsetFetchResponseTopics::default()
        .with_name(TopicName(text(name)))
        .with_partitions(partitions.collect())
}

/// Offset, epoch and text; −1 and nothing where nothing was committed.
fn parts(committed: Option<Committed>) -> (i64, i32, StrBytes) {
    let found = committed.map(|found| (found.offset, found.leader_epoch, text(found.metadata)));
    found.unwrap_or((-1, -1, StrBytes::new()))
}

pub fn offset_delete(context: &Context<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (topic.name.to_string(), partition.partition_index))
    });
    let asked: Vec<Place> = asked.collect();
    let answers = match context.core.groups.delete_offsets(&request.group_id, &asked) {
        Ok(answers) => answers,
        Err(error) => return OffsetDeleteResponse::default().with_error_code(error.code()),
    };
    let mut topics: BTreeMap<String, Vec<OffsetDeleteResponsePartition>> = BTreeMap::new();
    for ((topic, partition), answer) in asked.into_iter().zip(answers) {
        let answer = answer.and_then(|()| context.partition(&topic, partition).map(|_| ()));
        let partition = OffsetDeleteResponsePartition::default()
            .with_partition_index(partition)
            .with_error_code(code(&answer));
        topics.entry(topic).or_default().push(partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        OffsetDeleteResponseTopic::default().with_name(TopicName(text(name))).with_partitions(partitions)
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}
