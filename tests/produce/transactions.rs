//! A run that ends anywhere, however it ends, goes on with no row lost and none doubled.

use super::*;
use rdkafka::admin::{AlterConfig, ResourceSpecifier};
use std::io::Write;
use std::path::Path;
use std::process::Child;

/// How often a producer is killed: 5 times, or as often as a long run says.
fn kills() -> u64 {
    crate::support::number("ECAP_TEST_KILLS", 5)
}

/// Writes small rows, numbered from 1.
fn numbered(path: &Path, rows: u64) {
    let row = |row: u64| {
        let customer = row % 997;
        format!("{{\"customer_id\":\"CUST_{customer}\",\"final_amount\":1.5,\"record_id\":{row}}}\n")
    };
    std::fs::write(path, (1..=rows).map(row).collect::<String>()).expect("written");
}

/// A run over `rows.ndjson` in transactions.
fn resuming(cluster: &Cluster, args: &[&str]) -> Command {
    let mut command = cluster.command("ecap-produce");
    command.args(["--data-file", "rows.ndjson", "--transactional-id", "load", "--resume"]).args(args);
    command
}

fn with_rows(rows: u64) -> Cluster {
    let cluster = cluster();
    numbered(&cluster.folder.path().join("rows.ndjson"), rows);
    cluster
}

/// Starts a run and waits until it has told of so many batches.
fn started(mut command: Command, batches: u64) -> Child {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for _ in 0..batches {
        out.next().expect("a batch").expect("a line");
    }
    // It is read on, or the run would stand still when the pipe is full.
    std::thread::spawn(move || out.for_each(drop));
    child
}

/// The numbers of the records that are committed, in order.
fn committed(cluster: &Cluster) -> Vec<i64> {
    let mut numbers: Vec<i64> = records(cluster).iter().map(|value| number(value, "record_id")).collect();
    numbers.sort_unstable();
    numbers
}

fn number(value: &Value, name: &str) -> i64 {
    value[name].as_i64().expect("a number")
}

fn records(cluster: &Cluster) -> Vec<Value> {
    values(&cluster.address, &cluster.name(TOPIC))
}

#[test]
fn a_killed_run_goes_on_with_no_row_lost_and_none_doubled() {
    const ROWS: u64 = 200_000;
    let cluster = with_rows(ROWS);
    let size = ROWS / (kills() * 10);
    for kill in 0..kills() {
        let mut child = started(resuming(&cluster, &["--batch-size", &size.to_string()]), kill * 3 % 7);
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    let ended = Ended::of(&mut resuming(&cluster, &["--batch-size", &size.to_string()]));
    assert!(ended.err.contains("going on behind"), "{}", ended.err);
    ended.ok();
    let records = records(&cluster);
    let mut seen: Vec<i64> = records.iter().map(|value| number(value, "record_id")).collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(1..=ROWS as i64), "{} records", seen.len());
    for value in &records {
        let [batch, place, id] =
            ["batch_number", "batch_position", "record_id"].map(|name| number(value, name));
        assert_eq!((batch - 1) * size as i64 + place, id, "batches go on where they were");
    }
    let again = Ended::of(&mut resuming(&cluster, &["--format", "json"])).ok();
    let again: Value = serde_json::from_str(&again).expect("one document");
    assert_eq!((&again["records"], &again["resumed_after"]), (&0.into(), &ROWS.into()));
}

