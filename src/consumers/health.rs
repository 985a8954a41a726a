//! How consumers are: the documents that everybody is shown, all of them from one snapshot.

use super::lifecycle::State;
use super::supervisor::{Change, Seen, Snapshot};
use super::vitals::Partition;
use crate::clock::Micros;
use crate::engine::history::Trends;
use crate::engine::latency::Latency;
use crate::engine::progress::Progress;
use crate::engine::quality;
use crate::units::{format_count, format_duration, format_rfc3339};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::{Object, ObjectBuilder, Type};

/// What is unhealthy, and what is warned of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Without progress for so many triggers although there is more to read.
    pub triggers: u32,
    /// Records processed per second below this part of those that come.
    pub processing: f64,
    /// Records that come per second above so many times those that are processed.
    pub input: f64,
    /// A batch that lasts longer.
    pub batch: Duration,
    /// Rows of state above this number.
    pub state_rows: u64,
    /// Dead letters above this part of the records read.
    pub dead_letters: f64,
}

impl Default for Thresholds {
    /// As documented.
    fn default() -> Self {
        Self {
            triggers: 3,
            processing: 0.8,
            input: 1.2,
            batch: Duration::from_secs(10),
            state_rows: 1_000_000,
            dead_letters: 0.01,
        }
    }
}

/// How all consumers are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overall {
    /// Each one is.
    Healthy,
    /// Some are.
    Degraded,
    /// None is.
    Unhealthy,
}

impl Overall {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The status of all consumers. Its serialised form is documented.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// How many are registered.
    pub total_consumers: usize,
    /// How many are healthy.
    pub healthy_consumers: usize,
    /// How many are not.
    pub unhealthy_consumers: usize,
    /// How they are together.
    pub overall_status: Overall,
    /// Each one, by name.
    pub consumer_details: BTreeMap<String, Details>,
}

/// The status of a consumer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Details {
    /// What it does: the state of its life, or `stalled` where it reads and does not go on.
    #[schema(schema_with = one_of_statuses)]
    pub status: String,
    /// How often it failed since a batch was done.
    pub consecutive_failures: u32,
    /// How often it failed since the process began.
    pub total_failures: u64,
    /// When it was looked at, RFC 3339.
    pub last_check: String,
    /// For how long it has read.
    pub uptime_seconds: f64,
    /// Why it is not healthy, or what went wrong last.
    #[schema(required = true)]
    pub last_error: Option<String>,
    /// Its numbers.
    pub metrics: Metrics,
}

/// The numbers of a consumer; null where they are not known.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    /// Records that came per second, by the last batch.
    pub input_rows_per_second: f64,
    /// Records per second of work, by the last batch.
    pub processed_rows_per_second: f64,
    /// The second by the first; 0 without input.
    pub processing_ratio: f64,
    /// How long the last batch took, in milliseconds.
    #[schema(required = true)]
    pub batch_duration_ms: Option<u64>,
    /// Records that are there and were not read.
    #[schema(required = true)]
    pub lag: Option<u64>,
    /// The watermark, RFC 3339.
    #[schema(required = true)]
    pub watermark: Option<String>,
    /// Rows of state.
    #[schema(required = true)]
    pub state_rows: Option<u64>,
    /// Late records since the query began.
    #[schema(required = true)]
    pub late_rows: Option<u64>,
    /// Records refused since the query began.
    #[schema(required = true)]
    pub dead_letters: Option<u64>,
    /// Bytes of state in memory.
    #[schema(required = true)]
    pub memory_bytes: Option<u64>,
    /// Processor time of the consumer's own thread, in percent of one processor.
    #[schema(required = true)]
    pub cpu_percent: Option<f64>,
}

/// How a consumer is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What it does.
    pub status: &'static str,
    /// Whether that is well.
    pub is_healthy: bool,
    /// Why it is not.
    pub errors: Vec<String>,
}

/// What a consumer does that reads and does not go on.
const STALLED: &str = "stalled";

/// All statuses, of which a consumer has one.
pub const STATUSES: [&str; 9] = [
    State::Pending.name(),
    State::Starting.name(),
    State::Running.name(),
    STALLED,
    State::Degraded.name(),
    State::BackingOff.name(),
    State::Failed.name(),
    State::Stopping.name(),
    State::Stopped.name(),
];

