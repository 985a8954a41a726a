//! The flags that say where results go.

use super::services;
use super::show::Shown;
use super::sink_options::{Chosen, Named, Setting, choose};
use crate::cli::common::Settings;
use crate::clock::{Stop, SystemClock};
use crate::engine::options::OutputMode;
use crate::query::plan::StreamPlan;
use crate::sink::file::{FileSink, Form};
use crate::sink::retry::{Patience, Retrying};
use crate::sink::several::Several;
use crate::sink::{Sink, Writer};
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Where results go.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Results")]
pub struct SinkArgs {
    /// Where the rows go: console, ndjson, csv, parquet, kafka, postgres, exec; repeatable, and NAME=SINK gives a sink
    /// a name of its own
    #[arg(long = "sink", value_name = "[NAME=]SINK", default_value = "console")]
    sinks: Vec<Named>,
    /// An option of a sink, as docs/sinks-services.md lists them; repeatable
    #[arg(long = "sink-option", value_name = "[NAME.]KEY=VALUE")]
    options: Vec<Setting>,
    /// The file that the rows are added to, or the folder in which each batch becomes a file
    #[arg(long, value_name = "FILE_OR_DIR")]
    path: Option<String>,
    /// The columns by which a row takes the place of an older one, comma separated (--sink postgres)
    #[arg(long, value_name = "COLUMNS")]
    merge_on: Option<String>,
    /// What is run for each batch, which it gets on standard input (--sink exec)
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// How often a batch is given again to a sink that is away [default: until it is taken]
    #[arg(long, value_name = "N")]
    sink_retries: Option<u64>,
}

/// The sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Standard output, in the form that --format says.
    Console,
    /// Lines of JSON in --path.
    Ndjson,
    /// CSV in --path.
    Csv,
    /// Parquet in the folder --path.
    Parquet,
    /// A topic of Kafka.
    Kafka,
    /// A table of PostgreSQL.
    Postgres,
    /// The standard input of --command.
    Exec,
}

impl Kind {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Exec => "exec",
        }
    }

    /// The options that it has.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Console => &[],
            Self::Ndjson | Self::Csv | Self::Parquet => &["path"],
            Self::Kafka => &["topic", "key", "timeout"],
            Self::Postgres => &["url", "table", "merge-on"],
            Self::Exec => &["command", "format"],
        }
    }
}

/// What is around the sinks of a query.
pub struct Around<'a> {
    /// Standard output.
    pub shown: &'a Shown,
    /// How the cluster is reached.
    pub settings: &'a Settings,
    /// What is read, and which columns come out.
    pub plan: &'a StreamPlan,
    /// The folders that are read.
    pub folders: Vec<&'a Path>,
    /// Rows are given out before their batch is done.
    pub is_continuous: bool,
    /// The identity of the query.
    pub query: &'a str,
    /// What ends waiting for a sink.
    pub stop: &'a Stop,
}

impl Around<'_> {
    /// Who writes to this sink.
    pub fn writer(&self, sink: &Chosen) -> Writer {
        Writer { query: self.query.into(), sink: sink.name.clone() }
    }
}

impl std::fmt::Display for SinkArgs {
    /// Without what may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.sinks.iter().map(|sink| sink.kind().name()).collect();
        write!(f, "{}", names.join(", "))?;
        self.path.iter().try_for_each(|path| write!(f, " {path}"))
    }
}

impl SinkArgs {
    /// Which rows are given out where nobody says: those that changed to people, final ones to what keeps them.
    pub fn output_mode(&self) -> OutputMode {
        if self.keeps() { OutputMode::Append } else { OutputMode::Update }
    }

    /// Whether somebody keeps what it gets.
    pub fn keeps(&self) -> bool {
        self.sinks.iter().any(|sink| sink.kind() != Kind::Console)
    }

    fn chosen(&self) -> Result<Vec<Chosen>> {
        let flags = [("path", &self.path), ("merge-on", &self.merge_on), ("command", &self.command)];
        let flags = flags.into_iter().filter_map(|(key, value)| Some(Setting::of_flag(key, value.as_ref()?)));
        choose(&self.sinks, flags.chain(self.options.iter().cloned()))
    }

    /// Opens what takes the rows.
    ///
    /// # Errors
    /// A usage error when a sink is not described, cannot be written, is read by the query, or needs whole batches; an
    /// unreachable error when its service does not answer.
    pub fn open(&self, around: &Around<'_>) -> Result<Box<dyn Sink>> {
        let mut sinks = Vec::new();
        for chosen in self.chosen()? {
            let sink = open(&chosen, around)?;
            sinks.push(match chosen.kind {
                Kind::Console => sink,
                _ => Box::new(Retrying::new(&chosen.name, sink, self.patience(around))) as Box<dyn Sink>,
            });
        }
        Ok(if sinks.len() == 1 { sinks.remove(0) } else { Box::new(Several::new(sinks)) })
    }

    fn patience(&self, around: &Around<'_>) -> Patience {
        Patience {
            retries: self.sink_retries,
            timer: Arc::new(SystemClock),
            stop: around.stop.clone(),
            dice: Box::new(rand::random),
            tell: around.shown.teller(),
        }
    }
}

fn open(chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    match chosen.kind {
        Kind::Console => Ok(around.shown.sink()),
        Kind::Ndjson => open_file(Form::Ndjson, chosen, around),
        Kind::Csv => open_file(Form::Csv, chosen, around),
        Kind::Parquet => open_file(Form::Parquet, chosen, around),
        Kind::Kafka => services::kafka(chosen, around),
        Kind::Postgres => services::postgres(chosen, around),
        Kind::Exec => services::exec(chosen, around),
    }
}

fn open_file(form: Form, chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    let sink = FileSink::new(form, Path::new(chosen.needed("path", "--path ./results")?))?;
    if let Some(folder) = around.folders.iter().find(|folder| sink.is_in(folder)) {
        let message = format!("the query reads {}, and would read its own results", folder.display());
        return Err(Error::usage(message).hint("name another --path"));
    }
    if around.is_continuous && sink.is_folder() {
        let message = "a file for each batch needs batches, which the continuous trigger has not";
        return Err(Error::usage(message).hint("--trigger 0s, or name a file with --path"));
    }
    Ok(Box::new(sink))
}
