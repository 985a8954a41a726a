//! How a query runs: when, how much at once, and what it shows.

use super::operator::StateLimit;
use super::source::Allowance;
use super::watermark::Policy;
use crate::catalog::Topic;
use crate::query::cut::OperatorSpec;
use crate::query::plan::StreamPlan;
use crate::{Error, Result, units};
use std::time::Duration;

/// How often the continuous trigger says how far it came, where nothing else is said.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);

/// When a batch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Every so often; zero is as soon as there is data.
    Interval(Duration),
    /// One batch of everything there is at the start, then the end.
    Once,
    /// Everything there is at the start, in batches of bounded size, then the end.
    AvailableNow,
    /// Each record as soon as it is there. The positions are shown, and the batch is told of, every so often.
    Continuous(Duration),
}

impl std::str::FromStr for Trigger {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "once" => Ok(Self::Once),
            "available-now" => Ok(Self::AvailableNow),
            "continuous" => Ok(Self::Continuous(CHECKPOINT_INTERVAL)),
            _ => units::parse_duration(text).map(Self::Interval).map_err(|_| {
                Error::usage(format!("'{text}' is no trigger"))
                    .hint("5s, 0s, once, available-now or continuous")
            }),
        }
    }
}

/// Which rows of windows are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputMode {
    /// A window's rows once, when it is final.
    Append,
    /// The rows that changed in a batch.
    #[default]
    Update,
    /// All rows in every batch.
    Complete,
}

/// The most that a batch reads; `None` is however much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Records of each topic in a batch.
    pub offsets: Option<u64>,
    /// Bytes of each topic in a batch.
    pub bytes: Option<usize>,
    /// Records of each partition in a second.
    pub rate_per_partition: Option<u64>,
}

impl Limits {
    /// What a batch may read that is followed by the next one after `interval`.
    pub fn allowance(&self, interval: Duration) -> Allowance {
        let rate = |rate: u64| (rate as f64 * interval.as_secs_f64()).ceil() as u64;
        let per_partition = self.rate_per_partition.map(rate);
        Allowance { records: self.offsets, bytes: self.bytes, per_partition }
    }
}

/// How a query runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// When a batch runs.
    pub trigger: Trigger,
    /// Which rows are given out.
    pub mode: OutputMode,
    /// How long a window waits for late records; `None` is each topic's own.
    pub delay: Option<Duration>,
    /// After which silence a partition is idle; `None` is never.
    pub idle_timeout: Option<Duration>,
    /// Over what the watermark is taken.
    pub policy: Policy,
    /// How far a partition may be ahead of the slowest in event time before it waits; `None` is however far.
    pub max_skew: Option<Duration>,
    /// The most that a batch reads.
    pub limits: Limits,
    /// Whether a batch ends where the next one is due, although there is more to read.
    pub backpressure: bool,
    /// Whether a bounded run closes its last windows at the end.
    pub flush_at_end: bool,
    /// How far ahead of the clock an event time may be; `None` is however far.
    pub max_future: Option<Duration>,
    /// How old a record may be; `None` is however old.
    pub max_age: Option<Duration>,
    /// Whether late records are dead letters; else they are counted.
    pub keep_late: bool,
    /// Whether the first refused record ends the query.
    pub fail_fast: bool,
    /// Whether the quality of records is measured, for which more columns are read.
    pub quality: bool,
    /// How much memory state may take before it goes to the disk; `None` is however much.
    pub state: Option<StateLimit>,
}

impl Default for Options {
    /// A batch every 5 seconds, as documented; each topic's own delay; nothing is refused for its time.
    fn default() -> Self {
        Self {
            trigger: Trigger::Interval(Duration::from_secs(5)),
            mode: OutputMode::default(),
            delay: None,
            idle_timeout: Some(Duration::from_secs(30)),
            policy: Policy::default(),
            max_skew: Some(Duration::from_secs(600)),
            limits: Limits::default(),
            backpressure: true,
            flush_at_end: false,
            max_future: None,
            max_age: None,
            keep_late: false,
            fail_fast: false,
            quality: false,
            state: None,
        }
    }
}

impl Options {
    /// Sees to it that they go together with a plan.
    ///
    /// # Errors
    /// A usage error where they do not.
    pub fn check(&self, plan: &StreamPlan) -> Result<()> {
        let is_last = |number: usize| plan.stages.is_last(number);
        let windows = plan
            .stages
            .operators
            .iter()
            .enumerate()
            .any(|(number, operator)| matches!(operator, OperatorSpec::Window(_)) && is_last(number));
        if !windows && self.mode == OutputMode::Complete {
            return Err(Error::usage("output mode complete needs a window").hint("use append or update"));
        }
        match self.trigger {
            Trigger::Continuous(_) if !plan.stages.operators.is_empty() => {
                let message = "the continuous trigger gives out each record at once; this query keeps state";
                Err(Error::usage(message).hint("--trigger 0s runs a batch as soon as there is data"))
            }
            _ => Ok(()),
        }
    }

    /// How long windows wait for late records of a topic.
    pub fn delay_of(&self, topic: &Topic) -> Duration {
        let own = topic.record.as_ref().map(|record| record.watermark);
        self.delay.or(own).unwrap_or_default()
    }
}
