//! Flink reads a topic through its connector.

use super::{cache, installed, run, script, send_json};
use crate::support::Cluster;
use serde_json::{Value, json};

#[test]
fn flink_reads_a_topic_to_its_end() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let topic = cluster.name("transactions");
    send_json(&cluster, &topic, 300, &["-z", "lz4"]);
    let mut python = installed(&cache().join("flink-2.0.0/bin/python"));
    let said = run(python.arg(script("flink_topics.py")).args([&cluster.address, &topic]));
    let seen: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(
        (&seen["count"], &seen["sum"], &seen["users"]),
        (&json!(300), &json!((1..=300).sum::<i64>()), &json!(7)),
        "{said}"
    );
}
