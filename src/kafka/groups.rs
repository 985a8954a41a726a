//! Consumer groups: who is in them, and how far they have come.

use super::admin::{Admin, Cluster, PATIENCE, failed};
use super::committed::{Committed, committed};
use super::config::{Connection, wrong_setting};
use super::context::Context;
use super::offsets::{Offsets, Span};
use crate::Result;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::Serialize;
use std::time::Duration;

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name.
    #[serde(rename = "group")]
    pub name: String,
    /// `Stable`, `Empty`, `PreparingRebalance`, … in Kafka's words.
    pub state: String,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its id, which the broker gave.
    pub id: String,
    /// What the client calls itself.
    pub client: String,
    /// Where it comes from.
    pub host: String,
}

/// How far a group has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset that is read next, as committed.
    pub committed: i64,
    /// The offset that the next record gets.
    pub end: i64,
    /// How many records are still to be read.
    pub lag: i64,
    /// What the group wrote beside the offset; a query that is mirrored writes who it is.
    pub metadata: String,
}

impl From<Committed> for Position {
    fn from(committed: Committed) -> Self {
        let Committed { topic, partition, offset, metadata } = committed;
        Self { topic, partition, committed: offset, end: offset, lag: 0, metadata }
    }
}

impl Admin {
    /// All consumer groups, by name.
    ///
    /// # Errors
    /// When the cluster does not tell them within `patience`.
    pub fn groups(&self, patience: Duration) -> Result<Vec<Group>> {
        let list = self.inner().fetch_group_list(None, patience).map_err(failed("the consumer groups"))?;
        let mut groups: Vec<_> = list
            .groups()
            .iter()
            // Some old clients commit under no name; librdkafka cannot ask for that.
            .filter(|group| !group.name().is_empty())
            .map(|group| Group {
                name: group.name().to_string(),
                state: group.state().to_string(),
                members: group
                    .members()
                    .iter()
                    .map(|member| Member {
                        id: member.id().to_string(),
                        client: member.client_id().to_string(),
                        host: member.client_host().trim_start_matches('/').to_string(),
                    })
                    .collect(),
            })
            .collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }
}

/// Where `group` has committed something, by topic and partition.
///
/// # Errors
/// When the cluster does not tell it.
pub fn positions(
    connection: &Connection,
    offsets: &Offsets,
    cluster: &Cluster,
    group: &str,
) -> Result<Vec<Position>> {
    let wrong = failed("the group's offsets");
    let mut asked = TopicPartitionList::new();
    for topic in cluster.topics.iter().filter(|topic| !topic.is_internal()) {
        for partition in &topic.partitions {
            asked.add_partition(&topic.name, partition.id);
        }
    }
    if asked.count() == 0 {
        return Ok(Vec::new());
    }
    let answer = member_of(connection, group)?.committed_offsets(asked, PATIENCE).map_err(&wrong)?;
    let committed = committed(&answer).map_err(&wrong)?;
    let mut positions: Vec<Position> = committed.into_iter().map(Position::from).collect();
    let read = cluster.topics.iter().filter(|topic| positions.iter().any(|p| p.topic == topic.name));
    let spans = offsets.spans(read)?;
    for position in &mut positions {
        if let Some(Span { next, .. }) = spans.get(&(position.topic.clone(), position.partition)) {
            position.end = *next;
            position.lag = (next - position.committed).max(0);
        }
    }
    Ok(positions)
}

/// A client with the group's name, which never joins it.
fn member_of(connection: &Connection, group: &str) -> Result<BaseConsumer<Context>> {
    let mut config = connection.client();
    config.set("group.id", group).set("enable.auto.commit", "false");
    config.create_with_context(connection.context()).map_err(|error| wrong_setting(&error))
}
