//! `health-check` tells what is wrong, and waits for it to be right.

use super::{catalog, entry, json, topics};
use crate::support::{Cluster, wait_for};
use serde_json::{Value, json as value};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn each_check_has_what_was_found_and_what_is_healthy() {
    let cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let health = json(&cluster, &["health-check", "--catalog", &here, "--max-latency", "1m"]);
    assert_eq!(health["status"], "healthy", "{health}");
    assert!(health["cluster"].is_string() && health["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    let check = |name: &str| entry(&health, "checks", name).clone();
    let offline =
        value!({"check": "offline partitions", "healthy": true, "detail": "none", "value": 0, "limit": 0});
    assert_eq!(check("offline partitions"), offline);
    assert_eq!(check("brokers")["limit"], 1);
    assert_eq!(check("answer time")["limit"], 60_000);
    assert_eq!(check(&format!("topic {}", cluster.name("orders")))["value"], 0);

    let few = topics(&cluster, &["health-check", "--catalog", &here, "--min-brokers", "9"]);
    few.fails(3, &["degraded: 1 of"]);
    topics(&cluster, &["health-check", "--catalog", &here, "--max-latency", "0s"]).fails(3, &["degraded"]);
    topics(&cluster, &["health-check", "--timeout", "1s"]).fails(2, &["required"]);
    topics(&cluster, &["health-check", "--exit-when-healthy", "--timeout", "1ms"])
        .fails(3, &["create-topics"]);
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
}

#[test]
fn it_waits_until_the_cluster_is_healthy() {
    let cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    let mut command = cluster.command("ecap-topics");
    command.args(["health-check", "--exit-when-healthy", "--interval", "20ms", "--catalog", &here]);
    let mut waiting = command.args(["--format", "json"]).stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(waiting.stdout.take().expect("piped")).lines();
    let mut next =
        || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    assert_eq!(next()["status"], "degraded");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    wait_for("health", || (next()["status"] == "healthy").then_some(()));
    assert_eq!(waiting.wait().expect("ends").code(), Some(0));
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
}

#[test]
fn a_broker_that_goes_and_comes_back_is_seen_by_who_watches() {
    // A real cluster is not ours to stop.
    if std::env::var_os(crate::support::REAL_KAFKA).is_some() {
        return;
    }
    let mut cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let mut command = cluster.command("ecap-topics");
    command.args(["health-check", "--watch", "--interval", "20ms", "--catalog", &here, "--format", "json"]);
    let mut command_out = command.stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(command_out.stdout.take().expect("piped")).lines();
    let mut next =
        || -> Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    wait_for("health", || (next()["status"] == "healthy").then_some(()));
    cluster.stop();
    let gone = wait_for("the end of it", || Some(next()).filter(|health| health["status"] == "unreachable"));
    assert_eq!(gone["checks"][0]["healthy"], false);
    cluster.again();
    wait_for("health again", || (next()["status"] == "healthy").then_some(()));
    let interrupt = std::process::Command::new("kill").args(["-INT", &command_out.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    drop(lines);
    assert_eq!(command_out.wait().expect("ends").code(), Some(0));
}
