//! `ecap-consume compact`: merges small files of results.

use crate::Result;
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::sink::file::compact::{Targets, compact};
use crate::sink::steps::Steps;
use crate::units::{format_count, format_size, parse_duration, parse_size};
use std::path::PathBuf;
use std::time::Duration;

/// What is merged.
#[derive(clap::Args, Debug)]
pub struct CompactArgs {
    /// The folder of the results: the --path of their sink
    path: PathBuf,
    /// How large a file becomes; those of half of it are left alone
    #[arg(long, default_value = "128m", value_name = "BYTES", value_parser = parse_size)]
    file_size: u64,
    /// Leave files alone that are younger, unless they fill a large one
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = parse_duration)]
    min_age: Duration,
}

/// Merges the small files of a folder.
///
/// # Errors
/// A usage error when it is no folder of results; otherwise when a file cannot be read or written.
pub fn run(args: &CompactArgs) -> Result<()> {
    let targets = Targets { file_size: args.file_size, file_age: args.min_age };
    let done = compact(&args.path, &targets, SystemClock.now(), &mut Steps::default())?;
    let (before, after) = (format_count(done.before as u64), format_count(done.after as u64));
    output::print(&format!("{before} files became {after} ({})\n", format_size(done.bytes)))
}
