//! Queries that write to a topic.

use super::{TOPIC, cluster, committed, value};
use crate::support::relay::{Protocol, Relay};
use crate::support::{Cluster, Ended, Told, wait_for};
use rdkafka::message::{Message, OwnedMessage};
use std::process::Command;

#[test]
fn a_row_that_is_too_large_is_said_and_nothing_of_its_batch_is_there() {
    let cluster = cluster();
    let folder = cluster.folder.path();
    std::fs::create_dir(folder.join("in")).unwrap();
    let line = |size: usize| format!("{{\"note\":\"{}\"}}\n", "x".repeat(size));
    std::fs::write(folder.join("in/rows.ndjson"), [line(3), line(700_000)].concat()).unwrap();
    std::fs::write(folder.join("q.sql"), "SELECT note, note || note AS more FROM t").unwrap();
    let args =
        ["query", "q.sql", "--source", "in", "--schema", "t=note STRING", "--trigger", "available-now"];
    let sink = ["--sink", "kafka", "--sink-option", "topic=customer-transactions"];
    let ended = cluster.run("ecap-consume", &[&args[..], &sink].concat());
    ended.fails(1, &["sink kafka", "row 2 of the batch is too large", "max.message.bytes"]);
    assert!(committed(&cluster, "customer-transactions").is_empty());
}

/// A query that writes sums to the topic as records come.
fn query(cluster: &Cluster, args: &[&str]) -> Command {
    let mut command = cluster.command("ecap-consume");
    command.args(["--window", "10s", "--group-by", "product_category", "--output-mode", "update"]);
    command.args(["--from", "earliest"]).args(args);
    command
}

fn sell(cluster: &Cluster, count: &str) {
    cluster.run("ecap-produce", &["--max-records", count, "--batch-size", count, "--sleep", "0"]).ok();
}

#[test]
fn a_query_writes_what_the_console_shows() {
    let cluster = cluster();
    sell(&cluster, "100");
    let all = ["--trigger", "once", "--sink"];
    let topic = format!("topic={TOPIC}");
    let console =
        Ended::of(&mut query(&cluster, &[&all[..], &["console", "--format", "json"]].concat())).ok();
    let kafka = ["kafka", "--sink-option", &topic, "--sink-option", "key=product_category"];
    assert_eq!(Ended::of(&mut query(&cluster, &[&all[..], &kafka].concat())).ok(), "");
    let records = committed(&cluster, TOPIC);
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let text = |record: &OwnedMessage| String::from_utf8(record.payload().unwrap().to_vec()).unwrap();
    assert_eq!(
        sorted(records.iter().map(text).collect()),
        sorted(console.lines().map(ToString::to_string).collect())
    );
    assert!(records.iter().all(|record| record.key().is_some()) && !records.is_empty());
}

#[test]
fn a_wrong_sink_is_refused() {
    let cluster = cluster();
    let wrong = |args: &[&str], parts: &[&str]| {
        Ended::of(&mut query(&cluster, &[&["--trigger", "once", "--sink", "kafka"], args].concat()))
            .fails(2, parts);
    };
    wrong(&[], &["needs an option 'topic'", "--sink-option topic="]);
    wrong(&["--sink-option", "topic=customer-transactions"], &["its own results"]);
    wrong(&["--sink-option", "topic=absent"], &["topic", "absent' is not there"]);
    wrong(
        &["--sink-option", "topic=analytics-results", "--sink-option", "key=product_categry"],
        &["no column 'product_categry'", "'product_category'"],
    );
    wrong(
        &["--sink-option", "topic=analytics-results", "--sink-option", "timeout=2h"],
        &["allows no transaction of 7200 s", "shorter timeout"],
    );
    wrong(&["--sink-option", "colour=red"], &["no such option", "topic"]);
    wrong(&["--path", "x"], &["--sink ndjson"]);
}

#[test]
fn without_batches_rows_come_at_least_once_and_that_is_said() {
    let cluster = cluster();
    sell(&cluster, "20");
    let mut command = cluster.command("ecap-consume");
    command.args(["--trigger", "continuous", "--from", "earliest", "--sink", "kafka"]);
    let topic = format!("topic={TOPIC}");
    command.args(["--topic", "customer-transactions", "--sink-option", &topic]);
    command.args(["--sink-option", "key=customer_id"]);
    let child = Told::start(&mut command);
    let read = || committed(&cluster, TOPIC);
    wait_for("the rows", || (read().len() == 20).then_some(()));
    let records = read();
    assert_eq!(records[0].key(), value(&records[0])["customer_id"].as_str().map(str::as_bytes));
    child.says(&["at least once: the continuous trigger has no transactions"]);
    child.end();
    let exec = [
        "--trigger",
        "continuous",
        "--topic",
        "customer-transactions",
        "--sink",
        "exec",
        "--command",
        "true",
    ];
    cluster.run("ecap-consume", &exec).fails(2, &["--sink exec", "continuous trigger", "--trigger 0s"]);
}

#[test]
fn a_broker_that_is_away_is_waited_for() {
    let cluster = cluster();
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    std::fs::create_dir(cluster.folder.path().join("in")).unwrap();
    let put = |name: &str| {
        let path = cluster.folder.path().join("in").join(name);
        std::fs::write(path.with_extension("tmp"), "{\"n\":1}\n{\"n\":2}\n").unwrap();
        std::fs::rename(path.with_extension("tmp"), path).unwrap();
    };
    let mut command = cluster.command("ecap-consume");
    command.env("ECAP_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", relay.port()));
    command.args([
        "--source",
        "in",
        "--topic",
        "t",
        "--schema",
        "t=n INT",
        "--trigger",
        "0s",
        "--sink",
        "kafka",
    ]);
    command.args(["--sink-option", &format!("topic={TOPIC}")]);
    put("1.ndjson");
    let child = Told::start(&mut command);
    wait_for("the first batch", || (committed(&cluster, TOPIC).len() == 2).then_some(()));
    relay.down();
    put("2.ndjson");
    child.says(&["sink kafka", "held back and given again", "2 rows"]);
    relay.up();
    child.says(&["sink kafka", "was taken after"]);
    assert_eq!(committed(&cluster, TOPIC).len(), 4);
    child.end();
}
