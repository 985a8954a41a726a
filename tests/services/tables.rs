//! Delta tables and folders of Parquet, read and written by the Python package of Delta Lake, pyarrow, DuckDB and pandas.

use super::{cache, installed, run, script};
use crate::sinks::subjects::committed;
use crate::sinks::{give, rows, writer};
use ecap::clock::{ManualClock, SystemClock};
use ecap::delta::optimize::optimize;
use ecap::delta::runtime;
use ecap::delta::table::{Interest, Table};
use ecap::place::Place;
use ecap::sink::delta::{DeltaSink, Options};
use ecap::sink::file::{FileSink, Form, Layout};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

fn tables(args: &[&str]) -> Command {
    let mut command = installed(&cache().join("tools/tables/bin/python"));
    command.args(["-W", "ignore"]).arg(script("tables.py")).args(args);
    command
}

/// What the program says that reads and writes tables.
pub fn says(args: &[&str]) -> Value {
    serde_json::from_str(&run(&mut tables(args))).expect("the program prints JSON")
}

fn open(path: &Path, options: Options) -> DeltaSink {
    let place = Place::open(path.to_str().unwrap(), &[]).unwrap();
    DeltaSink::open(place, options, &rows([]).schema(), writer("q"), Arc::new(SystemClock)).unwrap()
}

#[test]
fn python_reads_a_table_and_writes_to_it_between_two_batches() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("table");
    let text = path.to_str().unwrap();
    let options = || Options {
        partition_by: vec!["day".into(), "category".into()],
        properties: vec![("delta.checkpointInterval".into(), "5".into())],
        ..Options::default()
    };
    let mut sink = open(&path, options());
    for batch in 0..7 {
        give(&mut sink, batch, &rows([batch as i64 * 2, batch as i64 * 2 + 1])).unwrap();
    }
    let theirs: Vec<i64> = (100..103).collect();
    assert_eq!(says(&["append", text, "100", "101", "102"]), json!({"version": 8}));
    give(&mut sink, 7, &rows([14, 15])).unwrap();
    give(&mut open(&path, options()), 7, &rows([-1])).unwrap();
    let ids: Vec<_> = (0..16).chain(theirs).collect();
    let expected = json!({
        "version": 9, "ids": ids, "partitions": ["day", "category"], "batch": 7, "records": 19,
        "least": 0, "greatest": 102, "last": null,
    });
    let mut seen = says(&["delta", text]);
    seen["last"] = Value::Null;
    assert_eq!(seen, expected);
    let interest = Interest { app: None, files: true };
    let done = runtime().unwrap().block_on(async {
        let mut table =
            Table::existing(Place::open(text, &[]).unwrap(), interest, Arc::new(SystemClock)).await.unwrap();
        optimize(&mut table, None).await.unwrap()
    });
    assert!(done.before > done.after, "{done:?}");
    let seen = says(&["delta", text]);
    assert_eq!((&seen["ids"], &seen["batch"]), (&json!(ids), &json!(7)));
}

#[test]
fn python_reads_what_a_merge_leaves() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("table");
    let mut sink = open(&path, Options { merge_on: vec!["id".into()], ..Options::default() });
    for batch in 0..6 {
        give(&mut sink, batch, &rows(batch as i64..batch as i64 + 10)).unwrap();
    }
    let seen = says(&["delta", path.to_str().unwrap()]);
    assert_eq!(seen["ids"], json!((0..15).collect::<Vec<_>>()));
    assert_eq!(seen["last"], "1970-01-01T00:00:14.000014+00:00");
}

fn in_files(path: &Path, by: &str) -> FileSink {
    let layout = Layout { partition_by: vec![by.into()], ..Layout::new(Form::Parquet) };
    let clock = Arc::new(ManualClock::at(0));
    FileSink::open(path, layout, &rows([]).schema(), writer("q"), clock).unwrap()
}

#[test]
fn the_values_of_partitions_are_what_they_were() {
    let folder = TempDir::new().unwrap();
    give(&mut in_files(folder.path(), "category"), 0, &rows(0..9)).unwrap();
    let values = json!([null, "Books", "Games/Toys"]);
    assert_eq!(says(&["values", folder.path().to_str().unwrap()]), json!([values, values]));
}

#[test]
fn a_folder_is_readable_at_any_moment() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let mut sink = in_files(&path, "day");
    let mut command = tables(&["folder", path.to_str().unwrap()]);
    let reader = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("python starts");
    let batches = 60usize;
    for batch in 0..batches {
        give(&mut sink, batch as u64, &rows(batch as i64 * 30..batch as i64 * 30 + 30)).unwrap();
    }
    fs::write(folder.path().join("out.stop"), "").unwrap();
    let ended = reader.wait_with_output().expect("python ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let seen: Value = serde_json::from_slice(&ended.stdout).expect("the program prints JSON");
    assert_eq!(seen["rows"], json!(batches * 30));
    assert!(committed(&path).len() > batches);
}