#[test]
fn only_the_file_that_was_sent_is_gone_on_with() {
    let cluster = with_rows(100);
    Ended::of(&mut resuming(&cluster, &["--max-records", "40"])).ok();
    assert_eq!(committed(&cluster).len(), 40);
    let path = cluster.folder.path().join("rows.ndjson");
    let text = std::fs::read_to_string(&path).expect("there");
    for (changed, reason) in [
        (text.replacen("1.5", "2.5", 1), "other rows stand there now"),
        (text.lines().take(30).collect::<Vec<_>>().join("\n"), "it has only 30 rows"),
    ] {
        std::fs::write(&path, changed).expect("written");
        let refused = Ended::of(&mut resuming(&cluster, &[]));
        refused.fails(2, &["rows.ndjson", "40 rows", reason, "--transactional-id"]);
    }
    // Rows that came behind are sent, and those that were sent are not.
    numbered(&path, 120);
    Ended::of(&mut resuming(&cluster, &[])).ok();
    assert!(committed(&cluster).into_iter().eq(1..=120));
    Ended::of(resuming(&cluster, &[]).args(["--topic", "none"])).fails(2, &["not in the catalog"]);
    cluster.run("ecap-produce", &["--resume"]).fails(2, &[]);
}

#[test]
fn a_second_run_with_the_id_ends_the_first() {
    let cluster = with_rows(10_000);
    let first = started(resuming(&cluster, &["--batch-size", "10", "--sleep", "20ms"]), 2);
    Ended::of(&mut resuming(&cluster, &[])).ok();
    let first = Ended::from(first.wait_with_output().expect("ended"));
    first.fails(1, &["another run with transactional id", "load", "ids of their own"]);
    assert!(committed(&cluster).into_iter().eq(1..=10_000));
}

#[test]
fn ctrl_c_commits_the_batch() {
    let cluster = with_rows(1_000);
    let mut child = started(resuming(&cluster, &["--batch-size", "10", "--sleep", "1h"]), 1);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    assert!(wait_for("the end", || child.try_wait().expect("a status")).success());
    assert_eq!(committed(&cluster).len(), 10);
    Ended::of(&mut resuming(&cluster, &[])).ok();
    assert!(committed(&cluster).into_iter().eq(1..=1_000));
}

#[test]
fn a_batch_with_a_bad_row_is_whole_or_not_there() {
    let cluster = with_rows(100);
    let path = cluster.folder.path().join("rows.ndjson");
    let text = std::fs::read_to_string(&path).expect("there");
    std::fs::write(&path, text.replacen("\"record_id\":15}", "\"record_id\":\"x\"}", 1)).expect("written");
    let args = ["--batch-size", "10", "--fail-fast", "--format", "json"];
    let ended = Ended::of(&mut resuming(&cluster, &args));
    assert_eq!(ended.code, 5, "{ended:#?}");
    let statistics: Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!((&statistics["records"], &statistics["batches"]), (&10.into(), &1.into()));
    assert!(committed(&cluster).into_iter().eq(1..=10));
    Ended::of(&mut resuming(&cluster, &["--batch-size", "10"])).fails(1, &["1 row was not sent"]);
    assert!(committed(&cluster).into_iter().eq((1..=100).filter(|number| *number != 15)));
}

#[test]
fn a_timeout_that_no_transaction_may_have_is_refused() {
    let cluster = with_rows(10);
    let ended = Ended::of(&mut resuming(&cluster, &["--delivery-timeout", "20m"]));
    ended.fails(2, &["allows no transaction of 1200 s", "--delivery-timeout"]);
}

/// What is promised of each record, as it is said on the command line.
const PROMISES: [&[&str]; 3] =
    [&["--transactional-id", "load", "--resume"], &["--transactional-id", "load"], &[]];

/// The numbers of rows that are refused.
const KEYLESS: [u64; 3] = [150, 151, 250];

/// Rows of a topic, some of them without a key.
fn some_keyless(key: &str, number: &str, rows: std::ops::RangeInclusive<u64>) -> String {
    let row = |row: u64| match KEYLESS.contains(&row) {
        true => format!("{{\"{number}\":{row}}}\n"),
        false => format!("{{\"{key}\":\"k{row}\",\"{number}\":{row}}}\n"),
    };
    rows.map(row).collect()
}

