//! Batches in a topic, exactly once whatever fails. They are read back as a reader of committed records sees them.

mod cuts;
pub mod faults;
mod letters;
mod query;

use crate::support::numbered::{ids, rows, write};
use crate::support::{Cluster, PATIENCE, wait_for};
use ecap::catalog::Topic;
use ecap::clock::SystemClock;
use ecap::error::Fault;
use ecap::kafka::config::Connection;
use ecap::record::schema::Schema;
use ecap::sink::Writer;
use ecap::sink::kafka::{Destination, KafkaSink};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A topic of the catalog with three partitions.
const TOPIC: &str = "analytics-results";

fn cluster() -> Cluster {
    let cluster = Cluster::start();
    cluster.create_topics(&[TOPIC, "customer-transactions"]);
    cluster
}

/// A sink of the cluster's topic, for the query of that name.
fn open_at(address: &str, prefix: &str, query: &str) -> ecap::Result<KafkaSink> {
    open_as(address, prefix, (query, "kafka"))
}

fn open_as(address: &str, prefix: &str, (query, sink): (&str, &str)) -> ecap::Result<KafkaSink> {
    let destination = Destination {
        connection: Connection::new(address),
        prefix: prefix.into(),
        topic: Topic::undeclared(&format!("{prefix}{TOPIC}"), Schema::default()),
        key: vec!["user".into()],
        patience: Duration::from_secs(4),
        longest: Duration::from_secs(60),
        clock: Arc::new(SystemClock),
    };
    let writer = Writer { query: query.into(), sink: sink.into() };
    KafkaSink::new(destination, &rows(0).schema(), &writer)
}

fn open(cluster: &Cluster, query: &str) -> KafkaSink {
    open_at(&cluster.address, &cluster.prefix, query).unwrap()
}

/// The committed records of a topic, partition after partition.
pub fn committed(cluster: &Cluster, topic: &str) -> Vec<OwnedMessage> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &cluster.address).set("group.id", "test");
    config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().unwrap();
    let topic = cluster.name(topic);
    let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
    let count = metadata.topics()[0].partitions().len();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..count {
        partitions.add_partition_offset(&topic, partition as i32, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let (mut records, mut ends) = (vec![], 0);
    while ends < count {
        match wait_for("a record or an end", || consumer.poll(Duration::from_millis(100))) {
            Err(KafkaError::PartitionEOF(_)) => ends += 1,
            message => records.push(message.unwrap().detach()),
        }
    }
    records
}

fn value(record: &OwnedMessage) -> Value {
    serde_json::from_slice(record.payload().unwrap()).unwrap()
}

fn header(record: &OwnedMessage, name: &str) -> String {
    let headers = record.headers().unwrap();
    let found = headers.iter().find(|header| header.key == name).unwrap();
    String::from_utf8(found.value.unwrap().to_vec()).unwrap()
}

/// Holds that the topic has so many batches, each row once.
#[track_caller]
fn has_each_once(cluster: &Cluster, batches: u64) {
    let mut seen: Vec<_> =
        committed(cluster, TOPIC).iter().map(|record| value(record)["id"].as_i64().unwrap()).collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(ids(batches)), "{} rows for {batches} batches: {seen:?}", seen.len());
}

#[test]
fn rows_are_json_under_their_key_with_their_query_and_batch() {
    let cluster = cluster();
    write(&mut open(&cluster, "sums"), 3).unwrap();
    let records = committed(&cluster, TOPIC);
    assert_eq!(records.len(), 50);
    for record in &records {
        let value = value(record);
        assert_eq!(record.key(), value["user"].as_str().map(str::as_bytes));
        assert_eq!((header(record, "ecap.query"), header(record, "ecap.batch")), ("sums".into(), "3".into()));
    }
    let commits = committed(&cluster, "ecap-commits");
    let commit = commits.iter().find(|record| record.key() == Some(br#"["sums","kafka"]"#)).unwrap();
    assert_eq!(value(commit), serde_json::json!({ "batch": 3, "rows": 50 }));
    let described = cluster.run("ecap-topics", &["describe-topic", &cluster.name("ecap-commits")]);
    assert!(described.out.contains("compact"), "{described:?}");
}

#[test]
fn a_batch_that_is_there_is_passed_over() {
    let cluster = cluster();
    let mut sink = open(&cluster, "sums");
    for batch in [0, 1, 1, 0] {
        write(&mut sink, batch).unwrap();
    }
    drop(sink);
    let mut again = open(&cluster, "sums");
    for batch in [1, 2] {
        write(&mut again, batch).unwrap();
    }
    has_each_once(&cluster, 3);
    // Another query has numbers of its own.
    write(&mut open(&cluster, "others"), 3).unwrap();
    has_each_once(&cluster, 4);
}

#[test]
fn a_run_that_was_replaced_commits_nothing_more() {
    let cluster = cluster();
    let mut old = open(&cluster, "sums");
    write(&mut old, 0).unwrap();
    let mut new = open(&cluster, "sums");
    for attempt in 0..2 {
        let error = write(&mut old, 1).unwrap_err();
        assert_eq!(error.fault(), Fault::Failed, "attempt {attempt}: {error}");
        assert!(error.to_string().contains("another run writes for"), "{error}");
    }
    write(&mut new, 1).unwrap();
    has_each_once(&cluster, 2);
}
