use super::*;
use crate::consumers::vitals::Look;
use crate::engine::progress::{Durations, SinkProgress, StateOperator};

fn seen(name: &str, state: State) -> Seen {
    let look = Look { every: Duration::from_secs(5), ..Look::default() };
    Seen { state, uptime: Some(Duration::from_secs(7)), look, ..Seen::stopped(name) }
}

fn batch(input: f64, processed: f64) -> Progress {
    Progress {
        num_input_rows: 100,
        input_rows_per_second: input,
        processed_rows_per_second: processed,
        sink: SinkProgress { num_output_rows: 3 },
        ..Progress::default()
    }
}

fn running(report: Progress) -> Seen {
    let look = Look { since_batch: Some(Duration::ZERO), ..seen("a", State::Running).look };
    Seen { reports: Arc::new(vec![Arc::new(report)]), look, ..seen("a", State::Running) }
}

fn warned(report: Progress) -> Vec<String> {
    warnings(&running(report), &Thresholds::default())
}

#[test]
fn the_status_is_the_documented_one() {
    let snapshot = Snapshot { at: 0, consumers: vec![running(batch(10.0, 20.0)), seen("b", State::Failed)] };
    let status = Status::of(&snapshot, &Thresholds::default());
    insta::assert_snapshot!(serde_json::to_string_pretty(&status).unwrap(), @r#"
    {
      "total_consumers": 2,
      "healthy_consumers": 1,
      "unhealthy_consumers": 1,
      "overall_status": "degraded",
      "consumer_details": {
        "a": {
          "status": "running",
          "consecutive_failures": 0,
          "total_failures": 0,
          "last_check": "1970-01-01T00:00:00.000Z",
          "uptime_seconds": 7.0,
          "last_error": null,
          "metrics": {
            "input_rows_per_second": 10.0,
            "processed_rows_per_second": 20.0,
            "processing_ratio": 2.0,
            "batch_duration_ms": 0,
            "lag": null,
            "watermark": null,
            "state_rows": 0,
            "late_rows": 0,
            "dead_letters": 0,
            "memory_bytes": 0,
            "cpu_percent": null
          }
        },
        "b": {
          "status": "failed",
          "consecutive_failures": 0,
          "total_failures": 0,
          "last_check": "1970-01-01T00:00:00.000Z",
          "uptime_seconds": 7.0,
          "last_error": null,
          "metrics": {
            "input_rows_per_second": 0.0,
            "processed_rows_per_second": 0.0,
            "processing_ratio": 0.0,
            "batch_duration_ms": null,
            "lag": null,
            "watermark": null,
            "state_rows": null,
            "late_rows": null,
            "dead_letters": null,
            "memory_bytes": null,
            "cpu_percent": null
          }
        }
      }
    }
    "#);
    for (consumers, overall) in [
        (vec![], Overall::Unhealthy),
        (vec![seen("b", State::Failed)], Overall::Unhealthy),
        (vec![seen("a", State::Running)], Overall::Healthy),
    ] {
        let status = Status::of(&Snapshot { at: 0, consumers }, &Thresholds::default());
        assert_eq!(status.overall_status, overall);
    }
}

#[test]
fn warnings_begin_behind_their_thresholds_and_say_the_documented_words() {
    assert!(warned(batch(100.0, 84.0)).is_empty());
    assert_eq!(warned(batch(100.0, 83.0)), ["input rate exceeds processing capacity"]);
    let both = ["processing rate is 0.50 of the input rate", "input rate exceeds processing capacity"];
    assert_eq!(warned(batch(100.0, 50.0)), both);
    let took = |trigger_execution| Durations { trigger_execution, ..Durations::default() };
    assert!(warned(Progress { duration_ms: took(10_000), ..batch(1.0, 1.0) }).is_empty());
    let long = warned(Progress { duration_ms: took(10_001), ..batch(1.0, 1.0) });
    assert!(long[0].starts_with("long batch: 10"), "{long:?}");
    let rows = |num_rows_total| vec![StateOperator { num_rows_total, ..StateOperator::default() }];
    assert!(warned(Progress { state_operators: rows(1_000_000), ..batch(1.0, 1.0) }).is_empty());
    let large = warned(Progress { state_operators: rows(1_000_001), ..batch(1.0, 1.0) });
    assert_eq!(large, ["large state: 1000001 rows"]);
    let refused = |count| [("MALFORMED_JSON".to_string(), count)].into();
    assert!(warned(Progress { rejected: refused(1), ..batch(1.0, 1.0) }).is_empty());
    let dead = warned(Progress { rejected: refused(2), ..batch(1.0, 1.0) });
    assert_eq!(dead, ["dead letters: 2.0 % of the records of the last 1 batches"]);
}

#[test]
fn one_that_does_not_go_on_for_three_triggers_is_stalled() {
    let behind = |seconds| {
        let look = Look {
            behind: Some(Duration::from_secs(seconds)),
            lag: Some(7),
            ..seen("a", State::Running).look
        };
        judge(&Seen { look, ..seen("a", State::Running) }, &Thresholds::default())
    };
    assert!(behind(14).is_healthy);
    let stalled = behind(15);
    assert_eq!((stalled.status, stalled.is_healthy), ("stalled", false));
    assert_eq!(stalled.errors, ["no progress for 15s, 7 records behind"]);
}

#[test]
fn the_status_says_why_a_consumer_is_stalled_and_not_what_was_wrong_before() {
    let look = |behind| Look {
        behind: Some(Duration::from_secs(behind)),
        lag: Some(7),
        ..seen("a", State::Running).look
    };
    let reason = |state, behind| {
        let before = Some("nobody answered".to_string());
        let consumers = vec![Seen { look: look(behind), last_error: before, ..seen("a", state) }];
        let status = Status::of(&Snapshot { at: 0, consumers }, &Thresholds::default());
        status.consumer_details["a"].last_error.clone().unwrap_or_default()
    };
    assert_eq!(reason(State::Running, 15), "no progress for 15s, 7 records behind");
    assert_eq!(reason(State::Running, 14), "nobody answered");
    assert_eq!(reason(State::Failed, 15), "nobody answered");
}

#[test]
fn where_nothing_came_for_long_nothing_comes() {
    let look = Look { since_batch: Some(Duration::from_secs(16)), ..seen("a", State::Running).look };
    let seen = Seen { look, ..running(batch(9.0, 9.0)) };
    assert_eq!(Metrics::of(&seen).input_rows_per_second, 0.0);
}