/// Asserts that all rows but those without a key are committed, and these are kept with their reason.
fn all_but_keyless(cluster: &Cluster, topic: &str, number: &str, reason: &str) {
    let values = values(&cluster.address, &cluster.name(topic));
    let mut seen: Vec<u64> = values.iter().map(|value| value[number].as_u64().expect("a number")).collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq((1..=300).filter(|row| !KEYLESS.contains(row))), "{seen:?}");
    let rejects = std::fs::read_to_string(cluster.folder.path().join("bad.ndjson")).expect("rejects");
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(rejects.iter().map(|reject| &reject["line"]).eq(&KEYLESS), "{rejects:#?}");
    for reject in &rejects {
        assert_eq!((&reject["code"], &reject["reason"]), (&"NOT_DELIVERED".into(), &reason.into()));
        assert!(reject["value"].as_str().is_some_and(|value| value.starts_with("{\"")), "{reject}");
    }
}

#[test]
fn a_compacted_topic_takes_all_but_the_records_without_a_key() {
    for promise in PROMISES {
        let cluster = Cluster::start();
        cluster.create_topics(&["product-updates"]);
        let text = some_keyless("product_id", "stock_quantity", 1..=300);
        std::fs::write(cluster.folder.path().join("rows.ndjson"), text).expect("written");
        let produce = || {
            let mut command = cluster.command("ecap-produce");
            command.args(["--data-file", "rows.ndjson", "--topic", "product-updates", "--no-validate"]);
            command.args(["--batch-size", "100", "--reject-file", "bad.ndjson", "--format", "json"]);
            Ended::of(command.args(promise))
        };
        let ended = produce();
        let statistics: Value = serde_json::from_str(&ended.out).expect("one document");
        assert_eq!((&statistics["records"], &statistics["batches"]), (&297.into(), &3.into()), "{ended:#?}");
        assert_eq!(statistics["failures"]["NOT_DELIVERED"], 3);
        ended.fails(1, &["3 rows were not sent", "bad.ndjson"]);
        let reason = "a compacted topic takes no record without a key";
        all_but_keyless(&cluster, "product-updates", "stock_quantity", reason);
        if promise.contains(&"--resume") {
            let again: Value = serde_json::from_str(&produce().ok()).expect("one document");
            assert_eq!((&again["records"], &again["resumed_after"]), (&0.into(), &300.into()));
        }
    }
}

#[test]
fn what_the_broker_refuses_is_found_among_what_it_refuses_with_it() {
    for promise in PROMISES {
        let cluster = cluster();
        let mut command = cluster.command("ecap-produce");
        command.args(["--data-file", "-", "--file-format", "ndjson", "--no-validate", "--batch-size", "100"]);
        command.args(["--reject-file", "bad.ndjson"]).args(promise);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut input = child.stdin.take().expect("a pipe");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut send = |rows| {
            let text = some_keyless("customer_id", "record_id", rows);
            input.write_all(text.as_bytes()).expect("taken");
        };
        send(1..=100);
        assert!(out.next().expect("a batch").expect("a line").starts_with("Batch 1:"));
        // The producer does not know that keys are wanted from now on, so the broker has to say it.
        compact(&cluster);
        send(101..=300);
        drop(input);
        let told: Vec<String> = out.map_while(Result::ok).collect();
        let ended = Ended::from(child.wait_with_output().expect("ended"));
        assert!(told.iter().any(|line| line.contains("records ") && line.contains(" 297 ")), "{told:#?}");
        ended.fails(1, &["3 rows were not sent", "bad.ndjson"]);
        all_but_keyless(&cluster, TOPIC, "record_id", "Broker failed to validate record");
    }
}

/// Compacts the topic from now on.
fn compact(cluster: &Cluster) {
    let admin: AdminClient<_> = client(cluster).create().expect("a client");
    let name = cluster.name(TOPIC);
    let changed = AlterConfig::new(ResourceSpecifier::Topic(&name)).set("cleanup.policy", "compact");
    let answer = futures::executor::block_on(admin.alter_configs([&changed], &AdminOptions::new()));
    answer.expect("an answer").into_iter().for_each(|topic| drop(topic.expect("it is changed")));
}
