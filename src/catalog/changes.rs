//! What has to be done so that a cluster is as the catalog says, and what would be lost by it. Pure functions.

use super::Topic;
use super::plan::{Action, Actual, Drift, diff, same};
use crate::units::{format_duration, format_size};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What has to happen for a cluster to be as declared, and what of that cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What has to happen, in the order in which it is done: creations, partitions, settings, deletions.
    pub changes: Vec<Change>,
    /// What stays as it is, and why.
    pub refused: Vec<Refusal>,
}

/// One thing that has to happen to a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Change {
    /// It is not there.
    Create {
        /// Its name.
        topic: String,
        /// How many partitions it gets.
        partitions: i32,
        /// How many brokers are to keep each partition.
        replication: i32,
        /// Its settings, by Kafka's names.
        config: BTreeMap<String, String>,
    },
    /// It has fewer partitions than declared.
    AddPartitions {
        /// Its name.
        topic: String,
        /// How many it has.
        from: i32,
        /// How many it gets.
        to: i32,
    },
    /// A setting is another.
    Alter {
        /// The topic's name.
        topic: String,
        /// Kafka's name of the setting.
        setting: String,
        /// Its value; `None` where the broker does not tell.
        from: Option<String>,
        /// What it becomes; `None` for the broker's default.
        to: Option<String>,
        /// What is lost by that; `None` where nothing is.
        loss: Option<String>,
    },
    /// It is not in the catalog.
    Delete {
        /// Its name.
        topic: String,
        /// How many partitions it has.
        partitions: i32,
    },
}

/// A difference that no change can take away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The topic's name.
    pub topic: String,
    /// What differs.
    #[serde(flatten)]
    pub drift: Drift,
    /// Why it stays.
    pub reason: &'static str,
}

const NEVER_FEWER: &str = "Kafka cannot take partitions away: create a topic with fewer and copy the records, \
                           or declare as many as there are";
const NO_REASSIGNMENT: &str = "where the copies are is not changed here: use kafka-reassign-partitions, or declare \
                               as many as there are (--replication-factor)";

impl Refusal {
    /// What stays, in words.
    pub fn in_words(&self) -> String {
        let Drift { setting, catalog, cluster } = &self.drift;
        let is = cluster.as_deref().unwrap_or("unknown");
        format!("topic '{}' stays with {setting} {is}, the catalog says {catalog}", self.topic)
    }
}

impl Change {
    /// The topic that is changed.
    pub fn topic(&self) -> &str {
        match self {
            Self::Create { topic, .. }
            | Self::AddPartitions { topic, .. }
            | Self::Alter { topic, .. }
            | Self::Delete { topic, .. } => topic,
        }
    }

    /// What is lost by it; `None` where nothing is.
    pub fn loss(&self) -> Option<&str> {
        match self {
            Self::Create { .. } | Self::AddPartitions { .. } => None,
            Self::Alter { loss, .. } => loss.as_deref(),
            Self::Delete { .. } => Some("the topic with all its records"),
        }
    }

    /// Where it stands in the order in which changes are done.
    fn turn(&self) -> u8 {
        match self {
            Self::Create { .. } => 0,
            Self::AddPartitions { .. } => 1,
            Self::Alter { .. } => 2,
            Self::Delete { .. } => 3,
        }
    }
}

impl Plan {
    /// What has to happen for a cluster with the topics `actual` to have the topics `desired`. Nothing is deleted.
    pub fn new(desired: &[Topic], actual: &BTreeMap<String, Actual>) -> Self {
        let mut plan = Self::default();
        for topic in desired {
            match diff(topic, actual.get(&topic.name)) {
                Action::Create => plan.changes.push(creation(topic)),
                Action::Keep => {}
                Action::Differs(drift) => drift.into_iter().for_each(|drift| plan.resolve(topic, drift)),
            }
        }
        plan.changes.sort_by_key(Change::turn);
        plan
    }

    /// The same with the deletion of every topic of `all`, each with how many partitions it has, that is none of `desired`
    /// and whose name begins with `prefix`.
    /// What other programs and ecap itself keep in a cluster stays: names with `_` before them, or with the prefix and `ecap-`.
    #[must_use]
    pub fn prune<'a>(
        mut self,
        desired: &[Topic],
        all: impl IntoIterator<Item = (&'a str, i32)>,
        prefix: &str,
    ) -> Self {
        let declared: BTreeSet<_> = desired.iter().map(|topic| topic.name.as_str()).collect();
        let is_own = |name: &str| {
            name.starts_with('_')
                || name
                    .strip_prefix(prefix)
                    .is_none_or(|name| name.starts_with('_') || name.starts_with("ecap-"))
        };
        let others = all.into_iter().filter(|(name, _)| !declared.contains(name) && !is_own(name));
        self.changes
            .extend(others.map(|(topic, partitions)| Change::Delete { topic: topic.into(), partitions }));
        self
    }

