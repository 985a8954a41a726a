//! A world as one stream: in a file, and in Kafka.

use super::{ecap_gen, read};
use crate::support::{self, Cluster, Ended, binary_command};
use rdkafka::message::Message;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tempfile::TempDir;

/// A small world in which products come and go.
const WORLD: [&str; 10] =
    ["--seed", "7", "--start", "2026-01-05", "--products", "10", "--customers", "500", "--event-rate", "20"];

fn line(row: &Value) -> Vec<u8> {
    serde_json::to_vec(row).expect("JSON")
}

/// The time in a row, where it has one.
fn time(row: &Value) -> Option<&str> {
    row["timestamp"].as_str().or(row["transaction_date"].as_str())
}

fn is_tombstone(update: &Value) -> bool {
    update.as_object().expect("an object").iter().all(|(name, value)| name == "product_id" || value.is_null())
}

#[test]
fn a_world_is_one_stream_in_the_order_of_time() {
    let folder = TempDir::new().expect("a folder");
    let run = |output: &str| {
        ecap_gen(folder.path(), &[&["world", "-n", "4000", "-o", output], &WORLD[..]].concat())
    };
    run("w").ok();
    let ended = run("w.ndjson");
    assert!(ended.err.contains("of all topics in w.ndjson"), "{ended:#?}");
    let mut stream = read(&folder.path().join("w.ndjson"));
    let text = std::fs::read_to_string(folder.path().join("w.ndjson")).expect("a file");
    assert_eq!(run("-").ok(), text);

    let times: Vec<_> = stream.iter().filter_map(time).map(|time| time.replace('T', " ")).collect();
    assert!(times.is_sorted());
    let mut by_topic: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in &mut stream {
        let topic = row.as_object_mut().expect("an object").shift_remove("topic").expect("a topic");
        by_topic.entry(topic.as_str().expect("a name").to_owned()).or_default().push(row.take());
    }
    assert_eq!(by_topic["customer-transactions"].len(), 1_200);
    for topic in ["transactions", "user-events", "product-updates"] {
        let alone = read(&folder.path().join("w").join(topic).with_extension("ndjson"));
        assert_eq!(by_topic[topic], alone, "{topic}");
    }
    run("w.csv").fails(2, &["csv", ".ndjson"]);
    run("w.ndjson").fails(1, &["w.ndjson is there already", "--force"]);
}

#[test]
fn a_discontinued_product_ends_with_a_tombstone() {
    let folder = TempDir::new().expect("a folder");
    let make = |file: &str| {
        let args = ["product-updates", "-n", "20000", "--truth", "truth", "--force", "-o", file];
        ecap_gen(folder.path(), &[&args[..], &WORLD].concat()).ok();
    };
    make("product-updates.ndjson");
    let mut last: HashMap<String, Value> = HashMap::new();
    let mut tombstones = 0;
    for update in read(&folder.path().join("product-updates.ndjson")) {
        let id = update["product_id"].as_str().expect("an id").to_owned();
        let before = last.insert(id, update.clone()).unwrap_or_default();
        let is_end = before["update_type"] == "discontinued";
        assert_eq!(is_tombstone(&update), is_end, "{update} after {before}");
        assert!(is_end || before.is_null() == (before["product_id"].is_null()));
        if before["product_id"].is_string() && is_tombstone(&before) {
            assert_eq!(update["update_type"], "new_product", "{update} after {before}");
        }
        tombstones += usize::from(is_end);
    }
    assert!(tombstones > 100, "{tombstones}");

    let truth = read(&folder.path().join("truth"));
    assert_eq!(truth.last().expect("lines")["tombstones"], tombstones);
    // All three forms hold the same.
    for ending in ["ndjson", "csv", "parquet"] {
        let file = format!("product-updates.{ending}");
        make(&file);
        let described = ecap_gen(folder.path(), &["describe", &file, "--format", "json"]).ok();
        let described: Value = serde_json::from_str(&described).expect("JSON");
        assert_eq!(
            (&described["tombstones"], &described["refused"]),
            (&json!(tombstones), &json!({})),
            "{ending}"
        );
    }
    assert!(ecap_gen(folder.path(), &["describe", "product-updates.csv"]).ok().contains("tombstones"));
    // A query over the file counts them, as one over the topic does.
    std::fs::create_dir(folder.path().join("in")).expect("made");
    std::fs::rename(folder.path().join("product-updates.ndjson"), folder.path().join("in/u.ndjson"))
        .expect("moved");
    let mut command = binary_command("ecap-consume", folder.path());
    command.args([
        "--source",
        "in",
        "--topic",
        "product-updates",
        "--window",
        "1h",
        "--trigger",
        "available-now",
    ]);
    let ended = Ended::of(command.args(["--fail-fast", "--flush-at-end", "--format", "json"]));
    assert_eq!(ended.code, 0, "{ended:#?}");
}