/// The schema of a status.
pub fn one_of_statuses() -> Object {
    let about =
        "What the consumer does: the state of its life, or `stalled` where it reads and does not go on.";
    let one = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(STATUSES));
    one.description(Some(about)).build()
}

/// How a consumer is.
pub fn judge(seen: &Seen, thresholds: &Thresholds) -> Judgement {
    let patience = seen.look.every.max(Duration::from_secs(1)) * thresholds.triggers;
    let is_running = seen.state == State::Running;
    let stalled = seen.look.behind.filter(|behind| is_running && *behind >= patience);
    let error = match stalled {
        _ if !is_running => Some(seen.last_error.clone().unwrap_or_else(|| seen.state.name().into())),
        Some(behind) => {
            let (lag, behind) = (format_count(seen.look.lag.unwrap_or_default()), format_duration(behind));
            Some(format!("no progress for {behind}, {lag} records behind"))
        }
        None => None,
    };
    Judgement {
        status: if stalled.is_some() { STALLED } else { seen.state.name() },
        is_healthy: error.is_none(),
        errors: error.into_iter().collect(),
    }
}

/// What the last batches of a consumer that runs say that may become a trouble.
fn warnings(seen: &Seen, thresholds: &Thresholds) -> Vec<String> {
    let Some(last) = seen.reports.last().filter(|_| seen.state == State::Running) else { return vec![] };
    let (input, processed) = rates(seen);
    let mut warnings = Vec::new();
    if input > 0.0 && processed < thresholds.processing * input {
        warnings.push(format!("processing rate is {:.2} of the input rate", processed / input));
    }
    if input > thresholds.input * processed {
        warnings.push("input rate exceeds processing capacity".into());
    }
    let took = Duration::from_millis(last.duration_ms.trigger_execution);
    if took > thresholds.batch {
        warnings.push(format!("long batch: {}", format_duration(took)));
    }
    let rows = state_rows(last);
    if rows > thresholds.state_rows {
        warnings.push(format!("large state: {rows} rows"));
    }
    let read: u64 = seen.reports.iter().map(|report| report.num_input_rows).sum();
    let refused: u64 = seen.reports.iter().flat_map(|report| report.rejected.values()).sum();
    if refused as f64 > thresholds.dead_letters * read as f64 {
        let share = refused as f64 / read.max(1) as f64 * 100.0;
        warnings.push(format!(
            "dead letters: {share:.1} % of the records of the last {} batches",
            seen.reports.len()
        ));
    }
    warnings
}

fn state_rows(report: &Progress) -> u64 {
    report.state_operators.iter().map(|operator| operator.num_rows_total as u64).sum()
}

/// Records that come, and that are processed, per second. Nothing comes any more where the last batch was long ago.
fn rates(seen: &Seen) -> (f64, f64) {
    let patience = seen.look.every.max(Duration::from_secs(5)) * 3;
    let is_recent = seen.look.since_batch.is_some_and(|since| since <= patience);
    let last = seen.reports.last().filter(|_| is_recent);
    last.map_or((0.0, 0.0), |last| (last.input_rows_per_second, last.processed_rows_per_second))
}

impl Metrics {
    /// The numbers of a consumer.
    pub fn of(seen: &Seen) -> Self {
        let last = seen.reports.last();
        let memory = |last: &Arc<Progress>| {
            last.state_operators.iter().map(|operator| operator.memory_used_bytes as u64).sum()
        };
        let (input, processed) = rates(seen);
        Self {
            input_rows_per_second: input,
            processed_rows_per_second: processed,
            processing_ratio: if input > 0.0 { processed / input } else { 0.0 },
            batch_duration_ms: last.map(|last| last.duration_ms.trigger_execution),
            lag: seen.look.lag,
            watermark: last.and_then(|last| last.event_time.watermark.clone()),
            state_rows: last.map(|last| state_rows(last)),
            late_rows: last.map(|last| last.total_late),
            dead_letters: last.map(|last| last.total_rejected),
            memory_bytes: last.map(memory),
            cpu_percent: seen.look.cpu_percent,
        }
    }
}

