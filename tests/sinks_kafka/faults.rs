//! A topic that changes under a query: it goes on, or ends with one line.

use super::{TOPIC, cluster, committed, value};
use crate::support::feed::Feed;
use crate::support::{Cluster, Told, wait_for};
use ecap::clock::SystemClock;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use std::ops::Range;
use std::sync::Arc;

/// A query that adds rows to the topic, file by file.
pub struct Running {
    pub cluster: Cluster,
    pub feed: Feed,
    pub query: Told,
}

impl Running {
    fn start(cluster: Cluster) -> Self {
        Self::start_with(cluster, &[])
    }

    /// With these arguments too.
    pub fn start_with(cluster: Cluster, args: &[&str]) -> Self {
        let feed = Feed::new();
        feed.put("first", 0..2);
        let running = Self { query: query(&cluster, &feed, args), cluster, feed };
        wait_for("the rows", || (running.numbers() == [0, 1]).then_some(()));
        running
    }

    /// The same query once more, where it was.
    pub fn again(&mut self) {
        self.query = query(&self.cluster, &self.feed, &[]);
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.cluster.address).create().unwrap()
    }

    /// The topic takes no larger requests from now on.
    fn limit(&self, bytes: &str) {
        let name = self.cluster.name(TOPIC);
        let limit = AlterConfig::new(ResourceSpecifier::Topic(&name)).set("max.message.bytes", bytes);
        let admin = self.admin();
        let answer = admin.alter_configs([&limit], &AdminOptions::new());
        futures::executor::block_on(answer).unwrap().remove(0).unwrap();
    }

    /// More rows come.
    pub fn put(&self, numbers: Range<u32>) {
        self.feed.put("second", numbers);
    }

    /// The numbers in the topic.
    pub fn numbers(&self) -> Vec<i64> {
        let records = committed(&self.cluster, TOPIC);
        let mut numbers: Vec<_> = records.iter().map(|record| value(record)["n"].as_i64().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn query(cluster: &Cluster, feed: &Feed, args: &[&str]) -> Told {
    let topic = format!("topic={TOPIC}");
    let mut query = feed.query(&[&["--sink", "kafka", "--sink-option", &topic], args].concat());
    query.env("ECAP_BOOTSTRAP_SERVERS", &cluster.address).env("ECAP_TOPIC_PREFIX", &cluster.prefix);
    Told::start(&mut query)
}

#[test]
fn rows_below_a_new_limit_of_the_topic_are_taken() {
    let running = Running::start(cluster());
    running.limit("20000");
    running.put(2..202);
    wait_for("the rows", || running.numbers().into_iter().eq(0..202).then_some(()));
    running.query.end();
}

#[test]
fn a_row_above_a_new_limit_ends_it_and_nothing_of_its_batch_is_there() {
    let mut running = Running::start(cluster());
    running.limit("400");
    running.put(2..5);
    running.query.says(&["error: sink kafka: ", "of the batch is too large", "max.message.bytes"]);
    assert_eq!(running.query.ended(), 1);
    assert_eq!(running.numbers(), [0, 1]);
}

#[test]
fn a_topic_that_was_deleted_ends_it() {
    // An embedded broker, as others make a topic that a producer asks for.
    let cluster = Cluster::at(Arc::new(SystemClock));
    cluster.create_topics(&[TOPIC]);
    let mut running = Running::start(cluster);
    let deleted = running.admin();
    let deleted = deleted.delete_topics(&[TOPIC], &AdminOptions::new());
    futures::executor::block_on(deleted).unwrap().remove(0).unwrap();
    running.put(2..5);
    running.query.says(&["error: sink kafka: ", TOPIC]);
    assert_eq!(running.query.ended(), 1);
}
