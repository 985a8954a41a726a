//! Every row of a file arrives once, in batches that are acknowledged; what cannot be sent is kept with its reason.

mod files;
mod large;
mod pace;
mod restart;
mod transactions;

use crate::support::{self, Cluster, Ended, PATIENCE, binary_command, reader, took_at_most, wait_for};
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::topic_partition_list::Offset;
use rdkafka::util::Timeout;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TOPIC: &str = "customer-transactions";

/// A cluster with the topic, made by another client than ours.
fn cluster() -> Cluster {
    cluster_with(&[])
}

/// The same with settings of the topic.
fn cluster_with(settings: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::start();
    let admin: AdminClient<_> = client(&cluster).create().expect("a client");
    let name = cluster.name(TOPIC);
    let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(1));
    let topic = settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
    let made = futures::executor::block_on(admin.create_topics([&topic], &AdminOptions::new()));
    made.expect("an answer").into_iter().for_each(|topic| drop(topic.expect("the topic is made")));
    cluster
}

fn client(cluster: &Cluster) -> ClientConfig {
    reader(&cluster.address)
}

/// A record as another client reads it.
struct Read {
    key: String,
    value: Value,
    time: i64,
    partition: i32,
}

/// The topic's records so far.
fn read(cluster: &Cluster) -> Vec<Read> {
    read_topic(cluster, TOPIC, 3)
}

/// The records of a topic so far.
fn read_topic(cluster: &Cluster, topic: &str, count: i32) -> Vec<Read> {
    let read = |message: &OwnedMessage| Read {
        key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
        value: serde_json::from_slice(message.payload().unwrap_or_default()).expect("JSON"),
        time: message.timestamp().to_millis().expect("a timestamp"),
        partition: message.partition(),
    };
    support::records(cluster, topic, count).iter().map(read).collect()
}

/// The values of the topic's committed records, partition after partition.
fn values(address: &str, topic: &str) -> Vec<Value> {
    let mut config = reader(address);
    config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().expect("a client");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..3 {
        partitions.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&partitions).expect("assigned");
    let (mut values, mut ends) = (Vec::new(), 0);
    while ends < 3 {
        // Other events end the wait too.
        let polled = wait_for("a record or an end", || consumer.poll(Timeout::After(PATIENCE / 10)));
        match polled {
            Err(KafkaError::PartitionEOF(_)) => ends += 1,
            message => {
                let message = message.expect("a record");
                values.push(serde_json::from_slice(message.payload().expect("a value")).expect("JSON"));
            }
        }
    }
    values
}

#[test]
fn the_demo_sends_1000_records_in_100_batches_of_10() {
    let cluster = cluster();
    let ended = cluster.run("ecap-produce", &["--batch-size", "10", "--sleep", "10ms"]);
    assert!(ended.err.contains("`ecap-gen --seed 42`"), "{ended:?}");
    let out = ended.ok();
    let lines: Vec<_> = out.lines().filter(|line| line.starts_with("Batch ")).collect();
    let name = cluster.name(TOPIC);
    assert_eq!(lines.len(), 100);
    assert_eq!(lines[0], format!("Batch 1: 10 records to {name}, 10 sent in all"));
    assert_eq!(lines[99], format!("Batch 100: 10 records to {name}, 1,000 sent in all"));

    let records = read(&cluster);
    assert_eq!(records.len(), 1_000);
    let mut places: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut homes = HashMap::new();
    for Read { key, value, time, partition } in &records {
        assert_eq!(Some(key.as_str()), value["customer_id"].as_str());
        assert_eq!(homes.entry(key).or_insert(*partition), partition, "one key, one partition");
        assert_eq!((value["producer_timestamp"].as_f64().expect("seconds") * 1e3) as i64, *time);
        assert_eq!(value["producer_timestamp_str"].as_str().map(str::len), Some(19));
        let number = |name: &str| value[name].as_i64().expect("a number");
        assert_eq!(number("record_id"), (number("batch_number") - 1) * 10 + number("batch_position"));
        places.entry(number("batch_number")).or_default().push(number("batch_position"));
    }
    assert_eq!(places.len(), 100);
    assert!(places.values_mut().all(|places| {
        places.sort_unstable();
        places.iter().copied().eq(1..=10)
    }));
}

/// A file of good rows, changed by `change`.
fn file(cluster: &Cluster, rows: usize, change: impl FnOnce(String) -> Vec<u8>) {
    let args = ["-n", &rows.to_string(), "--seed", "42", "-o", "-", "--file-format", "csv"];
    let text = cluster.run("ecap-gen", &args).ok();
    std::fs::write(cluster.folder.path().join("rows.csv"), change(text)).expect("written");
}

/// The statistics of a run over `rows.csv`.
fn produce_file(cluster: &Cluster, code: i32) -> Value {
    let ended = cluster.run("ecap-produce", &["--data-file", "rows.csv", "--format", "json"]);
    assert_eq!(ended.code, code, "{ended:#?}");
    serde_json::from_str(&ended.out).expect("one JSON document")
}

#[test]
fn a_mark_and_windows_line_ends_are_read() {
    let cluster = cluster();
    file(&cluster, 50, |text| format!("\u{feff}{}", text.replace('\n', "\r\n")).into());
    let statistics = produce_file(&cluster, 0);
    assert_eq!(
        (&statistics["records"], &statistics["failures"]),
        (&50.into(), &Value::Object(Default::default()))
    );
    let records = read(&cluster);
    assert_eq!(records.len(), 50);
    assert!(
        records.iter().all(|record| record.value["record_id"].is_i64() && record.key.starts_with("CUST_"))
    );
}

