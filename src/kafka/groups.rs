//! Consumer groups: who is in them, how far they have come, and setting that.

use super::admin::{Admin, Broker, Cluster, code_of, denied, failed, is_silence, refused};
use super::assignment;
use super::committed::{Committed, present};
use super::config::Connection;
use super::coordinators;
use super::mirror::Owner;
use super::native::groups::{Answer, Request, ask, ask_left, describe};
use super::offsets::{Offsets, Partition};
use super::producer::positioned;
use super::settle::{has_no_coordinator, settled};
use crate::Result;
use crate::clock::SystemClock;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::groups::GroupInfo;
use rdkafka::topic_partition_list::Offset;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// What it reads.
    #[serde(skip)]
    pub partitions: Vec<Partition>,
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

impl Position {
    /// Topic and partition.
    pub fn place(&self) -> Partition {
        (self.topic.clone(), self.partition)
    }
}

impl From<Committed> for Position {
    fn from(committed: Committed) -> Self {
        let Committed { topic, partition, offset, metadata } = committed;
        Self { topic, partition, committed: offset, end: offset, lag: 0, metadata }
    }
}

/// The query whose progress a group mirrors, if it does.
pub fn mirrored(positions: &[Position]) -> Option<Owner> {
    positions.iter().find_map(|position| Owner::parse(&position.metadata))
}

impl Group {
    /// Whether the broker knows of no such group.
    fn is_dead(&self) -> bool {
        self.state == "Dead"
    }
}

impl From<&GroupInfo> for Group {
    fn from(group: &GroupInfo) -> Self {
        let members = group.members().iter().map(|member| Member {
            id: member.id().to_string(),
            client: member.client_id().to_string(),
            host: member.client_host().trim_start_matches('/').to_string(),
            partitions: assignment::partitions(member.assignment().unwrap_or_default()),
        });
        Self { name: group.name().to_string(), state: group.state().to_string(), members: members.collect() }
    }
}

impl Admin {
    /// All consumer groups that the user may see, by name. Where `brokers` are named, those of newer protocols are asked for
    /// many at a time.
    ///
    /// # Errors
    /// When the cluster does not tell them within `patience`.
    pub fn groups(&self, brokers: &[Broker], patience: Duration) -> Result<Vec<Group>> {
        let ask = || self.client().fetch_group_list(None, patience);
        let is_open = |answer: &KafkaResult<_>| answer.as_ref().is_err_and(has_no_coordinator);
        let list = settled(&SystemClock, patience, ask, is_open).map_err(failed("the consumer groups"))?;
        // Some old clients commit under no name; librdkafka cannot ask for that. Who may list all groups and look at a few
        // gets the others without a state.
        let seen = |group: &&GroupInfo| !group.name().is_empty() && !group.state().is_empty();
        // All of a broker come with one question, which knows the classic protocol alone: others are dead for it.
        let groups = list.groups().iter().filter(seen).map(Group::from);
        let (others, mut groups): (Vec<_>, Vec<_>) = groups.partition(Group::is_dead);
        groups.extend(self.of_any_protocol(brokers, &others, patience)?);
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// Those of these groups that are there after all, as their members' own protocol tells of them.
    fn of_any_protocol(
        &self,
        brokers: &[Broker],
        groups: &[Group],
        patience: Duration,
    ) -> Result<Vec<Group>> {
        let mut names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        let told = coordinators::describe(self.connection(), brokers, &names);
        names.retain(|name| !told.contains_key(*name));
        let is_open = |answers: &Result<Vec<KafkaResult<Group>>>| {
            answers.iter().flatten().filter_map(|answer| answer.as_ref().err()).any(has_no_coordinator)
        };
        let answers = settled(&SystemClock, patience, || describe(self.client(), &names), is_open)?;
        let mut found = Vec::new();
        for answer in answers.into_iter().chain(told.into_values().map(Ok)) {
            match answer {
                Ok(group) if group.is_dead() => {}
                Err(error) if code_of(&error).is_some_and(is_silence) => {
                    return Err(failed("the consumer groups")(error));
                }
                // Gone by now, of no consumers (as share groups are), or not to be seen.
                Err(error) => tracing::debug!("a group is left out: {error}"),
                Ok(group) => found.push(group),
            }
        }
        Ok(found)
    }

    /// Whether the user has no right to know of a group, so that it is in no list.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn may_not_see_group(&self, group: &str) -> Result<bool> {
        let answers = ask(self.client(), &[group], Request::Offsets)?;
        let denied = KafkaError::AdminOp(RDKafkaErrorCode::GroupAuthorizationFailed);
        Ok(answers.into_iter().any(|answer| answer.is_err_and(|error| error == denied)))
    }
}

/// Where `group` has committed something, by topic and partition.
///
/// # Errors
/// When the cluster does not tell it.
pub fn positions(connection: &Connection, cluster: &Cluster, group: &str) -> Result<Vec<Position>> {
    Ok(all_positions(connection, cluster, &[group])?.remove(group).unwrap_or_default())
}

