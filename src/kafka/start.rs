//! Where reading begins: every start as a number, before the first record is asked for.

use super::config::Connection;
use super::context::Context;
use super::native::named;
use super::settle::settled;
use crate::catalog::suggest;
use crate::clock::{Micros, SystemClock};
use crate::engine::source::{Origin, Position};
use crate::kafka::admin::may_not_see;
use crate::{Error, Result, units};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the broker may take to answer a question.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The first record that is there.
    Earliest,
    /// Behind the last record that is there.
    Latest,
    /// The first record at or after a time, in microseconds since the epoch.
    Time(Micros),
    /// At these offsets, by partition; partitions that are not named begin with their first record.
    Offsets(BTreeMap<i32, i64>),
}

impl std::str::FromStr for From {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            _ => match offsets(text) {
                Some(offsets) => Ok(Self::Offsets(offsets)),
                None => units::parse_time(text).map(Self::Time).map_err(|error| {
                    error.hint("earliest, latest, a time, or offsets by partition such as 0:1200,1:1180")
                }),
            },
        }
    }
}

/// Where each topic of a query is read from: `earliest`, `transactions=0:5,1:7;latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starts {
    /// Of topics by name.
    own: BTreeMap<String, From>,
    /// Of those that are not named.
    others: Option<From>,
}

impl std::str::FromStr for Starts {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut starts = Self { own: BTreeMap::new(), others: None };
        for part in text.split(';').map(str::trim) {
            let again = match part.split_once('=') {
                Some((topic, at)) => {
                    let at =
                        at.trim().parse().map_err(|error: Error| error.at(format!("topic '{topic}'")))?;
                    starts.own.insert(topic.trim().into(), at).map(|_| format!("of topic '{}'", topic.trim()))
                }
                None => {
                    starts.others.replace(part.parse()?).map(|_| "of the topics that are not named".into())
                }
            };
            if let Some(of) = again {
                return Err(Error::usage(format!("two starts {of}")));
            }
        }
        Ok(starts)
    }
}

impl Starts {
    /// Where each of these topics is read from.
    ///
    /// # Errors
    /// A usage error where a topic is none of them (with the nearest that is), or where nothing is said of one.
    pub fn of(&self, topics: &[&str]) -> Result<Vec<From>> {
        if let Some(unknown) = self.own.keys().find(|topic| !topics.contains(&topic.as_str())) {
            let message = format!("the query reads no topic '{unknown}', but {}", topics.join(", "));
            return Err(suggest(Error::usage(message), unknown, topics.iter().copied()));
        }
        let start = |topic: &&str| {
            let start = self.own.get(*topic).or(self.others.as_ref());
            start.cloned().ok_or_else(|| {
                let error = Error::usage(format!("nothing is said of topic '{topic}'"));
                error.hint(format!("add ;{topic}=earliest, or ;earliest for all that are not named"))
            })
        };
        topics.iter().map(start).collect()
    }
}

/// `0:1200,1:1180`: offsets by partition.
fn offsets(text: &str) -> Option<BTreeMap<i32, i64>> {
    let pair = |pair: &str| {
        let (partition, offset) = pair.split_once(':')?;
        let (partition, offset) = (partition.trim().parse().ok()?, offset.trim().parse().ok()?);
        (partition >= 0 && offset >= 0).then_some((partition, offset))
    };
    text.split(',').map(pair).collect()
}

/// The partitions of a topic, each where reading begins, and where each begins itself.
///
/// # Errors
/// When the topic is not there, or the broker does not answer; a usage error for a partition or an offset
/// that the topic does not have.
pub fn positions(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    from: &From,
) -> Result<(BTreeMap<i32, Position>, BTreeMap<i32, i64>)> {
    let (mut positions, mut begins) = (BTreeMap::new(), BTreeMap::new());
    for (partition, (first, end)) in first_bounds(consumer, topic, &partitions(consumer, topic)?)? {
        let start = if *from == From::Latest { end } else { first };
        begins.insert(partition, first);
        positions.insert(partition, Position { start, next: start, end, caught_up: start == end });
    }
    match from {
        From::Time(time) => start_at_time(consumer, topic, *time, &mut positions)?,
        From::Offsets(offsets) => start_at(topic, offsets, &mut positions)?,
        From::Earliest | From::Latest => {}
    }
    Ok((positions, begins))
}

/// An offset that is deleted already is found and told of by the first read.
fn start_at(
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
    positions: &mut BTreeMap<i32, Position>,
) -> Result<()> {
    let count = positions.len();
    for (partition, offset) in offsets {
        let Some(position) = positions.get_mut(partition) else {
            let message = format!("topic '{topic}' has {count} partitions, and no partition {partition}");
            return Err(
                Error::usage(message).hint("TOPIC=0:1200,1:1180 says offsets of one topic of several")
            );
        };
        if *offset > position.end {
            let message = format!("topic '{topic}', partition {partition} ends at {}", position.end);
            return Err(Error::usage(format!("{message}: there is no offset {offset}"))
                .hint("a query that stood there before the topic was made anew begins anew with --restart-from earliest"));
        }
        *position =
            Position { start: *offset, next: *offset, caught_up: *offset == position.end, ..*position };
    }
    Ok(())
}

/// What topics are read from: as much of it as their cluster tells.
///
/// # Errors
/// When the cluster does not answer.
pub fn origins(connection: &Connection, topics: &[&str]) -> Result<Vec<Origin>> {
    let questioner = connection.questioner()?;
    let cluster = questioner.client().fetch_cluster_id(PATIENCE);
    let ids = named::ids(questioner.client(), topics)?;
    let origin = |topic: &&str| Origin::Topic { cluster: cluster.clone(), id: ids.get(*topic).cloned() };
    Ok(topics.iter().map(origin).collect())
}

