//! When batches run, what each shows, what is late, and how a query ends.

use super::{SALES, Stage, at, integer, json_lines, sales};
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{PATIENCE, wait_for};

const SLIDING: [&str; 4] = ["--window", "10s", "--slide", "5s"];

fn given_out(batch: &Value) -> i64 {
    integer(&batch["sink"], "numOutputRows")
}

fn total(batches: &[Value], count: impl Fn(&Value) -> i64) -> i64 {
    batches.iter().map(count).sum()
}

#[test]
fn ctrl_c_waits_for_no_trigger_and_ends_with_0() {
    let stage = Stage::with(&[at(1_000), at(2_000)]);
    let mut query = stage.start(&[&SLIDING[..], &["--trigger", "1h"]].concat());
    assert_eq!(integer(&query.batch(), "numInputRows"), 2);
    let ended = query.interrupt();
    assert!(ended.err.contains("2 records read in 1 batch,"), "{ended:?}");
    let out = ended.ok();
    assert!(out.contains("\nBatch 0\n") && out.contains("Records in this batch: 2"), "{out}");
    assert!(out.contains("Total records processed: 2"), "{out}");
}

#[test]
fn a_trigger_gathers_what_came_since_the_last() {
    let stage = Stage::with(&[at(1_000)]);
    let mut query = stage.start(&[&SLIDING[..], &["--trigger", "1s", "--format", "json"]].concat());
    query.batches(1);
    stage.sell(&[at(2_000), at(3_000), at(4_000)]);
    let batches = query.batches(3);
    let numbers: Vec<_> = batches.iter().map(|batch| integer(batch, "batchId")).collect();
    assert_eq!(numbers[0], 1, "a trigger without records is no batch");
    let rows = json_lines(&query.interrupt().ok());
    let newest = stage.counts(&rows[rows.len() - 2..]);
    assert_eq!(newest, BTreeMap::from([(-5_000, 4), (0, 4)]));
}

#[test]
fn trigger_0s_shows_records_as_they_come() {
    let stage = Stage::new(&[SALES]);
    let mut query = stage.start(&[&SLIDING[..], &["--trigger", "0s"]].concat());
    for millis in [1_000, 2_000, 3_000] {
        stage.sell(&[at(millis)]);
        query.batches(1);
    }
    let out = query.interrupt().ok();
    assert!(out.contains("\nBatch 2\n") && out.contains("Total records processed: 3"), "{out}");
}

#[test]
fn trigger_once_is_one_batch_of_everything() {
    let stage = Stage::with(&sales(200, 60_000));
    let ended = stage.start(&[&SLIDING[..], &["--trigger", "once", "--rows", "100"]].concat()).end();
    assert!(ended.err.contains("200 records read in 1 batch,"), "{ended:?}");
    assert!(ended.out.contains("Records in this batch: 200"), "{ended:?}");
    ended.ok();
}

#[test]
fn available_now_ends_where_the_topic_ended_at_the_start() {
    let stage = Stage::with(&sales(200, 60_000));
    let mut query = stage.start(&[&SLIDING[..], &["--trigger", "available-now"]].concat());
    query.batches(200);
    let ended = query.end();
    assert!(ended.err.contains("200 records read"), "{ended:?}");
    ended.ok();
}

#[test]
fn an_empty_topic_is_no_error() {
    let stage = Stage::new(&[SALES]);
    for trigger in ["once", "available-now"] {
        let ended = stage.consume(&["--window", "10s", "--from", "earliest", "--trigger", trigger]);
        assert!(ended.err.contains("0 records read"), "{ended:?}");
        assert_eq!(ended.ok(), "");
    }
}

#[test]
fn reading_begins_where_it_is_told() {
    let stage = Stage::with(&[at(1_000), at(2_000), at(3_000)]);
    let from = |place: &str| {
        let args = ["--window", "10s", "--trigger", "available-now", "--from", place];
        stage.consume(&[&args[..], &["--flush-at-end"]].concat()).err
    };
    assert!(from("earliest").contains("3 records read"));
    assert!(from("latest").contains("0 records read"));
    let time = (stage.base + 2_000).to_string();
    assert!(from(&time).contains("2 records read"), "from a time, both ends of it");
}

