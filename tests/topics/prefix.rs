//! Environments that share a cluster keep to themselves: what lies outside the prefix is never meant.

use super::groups::commit;
use super::reset::{DELETE, killed};
use super::{catalog, exists, topics};
use crate::support::{Cluster, Ended};

/// A command of another environment on the same cluster.
fn staging(cluster: &Cluster, args: &[&str]) -> Ended {
    let prefix = cluster.name("staging.");
    Ended::of(cluster.command("ecap-topics").args(args).args(["--topic-prefix", &prefix]))
}

#[test]
fn a_topic_of_another_environment_is_never_meant() {
    let cluster = Cluster::start();
    let (own, other) = (cluster.name("staging.fraud-alerts"), cluster.name("fraud-alerts"));
    cluster.create_topics(&["fraud-alerts"]);
    staging(&cluster, &["create-topics", "fraud-alerts"]).ok();
    staging(&cluster, &["test-produce", &own]).ok();
    assert_eq!(staging(&cluster, &["tail", "fraud-alerts", "--format", "json"]).ok().lines().count(), 1);
    staging(&cluster, &["delete-topic", "fraud-alerts", "--yes"]).ok();

    let missing = format!("topic '{own}' does not exist");
    for verb in [
        &["delete-topic", "fraud-alerts", "--yes"] as &[&str],
        &["alter-config", "fraud-alerts", "retention.ms=1h", "--yes"],
        &["test-produce", "fraud-alerts"],
        &["reset-offsets", "readers", "--topic", "fraud-alerts", "--to", "latest", "--execute"],
        &["describe-topic", "fraud-alerts"],
        &["tail", "fraud-alerts"],
        &["export", "fraud-alerts"],
    ] {
        staging(&cluster, verb).fails(1, &[&missing, "create-topics fraud-alerts"]);
    }
    assert!(exists(&cluster, &other));
    assert_eq!(topics(&cluster, &["tail", "fraud-alerts", "--format", "json"]).ok(), "");

    let here = catalog(&cluster, "orders", 1, "");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let name = cluster.name("orders");
    staging(&cluster, &["delete-topic", &name, "--yes"])
        .fails(1, &[&format!("'{name}' is outside the prefix"), "--topic-prefix ''"]);
    topics(&cluster, &["delete-topic", &name, "--yes", "--topic-prefix", ""]).ok();
    assert!(!exists(&cluster, &name));
}

#[test]
fn a_group_of_another_environment_is_never_meant() {
    let cluster = Cluster::start();
    cluster.create_topics(&["fraud-alerts"]);
    staging(&cluster, &["create-topics", "fraud-alerts"]).ok();
    let topic = cluster.name("fraud-alerts");
    commit(&cluster, "readers", &topic, 0, "");
    commit(&cluster, "staging.own", &cluster.name("staging.fraud-alerts"), 0, "");
    let missing = format!("consumer group '{}' does not exist", cluster.name("staging.readers"));
    for verb in [
        &["delete-group", "readers", "--yes"] as &[&str],
        &["delete-offsets", "readers", "--topic", "fraud-alerts", "--yes"],
        &["reset-offsets", "readers", "--to", "latest", "--execute"],
        &["consumer-groups", "--group", "readers"],
    ] {
        staging(&cluster, verb).fails(1, &[&missing]);
    }
    topics(&cluster, &["delete-group", "readers", "--yes"]).ok();
    staging(&cluster, &["delete-group", "own", "--yes"]).ok();
    staging(&cluster, &["delete-topic", "--all", "--yes"]).ok();
}

#[test]
fn a_reset_that_is_killed_is_finished_in_its_own_environment() {
    let cluster = Cluster::start();
    let prefix = cluster.name("staging.");
    cluster.create_topics(&["fraud-alerts"]);
    staging(&cluster, &["create-topics", "transactions"]).ok();
    killed(&cluster, &["reset-topics", "transactions", "--yes", "--topic-prefix", &prefix], DELETE, false);

    staging(&cluster, &["test-produce", "transactions"]).ok();
    let other = topics(&cluster, &["reset-topics", "fraud-alerts", "--yes"]);
    assert!(!other.err.contains("interrupted"), "{other:?}");
    assert!(!other.ok().contains("staging"));
    let tail = ["tail", "transactions", "--format", "json"];
    assert_eq!(staging(&cluster, &tail).ok().lines().count(), 1);

    let next = staging(&cluster, &["reset-topics", "transactions", "--yes"]);
    assert!(next.err.contains(&format!("left to do: delete {prefix}transactions")), "{next:?}");
    next.ok();
    assert_eq!(staging(&cluster, &tail).ok(), "");
    staging(&cluster, &["delete-topic", "--all", "--yes"]).ok();
}
