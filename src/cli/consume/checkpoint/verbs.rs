//! `ecap-consume checkpoint …`

use super::{home, owner, remove};
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output::{self, Show, Table};
use crate::engine::checkpoint::{Folder, Query, Store, inspect};
use crate::units::{format_count, format_rfc3339, format_size};
use crate::{Error, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What can be done with checkpoints.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// List the checkpoints in a folder
    #[command(after_help = "Example: ecap-consume checkpoint list --format json")]
    List {
        /// The folder [default: $ECAP_HOME/checkpoints]
        folder: Option<PathBuf>,
    },
    /// Show the query of a checkpoint and the batches that it remembers
    #[command(after_help = "Example: ecap-consume checkpoint show revenue-by-category")]
    Show {
        /// Its name, or its folder
        checkpoint: PathBuf,
    },
    /// Read every file of a checkpoint and hold it against its checksum: exit 3 where one differs
    #[command(after_help = "Example: ecap-consume checkpoint verify revenue-by-category")]
    Verify {
        /// Its name, or its folder
        checkpoint: PathBuf,
    },
    /// Go back to where so many batches were done: what came behind is done again, and given out again
    #[command(after_help = "Example: ecap-consume checkpoint rewind revenue-by-category --to 40")]
    Rewind {
        /// Its name, or its folder
        checkpoint: PathBuf,
        /// How many batches stay done; `show` lists what it remembers
        #[arg(long, value_name = "BATCHES")]
        to: u64,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Take a checkpoint away: the query begins anew next time
    #[command(after_help = "Example: ecap-consume checkpoint remove revenue-by-category")]
    Remove {
        /// Its name, or its folder
        checkpoint: PathBuf,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
}

/// Runs a verb.
///
/// # Errors
/// A usage error where there is no such checkpoint, or it is in use; a check error where it is not whole.
pub fn run(verb: &Verb, common: &CommonArgs) -> Result<()> {
    match verb {
        Verb::List { folder } => list(folder.as_deref(), common),
        Verb::Show { checkpoint } => show(&find(checkpoint)?, common),
        Verb::Verify { checkpoint } => verify(&find(checkpoint)?),
        Verb::Rewind { checkpoint, to, confirm: args } => {
            let folder = find(checkpoint)?;
            let loss = format!("{} forgets what was done after {to} batches", folder.display());
            confirm(args, &loss, &name(&folder))?;
            inspect::rewind(&Folder::open(&folder)?, *to, &owner())?;
            output::note(&format!("{} goes on behind {to} batches", folder.display()));
            Ok(())
        }
        Verb::Remove { checkpoint, confirm: args } => {
            let folder = find(checkpoint)?;
            inspect::query_of(&Folder::open(&folder)?)?;
            confirm(args, &format!("{} will be gone", folder.display()), &name(&folder))?;
            remove(&folder)?;
            output::note(&format!("{} is gone", folder.display()));
            Ok(())
        }
    }
}

/// The folder of a checkpoint that is named by itself or by its folder.
fn find(checkpoint: &Path) -> Result<PathBuf> {
    let named = home().join(checkpoint);
    let found =
        [checkpoint.to_path_buf(), named].into_iter().find(|folder| folder.join("query.json").exists());
    found.ok_or_else(|| {
        let message = format!("there is no checkpoint {}", checkpoint.display());
        Error::usage(message).hint("`ecap-consume checkpoint list` shows those that there are")
    })
}

fn name(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "yes".into(), |name| name.to_string_lossy().into_owned())
}

#[derive(Debug, Serialize)]
struct Listing {
    checkpoints: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    folder: PathBuf,
    topics: Vec<String>,
    batches: u64,
    records: u64,
    last: Option<String>,
    bytes: u64,
}

fn list(folder: Option<&Path>, common: &CommonArgs) -> Result<()> {
    let folder = folder.map_or_else(home, Path::to_path_buf);
    let mut checkpoints = Vec::new();
    if let Ok(entries) = std::fs::read_dir(&folder) {
        let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        folders.retain(|folder| folder.join("query.json").exists());
        folders.sort();
        checkpoints = folders.iter().map(|folder| listed(folder)).collect::<Result<_>>()?;
    }
    let listing = Listing { checkpoints };
    output::show(&listing, &common.output)?;
    if listing.checkpoints.is_empty() {
        output::note(&format!("there is no checkpoint in {} yet", folder.display()));
    }
    Ok(())
}

fn listed(folder: &Path) -> Result<Listed> {
    let store = Folder::open(folder)?;
    let query = inspect::query_of(&store)?;
    let known = inspect::known(&store)?;
    let last = known.iter().rev().find_map(|known| known.commit.as_ref());
    Ok(Listed {
        name: query.name,
        folder: folder.into(),
        topics: query.topics,
        batches: last.map_or(0, |commit| commit.totals.batches),
        records: last.map_or(0, |commit| commit.totals.read),
        last: last.map(|commit| format_rfc3339(commit.time)),
        bytes: store.size()?,
    })
}

impl Show for Listing {
    fn table(&self, wide: bool) -> Table {
        let mut headings = vec!["name", "topics", "batches", "records", "last batch", "size"];
        headings.extend(wide.then_some("folder"));
        let mut table = Table::new(headings);
        for listed in &self.checkpoints {
            let mut row = vec![
                listed.name.clone(),
                listed.topics.join(", "),
                format_count(listed.batches),
                format_count(listed.records),
                listed.last.clone().unwrap_or_default(),
                format_size(listed.bytes),
            ];
            row.extend(wide.then(|| listed.folder.display().to_string()));
            table.row(row);
        }
        table
    }
}

#[derive(Debug, Serialize)]
struct Shown {
    query: Query,
    batches: Vec<Batch>,
    cut_off: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Batch {
    batches: u64,
    time: Option<String>,
    records: u64,
    rows: u64,
    watermark: Option<String>,
    offsets: Vec<std::collections::BTreeMap<i32, i64>>,
    whole: bool,
}

fn show(folder: &Path, common: &CommonArgs) -> Result<()> {
    let store = Folder::open(folder)?;
    let query = inspect::query_of(&store)?;
    let known = inspect::known(&store)?;
    let cut_off = inspect::cut_off(&store, &known)?.map(|entry| entry.batch);
    let batch = |known: inspect::Known| {
        let commit = known.commit.as_ref();
        Batch {
            batches: known.batches,
            time: commit.map(|commit| format_rfc3339(commit.time)),
            records: commit.map_or(0, |commit| commit.totals.read),
            rows: commit.map_or(0, |commit| commit.totals.rows),
            watermark: commit.and_then(|commit| commit.watermark.current).map(format_rfc3339),
            offsets: commit
                .map_or(vec![], |commit| commit.sources.iter().map(|mark| mark.offsets.clone()).collect()),
            whole: commit.is_some(),
        }
    };
    let shown = Shown { query, batches: known.into_iter().map(batch).collect(), cut_off };
    output::show(&shown, &common.output)?;
    let query = &shown.query;
    output::note(&format!("{}, begun {}:\n{}", query.name, format_rfc3339(query.created), query.sql));
    if let Some(batch) = shown.cut_off {
        output::note(&format!("batch {batch} began and is not done: it runs again at the next start"));
    }
    Ok(())
}

impl Show for Shown {
    fn table(&self, wide: bool) -> Table {
        let mut headings = vec!["batches done", "at", "records", "rows given out", "watermark"];
        headings.extend(wide.then_some("next offsets"));
        let mut table = Table::new(headings);
        for batch in &self.batches {
            let mut row = vec![
                format_count(batch.batches),
                batch.time.clone().unwrap_or_else(|| "not as it was written".into()),
                format_count(batch.records),
                format_count(batch.rows),
                batch.watermark.clone().unwrap_or_default(),
            ];
            row.extend(wide.then(|| offsets(&self.query.topics, batch)));
            table.row(row);
        }
        table
    }
}

fn offsets(topics: &[String], batch: &Batch) -> String {
    let of = |(topic, offsets): (&String, &std::collections::BTreeMap<i32, i64>)| {
        let each: Vec<_> = offsets.iter().map(|(partition, next)| format!("{partition}:{next}")).collect();
        format!("{topic} {}", each.join(","))
    };
    topics.iter().zip(&batch.offsets).map(of).collect::<Vec<_>>().join("; ")
}

fn verify(folder: &Path) -> Result<()> {
    let store = Folder::open(folder)?;
    let wrong = inspect::verify(&store)?;
    let Some(first) = wrong.first() else {
        output::note(&format!("{}: all its files are as they were written", store.place()));
        return Ok(());
    };
    wrong.iter().for_each(|line| output::note(line));
    let error = Error::check(format!("{}: {first}", store.place()));
    Err(error.hint("the query goes back to the last batch that is whole by itself"))
}
