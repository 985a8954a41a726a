//! Apache Kafka's own command-line tools (the Java client).

use super::{kafka_tool, keyed_lines, run, run_with_input, sorted};
use crate::support::Cluster;

/// A tool pointed at the broker.
fn tool(name: &str, cluster: &Cluster) -> std::process::Command {
    let mut command = kafka_tool(name);
    command.args(["--bootstrap-server", &cluster.address]);
    command
}

#[test]
fn kafka_topics_creates_lists_describes_alters_and_deletes() {
    let cluster = Cluster::start();
    let topic = cluster.name("orders");
    let topics = |arguments: &[&str]| run(tool("kafka-topics", &cluster).args(arguments));

    topics(&["--create", "--topic", &topic, "--partitions", "3", "--config", "retention.ms=86400000"]);
    assert!(topics(&["--list"]).lines().any(|line| line == topic));
    let described = topics(&["--describe", "--topic", &topic]);
    assert!(described.contains("PartitionCount: 3"), "{described}");
    assert!(described.contains("retention.ms=86400000"), "{described}");

    topics(&["--alter", "--topic", &topic, "--partitions", "4"]);
    let described = topics(&["--describe", "--topic", &topic]);
    assert!(described.contains("PartitionCount: 4"), "{described}");
    assert_eq!(described.matches("Leader: ").count(), 4, "{described}");

    topics(&["--delete", "--topic", &topic]);
    assert!(!topics(&["--list"]).lines().any(|line| line == topic));
}

#[test]
fn kafka_configs_describes_and_alters() {
    let cluster = Cluster::start();
    let topic = cluster.name("orders");
    run(tool("kafka-topics", &cluster).args(["--create", "--topic", &topic, "--partitions", "1"]));
    let configs = |arguments: &[&str]| {
        run(tool("kafka-configs", &cluster)
            .args(["--entity-type", "topics", "--entity-name", &topic])
            .args(arguments))
    };

    configs(&["--alter", "--add-config", "segment.ms=3600000,cleanup.policy=compact"]);
    let described = configs(&["--describe"]);
    assert!(described.contains("segment.ms=3600000"), "{described}");
    assert!(described.contains("cleanup.policy=compact"), "{described}");

    configs(&["--alter", "--delete-config", "cleanup.policy"]);
    let described = configs(&["--describe"]);
    assert!(described.contains("segment.ms=3600000"), "{described}");
    assert!(!described.contains("cleanup.policy=compact"), "{described}");
}

#[test]
fn console_tools_produce_with_keys_and_consume_in_a_group_that_can_be_reset() {
    let cluster = Cluster::start();
    let (topic, group) = (cluster.name("orders"), cluster.name("readers"));
    run(tool("kafka-topics", &cluster).args(["--create", "--topic", &topic, "--partitions", "3"]));

    run_with_input(
        tool("kafka-console-producer", &cluster).args([
            "--topic",
            &topic,
            "--property",
            "parse.key=true",
            "--property",
            "key.separator=:",
        ]),
        &keyed_lines(100, ":"),
    );
    let read = run(tool("kafka-console-consumer", &cluster)
        .args(["--topic", &topic, "--group", &group, "--from-beginning", "--max-messages", "100"])
        .args(["--timeout-ms", "30000", "--property", "print.key=true", "--property", "key.separator=:"]));
    assert_eq!(sorted(&read), sorted(&keyed_lines(100, ":")));

    let groups = |arguments: &[&str]| run(tool("kafka-consumer-groups", &cluster).args(arguments));
    assert!(groups(&["--list"]).lines().any(|line| line == group));
    assert_eq!(offsets_and_lag(&groups(&["--describe", "--group", &group])), (100, 0));
    groups(&["--reset-offsets", "--to-earliest", "--execute", "--group", &group, "--topic", &topic]);
    assert_eq!(offsets_and_lag(&groups(&["--describe", "--group", &group])), (0, 100));
    groups(&["--delete", "--group", &group]);
    assert!(!groups(&["--list"]).lines().any(|line| line == group));
}

/// Sums over the partitions in the output of `kafka-consumer-groups --describe`, whose columns are
/// GROUP, TOPIC, PARTITION, CURRENT-OFFSET, LOG-END-OFFSET, LAG.
fn offsets_and_lag(described: &str) -> (u64, u64) {
    let rows = described.lines().filter(|line| !line.starts_with("GROUP"));
    rows.map(|row| row.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() > 5)
        .map(|columns| (columns[3].parse::<u64>().unwrap(), columns[5].parse::<u64>().unwrap()))
        .fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
}

#[test]
fn performance_tools_send_and_read_every_record() {
    let cluster = Cluster::start();
    let topic = cluster.name("load");
    run(tool("kafka-topics", &cluster).args(["--create", "--topic", &topic, "--partitions", "3"]));

    let sent = run(kafka_tool("kafka-producer-perf-test")
        .args(["--topic", &topic, "--num-records", "20000", "--record-size", "500", "--throughput", "-1"])
        .arg("--producer-props")
        .arg(format!("bootstrap.servers={}", &cluster.address))
        .args(["acks=all", "compression.type=lz4"]));
    assert!(sent.contains("20000 records sent"), "{sent}");

    let ends = run(tool("kafka-get-offsets", &cluster).args(["--topic", &topic]));
    let total: u64 = ends.lines().map(|line| line.rsplit(':').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(total, 20_000, "{ends}");

    let read =
        run(tool("kafka-consumer-perf-test", &cluster).args(["--topic", &topic, "--messages", "20000"]));
    let row = read.lines().last().unwrap_or_default();
    assert_eq!(row.split(", ").nth(4), Some("20000"), "{read}");
}
