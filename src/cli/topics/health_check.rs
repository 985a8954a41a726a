//! `ecap-topics health-check`

use super::create_topics::describe_all;
use super::session::{Session, counted};
use crate::catalog::plan::Action;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::{Cluster, PATIENCE, PartitionState};
use crate::kafka::groups::positions;
use crate::kafka::offsets::Offsets;
use crate::{Error, Result};
use serde::Serialize;

/// Check brokers, controller, the catalog's topics, partitions and lag
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit code 0: healthy. 3: degraded, and the table says by what. 4: no broker answers.\n\n\
    Example: ecap-topics health-check --max-lag 10000"
)]
pub struct Args {
    /// A group that has more records still to read is unhealthy
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    max_lag: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct Check {
    check: String,
    healthy: bool,
    detail: String,
}

impl Check {
    fn new(check: impl Into<String>, healthy: bool, detail: impl Into<String>) -> Self {
        Self { check: check.into(), healthy, detail: detail.into() }
    }
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let mut checks = cluster(&session.cluster);
    let topics = topics(&session)?;
    let missing = topics.iter().any(|check| check.detail == MISSING);
    checks.extend(topics);
    if let Some(limit) = args.max_lag {
        checks.extend(groups(&session, limit)?);
    }
    let failed = checks.iter().filter(|check| !check.healthy).count();
    let health = Health { status: if failed == 0 { "healthy" } else { "degraded" }, checks };
    output::show(&health, &common.output)?;
    if failed == 0 {
        return Ok(());
    }
    let of = health.checks.len();
    let error = Error::check(format!("degraded: {failed} of {} did not pass", counted(of, "check")));
    Err(if missing { error.hint("`ecap-topics create-topics` creates what is missing") } else { error })
}

const MISSING: &str = "missing";

/// Brokers, controller, and the partitions of every topic.
fn cluster(cluster: &Cluster) -> Vec<Check> {
    let brokers: Vec<_> = cluster.brokers.iter().map(|broker| broker.address.as_str()).collect();
    let alive = format!("{} alive: {}", brokers.len(), brokers.join(", "));
    let controller = cluster.controller.map_or_else(|| "none is known".into(), |id| format!("broker {id}"));
    vec![
        Check::new("brokers", !brokers.is_empty(), alive),
        Check::new("controller", cluster.controller.is_some(), controller),
        partitions(cluster, "offline partitions", |partition| partition.leader.is_none()),
        partitions(cluster, "under-replicated partitions", |partition| {
            partition.in_sync.len() < partition.replicas.len()
        }),
    ]
}

fn partitions(cluster: &Cluster, check: &str, is_bad: impl Fn(&PartitionState) -> bool) -> Check {
    let all = cluster.topics.iter().flat_map(|topic| topic.partitions.iter().map(move |p| (topic, p)));
    let bad: Vec<_> =
        all.filter(|(_, p)| is_bad(p)).map(|(topic, p)| format!("{} {}", topic.name, p.id)).collect();
    Check::new(check, bad.is_empty(), if bad.is_empty() { "none".into() } else { bad.join(", ") })
}

/// Each topic of the catalog against the cluster. How many brokers keep it is the cluster's affair.
fn topics(session: &Session) -> Result<Vec<Check>> {
    let plan = session.plan(session.settings.catalog.topics().to_vec())?;
    let checks = plan.into_iter().map(|(topic, action)| {
        let name = format!("topic {}", topic.name);
        match action {
            Action::Create => Check::new(name, false, MISSING),
            Action::Keep => Check::new(name, true, "as the catalog says"),
            Action::Differs(mut drift) => {
                drift
                    .retain(|drift| !matches!(drift.setting.as_str(), "replication" | "min.insync.replicas"));
                let healthy = drift.is_empty();
                Check::new(
                    name,
                    healthy,
                    if healthy { "as the catalog says".into() } else { describe_all(&drift) },
                )
            }
        }
    });
    Ok(checks.collect())
}

fn groups(session: &Session, limit: i64) -> Result<Vec<Check>> {
    let offsets = Offsets::new(&session.settings.connection)?;
    let mut checks = Vec::new();
    for group in session.admin.groups(PATIENCE)? {
        let positions = positions(&session.settings.connection, &offsets, &session.cluster, &group.name)?;
        let lag: i64 = positions.iter().map(|position| position.lag).sum();
        let detail = format!("lag {lag}, the limit is {limit}");
        checks.push(Check::new(format!("group {}", group.name), lag <= limit, detail));
    }
    Ok(checks)
}

impl Show for Health {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["check", "status", "detail"]);
        for Check { check, healthy, detail } in &self.checks {
            table.row([check.as_str(), if *healthy { "ok" } else { "FAILED" }, detail]);
        }
        table
    }
}
