//! What Prometheus scrapes: counters since the process began, and gauges of now. What is not known is left out.

use crate::consumers::counts::{BOUNDS, Counts};
use crate::consumers::health::{STATUSES, Thresholds, judge};
use crate::consumers::supervisor::{Seen, Snapshot};
use crate::engine::progress::{Progress, StateOperator};
use crate::exposition::{Kind, Page};
use crate::record::reject::Code;
use crate::units::parse_time;

type Value = fn(&Seen) -> Option<f64>;

/// The metrics that have one value by consumer: name, type, help.
const PLAIN: [(&str, Kind, &str, Value); 13] = [
    ("uptime_seconds", Kind::Gauge, "For how long the consumer has read.", |seen| {
        Some(seen.uptime.unwrap_or_default().as_secs_f64())
    }),
    ("failures_total", Kind::Counter, "How often the consumer failed.", |seen| {
        Some(seen.total_failures as f64)
    }),
    ("restarts_total", Kind::Counter, "How often the consumer was started again by itself.", |seen| {
        Some(seen.restarts as f64)
    }),
    ("sink_retries_total", Kind::Counter, "Batches that a sink did not take, and was given again.", |seen| {
        Some(seen.look.counts.sink_retries as f64)
    }),
    ("input_records_total", Kind::Counter, "Records read, the refused ones with them.", |seen| {
        Some(seen.look.counts.read as f64)
    }),
    ("late_records_total", Kind::Counter, "Late records.", |seen| Some(seen.look.counts.late as f64)),
    ("output_rows_total", Kind::Counter, "Rows given out.", |seen| Some(seen.look.counts.rows as f64)),
    ("cpu_seconds_total", Kind::Counter, "Processor time of the consumer's own threads.", |seen| {
        Some(seen.look.cpu?.as_secs_f64())
    }),
    ("watermark_timestamp_seconds", Kind::Gauge, "The watermark, since 1970 in UTC.", |seen| {
        let watermark = last(seen)?.event_time.watermark.clone()?;
        Some(parse_time(&watermark).ok()? as f64 / 1e6)
    }),
    ("state_rows", Kind::Gauge, "Rows of state.", |seen| state(seen, |one| one.num_rows_total)),
    ("state_bytes", Kind::Gauge, "Bytes of state in memory.", |seen| {
        state(seen, |one| one.memory_used_bytes)
    }),
    ("state_disk_bytes", Kind::Gauge, "Bytes of state that went to the disk for want of memory.", |seen| {
        state(seen, |one| one.disk_used_bytes)
    }),
    ("checkpoint_bytes", Kind::Gauge, "Bytes of the files of the checkpoint.", |seen| {
        Some(last(seen)?.checkpoint_bytes? as f64)
    }),
];

fn last(seen: &Seen) -> Option<&Progress> {
    seen.reports.last().map(AsRef::as_ref)
}

fn state(seen: &Seen, of: fn(&StateOperator) -> usize) -> Option<f64> {
    Some(last(seen)?.state_operators.iter().map(of).sum::<usize>() as f64)
}

/// The text of all metrics.
pub fn text(snapshot: &Snapshot, thresholds: &Thresholds) -> String {
    let (mut page, consumers) = (Page::default(), &snapshot.consumers[..]);
    page.metric("ecap_build_info", Kind::Gauge, "The version of ecap.")
        .sample(&[("version", &env!("CARGO_PKG_VERSION"))], 1);
    health(&mut page, consumers, thresholds);
    for (name, kind, help, value) in PLAIN {
        let name = format!("ecap_consumer_{name}");
        let mut metric = page.metric(&name, kind, help);
        for seen in consumers {
            if let Some(value) = value(seen) {
                metric.sample(&[("consumer", &seen.name)], value);
            }
        }
    }
    partitions(&mut page, consumers);
    records(&mut page, consumers);
    batches(&mut page, consumers);
    page.process();
    page.text()
}

fn health(page: &mut Page, consumers: &[Seen], thresholds: &Thresholds) {
    let judged: Vec<_> = consumers.iter().map(|seen| (&seen.name, judge(seen, thresholds))).collect();
    let mut healthy = page.metric("ecap_consumer_healthy", Kind::Gauge, "Whether the consumer is healthy.");
    for (name, judgement) in &judged {
        healthy.sample(&[("consumer", name)], u8::from(judgement.is_healthy));
    }
    let mut states =
        page.metric("ecap_consumer_state", Kind::Gauge, "1 for the state that the consumer is in.");
    for (name, judgement) in &judged {
        for state in STATUSES {
            states.sample(&[("consumer", name), ("state", &state)], u8::from(judgement.status == state));
        }
    }
}

