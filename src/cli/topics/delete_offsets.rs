//! `ecap-topics delete-offsets`

use super::complete;
use super::lag::{find, refuse_active};
use super::session::{Session, counted};
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::PATIENCE;
use crate::kafka::groups::{forget_offsets, positions};
use crate::kafka::offsets::Partition;
use crate::{Error, Result};
use serde::Serialize;

/// Delete what a consumer group has committed of a topic, after asking; the group stays
#[derive(clap::Args, Debug)]
#[command(
    after_help = "On a terminal the group's name must be typed; without one nothing is deleted without --yes. \
    Nothing is deleted while the group has members.\n\n\
    Examples:\n  ecap-topics delete-offsets readers --topic transactions\n  \
    ecap-topics delete-offsets readers --topic transactions --partition 0 --yes"
)]
pub struct Args {
    /// The group
    #[arg(add = complete::groups())]
    group: String,
    /// The topic; repeatable
    #[arg(short, long = "topic", value_name = "TOPIC", required = true, add = complete::topics())]
    topics: Vec<String>,
    /// Only this partition; repeatable
    #[arg(short, long = "partition", value_name = "P", allow_negative_numbers = true)]
    partitions: Vec<i32>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Serialize)]
struct Deleted {
    group: String,
    deleted: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    topic: String,
    partition: i32,
    committed: i64,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let groups = session.admin.groups(&session.cluster.brokers, PATIENCE)?;
    let group = find(&session, &groups, &args.group)?;
    refuse_active(group)?;
    let topics = args.topics.iter().map(|name| Ok(session.topic(name)?.name.as_str()));
    let topics = topics.collect::<Result<Vec<_>>>()?;
    let connection = &session.settings.connection;
    let mut positions = positions(connection, &session.cluster, &group.name)?;
    positions.retain(|position| {
        topics.contains(&position.topic.as_str())
            && (args.partitions.is_empty() || args.partitions.contains(&position.partition))
    });
    if positions.is_empty() {
        return Err(Error::failed(format!("group '{}' has committed nothing of that", group.name))
            .hint(format!("`ecap-topics consumer-groups --group {}` shows what it has", group.name)));
    }
    let places: Vec<Partition> = positions.iter().map(|position| position.place()).collect();
    let count = counted(places.len(), "partition");
    let loss = format!("deleting where group '{}' goes on in {count} of {}", group.name, topics.join(", "));
    confirm(&args.confirm, &loss, &group.name)?;
    let shown: Vec<_> = places.iter().map(|(topic, partition)| format!("{topic}/{partition}")).collect();
    let change = format!("delete offsets of group {}: {}", group.name, shown.join(", "));
    session.remember("delete-offsets", &change, forget_offsets(connection, &group.name, &places))?;
    let entry = |position: crate::kafka::groups::Position| Entry {
        topic: position.topic,
        partition: position.partition,
        committed: position.committed,
    };
    let deleted = positions.into_iter().map(entry).collect();
    output::show(&Deleted { group: group.name.clone(), deleted }, &common.output)
}

impl Show for Deleted {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "partition", "committed before"]);
        for Entry { topic, partition, committed } in &self.deleted {
            table.row([topic.clone(), partition.to_string(), committed.to_string()]);
        }
        table
    }
}
