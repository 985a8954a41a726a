//! `ecap-topics describe-topic`

use super::complete;
use super::session::{Session, readable};
use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::{PartitionState, Setting};
use crate::kafka::offsets::{Offsets, Span};
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
}

#[derive(Debug, Serialize)]
struct Settings(Vec<Setting>);

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let topic = session.topic(&args.topic)?;
    let spans = Offsets::new(&session.settings.connection)?.spans([topic])?;
    let settings = session.admin.settings(&[&topic.name], &[])?.remove(&topic.name).unwrap_or_default();
    let partitions = topic.partitions.iter().map(|state| Partition {
        span: spans.get(&(topic.name.clone(), state.id)).copied(),
        state: state.clone(),
    });
    let declared = session.settings.catalog.topic(&topic.name).ok();
    let description = Description {
        topic: topic.name.clone(),
        replication: topic.replication(),
        messages: spans.values().map(|span| span.records()).sum(),
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
    let Description { topic, messages, used_for, settings, .. } = description;
    let used_for = used_for.as_ref().map_or_else(String::new, |text| format!(" · {text}"));
    output::print(&format!("{topic} · {messages} messages{used_for}\n"))?;
    output::show(description, &common.output)?;
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
        ]);
        for Partition { state, span } in &self.partitions {
            let offset = |of: fn(Span) -> String| span.map_or_else(|| "-".into(), of);
            table.row([
                state.id.to_string(),
                state.leader.map_or_else(|| "none".into(), |leader| leader.to_string()),
                numbers(&state.replicas),
                numbers(&state.in_sync),
                offset(|span| span.first.to_string()),
                offset(|span| span.next.to_string()),
                offset(|span| span.records().to_string()),
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