/// What is known by partition.
fn partitions(page: &mut Page, consumers: &[Seen]) {
    let mut lag =
        page.metric("ecap_consumer_lag_records", Kind::Gauge, "Records that are there and were not read.");
    for seen in consumers {
        for (topic, partition, records) in lags(seen) {
            lag.sample(&[("consumer", &seen.name), ("topic", &topic), ("partition", &partition)], records);
        }
    }
}

/// What the broker said lately; of folders, what the last batch did.
fn lags(seen: &Seen) -> Vec<(String, i32, u64)> {
    let partitions = seen.look.places.partitions();
    let reads_folders = partitions.is_empty() && seen.look.lag.is_some();
    let of_broker = partitions.into_iter().filter_map(|one| Some((one.topic, one.partition, one.lag?)));
    let sources = last(seen).filter(|_| reads_folders).into_iter().flat_map(|last| &last.sources);
    let of_folders = sources.flat_map(|source| {
        source.latest_offset.iter().map(|(partition, end)| {
            let next = source.end_offset.get(partition).unwrap_or(end);
            (source.description.clone(), *partition, end.saturating_sub(*next).max(0).unsigned_abs())
        })
    });
    of_broker.chain(of_folders).collect()
}

/// What became of records.
fn records(page: &mut Page, consumers: &[Seen]) {
    let mut rejected =
        page.metric("ecap_consumer_rejected_records_total", Kind::Counter, "Records refused, by reason.");
    for seen in consumers {
        // Those of which there is none too: the first one would be no increase of a counter that was not there.
        for reason in Code::ALL {
            let count = seen.look.counts.rejected.get(reason.as_str()).copied().unwrap_or_default();
            rejected.sample(&[("consumer", &seen.name), ("reason", &reason)], count);
        }
    }
    let sources = || {
        let of =
            |seen| last(seen).into_iter().flat_map(|last| &last.sources).map(move |source| (seen, source));
        consumers.iter().flat_map(of)
    };
    let help = "Records that were deleted before they were read, since the consumer was started.";
    let mut lost = page.metric("ecap_consumer_lost_records_total", Kind::Counter, help);
    for (seen, source) in sources() {
        lost.sample(&[("consumer", &seen.name), ("topic", &source.description)], source.lost_records);
    }
    let mut quality = page.metric(
        "ecap_consumer_quality_score",
        Kind::Gauge,
        "What the records of the last batch are worth, 0 to 100.",
    );
    for (seen, source) in sources() {
        if let Some(report) = &source.quality {
            quality.sample(&[("consumer", &seen.name), ("topic", &source.description)], report.score);
        }
    }
}

/// How long things take.
fn batches(page: &mut Page, consumers: &[Seen]) {
    let mut took =
        page.metric("ecap_consumer_batch_duration_seconds", Kind::Histogram, "How long batches took.");
    for seen in consumers {
        let Counts { batches, millis, within, .. } = &*seen.look.counts;
        let mut count = 0;
        for (bound, more) in BOUNDS.iter().zip(within) {
            count += more;
            took.suffixed("_bucket", &[("consumer", &seen.name), ("le", &seconds(*bound))], count);
        }
        took.suffixed("_bucket", &[("consumer", &seen.name), ("le", &"+Inf")], batches);
        took.suffixed("_sum", &[("consumer", &seen.name)], seconds(*millis));
        took.suffixed("_count", &[("consumer", &seen.name)], batches);
    }
    let mut phases =
        page.metric("ecap_consumer_phase_seconds_total", Kind::Counter, "Time of batches by phase.");
    for seen in consumers {
        for (phase, millis) in &seen.look.counts.phases {
            phases.sample(&[("consumer", &seen.name), ("phase", phase)], seconds(*millis));
        }
    }
    let help = "From a record's event time to the end of the last batch.";
    let mut latency = page.metric("ecap_consumer_latency_seconds", Kind::Summary, help);
    for seen in consumers {
        let Some(of_last) = last(seen).and_then(|last| last.latency_ms) else { continue };
        for (quantile, millis) in [("0.5", of_last.p50), ("0.99", of_last.p99)] {
            latency.sample(&[("consumer", &seen.name), ("quantile", &quantile)], millis as f64 / 1e3);
        }
    }
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}
