//! The cluster as an administrator sees it: brokers, topics, their settings; creating and deleting.

use super::config::{Connection, Questioner, wrong_setting};
use super::context::Context;
use super::native::named;
use crate::error::Fault;
use crate::{Error, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, TopicResult};
use rdkafka::client::Client;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataPartition, MetadataTopic};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long one question or one change may take.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Asks a cluster, and changes it.
pub struct Admin {
    connection: Connection,
    questioner: Questioner,
}

/// What a cluster is made of.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cluster {
    /// Its id, if it tells one.
    pub id: Option<String>,
    /// The broker that controls it, if one is known.
    pub controller: Option<i32>,
    /// The brokers that are alive, by id.
    pub brokers: Vec<Broker>,
    /// The topics, in the order of their names, Kafka's own among them.
    pub topics: Vec<TopicState>,
}

/// One live broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broker {
    /// Its number.
    pub id: i32,
    /// Where it answers, `host:port`.
    pub address: String,
}

/// A topic's partitions as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicState {
    /// Its name.
    pub name: String,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionState>,
}

/// Where a partition is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionState {
    /// Its number.
    pub id: i32,
    /// The broker that leads it; `None` while it is offline.
    pub leader: Option<i32>,
    /// The brokers that keep it.
    pub replicas: Vec<i32>,
    /// Those of them that have everything.
    pub in_sync: Vec<i32>,
}

/// One setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Kafka's name of it.
    pub name: String,
    /// Its value; a secret's is empty.
    pub value: String,
    /// Where it comes from: `topic`, `broker`, or `default`.
    pub origin: &'static str,
}

impl Cluster {
    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&TopicState> {
        let place = self.topics.binary_search_by(|topic| topic.name.as_str().cmp(name)).ok()?;
        self.topics.get(place)
    }
}

impl TopicState {
    /// Whether it is one of Kafka's own.
    pub fn is_internal(&self) -> bool {
        self.name.starts_with("__")
    }

    /// How many brokers keep each partition; the least, where partitions differ.
    pub fn replication(&self) -> i32 {
        self.partitions.iter().map(|partition| partition.replicas.len() as i32).min().unwrap_or(0)
    }
}

impl Admin {
    /// Somebody who asks and changes the cluster of `connection`.
    ///
    /// # Errors
    /// A usage error where a setting is wrong.
    pub fn new(connection: &Connection) -> Result<Self> {
        Ok(Self { connection: connection.clone(), questioner: connection.questioner()? })
    }

    /// The brokers and topics as they are now.
    ///
    /// # Errors
    /// When the cluster does not answer within `patience`.
    pub fn cluster(&self, patience: Duration) -> Result<Cluster> {
        // Whoever watches a cluster for hours has tokens to renew, which only a poll does.
        while self.questioner.poll(Duration::ZERO).is_some() {}
        let client = self.client();
        let metadata = client.fetch_metadata(None, patience).map_err(failed("the cluster's topics"))?;
        let mut cluster = Cluster { id: client.fetch_cluster_id(patience), ..Cluster::from(&metadata) };
        cluster.controller = self.controller();
        Ok(cluster)
    }

    /// The broker that controls the cluster, as the last answer named it.
    fn controller(&self) -> Option<i32> {
        // SAFETY: the pointer comes from a client that `self` owns and that outlives the call; the function
        // reads a cached number under librdkafka's own lock, and a timeout of 0 keeps it from waiting.
        #[expect(unsafe_code, reason = "rdkafka does not offer this question")]
        let id = unsafe { rdkafka_sys::rd_kafka_controllerid(self.client().native_ptr(), 0) };
        (id >= 0).then_some(id)
    }

    /// Whether the user has no right to know of a topic, so that it is in no list.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn may_not_see(&self, topic: &str) -> Result<bool> {
        Ok(!self.unseen(&[topic])?.is_empty())
    }

    /// Those of these topics that the user has no right to know of. All are asked for at once.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn unseen(&self, topics: &[&str]) -> Result<BTreeSet<String>> {
        named::unseen(self.client(), topics)
    }

    /// Gives topics more partitions, each the number of all that it is to have, and waits until each has a leader. With
    /// `only_check` nothing is changed, and the cluster says whether it would.
    ///
    /// # Errors
    /// The first topic that the cluster refuses, with its reason; those before it have them.
    pub fn add_partitions(&self, topics: &[(&str, i32)], only_check: bool) -> Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let wanted = topics.iter().map(|(topic, count)| NewPartitions::new(topic, (*count).max(0) as usize));
        let wanted: Vec<_> = wanted.collect();
        let options = options().validate_only(only_check);
        let answer =
            changed(&self.connection, async |client| client.create_partitions(&wanted, &options).await)?;
        accepted(answer, "adding partitions to", "ALTER", &[])?;
        if only_check { Ok(()) } else { self.wait_for_leaders(topics) }
    }

    /// Waits until these topics have as many partitions, each with a leader.
    pub(super) fn wait_for_leaders(&self, topics: &[(&str, i32)]) -> Result<()> {
        wait_until("the new partitions to have leaders", || {
            let cluster = self.cluster(PATIENCE)?;
            Ok(topics.iter().all(|(topic, count)| {
                cluster.topic(topic).is_some_and(|state| {
                    state.partitions.len() as i32 == *count
                        && state.partitions.iter().all(|partition| partition.leader.is_some())
                })
            }))
        })
    }

    /// Deletes topics and waits until they are gone.
    ///
    /// # Errors
    /// The first topic that the cluster refuses, with its reason.
    pub fn delete(&self, topics: &[&str]) -> Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let answer =
            changed(&self.connection, async |client| client.delete_topics(topics, &options()).await)?;
        accepted(answer, "deleting", "DELETE", &[RDKafkaErrorCode::UnknownTopicOrPartition])?;
        wait_until("the deleted topics to be gone", || {
            let cluster = self.cluster(PATIENCE)?;
            Ok(topics.iter().all(|topic| cluster.topic(topic).is_none()))
        })
    }

    /// How the cluster is reached.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What the cluster is asked with.
    pub(super) fn client(&self) -> &Client<Context> {
        self.questioner.client()
    }
}