/// The same of many groups: their offsets are asked for at once, and the ends of all their partitions together.
///
/// # Errors
/// When the cluster does not tell it of one of them.
pub fn all_positions(
    connection: &Connection,
    cluster: &Cluster,
    groups: &[&str],
) -> Result<BTreeMap<String, Vec<Position>>> {
    let mut told = coordinators::offsets(connection, &cluster.brokers, groups);
    let told = groups.iter().map(|group| told.remove(*group).map(Ok));
    let answers = ask_left(connection.questioner()?.client(), groups, Request::Offsets, told)?;
    let mut all = BTreeMap::new();
    for (group, answer) in groups.iter().zip(answers) {
        let (what, right) = (format!("the offsets of group '{group}'"), right(Request::Offsets, group));
        let committed = answer.and_then(present).map_err(denied(&what, &right))?;
        let mut positions: Vec<Position> = committed.into_iter().map(Position::from).collect();
        positions.retain(|position| cluster.topic(&position.topic).is_some_and(|topic| !topic.is_internal()));
        positions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        all.insert(group.to_string(), positions);
    }
    let wanted: BTreeSet<Partition> = all.values().flatten().map(Position::place).collect();
    let has_leader = |(topic, number): &Partition| {
        let partitions = cluster.topic(topic).map(|topic| topic.partitions.as_slice()).unwrap_or_default();
        partitions.iter().any(|partition| partition.id == *number && partition.leader.is_some())
    };
    let wanted: Vec<_> = wanted.into_iter().filter(has_leader).collect();
    let ends = Offsets::new(connection)?.ends(&wanted)?;
    for (group, positions) in &mut all {
        // Nobody reads what is behind the position of a producer.
        let is_read = positioned(group, positions).is_none();
        for position in positions {
            let Some(end) = ends.get(&position.place()) else { continue };
            position.end = *end;
            position.lag = if is_read { (end - position.committed).max(0) } else { 0 };
        }
    }
    Ok(all)
}

/// Sets where a group goes on; without members in it.
///
/// # Errors
/// When the cluster refuses a partition, with its reason.
pub fn set_offsets(connection: &Connection, group: &str, places: &BTreeMap<Partition, i64>) -> Result<()> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for ((topic, partition), offset) in places {
        let added = list.add_partition_offset(topic, *partition, Offset::Offset(*offset));
        added.map_err(failed("the new offsets"))?;
    }
    change(connection, &[group], Request::Alter(&list))
}

/// Forgets what a group has committed in these partitions.
///
/// # Errors
/// When the cluster refuses a partition, with its reason.
pub fn forget_offsets(connection: &Connection, group: &str, places: &[Partition]) -> Result<()> {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    change(connection, &[group], Request::Forget(&list))
}

/// Deletes groups with all that they have committed; without members in them.
///
/// # Errors
/// The first group that the cluster refuses, with its reason.
pub fn delete(connection: &Connection, groups: &[&str]) -> Result<()> {
    change(connection, groups, Request::Delete)
}

fn change(connection: &Connection, groups: &[&str], request: Request<'_>) -> Result<()> {
    let questioner = connection.questioner()?;
    let answers = ask(questioner.client(), groups, request)?;
    groups.iter().zip(answers).try_for_each(|(group, answer)| accepted(group, answer, &right(request, group)))
}

fn right(request: Request<'_>, group: &str) -> String {
    format!("{} on group '{group}'", request.right())
}

/// Who sets or forgets offsets needs to read the topics, too.
fn accepted(group: &str, answer: Answer, right: &str) -> Result<()> {
    for (place, code) in answer.map_err(denied(&format!("group '{group}'"), right))? {
        let Committed { topic, partition, .. } = place;
        let what = format!("group '{group}', topic '{topic}', partition {partition}");
        match code {
            RDKafkaErrorCode::NoError => {}
            RDKafkaErrorCode::TopicAuthorizationFailed => {
                return Err(refused(&what, code, "", &format!("READ on topic '{topic}'")));
            }
            code => return Err(refused(&what, code, "", right)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_is_named() {
        let place = Committed { topic: "t".into(), partition: 0, offset: 1, metadata: String::new() };
        let told = |answer| accepted("g", answer, "READ on group 'g'").expect_err("refused").to_string();
        let of_group = RDKafkaErrorCode::GroupAuthorizationFailed;
        for answer in [Err(KafkaError::AdminOp(of_group)), Ok(vec![(place.clone(), of_group)])] {
            let told = told(answer);
            assert!(told.contains("the right READ on group 'g'") && told.contains("acl grant"), "{told}");
        }
        let told = told(Ok(vec![(place, RDKafkaErrorCode::TopicAuthorizationFailed)]));
        assert!(told.contains("the right READ on topic 't'"), "{told}");
    }
}
