//! Compaction and deletion of records, as Kafka's own tools and kcat see them.

use super::{kafka_tool, run, run_with_input};
use crate::support::{Cluster, wait_for};
use std::collections::BTreeMap;
use std::process::Command;

fn create(cluster: &Cluster, name: &str, settings: &[&str]) -> String {
    let topic = cluster.name(name);
    let mut command = kafka_tool("kafka-topics");
    command.args([
        "--bootstrap-server",
        &cluster.address,
        "--create",
        "--partitions",
        "1",
        "--topic",
        &topic,
    ]);
    run(command.args(settings.iter().flat_map(|setting| ["--config", setting])));
    topic
}

fn kcat(cluster: &Cluster, topic: &str) -> Command {
    let mut command = super::kcat(cluster);
    command.args(["-t", topic, "-p", "0"]);
    command
}

/// Offset and `key value` of every record.
fn records(cluster: &Cluster, topic: &str) -> BTreeMap<i64, String> {
    let read = run(kcat(cluster, topic).args(["-C", "-o", "beginning", "-e", "-Z", "-f", "%o %k %s\n"]));
    let records = read.lines().map(|line| line.split_once(' ').unwrap());
    records.map(|(offset, record)| (offset.parse().unwrap(), record.to_string())).collect()
}

#[test]
fn a_compacted_topic_keeps_the_last_record_of_each_key_for_every_client() {
    let cluster = Cluster::start();
    let settings = ["cleanup.policy=compact", "segment.ms=100", "min.cleanable.dirty.ratio=0.01"];
    let topic = create(&cluster, "profiles", &[&settings[..], &["delete.retention.ms=86400000"]].concat());
    let mut sent = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let lines: Vec<String> = (0..20).map(|at| format!("key{} {codec}{at}", at % 7)).collect();
        run_with_input(
            kcat(&cluster, &topic).args(["-P", "-K", " ", "-z", codec]),
            &(lines.join("\n") + "\n"),
        );
        sent.extend(lines);
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    run_with_input(kcat(&cluster, &topic).args(["-P", "-K", " ", "-Z"]), "key6 \n");
    sent.push("key6 NULL".to_string());
    std::thread::sleep(std::time::Duration::from_millis(150));
    // The segment that is written to is left alone: this record closes the one before.
    run_with_input(kcat(&cluster, &topic).args(["-P", "-K", " "]), "last 0\n");
    sent.push("last 0".to_string());

    let mut last = BTreeMap::new();
    for (offset, line) in (0..).zip(&sent) {
        last.insert(line.split(' ').next().unwrap(), (offset, line.clone()));
    }
    let expected: BTreeMap<i64, String> = last.into_values().collect();
    wait_for("compaction", || (records(&cluster, &topic) == expected).then_some(()));

    let read = run(kafka_tool("kafka-console-consumer")
        .args(["--bootstrap-server", &cluster.address, "--topic", &topic, "--from-beginning"])
        .args(["--max-messages", &expected.len().to_string(), "--timeout-ms", "30000"])
        .args(["--property", "print.offset=true", "--property", "print.key=true"]));
    let shown = |(offset, line): (&i64, &String)| {
        format!("Offset:{offset}\t{}", line.replace(' ', "\t").replace("NULL", "null"))
    };
    assert_eq!(read.lines().collect::<Vec<_>>(), expected.iter().map(shown).collect::<Vec<_>>());
    let offsets = |time: &str| {
        run(kafka_tool("kafka-get-offsets").args([
            "--bootstrap-server",
            &cluster.address,
            "--topic",
            &topic,
            "--time",
            time,
        ]))
    };
    assert_eq!(offsets("-2").trim(), format!("{topic}:0:0"), "compaction does not move the start");
    assert_eq!(offsets("-1").trim(), format!("{topic}:0:{}", sent.len()));
}

#[test]
fn deleted_records_are_gone_and_offsets_stay() {
    let cluster = Cluster::start();
    let topic = create(&cluster, "orders", &[]);
    let keys = create(&cluster, "profiles", &["cleanup.policy=compact"]);
    let lines: String = (0..50).map(|at| format!("{at} {at}\n")).collect();
    run_with_input(kcat(&cluster, &topic).args(["-P", "-K", " "]), &lines);
    run_with_input(kcat(&cluster, &keys).args(["-P", "-K", " "]), &lines);
    let delete_before_20 = |topic: &str| {
        let file = cluster.folder.path().join("delete.json");
        let place = format!(r#"{{"topic": "{topic}", "partition": 0, "offset": 20}}"#);
        std::fs::write(&file, format!(r#"{{"partitions": [{place}], "version": 1}}"#)).unwrap();
        run(kafka_tool("kafka-delete-records")
            .args(["--bootstrap-server", &cluster.address, "--offset-json-file"])
            .arg(&file))
    };
    let said = delete_before_20(&topic);
    assert!(said.contains(&format!("partition: {topic}-0\tlow_watermark: 20")), "{said}");
    let read = records(&cluster, &topic);
    assert_eq!((read.len(), read.keys().next()), (30, Some(&20)));
    let said = delete_before_20(&keys);
    assert!(said.contains("do not satisfy the configured policy"), "{said}");
    assert_eq!(records(&cluster, &keys).len(), 50);
}

#[test]
fn a_topics_own_codec_is_what_every_client_reads() {
    let cluster = Cluster::start();
    for own in ["uncompressed", "gzip", "snappy", "lz4", "zstd"] {
        let topic = create(&cluster, own, &[&format!("compression.type={own}")]);
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            run_with_input(
                kcat(&cluster, &topic).args(["-P", "-K", " ", "-z", codec]),
                "key value\nkey value\n",
            );
        }
        assert_eq!(records(&cluster, &topic).len(), 10, "{own}");
        let read = run(kafka_tool("kafka-console-consumer")
            .args(["--bootstrap-server", &cluster.address, "--topic", &topic, "--from-beginning"])
            .args(["--max-messages", "10", "--timeout-ms", "30000"]));
        assert_eq!(read.lines().filter(|line| *line == "value").count(), 10, "{own}");
    }
}
