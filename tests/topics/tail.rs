//! `tail` reads what kcat reads, by the same words for offsets, and leaves out what is not wanted.

use super::{catalog, five, numbers, shown, topics};
use crate::support::{Cluster, PATIENCE};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A key and a value, or nulls.
type Record<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Sends records with headers.
fn send(cluster: &Cluster, topic: &str, records: &[Record<'_>]) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &cluster.address).create().expect("a producer");
    for (key, value) in records {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "source", value: Some("test") })
            .insert(Header { key: "bytes", value: Some(b"\xff\x00" as &[u8]) })
            .insert(Header::<&[u8]> { key: "nothing", value: None });
        let mut record = BaseRecord::to(topic).headers(headers);
        (record.key, record.payload) = (*key, *value);
        producer.send(record).map_err(|(error, _)| error).expect("sent");
    }
    producer.flush(PATIENCE).expect("delivered");
}

#[test]
fn tail_shows_the_last_records_or_those_from_a_place() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let numbers_of = |args: &[&str]| numbers(&shown(&cluster, &[&[topic.as_str()], args].concat()));
    assert_eq!(numbers_of(&[]), [0, 1, 2, 3, 4]);
    assert_eq!(numbers_of(&["-n", "2"]), [3, 4]);
    assert_eq!(numbers_of(&["-n", "0"]), [0; 0]);
    assert_eq!(numbers_of(&["--from", "earliest", "-n", "2"]), [0, 1]);
    assert_eq!(numbers_of(&["--from", "3"]), [3, 4]);
    assert_eq!(numbers_of(&["--from", "-1"]), [4]);
    assert_eq!(numbers_of(&["--from", "99"]), [0; 0]);
    assert_eq!(numbers_of(&["--from", "latest"]), [0; 0]);
    assert_eq!(numbers_of(&["--from", "2020-01-01"]), [0, 1, 2, 3, 4]);
    assert_eq!(numbers_of(&["--from", "2999-01-01"]), [0; 0]);
    assert_eq!(numbers_of(&["--grep", "\"n\": [13]"]), [1, 3]);
    assert_eq!(numbers_of(&["--grep", "{\"id\": \"a2\""]), [2]);
    assert_eq!(numbers_of(&["--partition", "0", "-n", "1"]), [4]);
    let third = shown(&cluster, &[&topic, "--from", "2", "-n", "1"]).remove(0);
    let time = third["timestamp"].as_str().expect("a time");
    assert_eq!(numbers_of(&["--from", time, "-n", "1"]), [2]);

    topics(&cluster, &["tail", &topic, "--from", "yesterday"]).fails(2, &["earliest", "offset"]);
    topics(&cluster, &["tail", &topic, "--partition", "4"]).fails(1, &["no partition 4"]);
    topics(&cluster, &["tail", &topic, "-n", "many"]).fails(2, &["many"]);
    topics(&cluster, &["tail", "number"]).fails(1, &["number' does not exist", "did you mean 'numbers'?"]);
    let text = topics(&cluster, &["tail", &topic, "-n", "1"]).ok();
    assert!(text.contains("partition 0 · offset 4") && text.contains("\n  \"n\": 4\n"), "{text}");
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn tail_follows_new_records_until_it_is_interrupted() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let mut command = cluster.command("ecap-topics");
    command.args(["tail", &topic, "-n", "1", "--follow", "--format", "json"]).stdout(Stdio::piped());
    let mut following = command.spawn().expect("starts");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().contains("\"n\":4"));
    topics(&cluster, &["test-produce", &topic, "{\"id\": \"a5\", \"n\": 5}"]).ok();
    assert!(next().contains("\"n\":5"));

    let interrupt = Command::new("kill").args(["-INT", &following.id().to_string()]).status();
    assert!(interrupt.expect("kill runs").success());
    assert_eq!(following.wait().expect("ends").code(), Some(0));
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn places_are_written_as_for_kcat_and_both_ends_can_be_given() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let of = |args: &[&str]| numbers(&shown(&cluster, &[&[topic.as_str()], args].concat()));
    assert_eq!(of(&["--from", "beginning"]), [0, 1, 2, 3, 4]);
    assert_eq!(of(&["--from", "end"]), [0; 0]);
    assert_eq!(of(&["--from", "-2"]), [3, 4]);
    assert_eq!(of(&["--from", "-99"]), [0, 1, 2, 3, 4]);
    assert_eq!(of(&["--from", "1", "--until", "3"]), [1, 2]);
    assert_eq!(of(&["--until", "-1", "-n", "2"]), [2, 3]);
    assert_eq!(of(&["--from", "3", "--until", "1"]), [0; 0]);
    assert_eq!(of(&["--from", "1h", "--until", "end"]), [0, 1, 2, 3, 4]);
    let third = shown(&cluster, &[&topic, "--from", "2", "-n", "1"]).remove(0);
    let time = format!("@{}", third["timestamp_ms"]);
    assert_eq!(of(&["--from", &time, "-n", "1"]), [2]);
    assert_eq!(of(&["--from", "beginning", "--until", &time]), [0, 1]);

    topics(&cluster, &["tail", &topic, "--from", "@soon"])
        .fails(2, &["--from", "earliest", "@1753610889000"]);
    let both = topics(&cluster, &["tail", &topic, "--until", "end", "--follow"]);
    both.fails(2, &["--until", "--follow"]);
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn a_condition_in_sql_decides_and_says_what_it_could_not_decide() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    send(&cluster, &topic, &[(None, Some(b"no json")), (None, Some(b"{\"id\": \"a7\", \"n\": null}"))]);
    let declared = catalog(&cluster, "numbers", 1, "");
    let of = |args: &[&str]| {
        numbers(&shown(&cluster, &[&[topic.as_str(), "--catalog", &declared, "--where"], args].concat()))
    };
    assert_eq!(of(&["n > 2"]), [3, 4]);
    assert_eq!(of(&["n > 2", "-n", "1"]), [4]);
    assert_eq!(of(&["n % 2 = 0 AND id <> 'a2' -- odd ones not", "--from", "beginning"]), [0, 4]);
    assert_eq!(of(&["_offset BETWEEN 1 AND 2", "--grep", "a1"]), [1]);
    assert_eq!(of(&["n IS NULL"]), [0; 0]);
    let schema = ["tail", &topic, "--schema", "n INT", "--where", "1 / (n - 2) = 1", "--raw", "--from", "0"];
    let decided = topics(&cluster, &schema);
    for part in ["1 records are not as the topic's schema says", "MALFORMED_JSON 1", "fails on 1 records"] {
        assert!(decided.err.contains(part), "'{part}' is missing: {decided:?}");
    }
    assert_eq!(decided.ok(), "{\"id\": \"a3\", \"n\": 3}\n");

    let tail = |args: &[&str]| topics(&cluster, &[&["tail", &topic], args].concat());
    tail(&["--where", "n > 2"]).fails(2, &["--where", "numbers", "--schema"]);
    let wrong = ["--schema", "n INT", "--where"];
    tail(&[&wrong[..], &["m > 2"]].concat()).fails(2, &["--where", "unknown column 'm'"]);
    tail(&[&wrong[..], &["n >"]].concat()).fails(2, &["--where"]);
    tail(&[&wrong[..], &["count(*) > 2"]].concat()).fails(2, &["--where"]);
    tail(&["--schema", "n INT"]).fails(2, &["required"]);
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn keys_headers_tombstones_and_bytes_are_told_apart() {
    let cluster = Cluster::start();
    let declared = catalog(&cluster, "things", 2, "");
    topics(&cluster, &["create-topics", "--catalog", &declared]).ok();
    let topic = cluster.name("things");
    send(
        &cluster,
        &topic,
        &[
            (Some(b"k1"), Some(b"{\"big\": 12345678901234567890123, \"price\": 1.50}")),
            (Some(b"k1"), None),
            (Some(b"k2"), Some(b"\x00\x01\xfe")),
            (None, Some(b"null")),
        ],
    );
    let records = shown(&cluster, &[&topic, "--key", "k1"]);
    assert_eq!((records.len(), &records[1]["tombstone"]), (2, &true.into()), "{records:?}");
    assert_eq!(records[0]["partition"], records[1]["partition"]);
    let headers = serde_json::json!([{"name": "source", "value": "test"}, {"name": "bytes", "value": "0xff00"},
        {"name": "nothing", "value": null}]);
    assert_eq!(records[0]["headers"], headers);
    assert_eq!(records[0]["binary"], serde_json::json!(["headers"]));
    let binary = shown(&cluster, &[&topic, "--key", "k2"]).remove(0);
    assert_eq!((&binary["value"], &binary["binary"][0]), (&"0x0001fe".into(), &"value".into()), "{binary}");
    let text = topics(&cluster, &["tail", &topic, "--format", "json"]).ok();
    assert!(text.contains("{\"big\":12345678901234567890123,\"price\":1.50}"), "{text}");
    assert_eq!(text.matches("tombstone").count(), 1, "{text}");

    let text = topics(&cluster, &["tail", &topic]).ok();
    assert!(text.contains("(tombstone)\n") && text.contains("0x0001fe\n"), "{text}");
    assert!(text.contains("source=test bytes=0xff00 nothing=NULL"), "{text}");
    let printed = topics(&cluster, &["tail", &topic, "--key", "k1", "--print", "%t %k:%K %S [%s]\\n"]).ok();
    let line = "{\"big\": 12345678901234567890123, \"price\": 1.50}";
    assert_eq!(printed, format!("{topic} k1:2 {} [{line}]\n{topic} k1:2 -1 []\n", line.len()));
    topics(&cluster, &["tail", &topic, "--print", "%q"]).fails(2, &["%q", "%s value"]);
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}
