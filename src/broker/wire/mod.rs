//! The thin layer that turns requests into calls of the log, the topics, the groups and the transactions.

pub mod apis;
mod cluster;
mod commits;
mod configs;
mod fetch;
mod groups;
mod offsets;
mod produce;
mod shape;
mod topics;
mod transaction_admin;
mod transactions;

use super::Core;
use super::topics::{Partition, Refusal};
use apis::Api;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use std::net::SocketAddr;
use std::sync::Arc;

/// The number of the one node.
pub const NODE: BrokerId = BrokerId(1);

/// Who asked, and how.
pub struct Context<'a> {
    pub core: &'a Core,
    pub version: i16,
    pub client_id: String,
    /// The address that the client reached the broker at: the one it is told to use.
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// Why a connection is closed without an answer.
#[derive(Debug)]
pub struct Unanswerable(pub String);

impl<E: std::fmt::Display> From<E> for Unanswerable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The answer to one request, with its length in front; nothing if none is expected.
///
/// # Errors
/// Bytes that are not a request that the broker knows.
pub async fn answer(
    core: &Core,
    local: SocketAddr,
    remote: SocketAddr,
    frame: Bytes,
) -> Result<Option<BytesMut>, Unanswerable> {
    let mut peek = frame.clone();
    let (key, version) = (peek.try_get_i16()?, peek.try_get_i16()?);
    let correlation = peek.try_get_i32()?;
    let api = apis::find(key).ok_or_else(|| Unanswerable(format!("request {key} is not known")))?;
    if !(api.min..=api.max).contains(&version) {
        if key == ApiKey::ApiVersions as i16 {
            return reply(api, 0, correlation, &cluster::unsupported_version()).map(Some);
        }
        return Err(Unanswerable(format!("{} in version {version} is not known", api.name)));
    }
    let flexible = version >= api.flexible;
    if shape::check(&frame, api.fields, version, flexible).is_err() {
        return Err(Unanswerable(format!("{} in version {version} is malformed", api.name)));
    }
    let mut body = frame;
    let header = RequestHeader::decode(&mut body, if flexible { 2 } else { 1 })?;
    let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
    let context = Context { core, version, client_id, local, remote };
    dispatch(api, &context, correlation, body).await
}

async fn dispatch(
    api: &Api,
    context: &Context<'_>,
    correlation: i32,
    mut body: Bytes,
) -> Result<Option<BytesMut>, Unanswerable> {
    let version = context.version;
    macro_rules! serve {
        ($($handler:path: $request:ident),* $(; later $($later:path: $delayed:ident),*)?) => {
            match ApiKey::try_from(api.key) {
                $(Ok(ApiKey::$request) => {
                    let response = $handler(context, Decodable::decode(&mut body, version)?);
                    reply(api, version, correlation, &response).map(Some)
                })*
                $($(Ok(ApiKey::$delayed) => {
                    let response = $later(context, Decodable::decode(&mut body, version)?).await;
                    reply(api, version, correlation, &response).map(Some)
                })*)?
                Ok(ApiKey::Produce) => {
                    match produce::produce(context, Decodable::decode(&mut body, version)?) {
                        Some(response) => reply(api, version, correlation, &response).map(Some),
                        None => Ok(None),
                    }
                }
                _ => Err(Unanswerable(format!("{} has no answer", api.name))),
            }
        };
    }
    serve! {
        cluster::api_versions: ApiVersions,
        cluster::metadata: Metadata,
        cluster::describe_cluster: DescribeCluster,
        cluster::describe_log_dirs: DescribeLogDirs,
        cluster::find_coordinator: FindCoordinator,
        topics::create_topics: CreateTopics,
        topics::delete_topics: DeleteTopics,
        topics::create_partitions: CreatePartitions,
        topics::delete_records: DeleteRecords,
        configs::describe_configs: DescribeConfigs,
        configs::alter_configs: AlterConfigs,
        configs::incremental_alter_configs: IncrementalAlterConfigs,
        offsets::list_offsets: ListOffsets,
        offsets::offset_for_leader_epoch: OffsetForLeaderEpoch,
        groups::heartbeat: Heartbeat,
        groups::leave_group: LeaveGroup,
        groups::describe_groups: DescribeGroups,
        groups::list_groups: ListGroups,
        groups::delete_groups: DeleteGroups,
        commits::offset_commit: OffsetCommit,
        commits::offset_fetch: OffsetFetch,
        commits::offset_delete: OffsetDelete,
        commits::txn_offset_commit: TxnOffsetCommit,
        transactions::init_producer_id: InitProducerId,
        transactions::add_partitions_to_txn: AddPartitionsToTxn,
        transactions::add_offsets_to_txn: AddOffsetsToTxn,
        transactions::end_txn: EndTxn,
        transaction_admin::describe_producers: DescribeProducers,
        transaction_admin::list_transactions: ListTransactions,
        transaction_admin::describe_transactions: DescribeTransactions,
        transaction_admin::write_txn_markers: WriteTxnMarkers;
        later fetch::fetch: Fetch, groups::join_group: JoinGroup, groups::sync_group: SyncGroup
    }
}

/// The number of the request that a frame carries, −1 if there is none.
pub fn key_of(mut frame: &[u8]) -> i16 {
    frame.try_get_i16().unwrap_or(-1)
}

/// How many requests there are.
pub const API_COUNT: usize = apis::APIS.len();

/// The place in the list of the request with this number.
pub fn api_index(key: i16) -> Option<usize> {
    apis::APIS.binary_search_by_key(&key, |api| api.key).ok()
}

/// The names of all requests, in the order of the list.
pub fn api_names() -> impl Iterator<Item = &'static str> {
    apis::APIS.iter().map(|api| api.name)
}

fn reply<R: Encodable + HeaderVersion>(
    api: &Api,
    version: i16,
    correlation: i32,
    response: &R,
) -> Result<BytesMut, Unanswerable> {
    let header = ResponseHeader::default().with_correlation_id(correlation);
    let header_version = R::header_version(version);
    let size = header.compute_size(header_version)? + response.compute_size(version)?;
    let length = i32::try_from(size).map_err(|_| Unanswerable(format!("{}: too large", api.name)))?;
    let mut bytes = BytesMut::with_capacity(size + 4);
    bytes.put_i32(length);
    header.encode(&mut bytes, header_version)?;
    response.encode(&mut bytes, version)?;
    Ok(bytes)
}

fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Kafka's number for how it went.
fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().map_or_else(ResponseError::code, |_| 0)
}

/// Kafka's number and sentence for how it went.
fn outcome<T>(result: &Result<T, Refusal>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(_) => (0, None),
        Err(Refusal(error, message)) => (error.code(), Some(text(message.as_str()))),
    }
}

impl Context<'_> {
    fn partition(&self, topic: &str, partition: i32) -> Result<Arc<Partition>, ResponseError> {
        self.core.topics.partition(topic, partition).ok_or(ResponseError::UnknownTopicOrPartition)
    }

    fn now_ms(&self) -> i64 {
        self.core.clock.now() / 1_000
    }
}

/// Whether the epoch that a client knows is the leader's; −1 is no opinion.
fn check_epoch(known: i32) -> Result<(), ResponseError> {
    match known {
        epoch if epoch > super::log::LEADER_EPOCH => Err(ResponseError::UnknownLeaderEpoch),
        epoch if (0..super::log::LEADER_EPOCH).contains(&epoch) => Err(ResponseError::FencedLeaderEpoch),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wake_tests;
