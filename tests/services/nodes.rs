//! Three nodes of Apache Kafka, of which one is killed: it is told, and everything goes on.

use super::Kafka;
use crate::support::{Ended, PATIENCE, Told, binary_command, wait_for};
use ecap::clock::{Clock, SystemClock};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

impl Kafka {
    /// Kills a node, with no time to say goodbye.
    pub(super) fn kill(&self, node: u16) {
        let pid = self.folder.path().join(format!("kafka/node-{node}/kafka.pid"));
        let pid = std::fs::read_to_string(pid).expect("a process");
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().expect("kill runs").success());
    }
}

/// The node that leads a partition.
pub(super) fn leader(producer: &BaseProducer, topic: &str, partition: i32) -> i32 {
    let asked = producer.client().fetch_metadata(Some(topic), PATIENCE).expect("an answer");
    let partitions = asked.topics()[0].partitions();
    partitions.iter().find(|found| found.id() == partition).map_or(-1, |found| found.leader())
}

/// Sends `count` sales a second apart, from second `from` behind `base` on and over all partitions, and waits until each is
/// acknowledged.
fn sell(producer: &BaseProducer, base: i64, from: i64, count: i64) {
    for number in from..from + count {
        let record = BaseRecord::<(), _>::to("customer-transactions").partition((number % 3) as i32);
        let record = record.timestamp(base + number * 1_000);
        producer
            .send(record.payload(r#"{"customer_id":"c","final_amount":1.00}"#))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(PATIENCE).expect("each is acknowledged");
}

/// Reads the reports of a query until so many records were read.
fn read(query: &Told, count: i64) {
    let mut read = 0;
    while read < count {
        let report: Value = serde_json::from_str(&query.says(&["\"numInputRows\""])).expect("JSON");
        read += report["numInputRows"].as_i64().expect("a number");
    }
    assert_eq!(read, count);
}

#[test]
fn a_query_runs_on_while_the_leader_of_what_it_reads_moves() {
    let kafka = Kafka::start(3, &[]);
    let topic = "customer-transactions";
    kafka.run(&["create-topics", topic, "--replication-factor", "3"]).ok();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.address)
        .set("enable.idempotence", "true")
        .create()
        .expect("a client");
    // The full hour before the one that runs: recent enough for the topic to keep.
    let base = (SystemClock.now() / 3_600_000_000 - 1) * 3_600_000;
    sell(&producer, base, 0, 300);
    let mut command = binary_command("ecap-consume", kafka.folder.path());
    command.args(["--bootstrap-servers", &kafka.address, "--topic", topic, "--from", "earliest"]);
    command.args(["--window", "1m", "--trigger", "0s", "--progress", "json", "--output-mode", "update"]);
    command.args([
        "--watermark",
        "10m",
        "--idle-timeout",
        "off",
        "--sink",
        "ndjson",
        "--path",
        "windows.ndjson",
    ]);
    let query = Told::start(command.stdout(Stdio::null()));
    read(&query, 300);

    // Each node leads one of three partitions; the first is the one that everybody was told of.
    let led = (0..3).map(|partition| (partition, leader(&producer, topic, partition)));
    let (partition, node) =
        led.into_iter().find(|(_, node)| *node != 1).expect("a partition of another node");
    kafka.kill(u16::try_from(node).expect("a node"));
    wait_for("another leader", || {
        let other = leader(&producer, topic, partition);
        (other != node && other > 0).then_some(())
    });
    sell(&producer, base, 300, 300);
    read(&query, 300);
    query.end();
    let windows = std::fs::read_to_string(kafka.folder.path().join("windows.ndjson")).expect("the results");
    let mut counts = BTreeMap::new();
    for line in windows.lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        counts.insert(row["window_start"].to_string(), row["record_count"].as_i64().expect("a number"));
    }
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), vec![60; 10], "{windows}");
}

#[test]
fn a_node_that_is_killed_is_told_and_everything_goes_on() {
    let kafka = Kafka::start(3, &[]);
    let refused = kafka.run(&["create-topics", "--replication-factor", "4"]);
    refused.fails(2, &["replication factor 4 needs 4 live brokers, and 3 brokers are alive"]);
    assert!(!kafka.run(&["list-topics"]).ok().contains("transactions"));
    let three = ["--replication-factor", "3"];
    kafka.run(&[&["create-topics"], &three[..]].concat()).ok();
    kafka.run(&[&["plan", "--exit-code"], &three[..]].concat()).ok();
    for verb in [&["health-check"] as &[&str], &["plan", "--exit-code"], &["apply"]] {
        kafka.run(verb).ok();
    }

    kafka.kill(2);
    let degraded = |health: &Ended| {
        let told: serde_json::Value = serde_json::from_str(&health.out).expect("JSON");
        let checks = told["checks"].as_array().expect("a list").clone();
        let check = checks.into_iter().find(|check| check["check"] == "under-replicated partitions");
        check.filter(|check| check["healthy"] == false).map(|check| check["detail"].to_string())
    };
    let detail = wait_for("the loss", || {
        let health = kafka.run(&["health-check", "--format", "json"]);
        degraded(&health).filter(|_| health.code == 3)
    });
    assert!(detail.contains("transactions"), "{detail}");
    kafka.run(&["health-check", "--min-brokers", "3"]).fails(3, &["degraded"]);
    kafka
        .run(&["create-topics", "--replication-factor", "3"])
        .fails(2, &["3 live brokers, and 2 brokers are"]);

    kafka.run(&["list-topics"]).ok();
    kafka.run(&["describe-topic", "transactions"]).ok();
    kafka.run(&["plan"]).ok();
    kafka.run(&["test-produce", "transactions"]).ok();
    assert!(kafka.run(&["tail", "transactions"]).ok().contains("offset 0"));
    kafka.run(&["alter-config", "transactions", "retention.ms=8d"]).ok();
    kafka.run(&["consumer-groups"]).ok();
    kafka.run(&["export"]).ok();
    kafka.run(&["delete-topic", "transactions", "--yes"]).ok();
    kafka.run(&["create-topics", "transactions"]).ok();
}
