//! The flags that say how a query runs.

mod planned;

pub use planned::{Audience, Planned, Query, plan, run};

use super::{checkpoint, letters, show, sink, source};
use crate::catalog::ARRIVAL_TIME;
use crate::cli::common;
use crate::engine::operator::StateLimit;
use crate::engine::options::{Limits, Options, OutputMode, Trigger};
use crate::engine::watermark::Policy;
use crate::kafka::start::Starts;
use crate::query::header::Header;
use crate::units::{parse_duration, parse_size};
use crate::{Error, Result};
use std::path::PathBuf;
use std::time::Duration;

/// How a query runs.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// When a batch runs: every so often (5s), as soon as there is data (0s), once, available-now, or each
    /// record at once (continuous)
    #[arg(long, default_value = "5s", value_name = "WHEN", allow_hyphen_values = true)]
    trigger: Trigger,
    /// How often the continuous trigger shows its positions
    #[arg(long, default_value = "1s", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    checkpoint_interval: Duration,
    /// Read at most so many records of each topic in a batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_offsets_per_trigger: Option<u64>,
    /// Read at most so many bytes of each topic in a batch, such as 64m or 1g
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    max_bytes_per_trigger: Option<u64>,
    /// Read at most so many records of each partition in a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_rate_per_partition: Option<u64>,
    /// Read all that there is in one batch, also where the next one is due before it is done
    #[arg(long)]
    no_backpressure: bool,
    /// Limits and waits for a kind of load
    #[arg(long, value_enum, value_name = "LOAD")]
    load: Option<Load>,
    /// End the query where records were deleted before they were read (exit 5)
    #[arg(long)]
    fail_on_data_loss: bool,
    /// Rows of final windows, rows that changed, or all rows [default: as the query file says, else update on the
    /// console, append elsewhere]
    #[arg(long, value_enum)]
    output_mode: Option<Mode>,
    /// Where reading begins: earliest, latest, a time, or offsets by partition (0:1200,1:1180); of several topics each by its
    /// name ('transactions=0:5,1:7;earliest', where the last is of those that are not named)
    #[arg(long, default_value = "latest", value_name = "[TOPIC=]WHERE")]
    from: Starts,
    /// How long a window waits for late records [default: as the query file says, else the topic's own]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    watermark: Option<Duration>,
    /// The column of event time; the query's or the topic's own where it is not given
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,
    /// Windows of event time, or of the time at which a record is read
    #[arg(long, value_enum, default_value_t, conflicts_with = "time_column")]
    time: Time,
    /// After which silence a partition holds back no results; off is never
    #[arg(long, default_value = "30s", value_name = "DURATION", allow_hyphen_values = true)]
    idle_timeout: Limit,
    /// The slowest partition decides how far time is, or Spark's single maximum
    #[arg(long, value_enum, default_value_t)]
    watermark_policy: WatermarkPolicy,
    /// How far a partition may be ahead of the slowest in event time before it waits for it; off is however far
    #[arg(long, default_value = "10m", value_name = "DURATION", allow_hyphen_values = true)]
    max_skew: Limit,
    /// At the end of a bounded run, close what is still open
    #[arg(long)]
    flush_at_end: bool,
    /// How much memory state may take, such as 256m; beyond that it goes to the disk [default: however much]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    state_memory: Option<u64>,
    /// The folder where it goes then; it should be a disk, not memory [default: $ECAP_HOME]
    #[arg(long, value_name = "DIR", requires = "state_memory", value_hint = clap::ValueHint::DirPath)]
    state_directory: Option<PathBuf>,
    /// Measure the records (nulls, age, duplicates, anomalies; a score of 0 to 100), for which more of their columns
    /// are read
    #[arg(long)]
    quality: bool,
    /// Stop at the first record that cannot be used (exit 5)
    #[arg(long)]
    fail_fast: bool,
    /// How far ahead of the clock an event time may be before the record is refused; off is however far
    #[arg(long, default_value = "1h", value_name = "DURATION", allow_hyphen_values = true)]
    max_future: Limit,
    /// How old a record may be before it is refused; off is however old
    #[arg(long, default_value = "off", value_name = "DURATION", allow_hyphen_values = true)]
    max_age: Limit,
    /// Where records that cannot be used go: off (they are counted), topic (each topic's own .dlq), a file of lines of
    /// JSON, parquet:FOLDER or delta:TABLE
    #[arg(long, default_value = "off", value_name = "WHERE")]
    dead_letters: letters::Where,
    /// What becomes of late records: drop (they are counted), dead-letter (they go where those go), or the topic
    /// that they go to
    #[arg(long, default_value = "drop", value_name = "WHERE", add = crate::cli::topics::complete::topics())]
    late: letters::Late,
    /// The group under which lag tools see the positions [default: ecap- and the topic's name]
    #[arg(long, value_name = "GROUP")]
    consumer_group: Option<String>,
    /// How many rows of a batch a table shows
    #[arg(long, default_value_t = 20, value_name = "N")]
    rows: usize,
    /// Accepted for those who are used to it: no cell is ever cut
    #[arg(long)]
    no_truncate: bool,
    /// What is told of each batch on standard error
    #[arg(long, value_enum, default_value_t)]
    progress: show::Telling,
    /// Show the query as SQL and end
    #[arg(long)]
    print_sql: bool,
    /// What is read besides the catalog's topics.
    #[command(flatten)]
    pub inputs: super::inputs::InputArgs,
    #[command(flatten)]
    folders: source::SourceArgs,
    #[command(flatten)]
    results: sink::SinkArgs,
    #[command(flatten)]
    checkpoint: checkpoint::CheckpointArgs,
}