impl Status {
    /// The status of all consumers.
    pub fn of(snapshot: &Snapshot, thresholds: &Thresholds) -> Self {
        let judged = snapshot.consumers.iter().map(|seen| (seen, judge(seen, thresholds)));
        let judged: Vec<_> = judged.collect();
        let total = judged.len();
        let healthy = judged.iter().filter(|(_, judgement)| judgement.is_healthy).count();
        let details = |(seen, judgement): (&Seen, Judgement)| {
            let details = Details::of(seen, &judgement, snapshot.at);
            (seen.name.clone(), details)
        };
        Self {
            total_consumers: total,
            healthy_consumers: healthy,
            unhealthy_consumers: total - healthy,
            overall_status: match healthy {
                0 => Overall::Unhealthy,
                _ if healthy < total => Overall::Degraded,
                _ => Overall::Healthy,
            },
            consumer_details: judged.into_iter().map(details).collect(),
        }
    }
}

impl Details {
    fn of(seen: &Seen, judgement: &Judgement, at: Micros) -> Self {
        Self {
            status: judgement.status.into(),
            consecutive_failures: seen.consecutive_failures,
            total_failures: seen.total_failures,
            last_check: format_rfc3339(at),
            uptime_seconds: seen.uptime.unwrap_or_default().as_secs_f64(),
            // The name of a state is no reason.
            last_error: judgement
                .errors
                .first()
                .filter(|error| *error != judgement.status)
                .or(seen.last_error.as_ref())
                .cloned(),
            metrics: Metrics::of(seen),
        }
    }
}

/// All that is told of one consumer: its status, what it is, and why it is as it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Consumer)]
pub struct Document {
    name: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    is_healthy: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
    restarts: u64,
    sink_retries: u64,
    #[serde(flatten)]
    details: Details,
    /// What the records of each topic were worth, where that is measured.
    quality: BTreeMap<String, quality::Report>,
    /// Where the partitions of a broker are read.
    partitions: Vec<Partition>,
    /// From a record's event time to the end of the last batch, in milliseconds.
    latency_ms: Option<Latency>,
    /// The last 100 changes of its state, the newest last.
    #[schema(value_type = Vec<Change>)]
    changes: Arc<Vec<Change>>,
}

impl Document {
    /// All that is told of a consumer that was seen at this time.
    pub fn of(seen: &Seen, at: Micros, thresholds: &Thresholds) -> Self {
        let judgement = judge(seen, thresholds);
        let definition = seen.definition.as_ref();
        let sources = seen.reports.last().into_iter().flat_map(|last| &last.sources);
        let quality =
            sources.filter_map(|source| Some((source.description.clone(), source.quality.clone()?)));
        Self {
            name: seen.name.clone(),
            kind: definition.map(|definition| definition.kind.name()),
            topic: definition.and_then(|definition| definition.topic.clone()),
            group: definition.and_then(|definition| definition.group.clone()),
            query: definition.and_then(|definition| Some(definition.query.as_ref()?.display().to_string())),
            is_healthy: judgement.is_healthy,
            details: Details::of(seen, &judgement, at),
            errors: judgement.errors,
            warnings: warnings(seen, thresholds),
            restarts: seen.restarts,
            sink_retries: seen.look.counts.sink_retries,
            quality: quality.collect(),
            partitions: seen.look.places.partitions(),
            latency_ms: seen.reports.last().and_then(|last| last.latency_ms),
            changes: seen.changes.clone(),
        }
    }
}

/// How a consumer went on lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ConsumerProgress)]
pub struct ProgressDocument {
    query_id: String,
    query_name: String,
    #[schema(schema_with = one_of_statuses)]
    status: &'static str,
    #[schema(value_type = Vec<Progress>)]
    batch_metrics: Arc<Vec<Arc<Progress>>>,
    performance_trends: Trends,
}

impl ProgressDocument {
    /// Of a consumer.
    pub fn of(seen: &Seen, thresholds: &Thresholds) -> Self {
        Self {
            query_id: seen.look.query.clone().unwrap_or_default(),
            query_name: seen.name.clone(),
            status: judge(seen, thresholds).status,
            batch_metrics: seen.reports.clone(),
            performance_trends: Trends::of(&seen.reports),
        }
    }
}

#[cfg(test)]
mod tests;