/// Lets `change` do something with a client of its own. Its end takes a tenth of a second, which who only asks is spared.
fn changed<T>(connection: &Connection, change: impl AsyncFnOnce(&AdminClient<Context>) -> T) -> Result<T> {
    let client = connection.client().create_with_context(connection.context());
    let client = client.map_err(|error| wrong_setting(&error))?;
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(change(&client)))
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// Whether every topic's answer is a success, or one of `already`: somebody else did the same at the same time.
fn accepted(
    answer: Result<Vec<TopicResult>, KafkaError>,
    doing: &str,
    right: &str,
    already: &[RDKafkaErrorCode],
) -> Result<()> {
    for answer in answer.map_err(failed(&format!("{doing} topics")))? {
        match answer {
            Err((topic, code)) if !already.contains(&code) => {
                let right = format!("{right} on topic '{topic}'");
                return Err(refused(&format!("{doing} topic '{topic}'"), code, "", &right));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn wait_until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > 2 * PATIENCE {
            return Err(Error::failed(format!("waited {} s for {what}", start.elapsed().as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// What a code means, in Kafka's own words without the side that said it.
pub(super) fn words(code: RDKafkaErrorCode) -> String {
    let text = code.to_string();
    let inner = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(&text);
    inner.trim_start_matches("Broker: ").trim_start_matches("Local: ").to_string()
}

/// Whether nobody answered, so that the same may go well later.
pub(super) fn is_silence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
    )
}

/// What the cluster refused: what was to be done, why it was not, in the broker's words where it has some, and the right
/// that it takes.
pub(super) fn refused(what: &str, code: RDKafkaErrorCode, reason: &str, right: &str) -> Error {
    use RDKafkaErrorCode as Code;
    let reason = if reason.is_empty() { words(code) } else { reason.trim_end_matches('.').to_string() };
    let is_wrong = matches!(code, Code::InvalidConfig | Code::InvalidRequest);
    let fault = match code {
        code if is_silence(code) => Fault::Unreachable,
        _ if is_wrong => Fault::Usage,
        _ => Fault::Failed,
    };
    let error = Error::new(fault, format!("{what}: {reason}"));
    match code {
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => error.hint(takes(right)),
        Code::NonEmptyGroup => error.hint("`ecap-topics consumer-groups --group GROUP` shows who is in it"),
        Code::SecurityDisabled | Code::UnsupportedFeature => {
            error.hint("the broker has no authorizer, so everybody may do everything")
        }
        _ => error,
    }
}

/// Which right a user lacks, and who gives it.
pub fn takes(right: &str) -> String {
    format!("this takes the right {right}; who may do so gives it with `ecap-topics acl grant`")
}

/// What cannot be told from what is not there, because a right is missing.
pub fn may_not_see(thing: &str, name: &str) -> Error {
    Error::failed(format!("{thing} '{name}' is there or is not: this user may not see it"))
        .hint(takes("DESCRIBE on it"))
}

/// Turns librdkafka's error into ours: what was asked, and what came back.
pub(super) fn failed(what: &str) -> impl Fn(KafkaError) -> Error {
    move |error| {
        let code = code_of(&error);
        let reason = code.map_or_else(|| error.to_string(), words);
        let fault = if code.is_some_and(is_silence) { Fault::Unreachable } else { Fault::Failed };
        Error::new(fault, format!("{what}: {reason}"))
    }
}

/// The same for what takes a right, which is named where it is missing.
pub(super) fn denied(what: &str, right: &str) -> impl Fn(KafkaError) -> Error {
    move |error| match code_of(&error) {
        Some(code) => refused(what, code, "", right),
        None => failed(what)(error),
    }
}

/// The code of any of librdkafka's errors.
pub(super) fn code_of(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    }
}

impl From<&Metadata> for Cluster {
    fn from(metadata: &Metadata) -> Self {
        let brokers = metadata.brokers().iter();
        let mut brokers: Vec<_> = brokers
            .map(|broker| Broker { id: broker.id(), address: format!("{}:{}", broker.host(), broker.port()) })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        let mut topics: Vec<_> = metadata.topics().iter().map(TopicState::from).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Self { brokers, topics, ..Self::default() }
    }
}

impl From<&MetadataTopic> for TopicState {
    fn from(topic: &MetadataTopic) -> Self {
        let mut partitions: Vec<_> = topic.partitions().iter().map(PartitionState::from).collect();
        partitions.sort_by_key(|partition| partition.id);
        Self { name: topic.name().to_string(), partitions }
    }
}

impl From<&MetadataPartition> for PartitionState {
    fn from(partition: &MetadataPartition) -> Self {
        Self {
            id: partition.id(),
            leader: (partition.leader() >= 0).then_some(partition.leader()),
            replicas: partition.replicas().to_vec(),
            in_sync: partition.isr().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_put_in_kafka_s_own_words() {
        assert_eq!(words(RDKafkaErrorCode::TopicAlreadyExists), "Topic already exists");
    }
}
