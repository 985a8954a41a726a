//! Whatever a catalog and a cluster are: what is planned is done, once, and nothing else happens.

use super::{json, topics};
use crate::support::{Cluster, cases};
use ecap::catalog::Topic;
use ecap::catalog::changes::{Change, Plan};
use ecap::catalog::plan::Actual;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

type Topics = BTreeMap<String, Actual>;

const SETTINGS: [(&str, &[&str]); 5] = [
    ("retention.ms", &["-1", "60000", "3600000"]),
    ("retention.bytes", &["-1", "1048576"]),
    ("max.message.bytes", &["1024", "1048588", "2097152"]),
    ("cleanup.policy", &["delete", "compact", "compact,delete"]),
    ("compression.type", &["producer", "gzip", "zstd"]),
];

/// What the model's broker has where nothing is set.
fn defaults() -> BTreeMap<String, String> {
    let first = |(name, values): &(&str, &[&str])| (name.to_string(), values[0].to_string());
    SETTINGS.iter().map(first).collect()
}

fn config() -> impl Strategy<Value = BTreeMap<String, String>> {
    let setting = proptest::sample::select(&SETTINGS[..]).prop_flat_map(|(name, values)| {
        proptest::sample::select(values).prop_map(move |value| (name.to_string(), value.to_string()))
    });
    proptest::collection::vec(setting, 0..4).prop_map(|settings| settings.into_iter().collect())
}

fn topic(replication: i32) -> impl Strategy<Value = (i32, i32, BTreeMap<String, String>)> {
    (1..5, 1..=replication, config())
}

/// Declared topics, with a prefix before their names.
fn desired(replication: i32) -> impl Strategy<Value = Vec<Topic>> {
    proptest::collection::btree_map("p\\.[abc]", topic(replication), 0..4).prop_map(|topics| {
        let topics = topics.into_iter();
        topics
            .map(|(name, (partitions, copies, config))| Topic::plain(&name, partitions, copies, config))
            .collect()
    })
}

fn cluster() -> impl Strategy<Value = Topics> {
    let name = "p\\.[abcde]|p\\._x|p\\.ecap-commits|_schemas|__consumer_offsets|[ab]";
    proptest::collection::btree_map(name, topic(3), 0..8).prop_map(|topics| {
        let actual =
            |(name, (partitions, replication, own)): (String, (i32, i32, BTreeMap<String, String>))| {
                (name, Actual { partitions, replication, config: with_defaults(own) })
            };
        topics.into_iter().map(actual).collect()
    })
}

fn with_defaults(own: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut config = defaults();
    config.extend(own);
    config
}

/// How many partitions each topic has.
fn counts(topics: &Topics) -> impl Iterator<Item = (&str, i32)> {
    topics.iter().map(|(name, actual)| (name.as_str(), actual.partitions))
}

/// What a broker makes of a plan.
fn apply(mut topics: Topics, plan: &Plan) -> Topics {
    for change in &plan.changes {
        match change {
            Change::Create { topic, partitions, replication, config } => {
                let config = with_defaults(config.clone());
                let made = Actual { partitions: *partitions, replication: *replication, config };
                assert_eq!(topics.insert(topic.clone(), made), None);
            }
            Change::AddPartitions { topic, from, to } => {
                let topic = topics.get_mut(topic).expect("it is there");
                assert!(topic.partitions == *from && from < to);
                topic.partitions = *to;
            }
            Change::Alter { topic, setting, from, to, .. } => {
                let to = to.clone().expect("a catalog names values");
                let old = topics.get_mut(topic).expect("it is there").config.insert(setting.clone(), to);
                assert_eq!(old, *from);
            }
            Change::Delete { topic, .. } => drop(topics.remove(topic).expect("it is there")),
        }
    }
    topics
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn after_apply_there_is_nothing_to_do_and_nothing_was_lost_unasked(desired in desired(3), before in cluster()) {
        let plan = Plan::new(&desired, &before);
        let after = apply(before.clone(), &plan);
        let next = Plan::new(&desired, &after);
        prop_assert_eq!(&next.changes, &[]);
        prop_assert_eq!(&next.refused, &plan.refused);
        for (name, was) in &before {
            let is = after.get(name);
            prop_assert!(is.is_some_and(|is| is.partitions >= was.partitions && is.replication == was.replication));
            let declared = desired.iter().find(|topic| topic.name == *name);
            let named = |setting: &str| declared.is_some_and(|topic| topic.config.contains_key(setting));
            for (setting, value) in was.config.iter().filter(|(setting, _)| !named(setting)) {
                prop_assert_eq!(is.and_then(|is| is.config.get(setting)), Some(value));
            }
        }
        let number = |value: &Option<String>| value.as_ref().and_then(|value| value.parse::<u64>().ok()).unwrap_or(u64::MAX);
        for change in &plan.changes {
            if let Change::Alter { topic, setting, from, to, loss } = change {
                let lower = setting == "max.message.bytes" || setting == "retention.ms";
                let kept = after[topic].config["cleanup.policy"] == "compact" && setting == "retention.ms";
                prop_assert!(!lower || kept || loss.is_some() == (number(to) < number(from)), "{:?}", change);
            }
        }
    }

    #[test]
    fn pruning_deletes_what_is_not_declared_and_within_the_prefix(desired in desired(3), before in cluster()) {
        let plan = Plan::new(&desired, &before).prune(&desired, counts(&before), "p.");
        let after = apply(before.clone(), &plan);
        for name in before.keys() {
            let stays = desired.iter().any(|topic| topic.name == *name)
                || !["p.a", "p.b", "p.c", "p.d", "p.e"].contains(&name.as_str());
            prop_assert_eq!(after.contains_key(name), stays, "{}", name);
        }
        prop_assert_eq!(Plan::new(&desired, &after).prune(&desired, counts(&after), "p.").changes, vec![]);
    }
}

#[test]
fn a_broker_does_with_random_catalogs_what_the_model_does() {
    let cluster = Cluster::start();
    let (runs, path) = (4, cluster.folder.path().join("random.toml"));
    let file = path.display().to_string();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(runs));
    let done = runner.run(&desired(1), |desired| {
        let mut topics_of = desired;
        topics_of.iter_mut().for_each(|topic| topic.name = topic.name.replace("p.", ""));
        std::fs::write(&path, ecap::catalog::to_toml(&topics_of).expect("TOML")).expect("written");
        let planned = json(&cluster, &["plan", "--catalog", &file]);
        prop_assert_eq!(&planned, &json(&cluster, &["plan", "--catalog", &file]));
        let applied = topics(&cluster, &["apply", "--catalog", &file, "--yes", "--format", "json"]);
        let applied: serde_json::Value = serde_json::from_str(&applied.out).expect("JSON");
        prop_assert_eq!(&planned["changes"], &applied["changes"]);
        let next = json(&cluster, &["plan", "--catalog", &file]);
        prop_assert_eq!(next["changes"].as_array().map(Vec::len), Some(0), "{}", next);
        prop_assert_eq!(&planned["refused"], &next["refused"]);
        Ok(())
    });
    done.expect("the property holds");
    let none = cluster.folder.path().join("none.toml").display().to_string();
    std::fs::write(&none, "").expect("written");
    topics(&cluster, &["apply", "--prune", "--yes", "--catalog", &none]).ok();
    assert_eq!(
        json(&cluster, &["plan", "--prune", "--catalog", &none])["changes"].as_array().map(Vec::len),
        Some(0)
    );
}
