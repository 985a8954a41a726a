use super::*;
use crate::consumers::health::{Metrics, Overall};
use crate::engine::progress;
use serde_json::{Value, json};

/// The time of a test's snapshot.
pub const NOW: &str = "2026-01-01T00:10:00.000Z";

/// So many consumers, all but every seventh of them well, the first one looked into.
pub fn snapshot(count: usize) -> Snapshot {
    let names: Vec<_> = (0..count).map(|number| format!("consumer-{number:02}")).collect();
    let details = |number: usize| Details {
        status: if number % 7 == 3 { "backing-off" } else { "running" }.into(),
        consecutive_failures: u32::from(number % 7 == 3),
        total_failures: u64::from(number % 7 == 3),
        last_check: NOW.into(),
        uptime_seconds: 7_512.5,
        last_error: (number % 7 == 3).then(|| "orders: no rights to read it: grant them".into()),
        metrics: metrics(number as u64),
    };
    let consumer_details: BTreeMap<_, _> =
        names.iter().cloned().enumerate().map(|(number, name)| (name, details(number))).collect();
    let healthy = consumer_details.values().filter(|details| details.status == "running").count();
    let status = Status {
        total_consumers: count,
        healthy_consumers: healthy,
        unhealthy_consumers: count - healthy,
        overall_status: if healthy == count { Overall::Healthy } else { Overall::Degraded },
        consumer_details,
    };
    let inside =
        names.first().map(|name| Inside { name: name.clone(), document: document(), windows: windows() });
    Snapshot {
        status,
        time: parse_time(NOW).expect("a time"),
        process: Process::At("http://127.0.0.1:8090".into()),
        batches: names.into_iter().map(|name| (name, batches())).collect(),
        inside,
    }
}

fn metrics(number: u64) -> Metrics {
    Metrics {
        input_rows_per_second: 950.2 + number as f64,
        processed_rows_per_second: 41_000.0,
        processing_ratio: 43.1,
        batch_duration_ms: Some(120 + number),
        lag: Some(number * 1_000),
        watermark: Some("2026-01-01T00:08:55.000Z".into()),
        state_rows: Some(1_234),
        late_rows: Some(7),
        dead_letters: Some(12),
        memory_bytes: Some(18_000),
        cpu_percent: Some(3.1),
    }
}

fn batches() -> Vec<Batch> {
    let batch = |number: u64| progress::Progress {
        batch_id: number,
        timestamp: format!("2026-01-01T00:09:{number:02}.000Z"),
        num_input_rows: 950,
        input_rows_per_second: 900.0 + 10.0 * (number % 5) as f64,
        processed_rows_per_second: 41_000.0,
        duration_ms: Durations {
            fetch: 100,
            decode: 5,
            plan: 5,
            state: 3,
            result: 2,
            sink: 4,
            checkpoint: Some(1),
            quality: None,
            trigger_execution: 120 + number,
        },
        event_time: EventTime {
            max: Some(format!("2026-01-01T00:09:{number:02}.000Z")),
            watermark: Some(format!("2026-01-01T00:08:{number:02}.000Z")),
            ..EventTime::default()
        },
        sink: SinkProgress { num_output_rows: 3 },
        rejected: [("not-json".to_string(), 1), ("wrong-type".to_string(), number % 2)].into(),
        ..progress::Progress::default()
    };
    let told = json!({"batch_metrics": (0..12).map(batch).collect::<Vec<_>>()});
    serde_json::from_value::<Progress>(told).expect("what the API tells").batch_metrics
}

fn document() -> Document {
    let partition =
        |number: i32| json!({"topic": "orders", "partition": number, "next": 120, "end": 130, "lag": 10});
    let unknown = json!({"topic": "orders", "partition": 3, "next": 7, "end": null, "lag": null});
    let change = |second: u32, status: &str, error: Value| json!({"timestamp": format!("2026-01-01T00:00:{second:02}.000Z"), "status": status, "error": error});
    serde_json::from_value(json!({
        "name": "consumer-00", "type": "transaction", "topic": "orders", "group": "my-group", "is_healthy": true,
        "errors": [], "warnings": ["long batch: 12s"], "restarts": 1, "sink_retries": 0, "status": "running",
        "partitions": [partition(0), partition(1), partition(2), unknown],
        "changes": [
            change(1, "starting", Value::Null),
            change(2, "backing-off", "sink parquet: the disk is full".into()),
            change(3, "running", Value::Null),
        ],
        "latency_ms": {"p50": 120, "p99": 900},
        "quality": {"orders": {"score": 92.6, "reasons": [
            {"measure": "nulls", "column": "user_id", "share": 0.025, "points": 5.0},
            {"measure": "duplicates", "share": 0.016, "points": 2.4},
        ]}},
    }))
    .expect("what the API tells")
}

fn windows() -> Rows {
    let row = |minute: u32| {
        let (start, end) = (
            format!("2026-01-01T00:{minute:02}:00.000Z"),
            format!("2026-01-01T00:{:02}:00.000Z", minute + 1),
        );
        json!([start, end, "garden", 1_000 + minute, 12.5, null])
    };
    let columns = ["window_start", "window_end", "category", "n", "revenue", "note"];
    serde_json::from_value(json!({"columns": columns, "rows": [row(6), row(7), row(8)]})).expect("rows")
}

#[test]
fn how_far_a_consumer_is_behind_follows_from_what_it_read() {
    let mut snapshot = snapshot(2);
    let told = |snapshot: &Snapshot, name| {
        let consumer = snapshot.consumer(name).expect("a consumer");
        (consumer.delay, consumer.behind)
    };
    assert_eq!(told(&snapshot, "consumer-00"), (Some(65_000), Some(0)), "everything is read");
    assert_eq!(told(&snapshot, "consumer-01"), (Some(65_000), Some(49_000)), "since the newest time read");
    snapshot.batches.clear();
    assert_eq!(told(&snapshot, "consumer-01").1, None, "nothing was read");
    assert_eq!(snapshot.consumer("other").map(|consumer| consumer.name), None);
}

#[test]
fn refused_records_are_counted_by_reason() {
    let snapshot = snapshot(1);
    let refused = snapshot.consumer("consumer-00").expect("a consumer").refused();
    let last = "2026-01-01T00:09:11.000Z";
    assert_eq!(refused, [("not-json", 12, last), ("wrong-type", 6, last)]);
}

#[test]
fn programs_get_the_status_document() {
    let snapshot = snapshot(1);
    let told = serde_json::to_value(&snapshot).expect("JSON");
    assert_eq!(told, serde_json::to_value(&snapshot.status).expect("JSON"));
    assert_eq!(told["consumer_details"]["consumer-00"]["metrics"]["lag"], 0);
}
