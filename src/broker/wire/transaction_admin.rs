//! Transactions, as an operator sees them and puts them right.

use super::transactions::on_disk;
use super::{Context, code, text, topic_name};
use crate::broker::log::Producer;
use crate::broker::marker::{Marker, Outcome};
use crate::broker::transactions::{State, Transaction};
use describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use describe_transactions_response::{TopicData, TransactionState as Described};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use list_transactions_response::TransactionState as Listed;
use regex::Regex;
use write_txn_markers_request::WritableTxnMarker;
use write_txn_markers_response::*;

pub fn describe_producers(
    context: &Context<'_>,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let response = PartitionResponse::default().with_partition_index(*index);
            match context.partition(&topic.name, *index) {
                Ok(partition) => {
                    let log = partition.log();
                    response.with_active_producers(log.producers().map(producer).collect())
                }
                Err(error) => {
                    response.with_error_code(error.code()).with_error_message(Some(text(error.to_string())))
                }
            }
        });
        let partitions = partitions.collect();
        TopicResponse::default().with_partitions(partitions).with_name(topic.name)
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn producer((id, known): (i64, &Producer)) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(id))
        .with_producer_epoch(i32::from(known.epoch))
        .with_last_sequence(known.last_sequence().unwrap_or(-1))
        .with_last_timestamp(known.last_timestamp)
        .with_coordinator_epoch(known.coordinator_epoch.unwrap_or(-1))
        .with_current_txn_start_offset(known.transaction.unwrap_or(-1))
}

pub fn list_transactions(
    context: &Context<'_>,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let known_state = |name: &StrBytes| State::ALL.iter().any(|state| state.name() == name.as_str());
    let (known, unknown): (Vec<StrBytes>, _) = request.state_filters.iter().cloned().partition(known_state);
    let response = ListTransactionsResponse::default().with_unknown_state_filters(unknown);
    let pattern = request.transactional_id_pattern.filter(|pattern| !pattern.is_empty());
    let Ok(pattern) = pattern.map(|pattern| Regex::new(&format!("^(?:{})$", pattern.as_str()))).transpose()
    else {
        return response.with_error_code(ResponseError::InvalidRegularExpression.code());
    };
    let now = context.now_ms();
    let wanted = |id: &str, found: &Transaction| {
        let states = &request.state_filters;
        let producers = &request.producer_id_filters;
        (states.is_empty() || known.iter().any(|state| state.as_str() == found.state.name()))
            && (producers.is_empty() || producers.contains(&ProducerId(found.identity.producer_id)))
            && (request.duration_filter < 0 || now - found.started > request.duration_filter)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    };
    let found = context.core.transactions.look_at_all(|id, found| {
        wanted(id, found).then(|| {
            Listed::default()
                .with_transactional_id(TransactionalId(text(id)))
                .with_producer_id(ProducerId(found.identity.producer_id))
                .with_transaction_state(StrBytes::from_static_str(found.state.name()))
        })
    });
    response.with_transaction_states(found.into_iter().flatten().collect())
}

pub fn describe_transactions(
    context: &Context<'_>,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let found = request.transactional_ids.into_iter().map(|id| {
        let missing = if id.is_empty() {
            ResponseError::InvalidRequest
        } else {
            ResponseError::TransactionalIdNotFound
        };
        let found = context.core.transactions.look(&id, describe);
        let found = found.unwrap_or_else(|| Described::default().with_error_code(missing.code()));
        found.with_transactional_id(id)
    });
    DescribeTransactionsResponse::default().with_transaction_states(found.collect())
}

fn describe(found: &Transaction) -> Described {
    let mut topics: Vec<TopicData> = Vec::new();
    for (name, partition) in &found.partitions {
        match topics.last_mut().filter(|last| last.topic.as_str() == name) {
            Some(last) => last.partitions.push(*partition),
            None => topics
                .push(TopicData::default().with_topic(topic_name(name)).with_partitions(vec![*partition])),
        }
    }
    Described::default()
        .with_transaction_state(StrBytes::from_static_str(found.state.name()))
        .with_transaction_timeout_ms(found.timeout_ms)
        .with_transaction_start_time_ms(found.started)
        .with_producer_id(ProducerId(found.identity.producer_id))
        .with_producer_epoch(found.identity.epoch)
        .with_topics(topics)
}

/// Ends transactions by hand, past their coordinator: those that it has lost.
pub fn write_txn_markers(context: &Context<'_>, request: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let markers = request.markers.iter().map(|asked| {
        let topics = asked.topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|index| {
                let written = on_disk(context, || {
                    context.core.transactions.write_marker(&topic.name, *index, &marker(asked))
                });
                WritableTxnMarkerPartitionResult::default()
                    .with_partition_index(*index)
                    .with_error_code(code(&written))
            });
            WritableTxnMarkerTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        WritableTxnMarkerResult::default().with_producer_id(asked.producer_id).with_topics(topics.collect())
    });
    WriteTxnMarkersResponse::default().with_markers(markers.collect())
}

fn marker(asked: &WritableTxnMarker) -> Marker {
    Marker {
        producer_id: asked.producer_id.0,
        producer_epoch: asked.producer_epoch,
        outcome: if asked.transaction_result { Outcome::Commit } else { Outcome::Abort },
        coordinator_epoch: asked.coordinator_epoch,
    }
}
