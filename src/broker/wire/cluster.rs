//! What the broker is: its address, its topics, its folders, and who coordinates what (it does).

use super::apis::APIS;
use super::{Context, NODE, text, topic_name};
use crate::broker::log::LEADER_EPOCH;
use crate::broker::settings::Settings;
use crate::broker::topics::{Topic, check_name};
use api_versions_response::ApiVersion;
use describe_cluster_response::DescribeClusterBroker;
use describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic};
use find_coordinator_response::Coordinator;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use metadata_request::MetadataRequestTopic;
use metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic};
use std::collections::HashSet;
use std::sync::Arc;

pub fn api_versions(_: &Context<'_>, _: ApiVersionsRequest) -> ApiVersionsResponse {
    let version = |api: &super::Api| {
        ApiVersion::default().with_api_key(api.key).with_min_version(api.min).with_max_version(api.max)
    };
    ApiVersionsResponse::default().with_api_keys(APIS.iter().map(version).collect())
}

/// The answer to a version of ApiVersions that is too new, in the oldest form.
pub fn unsupported_version() -> ApiVersionsResponse {
    let key = ApiVersion::default().with_api_key(ApiKey::ApiVersions as i16).with_max_version(4);
    ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(vec![key])
}

pub fn metadata(context: &Context<'_>, request: MetadataRequest) -> MetadataResponse {
    let all = || context.core.topics.all().iter().map(|topic| describe(topic)).collect();
    let topics = match request.topics {
        None => all(),
        Some(topics) if topics.is_empty() && context.version == 0 => all(),
        Some(topics) => {
            let creates = request.allow_auto_topic_creation && context.core.config.auto_create_topics;
            topics.iter().map(|topic| one(context, topic, creates)).collect()
        }
    };
    let broker = MetadataResponseBroker::default()
        .with_node_id(NODE)
        .with_host(text(context.local.ip().to_string()))
        .with_port(i32::from(context.local.port()));
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text(context.core.cluster_id.as_str())))
        .with_controller_id(NODE)
        .with_topics(topics)
}

fn one(context: &Context<'_>, asked: &MetadataRequestTopic, creates: bool) -> MetadataResponseTopic {
    let missing = |error: ResponseError| {
        MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(asked.name.clone())
            .with_topic_id(asked.topic_id)
    };
    let Some(name) = &asked.name else {
        let found = context.core.topics.get_by_id(asked.topic_id);
        return found.map_or_else(|| missing(ResponseError::UnknownTopicId), |topic| describe(&topic));
    };
    match context.core.topics.get(name) {
        Some(topic) => describe(&topic),
        None if creates => {
            let partitions = context.core.config.default_partitions.max(1) as usize;
            match context.core.topics.create(name, partitions, Settings::new()) {
                Ok(topic) => describe(&topic),
                Err(refusal) => missing(refusal.0),
            }
        }
        None => missing(
            check_name(name).err().map_or(ResponseError::UnknownTopicOrPartition, |refusal| refusal.0),
        ),
    }
}

fn describe(topic: &Topic) -> MetadataResponseTopic {
    let partition = |index: usize| {
        MetadataResponsePartition::default()
            .with_partition_index(index as i32)
            .with_leader_id(NODE)
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    };
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.partitions.len()).map(partition).collect())
}

pub fn describe_cluster(context: &Context<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let broker = DescribeClusterBroker::default()
        .with_broker_id(NODE)
        .with_host(text(context.local.ip().to_string()))
        .with_port(i32::from(context.local.port()));
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(text(context.core.cluster_id.as_str()))
        .with_controller_id(NODE)
        .with_brokers(vec![broker])
}

pub fn describe_log_dirs(context: &Context<'_>, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let all = context.core.topics.all();
    let topics = match request.topics {
        None => all.iter().map(|topic| sizes(topic, None)).collect(),
        Some(asked) => {
            let found = asked.iter().filter_map(|asked| {
                let topic = all.iter().find(|topic| topic.name == asked.topic.as_str())?;
                Some(sizes(topic, Some(asked.partitions.iter().copied().collect())))
            });
            found.collect()
        }
    };
    let folder = context.core.folder.as_ref();
    let result = DescribeLogDirsResult::default()
        .with_log_dir(text(folder.map_or_else(|| "memory".into(), |folder| folder.display().to_string())))
        .with_topics(topics)
        .with_total_bytes(-1)
        .with_usable_bytes(-1);
    DescribeLogDirsResponse::default().with_results(vec![result])
}

fn sizes(topic: &Arc<Topic>, only: Option<HashSet<i32>>) -> DescribeLogDirsTopic {
    let partitions = topic.partitions.iter().enumerate().map(|(index, partition)| {
        DescribeLogDirsPartition::default()
            .with_partition_index(index as i32)
            .with_partition_size(partition.log().size() as i64)
    });
    let asked = |found: &DescribeLogDirsPartition| {
        only.as_ref().is_none_or(|only| only.contains(&found.partition_index))
    };
    DescribeLogDirsTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(partitions.filter(asked).collect())
}

pub fn find_coordinator(context: &Context<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let host = text(context.local.ip().to_string());
    let port = i32::from(context.local.port());
    let coordinator = |key| {
        let here = Coordinator::default().with_node_id(NODE).with_host(host.clone()).with_port(port);
        here.with_key(key)
    };
    // Groups and transactions have coordinators.
    if !matches!(request.key_type, 0 | 1) {
        let error = ResponseError::InvalidRequest.code();
        let nobody =
            |key| Coordinator::default().with_key(key).with_node_id(BrokerId(-1)).with_error_code(error);
        return match context.version {
            4.. => FindCoordinatorResponse::default()
                .with_coordinators(request.coordinator_keys.into_iter().map(nobody).collect()),
            _ => FindCoordinatorResponse::default().with_node_id(BrokerId(-1)).with_error_code(error),
        };
    }
    if context.version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(coordinator).collect();
        return FindCoordinatorResponse::default().with_coordinators(coordinators);
    }
    FindCoordinatorResponse::default().with_node_id(NODE).with_host(host).with_port(port)
}
