//! Checkpoints in an object store: queries that are killed, put to sleep, or cut off from it.

use super::objects::{Store, options};
use crate::support::relay::{Protocol, Relay};
use crate::support::{Cluster, Ended, Told};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const RAW: &str = "SELECT transaction_id, _partition, _offset FROM transactions";
const WINDOWS: &str = "SELECT window.start AS s, category_name AS k, count(*) AS n, count(DISTINCT user_id) AS u, \
    sum(quantity) AS q FROM transactions GROUP BY window(timestamp, '20 seconds', '10 seconds'), category_name";

/// Small batches, so that there are many.
const ALWAYS: [&str; 6] = ["--trigger", "0s", "--max-offsets-per-trigger", "60", "--progress", "json"];
const TO_THE_END: [&str; 3] = ["--trigger", "available-now", "--flush-at-end"];

/// So many records are there at first.
const RECORDS: usize = 3_000;

/// A cluster with records, and a bucket.
struct Stage {
    cluster: Cluster,
    store: Store,
}

impl Stage {
    fn start() -> Self {
        let stage = Self { cluster: Cluster::start(), store: Store::start() };
        stage.cluster.create_topics(&["transactions"]);
        stage.produce(5);
        stage
    }

    fn produce(&self, seed: u32) {
        let (records, seed) = (RECORDS.to_string(), seed.to_string());
        let world = [
            "transactions",
            "-n",
            &records,
            "--seed",
            &seed,
            "--event-rate",
            "50",
            "-o",
            "in.ndjson",
            "--force",
        ];
        self.cluster.run("ecap-gen", &world).ok();
        let sent = ["--data-file", "in.ndjson", "--topic", "transactions", "--throughput", "-1"];
        self.cluster.run("ecap-produce", &sent).ok();
    }

    /// A query with its checkpoint in the bucket, which goes on where it was.
    fn query(&self, sql: &str, name: &str) -> Command {
        let file = self.cluster.folder.path().join(name).with_extension("sql");
        std::fs::write(&file, sql).unwrap();
        let mut command = self.cluster.command("ecap-consume");
        command.arg("query").arg(file).args(["--from", "earliest", "--watermark", "10m"]);
        command.args(["--output-mode", "append", "--checkpoint", &format!("s3://lake/kept/{name}")]);
        command.envs(self.store.options()).stdout(Stdio::null());
        command
    }

    /// The same, with a table in the bucket.
    fn kept(&self, sql: &str, name: &str) -> Command {
        let mut command = self.query(sql, name);
        command.args(["--sink", "delta", "--path", &format!("s3://lake/{name}")]);
        command
    }

    fn always(&self, sql: &str, name: &str) -> Told {
        Told::start(self.kept(sql, name).args(ALWAYS))
    }

    fn to_the_end(&self, sql: &str, name: &str) {
        Ended::of(self.kept(sql, name).args(TO_THE_END)).ok();
    }

    fn rows(&self, name: &str) -> Value {
        self.store.tables(&["rows", &format!("s3://lake/{name}")])
    }

    /// `ecap-consume checkpoint …`, with the store's options as flags.
    fn verb(&self, args: &[&str]) -> Ended {
        let mut command = self.cluster.command("ecap-consume");
        command.arg("checkpoint").args(args);
        for (name, value) in self.store.options() {
            command.arg("--option").arg(format!("{name}={value}"));
        }
        Ended::of(&mut command)
    }
}

/// Waits until so many batches more are done.
fn batches(told: &Told, count: usize) {
    (0..count).for_each(|_| drop(told.says(&["\"batchId\""])));
}

#[test]
fn a_query_that_is_killed_goes_on_from_its_bucket() {
    let stage = Stage::start();
    for count in [1, 7] {
        let running = stage.always(WINDOWS, "killed");
        batches(&running, count);
        running.signal("-KILL");
    }
    stage.to_the_end(WINDOWS, "killed");
    stage.to_the_end(WINDOWS, "straight");
    let rows = stage.rows("killed");
    assert!(rows.as_array().unwrap().len() > 20, "{rows}");
    assert_eq!(rows, stage.rows("straight"));
}

#[test]
fn a_bucket_has_one_owner_which_gives_it_back_at_its_end() {
    let stage = Stage::start();
    let first = stage.always(RAW, "owned");
    batches(&first, 1);
    let process = format!("s3://lake/kept/owned is in use by process {} on", first.process());
    Ended::of(stage.kept(RAW, "owned").args(ALWAYS)).fails(2, &[&process, "stop it, or name another"]);
    stage.verb(&["remove", "s3://lake/kept/owned", "--yes"]).fails(2, &[&process]);
    first.end();
    let second = Ended::of(stage.kept(RAW, "owned").args(TO_THE_END));
    assert!(!second.err.contains("to see whether it lives"), "{}", second.err);
    second.ok();
    assert_eq!(stage.rows("owned").as_array().unwrap().len(), RECORDS);
}

