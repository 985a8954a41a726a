//! `ecap-produce`: sends records to a topic in paced batches.

mod screen;
mod summary;

use super::common::CommonArgs;
use super::r#gen::WorldArgs;
use super::{Cli, common, interrupt, output};
use crate::catalog::Topic;
use crate::clock::SystemClock;
use crate::generate::{Format, Generator, Kind};
use crate::kafka::producer::Producer;
use crate::produce::{
    self, Checker, GeneratedSource, Pace, Plan, RejectFile, Repeated, Source, Stamp, Totals, parse_rate,
};
use crate::units::parse_duration;
use crate::{Error, Result};
use screen::Screen;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use summary::Summary;

/// Sends records to a topic in paced batches, each acknowledged by all replicas
#[derive(clap::Parser, Debug)]
#[command(name = "ecap-produce", after_help = EXAMPLES)]
pub struct ProduceCli {
    #[command(flatten)]
    from: FromArgs,
    /// Where to [default: the generated kind's topic, or customer-transactions]
    #[arg(short, long, value_name = "TOPIC")]
    topic: Option<String>,
    #[command(flatten)]
    pacing: PacingArgs,
    /// Stop at the first row that cannot be sent (exit code 5)
    #[arg(long)]
    fail_fast: bool,
    /// Where rows go that cannot be sent, with the reason [default: $ECAP_HOME/rejects/TOPIC.ndjson]
    #[arg(long, value_name = "FILE")]
    reject_file: Option<PathBuf>,
    /// How long to go on trying to deliver a record
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = parse_duration)]
    delivery_timeout: Duration,
    #[command(flatten)]
    world: WorldArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Where rows come from: a file, the generator, or both for the demo.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Rows")]
struct FromArgs {
    /// A file of rows; '-' is standard input [default: data/customer_transactions_1200.csv]
    #[arg(short = 'f', long, value_name = "FILE")]
    data_file: Option<PathBuf>,
    /// The form of the file [default: by its ending]
    #[arg(long, value_enum, value_name = "FORMAT")]
    file_format: Option<Format>,
    /// Begin the file again when it ends
    #[arg(long = "loop", requires = "data_file")]
    repeat: bool,
    /// Rows straight from the generator, without a file
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "data_file")]
    synthetic: Option<Kind>,
    /// So many generated transactions, one every --interval
    #[arg(long, value_name = "N", conflicts_with_all = ["data_file", "synthetic", "rate", "max_records"])]
    num_transactions: Option<u64>,
    /// Generated transactions, one every --interval or as --rate says, until ctrl-C or --duration
    #[arg(long, conflicts_with_all = ["data_file", "synthetic", "num_transactions", "sleep"])]
    continuous: bool,
}

/// How rows are paced.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Pace")]
struct PacingArgs {
    /// Records in a batch [default: 10 where there is a pause]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    batch_size: Option<u64>,
    /// Pause after each acknowledged batch [default: 10s in the bare demo, otherwise none]
    #[arg(long, visible_alias = "sleep-seconds", value_name = "TIME", value_parser = parse_duration)]
    sleep: Option<Duration>,
    /// So many records per second, as 5000/s, in place of pauses
    #[arg(long, value_name = "N/s", value_parser = parse_rate, conflicts_with = "sleep")]
    rate: Option<f64>,
    /// Time between the records of --num-transactions and --continuous
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    interval: Duration,
    /// Stop after so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Stop after so many records, 0 for all [default: 1000 in the bare demo, otherwise 0]
    #[arg(short = 'n', long, value_name = "N")]
    max_records: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  ecap-produce --batch-size 10 --sleep 10
      the demo: rows of the CSV to customer-transactions, 10 every 10 s, 1,000 in all
  ecap-produce --data-file data/customer_transactions_1200.csv --batch-size 10 --sleep-seconds 10 --max-records 1000
      the same, said in full
  ecap-produce --data-file t.ndjson --topic transactions
      a whole file, as fast as the broker takes it
  ecap-produce --synthetic transactions --rate 500/s
      generated transactions until ctrl-C

A run that is killed may have sent a batch that it did not report; started again, it sends it a second time.
ctrl-C finishes and acknowledges the running batch.";

/// The file of the bare demo, and what stands in for it when it is not there.
const DEMO_FILE: &str = "data/customer_transactions_1200.csv";
const DEMO_ROWS: u64 = 1_200;
const DEMO_SEED: u64 = 42;
/// Where the bare demo stops.
const DEMO_RECORDS: u64 = 1_000;

impl Cli for ProduceCli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// Runs `ecap-produce`.
///
/// # Errors
/// When rows cannot be read, records cannot be sent, or some were rejected.
pub fn run(cli: ProduceCli) -> Result<()> {
    let settings = cli.common.settings()?;
    let topic = settings.topic(cli.topic_name())?;
    let plan = cli.plan(topic)?;
    let mut source = cli.source(topic)?;
    settings.connection.check()?;
    let linger = Duration::from_millis(if plan.pace.awaits() { 0 } else { 20 });
    let mut producer = Producer::new(&settings.connection, topic, linger, cli.delivery_timeout)?;

    let stop = interrupt::listen()?;
    let rejects = RejectFile::new(cli.reject_path(&topic.name));
    let mut screen =
        Screen::new(&cli.common.output, &plan, cli.shows_batches(plan.pace), rejects, stop.clone());
    let (start, mut totals) = (Instant::now(), Totals::default());
    let clock = (&SystemClock as _, &stop);
    let outcome = produce::run(&plan, &mut *source, &mut producer, &mut screen, clock, &mut totals);
    screen.clear();
    let rejects = screen.into_rejects();
    let summary = Summary::new(&topic.name, &totals, &producer.receipts(), start.elapsed(), rejects.path());
    output::show(&summary, &cli.common.output)?;
    outcome?;
    match totals.rejects() {
        0 => Ok(()),
        1 => Err(Error::failed("1 row was not sent").hint(format!("see {}", rejects.path().display()))),
        more => Err(Error::failed(format!("{more} rows were not sent"))
            .hint(format!("see {}", rejects.path().display()))),
    }
}

/// Where the rows come from.
enum From {
    /// The demo's file, or the same rows generated.
    Demo,
    File(PathBuf),
    Generator(Kind),
}

impl ProduceCli {
    fn from(&self) -> From {
        match (&self.from.data_file, self.from.synthetic) {
            (Some(path), _) => From::File(path.clone()),
            (None, Some(kind)) => From::Generator(kind),
            (None, None) if self.has_interval() => From::Generator(Kind::Transactions),
            (None, None) => From::Demo,
        }
    }

