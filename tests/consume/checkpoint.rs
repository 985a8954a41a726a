//! Queries that go on where they were, and the verbs that look after what they go on from.

use super::bad_input::{USAGE, refused};
use super::{Running, SALES, Stage, at, integer, json_lines, sales};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

const WINDOWS: [&str; 6] = ["--topic", SALES, "--window", "10s", "--checkpoint", "kept"];
const AVAILABLE: [&str; 6] = ["--trigger", "available-now", "--output-mode", "append", "--format", "json"];

/// The rows of a run over what is there by now.
fn on(stage: &Stage, args: &[&str]) -> Vec<Value> {
    json_lines(&stage.consume(&[&WINDOWS[..], &AVAILABLE, &["--from", "earliest"], args].concat()).ok())
}

#[test]
fn a_query_goes_on_where_it_was() {
    let sales = sales(300, 120_000);
    let stage = Stage::with(&sales);
    let all: BTreeMap<i64, i64> = super::brute_force(&sales, 10_000, 10_000)
        .into_iter()
        .map(|(start, window)| (start, window.count))
        .collect();
    // Every record is within the delay, in whatever order the runs see them.
    let late = ["--watermark", "10m"];
    let mut rows = on(&stage, &[&late[..], &["--max-offsets-per-trigger", "70"]].concat());
    assert_eq!(rows, Vec::<Value>::new(), "nothing is final yet");
    stage.sell(&[
        at(900_000),
        super::Sale { partition: 1, ..at(900_000) },
        super::Sale { partition: 2, ..at(900_000) },
    ]);
    rows.extend(on(&stage, &late));
    assert_eq!(stage.counts(&rows), all, "the state of the first run is in the rows of the second");
    assert_eq!(on(&stage, &late), Vec::<Value>::new(), "and nothing comes twice");
}

#[test]
fn what_comes_while_no_one_reads_is_read_at_the_next_start() {
    let stage = Stage::with(&[at(0)]);
    let args = [&["--topic", SALES, "--checkpoint", "kept"][..], &AVAILABLE].concat();
    // From the latest record on, as where nobody says: there is none yet, and that is kept.
    assert_eq!(stage.consume(&args).ok(), "");
    stage.sell(&[at(1_000), at(2_000)]);
    let rows = json_lines(&stage.consume(&args).ok());
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows.iter().map(|row| integer(row, "_offset")).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_checkpoint_has_one_owner() {
    let stage = Stage::with(&[at(0)]);
    let mut first = stage.start(&WINDOWS);
    first.batches(1);
    let second = stage.consume(&WINDOWS);
    let process = format!("is in use by process {}", first.child.id());
    second.fails(2, &[&process, "stop it, or name another --checkpoint"]);
    stage.cluster.run("ecap-consume", &["checkpoint", "remove", "kept", "--yes"]).fails(2, &["is in use by"]);
    first.signal("-KILL");
    first.end();
    // A dead owner holds nothing.
    on(&stage, &[]);
}

#[test]
fn another_query_is_refused_with_both_ways_out() {
    let stage = Stage::with(&[at(0)]);
    on(&stage, &[]);
    let by_category = [&WINDOWS[..], &["--group-by", "product_category"], &AVAILABLE].concat();
    stage
        .consume(&by_category)
        .fails(2, &["its state was made by", "another --checkpoint", "--restart-from"]);
    stage.consume(&[&by_category[..], &["--restart-from", "earliest", "--flush-at-end"]].concat()).ok();
}

#[test]
fn checkpoints_are_listed_shown_checked_gone_back_to_and_removed() {
    let stage = Stage::with(&sales(100, 60_000));
    let verb = |args: &[&str]| stage.cluster.run("ecap-consume", &[&["checkpoint"][..], args].concat());
    assert!(verb(&["list"]).ok().contains("batches"), "an empty list has its heading");
    let place = "home/checkpoints/mine";
    let named = ["--topic", SALES, "--window", "10s", "--name", "mine", "--checkpoint", place];
    let args = [&named[..], &AVAILABLE, &["--from", "earliest", "--max-offsets-per-trigger", "20"]].concat();
    stage.consume(&args).ok();

    let list: Value = serde_json::from_str(&verb(&["list", "--format", "json"]).ok()).unwrap();
    let mine = &list["checkpoints"][0];
    assert_eq!((mine["name"].as_str(), integer(mine, "records")), (Some("mine"), 100), "{list}");
    let shown: Value = serde_json::from_str(&verb(&["show", "mine", "--format", "json"]).ok()).unwrap();
    let batches = shown["batches"].as_array().unwrap();
    assert_eq!(integer(batches.last().unwrap(), "records"), 100, "{shown}");
    assert!(shown["query"]["sql"].as_str().unwrap().contains("window("), "{shown}");
    verb(&["verify", "mine"]).ok();

    verb(&["rewind", "mine", "--to", "1"]).fails(2, &["has to be confirmed"]);
    verb(&["rewind", "mine", "--to", "77", "--yes"]).fails(2, &["it remembers 0 to"]);
    verb(&["rewind", "mine", "--to", "1", "--yes"]).ok();
    let again = stage.consume(&args);
    assert!(again.err.contains("goes on from its checkpoint, behind 1 batches"), "{}", again.err);
    again.ok();

    let folder = stage.cluster.folder.path().join(place);
    let states = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let last = states.filter(|path| path.extension().is_some_and(|ending| ending == "state")).max().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&last, bytes).unwrap();
    verb(&["verify", "mine"]).fails(3, &["checksum differs", "goes back to the last batch"]);
    verb(&["remove", "mine", "--yes"]).ok();
    assert!(!folder.exists());
    verb(&["show", "mine"]).fails(2, &["there is no checkpoint mine", "checkpoint list"]);
}

