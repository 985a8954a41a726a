//! Reads a cluster again and again, and says what happened between.

use crate::Result;
use crate::cli::topics::lag::{GroupRow, Trends, next, rows};
use crate::clock::Micros;
use crate::kafka::admin::{Admin, Cluster, PATIENCE};
use crate::kafka::ages::{self, Look, Spot};
use crate::kafka::config::Connection;
use crate::kafka::groups::{Group, Position, all_positions};
use crate::kafka::offsets::{Offsets, Partition, Span};
use crate::units::format_rfc3339;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long a broker may take to answer before it counts as away.
const SILENCE: Duration = Duration::from_secs(3);

/// How long single records are waited for.
const LOOKING: Duration = Duration::from_secs(1);

/// So many rates of a topic are remembered.
const REMEMBERED: usize = 200;

/// What a reading adds to the mean size of a topic's records.
const SHARE: f64 = 0.3;

/// A cluster at a moment; rates are since the reading before, and not known at the first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    pub time: String,
    pub cluster: Option<String>,
    pub brokers: usize,
    pub messages_per_second: Option<f64>,
    /// Estimated from one record of each partition and reading.
    pub bytes_per_second: Option<f64>,
    pub topics: Vec<TopicRow>,
    pub groups: Vec<GroupRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicRow {
    pub topic: String,
    pub messages: u64,
    pub messages_per_second: Option<f64>,
    pub bytes_per_second: Option<f64>,
    /// The fullest partition by the mean: 1 where all have the same.
    pub skew: Option<f64>,
    pub partitions: Vec<PartitionRow>,
    /// The rates so far, the last one last.
    #[serde(skip)]
    pub history: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartitionRow {
    pub partition: i32,
    pub leader: Option<i32>,
    pub first: i64,
    pub next: i64,
    pub messages_per_second: Option<f64>,
}

/// All that was asked at a moment.
#[derive(Debug, Default)]
pub struct Reading {
    pub cluster: Cluster,
    pub spans: BTreeMap<Partition, Span>,
    pub groups: Vec<Group>,
    pub positions: BTreeMap<String, Vec<Position>>,
    pub looks: BTreeMap<Spot, Look>,
}

/// Asks a cluster.
pub struct Sampler {
    pub admin: Admin,
    pub connection: Connection,
    pub memory: Memory,
}

impl Sampler {
    /// Asks everything anew, at `now`.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub fn sample(&mut self, now: Micros) -> Result<Snapshot> {
        let cluster = self.admin.cluster(SILENCE)?;
        let own = cluster.topics.iter().filter(|topic| !topic.is_internal());
        let spans = Offsets::new(&self.connection)?.spans(own)?;
        let groups = self.admin.groups(&cluster.brokers, PATIENCE)?;
        let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
        let positions = all_positions(&self.connection, &cluster, &names)?;
        let lagging = positions.values().flatten().filter_map(next);
        let spots: Vec<_> = lagging.chain(self.memory.new_records(&spans)).collect();
        let looks = ages::looks(&self.connection, spots, LOOKING)?;
        Ok(self.memory.compare(now, Reading { cluster, spans, groups, positions, looks }))
    }
}

/// What is remembered from reading to reading.
#[derive(Debug, Default)]
pub struct Memory {
    before: Option<(Micros, BTreeMap<Partition, i64>)>,
    history: BTreeMap<String, VecDeque<f64>>,
    /// The mean size of a topic's records, in bytes.
    sizes: BTreeMap<String, f64>,
    trends: Trends,
}

impl Memory {
    /// The first record of each partition since the last reading.
    fn new_records(&self, spans: &BTreeMap<Partition, Span>) -> Vec<Spot> {
        let before = self.before.as_ref().map(|(_, ends)| ends);
        let new = |(place, span): (&Partition, &Span)| {
            let start = (*before?.get(place)?).max(span.first);
            (start < span.next).then(|| (place.clone(), start))
        };
        spans.iter().filter_map(new).collect()
    }

    /// What happened since the last reading.
    pub fn compare(&mut self, now: Micros, reading: Reading) -> Snapshot {
        self.learn_sizes(&reading);
        let Reading { cluster, spans, groups, positions, looks } = reading;
        let elapsed = self.before.as_ref().map(|(at, _)| now.abs_diff(*at) as f64 / 1e6);
        let rate = |place: &Partition, next: i64| {
            let (_, ends) = self.before.as_ref()?;
            let elapsed = elapsed.filter(|elapsed| *elapsed > 0.0)?;
            Some((next - ends.get(place)?).max(0) as f64 / elapsed)
        };
        let mut topics = Vec::new();
        for topic in cluster.topics.iter().filter(|topic| !topic.is_internal()) {
            let mut partitions = Vec::new();
            for state in &topic.partitions {
                let place = (topic.name.clone(), state.id);
                let Some(Span { first, next }) = spans.get(&place).copied() else { continue };
                let messages_per_second = rate(&place, next);
                let (partition, leader) = (state.id, state.leader);
                partitions.push(PartitionRow { partition, leader, first, next, messages_per_second });
            }
            topics.push(topic_row(&topic.name, partitions, self.sizes.get(&topic.name).copied()));
        }
        for row in &mut topics {
            let history = self.history.entry(row.topic.clone()).or_default();
            history.extend(row.messages_per_second);
            while history.len() > REMEMBERED {
                history.pop_front();
            }
            row.history = history.iter().copied().collect();
        }
        self.before = Some((now, spans.iter().map(|(place, span)| (place.clone(), span.next)).collect()));
        Snapshot {
            time: format_rfc3339(now),
            brokers: cluster.brokers.len(),
            cluster: cluster.id,
            messages_per_second: sum(topics.iter().map(|row| row.messages_per_second)),
            bytes_per_second: sum(topics.iter().map(|row| row.bytes_per_second)),
            topics,
            groups: rows(groups, positions, &looks, now, &mut self.trends),
        }
    }

