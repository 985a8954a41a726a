//! The catalog against a cluster: which topics are meant, and how one that exists differs. Pure functions.

use super::{Catalog, Topic};
use crate::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// A topic as a cluster has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actual {
    /// How many partitions it has.
    pub partitions: i32,
    /// How many brokers keep each partition.
    pub replication: i32,
    /// Kafka's settings, by Kafka's names, defaults included.
    pub config: BTreeMap<String, String>,
}

/// One setting of a topic that is not as the catalog declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// `partitions`, `replication`, or Kafka's name of the setting.
    pub setting: String,
    /// What the catalog declares.
    pub catalog: String,
    /// What the cluster has; `None` where the broker does not tell.
    pub cluster: Option<String>,
}

/// What has to happen for a topic to be as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is not there.
    Create,
    /// It is as declared.
    Keep,
    /// It is there, with these differences.
    Differs(Vec<Drift>),
}

/// Compares a declared topic with the one of that name in the cluster.
pub fn diff(desired: &Topic, actual: Option<&Actual>) -> Action {
    let Some(actual) = actual else { return Action::Create };
    let counts = [
        ("partitions", desired.partitions, actual.partitions),
        ("replication", desired.replication, actual.replication),
    ];
    let counts = counts.map(|(name, wanted, found)| (name, wanted.to_string(), Some(found.to_string())));
    let settings = desired
        .config
        .iter()
        .map(|(name, wanted)| (name.as_str(), wanted.clone(), actual.config.get(name).cloned()));
    let drift: Vec<_> = counts
        .into_iter()
        .chain(settings)
        .filter(|(_, wanted, found)| !found.as_ref().is_some_and(|found| same(found, wanted)))
        .map(|(setting, catalog, cluster)| Drift { setting: setting.into(), catalog, cluster })
        .collect();
    if drift.is_empty() { Action::Keep } else { Action::Differs(drift) }
}

/// Whether two values of a setting mean the same: a broker may show a number, a truth value or a list in another form.
pub fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| text.parse::<i64>().is_err());
    let truth = |text: &str| text.to_ascii_lowercase().parse::<bool>().ok();
    let items = |text: &str| {
        let mut items: Vec<_> = text.split(',').map(|item| item.trim().to_string()).collect();
        items.sort_unstable();
        items
    };
    a == b
        || number(a).is_some_and(|a| b.parse() == Ok(a))
        || number(b).is_some_and(|b| a.parse() == Ok(b))
        || truth(a).is_some_and(|a| truth(b) == Some(a))
        || (a.contains(',') && items(a) == items(b))
}

/// The topics that are meant by `names`: each with its dead-letter topic, once, in the catalog's order.
/// No name means all of them.
///
/// # Errors
/// A usage error with the nearest name.
pub fn select(catalog: &Catalog, names: &[String]) -> Result<Vec<Topic>> {
    for name in names {
        catalog.topic(name)?;
    }
    let meant = |topic: &&Topic| {
        names.is_empty()
            || names.contains(&topic.name)
            || catalog.source(topic).is_some_and(|source| names.iter().any(|name| name == source))
    };
    Ok(catalog.topics().iter().filter(meant).cloned().collect())
}

/// The topic, which keeps what it has where that is more copies than declared: a catalog's factor is meant for development
/// where nobody says how many copies there are to be.
#[must_use]
pub fn keeping_copies(mut topic: Topic, actual: &Actual) -> Topic {
    if actual.replication > topic.replication {
        topic.replication = actual.replication;
        let in_sync = |config: &BTreeMap<String, String>| config.get(IN_SYNC)?.parse::<i32>().ok();
        if let Some(found) = in_sync(&actual.config).filter(|found| Some(*found) > in_sync(&topic.config)) {
            topic.config.insert(IN_SYNC.into(), found.to_string());
        }
    }
    topic
}

/// How many copies must have a record before it is acknowledged.
const IN_SYNC: &str = "min.insync.replicas";

/// The topic with another replication factor, and with as many copies in sync as let it lose half of them:
/// 1 of 1, 2 of 3, 3 of 5.
#[must_use]
pub fn replicated(mut topic: Topic, factor: i32) -> Topic {
    topic.replication = factor;
    topic.config.insert(IN_SYNC.into(), ((factor + 1) / 2).to_string());
    topic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::built_in().expect("the built-in catalog is valid")
    }

    fn declared(name: &str) -> Topic {
        catalog().topic(name).expect("declared").clone()
    }

    fn as_declared(topic: &Topic) -> Actual {
        let mut config = topic.config.clone();
        config.insert("flush.ms".into(), "9223372036854775807".into());
        Actual { partitions: topic.partitions, replication: topic.replication, config }
    }

    #[test]
    fn a_topic_as_declared_has_no_drift_whatever_else_the_broker_tells() {
        for topic in catalog().topics() {
            assert_eq!(diff(topic, None), Action::Create);
            assert_eq!(diff(topic, Some(&as_declared(topic))), Action::Keep);
        }
    }

    #[test]
    fn drift_is_told_setting_by_setting() {
        let topic = declared("transactions");
        let mut actual = as_declared(&topic);
        actual.partitions = 3;
        actual.config.insert("retention.ms".into(), "60000".into());
        actual.config.remove("segment.ms");
        let drift = |setting: &str, catalog: &str, cluster: Option<&str>| Drift {
            setting: setting.into(),
            catalog: catalog.into(),
            cluster: cluster.map(Into::into),
        };
        let expected = vec![
            drift("partitions", "6", Some("3")),
            drift("retention.ms", "604800000", Some("60000")),
            drift("segment.ms", "86400000", None),
        ];
        assert_eq!(diff(&topic, Some(&actual)), Action::Differs(expected));
    }

    #[test]
    fn a_named_topic_comes_with_its_dead_letters() {
        let names = |names: &[&str]| -> Vec<String> {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            select(&catalog(), &names).expect("known").into_iter().map(|topic| topic.name).collect()
        };
        assert_eq!(names(&[]).len(), 12);
        assert_eq!(
            names(&["user-events", "transactions", "user-events"]),
            ["transactions", "user-events", "transactions.dlq", "user-events.dlq"]
        );
        assert_eq!(names(&["user-events.dlq"]), ["user-events.dlq"]);
        assert!(select(&catalog(), &["user-event".into()]).is_err());
    }

    #[test]
    fn more_copies_than_declared_are_kept_where_no_factor_is_given() {
        let topic = declared("transactions");
        let three = as_declared(&replicated(topic.clone(), 3));
        assert_eq!(diff(&keeping_copies(topic.clone(), &three), Some(&three)), Action::Keep);
        let Action::Differs(drift) = diff(&topic, Some(&three)) else { panic!("two settings differ") };
        assert_eq!(drift.len(), 2);
        // Fewer than declared are told, and so is a number in sync that one copy can never have.
        let more = replicated(topic.clone(), 3);
        assert_eq!(keeping_copies(more.clone(), &as_declared(&topic)), more);
        let mut never = as_declared(&topic);
        never.config.insert(IN_SYNC.into(), "2".into());
        assert_eq!(keeping_copies(topic.clone(), &never), topic);
    }

    #[test]
    fn half_of_the_copies_may_be_lost() {
        for (factor, in_sync) in [(1, "1"), (2, "1"), (3, "2"), (5, "3")] {
            let topic = replicated(declared("transactions"), factor);
            assert_eq!((topic.replication, topic.config["min.insync.replicas"].as_str()), (factor, in_sync));
        }
    }
}
