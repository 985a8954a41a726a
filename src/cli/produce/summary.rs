//! What a run did, in numbers.

use crate::cli::output::{Show, Table};
use crate::kafka::producer::Receipts;
use crate::produce::{Plan, Totals};
use crate::units::{format_count, format_size};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The statistics at the end of a run; their JSON form is stable.
#[derive(Debug, Serialize)]
pub struct Summary {
    topic: String,
    /// Acknowledged by topic, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    records_by_topic: BTreeMap<String, u64>,
    /// Rows that earlier runs had done with, passed over.
    resumed_after: u64,
    /// Acknowledged by all replicas, and with transactions committed.
    records: u64,
    batches: u64,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
    /// From handing over to acknowledgement.
    latency_ms: Latency,
    /// Requests that were sent again because the broker said so.
    retries: u64,
    /// Connections that broke off; what was under way on them was sent again.
    disconnects: u64,
    /// Rows and records that did not arrive, by reason.
    failures: BTreeMap<&'static str, u64>,
    /// Where they are, if there are any.
    reject_file: Option<String>,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Summary {
    /// The statistics of a run that took `time`.
    pub fn new(
        plan: &Plan,
        totals: &Totals,
        (receipts, acknowledged): &(Receipts, Vec<u64>),
        time: Duration,
        rejects: &Path,
    ) -> Self {
        let percentile =
            |percent| (receipts.latencies.percentile(percent).as_secs_f64() * 1e5).round() / 100.0;
        let rounded = |value: f64| (value * 1e3).round() / 1e3;
        Self {
            topic: plan.topics(),
            records_by_topic: by_topic(plan, acknowledged),
            resumed_after: plan.before.rows,
            records: receipts.acknowledged,
            batches: totals.batches,
            bytes: receipts.bytes,
            seconds: rounded(time.as_secs_f64()),
            records_per_second: rounded(receipts.acknowledged as f64 / time.as_secs_f64().max(1e-6)),
            latency_ms: Latency { p50: percentile(50.0), p95: percentile(95.0), p99: percentile(99.0) },
            retries: receipts.retries,
            disconnects: receipts.disconnects,
            failures: totals.rejected.iter().map(|(code, count)| (code.as_str(), *count)).collect(),
            reject_file: (totals.rejects() > 0).then(|| rejects.display().to_string()),
        }
    }
}

/// How many records each topic got, where there are several.
fn by_topic(plan: &Plan, records: &[u64]) -> BTreeMap<String, u64> {
    let topics = plan.destinations.iter().map(|it| it.topic.clone()).zip(records.iter().copied());
    if records.len() > 1 { topics.collect() } else { BTreeMap::new() }
}

impl Show for Summary {
    fn table(&self, _wide: bool) -> Table {
        let Latency { p50, p95, p99 } = self.latency_ms;
        let failures = self.failures.iter().map(|(code, count)| format!("{} {code}", format_count(*count)));
        let failures = Some(failures.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty());
        let mut table = Table::new(["topic", &self.topic]);
        if self.resumed_after > 0 {
            table.row(["rows passed over", &format_count(self.resumed_after)]);
        }
        table.row(["records", &format_count(self.records)]);
        for (topic, records) in &self.records_by_topic {
            table.row([&format!("  {topic}"), &format_count(*records)]);
        }
        table.row(["batches", &format_count(self.batches)]);
        table.row(["bytes", &format_size(self.bytes)]);
        table.row(["seconds", &format!("{:.1}", self.seconds)]);
        table.row(["records/s", &format!("{:.1}", self.records_per_second)]);
        table.row(["latency p50, p95, p99", &format!("{p50} ms, {p95} ms, {p99} ms")]);
        table.row(["retries", &format_count(self.retries)]);
        table.row(["connections lost", &format_count(self.disconnects)]);
        table.row(["failures", failures.as_deref().unwrap_or("none")]);
        if let Some(path) = &self.reject_file {
            table.row(["reject file", path]);
        }
        table
    }
}
