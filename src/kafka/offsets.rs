//! Where partitions begin and end, and where a time stands in them.

use super::admin::{PATIENCE, TopicState, code_of, denied, failed};
use super::committed::Committed;
use super::config::{Connection, Questioner};
use super::native::offsets::{Answer, ask};
use crate::Result;
use crate::clock::Micros;
use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A partition's name: topic and number.
pub type Partition = (String, i32);

/// The offsets of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first record that is kept.
    pub first: i64,
    /// The offset that the next record gets.
    pub next: i64,
}

impl Span {
    /// How many records there are; in a compacted topic fewer may be left.
    pub fn records(self) -> u64 {
        u64::try_from(self.next - self.first).unwrap_or(0)
    }

    /// The offset, or the end of the span that is next to it.
    pub fn nearest(self, offset: i64) -> i64 {
        offset.max(self.first).min(self.next)
    }
}

/// Asks a cluster about offsets.
pub struct Offsets(Questioner);

impl Offsets {
    /// A client for the cluster.
    ///
    /// # Errors
    /// A usage error where a setting is wrong.
    pub fn new(connection: &Connection) -> Result<Self> {
        connection.questioner().map(Self)
    }

    /// The offsets of every partition that has a leader.
    ///
    /// # Errors
    /// When the cluster does not tell them.
    pub fn spans<'a>(
        &self,
        topics: impl IntoIterator<Item = &'a TopicState>,
    ) -> Result<BTreeMap<Partition, Span>> {
        let partitions = with_leaders(topics);
        let first = self.at(&partitions, Offset::Beginning)?;
        let mut next = self.at(&partitions, Offset::End)?;
        let spans = first.into_iter().filter_map(|(partition, first)| {
            let next = next.remove(&partition)?;
            Some((partition, Span { first, next }))
        });
        Ok(spans.collect())
    }

    /// Where each of these partitions ends; partitions that are gone are left out.
    ///
    /// # Errors
    /// When the cluster does not tell it.
    pub fn ends(&self, partitions: &[Partition]) -> Result<BTreeMap<Partition, i64>> {
        self.at(partitions, Offset::End)
    }

    /// The first offset at or after `time` of every partition that has one.
    ///
    /// # Errors
    /// When the cluster does not tell them.
    pub fn at_time(&self, topic: &TopicState, time: Micros) -> Result<BTreeMap<Partition, i64>> {
        // A broker answers in milliseconds: the first one that is not before the time.
        let millis = time.div_euclid(1_000) + i64::from(time.rem_euclid(1_000) > 0);
        self.at(&with_leaders([topic]), Offset::Offset(millis.max(0)))
    }

    /// Asks again while a partition is on its way to its leader, as it is just after it was created, and
    /// no more for topics that were deleted meanwhile.
    fn at(&self, partitions: &[Partition], place: Offset) -> Result<BTreeMap<Partition, i64>> {
        let start = Instant::now();
        let mut asked = partitions.to_vec();
        while !asked.is_empty() {
            match found(ask(self.0.client(), &asked, place)?) {
                Err(error) if is_passing(&error) && start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                    self.forget_deleted(&mut asked)?;
                }
                answer => {
                    return answer.map_err(denied("the partitions' offsets", "DESCRIBE on their topics"));
                }
            }
        }
        Ok(BTreeMap::new())
    }

    fn forget_deleted(&self, partitions: &mut Vec<Partition>) -> Result<()> {
        let metadata = self.0.fetch_metadata(None, PATIENCE).map_err(failed("the cluster's topics"))?;
        partitions.retain(|(name, _)| metadata.topics().iter().any(|topic| topic.name() == name));
        Ok(())
    }
}

/// The offsets in the answers, without the partitions that have none there; the first error instead, where there is one.
fn found(answers: Vec<Answer>) -> KafkaResult<BTreeMap<Partition, i64>> {
    let mut found = BTreeMap::new();
    for answer in answers {
        for (Committed { topic, partition, offset, .. }, code) in answer? {
            match code {
                RDKafkaErrorCode::NoError if offset >= 0 => drop(found.insert((topic, partition), offset)),
                RDKafkaErrorCode::NoError => {}
                code => return Err(KafkaError::AdminOp(code)),
            }
        }
    }
    Ok(found)
}

fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        LeaderNotAvailable, NoEnt, NotLeaderForPartition, UnknownPartition, UnknownTopicOrPartition,
    };
    let passing =
        [LeaderNotAvailable, NoEnt, NotLeaderForPartition, UnknownPartition, UnknownTopicOrPartition];
    code_of(error).is_some_and(|code| passing.contains(&code))
}

fn with_leaders<'a>(topics: impl IntoIterator<Item = &'a TopicState>) -> Vec<Partition> {
    let partitions = topics.into_iter().flat_map(|topic| {
        topic.partitions.iter().filter(|p| p.leader.is_some()).map(|p| (topic.name.clone(), p.id))
    });
    partitions.collect()
}
