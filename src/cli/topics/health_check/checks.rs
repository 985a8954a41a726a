//! What is looked at, each with what was found and what is still healthy.

use super::Limits;
use crate::Result;
use crate::catalog::plan::Action;
use crate::cli::topics::create_topics::describe_all;
use crate::cli::topics::session::{Session, counted};
use crate::kafka::admin::{Cluster, PATIENCE, PartitionState, takes};
use crate::kafka::disk;
use crate::kafka::groups::all_positions;
use crate::units::{format_duration, format_size};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many partitions a detail names at most.
const NAMED: usize = 20;

/// How many of the largest topics it names.
const LARGEST: usize = 5;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    pub check: String,
    pub healthy: bool,
    pub detail: String,
    /// What was found, where it is a number.
    pub value: Option<i64>,
    /// The largest number that is healthy, or the smallest where more is better; `None` where any is.
    pub limit: Option<i64>,
    /// What was found by topic, where that is told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, u64>,
}

impl Check {
    pub fn new(check: impl Into<String>, healthy: bool, detail: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            healthy,
            detail: detail.into(),
            value: None,
            limit: None,
            topics: BTreeMap::new(),
        }
    }

    fn counted(mut self, value: impl TryInto<i64>, limit: Option<i64>) -> Self {
        (self.value, self.limit) = (value.try_into().ok(), limit);
        self
    }
}

/// Everything, in the order in which it is shown.
pub fn all(session: &Session, limits: &Limits) -> Result<Vec<Check>> {
    let cluster = &session.cluster;
    let mut checks = vec![brokers(cluster, limits), controller(cluster), answers(limits, session.took)];
    checks.push(partitions(cluster, "offline partitions", limits.max_offline, |p| p.leader.is_none()));
    let is_behind = |partition: &PartitionState| partition.in_sync.len() < partition.replicas.len();
    checks.push(partitions(cluster, "under-replicated partitions", limits.max_under_replicated, is_behind));
    checks.extend(topics(session)?);
    checks.push(disk(session));
    if let Some(limit) = limits.max_lag {
        checks.extend(groups(session, limit)?);
    }
    Ok(checks)
}

/// What to do about what did not pass, where a command does it.
pub fn hint(checks: &[Check]) -> Option<String> {
    let topics = || checks.iter().filter(|check| !check.healthy && check.check.starts_with("topic "));
    if topics().any(|check| check.detail == MISSING) {
        return Some("`ecap-topics create-topics` creates what is missing".into());
    }
    if topics().any(|check| check.detail == UNSEEN) {
        return Some(takes("DESCRIBE on the topics"));
    }
    topics().next().map(|_| "`ecap-topics plan` shows what `ecap-topics apply` would change".into())
}

const MISSING: &str = "missing";

const UNSEEN: &str = "is there or is not: this user may not see it";

fn brokers(cluster: &Cluster, limits: &Limits) -> Check {
    let alive = cluster.brokers.len();
    let addresses: Vec<_> = cluster.brokers.iter().map(|broker| broker.address.as_str()).collect();
    let detail = format!("{alive} alive: {}", addresses.join(", "));
    Check::new("brokers", alive >= limits.min_brokers, detail)
        .counted(alive, limits.min_brokers.try_into().ok())
}

fn controller(cluster: &Cluster) -> Check {
    let detail = cluster.controller.map_or_else(|| "none is known".into(), |id| format!("broker {id}"));
    Check::new("controller", cluster.controller.is_some(), detail)
}

fn answers(limits: &Limits, latency: Duration) -> Check {
    let millis = |time: Duration| time.as_millis().try_into().unwrap_or(i64::MAX);
    let healthy = limits.max_latency.is_none_or(|limit| latency <= limit);
    let limit = limits
        .max_latency
        .map_or_else(String::new, |limit| format!(", the limit is {}", format_duration(limit)));
    let detail = format!("all topics told in {:.1} ms{limit}", latency.as_secs_f64() * 1_000.0);
    Check::new("answer time", healthy, detail).counted(millis(latency), limits.max_latency.map(millis))
}

/// How much of the disks each topic takes. No amount is too large by itself, and a broker may tell it to few.
fn disk(session: &Session) -> Check {
    let usage = match disk::usage(&session.settings.connection, &session.cluster.brokers) {
        Ok(usage) => usage,
        Err(error) => return Check::new("disk", true, format!("not known: {error}")),
    };
    let mut topics: BTreeMap<String, u64> = BTreeMap::new();
    for ((topic, _), bytes) in usage {
        *topics.entry(topic).or_default() += bytes;
    }
    let mut largest: Vec<_> = topics.iter().collect();
    largest.sort_by_key(|(name, bytes)| (Reverse(**bytes), *name));
    let named = largest.iter().filter(|(_, bytes)| **bytes > 0).take(LARGEST);
    let named: Vec<_> = named.map(|(name, bytes)| format!("{name} {}", format_size(**bytes))).collect();
    let total: u64 = topics.values().sum();
    let detail = [format!("{} in {}", format_size(total), counted(topics.len(), "topic")), named.join(", ")];
    let detail = detail.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(": ");
    Check { topics, ..Check::new("disk", true, detail).counted(total, None) }
}

fn partitions(
    cluster: &Cluster,
    check: &str,
    limit: usize,
    is_bad: impl Fn(&PartitionState) -> bool,
) -> Check {
    let all = cluster.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |p| (topic, p)));
    let bad: Vec<_> =
        all.filter(|(_, p)| is_bad(p)).map(|(topic, p)| format!("{} {}", topic.name, p.id)).collect();
    let detail = match bad.len() {
        0 => "none".into(),
        count @ ..=NAMED => format!("{count}: {}", bad.join(", ")),
        count => format!("{count}: {}, and {} more", bad[..NAMED].join(", "), count - NAMED),
    };
    Check::new(check, bad.len() <= limit, detail).counted(bad.len(), limit.try_into().ok())
}

/// Each topic of the catalog against the cluster.
fn topics(session: &Session) -> Result<Vec<Check>> {
    let plan = session.plan(session.declared(&[], None)?, None)?;
    let missing = plan.iter().filter(|(_, action)| matches!(action, Action::Create));
    let missing: Vec<_> = missing.map(|(topic, _)| topic.name.as_str()).collect();
    let unseen = session.admin.unseen(&missing)?;
    let checks = plan.into_iter().map(|(topic, action)| {
        let name = format!("topic {}", topic.name);
        let drift = match action {
            Action::Create if unseen.contains(&topic.name) => return Check::new(name, false, UNSEEN),
            Action::Create => return Check::new(name, false, MISSING),
            Action::Keep => Vec::new(),
            Action::Differs(drift) => drift,
        };
        let detail = if drift.is_empty() { "as the catalog says".into() } else { describe_all(&drift) };
        Check::new(name, drift.is_empty(), detail).counted(drift.len(), Some(0))
    });
    Ok(checks.collect())
}

fn groups(session: &Session, limit: i64) -> Result<Vec<Check>> {
    let connection = &session.settings.connection;
    let groups = session.admin.groups(&session.cluster.brokers, PATIENCE)?;
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    let positions = all_positions(connection, &session.cluster, &names)?;
    let checks = positions.into_iter().map(|(group, positions)| {
        let lag: i64 = positions.iter().map(|position| position.lag).sum();
        let detail = format!("lag {lag}, the limit is {limit}");
        Check::new(format!("group {group}"), lag <= limit, detail).counted(lag, Some(limit))
    });
    Ok(checks.collect())
}
