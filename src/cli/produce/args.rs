//! The arguments of `ecap-produce`, and what they say of a run.

use super::world::Synthetic;
use crate::catalog::Topic;
use crate::cli::Cli;
use crate::cli::common::{self, CommonArgs, Settings};
use crate::cli::r#gen::WorldArgs;
use crate::generate::{Format, Kind};
use crate::produce::{Destination, FileKind, Pace, Plan, Progress, parse_rate, parse_speed};
use crate::units::parse_duration;
use crate::{Error, Result};
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Sends records to a topic in paced batches, each acknowledged by all replicas
#[derive(clap::Parser, Debug)]
#[command(name = "ecap-produce", after_help = EXAMPLES)]
pub struct ProduceCli {
    #[command(flatten)]
    pub(super) from: FromArgs,
    /// Where to [default: the generated kind's topic, or customer-transactions]
    #[arg(short, long, value_name = "TOPIC")]
    pub(super) topic: Option<String>,
    #[command(flatten)]
    pub(super) pacing: PacingArgs,
    #[command(flatten)]
    pub(super) delivery: DeliveryArgs,
    #[command(flatten)]
    pub(super) world: WorldArgs,
    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Options that a file has no use for.
const OF_THE_WORLD: [&str; 11] = [
    "seed",
    "start",
    "event_rate",
    "traffic",
    "locale",
    "customers",
    "products",
    "skew",
    "fraud",
    "scenario",
    "FaultArgs",
];

/// Where rows come from: a file, the generator, or both for the demo.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Rows")]
pub struct FromArgs {
    /// A file of rows; '-' is standard input [default: data/customer_transactions_1200.csv]
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with_all = OF_THE_WORLD)]
    data_file: Option<PathBuf>,
    /// The form of the file [default: by its ending]
    #[arg(long, value_enum, value_name = "FORMAT", requires = "data_file")]
    file_format: Option<Format>,
    /// Begin the file again when it ends
    #[arg(long = "loop", requires = "data_file")]
    pub(super) repeat: bool,
    /// Rows straight from the generator, without a file
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "data_file")]
    synthetic: Option<Synthetic>,
    /// So many generated transactions, one every --interval
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["data_file", "synthetic", "max_records", "paced"], group = "one_by_one")]
    num_transactions: Option<u64>,
    /// Generated transactions, one every --interval or as --rate says, until ctrl-C or --duration
    #[arg(long, conflicts_with_all = ["data_file", "synthetic", "num_transactions", "sleep", "replay"], group = "one_by_one")]
    continuous: bool,
}

/// How rows are paced.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Pace")]
#[group(skip)]
pub struct PacingArgs {
    /// Records in a batch [default: 10 where there is a pause]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) batch_size: Option<u64>,
    /// Pause after each acknowledged batch [default: 10s in the bare demo, otherwise none]
    #[arg(long, visible_alias = "sleep-seconds", value_name = "TIME", value_parser = parse_duration, group = "paced")]
    sleep: Option<Duration>,
    /// So many records per second, as 5000/s
    #[arg(long, value_name = "N/s", value_parser = parse_rate, group = "paced")]
    rate: Option<f64>,
    /// The same for those who know Kafka's own tools: records per second, -1 for as fast as it goes
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_throughput, group = "paced")]
    throughput: Option<Throughput>,
    /// As far apart as the records' own event times are
    #[arg(long, group = "paced")]
    pub(super) replay: bool,
    /// How much faster a replay is than it was, as 10x
    #[arg(long, value_name = "N", default_value = "1x", value_parser = parse_speed, requires = "replay")]
    speed: f64,
    /// After a stall, send faster until the schedule is kept again; otherwise the rest comes later
    #[arg(long, value_name = "YES|NO", default_value = "yes", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set, hide_possible_values = true)]
    catch_up: bool,
    /// Time between the records of --num-transactions and --continuous
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration, requires = "one_by_one", conflicts_with = "paced")]
    interval: Duration,
    /// Stop after so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Stop after so many records, 0 for all [default: 1000 in the bare demo, otherwise 0]
    #[arg(short = 'n', long, value_name = "N")]
    max_records: Option<u64>,
}