/// As [`OutputMode`], for the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mode {
    Append,
    Update,
    Complete,
}

/// What time windows are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Time {
    #[default]
    Event,
    Processing,
}

/// As [`Policy`], for the command line.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum WatermarkPolicy {
    #[default]
    Partitions,
    Spark,
}

/// The documented profiles of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Load {
    /// 10,000 records a batch; session timeout 10 s, heartbeat 3 s, fetch wait 500 ms
    Small,
    /// 100,000 records a batch; session timeout 30 s, heartbeat 10 s, fetch wait 500 ms
    Medium,
    /// 1,000,000 records a batch; session timeout 60 s, heartbeat 20 s, fetch wait 100 ms
    High,
}

impl Load {
    fn offsets(self) -> u64 {
        match self {
            Self::Small => 10_000,
            Self::Medium => 100_000,
            Self::High => 1_000_000,
        }
    }

    /// The client's settings, by librdkafka's names, in milliseconds.
    fn client(self) -> [(&'static str, &'static str); 3] {
        let (session, heartbeat, wait) = match self {
            Self::Small => ("10000", "3000", "500"),
            Self::Medium => ("30000", "10000", "500"),
            Self::High => ("60000", "20000", "100"),
        };
        [("session.timeout.ms", session), ("heartbeat.interval.ms", heartbeat), ("fetch.wait.max.ms", wait)]
    }
}

/// A duration, or `off`.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<Duration>);

impl std::str::FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "off" { Ok(Self(None)) } else { parse_duration(text).map(Some).map(Self) }
    }
}

impl RunArgs {
    /// Where the rows go, in a few words.
    pub fn results(&self) -> String {
        self.results.to_string()
    }

    /// What a query of flags is called by itself.
    pub fn name_of(&self, topics: &[String], sql: &str) -> String {
        checkpoint::of_flags(topics, sql, self.folders.folders())
    }

    /// How many rows of a batch a table shows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bounds its state, unless it does so itself.
    pub fn bound_state(&mut self, most: Option<u64>) {
        self.state_memory = self.state_memory.or(most);
    }

    /// The column of event time, if it was given.
    pub fn time_column(&self) -> Option<&str> {
        match self.time {
            Time::Event => self.time_column.as_deref(),
            Time::Processing => Some(ARRIVAL_TIME),
        }
    }

    /// How the query runs whose file has this header.
    fn options(&self, header: &Header) -> Options {
        Options {
            trigger: match self.trigger {
                Trigger::Continuous(_) => Trigger::Continuous(self.checkpoint_interval),
                trigger => trigger,
            },
            mode: match self.output_mode {
                None => header.output_mode.unwrap_or_else(|| self.results.output_mode()),
                Some(Mode::Append) => OutputMode::Append,
                Some(Mode::Update) => OutputMode::Update,
                Some(Mode::Complete) => OutputMode::Complete,
            },
            delay: self.watermark.or(header.watermark),
            idle_timeout: self.idle_timeout.0,
            policy: match (self.time, self.watermark_policy) {
                (Time::Processing, _) => Policy::Processing,
                (Time::Event, WatermarkPolicy::Partitions) => Policy::Partitions,
                (Time::Event, WatermarkPolicy::Spark) => Policy::Spark,
            },
            max_skew: self.max_skew.0,
            limits: Limits {
                offsets: self.max_offsets_per_trigger.or(self.load.map(Load::offsets)),
                bytes: self.max_bytes_per_trigger.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
                rate_per_partition: self.max_rate_per_partition,
            },
            backpressure: !self.no_backpressure,
            flush_at_end: self.flush_at_end,
            max_future: self.max_future.0,
            max_age: self.max_age.0,
            keep_late: self.late != letters::Late::Drop,
            fail_fast: self.fail_fast,
            quality: self.quality,
            state: self.state_memory.map(|memory| StateLimit {
                memory: usize::try_from(memory).unwrap_or(usize::MAX),
                folder: self.state_directory.clone().unwrap_or_else(common::home),
            }),
        }
    }
}
