//! `ecap-topics consumer-groups`

use super::complete;
use super::session::{Session, counted};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Format, Show, Table};
use crate::kafka::admin::PATIENCE;
use crate::kafka::groups::{Group, Position, positions};
use crate::kafka::offsets::Offsets;
use crate::{Error, Result};
use serde::Serialize;

/// Show consumer groups with their members and lag; one group by partition
#[derive(clap::Args, Debug)]
#[command(after_help = "Lag is how many records are still to be read, counted by offsets.\n\n\
    Examples:\n  ecap-topics consumer-groups\n  ecap-topics consumer-groups --group ecap-demo --format json")]
pub struct Args {
    /// One group, partition by partition
    #[arg(short, long, value_name = "GROUP", add = complete::groups())]
    group: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listing {
    groups: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    group: String,
    state: String,
    members: usize,
    lag: i64,
}

#[derive(Debug, Serialize)]
struct Detail {
    #[serde(flatten)]
    group: Group,
    lag: i64,
    partitions: Vec<Position>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let groups = session.admin.groups(PATIENCE)?;
    match &args.group {
        None => list(&session, groups, common),
        Some(name) => detail(&session, find(&session, groups, name)?, common),
    }
}

fn list(session: &Session, groups: Vec<Group>, common: &CommonArgs) -> Result<()> {
    let offsets = Offsets::new(&session.settings.connection)?;
    let mut entries = Vec::with_capacity(groups.len());
    for group in groups {
        let positions = positions(&session.settings.connection, &offsets, &session.cluster, &group.name)?;
        let lag = total(&positions);
        entries.push(Entry { group: group.name, state: group.state, members: group.members.len(), lag });
    }
    let listing = Listing { groups: entries };
    output::show(&listing, &common.output)?;
    if listing.groups.is_empty() {
        output::note("there is no consumer group");
    }
    Ok(())
}

/// The group that a person means, with or without the prefix.
fn find(session: &Session, mut groups: Vec<Group>, name: &str) -> Result<Group> {
    let full = format!("{}{name}", session.settings.prefix);
    let found = [full.as_str(), name].iter().find_map(|name| groups.iter().position(|g| g.name == *name));
    if let Some(index) = found {
        return Ok(groups.swap_remove(index));
    }
    let error = Error::failed(format!("consumer group '{name}' does not exist"))
        .hint("`ecap-topics consumer-groups` shows those that do");
    Err(session.suggest(error, name, groups.iter().map(|group| group.name.as_str())))
}

/// For people the group's state stands before the partitions.
fn detail(session: &Session, group: Group, common: &CommonArgs) -> Result<()> {
    let offsets = Offsets::new(&session.settings.connection)?;
    let partitions = positions(&session.settings.connection, &offsets, &session.cluster, &group.name)?;
    let detail = Detail { lag: total(&partitions), group, partitions };
    if matches!(common.output.format, Format::Table | Format::Wide) {
        let Group { name, state, members } = &detail.group;
        let lag = detail.lag;
        output::print(&format!("{name} · {state} · {} · lag {lag}\n", counted(members.len(), "member")))?;
        for member in members {
            output::print(&format!("  {} from {}\n", member.client, member.host))?;
        }
    }
    output::show(&detail, &common.output)
}

fn total(positions: &[Position]) -> i64 {
    positions.iter().map(|position| position.lag).sum()
}

impl Show for Listing {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["group", "state", "members", "lag"]);
        for entry in &self.groups {
            let Entry { group, state, members, lag } = entry;
            table.row([group.clone(), state.clone(), members.to_string(), lag.to_string()]);
        }
        table
    }
}

impl Show for Detail {
    fn table(&self, wide: bool) -> Table {
        let told = wide || self.partitions.iter().any(|position| !position.metadata.is_empty());
        let headings = ["topic", "partition", "committed", "end", "lag"];
        let mut table = Table::new(headings.into_iter().chain(told.then_some("metadata")));
        for Position { topic, partition, committed, end, lag, metadata } in &self.partitions {
            let numbers = [committed, end, lag].map(ToString::to_string);
            let row = [topic.clone(), partition.to_string()].into_iter().chain(numbers);
            table.row(row.chain(told.then(|| metadata.clone())));
        }
        table
    }
}
