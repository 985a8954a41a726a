//! What Prometheus scrapes: counters since the process began, and gauges of now. What is not known is left out.

use crate::consumers::health::{Thresholds, judge};
use crate::consumers::lifecycle::State;
use crate::consumers::supervisor::{Seen, Snapshot};
use crate::units::parse_time;
use std::fmt::Write;

/// All states, of which a consumer is in one.
const STATES: [State; 8] = [
    State::Pending,
    State::Starting,
    State::Running,
    State::Degraded,
    State::BackingOff,
    State::Failed,
    State::Stopping,
    State::Stopped,
];

type Value = fn(&Seen) -> Option<f64>;

/// The metrics that have one value by consumer: name, type, help.
const PLAIN: [(&str, &str, &str, Value); 17] = [
    ("uptime_seconds", "gauge", "For how long the consumer has read.", |seen| {
        Some(seen.uptime.unwrap_or_default().as_secs_f64())
    }),
    ("failures_total", "counter", "How often the consumer failed.", |seen| Some(seen.total_failures as f64)),
    ("restarts_total", "counter", "How often the consumer was started again by itself.", |seen| {
        Some(seen.restarts as f64)
    }),
    ("sink_retries_total", "counter", "Batches that a sink did not take, and was given again.", |seen| {
        Some(seen.look.counts.sink_retries as f64)
    }),
    ("batches_total", "counter", "Batches that were done.", |seen| Some(seen.look.counts.batches as f64)),
    ("input_records_total", "counter", "Records read, the refused ones with them.", |seen| {
        Some(seen.look.counts.read as f64)
    }),
    ("rejected_records_total", "counter", "Records refused.", |seen| Some(seen.look.counts.rejected as f64)),
    ("late_records_total", "counter", "Late records.", |seen| Some(seen.look.counts.late as f64)),
    ("output_rows_total", "counter", "Rows given out.", |seen| Some(seen.look.counts.rows as f64)),
    ("cpu_seconds_total", "counter", "Processor time of the consumer's own threads.", |seen| {
        Some(seen.look.cpu?.as_secs_f64())
    }),
    ("lag_records", "gauge", "Records that are there and were not read.", |seen| Some(seen.look.lag? as f64)),
    ("input_records_per_second", "gauge", "Records that came per second, by the last batch.", |seen| {
        Some(seen.reports.last()?.input_rows_per_second)
    }),
    ("processed_records_per_second", "gauge", "Records per second of work, by the last batch.", |seen| {
        Some(seen.reports.last()?.processed_rows_per_second)
    }),
    ("watermark_timestamp_seconds", "gauge", "The watermark.", |seen| {
        let watermark = seen.reports.last()?.event_time.watermark.clone()?;
        Some(parse_time(&watermark).ok()? as f64 / 1e6)
    }),
    ("batch_duration_seconds", "gauge", "How long the last batch took.", |seen| {
        Some(seen.reports.last()?.duration_ms.trigger_execution as f64 / 1e3)
    }),
    ("state_rows", "gauge", "Rows of state.", |seen| {
        let operators = &seen.reports.last()?.state_operators;
        Some(operators.iter().map(|operator| operator.num_rows_total as f64).sum())
    }),
    ("state_bytes", "gauge", "Bytes of state in memory.", |seen| {
        let operators = &seen.reports.last()?.state_operators;
        Some(operators.iter().map(|operator| operator.memory_used_bytes as f64).sum())
    }),
];

/// The text of all metrics.
pub fn text(snapshot: &Snapshot, thresholds: &Thresholds) -> String {
    let mut text = String::new();
    family(
        &mut text,
        "ecap_build_info",
        "gauge",
        "The version of ecap.",
        [(format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1.0)],
    );
    let consumers = &snapshot.consumers;
    let own = |seen: &Seen| format!("consumer=\"{}\"", escaped(&seen.name));
    let healthy =
        consumers.iter().map(|seen| (own(seen), f64::from(u8::from(judge(seen, thresholds).is_healthy))));
    family(&mut text, "ecap_consumer_healthy", "gauge", "Whether the consumer is healthy.", healthy);
    let states = consumers.iter().flat_map(|seen| {
        STATES.map(|state| {
            (format!("{},state=\"{}\"", own(seen), state.name()), f64::from(u8::from(seen.state == state)))
        })
    });
    family(&mut text, "ecap_consumer_state", "gauge", "1 for the state that the consumer is in.", states);
    for (name, kind, help, value) in PLAIN {
        let samples = consumers.iter().filter_map(|seen| Some((own(seen), value(seen)?)));
        family(&mut text, &format!("ecap_consumer_{name}"), kind, help, samples);
    }
    let scores = consumers.iter().flat_map(|seen| {
        let sources = seen.reports.last().into_iter().flat_map(|last| &last.sources);
        sources.filter_map(move |source| {
            let topic = escaped(&source.description);
            Some((format!("{},topic=\"{topic}\"", own(seen)), source.quality.as_ref()?.score))
        })
    });
    family(
        &mut text,
        "ecap_consumer_quality_score",
        "gauge",
        "The quality of the records, 0 to 100.",
        scores,
    );
    text
}

fn family(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl IntoIterator<Item = (String, f64)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing into memory cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

/// As the value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
