//! A topic that takes no rows, as the broker's disk is full or too few copies live: it is waited for, and has each row once.

use super::Kafka;
use super::disk::Disk;
use super::nodes::leader;
use crate::sinks_kafka::faults::Running;
use crate::support::{Cluster, PATIENCE, embedded, wait_for};
use ecap::broker::Broker;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::time::Duration;
use tempfile::TempDir;

const TOPIC: &str = "analytics-results";

/// Rows are given up sooner than after half a minute.
const HURRY: [&str; 2] = ["--sink-option", "timeout=10s"];

/// A broker on a small disk, with the topic.
fn on_a_small_disk() -> (Disk, Broker, Cluster) {
    let disk = Disk::of("size=16m");
    let broker = embedded(disk.path().join("broker"));
    let cluster = Cluster::of(&broker.address().to_string());
    cluster.create_topics(&[TOPIC]);
    (disk, broker, cluster)
}

/// More rows than a disk without room takes.
fn put(running: &Running) {
    running.put(2..202);
}

/// The rows are held back, and none of them is seen.
#[track_caller]
fn is_held_back(running: &Running) {
    put(running);
    running.query.says(&["sink kafka: ", "batch 1 with 200 rows is held back and given again"]);
}

/// They are taken after all, each once.
#[track_caller]
fn is_taken(running: Running) {
    running.query.says(&["sink kafka: ", "batch 1 with 200 rows was taken after"]);
    assert_eq!(running.numbers(), (0..202).collect::<Vec<_>>());
    running.query.end();
}

#[test]
fn a_broker_whose_disk_is_full_is_waited_for() {
    let (disk, _broker, cluster) = on_a_small_disk();
    let running = Running::start_with(cluster, &HURRY);
    disk.fill();
    is_held_back(&running);
    assert_eq!(running.numbers(), [0, 1]);
    disk.clear();
    is_taken(running);
}

#[test]
fn who_waits_for_a_full_disk_no_longer_ends_and_the_next_start_goes_on() {
    let (disk, _broker, cluster) = on_a_small_disk();
    let mut running = Running::start_with(cluster, &[&HURRY[..], &["--sink-retries", "1"]].concat());
    disk.fill();
    put(&running);
    let topic = running.cluster.name(TOPIC);
    running.query.says(&[&format!("sink kafka: topic '{topic}' does not take the rows"), "held back"]);
    running.query.says(&["error: sink kafka: ", "batch 1 with 200 rows was not taken", "started again"]);
    assert_eq!(running.query.ended(), 4);
    disk.clear();
    running.again();
    wait_for("the rows", || running.numbers().into_iter().eq(0..202).then_some(()));
    running.query.end();
}

#[test]
fn a_transaction_on_a_full_disk_is_committed_when_there_is_room() {
    let (disk, _broker, cluster) = on_a_small_disk();
    let mut config = ClientConfig::new();
    // A long name, so that what is kept of its transactions takes more room than their records.
    config.set("bootstrap.servers", &cluster.address).set("transactional.id", "writer".repeat(50));
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    let topic = cluster.name(TOPIC);
    let begin = || {
        producer.begin_transaction().unwrap();
        let record = BaseRecord::<str, str>::to(&topic).partition(0).payload("x");
        producer.send(record).map_err(|(error, _)| error).unwrap();
    };
    begin();
    producer.commit_transaction(PATIENCE).unwrap();
    disk.fill();
    // The last block of each file has some room left.
    let refused = loop {
        begin();
        if let Err(error) = producer.commit_transaction(Duration::from_secs(2)) {
            break error;
        }
    };
    let passes = match &refused {
        KafkaError::Transaction(error) => error.is_retriable(),
        other => other.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut),
    };
    assert!(passes, "{refused}");
    disk.clear();
    producer.commit_transaction(PATIENCE).unwrap();
    begin();
    producer.commit_transaction(PATIENCE).unwrap();
}

#[test]
fn an_apache_kafka_that_ended_as_its_disk_was_full_is_waited_for() {
    let disk = Disk::of("size=64m");
    let kafka = Kafka::start_in(TempDir::new_in(disk.path()).unwrap(), 1, &[]);
    let cluster = Cluster::of(&kafka.address);
    cluster.create_topics(&[TOPIC]);
    let running = Running::start_with(cluster, &HURRY);
    disk.fill();
    is_held_back(&running);
    disk.clear();
    kafka.again();
    is_taken(running);
}

/// The topic takes rows while so many copies live.
fn needs(cluster: &Cluster, copies: u8) {
    let copies = format!("min.insync.replicas={copies}");
    cluster.run("ecap-topics", &["alter-config", &cluster.name(TOPIC), &copies, "--yes"]).ok();
}

#[test]
fn a_topic_of_which_too_few_copies_live_is_waited_for() {
    let kafka = Kafka::start(3, &[]);
    let cluster = Cluster::of(&kafka.address);
    cluster.run("ecap-topics", &["create-topics", TOPIC, "--replication-factor", "3"]).ok();
    needs(&cluster, 3);
    let running = Running::start_with(cluster, &HURRY);
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &kafka.address).create().unwrap();
    // The first node is the one that everybody was told of, and there is one copy of the commits.
    let holds = leader(&producer, &running.cluster.name("ecap-commits"), 0);
    kafka.kill(if holds == 2 { 3 } else { 2 });
    let topic = running.cluster.name(TOPIC);
    wait_for("the loss", || {
        let asked = producer.client().fetch_metadata(Some(&topic), PATIENCE).unwrap();
        asked.topics()[0].partitions().iter().all(|partition| partition.isr().len() == 2).then_some(())
    });
    is_held_back(&running);
    assert_eq!(running.numbers(), [0, 1]);
    needs(&running.cluster, 2);
    is_taken(running);
}
