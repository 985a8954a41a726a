//! Records in.

use super::transactions::{on_disk, outside};
use super::{Context, text};
use crate::broker::batch::Header;
use crate::broker::log::{Admitted, Placed, Refused};
use crate::broker::metrics::Traffic;
use crate::broker::topics::Topic;
use crate::broker::transactions::{Identity, Part};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use produce_request::{PartitionProduceData, TopicProduceData};
use produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse};

/// The first offset of a log that was not looked at.
const UNKNOWN: i64 = -1;

/// Why a batch is not in the log.
struct NotStored {
    error: ResponseError,
    /// The log's first offset.
    start: i64,
    /// The numbers of the records that are at fault, where single ones are.
    records: Vec<i32>,
}

impl From<ResponseError> for NotStored {
    fn from(error: ResponseError) -> Self {
        Self { error, start: UNKNOWN, records: Vec::new() }
    }
}

/// Stores batches; the producer that asked for no acknowledgement gets no answer.
pub fn produce(context: &Context<'_>, request: ProduceRequest) -> Option<ProduceResponse> {
    let acks = request.acks;
    let transaction = request.transactional_id.as_ref().map(|id| id.as_str());
    let response = on_disk(context, || {
        let topics = request.topic_data.iter().map(|topic| store_topic(context, topic, acks, transaction));
        ProduceResponse::default().with_responses(topics.collect())
    });
    (acks != 0).then_some(response)
}

fn store_topic(
    context: &Context<'_>,
    data: &TopicProduceData,
    acks: i16,
    transaction: Option<&str>,
) -> TopicProduceResponse {
    let topic = context.core.topics.get(&data.name);
    let refused = match &topic {
        _ if !(-1..=1).contains(&acks) => Some(ResponseError::InvalidRequiredAcks),
        None => Some(ResponseError::UnknownTopicOrPartition),
        Some(_) => None,
    };
    let partitions = data.partition_data.iter().map(|partition| {
        let placed = match (&topic, refused) {
            (Some(topic), None) => store(context, topic, partition, transaction),
            (_, refused) => Err(refused.unwrap_or(ResponseError::UnknownTopicOrPartition).into()),
        };
        count(&context.core.metrics.traffic, partition, &placed);
        if let Some(topic) = &topic {
            count(&topic.traffic, partition, &placed);
        }
        respond(partition.index, placed)
    });
    TopicProduceResponse::default()
        .with_name(data.name.clone())
        .with_partition_responses(partitions.collect())
}

fn store(
    context: &Context<'_>,
    topic: &Topic,
    data: &PartitionProduceData,
    transaction: Option<&str>,
) -> Result<(Placed, i64), NotStored> {
    let partition = topic.partition(data.index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let batch =
        data.records.as_ref().filter(|batch| !batch.is_empty()).ok_or(ResponseError::InvalidRecord)?;
    let now = context.now_ms();
    let batch = match Admitted::new(batch, &topic.rules, now) {
        Ok(batch) => batch,
        Err(Refused { error, records }) => {
            let start = if records.is_empty() { UNKNOWN } else { partition.log().start() };
            return Err(NotStored { error, start, records });
        }
    };
    let header = batch.header();
    let placed = match transaction {
        None if header.is_transactional() => {
            return Err(ResponseError::TransactionalIdAuthorizationFailed.into());
        }
        Some(id) if header.is_transactional() && !partition.log().has_open(header) => {
            let identity = Identity { producer_id: header.producer_id, epoch: header.producer_epoch };
            let part = Part::Partition(&topic.name, data.index);
            let write = || partition.log().append_first(&batch, &topic.rules, now);
            let written = context.core.transactions.write_in(id, identity, part, write);
            written.map_err(|error| match outside(error, context.version >= 11) {
                // Its last transaction is still being ended. This error makes every client try again.
                ResponseError::ConcurrentTransactions => ResponseError::NotEnoughReplicas,
                error => error,
            })?
        }
        _ => {
            let mut log = partition.log();
            log.append(&batch, &topic.rules, now)
                .map_err(|error| NotStored { start: log.start(), ..error.into() })?
        }
    };
    let start = partition.log().start();
    partition.wake();
    Ok((placed, start))
}

fn count(traffic: &Traffic, data: &PartitionProduceData, placed: &Result<(Placed, i64), NotStored>) {
    traffic.produces.add(1);
    match (placed, &data.records) {
        (Ok((placed, _)), Some(batch)) if !placed.repeated => {
            traffic.messages_in.add(Header::read(batch).map_or(0, |header| header.count.max(0) as u64));
            traffic.bytes_in.add(batch.len() as u64);
        }
        (Ok(_), _) => {}
        (Err(_), _) => traffic.failed_produces.add(1),
    }
}

fn at_fault(record: i32) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage::default().with_batch_index(record)
}

fn respond(index: i32, placed: Result<(Placed, i64), NotStored>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index);
    match placed {
        Ok((placed, start)) => response
            .with_base_offset(placed.offset)
            .with_log_append_time_ms(placed.stamp)
            .with_log_start_offset(start),
        Err(NotStored { error, start, records }) => response
            .with_error_code(error.code())
            .with_error_message(Some(text(error.to_string())))
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(start)
            .with_record_errors(records.into_iter().map(at_fault).collect()),
    }
}
