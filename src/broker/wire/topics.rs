//! Topics made, deleted and grown; records deleted.

use super::{Context, NODE, code, outcome, text};
use crate::broker::settings::{SETTINGS, Settings, value};
use crate::broker::topics::{Refusal, Topic};
use create_partitions_response::CreatePartitionsTopicResult;
use create_topics_request::CreatableTopic;
use create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use delete_topics_request::DeleteTopicState;
use delete_topics_response::DeletableTopicResult;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use std::collections::{BTreeMap, HashSet};

pub fn create_topics(context: &Context<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    request.topics.iter().for_each(|topic| *named.entry(topic.name.as_str()).or_default() += 1);
    let mut answered = HashSet::new();
    let once = request.topics.iter().filter(|topic| answered.insert(topic.name.as_str()));
    let results = once.map(|topic| {
        let twice = named.get(topic.name.as_str()).is_some_and(|count| *count > 1);
        let made = if twice {
            Err(Refusal(ResponseError::InvalidRequest, "Duplicate topic name.".into()))
        } else {
            create(context, topic, request.validate_only)
        };
        let (error, message) = outcome(&made);
        let result = CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(error)
            .with_error_message(message);
        match made {
            Ok(made) => describe(result, &made),
            Err(_) => result.with_num_partitions(-1).with_replication_factor(-1),
        }
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

/// What was made, or would have been.
struct Made {
    id: uuid::Uuid,
    partitions: usize,
    settings: Settings,
}

fn create(context: &Context<'_>, asked: &CreatableTopic, only_check: bool) -> Result<Made, Refusal> {
    let partitions = partition_count(context, asked)?;
    let pairs = asked.configs.iter().map(|config| match &config.value {
        Some(value) => Ok((config.name.to_string(), value.to_string())),
        None => {
            let message = format!("Null value not supported for topic configs: {}", config.name.as_str());
            Err(Refusal(ResponseError::InvalidConfig, message))
        }
    });
    let settings: Settings = pairs.collect::<Result<_, _>>()?;
    if only_check {
        context.core.topics.check(&asked.name, partitions, &settings)?;
        return Ok(Made { id: uuid::Uuid::new_v4(), partitions, settings });
    }
    let topic = context.core.topics.create(&asked.name, partitions, settings)?;
    tracing::info!(topic = %topic.name, partitions, "created");
    Ok(made(&topic))
}

fn made(topic: &Topic) -> Made {
    Made { id: topic.id, partitions: topic.partitions.len(), settings: topic.settings.clone() }
}

fn partition_count(context: &Context<'_>, asked: &CreatableTopic) -> Result<usize, Refusal> {
    if !asked.assignments.is_empty() {
        if asked.num_partitions != -1 || asked.replication_factor != -1 {
            let message = "A manual partition assignment was specified, but numPartitions or replicationFactor was not set to -1.";
            return Err(Refusal(ResponseError::InvalidRequest, message.into()));
        }
        let here = asked.assignments.iter().all(|replicas| replicas.broker_ids == [NODE]);
        let numbers: Vec<i32> = asked.assignments.iter().map(|replicas| replicas.partition_index).collect();
        let dense = (0..numbers.len() as i32).all(|number| numbers.contains(&number));
        let message = "Every partition from 0 on must be assigned to node 1, the only one.";
        let refusal = Refusal(ResponseError::InvalidReplicaAssignment, message.into());
        return if here && dense { Ok(numbers.len()) } else { Err(refusal) };
    }
    match asked.replication_factor {
        -1 | 1 => {}
        0 | ..-1 => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(Refusal(ResponseError::InvalidReplicationFactor, message.into()));
        }
        factor => {
            let message = format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} \
                 cannot be reached because only 1 broker(s) are registered."
            );
            return Err(Refusal(ResponseError::InvalidReplicationFactor, message));
        }
    }
    let count = if asked.num_partitions == -1 {
        context.core.config.default_partitions
    } else {
        asked.num_partitions
    };
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
        let message = "Number of partitions was set to an invalid non-positive value.";
        Refusal(ResponseError::InvalidPartitions, message.into())
    })
}

fn describe(result: CreatableTopicResult, made: &Made) -> CreatableTopicResult {
    let configs = SETTINGS.iter().map(|setting| {
        let source = super::configs::source(setting.name, &made.settings);
        CreatableTopicConfigs::default()
            .with_name(text(setting.name))
            .with_value(Some(text(value(&made.settings, setting.name))))
            .with_config_source(source)
    });
    result
        .with_topic_id(made.id)
        .with_num_partitions(made.partitions as i32)
        .with_replication_factor(1)
        .with_configs(Some(configs.collect()))
}

pub fn delete_topics(context: &Context<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name| DeleteTopicState::default().with_name(Some(name));
    let asked = request.topics.into_iter().chain(request.topic_names.into_iter().map(by_name));
    let results = asked.map(|asked| {
        let known = asked.name.as_ref().and_then(|name| context.core.topics.get(name));
        let id = known.map_or(asked.topic_id, |topic| topic.id);
        let (name, deleted) = delete(context, &asked);
        let (error, message) = outcome(&deleted);
        DeletableTopicResult::default()
            .with_name(name)
            .with_topic_id(id)
            .with_error_code(error)
            .with_error_message(message)
    });
    DeleteTopicsResponse::default().with_responses(results.collect())
}

fn delete(context: &Context<'_>, asked: &DeleteTopicState) -> (Option<TopicName>, Result<(), Refusal>) {
    let name = match &asked.name {
        Some(name) => name.to_string(),
        None => match context.core.topics.get_by_id(asked.topic_id) {
            Some(topic) => topic.name.clone(),
            None => {
                let message = "This server does not host this topic ID.".to_string();
                return (None, Err(Refusal(ResponseError::UnknownTopicId, message)));
            }
        },
    };
    let deleted = context.core.topics.delete(&name);
    if deleted.is_ok() {
        context.core.groups.forget_topic(&name);
        tracing::info!(topic = %name, "deleted");
    }
    (Some(super::topic_name(&name)), deleted)
}

pub fn create_partitions(
    context: &Context<'_>,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|topic| {
        let grown = context.core.topics.grow(&topic.name, topic.count, request.validate_only, |added| {
            let assignments = topic.assignments.as_deref();
            assignments.is_none_or(|all| all.len() == added && all.iter().all(|one| one.broker_ids == [NODE]))
        });
        let (error, message) = outcome(&grown);
        CreatePartitionsTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(error)
            .with_error_message(message)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

pub fn delete_records(context: &Context<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let delete = |topic: &str, partition, offset| {
        let topic = context.core.topics.get(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = topic.partition(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        // A topic that is only compacted promises the last record of each key.
        if !topic.rules.deletes {
            return Err(ResponseError::PolicyViolation);
        }
        partition.log().delete_before(offset)
    };
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let deleted = delete(&topic.name, asked.partition_index, asked.offset);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code(&deleted))
                .with_low_watermark(deleted.unwrap_or(-1))
        });
        DeleteRecordsTopicResult::default().with_partitions(partitions.collect()).with_name(topic.name)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}
