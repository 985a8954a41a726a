//! `ecap-consume delta`: what a Delta table needs from time to time.

use crate::Result;
use crate::cli::output;
use crate::clock::SystemClock;
use crate::delta::optimize::optimize;
use crate::delta::runtime;
use crate::delta::table::{Interest, Table};
use crate::delta::vacuum::{Wanted, vacuum};
use crate::place::{Place, parse_option};
use crate::units::{format_count, format_size, parse_duration, parse_size};
use std::sync::Arc;
use std::time::Duration;

/// What is done to a table.
#[derive(clap::Subcommand, Debug)]
pub enum DeltaCommand {
    /// Merge small files; the rows stay the same
    #[command(after_help = "Example: ecap-consume delta optimize ./bronze --file-size 256m")]
    Optimize {
        #[command(flatten)]
        at: TableArgs,
        /// How large a file becomes [default: what the table says, or 100 MB]
        #[arg(long, value_name = "BYTES", value_parser = parse_size)]
        file_size: Option<u64>,
    },
    /// Delete files that are no longer of the table, or never were
    #[command(after_help = "Example: ecap-consume delta vacuum ./bronze --dry-run")]
    Vacuum {
        #[command(flatten)]
        at: TableArgs,
        /// How long they have to be out of it [default: what the table says, or 7d]
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        keep: Option<Duration>,
        /// Delete files that the table says are to be kept, too
        #[arg(long)]
        force: bool,
        /// Show what would be deleted
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a checkpoint of the log, so that readers begin there
    #[command(after_help = "Example: ecap-consume delta checkpoint s3://lake/bronze")]
    Checkpoint {
        #[command(flatten)]
        at: TableArgs,
    },
}

/// Which table.
#[derive(clap::Args, Debug)]
pub struct TableArgs {
    /// A folder, s3://bucket/path or gs://bucket/path
    path: String,
    /// What its store needs, by the names of the environment (AWS_ENDPOINT_URL=…); repeatable
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = parse_option)]
    options: Vec<(String, String)>,
}

impl TableArgs {
    fn place(&self) -> Result<Place> {
        Place::open(&self.path, &self.options)
    }

    async fn table(&self, files: bool) -> Result<Table> {
        Table::existing(self.place()?, Interest { app: None, files }, Arc::new(SystemClock)).await
    }
}

/// Does it.
///
/// # Errors
/// A usage error when there is no table; otherwise when it cannot be read or written.
pub fn run(command: &DeltaCommand) -> Result<()> {
    let runtime = runtime()?;
    match command {
        DeltaCommand::Optimize { at, file_size } => {
            let done = runtime.block_on(async { optimize(&mut at.table(true).await?, *file_size).await })?;
            let (before, after) = (format_count(done.before as u64), format_count(done.after as u64));
            output::print(&format!("{before} files became {after} ({})\n", format_size(done.bytes)))
        }
        DeltaCommand::Vacuum { at, keep, force, dry_run } => {
            let wanted = Wanted { keep: *keep, force: *force, dry_run: *dry_run };
            let deleted = runtime.block_on(vacuum(&at.place()?, wanted))?;
            let lines: String = deleted.iter().map(|path| format!("{path}\n")).collect();
            let (count, what) =
                (format_count(deleted.len() as u64), if *dry_run { "would be" } else { "were" });
            output::note(&format!("{count} files {what} deleted"));
            output::print(&lines)
        }
        DeltaCommand::Checkpoint { at } => {
            let version = runtime.block_on(async {
                let table = at.table(false).await?;
                table.checkpoint(None).await.map(|()| table.version)
            })?;
            output::print(&format!("checkpoint of version {}\n", format_count(version)))
        }
    }
}
