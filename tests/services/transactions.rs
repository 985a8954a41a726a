//! Transactions, with clients and tools that nobody here wrote, and error by error.

use super::python::sees;
use super::{kafka_tool, run, run_with_input};
use crate::support::{Cluster, PATIENCE, wait_for};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::json;
use std::process::Command;

fn tool(name: &str, cluster: &Cluster) -> Command {
    let mut command = kafka_tool(name);
    command.args(["--bootstrap-server", &cluster.address]);
    command
}

fn create(cluster: &Cluster, topic: &str) {
    run(tool("kafka-topics", cluster).args(["--create", "--topic", topic, "--partitions", "1"]));
}

/// What the console consumer reads of `topic` at this isolation level, to its end.
fn read(cluster: &Cluster, topic: &str, level: &str, count: usize) -> String {
    let count = count.to_string();
    run(tool("kafka-console-consumer", cluster)
        .args(["--topic", topic, "--from-beginning", "--timeout-ms", "30000", "--max-messages", &count])
        .args(["--isolation-level", level]))
}

#[test]
fn every_answer_is_apache_kafkas() {
    let expected = include_str!("transactions.json");
    sees("transactions.py", &serde_json::from_str(expected).expect("the expected answers are JSON"));
}

#[test]
fn confluent_kafka_reads_works_and_writes_exactly_once() {
    sees(
        "confluent_transactions.py",
        &json!({ "zombie": "_FENCED", "committed": 30, "result": true, "with what was aborted": 40 }),
    );
}

#[test]
fn a_transaction_is_found_described_and_aborted_with_kafkas_tool() {
    let cluster = Cluster::start();
    let (topic, id) = (cluster.name("orders"), cluster.name("worker"));
    create(&cluster, &topic);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &cluster.address)
        .set("transactional.id", &id)
        // The tools take their time to start.
        .set("transaction.timeout.ms", "600000")
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("an epoch");
    producer.begin_transaction().expect("a transaction");
    let record = BaseRecord::<(), str>::to(&topic).payload("never");
    producer.send(record).map_err(|(error, _)| error).expect("it is taken");
    producer.flush(PATIENCE).expect("it is stored");

    let transactions = |arguments: &[&str]| run(tool("kafka-transactions", &cluster).args(arguments));
    let row = |table: &str, column: &str, value: &str| {
        let (header, rows) = table.split_once('\n').expect("a header and rows");
        let at = header.split_whitespace().position(|name| name == column).expect("the column is there");
        rows.lines().any(|row| row.split_whitespace().nth(at) == Some(value))
    };
    let listed = transactions(&["list"]);
    assert!(row(&listed, "TransactionalId", &id) && row(&listed, "TransactionState", "Ongoing"), "{listed}");
    let filtered = transactions(&["list", "--transactional-id-pattern", &format!("{id}.*")]);
    assert_eq!(filtered.lines().count(), 2, "{filtered}");
    let described = transactions(&["describe", "--transactional-id", &id]);
    assert!(row(&described, "TransactionState", "Ongoing"), "{described}");
    assert!(row(&described, "TransactionTimeoutMs", "600000"), "{described}");
    assert!(row(&described, "TopicPartitions", &format!("{topic}-0")), "{described}");
    let producers = transactions(&["describe-producers", "--topic", &topic, "--partition", "0"]);
    assert!(row(&producers, "CurrentTransactionStartOffset", "0"), "{producers}");
    assert!(row(&producers, "LastSequence", "0"), "{producers}");
    let hanging = transactions(&["find-hanging", "--broker-id", "1", "--topic", &topic]);
    assert!(!hanging.contains(&topic), "its coordinator has it: {hanging}");

    transactions(&["abort", "--topic", &topic, "--partition", "0", "--start-offset", "0"]);
    wait_for("the marker", || {
        let producers = transactions(&["describe-producers", "--topic", &topic, "--partition", "0"]);
        row(&producers, "CurrentTransactionStartOffset", "None").then_some(())
    });
    run_with_input(tool("kafka-console-producer", &cluster).args(["--topic", &topic]), "kept\n");
    assert_eq!(read(&cluster, &topic, "read_committed", 1), "kept\n");
    assert_eq!(read(&cluster, &topic, "read_uncommitted", 2), "never\nkept\n");
}

#[test]
fn the_performance_tool_writes_in_transactions() {
    let cluster = Cluster::start();
    let topic = cluster.name("load");
    create(&cluster, &topic);
    let sent = run(kafka_tool("kafka-producer-perf-test")
        .args(["--topic", &topic, "--num-records", "3000", "--record-size", "100", "--throughput", "-1"])
        .args(["--transactional-id", &cluster.name("perf"), "--transaction-duration-ms", "50"])
        .arg("--producer-props")
        .arg(format!("bootstrap.servers={}", &cluster.address)));
    assert!(sent.contains("3000 records sent"), "{sent}");
    assert_eq!(read(&cluster, &topic, "read_committed", 3_000).lines().count(), 3_000);
}
