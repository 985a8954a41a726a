//! How consumers are shown.

use crate::cli::output::{Show, Table};
use crate::consumers::health::Status;
use crate::consumers::registry::{Definition, Registry, Value};
use crate::units::{format_count, format_duration};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many batches are in a table; all of them in a wide one.
const BATCHES: usize = 10;

/// The registered consumers.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Listed(Vec<Row>);

#[derive(Serialize)]
struct Row {
    name: String,
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    topic: Option<String>,
    group: Option<String>,
    query: Option<String>,
    options: BTreeMap<String, Json>,
    error: Option<String>,
}

impl Listed {
    /// Those of a registry.
    pub fn of(registry: &Registry) -> Self {
        let row = |entry: &crate::consumers::registry::Entry| match &entry.definition {
            Ok(definition) => Row::of(definition),
            Err(error) => Row {
                name: entry.name.clone(),
                kind: None,
                topic: None,
                group: None,
                query: None,
                options: BTreeMap::new(),
                error: Some(error.to_string()),
            },
        };
        Self(registry.entries().iter().map(row).collect())
    }
}

impl Row {
    fn of(definition: &Definition) -> Self {
        let value = |value: &Value| match value {
            Value::Flag(given) => Json::from(*given),
            Value::One(value) => Json::from(value.clone()),
            Value::Many(values) => Json::from(values.clone()),
        };
        let options = definition.options.iter().map(|(name, given)| (name.clone(), value(given)));
        Self {
            name: definition.name.clone(),
            kind: Some(definition.kind.name()),
            topic: definition.topic.clone().or(definition.kind.topic().map(Into::into)),
            group: definition.group.clone(),
            query: definition.query.as_ref().map(|query| query.display().to_string()),
            options: options.collect(),
            error: None,
        }
    }
}

impl Show for Listed {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["name", "type", "reads", "group", "options"]);
        for row in &self.0 {
            let options = row.options.iter().map(|(name, value)| match value {
                Json::Bool(true) => format!("--{name}"),
                Json::String(text) => format!("--{name} {text}"),
                other => format!("--{name} {other}"),
            });
            table.row([
                row.name.clone(),
                row.kind.unwrap_or("wrong").into(),
                row.topic.clone().or(row.query.clone()).unwrap_or_default(),
                row.group.clone().unwrap_or_default(),
                options.collect::<Vec<_>>().join(" "),
            ]);
        }
        table
    }
}

/// The status of all consumers.
#[derive(Serialize)]
#[serde(transparent)]
pub struct StatusShown(pub Status);

impl Show for StatusShown {
    fn table(&self, wide: bool) -> Table {
        let more = ["uptime", "watermark", "state", "late", "dead letters", "memory", "cpu %"];
        let headings = ["consumer", "status", "in/s", "processed/s", "batch ms", "lag"];
        let headings = headings.into_iter().chain(more.into_iter().filter(|_| wide));
        let mut table = Table::new(headings.chain(["failures", "last error"]));
        let count = |count: Option<u64>| count.map_or_else(String::new, format_count);
        for (name, details) in &self.0.consumer_details {
            let metrics = &details.metrics;
            let mut cells = vec![
                name.clone(),
                details.status.clone(),
                format!("{:.0}", metrics.input_rows_per_second),
                format!("{:.0}", metrics.processed_rows_per_second),
                count(metrics.batch_duration_ms),
                count(metrics.lag),
            ];
            if wide {
                let uptime = Duration::from_secs(details.uptime_seconds.max(0.0) as u64);
                cells.extend([
                    format_duration(uptime),
                    metrics.watermark.clone().unwrap_or_default(),
                    count(metrics.state_rows),
                    count(metrics.late_rows),
                    count(metrics.dead_letters),
                    count(metrics.memory_bytes),
                    metrics.cpu_percent.map_or_else(String::new, |cpu| format!("{cpu:.1}")),
                ]);
            }
            cells
                .extend([details.total_failures.to_string(), details.last_error.clone().unwrap_or_default()]);
            table.row(cells);
        }
        table
    }
}

/// The last batches of a consumer, as the API tells them.
#[derive(Serialize)]
#[serde(transparent)]
pub struct ProgressShown(pub Json);

impl Show for ProgressShown {
    fn table(&self, wide: bool) -> Table {
        let headings = ["batch", "at", "records", "in/s", "processed/s", "ms", "rows", "watermark"];
        let all = self.0["batch_metrics"].as_array().map_or(&[][..], Vec::as_slice);
        let first = if wide { 0 } else { all.len().saturating_sub(BATCHES) };
        let text = |value: &Json| match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => match number.as_u64() {
                Some(count) => format_count(count),
                None => format!("{:.0}", number.as_f64().unwrap_or_default()),
            },
            _ => String::new(),
        };
        // The topic whose records were worth least, where that is measured.
        let quality = |batch: &Json| {
            let scores = batch["sources"].as_array().into_iter().flatten();
            scores.filter_map(|source| source["quality"]["score"].as_f64()).min_by(f64::total_cmp)
        };
        let is_measured = all.iter().any(|batch| quality(batch).is_some());
        let mut table = Table::new(headings.into_iter().chain(is_measured.then_some("quality")));
        for batch in &all[first..] {
            let cells = [
                text(&batch["batchId"]),
                text(&batch["timestamp"]),
                text(&batch["numInputRows"]),
                text(&batch["inputRowsPerSecond"]),
                text(&batch["processedRowsPerSecond"]),
                text(&batch["durationMs"]["triggerExecution"]),
                text(&batch["sink"]["numOutputRows"]),
                text(&batch["eventTime"]["watermark"]),
            ];
            let score = quality(batch).map_or_else(String::new, |score| score.floor().to_string());
            table.row(cells.into_iter().chain(is_measured.then_some(score)));
        }
        table
    }
}
