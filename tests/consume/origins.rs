//! Checkpoints know what their offsets are of: a folder, a topic, and which one of that name; and queries of flags keep
//! theirs wherever their rows go.

use super::{SALES, Stage, at, json_lines};
use crate::support::{Cluster, Ended};
use ecap::catalog::Catalog;
use ecap::clock::SystemClock;
use ecap::engine::checkpoint::{Asked, Checkpoint, Folder, Options};
use ecap::query::plan::StreamPlan;
use serde_json::Value;
use std::fs;
use std::sync::Arc;

/// A run over what is there that adds its rows to a file.
const RUN: [&str; 8] =
    ["--trigger", "available-now", "--from", "earliest", "--sink", "ndjson", "--path", "out.ndjson"];

/// A query that has its checkpoint in one place, whatever it reads.
const KEPT: [&str; 4] = ["--topic", SALES, "--checkpoint", "kept"];

/// The ways out of a checkpoint that cannot be gone on from.
const OUT: [&str; 2] = ["name another --checkpoint than kept", "--restart-from"];

fn run(stage: &Stage, args: &[&str]) -> Ended {
    stage.consume(&[args, &RUN].concat())
}

/// How many rows came out so far.
fn rows(stage: &Stage) -> usize {
    let out = fs::read_to_string(stage.cluster.folder.path().join("out.ndjson")).unwrap_or_default();
    json_lines(&out).len()
}

/// A stage with five sales in the topic, and three in a folder.
fn with_folder() -> Stage {
    let stage = Stage::with(&[at(0), at(1_000), at(2_000), at(3_000), at(4_000)]);
    let folder = stage.cluster.folder.path().join("in");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("sales.ndjson"), format!("{}\n", at(0).json()).repeat(3)).unwrap();
    stage
}

#[test]
fn offsets_of_a_folder_are_none_of_the_topic() {
    let stage = with_folder();
    let folder = [&KEPT[..], &["--source", "in"]].concat();
    run(&stage, &folder).ok();
    let other =
        ["the checkpoint is of another query: it reads files in place of", "and this one reads the topic"];
    run(&stage, &KEPT).fails(2, &[other, OUT].concat());
    let last = run(&stage, &[&KEPT[..], &["--restart-from", "last"]].concat());
    last.fails(
        2,
        &[
            "--restart-from last",
            "no commit says where the query was in what it reads now",
            "--restart-from earliest",
        ],
    );
    assert_eq!(rows(&stage), 3);
    run(&stage, &[&KEPT[..], &["--restart-from", "earliest"]].concat()).ok();
    assert_eq!(rows(&stage), 3 + 5, "none is passed over");
    run(&stage, &folder).fails(2, &[&["it reads the topic", "and this one reads files"], &OUT[..]].concat());
}

#[test]
fn a_query_of_flags_is_tried_over_a_folder_and_runs_over_the_topic_unchanged() {
    let stage = with_folder();
    let query = ["--topic", SALES];
    run(&stage, &[&query[..], &["--source", "in"]].concat()).ok();
    run(&stage, &query).ok();
    run(&stage, &query).ok();
    run(&stage, &[&query[..], &["--source", "./in"]].concat()).ok();
    assert_eq!(rows(&stage), 3 + 5, "each of the two goes on where it was");
}

#[test]
fn a_topic_that_was_made_anew_is_another_one() {
    let stage = Stage::with(&[at(0), at(1_000)]);
    run(&stage, &KEPT).ok();
    let deleted = "customer-transactions' was deleted, and another one has its name now";
    // With fewer records than were read, and with more.
    for sold in [1, 3] {
        stage.cluster.run("ecap-topics", &["reset-topics", SALES, "--yes"]).ok();
        stage.sell(&vec![at(0); sold]);
        let before = rows(&stage);
        run(&stage, &KEPT).fails(2, &[&[deleted], &OUT[..]].concat());
        run(&stage, &[&KEPT[..], &["--restart-from", "last"]].concat()).fails(2, &["--restart-from last"]);
        run(&stage, &[&KEPT[..], &["--restart-from", "earliest"]].concat()).ok();
        assert_eq!(rows(&stage), before + sold);
    }
}

#[test]
fn a_topic_of_another_cluster_is_another_one() {
    let embedded = || {
        let cluster = Cluster::at(Arc::new(SystemClock));
        cluster.create_topics(&[SALES]);
        cluster
    };
    let (mut first, second) = (embedded(), embedded());
    let kept = first.folder.path().join("kept").display().to_string();
    let args = [&["--topic", SALES, "--checkpoint", &kept][..], &RUN].concat();
    first.run("ecap-consume", &args).ok();
    let other = ["it reads 'customer-transactions' of the cluster ", "and this one that of the cluster "];
    second.run("ecap-consume", &args).fails(2, &[&other[..], &["--restart-from"]].concat());
    first.stop();
    first.again();
    first.run("ecap-consume", &args).ok();
}