/// What is promised of each record.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Delivery")]
pub struct DeliveryArgs {
    /// Each batch is one Kafka transaction; a second run with the same ID ends the first
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(super) transactional_id: Option<String>,
    /// Go on behind the last batch that was committed with the same ID: nothing is lost, nothing doubled
    #[arg(long, requires = "transactional_id")]
    pub(super) resume: bool,
    /// How long to go on trying to deliver a record
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = parse_patience)]
    pub(super) delivery_timeout: Duration,
    /// Send rows as they are, without checking them against the topic's schema
    #[arg(long)]
    pub(super) no_validate: bool,
    /// Stop at the first row that cannot be sent (exit code 5)
    #[arg(long)]
    fail_fast: bool,
    /// Where rows go that cannot be sent, with the reason [default: $ECAP_HOME/rejects/TOPIC.ndjson]
    #[arg(long, value_name = "FILE")]
    reject_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ecap-produce --batch-size 10 --sleep 10
      the demo: rows of the CSV to customer-transactions, 10 every 10 s, 1,000 in all
  ecap-produce --data-file data/customer_transactions_1200.csv --batch-size 10 --sleep-seconds 10 --max-records 1000
      the same, said in full
  ecap-produce --data-file t.ndjson --topic transactions
      a whole file, as fast as the broker takes it
  ecap-produce --data-file t.ndjson --topic transactions --transactional-id load-1 --resume
      the same; killed and started again it goes on behind the last batch, and no row is lost or doubled
  ecap-produce --data-file t.ndjson --topic transactions --replay --speed 10x
      an hour of records in six minutes
  ecap-produce --synthetic transactions --rate 500/s
      generated transactions until ctrl-C
  ecap-produce --synthetic world --replay --event-rate 50
      a shop's history and its products at once, then its streams as they happen, each record to its topic

Without --transactional-id and --resume, a run that is killed may have sent a batch that it did not report; started
again, it sends all rows a second time. ctrl-C finishes and acknowledges the running batch.";

/// Records per second; none for no bound.
#[derive(Debug, Clone, Copy)]
struct Throughput(Option<f64>);

fn parse_throughput(text: &str) -> Result<Throughput> {
    match text.trim() {
        "-1" => Ok(Throughput(None)),
        text => parse_rate(text).map(|rate| Throughput(Some(rate))),
    }
}

/// No record is given up sooner.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

fn parse_patience(text: &str) -> Result<Duration> {
    let patience = parse_duration(text)?;
    if patience < LEAST_PATIENCE {
        return Err(Error::usage(format!("'{text}' is too short for an answer")).hint("give at least 1s"));
    }
    Ok(patience)
}

/// Where the bare demo stops.
const DEMO_RECORDS: u64 = 1_000;

/// No batch is larger where nobody says how large it is.
const LARGEST_BATCH: f64 = 10_000.0;

/// Where the rows come from.
pub enum From {
    /// The demo's file, or the same rows generated.
    Demo,
    /// A file.
    File(PathBuf),
    /// The generator.
    Generator(Synthetic),
}

impl Cli for ProduceCli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

impl ProduceCli {
    /// Where the rows come from.
    pub fn from(&self) -> From {
        match (&self.from.data_file, self.from.synthetic) {
            (Some(path), _) => From::File(path.clone()),
            (None, Some(what)) => From::Generator(what),
            (None, None) if self.has_interval() => From::Generator(Synthetic::One(Kind::Transactions)),
            (None, None) => From::Demo,
        }
    }

    /// What the file holds.
    ///
    /// # Errors
    /// A usage error when neither a flag nor its name says it.
    pub fn file_kind(&self, path: &Path) -> Result<FileKind> {
        FileKind::asked(path, self.from.file_format)
    }

    /// Whether records come one by one.
    fn has_interval(&self) -> bool {
        self.from.continuous || self.from.num_transactions.is_some()
    }

