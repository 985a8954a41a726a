//! The queries in `queries/`, each on records that show what it is for; and what is said of queries before
//! they run.

use super::{ALL, Stage, integer, json_lines, sales, shipped};
use crate::support::{Ended, binary_command, project};
use serde_json::{Value, json};
use tempfile::TempDir;

const MINUTE: i64 = 60_000;

/// A sale: milliseconds, user, category, amount.
type Sale<'a> = (i64, &'a str, &'a str, f64);

impl Stage {
    fn put_sales(&self, sales: &[Sale]) {
        for (number, (millis, user, category, amount)) in (0..).zip(sales) {
            let sale = json!({
                "transaction_id": format!("t{number}"), "user_id": user, "session_id": format!("s-{user}"),
                "product_id": "p", "category_id": category, "category_name": category,
                "price": amount, "quantity": 1, "timestamp": self.base + millis,
            });
            self.put("transactions", 0, *millis, Some(sale.to_string().as_bytes()));
        }
        self.flush();
    }

    fn put_events(&self, events: &[(i64, &str, &str)]) {
        for (number, (millis, user, kind)) in (0..).zip(events) {
            let event = json!({
                "event_id": format!("e{number}"), "user_id": user, "session_id": format!("s-{user}"),
                "event_type": kind, "timestamp": self.base + millis,
            });
            self.put("user-events", 0, *millis, Some(event.to_string().as_bytes()));
        }
        self.flush();
    }

    #[track_caller]
    fn shipped(&self, name: &str, more: &[&str]) -> Vec<Value> {
        let path = shipped(name);
        let args = [&["query", &path][..], &ALL, &["--format", "json"], more].concat();
        json_lines(&self.consume(&args).ok())
    }
}

#[test]
fn alerts_of_both_kinds_with_their_severity() {
    let stage = Stage::new(&["transactions"]);
    // u1 sells for 60,000 at once; u2 comes to a score of 0.3 * 3 + 0.4 * 60 + 0.3 * 2 = 25.5 with the third sale;
    // u3 stays below.
    let sales = [
        (1_000, "u1", "a", 60_000.0),
        (2_000, "u2", "a", 9_000.0),
        (3_000, "u2", "b", 9_000.0),
        (4_000, "u3", "a", 100.0),
        (5_000, "u2", "b", 42_000.0),
    ];
    stage.put_sales(&sales);
    let mut alerts: Vec<_> = stage
        .shipped("fraud-alerts", &[])
        .iter()
        .map(|alert| {
            let text = |name: &str| alert[name].as_str().unwrap().to_string();
            (text("alert_type"), text("user_id"), text("alert_severity"))
        })
        .collect();
    alerts.sort();
    let expected = [
        ("BEHAVIORAL", "u1", "CRITICAL"),
        ("BEHAVIORAL", "u2", "CRITICAL"),
        ("HIGH_VALUE", "u1", "CRITICAL"),
        ("HIGH_VALUE", "u2", "MEDIUM"),
    ];
    assert_eq!(alerts, expected.map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())));
}

#[test]
fn a_behavioural_alert_comes_once_when_its_score_first_crosses() {
    let stage = Stage::new(&["transactions"]);
    let path = shipped("fraud-alerts");
    let mut query = stage.start(&["query", &path, "--trigger", "0s", "--format", "json"]);
    // Ten sales of 9,000 by one user within a minute: the score passes 20 with the sixth, and goes on to grow.
    for number in 0..10 {
        stage.put_sales(&[(number * 1_000, "u1", "a", 9_000.0)]);
        query.batches(1);
    }
    let alerts = json_lines(&query.interrupt().ok());
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(integer(&alerts[0], "transaction_count"), 6, "the values are those of that moment");
    let id = alerts[0]["alert_id"].as_str().unwrap();
    assert!(id.starts_with("BEHAVIORAL-u1-"), "{id}");
}

#[test]
fn where_alerts_are_kept_they_have_the_values_of_their_moment_too() {
    let stage = Stage::new(&["transactions"]);
    let path = shipped("fraud-alerts");
    let kept = ["--sink", "ndjson", "--path", "alerts.ndjson"];
    let mut query = stage.start(&[&["query", &path, "--trigger", "0s"][..], &kept].concat());
    for number in 0..10 {
        stage.put_sales(&[(number * 1_000, "u1", "a", 9_000.0)]);
        query.batches(1);
    }
    query.interrupt().ok();
    let alerts = std::fs::read_to_string(stage.cluster.folder.path().join("alerts.ndjson")).unwrap();
    let alerts = json_lines(&alerts);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(integer(&alerts[0], "transaction_count"), 6);
}

#[test]
fn the_default_windows_are_those_of_the_flags() {
    let stage = Stage::with(&sales(300, 61_000));
    let columns = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted = |mut rows: Vec<Value>| {
        rows.sort_by_key(|row| row["window_start"].to_string());
        rows
    };
    let flags = sorted(stage.rows(&["--window", "10s", "--slide", "5s"]));
    let shipped = sorted(stage.shipped("sliding-sales", &[]));
    assert_eq!(columns(&shipped[0]), columns(&flags[0]));
    for column in ["window_start", "record_count", "unique_customers", "min_batch_number", "max_batch_number"]
    {
        let of = |rows: &[Value]| rows.iter().map(|row| row[column].clone()).collect::<Vec<_>>();
        assert_eq!(of(&shipped), of(&flags), "{column}");
    }
}