#[test]
fn bad_rows_go_to_the_reject_file_and_the_rest_arrives() {
    let cluster = cluster();
    file(&cluster, 20, |text| {
        let mut lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        lines[3].truncate(40);
        lines[5] = text.lines().nth(5).expect("a row").replace(".99,", ".x,").into();
        lines[8][60] = 0xFF;
        lines.join(&b'\n')
    });
    let statistics = produce_file(&cluster, 1);
    assert_eq!(statistics["records"], 17);
    let path = format!("home/rejects/{}.ndjson", cluster.name(TOPIC));
    assert_eq!(statistics["reject_file"], cluster.folder.path().join(&path).display().to_string());
    let rejects = std::fs::read_to_string(cluster.folder.path().join(path)).expect("the reject file");
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let found: BTreeMap<i64, &str> = rejects
        .iter()
        .map(|reject| (reject["line"].as_i64().expect("a line"), reject["code"].as_str().expect("a code")))
        .collect();
    let expected = [(4, "MALFORMED_ROW"), (6, "TYPE_MISMATCH"), (9, "MALFORMED_ROW")];
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!(rejects[0]["reason"], "the row has 3 fields, the header has 23");
    assert_eq!((&rejects[1]["file"], &rejects[1]["column"]), (&"rows.csv".into(), &"unit_price".into()));
    assert!(rejects[1]["value"].as_str().is_some_and(|row| row.starts_with("CUST_")));
    assert!(rejects[2]["value_hex"].as_str().is_some_and(|bytes| bytes.contains("ff")));
    assert_eq!(read(&cluster).len(), 17);
}

#[test]
fn fail_fast_stops_at_the_first_bad_row() {
    let cluster = cluster();
    file(&cluster, 20, |text| text.replacen(".99,", ".x,", 1).into());
    let args = ["--data-file", "rows.csv", "--fail-fast"];
    cluster.run("ecap-produce", &args).fails(5, &["rows.csv, line 2, column unit_price", "is not DOUBLE"]);
    assert_eq!(read(&cluster).len(), 0);
}

#[test]
fn a_file_that_does_not_fit_is_refused_before_anything_is_sent() {
    let cluster = cluster();
    file(&cluster, 20, |text| text.replacen(",quantity,", ",amount,", 1).into());
    let args = ["--data-file", "rows.csv"];
    cluster.run("ecap-produce", &args).fails(1, &["rows.csv: line 1: the header lacks column quantity"]);
    cluster.run("ecap-produce", &["--data-file", "none.csv"]).fails(2, &["none.csv"]);
    cluster.run("ecap-produce", &["--data-file", "rows.xls"]).fails(2, &["--file-format"]);
    cluster.run("ecap-produce", &["--topic", "transaction"]).fails(2, &["did you mean 'transactions'?"]);
    cluster.run("ecap-produce", &["--synthetic", "transactions"]).fails(1, &["ecap-topics create-topics"]);
    assert_eq!(read(&cluster).len(), 0);
}

#[test]
fn without_a_broker_it_says_so_within_10_seconds() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let start = Instant::now();
    let mut command = binary_command("ecap-produce", folder.path());
    Ended::of(command.args(["-b", "127.0.0.1:1"]))
        .fails(4, &["127.0.0.1:1", "ecap-broker", "docker compose"]);
    let unpaced = ["-b", "127.0.0.1:1", "--synthetic", "transactions", "--seed", "1"];
    let ended = Ended::of(binary_command("ecap-produce", folder.path()).args(unpaced));
    assert_eq!(ended.err.lines().count(), 1, "{ended:#?}");
    ended.fails(4, &["127.0.0.1:1"]);
    took_at_most(Duration::from_secs(20), start);
}

#[test]
fn ctrl_c_finishes_the_batch_and_shows_the_statistics() {
    let cluster = cluster();
    let mut command = cluster.command("ecap-produce");
    command.args(["--batch-size", "7", "--sleep", "1h"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    assert!(line.starts_with("Batch 1: 7 records"), "{line}");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let rest = std::io::read_to_string(out).expect("the statistics");
    let status = wait_for("the end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(0), "{rest}");
    assert!(rest.lines().any(|line| line.contains("records ") && line.contains(" 7 ")), "{rest}");
    assert_eq!(read(&cluster).len(), 7);
}

#[test]
fn standard_input_and_lines_of_json_are_read() {
    let cluster = cluster();
    let lines = cluster.run("ecap-gen", &["-n", "30", "--seed", "1", "-o", "-"]).ok() + "{\"age\":1\n";
    std::fs::write(cluster.folder.path().join("in"), lines).expect("written");
    let input = std::fs::File::open(cluster.folder.path().join("in")).expect("there");
    let mut command = cluster.command("ecap-produce");
    command.args(["--data-file", "-", "--file-format", "ndjson", "--reject-file", "bad.ndjson"]).stdin(input);
    Ended::of(&mut command).fails(1, &["1 row was not sent", "bad.ndjson"]);
    assert_eq!(read(&cluster).len(), 30);
    let reject = std::fs::read_to_string(cluster.folder.path().join("bad.ndjson")).expect("the reject file");
    let reject: Value = serde_json::from_str(&reject).expect("JSON");
    assert_eq!((&reject["line"], &reject["code"]), (&31.into(), &"MALFORMED_JSON".into()));
    assert_eq!(reject["value"], "{\"age\":1");
}
