//! What consumers kept, and what they should have.

use super::load::{World, micros, text};
use crate::support::Cluster;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rdkafka::message::Message;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::Path;

/// The lines of a file.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The rows in a folder of Parquet files, by its manifest.
pub fn parquet(folder: &Path) -> Vec<Value> {
    let files = lines(&folder.join("_manifest"));
    let files = files.iter().flat_map(|batch| batch["files"].as_array().unwrap());
    files.flat_map(|file| rows(&folder.join(file["path"].as_str().unwrap()))).collect()
}

/// The rows of a Delta table to which rows were only ever added, by its log.
pub fn delta(table: &Path) -> Vec<Value> {
    let entries = fs::read_dir(table.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path());
    let versions = entries.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let added = versions.flat_map(|version| lines(&version)).filter_map(|line| {
        assert!(line["remove"].is_null(), "{line}");
        Some(line["add"]["path"].as_str()?.to_string())
    });
    added.flat_map(|path| rows(&table.join(path))).collect()
}

fn rows(file: &Path) -> Vec<Value> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for rows in ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap()
    {
        writer.write(&rows.unwrap()).unwrap();
    }
    writer.finish().unwrap();
    let text = String::from_utf8(writer.into_inner()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The committed rows of a topic.
pub fn topic(cluster: &Cluster, name: &str) -> Vec<Value> {
    let records = crate::sinks_kafka::committed(cluster, name);
    records.iter().map(|record| serde_json::from_slice(record.payload().unwrap()).unwrap()).collect()
}

/// Rows with a window, a group, a number of records and maybe a revenue, as [`World::windows`] has them.
pub fn windows(rows: &[Value], group: &str) -> Vec<String> {
    let line = |row: &Value| {
        let cents = (row["revenue"].as_f64().unwrap_or_default() * 100.0).round() as u64;
        format!("{} {} {} {cents}", micros(&row["window_start"]), text(&row[group]), row["n"])
    };
    rows.iter().map(line).collect()
}

/// These columns of rows, with a blank between them.
pub fn columns(rows: &[Value], columns: &[&str]) -> Vec<String> {
    let line = |row: &Value| columns.iter().map(|column| text(&row[*column])).collect::<Vec<_>>().join(" ");
    rows.iter().map(line).collect()
}

/// The sessions of rows of the query.
pub fn sessions(rows: &[Value]) -> Vec<String> {
    let line =
        |row: &Value| format!("{} {} {} {}", text(&row["k"]), micros(&row["s"]), micros(&row["e"]), row["n"]);
    rows.iter().map(line).collect()
}

/// The sessions that there are: each ends a minute after its last event.
pub fn true_sessions(world: &World) -> Vec<String> {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for event in world.good("user-events") {
        times.entry(text(&event["session_id"])).or_default().push(micros(&event["timestamp"]));
    }
    let mut sessions = Vec::new();
    for (session, mut times) in times {
        times.sort_unstable();
        for part in times.chunk_by(|one, next| next - one <= 60_000_000) {
            let (first, end) = (part[0], part[part.len() - 1] + 60_000_000);
            sessions.push(format!("{session} {first} {end} {}", part.len()));
        }
    }
    sessions
}

/// Purchases with their events: those of the same session within a second.
pub fn true_purchases(world: &World) -> Vec<String> {
    let mut events: HashMap<String, Vec<(i64, String)>> = HashMap::new();
    for event in world.good("user-events").iter().filter(|event| event["event_type"] == "purchase") {
        let (session, time) = (text(&event["session_id"]), micros(&event["timestamp"]));
        events.entry(session).or_default().push((time, text(&event["event_id"])));
    }
    let mut purchases = Vec::new();
    for row in world.good("transactions") {
        let (id, time) = (text(&row["transaction_id"]), micros(&row["timestamp"]));
        let own = events.get(&text(&row["session_id"])).into_iter().flatten();
        let close = own.filter(|(event, _)| (event - time).abs() <= 1_000_000);
        purchases.extend(close.map(|(_, event)| format!("{id} {event}")));
    }
    purchases
}

/// Each row once.
pub fn once(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Holds that rows are these, in any order.
#[track_caller]
pub fn same(consumer: &str, mut found: Vec<String>, mut expected: Vec<String>) {
    found.sort_unstable();
    expected.sort_unstable();
    assert!(!expected.is_empty());
    if found != expected {
        let without = |all: &[String], others: &[String]| {
            let mut left: HashMap<String, i64> = HashMap::new();
            all.iter().for_each(|row| *left.entry(row.clone()).or_default() += 1);
            others.iter().for_each(|row| *left.entry(row.clone()).or_default() -= 1);
            let mut left: Vec<_> = left.into_iter().filter(|(_, count)| *count > 0).collect();
            left.sort_unstable();
            (left.len(), left.into_iter().take(5).collect::<Vec<_>>())
        };
        let (lost, more) = (without(&expected, &found), without(&found, &expected));
        panic!("{consumer}: {} rows of {}; lost: {lost:?}; too many: {more:?}", found.len(), expected.len());
    }
}
