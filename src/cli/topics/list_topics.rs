//! `ecap-topics list-topics`

use super::session::{Session, readable};
use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::kafka::offsets::Offsets;
use crate::units::format_count;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// List the cluster's topics with partitions, messages and retention
#[derive(clap::Args, Debug)]
#[command(after_help = "Messages are counted by offsets: a compacted topic may keep fewer.\n\n\
    Example: ecap-topics list-topics --format json")]
pub struct Args {
    /// Kafka's own topics too
    #[arg(long)]
    internal: bool,
}

#[derive(Debug, Serialize)]
struct Listing {
    topics: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    topic: String,
    partitions: usize,
    replication: i32,
    messages: u64,
    cleanup: String,
    retention_ms: Option<i64>,
    declared: bool,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let wanted = session.cluster.topics.iter().filter(|topic| args.internal || !topic.is_internal());
    let topics: Vec<_> = wanted.collect();
    let spans = Offsets::new(&session.settings.connection)?.spans(topics.iter().copied())?;
    let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
    let settings = session.admin.settings(&names, &["cleanup.policy", "retention.ms"])?;
    let mut messages: BTreeMap<&str, u64> = BTreeMap::new();
    for ((topic, _), span) in &spans {
        *messages.entry(topic).or_default() += span.records();
    }
    let catalog = session.settings.catalog.topics().iter();
    let declared: BTreeSet<_> = catalog.map(|topic| topic.name.as_str()).collect();
    let setting = |topic: &str, name: &str| {
        let found = settings.get(topic).and_then(|settings| settings.iter().find(|s| s.name == name));
        found.map_or_else(String::new, |setting| setting.value.clone())
    };
    let entries = topics.iter().map(|topic| Entry {
        topic: topic.name.clone(),
        partitions: topic.partitions.len(),
        replication: topic.replication(),
        messages: messages.get(topic.name.as_str()).copied().unwrap_or(0),
        cleanup: setting(&topic.name, "cleanup.policy"),
        retention_ms: setting(&topic.name, "retention.ms").parse().ok(),
        declared: declared.contains(topic.name.as_str()),
    });
    let listing = Listing { topics: entries.collect() };
    output::show(&listing, &common.output)?;
    if listing.topics.is_empty() {
        output::note("there is no topic yet: create the catalog's with `ecap-topics create-topics`");
    }
    Ok(())
}

impl Show for Listing {
    fn table(&self, wide: bool) -> Table {
        let headings = ["topic", "partitions", "replication", "messages", "cleanup", "retention"];
        let mut table = Table::new(headings.into_iter().chain(wide.then_some("in catalog")));
        for entry in &self.topics {
            let row = [
                entry.topic.clone(),
                entry.partitions.to_string(),
                entry.replication.to_string(),
                format_count(entry.messages),
                entry.cleanup.clone(),
                entry.retention_ms.map_or_else(|| "-".into(), |ms| readable("retention.ms", &ms.to_string())),
            ];
            let declared = if entry.declared { "yes" } else { "no" };
            table.row(row.into_iter().chain(wide.then(|| declared.to_string())));
        }
        table
    }
}
