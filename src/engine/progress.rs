//! What a batch did, in the names and units of Spark's progress reports.

use super::latency::Latency;
use super::quality;
use super::span::Span;
use crate::clock::Micros;
use crate::record::observed::Observed;
use crate::record::reject::Code;
use crate::units::format_rfc3339;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One batch.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The number of the batch, from 0.
    pub batch_id: u64,
    /// When it began, RFC 3339.
    pub timestamp: String,
    /// Records read, the refused ones with them.
    pub num_input_rows: u64,
    /// Records that came per second since the batch before; 0 of the first, whose records came at any time.
    pub input_rows_per_second: f64,
    /// Records per second of work.
    pub processed_rows_per_second: f64,
    /// Milliseconds by phase.
    pub duration_ms: Durations,
    /// Event times of the batch and the watermark after it, RFC 3339.
    pub event_time: EventTime,
    /// From a record's event time to the end of the batch, where records have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Latency>,
    /// What is kept.
    pub state_operators: Vec<StateOperator>,
    /// How far each partition was read.
    pub sources: Vec<SourceProgress>,
    /// What was given out.
    pub sink: SinkProgress,
    /// How many bytes the files of the checkpoint have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_bytes: Option<u64>,
    /// Records refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Null values in a compacted topic.
    pub tombstones: u64,
    /// Records refused since the query began.
    #[serde(skip)]
    pub total_rejected: u64,
    /// Late records since the query began.
    #[serde(skip)]
    pub total_late: u64,
}

/// Milliseconds by phase of a batch. What is left of the whole is the watermark, and the positions that lag
/// tools see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Durations {
    /// Waiting for records, and taking them from the client; of a folder this is a part of `decode`.
    pub fetch: u64,
    /// Bytes to columns.
    pub decode: u64,
    /// The query on records, below what keeps state.
    pub plan: u64,
    /// The operators that keep state.
    pub state: u64,
    /// The query on what operators give.
    pub result: u64,
    /// Giving rows out, and making dead letters safe.
    pub sink: u64,
    /// Measuring the quality of records, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u64>,
    /// Keeping what a restart goes on from, where that is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<u64>,
    /// All of it.
    pub trigger_execution: u64,
}

impl Durations {
    /// The phases that every batch has, in order.
    pub fn phases(&self) -> [(&'static str, u64); 6] {
        let Self { fetch, decode, plan, state, result, sink, .. } = *self;
        [
            ("fetch", fetch),
            ("decode", decode),
            ("plan", plan),
            ("state", state),
            ("result", result),
            ("sink", sink),
        ]
    }
}

/// Event times of a batch.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct EventTime {
    /// The smallest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg: Option<String>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// The watermark after the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
}

impl EventTime {
    /// From microseconds since the epoch.
    pub fn new(times: Option<Span>, watermark: Option<Micros>) -> Self {
        Self {
            min: times.map(|times| format_rfc3339(times.oldest)),
            avg: times.map(|times| format_rfc3339(times.mean())),
            max: times.map(|times| format_rfc3339(times.newest)),
            watermark: watermark.map(format_rfc3339),
        }
    }
}

/// The state of one operator.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateOperator {
    /// Groups or rows that are kept.
    pub num_rows_total: usize,
    /// Those of them that the batch made or changed, also where they are gone since.
    pub num_rows_updated: usize,
    /// About how many bytes it takes.
    pub memory_used_bytes: usize,
    /// How many bytes of it are on the disk, as memory is not to hold them.
    #[serde(skip_serializing_if = "is_zero")]
    pub disk_used_bytes: usize,
    /// Late rows that it dropped in this batch.
    pub num_rows_dropped_by_watermark: u64,
}

fn is_zero(bytes: &usize) -> bool {
    *bytes == 0
}

/// How far one topic was read. Offsets are of the next record.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    /// The topic.
    pub description: String,
    /// Where each partition stood before the batch.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub start_offset: BTreeMap<i32, i64>,
    /// Where each partition stands after it.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub end_offset: BTreeMap<i32, i64>,
    /// Where each partition ended when it was last asked.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub latest_offset: BTreeMap<i32, i64>,
    /// Records read, the refused ones with them.
    pub num_input_rows: u64,
    /// Records that were deleted before they were read, since the start.
    pub lost_records: u64,
    /// Late records in this batch by partition.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub late_by_partition: BTreeMap<i32, u64>,
    /// What records had since the query began that their schema does not say: the most frequent of it.
    #[serde(skip_serializing_if = "Observed::is_empty")]
    pub schema_report: Observed,
    /// What the records of the batch are worth, where that is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<quality::Report>,
}

/// What a batch gave to the sinks.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgress {
    /// Rows.
    pub num_output_rows: u64,
}

/// Refused records by the code's name.
pub fn by_name(rejected: &BTreeMap<Code, u64>) -> BTreeMap<String, u64> {
    rejected.iter().map(|(code, count)| (code.to_string(), *count)).collect()
}
