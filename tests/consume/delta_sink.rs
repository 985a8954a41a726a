//! Results in Delta tables, and Delta tables to join with.

use super::bad_input::{USAGE, refused};
use super::folder::Place;
use super::{integer, json_lines};
use serde_json::Value;
use std::fs;

const RUN: [&str; 5] = ["--source", "in", "--trigger", "available-now", "--flush-at-end"];

fn run(place: &Place, args: &[&str]) -> String {
    place.run(&[&RUN[..], &["--max-files-per-trigger", "1"], args].concat()).ok()
}

/// The rows of a table that has one row for each category, by a join of it with the sales.
fn joined(place: &Place, column: &str) -> Vec<(String, i64)> {
    let sql = format!(
        "SELECT s.product_category AS category, max(t.{column}) AS value FROM `customer-transactions` s \
         JOIN t ON s.product_category = t.product_category GROUP BY window(s._timestamp, '3650 days'), s.product_category"
    );
    fs::write(place.path("query.sql"), sql).unwrap();
    let args =
        ["query", "query.sql", "--table", "t=delta:table", "--format", "json", "--output-mode", "append"];
    let rows = json_lines(&place.run(&[&args[..], &RUN].concat()).ok());
    let mut rows: Vec<_> = rows
        .iter()
        .map(|row| (row["category"].as_str().unwrap().to_string(), integer(row, "value")))
        .collect();
    rows.sort();
    rows.dedup_by(|one, other| one.0 == other.0);
    rows
}

fn by_category(args: &[&str]) -> Vec<String> {
    let own =
        ["--window", "3650d", "--group-by", "product_category", "--agg", "count(*) AS n", "--sink", "delta"];
    own.iter().chain(&["--path", "table"]).chain(args).map(ToString::to_string).collect()
}

fn versions(place: &Place) -> Vec<Vec<Value>> {
    let mut files: Vec<_> =
        fs::read_dir(place.path("table/_delta_log")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    files.iter().map(|file| json_lines(&fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn changing_rows_take_their_places_and_a_query_joins_them() {
    let place = Place::of_sales(90);
    let args =
        by_category(&["--merge-on", "window_start,product_category", "--partition-by", "product_category"]);
    run(&place, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(versions(&place).len() > 2, "a version for each batch");
    let rows = joined(&place, "n");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().map(|(_, n)| n).sum::<i64>(), 90, "{rows:?}");
}

#[test]
fn records_are_kept_as_they_came() {
    let place = Place::of_sales(90);
    let columns = ["--topic", "customer-transactions", "--sink", "delta", "--path", "table"];
    run(&place, &[&columns[..], &["--sink-option", "delta.checkpointInterval=2"]].concat());
    let adds: Vec<_> =
        versions(&place).into_iter().flatten().filter_map(|action| action.get("add").cloned()).collect();
    let rows = adds.iter().map(|add| {
        let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        stats["numRecords"].as_i64().unwrap()
    });
    assert_eq!(rows.sum::<i64>(), 90);
    assert!(fs::exists(place.path("table/_delta_log/_last_checkpoint")).unwrap());
}

#[test]
fn a_table_is_looked_after() {
    let place = Place::of_sales(90);
    run(&place, &["--topic", "customer-transactions", "--sink", "delta", "--path", "table"]);
    let files = |place: &Place| {
        let names = fs::read_dir(place.path("table")).unwrap();
        names.filter(|file| file.as_ref().unwrap().path().extension().is_some()).count()
    };
    assert_eq!(files(&place), 3);
    let said = place.run(&["delta", "optimize", "table"]).ok();
    assert!(said.contains("3 files became 1"), "{said}");
    refused(place.run(&["delta", "vacuum", "table", "--keep", "1h"]), USAGE, &["--force"]);
    let listed = place.run(&["delta", "vacuum", "table", "--keep", "0s", "--force", "--dry-run"]);
    assert!(listed.err.contains("3 files would be deleted"), "{listed:?}");
    assert_eq!((listed.ok().lines().count(), files(&place)), (3, 4));
    place.run(&["delta", "vacuum", "table", "--keep", "0s", "--force"]).ok();
    assert_eq!(files(&place), 1);
    assert!(place.run(&["delta", "checkpoint", "table"]).ok().starts_with("checkpoint of version "));
    refused(place.run(&["delta", "optimize", "in"]), USAGE, &["in is no Delta table"]);
    refused(place.run(&["delta", "checkpoint", "ftp://host/table"]), USAGE, &["s3://bucket/path"]);
}

#[test]
fn a_wrong_table_is_refused() {
    let place = Place::of_sales(90);
    let wrong = |args: &[&str], parts: &[&str]| {
        let args = by_category(args);
        let args: Vec<_> = RUN.iter().copied().chain(args.iter().map(String::as_str)).collect();
        refused(place.run(&args), USAGE, parts);
    };
    wrong(&["--merge-on", "absent"], &["--merge-on absent", "window_start"]);
    wrong(&["--partition-by", "absent"], &["--partition-by absent"]);
    wrong(&["--output-mode", "update"], &["--merge-on"]);
    wrong(&["--sink-option", "AWS_REGION=x"], &["AWS_REGION"]);
    let map = ["--where", "quantity > 1", "--trigger", "continuous", "--source", "in", "--sink", "delta"];
    refused(place.run(&[&map[..], &["--path", "table"]].concat()), USAGE, &["continuous", "--trigger 0s"]);
    let join =
        ["--where", "quantity > 1", "--source", "in", "--table", "t=delta:absent", "--trigger", "once"];
    refused(place.run(&join), USAGE, &["table t", "absent is no Delta table"]);
}