#[test]
fn who_slept_for_too_long_writes_nothing_more() {
    let stage = Stage::start();
    let mut first = stage.always(RAW, "slept");
    batches(&first, 2);
    first.signal("-STOP");
    let second = stage.always(RAW, "slept");
    second.says(&[&format!("process {} on", first.process()), "to see whether it lives"]);
    batches(&second, 3);
    first.signal("-CONT");
    let process = format!("was taken over by process {}", second.process());
    first.says(&["error: ", "s3://lake/kept/slept", &process, "can write nothing any more"]);
    assert_eq!(first.ended(), 1);
    stage.produce(6);
    batches(&second, 1);
    second.end();
    stage.to_the_end(RAW, "slept");
    let rows = stage.rows("slept");
    let rows: Vec<Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| serde_json::from_str(row.as_str().unwrap()).unwrap())
        .collect();
    let mut seen: Vec<_> =
        rows.iter().map(|row| (row["_partition"].as_i64(), row["_offset"].as_i64())).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((rows.len(), seen.len()), (2 * RECORDS, 2 * RECORDS));
}

#[test]
fn checkpoints_in_a_bucket_are_listed_shown_checked_gone_back_to_and_removed() {
    let stage = Stage::start();
    let ended =
        Ended::of(stage.kept(WINDOWS, "mine").args(["--max-offsets-per-trigger", "500"]).args(TO_THE_END));
    ended.ok();
    let json = |ended: Ended| serde_json::from_str::<Value>(&ended.ok()).unwrap();
    let list = json(stage.verb(&["list", "s3://lake/kept", "--format", "json"]));
    let mine = &list["checkpoints"][0];
    assert_eq!((&mine["name"], &mine["records"]), (&json!("mine"), &json!(RECORDS)), "{list}");
    assert_eq!(mine["folder"], "s3://lake/kept/mine");
    let own = "s3://lake/kept/mine";
    let shown = json(stage.verb(&["show", own, "--format", "json"]));
    let done = shown["batches"].as_array().unwrap().last().unwrap()["batches"].clone();
    stage.verb(&["verify", own]).ok();

    let state = stage.store.keys("kept/mine/").into_iter().rfind(|key| key.contains(".state.")).unwrap();
    stage.store.python(&["damage", "lake", &state]);
    stage.verb(&["verify", own]).fails(3, &[own, "checksum differs", "goes back to the last batch"]);
    stage.verb(&["rewind", own, "--to", "1", "--yes"]).ok();
    stage.verb(&["verify", own]).ok();
    let again = Ended::of(stage.kept(WINDOWS, "mine").args(TO_THE_END));
    assert!(again.err.contains("goes on from its checkpoint, behind 1 batches"), "{done}: {}", again.err);
    again.ok();

    stage.verb(&["remove", own, "--yes"]).ok();
    assert_eq!(stage.store.keys("kept/mine/"), ["kept/mine/manifest"]);
    stage.verb(&["show", own]).fails(2, &["there is no checkpoint in s3://lake/kept/mine"]);
    assert_eq!(json(stage.verb(&["list", "s3://lake/kept", "--format", "json"])), json!({"checkpoints": []}));
}

#[test]
fn a_store_that_is_away_is_waited_for() {
    let stage = Stage::start();
    let relay = Relay::start(Protocol::Raw, &format!("127.0.0.1:{}", stage.store.port()));
    let query = || {
        let mut command = stage.query(RAW, "away");
        command.args(["--sink", "ndjson", "--path", "away.ndjson"]).envs(options(relay.port()));
        command
    };
    let running = Told::start(query().args(ALWAYS));
    batches(&running, 2);
    relay.down();
    stage.produce(6);
    running.says(&["checkpoint: s3://lake/kept/away", "is held back and given again"]);
    relay.up();
    running.says(&["checkpoint: ", "was taken after"]);
    batches(&running, 1);
    running.end();
    Ended::of(query().args(TO_THE_END)).ok();
    let text = std::fs::read_to_string(stage.cluster.folder.path().join("away.ndjson")).unwrap();
    let mut rows: Vec<_> = text.lines().collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!((text.lines().count(), rows.len()), (2 * RECORDS, 2 * RECORDS));
}

#[test]
fn a_store_that_cannot_keep_a_checkpoint_is_refused() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let ends = |port: u16, code: i32, parts: &[&str]| {
        let mut command = cluster.command("ecap-consume");
        command.args(["--topic", "transactions", "--checkpoint", "s3://lake/kept"]).envs(options(port));
        Ended::of(&mut command).fails(code, &[&["s3://lake/kept"], parts].concat());
    };
    let careless = Store::serving("careless");
    ends(careless.port(), 2, &["NoSuchBucket", "create the bucket"]);
    careless.python(&["bucket", "lake"]);
    ends(careless.port(), 2, &["does not keep the conditions of writes", "If-Match"]);
    assert_eq!(careless.keys("kept/"), Vec::<String>::new());
    let guarded = Store::serving("guarded");
    ends(guarded.port(), 1, &["InvalidAccessKeyId", "check the credentials"]);
    ends(9, 4, &["http://127.0.0.1:9/lake/kept/manifest"]);
    let mut command = cluster.command("ecap-consume");
    command.args(["checkpoint", "show", "s3://lake/kept"]).envs(options(9)).env("AWS_ALLOW_HTTP", "false");
    Ended::of(&mut command).fails(2, &["http:// needs AWS_ALLOW_HTTP=true"]);
}