#[test]
fn windows_that_are_not_final_wait_for_the_flush() {
    let stage = Stage::with(&[at(1_000), at(11_000), at(26_000)]);
    let run = |delay: &str, more: &[&str]| {
        let args = ["--window", "10s", "--watermark", delay, "--from", "earliest", "--format", "json"];
        let mode = ["--trigger", "available-now", "--output-mode", "append"];
        stage.counts(&json_lines(&stage.consume(&[&args[..], &mode, more].concat()).ok()))
    };
    assert_eq!(run("5s", &[]), BTreeMap::from([(0, 1), (10_000, 1)]), "final: the watermark is at 21 s");
    assert_eq!(run("7s", &[]), BTreeMap::from([(0, 1)]), "at 19 s only the first is");
    assert_eq!(run("7s", &["--flush-at-end"]), BTreeMap::from([(0, 1), (10_000, 1), (20_000, 1)]));
}

#[test]
fn late_records_are_counted_and_in_no_window() {
    let stage = Stage::with(&[at(1_000), at(12_000), at(21_000)]);
    let flags = ["--window", "10s", "--watermark", "5s", "--trigger", "0s", "--output-mode", "append"];
    let mut query = stage.start(&[&flags[..], &["--format", "json"]].concat());
    let before = query.batches(3);
    assert_eq!(before.last().map(|batch| &batch["eventTime"]["watermark"]), Some(&stage.text(16_000)));
    // [0, 10) is final; [10, 20) and what follows are not.
    stage.sell(&[at(9_999), at(10_000), at(2_000)]);
    let after = query.batches(3);
    let late = |batch: &Value| integer(&batch["stateOperators"][0], "numRowsDroppedByWatermark");
    assert_eq!(total(&before, late) + total(&after, late), 2);
    let partition = |batch: &Value| batch["sources"][0]["lateByPartition"]["0"].as_i64().unwrap_or(0);
    assert_eq!(total(&after, partition), 2);
    stage.sell(&[at(40_000)]);
    query.batches(1);
    let ended = query.interrupt();
    assert!(ended.err.contains("2 late"), "{ended:?}");
    let rows = json_lines(&ended.ok());
    assert_eq!(stage.counts(&rows), BTreeMap::from([(0, 1), (10_000, 2), (20_000, 1)]));
}

#[test]
fn a_partition_that_falls_silent_holds_no_results_back() {
    let silent = super::Sale { partition: 1, ..at(2_000) };
    let stage = Stage::with(&[at(1_000), silent, at(25_000)]);
    let flags = ["--window", "10s", "--watermark", "0s", "--trigger", "0s", "--output-mode", "append"];
    let start = |timeout: &str| {
        let mut query = stage.start(&[&flags[..], &["--idle-timeout", timeout, "--format", "json"]].concat());
        assert_eq!(total(&query.batches(3), given_out), 0, "the watermark is at 2 s at most");
        query
    };
    let (mut ends, mut waits) = (start("200ms"), start("off"));
    let (mut sold, mut given) = (3, 0);
    while given == 0 {
        stage.sell(&[at(25_000 + sold)]);
        sold += 1;
        given = given_out(&ends.batch());
    }
    assert_eq!(total(&waits.batches(sold - 3), given_out), 0, "off is never");
    assert_eq!(waits.interrupt().ok(), "");
    let rows = json_lines(&ends.interrupt().ok());
    assert_eq!(stage.counts(&rows[..1]), BTreeMap::from([(0, 2)]));
}

/// What two batches give out in a mode: three records in two windows, then one more in the second.
fn rows_of_two_batches(mode: &str) -> (i64, i64) {
    let stage = Stage::with(&[at(1_000), at(11_000), at(12_000)]);
    let flags = ["--window", "10s", "--watermark", "60s", "--trigger", "0s", "--output-mode", mode];
    let mut query = stage.start(&flags);
    let first = total(&query.batches(3), given_out);
    stage.sell(&[at(13_000)]);
    let second = total(&query.batches(1), given_out);
    query.interrupt().ok();
    (first, second)
}

#[test]
fn update_shows_the_windows_that_changed() {
    let (first, second) = rows_of_two_batches("update");
    assert!(first >= 2, "{first}");
    assert_eq!(second, 1);
}

