//! `ecap-topics create-topics`

use super::complete;
use super::session::{Session, counted, readable};
use crate::Result;
use crate::catalog::Topic;
use crate::catalog::plan::{Action, Drift};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use serde::Serialize;
use std::collections::BTreeMap;

/// Create the catalog's topics, or those named; those that exist are left as they are, with their drift shown
#[derive(clap::Args, Debug)]
#[command(after_help = "A named topic comes with its dead-letter topic. Nothing that exists is changed.\n\n\
    Examples:\n  ecap-topics create-topics\n  ecap-topics create-topics transactions --dry-run\n  \
    ecap-topics create-topics --replication-factor 3")]
pub struct Args {
    /// Topics of the catalog; all of them without a name
    #[arg(value_name = "TOPIC", add = complete::catalog_topics())]
    topics: Vec<String>,
    /// Show what would be created, and create nothing
    #[arg(long)]
    dry_run: bool,
    /// Brokers that keep each partition, in place of the catalog's; min.insync.replicas becomes half of it, rounded up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1000))]
    replication_factor: Option<i32>,
}

/// What became of the topics.
#[derive(Debug, Serialize)]
pub struct Summary {
    dry_run: bool,
    topics: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    topic: String,
    partitions: i32,
    replication: i32,
    config: BTreeMap<String, String>,
    status: &'static str,
    drift: Vec<Drift>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let factor = args.replication_factor;
    let plan = session.plan(session.declared(&args.topics, factor)?, factor)?;
    let missing = plan.iter().filter(|(_, action)| *action == Action::Create);
    let missing: Vec<_> = missing.map(|(topic, _)| topic.clone()).collect();
    session.enough_brokers(&missing)?;
    if !args.dry_run {
        session.admin.create(&missing, true)?;
        session.create("create-topics", &missing)?;
    }
    let summary = Summary::of(plan, args.dry_run);
    output::show(&summary, &common.output)?;
    output::note(&summary.in_words());
    Ok(())
}

impl Summary {
    /// The summary of a plan, carried out unless `dry_run`.
    pub fn of(plan: Vec<(Topic, Action)>, dry_run: bool) -> Self {
        let create = if dry_run { "to create" } else { "created" };
        let entries = plan.into_iter().map(|(topic, action)| {
            let (status, drift) = match action {
                Action::Create => (create, Vec::new()),
                Action::Keep => ("exists", Vec::new()),
                Action::Differs(drift) => ("differs", drift),
            };
            let Topic { name: topic, partitions, replication, config, .. } = topic;
            Entry { topic, partitions, replication, config, status, drift }
        });
        Self { dry_run, topics: entries.collect() }
    }

    /// How many of each there are, in a line.
    pub fn in_words(&self) -> String {
        let count = |status| self.topics.iter().filter(|entry| entry.status == status).count();
        let (differ, exist) = (count("differs"), count("exists"));
        let created = if self.dry_run {
            format!("{} to create", counted(count("to create"), "topic"))
        } else {
            format!("{} created", counted(count("created"), "topic"))
        };
        let drift =
            if differ > 0 { format!(", {differ} there but not as the catalog says") } else { String::new() };
        format!("{created}, {exist} there already{drift}")
    }
}

impl Show for Summary {
    fn table(&self, wide: bool) -> Table {
        let drifted = wide || self.topics.iter().any(|entry| !entry.drift.is_empty());
        let more = ["compression.type", "max.message.bytes", "segment.ms", "min.insync.replicas"];
        let settings: Vec<_> =
            ["cleanup.policy", "retention.ms"].into_iter().chain(more.into_iter().filter(|_| wide)).collect();
        let mut headings = vec!["topic", "partitions", "replication"];
        headings.extend(settings.iter().map(|name| name.strip_suffix(".ms").unwrap_or(name)));
        headings.push("status");
        headings.extend(drifted.then_some("drift"));
        let mut table = Table::new(headings);
        for entry in &self.topics {
            let mut row =
                vec![entry.topic.clone(), entry.partitions.to_string(), entry.replication.to_string()];
            row.extend(settings.iter().map(|name| {
                entry.config.get(*name).map_or_else(|| "-".into(), |value| readable(name, value))
            }));
            row.push(entry.status.into());
            row.extend(drifted.then(|| describe_all(&entry.drift)));
            table.row(row);
        }
        table
    }
}

/// Drift for people, a setting a line.
pub fn describe_all(drift: &[Drift]) -> String {
    drift.iter().map(describe).collect::<Vec<_>>().join("\n")
}

fn describe(drift: &Drift) -> String {
    let Drift { setting, catalog, cluster } = drift;
    let here = cluster.as_ref().map_or_else(|| "unknown".into(), |value| readable(setting, value));
    format!("{setting} is {here}, the catalog says {}", readable(setting, catalog))
}
