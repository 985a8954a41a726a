//! Three nodes of Apache Kafka, of which one is killed: it is told, and everything goes on.

use super::Kafka;
use crate::support::{Ended, wait_for};
use std::process::Command;

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

    let pid = std::fs::read_to_string(kafka.folder.path().join("kafka/node-2/kafka.pid")).expect("a process");
    assert!(Command::new("kill").args(["-9", pid.trim()]).status().expect("kill runs").success());
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
