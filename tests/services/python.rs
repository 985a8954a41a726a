//! confluent-kafka and kafka-python; the programs beside this file say what they saw.

use super::{python, run};
use crate::support::Cluster;
use serde_json::{Value, json};

/// Runs a program and compares what it saw, key by key, with what is `expected`.
pub fn sees(script: &str, expected: &Value) {
    let cluster = Cluster::start();
    let output =
        run(python(script).args([&cluster.address, &cluster.name("orders"), &cluster.name("readers")]));
    let seen: Value = serde_json::from_str(&output).expect("the program prints JSON");
    assert_eq!(&seen, expected);
}

#[test]
fn confluent_kafka_administers_produces_consumes_and_rewinds() {
    sees(
        "confluent.py",
        &json!({
            "partitions": 3, "retention": "86400000", "delivered": 100, "in_order": true, "keys": 7, "read": 100,
            "state": "STABLE", "members": 1, "group_listed": true, "committed": 100, "after_reset": 0,
            "read_again": 100,
        }),
    );
}

#[test]
fn kafka_python_administers_produces_consumes_and_rewinds() {
    sees(
        "kafka_python.py",
        &json!({
            "partitions": 3, "delivered": 100, "in_order": true, "headers": true, "keys": 7, "read": 100, "end": 100,
            "members": 1, "group_listed": true, "committed": 100, "after_reset": 0, "read_again": 100,
        }),
    );
}