#[test]
fn where_no_commit_is_whole_both_ways_out_are_open() {
    let stage = Stage::with(&[at(0)]);
    on(&stage, &[]);
    let folder = stage.cluster.folder.path().join("kept");
    for file in fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "commit") {
            fs::write(&file, "{}").unwrap();
        }
    }
    let args = [&WINDOWS[..], &AVAILABLE].concat();
    stage.consume(&args).fails(2, &["no commit in it is whole", "another --checkpoint", "--restart-from"]);
    let last = stage.consume(&[&args[..], &["--restart-from", "last"]].concat());
    last.fails(2, &["no commit says where the query was", "--restart-from earliest"]);
    let again = [&args[..], &["--restart-from", "earliest", "--flush-at-end"]].concat();
    assert_eq!(json_lines(&stage.consume(&again).ok()).len(), 1);
    assert_eq!(on(&stage, &[]), Vec::<Value>::new(), "it goes on from there");
}

#[test]
fn a_temporary_checkpoint_is_gone_at_the_end() {
    let stage = Stage::with(&[at(0)]);
    let args = ["--topic", SALES, "--temporary-checkpoint", "--from", "earliest"];
    let mut running =
        Running::start(stage.cluster.command("ecap-consume").args(args).args(["--progress", "json"]));
    let batch = running.batch();
    assert!(integer(&batch, "checkpointBytes") > 0, "without state, too: {batch}");
    running.interrupt();
    let left = fs::read_dir(stage.cluster.folder.path().join("home/checkpoints")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_folder_that_cannot_be_one_is_refused() {
    let stage = Stage::with(&[at(0)]);
    fs::write(stage.cluster.folder.path().join("kept"), "a file").unwrap();
    refused(stage.consume(&WINDOWS), USAGE, &["cannot keep a checkpoint in kept"]);
    refused(stage.consume(&["--topic", SALES, "--name", "../x"]), USAGE, &["'../x' is no name of a query"]);
    let option = [&WINDOWS[..], &["--checkpoint-option", "AWS_REGION=x"]].concat();
    refused(stage.consume(&option), USAGE, &["kept is a folder, and 'AWS_REGION' is an option of a store"]);
    let elsewhere = ["--topic", SALES, "--checkpoint", "ftp://host/kept"];
    refused(stage.consume(&elsewhere), USAGE, &["'ftp://host/kept': nothing can be kept there"]);
}

#[test]
fn where_another_query_was_is_no_place_in_other_topics() {
    let stage = Stage::with(&[at(0)]);
    on(&stage, &[]);
    let other = ["--topic", "user-events", "--checkpoint", "kept", "--restart-from"];
    let last = stage.consume(&[&other[..], &["last"], &AVAILABLE].concat());
    last.fails(2, &["where the query was in what it reads now", "--restart-from earliest"]);
}