    /// Where they go.
    ///
    /// # Errors
    /// A usage error when there is no such topic, or more than one.
    pub fn topics<'a>(&self, settings: &'a Settings) -> Result<Vec<&'a Topic>> {
        match self.from() {
            From::Generator(what) => self.topics_of(what, settings),
            From::Demo | From::File(_) => {
                let default = Kind::CustomerTransactions.topic();
                Ok(vec![settings.topic(self.topic.as_deref().unwrap_or(default))?])
            }
        }
    }

    /// What the run is to do.
    ///
    /// # Errors
    /// A usage error when the catalog asks for what the producer does not know.
    pub fn plan(&self, topics: &[&Topic]) -> Result<Plan> {
        let pace = self.pace();
        let default_size = match pace {
            Pace::Unpaced | Pace::Replay(_) => LARGEST_BATCH,
            Pace::Pause(_) => 10.0,
            Pace::Rate(rate) => (rate / 20.0).clamp(1.0, LARGEST_BATCH),
        };
        Ok(Plan {
            destinations: topics.iter().map(|topic| Destination::new(topic)).collect::<Result<_>>()?,
            batch_size: self.pacing.batch_size.unwrap_or(default_size as u64),
            pace,
            catches_up: self.pacing.catch_up,
            max_records: self.max_records(),
            duration: self.pacing.duration,
            fail_fast: self.delivery.fail_fast,
            transactions: self.delivery.transactional_id.is_some(),
            before: Progress::default(),
        })
    }

    /// How batches are paced.
    pub fn pace(&self) -> Pace {
        let PacingArgs { sleep, rate, throughput, replay, speed, interval, .. } = self.pacing;
        let is_demo = matches!(self.from(), From::Demo);
        let default_sleep = Duration::from_secs(if is_demo { 10 } else { 0 });
        match (throughput, rate) {
            (Some(Throughput(None)), _) => Pace::Unpaced,
            (Some(Throughput(Some(rate))), _) | (None, Some(rate)) => Pace::Rate(rate),
            _ if replay => Pace::Replay(speed),
            _ if self.has_interval() && interval.is_zero() => Pace::Unpaced,
            _ if self.has_interval() => Pace::Rate(1.0 / interval.as_secs_f64()),
            _ => match sleep.unwrap_or(default_sleep) {
                Duration::ZERO => Pace::Unpaced,
                sleep => Pace::Pause(sleep),
            },
        }
    }

    fn max_records(&self) -> u64 {
        let default = if matches!(self.from(), From::Demo) { DEMO_RECORDS } else { 0 };
        self.from.num_transactions.or(self.pacing.max_records).unwrap_or(default)
    }

    /// The column with the time by which a replay goes.
    ///
    /// # Errors
    /// A usage error when the topic has none.
    pub fn time_column(&self, topic: &Topic) -> Result<Option<String>> {
        if !self.pacing.replay {
            return Ok(None);
        }
        let column = topic.record.as_ref().and_then(|record| {
            let happened = record.roles.happened.as_ref();
            happened.or(Some(&record.time).filter(|time| record.schema.field(time).is_some()))
        });
        column.cloned().map(Some).ok_or_else(|| {
            Error::usage(format!("topic '{}' has no column with the time of its records", topic.name))
                .hint("pace them with --rate in place of --replay")
        })
    }

    /// Whether each batch has its line: not where batches are only how the work is cut.
    pub fn shows_batches(&self) -> bool {
        self.pacing.batch_size.is_some()
            || match self.pace() {
                Pace::Unpaced | Pace::Replay(_) => false,
                Pace::Pause(_) => true,
                Pace::Rate(rate) => rate <= 2.0,
            }
    }

    /// Where rows go that cannot be sent to these topics.
    pub fn reject_path(&self, topics: &[&Topic]) -> PathBuf {
        let name = match topics {
            [only] => &only.name,
            _ => Synthetic::World.name(),
        };
        let default = || common::home().join("rejects").join(format!("{name}.ndjson"));
        self.delivery.reject_file.clone().unwrap_or_else(default)
    }
}
