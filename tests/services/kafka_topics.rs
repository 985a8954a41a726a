//! `ecap-topics` on an Apache Kafka: what its guide says is typed, with Kafka's own tools, and groups of both protocols.

use super::{Kafka, kafka_home};
use crate::support::{Cluster, Ended, binary_command, project, wait_for};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn the_guide_s_commands_do_on_kafka_what_they_say() {
    let kafka = Kafka::start(1, &[]);
    guide(&kafka.address, kafka.folder.path());
}

#[test]
fn the_guide_s_commands_do_on_the_embedded_broker_what_they_say() {
    let cluster = Cluster::start();
    guide(&cluster.address, cluster.folder.path());
}

/// Each command as people type it, with what it shows.
fn guide(address: &str, folder: &Path) {
    let topics = |args: &[&str]| {
        let mut command = binary_command("ecap-topics", folder);
        command.env("KAFKA_HOME", kafka_home()).env("ECAP_BOOTSTRAP_SERVERS", address);
        Ended::of(command.args(args))
    };
    let shows = |args: &[&str], parts: &[&str]| {
        let out = topics(args).ok();
        for part in parts {
            assert!(out.contains(part), "{args:?}: '{part}' is missing in {out}");
        }
    };
    shows(&["create-topics"], &["transactions", "created"]);
    shows(&["kafka-cli", "kafka-topics", "--create", "--topic", "old-topic"], &["Created topic old-topic"]);
    shows(&["list-topics"], &["old-topic", "user-events"]);
    shows(&["describe-topic", "transactions"], &["retention.ms", "604800000"]);
    let message = r#"{"user_id": "test", "amount": 100}"#;
    shows(&["test-produce", "transactions", message], &["transactions"]);
    shows(&["tail", "transactions"], &["\"amount\": 100"]);
    shows(&["delete-topic", "old-topic", "--yes"], &["old-topic"]);

    let listed = topics(&["kafka-cli", "kafka-topics", "--list"]).ok();
    assert!(listed.lines().any(|line| line == "user-events") && !listed.contains("old-topic"), "{listed}");
    let config = ["kafka-cli", "configs", "--entity-type", "topics", "--entity-name", "transactions"];
    topics(&[&config[..], &["--alter", "--add-config", "retention.ms=86400000"]].concat()).ok();
    shows(&[&config[..], &["--describe"]].concat(), &["retention.ms=86400000"]);
    shows(&["plan", "transactions"], &["retention.ms"]);
    let read = ["--topic", "transactions", "--from-beginning", "--max-messages", "1", "--group", "readers"];
    shows(&[&["kafka-cli", "console-consumer"], &read[..]].concat(), &["\"test\""]);
    shows(&["kafka-cli", "kafka-consumer-groups", "--describe", "--group", "readers"], &["transactions"]);
    shows(&["consumer-groups", "--group", "readers"], &["lag 0"]);
    shows(&["kafka-cli", "kafka-log-dirs", "--describe"], &["\"partition\":\"transactions-0\"", "size"]);
    shows(&["kafka-cli", "cluster", "cluster-id"], &["Cluster ID: "]);
    shows(&["kafka-cli", "get-offsets", "--topic", "transactions"], &["transactions:0:"]);
    topics(&["health-check"]).fails(3, &["degraded", "ecap-topics apply"]);
}

#[test]
fn the_script_of_old_is_the_command() {
    let cluster = Cluster::start();
    let bin = Path::new(env!("CARGO_BIN_EXE_ecap-topics")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path"));
    let script = |args: &[&str]| {
        let mut script = Command::new(project("scripts/kafka-topics.sh"));
        script.current_dir(cluster.folder.path()).env("PATH", &path);
        Ended::of(script.env("ECAP_BOOTSTRAP_SERVERS", &cluster.address).args(args)).ok()
    };
    script(&["create-topics", "transactions"]);
    assert!(script(&["list-topics"]).contains("transactions"));
    script(&["test-produce", "transactions", r#"{"user_id": "test", "amount": 100}"#]);
    script(&["delete-topic", "transactions", "--yes"]);
}

/// A member of a group whose protocol is `consumer`.
fn member(address: &str, group: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("group.id", group).set("client.id", "somebody");
    config
        .set("group.protocol", "consumer")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("a consumer")
}

#[test]
fn who_reads_by_the_new_protocol_is_seen_and_left_alone() {
    let kafka = Kafka::start(1, &[]);
    kafka.run(&["create-topics", "transactions"]).ok();
    kafka.run(&["test-produce", "transactions"]).ok();
    let consumer = member(&kafka.address, "busy");
    consumer.subscribe(&["transactions"]).expect("subscribed");
    wait_for("the record", || consumer.poll(Duration::from_millis(50))?.ok().map(|_| ()));
    consumer.commit_consumer_state(rdkafka::consumer::CommitMode::Sync).expect("committed");

    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&kafka.run(&[args, &["--format", "json"]].concat()).ok()).expect("JSON")
    };
    let detail = wait_for("a stable group", || {
        let detail = json(&["consumer-groups", "--group", "busy"]);
        (detail["state"] == "Stable").then_some(detail)
    });
    assert_eq!(detail["members"][0]["client"], "somebody", "{detail}");
    assert_eq!(detail["partitions"][0]["member"]["client"], "somebody", "{detail}");
    let listing = json(&["consumer-groups"]);
    assert_eq!(
        (&listing["groups"][0]["state"], &listing["groups"][0]["members"]),
        (&"Stable".into(), &1.into())
    );
    for args in [
        &["reset-offsets", "busy", "--to", "earliest", "--execute"] as &[&str],
        &["delete-group", "busy", "--yes"],
        &["delete-offsets", "busy", "--topic", "transactions", "--yes"],
    ] {
        kafka.run(args).fails(1, &["is active, with 1 member: somebody from ", "stop them first"]);
    }
    drop(consumer);
    wait_for("an empty group", || {
        (json(&["consumer-groups", "--group", "busy"])["state"] == "Empty").then_some(())
    });
    let reset = json(&["reset-offsets", "busy", "--to", "earliest", "--execute"]);
    assert_eq!(reset["partitions"][0]["offset"], 0, "{reset}");
    kafka.run(&["delete-group", "busy", "--yes"]).ok();
    assert_eq!(json(&["consumer-groups"])["groups"], Value::Array(vec![]));
}
