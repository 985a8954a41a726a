//! A reset that is killed at any moment is finished by the next.

use super::{catalog, exists, json, shown, topics};
use crate::support::relay::{Protocol, Relay, is_request};
use crate::support::{Cluster, Told, wait_for};

/// Kafka's numbers for requests that create and delete topics.
const CREATE: i16 = 19;
const DELETE: i16 = 20;

#[test]
fn a_reset_that_is_killed_is_finished_by_the_next() {
    for (request, delivered) in [(DELETE, false), (DELETE, true), (CREATE, false), (CREATE, true)] {
        let cluster = Cluster::start();
        let (here, name) =
            (catalog(&cluster, "orders", 2, "\"retention.ms\" = 60000"), cluster.name("orders"));
        let reset = ["reset-topics", "--catalog", &here, "--yes"];
        topics(&cluster, &["apply", "--catalog", &here]).ok();
        topics(&cluster, &["test-produce", "orders", "--catalog", &here]).ok();

        let relay = Relay::start(Protocol::Kafka, &cluster.address);
        relay.cut_at(delivered, move |message| is_request(message, request));
        let mut command = cluster.command("ecap-topics");
        command.args(reset).env("ECAP_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", relay.port()));
        let running = Told::start(&mut command);
        wait_for("the request", || (relay.cuts() > 0).then_some(()));
        drop(running); // It is killed, not asked.

        let next = topics(&cluster, &reset);
        let told =
            next.err.lines().find(|line| line.contains("was interrupted")).unwrap_or_default().to_string();
        next.ok();
        let left = match (request, delivered) {
            (DELETE, false) => format!("left to do: delete {name}; create {name}"),
            (CREATE, true) => "left to do: nothing".into(),
            _ => format!("left to do: create {name}"),
        };
        assert!(told.ends_with(&left), "{request} {delivered}: {told}");
        assert!(exists(&cluster, &name));
        assert_eq!(shown(&cluster, &["orders"]).len(), 0);
        topics(&cluster, &["plan", "--catalog", &here, "--exit-code"]).ok();
        let again = topics(&cluster, &reset);
        assert!(!again.err.contains("interrupted"), "{again:?}");
        topics(&cluster, &["delete-topic", &name, "--yes"]).ok();
    }
}

#[test]
fn what_is_left_of_a_reset_is_asked_for_and_done_beside_what_is_new() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions", "fraud-alerts"]);
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    relay.cut_at(false, |message| is_request(message, CREATE));
    let mut command = cluster.command("ecap-topics");
    command.args(["reset-topics", "transactions", "--yes"]);
    command.env("ECAP_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", relay.port()));
    let running = Told::start(&mut command);
    wait_for("the request", || (relay.cuts() > 0).then_some(()));
    drop(running);
    let (left, new) = (cluster.name("transactions"), cluster.name("fraud-alerts"));
    assert!(!exists(&cluster, &left));
    topics(&cluster, &["reset-topics", "fraud-alerts"])
        .fails(2, &[&format!("deleting {new}, {new}.dlq with")]);
    assert!(!exists(&cluster, &left));
    let done = json(&cluster, &["reset-topics", "fraud-alerts", "--yes"]);
    assert_eq!(done["topics"].as_array().map(Vec::len), Some(4), "{done}");
    for name in [left, new] {
        assert_eq!(super::entry(&done, "topics", &name)["status"], "created");
        assert!(exists(&cluster, &name));
    }
}