/// The partitions of a topic.
///
/// # Errors
/// When the topic is not there, or the broker does not answer.
pub fn partitions(consumer: &BaseConsumer<Context>, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(|error| failed(topic, &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions: Vec<i32> =
        found.map_or(vec![], |found| found.partitions().iter().map(|partition| partition.id()).collect());
    let denied = rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    if found.is_some_and(|found| found.error() == Some(denied)) {
        return Err(may_not_see("topic", topic));
    }
    let code = found.and_then(|found| found.error()).map(RDKafkaErrorCode::from);
    if let Some(code) = code.filter(|code| partitions.is_empty() && !is_absent(*code)) {
        return Err(Error::unreachable(format!("topic '{topic}': {code}")));
    }
    if partitions.is_empty() {
        return Err(absent(topic));
    }
    Ok(partitions)
}

fn absent(topic: &str) -> Error {
    let error = Error::failed(format!("topic '{topic}' is not there"));
    error.hint(format!("create it with `ecap-topics create-topics {topic}`"))
}

/// What it means that a question about a topic has no answer.
fn failed(topic: &str, error: &KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(code) if is_absent(code) => absent(topic),
        _ => Error::unreachable(format!("the broker does not answer: {error}")),
    }
}

/// Whether a topic, or a partition of it, is not there.
pub fn is_absent(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    matches!(code, UnknownPartition | UnknownTopic | UnknownTopicOrPartition)
}

/// Where partitions begin and end now: two questions, however many partitions there are.
///
/// # Errors
/// When the broker does not answer.
pub fn bounds(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partitions: &[i32],
) -> Result<BTreeMap<i32, (i64, i64)>> {
    let begins = offsets_of(consumer, topic, partitions, Offset::Beginning, PATIENCE)?;
    let ends = ends(consumer, topic, partitions, PATIENCE)?;
    Ok(begins
        .into_iter()
        .zip(ends.into_values())
        .map(|((partition, begin), end)| (partition, (begin, end)))
        .collect())
}

/// Where partitions end now: one question, however many partitions there are.
///
/// # Errors
/// When the broker does not answer in time.
pub fn ends(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partitions: &[i32],
    patience: Duration,
) -> Result<BTreeMap<i32, i64>> {
    offsets_of(consumer, topic, partitions, Offset::End, patience)
}

fn offsets_of(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partitions: &[i32],
    at: Offset,
    patience: Duration,
) -> Result<BTreeMap<i32, i64>> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition_offset(topic, *partition, at).map_err(|error| failed(topic, &error))?;
    }
    let found = consumer.offsets_for_times(asked, patience).map_err(|error| failed(topic, &error))?;
    let offset = |partition: &i32| {
        let element = found.find_partition(topic, *partition);
        match element.as_ref().map(|element| (element.offset(), element.error())) {
            Some((Offset::Offset(offset), Ok(()))) => Ok((*partition, offset)),
            Some((_, Err(error))) => Err(failed(topic, &error)),
            _ => Err(Error::unreachable(format!("topic '{topic}', partition {partition}: no answer"))),
        }
    };
    partitions.iter().map(offset).collect()
}

/// The bounds of partitions that may be on their way to their leaders, as they are just after they were
/// created.
///
/// # Errors
/// When the broker does not answer.
pub fn first_bounds(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partitions: &[i32],
) -> Result<BTreeMap<i32, (i64, i64)>> {
    settled(&SystemClock, PATIENCE, || bounds(consumer, topic, partitions), Result::is_err)
}

/// Moves each start to the first record at or after `time`; to the end where there is none.
fn start_at_time(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    time: Micros,
    positions: &mut BTreeMap<i32, Position>,
) -> Result<()> {
    let mut asked = TopicPartitionList::new();
    for partition in positions.keys() {
        asked
            .add_partition_offset(topic, *partition, Offset::Offset((time / 1_000).max(0)))
            .map_err(|error| failed(topic, &error))?;
    }
    let found = consumer.offsets_for_times(asked, PATIENCE).map_err(|error| failed(topic, &error))?;
    for (partition, position) in positions {
        let start = match found.find_partition(topic, *partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => position.end,
        };
        *position = Position { start, next: start, caught_up: start == position.end, ..*position };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(text: &str, topics: &[&str]) -> Result<Vec<From>, String> {
        text.parse::<Starts>().and_then(|starts| starts.of(topics)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_topic_begins_where_it_is_told() {
        let offsets = From::Offsets(BTreeMap::from([(0, 5), (1, 7)]));
        assert_eq!(starts("latest", &["a", "b"]), Ok(vec![From::Latest, From::Latest]));
        assert_eq!(starts("b=0:5,1:7; earliest", &["a", "b"]), Ok(vec![From::Earliest, offsets.clone()]));
        assert_eq!(starts("a = 0:5,1:7;b=2", &["a", "b"]), Ok(vec![offsets, From::Time(2_000)]));
    }

    #[test]
    fn what_says_nothing_or_too_much_is_refused() {
        for (text, part) in [
            ("orders=0:5", "the query reads no topic 'orders', but order, click: did you mean 'order'?"),
            ("order=0:5", "nothing is said of topic 'click': add ;click=earliest, or ;earliest for all"),
            ("order=0:5;order=earliest", "two starts of topic 'order'"),
            ("latest;earliest", "two starts of the topics that are not named"),
            ("order=0:x;latest", "topic 'order': "),
            ("order=0:5;", "earliest, latest, a time, or offsets by partition"),
        ] {
            let wrong = starts(text, &["order", "click"]).expect_err("wrong");
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
    }
}