#[test]
fn revenue_on_time_and_late() {
    let stage = Stage::new(&["transactions"]);
    let sale = |at: i64, arrived: i64, amount: f64| {
        let sale = json!({
            "transaction_id": "t", "user_id": "u", "product_id": "p", "price": amount, "quantity": 1,
            "timestamp": stage.base + at,
        });
        stage.put("transactions", 0, arrived, Some(sale.to_string().as_bytes()));
    };
    sale(MINUTE, MINUTE, 10.0);
    sale(2 * MINUTE, 8 * MINUTE, 5.0);
    sale(6 * MINUTE, 7 * MINUTE, 2.0);
    stage.flush();
    let rows = stage.shipped("on-time-and-late", &[]);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let amount = |name: &str| row[name].as_f64().unwrap();
            let start = stage.time(row, "window_start");
            (start, amount("on_time_amount"), amount("late_amount"), row["late_data_flag"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(shown, [(0, 10.0, 5.0, true), (5 * MINUTE, 2.0, 0.0, false)]);
}

#[test]
fn sales_are_enriched_with_their_category() {
    let stage = Stage::new(&["transactions"]);
    stage.put_sales(&[(1_000, "u1", "cat_03", 10.0), (2_000, "u1", "cat_99", 10.0)]);
    let rows = stage.shipped("enriched-transactions", &[]);
    let shown: Vec<_> =
        rows.iter().map(|row| (&row["category_description"], &row["weighted_amount"])).collect();
    assert_eq!(shown, [(&json!("Printed and bound"), &json!(8.0)), (&Value::Null, &Value::Null)]);
}

#[test]
fn sessions_with_their_length_and_whether_they_bought() {
    let stage = Stage::new(&["user-events"]);
    let events = [
        (0, "u1", "view"),
        (MINUTE, "u1", "cart"),
        (3 * MINUTE, "u1", "purchase"),
        (5 * MINUTE, "u2", "view"),
        (40 * MINUTE, "u1", "view"),
    ];
    stage.put_events(&events);
    let rows = stage.shipped("sessions-and-conversion", &[]);
    let mut shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let user = row["user_id"].as_str().unwrap();
            let length = stage.time(row, "session_end") - stage.time(row, "session_start");
            assert_eq!(integer(row, "session_seconds") * 1_000, length, "{row}");
            (user, length, integer(row, "events"), row["converted"].as_bool().unwrap())
        })
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, [("u1", 0, 1, false), ("u1", 3 * MINUTE, 3, true), ("u2", 0, 1, false)]);
    let rows = stage.shipped("conversion-funnel", &[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let steps = ["viewed", "carted", "checked_out", "purchased"].map(|step| integer(&rows[0], step));
    assert_eq!((steps, rows[0]["conversion"].as_f64()), ([2, 1, 0, 1], Some(0.5)));
}

/// Runs a command where no broker is.
fn alone(args: &[&str]) -> Ended {
    let folder = TempDir::new().unwrap();
    let mut command = binary_command("ecap-consume", folder.path());
    Ended::of(command.env("ECAP_BOOTSTRAP_SERVERS", "127.0.0.1:1").args(args))
}

#[test]
fn every_shipped_query_is_valid() {
    let files: Vec<_> = std::fs::read_dir(project("queries"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_string())
        .filter(|path| path.ends_with(".sql"))
        .collect();
    assert!(files.len() >= 9, "{files:?}");
    let args: Vec<_> = std::iter::once("validate").chain(files.iter().map(String::as_str)).collect();
    let out = alone(&args).ok();
    assert_eq!(out.lines().filter(|line| line.ends_with(": valid")).count(), files.len(), "{out}");
    assert!(out.contains("fraud-alerts.sql (output-mode: update): valid"), "{out}");
    assert!(out.contains("on-time-and-late.sql (watermark: 15m): valid"), "{out}");
}

#[test]
fn a_wrong_query_is_found_with_its_file_and_place() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("wrong.sql");
    std::fs::write(&path, "SELECT user_id,\n       pric\nFROM transactions\n").unwrap();
    let path = path.to_str().unwrap();
    let ended = alone(&["validate", &shipped("revenue-by-category"), path]);
    assert!(ended.out.contains("revenue-by-category.sql: valid"), "{ended:?}");
    ended.fails(2, &[path, "line 2", "'pric'", "'price'"]);
    std::fs::write(path, "-- Prices\n-- watermrk: 1m\nSELECT price\nFROM transactions\n").unwrap();
    alone(&["validate", path]).fails(2, &[path, "line 2", "'watermrk:'", "did you mean 'watermark'?"]);
}

#[test]
fn explain_says_what_is_read_and_what_is_kept() {
    let out = alone(&["explain", &shipped("fraud-alerts")]).ok();
    for part in [
        "transactions: event time timestamp, watermark 10m",
        "in output mode update",
        "windows: tumbling 1m",
        "count(DISTINCT",
        "more with each distinct value",
        "rows that come once",
        "alert_severity",
        "To the result",
    ] {
        assert!(out.contains(part), "'{part}' is missing in:\n{out}");
    }
    let late = alone(&["explain", &shipped("on-time-and-late")]).ok();
    assert!(late.contains("watermark 15m") && late.contains("in output mode update"), "{late}");
    let flags = ["--watermark", "1m", "--output-mode", "append"];
    let late = alone(&[&["explain", &shipped("on-time-and-late")][..], &flags].concat()).ok();
    assert!(late.contains("watermark 1m") && late.contains("in output mode append"), "a flag wins: {late}");
    let json: Value =
        serde_json::from_str(&alone(&["explain", &shipped("correlated-events"), "--format", "json"]).ok())
            .unwrap();
    assert_eq!(json["reads"].as_array().map(Vec::len), Some(2));
    assert!(json["keeps"][0]["until"].as_str().unwrap().contains("-2m to 2m"), "{json}");
}
