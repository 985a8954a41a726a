//! Transactions, as their producers drive them.

use super::{Context, code};
use crate::broker::groups::Place;
use crate::broker::marker::Outcome;
use crate::broker::transactions::Identity;
use add_partitions_to_txn_response::{AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;

/// Does what may wait for the disk, without holding up everyone else.
pub fn on_disk<T>(context: &Context<'_>, act: impl FnOnce() -> T) -> T {
    if context.core.config.fsync { tokio::task::block_in_place(act) } else { act() }
}

/// The error for a write that is not in its transaction, in the words of the request's version.
pub fn outside(error: ResponseError, knows_abortable: bool) -> ResponseError {
    match error {
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        ResponseError::TransactionAbortable if !knows_abortable => ResponseError::InvalidTxnState,
        other => other,
    }
}

/// Clients before `since` know only the older of the two errors for a producer that was replaced.
fn fenced<T>(
    context: &Context<'_>,
    since: i16,
    answer: Result<T, ResponseError>,
) -> Result<T, ResponseError> {
    answer.map_err(|error| match error {
        ResponseError::ProducerFenced if context.version < since => ResponseError::InvalidProducerEpoch,
        other => other,
    })
}

/// A producer id, with an epoch that fences the producer that had the transactional id before.
pub fn init_producer_id(context: &Context<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let given = expected(&request).and_then(|expected| match &request.transactional_id {
        None => Ok(Identity { producer_id: context.core.groups.new_producer_id()?, epoch: 0 }),
        Some(id) => {
            on_disk(context, || context.core.transactions.init(id, request.transaction_timeout_ms, expected))
        }
    });
    let given = fenced(context, 4, given);
    let response = InitProducerIdResponse::default().with_error_code(code(&given));
    let Identity { producer_id, epoch } = given.unwrap_or(Identity { producer_id: -1, epoch: -1 });
    response.with_producer_id(ProducerId(producer_id)).with_producer_epoch(epoch)
}

/// Who the producer says to be, if it goes on after an error.
fn expected(request: &InitProducerIdRequest) -> Result<Option<Identity>, ResponseError> {
    match (request.producer_id.0, request.producer_epoch) {
        (-1, -1) => Ok(None),
        (-1, _) | (_, -1) => Err(ResponseError::InvalidRequest),
        (producer_id, epoch) => Ok(Some(Identity { producer_id, epoch })),
    }
}

pub fn add_partitions_to_txn(
    context: &Context<'_>,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let places = request
        .v3_and_below_topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.name.to_string(), *partition)));
    let places: Vec<Place> = places.collect();
    let exists = |(topic, partition): &Place| context.partition(topic, *partition).map(drop);
    let identity = Identity {
        producer_id: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
    };
    // One that is not there, and none is added.
    let answer = if places.iter().all(|place| exists(place).is_ok()) {
        let id = &request.v3_and_below_transactional_id;
        let add = || context.core.transactions.add(id, identity, places, None);
        fenced(context, 2, on_disk(context, add))
    } else {
        Err(ResponseError::OperationNotAttempted)
    };
    let topics = request.v3_and_below_topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let answer = exists(&(topic.name.to_string(), *partition)).and(answer);
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*partition)
                .with_partition_error_code(code(&answer))
        });
        let partitions = partitions.collect();
        AddPartitionsToTxnTopicResult::default().with_results_by_partition(partitions).with_name(topic.name)
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(topics.collect())
}

pub fn add_offsets_to_txn(context: &Context<'_>, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let identity = Identity { producer_id: request.producer_id.0, epoch: request.producer_epoch };
    let group = request.group_id.to_string();
    let added = on_disk(context, || {
        context.core.transactions.add(&request.transactional_id, identity, Vec::new(), Some(group))
    });
    AddOffsetsToTxnResponse::default().with_error_code(code(&fenced(context, 2, added)))
}

pub fn end_txn(context: &Context<'_>, request: EndTxnRequest) -> EndTxnResponse {
    let identity = Identity { producer_id: request.producer_id.0, epoch: request.producer_epoch };
    let outcome = if request.committed { Outcome::Commit } else { Outcome::Abort };
    let ended =
        on_disk(context, || context.core.transactions.end(&request.transactional_id, identity, outcome));
    EndTxnResponse::default().with_error_code(code(&fenced(context, 2, ended)))
}
