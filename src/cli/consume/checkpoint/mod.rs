//! The flags that say what a restart goes on from, and the verbs that look after it.

mod at;
mod named;
mod rewind;
mod verbs;

pub use named::of_flags;
pub use rewind::rewind_command;
pub use verbs::{Verb, run};

use super::run::Query;
use crate::cli::common;
use crate::clock::{Clock, SystemClock};
use crate::engine::checkpoint::{self, Asked, Checkpoint};
use crate::engine::source::Origin;
use crate::host;
use crate::kafka::start::{From, Starts};
use crate::place::parse_option;
use crate::query::plan::StreamPlan;
use crate::sink::retry::Patience;
use crate::units::format_rfc3339;
use crate::{Error, Result};
use at::At;
use std::path::PathBuf;

/// Where a query keeps how far it came.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Checkpoint")]
pub struct CheckpointArgs {
    /// What the query is called [default: the file's name, or the topics' and a number for the flags that make the query]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The folder, s3://bucket/prefix or gs://bucket/prefix that a restart goes on from [default:
    /// $ECAP_HOME/checkpoints/NAME where results are kept, none on the console]
    #[arg(long, value_name = "PLACE")]
    checkpoint: Option<String>,
    /// What the store of the checkpoint needs, by the names of the environment (AWS_ENDPOINT_URL=…); repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_option, requires = "checkpoint")]
    checkpoint_option: Vec<(String, String)>,
    /// Keep a checkpoint only while the query runs
    #[arg(long, conflicts_with = "checkpoint")]
    temporary_checkpoint: bool,
    /// How many batches can be gone back by
    #[arg(long, default_value = "10", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    min_batches_to_retain: u64,
    /// Drop the state of the checkpoint, and begin anew: where --from can say, or last, where it was
    #[arg(long, value_name = "WHERE")]
    restart_from: Option<Restart>,
}

/// Where a query begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Restart {
    /// Where it was.
    Last,
    /// Elsewhere.
    At(Starts),
}

impl std::str::FromStr for Restart {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "last" { Ok(Self::Last) } else { text.parse().map(Self::At) }
    }
}

/// What a query is called, and where its checkpoint is; `None` where it keeps nothing.
pub struct Place {
    name: String,
    at: Option<At>,
    is_temporary: bool,
}

impl CheckpointArgs {
    /// Where the checkpoint of a query is, of folders or only of topics. Who only looks at results begins anew each time.
    ///
    /// # Errors
    /// A usage error where the name cannot be one of a folder, or the checkpoint's place is none or is not known.
    pub fn place(&self, query: &Query<'_>, reads_folders: bool, keeps: bool) -> Result<Place> {
        let name = self.name.clone().unwrap_or_else(|| query.own.to_string());
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            let message = format!("'{name}' is no name of a query");
            return Err(Error::usage(message).hint("letters, digits, '-', '_' and '.', and no '.' at first"));
        }
        let own = |name: &str| At::Folder(home().join(name));
        let at = match &self.checkpoint {
            Some(text) => Some(At::parse(text, &self.checkpoint_option)?),
            None if self.temporary_checkpoint => Some(own(&format!(".{name}.{}", std::process::id()))),
            None => keeps.then(|| own(&name)),
        };
        if self.name.is_none()
            && matches!(&at, Some(At::Folder(folder)) if *folder == home().join(&name))
            && let Some(older) = named::found(&name, query.sql, reads_folders)?
        {
            tracing::warn!("the checkpoint {older} is called {name} from here on");
        }
        Ok(Place { name, at, is_temporary: self.temporary_checkpoint })
    }

    /// Where each of these topics is read from where no checkpoint has a mark of it: as a restart says, or `from`.
    ///
    /// # Errors
    /// A usage error where these say too much or too little.
    pub fn from(&self, from: &Starts, topics: &[&str]) -> Result<Vec<From>> {
        let (flag, starts) = match &self.restart_from {
            Some(Restart::At(starts)) => ("--restart-from", starts),
            Some(Restart::Last) | None => ("--from", from),
        };
        starts.of(topics).map_err(|error| error.at(flag))
    }

    /// Where each topic is read from: the marks of the checkpoint, unless a restart says something else, or `from`.
    ///
    /// # Errors
    /// A usage error where it is to begin anew where it was, and no commit says where that is in what it reads now.
    pub fn starts(&self, checkpoint: Option<&Checkpoint>, from: Vec<From>) -> Result<Vec<From>> {
        let last = checkpoint.and_then(Checkpoint::last).map(|commit| &commit.sources);
        let marks = match &self.restart_from {
            Some(Restart::At(_)) => None,
            Some(Restart::Last) => match checkpoint.and_then(Checkpoint::before) {
                Some((_, None)) => {
                    let message =
                        "--restart-from last: no commit says where the query was in what it reads now";
                    return Err(Error::usage(message)
                        .hint("--restart-from earliest, latest, a time or offsets begins anew"));
                }
                before => before.and_then(|(_, marks)| marks.as_ref()),
            },
            None => last,
        };
        let start = |(topic, from): (usize, From)| {
            let mark = marks.and_then(|marks| marks.get(topic));
            mark.map_or(from, |mark| From::Offsets(mark.offsets.clone()))
        };
        Ok(from.into_iter().enumerate().map(start).collect())
    }

    /// Opens the checkpoint of a query of this text whose rows go to `sink`, or begins it. From then on it is waited for with
    /// `patience`, however long it is full or away.
    ///
    /// # Errors
    /// A usage error where somebody else has it, or it is of another query or another source.
    pub fn open(
        &self,
        place: &Place,
        (sql, sink): (&str, &str),
        (plan, origins): (&StreamPlan, &dyn Fn() -> Result<Vec<Origin>>),
        patience: Patience,
    ) -> Result<Option<Checkpoint>> {
        let Some(at) = &place.at else { return Ok(None) };
        let asked = Asked {
            name: place.name.clone(),
            sql: sql.into(),
            sink: sink.into(),
            topics: plan.scans.iter().map(|scan| scan.topic.name.clone()).collect(),
            origins: origins()?,
            state: plan.state(),
        };
        let options =
            checkpoint::Options { retained: self.min_batches_to_retain, anew: self.restart_from.is_some() };
        let store = at.create(Patience { retries: None, slow: None, ..patience })?;
        Checkpoint::open(store, &owner(), asked, &options, SystemClock.now()).map(Some)
    }
}

impl Place {
    /// What the query is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By what the verbs of checkpoints find it; none where nothing is left to find behind the run.
    pub fn reference(&self) -> Option<String> {
        self.at.as_ref().filter(|_| !self.is_temporary).map(At::reference)
    }

    /// The query has ended: a checkpoint that was kept only meanwhile is taken away.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn end(&self) -> Result<()> {
        match &self.at {
            Some(at) if self.is_temporary => at.remove(),
            _ => Ok(()),
        }
    }
}

/// Where checkpoints are that nobody named a place for.
fn home() -> PathBuf {
    common::home().join("checkpoints")
}

/// Who has a checkpoint, for whoever wants it too.
fn owner() -> String {
    let since = format_rfc3339(SystemClock.now());
    format!("process {} on {}, since {since}", std::process::id(), host::name())
}