    /// Whether records come one by one.
    fn has_interval(&self) -> bool {
        self.from.continuous || self.from.num_transactions.is_some()
    }

    fn topic_name(&self) -> &str {
        let default = match self.from() {
            From::Generator(kind) => kind.topic(),
            From::Demo | From::File(_) => Kind::CustomerTransactions.topic(),
        };
        self.topic.as_deref().unwrap_or(default)
    }

    fn plan(&self, topic: &Topic) -> Result<Plan> {
        let is_demo = matches!(self.from(), From::Demo);
        let pace = self.pace(is_demo);
        let default_size = match pace {
            Pace::Unpaced => 10_000,
            Pace::Pause(_) => 10,
            Pace::Rate(rate) => ((rate / 20.0) as u64).max(1),
        };
        Ok(Plan {
            topic: topic.name.clone(),
            batch_size: self.pacing.batch_size.unwrap_or(default_size),
            pace,
            max_records: self.max_records(is_demo),
            duration: self.pacing.duration,
            fail_fast: self.fail_fast,
            stamp: topic.record.as_ref().map_or(Ok(Stamp::default()), Stamp::new)?,
        })
    }

    fn pace(&self, is_demo: bool) -> Pace {
        let PacingArgs { sleep, rate, interval, .. } = self.pacing;
        let default_sleep = Duration::from_secs(if is_demo { 10 } else { 0 });
        match rate {
            Some(rate) => Pace::Rate(rate),
            None if self.has_interval() && interval.is_zero() => Pace::Unpaced,
            None if self.has_interval() => Pace::Rate(1.0 / interval.as_secs_f64()),
            None => match sleep.unwrap_or(default_sleep) {
                Duration::ZERO => Pace::Unpaced,
                sleep => Pace::Pause(sleep),
            },
        }
    }

    fn max_records(&self, is_demo: bool) -> u64 {
        let default = if is_demo { DEMO_RECORDS } else { 0 };
        self.from.num_transactions.or(self.pacing.max_records).unwrap_or(default)
    }

    fn source(&self, topic: &Topic) -> Result<Box<dyn Source>> {
        let path = match self.from() {
            From::Generator(kind) => return self.generated(kind, 0, None, topic),
            From::Demo if !std::path::Path::new(DEMO_FILE).exists() => {
                let seed = self.world.seed.unwrap_or(DEMO_SEED);
                output::note(&format!(
                    "{DEMO_FILE} is not here: sending the rows that `ecap-gen --seed {seed}` makes"
                ));
                return self.generated(Kind::CustomerTransactions, DEMO_ROWS, Some(seed), topic);
            }
            From::Demo => PathBuf::from(DEMO_FILE),
            From::File(path) => path,
        };
        let format = self.from.file_format.or_else(|| Format::of(&path)).ok_or_else(|| {
            Error::usage(format!("what {} holds does not show in its name", path.display()))
                .hint("say it with --file-format csv or --file-format ndjson")
        })?;
        let topic = topic.clone();
        let open = move || produce::open(&path, format, &topic);
        if self.from.repeat { Ok(Box::new(Repeated::new(open)?)) } else { open() }
    }

    fn generated(&self, kind: Kind, rows: u64, seed: Option<u64>, topic: &Topic) -> Result<Box<dyn Source>> {
        // Records that are sent at a rate happen at that rate.
        let mut world = match self.pace(false) {
            Pace::Rate(rate) => self.world.world_at(kind, rate)?,
            _ => self.world.world(kind)?,
        };
        match seed {
            Some(seed) => world.seed = seed,
            None if self.world.seed.is_none() => output::note(&format!("seed {}", world.seed)),
            None => {}
        }
        let record = topic
            .record
            .as_ref()
            .ok_or_else(|| Error::usage(format!("topic '{}' has no schema", topic.name)))?;
        let generator = Generator::new(kind, Format::Ndjson, world)?;
        Ok(Box::new(GeneratedSource::new(generator, Checker::new(record), rows)))
    }

    /// Whether each batch has its line: not where batches are only how the work is cut.
    fn shows_batches(&self, pace: Pace) -> bool {
        self.pacing.batch_size.is_some()
            || match pace {
                Pace::Unpaced => false,
                Pace::Pause(_) => true,
                Pace::Rate(rate) => rate <= 2.0,
            }
    }

    fn reject_path(&self, topic: &str) -> PathBuf {
        let default = || common::home().join("rejects").join(format!("{topic}.ndjson"));
        self.reject_file.clone().unwrap_or_else(default)
    }
}