/// A key or a value, where there is one.
type Part = Option<Vec<u8>>;

/// A topic's records, each with its key and value, partition after partition.
fn records(cluster: &Cluster, topic: &str, partitions: i32) -> Vec<(Part, Part)> {
    let part = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let records = support::records(cluster, topic, partitions);
    records.iter().map(|record| (part(record.key()), part(record.payload()))).collect()
}

/// The lines of one topic in a stream, without the topic, sorted.
fn lines_of(stream: &[Value], topic: &str) -> Vec<Vec<u8>> {
    let rows = stream.iter().filter(|row| row["topic"] == topic).cloned();
    let mut lines: Vec<_> = rows
        .map(|mut row| {
            row.as_object_mut().expect("an object").shift_remove("topic");
            line(&row)
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_world_goes_straight_into_its_topics() {
    let cluster = Cluster::start();
    cluster.create_topics(&[]);
    ecap_gen(cluster.folder.path(), &[&["world", "-n", "6000", "-o", "w.ndjson"], &WORLD[..]].concat()).ok();
    let stream = read(&cluster.folder.path().join("w.ndjson"));
    let count = stream.len().to_string();
    let args = ["--synthetic", "world", "--max-records", &count, "--format", "json"];
    let summary = cluster.run("ecap-produce", &[&args[..], &WORLD].concat()).ok();
    let summary: Value = serde_json::from_str(&summary).expect("one document");
    assert_eq!((&summary["records"], &summary["topic"]), (&json!(stream.len()), &json!("4 topics")));

    let keys = [
        ("transactions", "user_id", 6),
        ("user-events", "session_id", 12),
        ("product-updates", "product_id", 3),
    ];
    let mut tombstones = 0;
    for (topic, key, partitions) in keys {
        let mut values = Vec::new();
        for (found, value) in records(&cluster, topic, partitions) {
            let found = String::from_utf8(found.expect("a key")).expect("text");
            match value {
                Some(value) => {
                    let row: Value = serde_json::from_slice(&value).expect("JSON");
                    assert_eq!(row[key], found, "{row}");
                    values.push(line(&row));
                }
                None => tombstones += 1,
            }
        }
        values.sort_unstable();
        let mut expected = lines_of(&stream, topic);
        expected.retain(|line| !is_tombstone(&serde_json::from_slice(line).expect("JSON")));
        assert!(values == expected, "{topic}: {} and {}", values.len(), expected.len());
        assert_eq!(summary["records_by_topic"][cluster.name(topic)], values.len() + tombstones, "{topic}");
    }
    let gone =
        stream.iter().filter(|row| row["topic"] == "product-updates" && row["timestamp"].is_null()).count();
    assert_eq!(tombstones, gone);
    assert!(gone > 0);
    // The producer adds its columns to the history, and to nothing else.
    let history = records(&cluster, "customer-transactions", 3);
    assert_eq!(history.len(), 1_200);
    let row: Value = serde_json::from_slice(history[0].1.as_ref().expect("a value")).expect("JSON");
    assert_eq!(row["batch_number"], 1);
}

#[test]
fn options_that_a_world_does_not_have_are_named() {
    let folder = TempDir::new().expect("a folder");
    let run = |more: &[&str]| {
        let mut command = binary_command("ecap-produce", folder.path());
        Ended::of(command.args(["--synthetic", "world"]).args(more))
    };
    run(&["--topic", "transactions"]).fails(2, &["topics of their kinds", "--topic"]);
    run(&["--transactional-id", "a"]).fails(2, &["transaction", "--transactional-id"]);
    run(&["--late", "200%"]).fails(2, &["200%"]);
}

/// Lines of a truth file about a topic.
fn about<'a>(truth: &'a [Value], topic: &str) -> Vec<&'a Value> {
    truth.iter().filter(|line| line["kind"] == topic).collect()
}

#[test]
fn the_truth_about_a_world_is_about_all_of_its_kinds() {
    let folder = TempDir::new().expect("a folder");
    let faults =
        ["--late", "5%", "--late-by", "1m..3m", "--duplicates", "2%", "--missing", "1%", "--malformed", "1%"];
    let truth = ["--truth", "truth.ndjson", "--truth-window", "1m"];
    let world = |output: &str| {
        let args = ["world", "-n", "4000", "-o", output, "--force"];
        ecap_gen(folder.path(), &[&args[..], &WORLD, &faults, &truth].concat()).ok();
        read(&folder.path().join("truth.ndjson"))
    };
    let told = world("in");
    assert_eq!(world("in.ndjson"), told);
    for topic in ["customer-transactions", "transactions", "user-events", "product-updates"] {
        let told = about(&told, topic);
        let foot = told.last().expect("lines");
        let count = |name: &str| foot[name].as_u64().expect(name);
        let ending = if topic == "customer-transactions" { "csv" } else { "ndjson" };
        let text =
            std::fs::read(folder.path().join("in").join(topic).with_extension(ending)).expect("a file");
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        assert_eq!(count("rows"), (lines - usize::from(ending == "csv")) as u64, "{topic}");
        let parts = ["records", "copies", "refused", "tombstones"].map(count);
        assert_eq!(parts.iter().sum::<u64>(), count("rows"), "{topic}");
        let named = |fault: &str| told.iter().filter(|line| line["fault"] == fault).count() as u64;
        assert_eq!(named("duplicate"), parts[1], "{topic}");
        assert_eq!(named("missing") + named("malformed"), parts[2], "{topic}");
        let windows = told.iter().filter(|line| line["window"].is_string()).count();
        assert_eq!(windows > 10, topic != "customer-transactions", "{topic}");
        assert_eq!(told.iter().any(|line| line["fault"] == "late"), topic != "customer-transactions");
    }
    for topic in ["transactions", "user-events", "product-updates"] {
        let id = match topic {
            "transactions" => &["--dedup", "transaction_id"][..],
            "user-events" => &["--dedup", "event_id"],
            _ => continue,
        };
        let ended = verified(folder.path(), topic, id);
        assert!(ended.code == 0 && ended.err.contains("as the truth says"), "{topic}: {ended:#?}");
    }
    let verify = ["verify", "--truth", "truth.ndjson", "--results", "results.csv"];
    ecap_gen(folder.path(), &verify).fails(2, &["several topics", "--topic"]);
}

/// Compares the windows of one of the world's files with the truth.
fn verified(folder: &Path, topic: &str, dedup: &[&str]) -> Ended {
    let alone = folder.join(topic);
    std::fs::create_dir(&alone).expect("made");
    let file = Path::new(topic).with_extension("ndjson");
    std::fs::rename(folder.join("in").join(&file), alone.join(file)).expect("moved");
    let mut command = binary_command("ecap-consume", folder);
    command.args(["--source", topic, "--topic", topic, "--window", "1m", "--trigger", "available-now"]);
    command.args(["--output-mode", "append", "--flush-at-end", "--format", "csv"]).args(dedup);
    std::fs::write(folder.join("results.csv"), Ended::of(&mut command).ok()).expect("written");
    ecap_gen(folder, &["verify", "--truth", "truth.ndjson", "--results", "results.csv", "--topic", topic])
}