#[test]
fn a_query_of_flags_goes_on_whatever_its_sinks_are_told() {
    let stage = Stage::with(&[at(0), at(1_000)]);
    let query = ["--topic", SALES];
    run(&stage, &query).ok();
    run(&stage, &[&query[..], &["--sink-option", "file-size=1m"]].concat()).ok();
    let spaced = ["--topic", SALES, "--where", "quantity   >1"];
    run(&stage, &spaced).ok();
    assert_eq!(rows(&stage), 4, "another filter is another query");
    run(&stage, &["--topic", SALES, "--where", "quantity > 1"]).ok();
    assert_eq!(rows(&stage), 4, "and other spaces are none");
    stage.sell(&[at(2_000)]);
    let more = [
        "--sink",
        "more=csv",
        "--sink-option",
        "more.path=more.csv",
        "--sink-option",
        "ndjson.path=out.ndjson",
    ];
    let both = stage.consume(&[&query[..], &RUN[..6], &more].concat());
    let moved = "rows went to ndjson out.ndjson, and go to ndjson out.ndjson, csv more.csv from here on";
    assert!(both.err.contains(moved), "{both:?}");
    both.ok();
    assert_eq!(rows(&stage), 5);
    let more = fs::read_to_string(stage.cluster.folder.path().join("more.csv")).unwrap();
    assert_eq!(more.lines().count(), 2, "a new sink gets what comes from then on: {more}");
    let list: Value = serde_json::from_str(
        &stage.cluster.run("ecap-consume", &["checkpoint", "list", "--format", "json"]).ok(),
    )
    .unwrap();
    assert_eq!(list["checkpoints"].as_array().unwrap().len(), 2, "{list}");
}

#[test]
fn two_queries_of_one_name_are_told_apart_by_their_owners() {
    let stage = Stage::with(&[at(0)]);
    let mut first = stage.start(&["--topic", SALES, "--sink", "ndjson", "--path", "out.ndjson"]);
    first.batches(1);
    let second = stage.consume(&["--topic", SALES, "--sink", "csv", "--path", "out.csv"]);
    second.fails(2, &["is in use by process", "name another --checkpoint"]);
}

/// The checkpoint of a query of flags as older programs made it, under a name that had the sink in it.
fn older(stage: &Stage, sql: &str, name: &str) {
    let folder = stage.cluster.folder.path().join("home/checkpoints").join(name);
    let prefix = &stage.cluster.prefix;
    let catalog = Catalog::built_in().and_then(|catalog| catalog.prefixed(prefix)).unwrap();
    let plan = StreamPlan::with_tables(sql, &catalog, prefix, None, vec![]);
    let asked = Asked {
        name: name.into(),
        sql: sql.into(),
        sink: "ndjson out.ndjson".into(),
        topics: vec![stage.cluster.name(SALES)],
        origins: vec![],
        state: plan.unwrap().state(),
    };
    let store = Box::new(Folder::create(&folder).unwrap());
    drop(Checkpoint::open(store, "an older one", asked, &Options::default(), 0).unwrap());
}

#[test]
fn a_checkpoint_from_before_is_found_by_its_query() {
    let stage = Stage::with(&[at(0)]);
    let query = ["--topic", SALES];
    let sql = stage.consume(&[&query[..], &["--print-sql"]].concat()).ok();
    older(&stage, sql.trim(), "customer-transactions-0123abcd");
    older(&stage, "SELECT customer_id FROM `customer-transactions`", "customer-transactions-99999999");
    let first = run(&stage, &query);
    assert!(
        first.err.contains("customer-transactions-0123abcd is called customer-transactions-"),
        "{first:?}"
    );
    first.ok();
    run(&stage, &query).ok();
    assert_eq!(rows(&stage), 1);
    let checkpoints = fs::read_dir(stage.cluster.folder.path().join("home/checkpoints")).unwrap();
    assert_eq!(checkpoints.count(), 2, "it is the same one");

    let stage = Stage::with(&[at(0)]);
    ["customer-transactions-00000001", "customer-transactions-00000002"]
        .iter()
        .for_each(|name| older(&stage, sql.trim(), name));
    run(&stage, &query)
        .fails(2, &["several checkpoints from before: customer-transactions-00000001, ", "--name"]);
    run(&stage, &[&query[..], &["--name", "customer-transactions-00000002"]].concat()).ok();
    assert_eq!(rows(&stage), 1);
}