#[test]
fn complete_shows_all_windows() {
    assert_eq!(rows_of_two_batches("complete").1, 2);
}

#[test]
fn append_shows_nothing_before_it_is_final() {
    assert_eq!(rows_of_two_batches("append"), (0, 0));
}

#[test]
fn progress_has_the_documented_names() {
    let stage = Stage::with(&[at(1_000), at(26_000)]);
    let flags = ["--window", "10s", "--watermark", "5s", "--trigger", "once"];
    let mut query = stage.start(&flags);
    let batch = query.batch();
    query.end().ok();
    for name in ["timestamp", "inputRowsPerSecond", "processedRowsPerSecond", "rejected", "tombstones"] {
        assert!(!batch[name].is_null(), "{name}: {batch}");
    }
    assert_eq!(batch["inputRowsPerSecond"], 0.0, "since when these came is not known");
    let phases = ["fetch", "decode", "plan", "state", "result", "sink"];
    let spent: i64 = phases.iter().map(|phase| integer(&batch["durationMs"], phase)).sum();
    assert!(spent <= integer(&batch["durationMs"], "triggerExecution"), "{batch}");
    assert_eq!((integer(&batch, "batchId"), integer(&batch, "numInputRows")), (0, 2));
    let event_time = |name: &str| stage.time(&batch["eventTime"], name);
    assert_eq!((event_time("min"), event_time("max"), event_time("watermark")), (1_000, 26_000, 21_000));
    assert_eq!(event_time("avg"), 13_500);
    let source = &batch["sources"][0];
    assert_eq!(source["description"], Value::from(stage.cluster.name(SALES)));
    let offsets = |name: &str| (0..3).map(|n| integer(&source[name], &n.to_string())).collect::<Vec<_>>();
    assert_eq!(offsets("startOffset"), [0, 0, 0]);
    assert_eq!(offsets("endOffset"), [2, 0, 0]);
    assert_eq!(offsets("latestOffset"), [2, 0, 0]);
    assert_eq!(integer(&batch["sink"], "numOutputRows"), 2);
    assert_eq!(integer(&batch["stateOperators"][0], "numRowsTotal"), 1, "one window is not final");
    assert_eq!(integer(&batch["stateOperators"][0], "numRowsUpdated"), 2);
    assert!(integer(&batch["stateOperators"][0], "memoryUsedBytes") > 0, "{batch}");
}

/// Where a group stands on each partition, and what it says about who committed.
fn committed(stage: &Stage, group: &str) -> Vec<(Option<i64>, String)> {
    let mut asked = TopicPartitionList::new();
    for partition in 0..3 {
        asked.add_partition(&stage.cluster.name(SALES), partition);
    }
    let found = stage.consumer(group).committed_offsets(asked, PATIENCE).unwrap();
    let place = |offset| match offset {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    found.elements().iter().map(|at| (place(at.offset()), at.metadata().to_string())).collect()
}

#[test]
fn lag_tools_see_how_far_the_query_read() {
    let stage = Stage::with(&sales(100, 30_000));
    let group = stage.cluster.name("mine");
    for (flags, group) in [(&[][..], "ecap-customer-transactions"), (&["--consumer-group", &group], "mine")] {
        stage.consume(&[&SLIDING[..], &super::ALL, flags].concat()).ok();
        let found = committed(&stage, group);
        let offsets: Vec<_> = found.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, [Some(34), Some(33), Some(33)], "{group}: the next record to read");
        assert!(found.iter().all(|(_, owner)| owner.starts_with("ecap-consume on ")), "{found:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_success() {
    let stage = Stage::with(&sales(100, 30_000));
    let mut command = stage.cluster.command("ecap-consume");
    let flags = ["--window", "10s", "--from", "earliest", "--trigger", "0s", "--progress", "off"];
    let mut child = command.args(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("----"), "{line}");
    let status = wait_for("its end", || {
        stage.sell(&[at(31_000)]);
        child.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(0));
    let left = crate::support::Ended::from(child.wait_with_output().unwrap());
    assert!(!left.err.contains("error") && !left.err.contains("panicked"), "{left:?}");
}
