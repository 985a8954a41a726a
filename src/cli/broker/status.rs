//! `ecap-broker status`

use crate::Result;
use crate::broker::Status;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::units::{format_count, format_duration, format_size};
use std::time::Duration;

/// Ask a running broker for its topics, records, connections, groups and uptime
///
/// It answers at the address where it serves (`-b HOST:PORT`); nothing has to be switched on for it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Exit code 0: it runs. 1: what answers is no ecap-broker. 4: nothing answers.\n\n\
    Examples:\n  ecap-broker status\n  ecap-broker status -b 127.0.0.1:19092 --format json")]
pub struct Args {}

pub fn run(_: &Args, common: &CommonArgs) -> Result<()> {
    let status = Status::ask(common.settings()?.connection.servers())?;
    output::show(&status, &common.output)
}

impl Show for Status {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["what", "how much"]);
        let mut row = |what: &str, value: String| table.row([what, &value]);
        row("address", self.address.clone());
        row("data", self.data.clone());
        row("uptime", format_duration(Duration::from_secs(self.uptime_seconds.max(0) as u64)));
        row("topics", format_count(self.topics as u64));
        row("partitions", format_count(self.partitions as u64));
        row("records", format_count(self.records.max(0) as u64));
        row("stored", format_size(self.bytes));
        row("groups", format_count(self.groups as u64));
        row("connections", format_count(self.connections));
        row("memory", self.resident_bytes.map_or_else(|| "-".into(), format_size));
        if wide {
            row("version", self.version.clone());
            row("cluster id", self.cluster_id.clone());
            row("members of groups", format_count(self.members as u64));
            row("requests", format_count(self.requests));
            row("records in", format_count(self.messages_in));
            row("bytes in", format_size(self.bytes_in));
            row("bytes out", format_size(self.bytes_out));
        }
        table
    }
}
