//! Asks the process that runs the consumers how they are. Where none runs, the registry says which there are.

use crate::Result;
use crate::cli::consume::service::ask::{find_at, get_at, parsed, process};
use crate::cli::consume::service::{load, registry};
use crate::clock::Micros;
use crate::consumers::health::{Details, Status, Thresholds};
use crate::consumers::last_rows::Rows;
use crate::consumers::registry::check_name;
use crate::consumers::supervisor::{Change, Snapshot as Consumers};
use crate::consumers::vitals::Partition;
use crate::engine::latency::Latency;
use crate::engine::progress::{Durations, EventTime, SinkProgress};
use crate::engine::quality::Reason;
use crate::units::parse_time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The consumers at a moment. Programs get the status document.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Snapshot {
    pub status: Status,
    /// When that was.
    #[serde(skip)]
    pub time: Micros,
    /// Who runs them.
    #[serde(skip)]
    pub process: Process,
    /// The last batches of each, the newest last.
    #[serde(skip)]
    pub batches: BTreeMap<String, Vec<Batch>>,
    /// More of the one that is looked into.
    #[serde(skip)]
    pub inside: Option<Inside>,
}

/// Who runs the consumers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Process {
    /// A process that answers here.
    At(String),
    /// Nobody, so far.
    Nobody,
    /// Nobody since then.
    Gone(Micros),
}

/// A batch, as the API tells it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Batch {
    pub batch_id: u64,
    pub timestamp: String,
    pub num_input_rows: u64,
    pub input_rows_per_second: f64,
    pub processed_rows_per_second: f64,
    pub duration_ms: Durations,
    pub event_time: EventTime,
    pub sink: SinkProgress,
    pub rejected: BTreeMap<String, u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Progress {
    batch_metrics: Vec<Batch>,
}

/// One consumer.
#[derive(Debug, Clone, Default)]
pub struct Inside {
    pub name: String,
    pub document: Document,
    pub windows: Rows,
}

/// What the API tells of one consumer, besides its status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Document {
    pub topic: Option<String>,
    pub group: Option<String>,
    pub query: Option<String>,
    pub warnings: Vec<String>,
    pub restarts: u64,
    pub partitions: Vec<Partition>,
    pub changes: Vec<Change>,
    pub latency_ms: Option<Latency>,
    pub quality: BTreeMap<String, Quality>,
}

/// What the records of a topic were worth in the last batch, and why it is not 100.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Quality {
    pub score: f64,
    pub reasons: Vec<Reason>,
}

/// A consumer, and what follows from what is told of it.
#[derive(Debug, Clone, Copy)]
pub struct Consumer<'a> {
    pub name: &'a str,
    pub details: &'a Details,
    pub batches: &'a [Batch],
    /// How long ago the watermark's time was, in milliseconds.
    pub delay: Option<i64>,
    /// How long ago the newest time was that was read, in milliseconds; 0 where everything is read.
    pub behind: Option<i64>,
}

impl Snapshot {
    /// All consumers.
    pub fn consumers(&self) -> impl Iterator<Item = Consumer<'_>> {
        self.status.consumer_details.iter().map(|(name, details)| {
            let batches = self.batches.get(name).map(Vec::as_slice).unwrap_or_default();
            let age = |time: &str| Some((self.time - parse_time(time).ok()?).max(0) / 1_000);
            let newest = || batches.iter().filter_map(|batch| batch.event_time.max.as_deref()).max();
            let behind = match details.metrics.lag {
                Some(0) => Some(0),
                Some(_) => newest().and_then(age),
                None => None,
            };
            let delay = details.metrics.watermark.as_deref().and_then(age);
            Consumer { name, details, batches, delay, behind }
        })
    }

    /// One of them.
    pub fn consumer(&self, name: &str) -> Option<Consumer<'_>> {
        self.consumers().find(|consumer| consumer.name == name)
    }

    /// More of one, where that was asked for.
    pub fn inside(&self, name: &str) -> Option<&Inside> {
        self.inside.as_ref().filter(|inside| inside.name == name)
    }
}

impl<'a> Consumer<'a> {
    /// The records refused in the last batches by reason, with the time of the newest, the most first.
    pub fn refused(&self) -> Vec<(&'a str, u64, &'a str)> {
        let mut reasons: BTreeMap<&'a str, (u64, &'a str)> = BTreeMap::new();
        for batch in self.batches {
            for (reason, count) in &batch.rejected {
                let (total, last) = reasons.entry(reason).or_default();
                (*total, *last) = (*total + count, &batch.timestamp);
            }
        }
        let mut reasons: Vec<_> =
            reasons.into_iter().map(|(reason, (count, last))| (reason, count, last)).collect();
        reasons.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        reasons
    }
}

/// Asks again and again.
pub struct Sampler {
    /// Whether more is wanted than the status.
    is_deep: bool,
    /// Who was there the last time.
    before: Process,
}

impl Sampler {
    /// One that asks for more than the status, or not.
    pub fn new(is_deep: bool) -> Self {
        Self { is_deep, before: Process::Nobody }
    }

    /// How the consumers are at `now`, and more of the one that is wanted.
    ///
    /// # Errors
    /// When a process does not answer; when none runs, and the registry is wrong.
    pub fn sample(&mut self, now: Micros, wanted: Option<&str>) -> Result<Snapshot> {
        let address = process()?;
        self.before = match (&address, &self.before) {
            (Some(address), _) => Process::At(address.clone()),
            (None, Process::At(_)) => Process::Gone(now),
            (None, before) => before.clone(),
        };
        let (status, batches, inside) = match &address {
            Some(address) => self.ask(address, wanted)?,
            None => {
                let stopped = Consumers::stopped(&load(&registry())?, now);
                (Status::of(&stopped, &Thresholds::default()), BTreeMap::new(), None)
            }
        };
        Ok(Snapshot { status, time: now, process: self.before.clone(), batches, inside })
    }

    fn ask(&self, address: &str, wanted: Option<&str>) -> Result<Told> {
        let status: Status = parsed(&get_at(address, "status")?)?;
        let mut batches = BTreeMap::new();
        let did = |details: &Details| details.metrics.batch_duration_ms.is_some();
        let busy = status.consumer_details.iter().filter(|(_, details)| self.is_deep && did(details));
        for (name, _) in busy {
            let progress: Progress = found(address, &format!("consumers/{name}/progress"))?;
            batches.insert(name.clone(), progress.batch_metrics);
        }
        let inside = match wanted.filter(|name| check_name(name).is_ok()) {
            None => None,
            Some(name) => Some(Inside {
                name: name.into(),
                document: found(address, &format!("consumers/{name}"))?,
                windows: found(address, &format!("consumers/{name}/windows"))?,
            }),
        };
        Ok((status, batches, inside))
    }
}

/// The status, the last batches of each consumer, and the one that is looked into.
type Told = (Status, BTreeMap<String, Vec<Batch>>, Option<Inside>);

/// What is told of a consumer; nothing of one that was taken out meanwhile.
fn found<T: DeserializeOwned + Default>(address: &str, path: &str) -> Result<T> {
    find_at(address, path)?.map_or_else(|| Ok(T::default()), |body| parsed(&body))
}

#[cfg(test)]
pub mod tests;
