//! The flags that say where results go.

use super::run::Audience;
use super::sink_options::{Chosen, Named, Setting, choose};
use super::{places, services};
use crate::Result;
use crate::cli::common::Settings;
use crate::clock::{Stop, SystemClock};
use crate::engine::options::OutputMode;
use crate::place::is_of_a_store;
use crate::query::plan::StreamPlan;
use crate::sink::file::Form;
use crate::sink::retry::{Patience, Retrying};
use crate::sink::several::Several;
use crate::sink::{Sink, Writer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where results go.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Results")]
pub struct SinkArgs {
    /// Where the rows go: console, ndjson, csv, parquet, delta, kafka, postgres, exec; repeatable, and NAME=SINK gives a
    /// sink a name of its own
    #[arg(long = "sink", value_name = "[NAME=]SINK", default_value = "console")]
    sinks: Vec<Named>,
    /// An option of a sink, as docs/sinks.md and docs/sinks-services.md list them; repeatable
    #[arg(long = "sink-option", value_name = "[NAME.]KEY=VALUE")]
    options: Vec<Setting>,
    /// The file that the rows are added to, the folder in which each batch becomes files, or the Delta table (a folder,
    /// s3://bucket/path or gs://bucket/path)
    #[arg(long, value_name = "PLACE")]
    path: Option<String>,
    /// Part the rows by the values of these columns, a folder for each, comma separated (--sink delta and files)
    #[arg(long, value_name = "COLUMNS")]
    partition_by: Option<String>,
    /// The columns by which a row takes the place of an older one, comma separated (--sink delta, postgres)
    #[arg(long, value_name = "COLUMNS")]
    merge_on: Option<String>,
    /// What is run for each batch, which it gets on standard input (--sink exec)
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// How often a batch is given again to a sink that is away [default: until it is taken]
    #[arg(long, value_name = "N")]
    sink_retries: Option<u64>,
}

/// The options that say where a sink keeps rows.
const PLACES: [&str; 3] = ["path", "topic", "table"];

/// A sink that has a batch for so long is told of.
const SLOW: Duration = Duration::from_secs(10);

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
    /// The Delta table at --path.
    Delta,
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
            Self::Delta => "delta",
            Self::Kafka => "kafka",
            Self::Postgres => "postgres",
            Self::Exec => "exec",
        }
    }

    /// The options that it has.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::Console => &[],
            Self::Ndjson | Self::Csv | Self::Parquet => &["path", "partition-by", "file-size", "file-age"],
            Self::Delta => &["path", "partition-by", "merge-on", "file-size", "merge-schema"],
            Self::Kafka => &["topic", "key", "timeout"],
            Self::Postgres => &["url", "table", "merge-on"],
            Self::Exec => &["command", "format"],
        }
    }

    /// Whether it takes an option; with its own name before it, a table also takes what its store and its log are told.
    pub fn takes(self, key: &str, is_named: bool) -> bool {
        self.options().contains(&key) || self == Self::Delta && (is_named || is_of_a_store(key))
    }
}

/// What is around the sinks of a query.
pub struct Around<'a> {
    /// Who sees rows that are shown, and hears of sinks that are away.
    pub audience: &'a dyn Audience,
    /// How the cluster is reached.
    pub settings: &'a Settings,
    /// What is read, and which columns come out.
    pub plan: &'a StreamPlan,
    /// The folders that are read.
    pub folders: Vec<&'a Path>,
    /// Which rows are given out.
    pub mode: OutputMode,
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
        // Options that are wrong are refused where the sinks are opened.
        let chosen = self.chosen().unwrap_or_default();
        let place = |sink: &Chosen| PLACES.iter().find_map(|key| sink.option(key)).map(|at| format!(" {at}"));
        let sinks = chosen.iter().map(|sink| sink.kind.name().to_string() + &place(sink).unwrap_or_default());
        f.write_str(&sinks.collect::<Vec<_>>().join(", "))
    }
}

impl SinkArgs {
    /// Which rows are given out where nobody says: those that changed to people and to what merges them, final ones to
    /// what keeps all that it gets.
    pub fn output_mode(&self) -> OutputMode {
        let updates = !self.keeps() || self.merge_on.is_some();
        if updates { OutputMode::Update } else { OutputMode::Append }
    }

    /// Whether somebody keeps what it gets.
    pub fn keeps(&self) -> bool {
        self.sinks.iter().any(|sink| sink.kind() != Kind::Console)
    }

    fn chosen(&self) -> Result<Vec<Chosen>> {
        let flags = [
            ("path", &self.path),
            ("partition-by", &self.partition_by),
            ("merge-on", &self.merge_on),
            ("command", &self.command),
        ];
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
            let heard = (around.audience, around.stop);
            sinks.push(match chosen.kind {
                Kind::Console => sink,
                _ => self.insist(&chosen.name, sink, heard, around.is_continuous),
            });
        }
        Ok(if sinks.len() == 1 { sinks.remove(0) } else { Box::new(Several::new(sinks)) })
    }

    /// The sink `name`, which is waited for until the end is asked for.
    pub fn insist(
        &self,
        name: &str,
        sink: Box<dyn Sink>,
        heard: (&dyn Audience, &Stop),
        is_continuous: bool,
    ) -> Box<dyn Sink> {
        let patience = self.patience(heard, is_continuous);
        Box::new(Retrying::new(name, heard.0.watch(name, sink), patience))
    }

    /// What a sink, or a checkpoint, is waited for with, until the end is asked for.
    pub fn patience(&self, (audience, stop): (&dyn Audience, &Stop), is_continuous: bool) -> Patience {
        Patience {
            retries: self.sink_retries,
            // Without batches rows go out too often for it.
            slow: (!is_continuous).then_some(SLOW),
            timer: Arc::new(SystemClock),
            stop: stop.clone(),
            dice: rand::random,
            tell: audience.teller(),
        }
    }
}

fn open(chosen: &Chosen, around: &Around<'_>) -> Result<Box<dyn Sink>> {
    match chosen.kind {
        Kind::Console => Ok(around.audience.rows()),
        Kind::Ndjson => places::files(Form::Ndjson, chosen, around),
        Kind::Csv => places::files(Form::Csv, chosen, around),
        Kind::Parquet => places::files(Form::Parquet, chosen, around),
        Kind::Delta => places::delta(chosen, around),
        Kind::Kafka => services::kafka(chosen, around),
        Kind::Postgres => services::postgres(chosen, around),
        Kind::Exec => services::exec(chosen, around),
    }
}
