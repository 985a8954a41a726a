//! Programs of Apache Kafka's own system tests (the Java client): what they count, they count here too.

use super::{kafka_tool, run, sorted};
use crate::support::Cluster;
use serde_json::Value;
use std::process::Command;

/// A program of `org.apache.kafka.tools`.
fn program(class: &str) -> Command {
    let mut command = kafka_tool("kafka-run-class");
    command.arg(format!("org.apache.kafka.tools.{class}"));
    command
}

fn topic(cluster: &Cluster, name: &str, partitions: &str) -> String {
    let topic = cluster.name(name);
    run(kafka_tool("kafka-topics")
        .args(["--bootstrap-server", &cluster.address, "--create", "--topic", &topic])
        .args(["--partitions", partitions]));
    topic
}

/// Sends numbers, each acknowledged.
fn send_numbers(cluster: &Cluster, topic: &str, count: u64) {
    let said = run(program("VerifiableProducer")
        .args([
            "--bootstrap-server",
            &cluster.address,
            "--topic",
            topic,
            "--throughput",
            "-1",
            "--acks",
            "-1",
        ])
        .args(["--max-messages", &count.to_string()]));
    let last: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!((last["sent"].as_u64(), last["acked"].as_u64()), (Some(count), Some(count)), "{said}");
}

/// The values that a reader of committed records sees.
fn committed(cluster: &Cluster, topic: &str, count: usize) -> String {
    run(kafka_tool("kafka-console-consumer")
        .args(["--bootstrap-server", &cluster.address, "--topic", topic, "--from-beginning"])
        .args(["--isolation-level", "read_committed", "--timeout-ms", "30000"])
        .args(["--max-messages", &count.to_string()]))
}

#[test]
fn the_verifiable_consumer_gets_what_the_verifiable_producer_sent() {
    let cluster = Cluster::start();
    let topic = topic(&cluster, "numbers", "3");
    send_numbers(&cluster, &topic, 2_000);
    let said = run(program("VerifiableConsumer")
        .args([
            "--bootstrap-server",
            &cluster.address,
            "--topic",
            &topic,
            "--group-id",
            &cluster.name("readers"),
        ])
        .args(["--max-messages", "2000", "--reset-policy", "earliest"]));
    let events: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |name: &str| events.iter().filter(|event| event["name"] == name).collect::<Vec<_>>();
    let read: u64 = of("records_consumed").iter().filter_map(|event| event["count"].as_u64()).sum();
    assert_eq!(read, 2_000, "{said}");
    assert!(of("offsets_committed").iter().all(|event| event["success"] == true), "{said}");
    assert_eq!(of("shutdown_complete").len(), 1, "{said}");
}

#[test]
fn the_transactional_copier_copies_each_record_once_though_it_aborts_at_random() {
    let cluster = Cluster::start();
    let (from, to) = (topic(&cluster, "from", "1"), topic(&cluster, "to", "1"));
    send_numbers(&cluster, &from, 500);
    run(program("TransactionalMessageCopier")
        .args(["--broker-list", &cluster.address, "--input-topic", &from, "--input-partition", "0"])
        .args(["--output-topic", &to, "--max-messages", "500", "--transaction-size", "20"])
        .args(["--transactional-id", &cluster.name("copier"), "--consumer-group", &cluster.name("copiers")])
        .args(["--use-group-metadata", "--enable-random-aborts"]));
    let (sent, copied) = (committed(&cluster, &from, 500), committed(&cluster, &to, 500));
    assert_eq!(sorted(&copied), sorted(&sent));
}

#[test]
fn tools_of_the_cluster_see_its_id_its_folders_and_its_requests() {
    let cluster = Cluster::start();
    let topic = topic(&cluster, "numbers", "2");
    let asked = |class: &str, args: &[&str]| {
        run(program(class).args(["--bootstrap-server", &cluster.address]).args(args))
    };
    let id = run(program("ClusterTool").args(["cluster-id", "--bootstrap-server", &cluster.address]));
    assert_eq!(id.trim().strip_prefix("Cluster ID: ").map(str::len), Some(22), "{id}");
    let folders = asked("LogDirsCommand", &["--describe", "--topic-list", &topic]);
    for partition in 0..2 {
        assert!(folders.contains(&format!(r#""partition":"{topic}-{partition}""#)), "{folders}");
    }
    let requests = asked("BrokerApiVersionsCommand", &[]);
    for request in ["Produce(0)", "Fetch(1)", "EndTxn(26)", "DescribeTransactions(65)"] {
        assert!(requests.contains(request), "{request} is missing in {requests}");
    }
}