    fn learn_sizes(&mut self, reading: &Reading) {
        let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (((topic, _), _), look) in &reading.looks {
            let (bytes, count) = seen.entry(topic).or_default();
            *bytes += look.bytes;
            *count += 1;
        }
        for (topic, (bytes, count)) in seen {
            let mean = bytes as f64 / count as f64;
            let known = self.sizes.entry(topic.to_string()).or_insert(mean);
            *known += SHARE * (mean - *known);
        }
    }
}

fn topic_row(topic: &str, partitions: Vec<PartitionRow>, size: Option<f64>) -> TopicRow {
    let held = |row: &PartitionRow| u64::try_from(row.next - row.first).unwrap_or(0);
    let messages: u64 = partitions.iter().map(held).sum();
    let fullest = partitions.iter().map(held).max().unwrap_or(0);
    let mean = messages as f64 / partitions.len() as f64;
    let messages_per_second = sum(partitions.iter().map(|row| row.messages_per_second));
    let bytes_per_second = match messages_per_second {
        Some(0.0) => Some(0.0),
        rate => rate.zip(size).map(|(rate, size)| rate * size),
    };
    TopicRow {
        topic: topic.into(),
        messages,
        messages_per_second,
        bytes_per_second,
        skew: (messages > 0).then(|| fullest as f64 / mean),
        partitions,
        history: Vec::new(),
    }
}

/// The sum of what is known; none where nothing is.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.fold(None, |sum, value| value.map_or(sum, |value| Some(sum.unwrap_or(0.0) + value)))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::kafka::admin::{Broker, PartitionState, TopicState};

    /// A cluster with two topics, whose partitions end here, and a group that has read 40 records of the first.
    pub fn reading(ends: [[i64; 2]; 2]) -> Reading {
        let mut reading = Reading::default();
        reading.cluster.id = Some("cluster-1".into());
        reading.cluster.brokers.push(Broker { id: 1, address: "localhost:9092".into() });
        for (name, ends) in ["orders", "views"].into_iter().zip(ends) {
            let state = |id| PartitionState { id, leader: Some(1), replicas: vec![1], in_sync: vec![1] };
            let partitions = vec![state(0), state(1)];
            reading.cluster.topics.push(TopicState { name: name.into(), partitions });
            for (partition, next) in (0..).zip(ends) {
                reading.spans.insert((name.into(), partition), Span { first: 0, next });
            }
        }
        let group = Group { name: "readers".into(), state: "Stable".into(), members: vec![] };
        let position = Position {
            topic: "orders".into(),
            partition: 0,
            committed: 40,
            end: ends[0][0],
            lag: ends[0][0] - 40,
            metadata: String::new(),
        };
        reading.positions.insert(group.name.clone(), vec![position]);
        reading.groups.push(group);
        reading
    }

    #[test]
    fn rates_come_with_the_second_reading() {
        let mut memory = Memory::default();
        let first = memory.compare(0, reading([[100, 50], [0, 0]]));
        assert_eq!((first.messages_per_second, first.topics[0].messages), (None, 150));
        assert_eq!((first.topics[0].skew, first.topics[1].skew), (Some(100.0 / 75.0), None));
        assert!(first.groups[0].trend.is_none());

        let mut second = reading([[160, 90], [0, 0]]);
        let spots = memory.new_records(&second.spans);
        assert_eq!(spots, [(("orders".to_string(), 0), 100), (("orders".to_string(), 1), 50)]);
        let look = Look { time: Some(1_000_000), bytes: 200 };
        second.looks = spots.into_iter().map(|spot| (spot, look)).collect();
        let second = memory.compare(2_000_000, second);
        assert_eq!(second.messages_per_second, Some(50.0));
        assert_eq!(second.topics[0].partitions[0].messages_per_second, Some(30.0));
        assert_eq!(
            (second.topics[0].bytes_per_second, second.topics[1].bytes_per_second),
            (Some(10_000.0), Some(0.0))
        );
        assert_eq!(second.topics[0].history, [50.0]);
        let group = &second.groups[0];
        assert_eq!((group.lag, group.trend.map(|trend| trend.trend)), (120, Some(30.0)));
    }

    #[test]
    fn a_topic_that_was_made_anew_has_no_negative_rate() {
        let mut memory = Memory::default();
        memory.compare(0, reading([[100, 50], [0, 0]]));
        let after = memory.compare(1_000_000, reading([[3, 0], [0, 0]]));
        assert_eq!(after.topics[0].messages_per_second, Some(0.0));
    }
}
