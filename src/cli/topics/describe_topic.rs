//! `ecap-topics describe-topic`

use super::complete;
use super::session::{Session, readable};
use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::{PartitionState, Setting};
use crate::kafka::disk;
use crate::kafka::offsets::{Offsets, Span};
use crate::units::format_size;
use serde::Serialize;

/// Show a topic's partitions and the settings that are not Kafka's defaults
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: ecap-topics describe-topic transactions")]
pub struct Args {
    /// The topic
    #[arg(add = complete::topics())]
    topic: String,
    /// Every setting, the defaults too
    #[arg(long)]
    all_settings: bool,
}

#[derive(Debug, Serialize)]
struct Description {
    topic: String,
    replication: i32,
    messages: u64,
    /// On the disks of all brokers together; null where one does not tell it, and `bytes_unknown` says why.
    bytes: Option<u64>,
    bytes_unknown: Option<String>,
    used_for: Option<String>,
    partitions: Vec<Partition>,
    settings: Settings,
}

#[derive(Debug, Serialize)]
struct Partition {
    #[serde(flatten)]
    state: PartitionState,
    #[serde(flatten)]
    span: Option<Span>,
    bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Settings(Vec<Setting>);

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let topic = session.topic(&args.topic)?;
    let spans = Offsets::new(&session.settings.connection)?.spans([topic])?;
    let settings = session.admin.settings(&[&topic.name], &[])?.remove(&topic.name).unwrap_or_default();
    let disk = disk::usage(&session.settings.connection, &session.cluster.brokers);
    let bytes = |id| disk.as_ref().ok().map(|of| of.get(&(topic.name.clone(), id)).copied().unwrap_or(0));
    let partitions = topic.partitions.iter().map(|state| Partition {
        span: spans.get(&(topic.name.clone(), state.id)).copied(),
        bytes: bytes(state.id),
        state: state.clone(),
    });
    let declared = session.settings.catalog.topic(&topic.name).ok();
    let description = Description {
        topic: topic.name.clone(),
        replication: topic.replication(),
        messages: spans.values().map(|span| span.records()).sum(),
        bytes: topic.partitions.iter().map(|state| bytes(state.id)).sum(),
        bytes_unknown: disk.as_ref().err().map(ToString::to_string),
        used_for: declared.map(|topic| topic.used_for.clone()),
        partitions: partitions.collect(),
        settings: Settings(
            settings.into_iter().filter(|s| args.all_settings || s.origin != "default").collect(),
        ),
    };
    show(&description, common)
}

/// For people the settings follow the partitions as a second table.
fn show(description: &Description, common: &CommonArgs) -> Result<()> {
    let format = common.output.format;
    if !format.is_for_people() {
        return output::show(description, &common.output);
    }
    let Description { topic, messages, bytes, bytes_unknown, used_for, settings, .. } = description;
    let bytes = bytes.map_or_else(String::new, |bytes| format!(" · {} on disk", format_size(bytes)));
    let used_for = used_for.as_ref().map_or_else(String::new, |text| format!(" · {text}"));
    output::print(&format!("{topic} · {messages} messages{bytes}{used_for}\n"))?;
    output::show(description, &common.output)?;
    if let Some(reason) = bytes_unknown {
        output::note(&format!("how much of the disk it takes is not known: {reason}"));
    }
    output::show(settings, &common.output)
}

impl Show for Description {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new([
            "partition",
            "leader",
            "replicas",
            "in sync",
            "first offset",
            "next offset",
            "messages",
            "on disk",
        ]);
        for Partition { state, span, bytes } in &self.partitions {
            let offset = |of: fn(Span) -> String| span.map_or_else(|| "-".into(), of);
            table.row([
                state.id.to_string(),
                state.leader.map_or_else(|| "none".into(), |leader| leader.to_string()),
                numbers(&state.replicas),
                numbers(&state.in_sync),
                offset(|span| span.first.to_string()),
                offset(|span| span.next.to_string()),
                offset(|span| span.records().to_string()),
                bytes.map_or_else(|| "-".into(), format_size),
            ]);
        }
        table
    }
}

impl Show for Settings {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["setting", "value", "in words", "from"]);
        for Setting { name, value, origin } in &self.0 {
            table.row([name.clone(), value.clone(), readable(name, value), origin.to_string()]);
        }
        table
    }
}

fn numbers(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
