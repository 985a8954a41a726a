//! A reset that is killed at any moment is finished by the next.

use super::{catalog, exists, json, shown, topics};
use crate::support::relay::{Protocol, Relay, is_request};
use crate::support::{Cluster, Told, wait_for};

/// Kafka's numbers for requests that create and delete topics.
const CREATE: i16 = 19;
pub const DELETE: i16 = 20;

/// Runs a command that is killed, not asked, at its first request of a kind.
pub fn killed(cluster: &Cluster, args: &[&str], request: i16, delivered: bool) {
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    relay.cut_at(delivered, move |message| is_request(message, request));
    let mut command = cluster.command("ecap-topics");
    command.args(args).env("ECAP_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", relay.port()));
    let running = Told::start(&mut command);
    wait_for("the request", || (relay.cuts() > 0).then_some(()));
    drop(running);
}

#[test]
fn a_reset_that_is_killed_is_finished_by_the_next() {
    for (request, delivered) in [(DELETE, false), (DELETE, true), (CREATE, false), (CREATE, true)] {
        let cluster = Cluster::start();
        let (here, name) =
            (catalog(&cluster, "orders", 2, "\"retention.ms\" = 60000"), cluster.name("orders"));
        let reset = ["reset-topics", "--catalog", &here, "--yes"];
        topics(&cluster, &["apply", "--catalog", &here]).ok();
        topics(&cluster, &["test-produce", "orders", "--catalog", &here]).ok();

        killed(&cluster, &reset, request, delivered);
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
    killed(&cluster, &["reset-topics", "transactions", "--yes"], CREATE, false);
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

#[test]
fn nothing_is_deleted_where_something_could_not_be_created_again() {
    let cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    topics(&cluster, &["test-produce", "orders", "--catalog", &here]).ok();
    for (setting, value) in [("min.insync.replicas", "0"), ("retention", "1")] {
        let wrong = catalog(&cluster, "orders", 1, &format!("\"{setting}\" = {value}"));
        topics(&cluster, &["reset-topics", "--catalog", &wrong, "--yes"]).fails(2, &[setting, "orders"]);
        assert_eq!(shown(&cluster, &["orders"]).len(), 1);
    }
    let here = catalog(&cluster, "orders", 1, "");
    let next = topics(&cluster, &["reset-topics", "--catalog", &here, "--yes"]);
    assert!(!next.err.contains("interrupted"), "{next:?}");
    next.ok();
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
}

#[test]
fn a_reset_is_finished_as_the_catalog_says_then() {
    for (delivered, status) in [(false, "created"), (true, "differs")] {
        let cluster = Cluster::start();
        let before = catalog(&cluster, "orders", 1, "\"retention.ms\" = 60000");
        topics(&cluster, &["apply", "--catalog", &before]).ok();
        killed(&cluster, &["reset-topics", "--catalog", &before, "--yes"], CREATE, delivered);
        let corrected = catalog(&cluster, "orders", 2, "\"retention.ms\" = 120000");
        let done = json(&cluster, &["reset-topics", "--catalog", &corrected, "--yes"]);
        let orders = super::entry(&done, "topics", &cluster.name("orders"));
        assert_eq!(orders["status"], status, "{done}");
        let differs = topics(&cluster, &["plan", "--catalog", &corrected, "--exit-code"]).code;
        assert_eq!(differs, if delivered { 3 } else { 0 });
        topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
    }
}
