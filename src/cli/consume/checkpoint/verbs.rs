//! `ecap-consume checkpoint …`

use super::at::At;
use super::{home, owner};
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output::{self, Show, Table};
use crate::engine::checkpoint::{Query, Store, inspect};
use crate::place::parse_option;
use crate::units::{format_count, format_rfc3339, format_size};
use crate::{Error, Result};
use serde::Serialize;

/// What can be done with checkpoints.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// List the checkpoints in a folder or under a prefix
    #[command(after_help = "Example: ecap-consume checkpoint list --format json")]
    List {
        /// The folder, s3://bucket/prefix or gs://bucket/prefix [default: $ECAP_HOME/checkpoints]
        place: Option<String>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show the query of a checkpoint and the batches that it remembers
    #[command(after_help = "Example: ecap-consume checkpoint show revenue-by-category")]
    Show {
        #[command(flatten)]
        named: NamedArgs,
    },
    /// Read every file of a checkpoint and hold it against its checksum: exit 3 where one differs
    #[command(after_help = "Example: ecap-consume checkpoint verify revenue-by-category")]
    Verify {
        #[command(flatten)]
        named: NamedArgs,
    },
    /// Go back to where so many batches were done: what came behind is done again, and given out again
    #[command(after_help = "Example: ecap-consume checkpoint rewind revenue-by-category --to 40")]
    Rewind {
        #[command(flatten)]
        named: NamedArgs,
        /// How many batches stay done; `show` lists what it remembers
        #[arg(long, value_name = "BATCHES")]
        to: u64,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Take a checkpoint away: the query begins anew next time
    #[command(after_help = "Example: ecap-consume checkpoint remove revenue-by-category")]
    Remove {
        #[command(flatten)]
        named: NamedArgs,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
}

/// What the store of a checkpoint is told.
#[derive(clap::Args, Debug)]
pub struct StoreArgs {
    /// What its store needs, by the names of the environment (AWS_ENDPOINT_URL=…); repeatable
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = parse_option)]
    options: Vec<(String, String)>,
}

/// Which checkpoint.
#[derive(clap::Args, Debug)]
pub struct NamedArgs {
    /// Its name, its folder, s3://bucket/prefix or gs://bucket/prefix
    checkpoint: String,
    #[command(flatten)]
    store: StoreArgs,
}

impl NamedArgs {
    fn find(&self) -> Result<At> {
        At::find(&self.checkpoint, &self.store.options)
    }
}

/// Runs a verb.
///
/// # Errors
/// A usage error where there is no such checkpoint, or it is in use; a check error where it is not whole.
pub fn run(verb: &Verb, common: &CommonArgs) -> Result<()> {
    match verb {
        Verb::List { place, store } => {
            let at = place.as_ref().map(|place| At::parse(place, &store.options)).transpose()?;
            list(&at.unwrap_or_else(|| At::Folder(home())), common)
        }
        Verb::Show { named } => show(&named.find()?, common),
        Verb::Verify { named } => verify(&named.find()?),
        Verb::Rewind { named, to, confirm: args } => {
            let at = named.find()?;
            confirm(args, &format!("{at} forgets what was done after {to} batches"), &at.name())?;
            inspect::rewind(at.open()?.as_ref(), *to, &owner())?;
            output::note(&format!("{at} goes on behind {to} batches"));
            Ok(())
        }
        Verb::Remove { named, confirm: args } => {
            let at = named.find()?;
            inspect::query_of(at.open()?.as_ref())?;
            confirm(args, &format!("{at} will be gone"), &at.name())?;
            at.remove()?;
            output::note(&format!("{at} is gone"));
            Ok(())
        }
    }
}

#[derive(Debug, Serialize)]
struct Listing {
    checkpoints: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    folder: String,
    topics: Vec<String>,
    batches: u64,
    records: u64,
    last: Option<String>,
    bytes: u64,
}

fn list(at: &At, common: &CommonArgs) -> Result<()> {
    let checkpoints = at.checkpoints()?;
    let checkpoints =
        checkpoints.iter().map(|(at, store)| listed(at, store.as_ref())).collect::<Result<_>>()?;
    let listing = Listing { checkpoints };
    output::show(&listing, &common.output)?;
    if listing.checkpoints.is_empty() {
        output::note(&format!("there is no checkpoint in {at} yet"));
    }
    Ok(())
}

fn listed(at: &At, store: &dyn Store) -> Result<Listed> {
    let query = inspect::query_of(store)?;
    let known = inspect::known(store)?;
    let last = known.iter().rev().find_map(|known| known.commit.as_ref());
    Ok(Listed {
        name: query.name,
        folder: at.to_string(),
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
            row.extend(wide.then(|| listed.folder.clone()));
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

fn show(at: &At, common: &CommonArgs) -> Result<()> {
    let store = at.open()?;
    let query = inspect::query_of(store.as_ref())?;
    let known = inspect::known(store.as_ref())?;
    let cut_off = inspect::cut_off(store.as_ref(), &known)?.map(|entry| entry.batch);
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

fn verify(at: &At) -> Result<()> {
    let wrong = inspect::verify(|| at.open())?;
    let Some(first) = wrong.first() else {
        output::note(&format!("{at}: all its files are as they were written"));
        return Ok(());
    };
    wrong.iter().for_each(|line| output::note(line));
    let error = Error::check(format!("{at}: {first}"));
    Err(error.hint("the query goes back to the last batch that is whole by itself, or says why it cannot"))
}