    /// Whether the cluster is as declared.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.refused.is_empty()
    }

    fn resolve(&mut self, topic: &Topic, drift: Drift) {
        let name = topic.name.clone();
        let cluster = drift.cluster.as_deref();
        let change = match drift.setting.as_str() {
            "partitions" => match cluster.and_then(|count| count.parse().ok()) {
                Some(from) if from < topic.partitions => {
                    Change::AddPartitions { topic: name, from, to: topic.partitions }
                }
                _ => return self.refused.push(Refusal { topic: name, drift, reason: NEVER_FEWER }),
            },
            "replication" => {
                return self.refused.push(Refusal { topic: name, drift, reason: NO_REASSIGNMENT });
            }
            setting => {
                let policy = topic.config.get("cleanup.policy").map_or("delete", String::as_str);
                let loss = loss(setting, cluster, Some(&drift.catalog), policy);
                let Drift { setting, catalog, cluster } = drift;
                Change::Alter { topic: name, setting, from: cluster, to: Some(catalog), loss }
            }
        };
        self.changes.push(change);
    }
}

fn creation(topic: &Topic) -> Change {
    let Topic { name, partitions, replication, config, .. } = topic.clone();
    Change::Create { topic: name, partitions, replication, config }
}

/// What is lost when a setting becomes another, in words; `None` where nothing is. A value that is not known counts as no
/// limit, and one that is taken back (`to` is `None`) as one that may be any. `policy` is the topic's cleanup.policy afterwards.
pub fn loss(setting: &str, from: Option<&str>, to: Option<&str>, policy: &str) -> Option<String> {
    let keeps = ["retention.ms", "retention.bytes", "max.message.bytes", "cleanup.policy"];
    let Some(to) = to.or(worst(setting)) else {
        return keeps.contains(&setting).then(|| "records that the broker's default does not keep".into());
    };
    let limit = |value: &str| value.trim().parse::<u64>().unwrap_or(u64::MAX);
    let most = limit(to);
    let lower = most < from.map_or(u64::MAX, limit);
    let deletes = policy.contains("delete");
    match setting {
        "retention.ms" if lower && deletes => {
            Some(format!("records older than {}", format_duration(Duration::from_millis(most))))
        }
        "retention.bytes" if lower && deletes => {
            Some(format!("the oldest records of partitions with more than {}", format_size(most)))
        }
        "max.message.bytes" if lower => {
            Some(format!("records of more than {}, which are refused from then on", format_size(most)))
        }
        "min.insync.replicas" if lower => {
            Some("acknowledged records, if the fewer copies that have them fail".into())
        }
        "unclean.leader.election.enable"
            if same(to, "true") && !from.is_some_and(|from| same(from, "true")) =>
        {
            Some("acknowledged records, if a copy without them becomes the leader".into())
        }
        "cleanup.policy" => {
            let begins =
                |policy: &str| to.contains(policy) && !from.is_some_and(|from| from.contains(policy));
            let mut lost = Vec::new();
            lost.extend(begins("compact").then_some("all records of a key but the last"));
            lost.extend(begins("delete").then_some("records that are older or more than its retention says"));
            (!lost.is_empty()).then(|| lost.join(", and "))
        }
        _ => None,
    }
}

/// What a broker's default may be of a setting that says how many failures records outlive.
fn worst(setting: &str) -> Option<&'static str> {
    match setting {
        "min.insync.replicas" => Some("1"),
        "unclean.leader.election.enable" => Some("true"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_said_only_where_something_is() {
        let lost = |setting, from, to| loss(setting, Some(from), Some(to), "delete");
        assert_eq!(lost("retention.ms", "-1", "3600000").as_deref(), Some("records older than 1h"));
        assert_eq!(lost("retention.ms", "3600000", "-1"), None);
        assert_eq!(loss("retention.ms", Some("2"), Some("1"), "compact"), None);
        assert!(loss("retention.ms", None, Some("1"), "compact,delete").is_some());
        assert!(lost("max.message.bytes", "2048", "1024").is_some_and(|loss| loss.contains("1 KiB")));
        assert!(
            lost("cleanup.policy", "delete", "compact,delete").is_some_and(|loss| loss.contains("a key"))
        );
        assert!(lost("cleanup.policy", "compact", "delete").is_some_and(|loss| loss.contains("retention")));
        assert_eq!(lost("cleanup.policy", "compact,delete", "delete"), None);
        assert_eq!(lost("segment.ms", "2", "1"), None);
        assert!(lost("min.insync.replicas", "2", "1").is_some_and(|loss| loss.contains("fewer copies")));
        assert!(loss("min.insync.replicas", Some("2"), None, "delete").is_some());
        assert_eq!(lost("min.insync.replicas", "1", "2"), None);
        assert_eq!(loss("min.insync.replicas", Some("1"), None, "delete"), None);
        let unclean = "unclean.leader.election.enable";
        assert!(lost(unclean, "false", "true").is_some_and(|loss| loss.contains("the leader")));
        assert!(loss(unclean, Some("false"), None, "delete").is_some());
        assert_eq!([lost(unclean, "true", "false"), lost(unclean, "true", "true")], [None, None]);
    }
}
