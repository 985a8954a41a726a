//! `monitor` tells the same numbers to programs as to people.

use super::{five, topics};
use crate::support::Cluster;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn numbers_stream_a_document_for_each_interval() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let mut command = cluster.command("ecap-topics");
    command.args(["monitor", "--interval", "200ms", "--format", "json"]).stdout(Stdio::piped());
    let mut monitor = command.spawn().expect("starts");
    let mut lines = BufReader::new(monitor.stdout.take().expect("piped")).lines();
    let mut next = || {
        let line = lines.next().expect("a line").expect("text");
        let document: Value = serde_json::from_str(&line).expect("JSON");
        let topics = document["topics"].as_array().expect("a list");
        topics.iter().find(|row| row["topic"] == topic.as_str()).expect("our topic").clone()
    };
    let first = next();
    assert_eq!((&first["messages"], &first["messages_per_second"]), (&5.into(), &Value::Null), "{first}");
    topics(&cluster, &["test-produce", &topic, "{\"id\": \"a5\", \"n\": 5}"]).ok();
    let seen = std::iter::repeat_with(next).take(100).find(|row| row["messages"] == 6).expect("the message");
    for rate in ["messages_per_second", "bytes_per_second"] {
        assert!(seen[rate].as_f64().is_some_and(|rate| rate > 0.0), "{rate}: {seen}");
    }
    assert_eq!((&seen["skew"], &seen["partitions"][0]["next"]), (&1.0.into(), &6.into()), "{seen}");
    let interrupt = std::process::Command::new("kill").args(["-INT", &monitor.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    assert_eq!(monitor.wait().expect("ends").code(), Some(0));
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn a_screen_needs_a_terminal() {
    let cluster = Cluster::start();
    topics(&cluster, &["monitor"]).fails(2, &["terminal", "--format json"]);
    topics(&cluster, &["monitor", "--format", "csv"]).fails(2, &["--format json"]);
}
