//! `ecap-topics delete-group`

use super::complete;
use super::lag::{find, refuse_active};
use super::session::{Session, counted, word};
use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::PATIENCE;
use crate::kafka::groups::{self, Group, all_positions};
use serde::Serialize;

/// Delete consumer groups with all offsets that they have committed, after asking
#[derive(clap::Args, Debug)]
#[command(
    after_help = "On a terminal the name must be typed; without one nothing is deleted without --yes. A group with \
    members is not deleted. That of a query comes back with the query's next batch.\n\n\
    Examples:\n  ecap-topics delete-group readers\n  ecap-topics delete-group readers writers --yes"
)]
pub struct Args {
    /// The groups
    #[arg(value_name = "GROUP", required = true, add = complete::groups())]
    groups: Vec<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Serialize)]
struct Deleted {
    deleted: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    group: String,
    partitions: usize,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let there = session.admin.groups(&session.cluster.brokers, PATIENCE)?;
    let mut meant: Vec<&Group> = Vec::new();
    for name in &args.groups {
        let group = find(&session, &there, name)?;
        refuse_active(group)?;
        if !meant.contains(&group) {
            meant.push(group);
        }
    }
    let names: Vec<_> = meant.iter().map(|group| group.name.as_str()).collect();
    let connection = &session.settings.connection;
    let positions = all_positions(connection, &session.cluster, &names)?;
    let committed = |name: &str| positions.get(name).map_or(0, Vec::len);
    let entry = |name: &&str| Entry { group: name.to_string(), partitions: committed(name) };
    let deleted = Deleted { deleted: names.iter().map(entry).collect() };
    confirm(&args.confirm, &deleted.loss(), &word(&names, "group"))?;
    let done = groups::delete(connection, &names);
    session.remember("delete-group", &format!("delete group {}", names.join(", ")), done)?;
    output::show(&deleted, &common.output)
}

impl Deleted {
    fn loss(&self) -> String {
        let names: Vec<_> = self.deleted.iter().map(|entry| entry.group.as_str()).collect();
        let partitions = counted(self.deleted.iter().map(|entry| entry.partitions).sum(), "partition");
        format!("deleting {}, and where to go on in {partitions}", names.join(", "))
    }
}

impl Show for Deleted {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["deleted group", "partitions"]);
        for Entry { group, partitions } in &self.deleted {
            table.row([group.clone(), partitions.to_string()]);
        }
        table
    }
}
