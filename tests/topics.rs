//! `ecap-topics` is idempotent and safe, and tells the truth about a cluster.

mod groups;
mod health;
mod monitor;
mod plan;
mod prefix;
mod properties;
mod reset;
mod tail;

use crate::support::{Cluster, Ended, binary_command, wait_for};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use std::process::{Command, Stdio};

fn topics(cluster: &Cluster, args: &[&str]) -> Ended {
    cluster.run("ecap-topics", args)
}

/// The result of a command that succeeds, as JSON.
#[track_caller]
fn json(cluster: &Cluster, args: &[&str]) -> Value {
    let text = topics(cluster, &[args, &["--format", "json"]].concat()).ok();
    serde_json::from_str(&text).expect("one JSON document")
}

/// The records of a topic, as `tail` shows them.
#[track_caller]
fn shown(cluster: &Cluster, args: &[&str]) -> Vec<Value> {
    let text = topics(cluster, &[&["tail"], args, &["--format", "json"]].concat()).ok();
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

#[track_caller]
fn entry<'a>(document: &'a Value, list: &str, name: &str) -> &'a Value {
    let entries = document[list].as_array().expect("a list");
    let found = entries.iter().find(|entry| entry["topic"] == name || entry["check"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {document}"))
}

fn exists(cluster: &Cluster, topic: &str) -> bool {
    let listing = json(cluster, &["list-topics"]);
    listing["topics"].as_array().expect("a list").iter().any(|entry| entry["topic"] == topic)
}

/// A catalog with one topic, in the test's folder.
fn catalog(cluster: &Cluster, topic: &str, partitions: u32, settings: &str) -> String {
    let path = cluster.folder.path().join(format!("{topic}-{partitions}.toml"));
    let text = format!(
        "[[topic]]\nname = \"{topic}\"\npartitions = {partitions}\nkey = \"id\"\ntime = \"_timestamp\"\n\
         watermark = \"1s\"\nschema = \"id STRING NOT NULL, n INT\"\n[topic.config]\n{settings}\n"
    );
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn creating_twice_changes_nothing_and_a_dry_run_creates_nothing() {
    let cluster = Cluster::start();
    let name = cluster.name("transactions");
    let plan = json(&cluster, &["create-topics", "transactions", "--dry-run"]);
    assert_eq!(entry(&plan, "topics", &name)["status"], "to create");
    assert!(!exists(&cluster, &name));
    let unknown = topics(&cluster, &["create-topics", "transaction"]);
    unknown.fails(2, &["'transaction' is not in the catalog", "did you mean 'transactions'?"]);

    for status in ["created", "exists"] {
        let summary = json(&cluster, &["create-topics", "transactions"]);
        assert_eq!(summary["topics"].as_array().map(Vec::len), Some(2));
        for name in [&name, &format!("{name}.dlq")] {
            let topic = entry(&summary, "topics", name);
            assert_eq!(
                (&topic["status"], &topic["drift"]),
                (&status.into(), &Value::Array(vec![])),
                "{topic}"
            );
        }
    }
}

#[test]
fn two_who_create_or_delete_the_same_at_the_same_time_both_succeed() {
    let cluster = Cluster::start();
    for args in [&["create-topics"] as &[&str], &["delete-topic", "--all", "--yes"], &["list-topics"]] {
        let both = [(); 2].map(|()| {
            let mut command = cluster.command("ecap-topics");
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
        });
        for child in both {
            Ended::from(child.wait_with_output().expect("ends")).ok();
        }
    }
    assert!(!exists(&cluster, &cluster.name("transactions")));
}

#[test]
fn every_topic_of_the_catalog_is_created_as_declared_and_healthy() {
    let cluster = Cluster::start();
    topics(&cluster, &["health-check"]).fails(3, &["degraded", "create-topics"]);
    cluster.create_topics(&[]);
    let health = json(&cluster, &["health-check"]);
    assert_eq!(health["status"], "healthy", "{health}");
    let described = json(&cluster, &["describe-topic", "customer-transactions"]);
    let settings: Vec<_> = described["settings"].as_array().expect("a list").iter().collect();
    for (name, value) in [
        ("retention.ms", "86400000"),
        ("segment.ms", "3600000"),
        ("cleanup.policy", "delete"),
        ("compression.type", "gzip"),
        ("max.message.bytes", "1048576"),
    ] {
        let setting = settings.iter().find(|setting| setting["name"] == name);
        assert_eq!(setting.map(|setting| &setting["value"]), Some(&value.into()), "{described}");
    }
    assert_eq!(described["partitions"].as_array().map(Vec::len), Some(3));
}

#[test]
fn drift_is_shown_setting_by_setting_and_nothing_is_changed() {
    let cluster = Cluster::start();
    let name = cluster.name("orders");
    let here = catalog(&cluster, "orders", 2, "\"retention.ms\" = 60000");
    let wanted = catalog(&cluster, "orders", 4, "\"retention.ms\" = 120000");
    topics(&cluster, &["create-topics", "--catalog", &here]).ok();

    let summary = json(&cluster, &["create-topics", "--catalog", &wanted]);
    let drift = &entry(&summary, "topics", &name)["drift"];
    let expected = serde_json::json!([
        {"setting": "partitions", "catalog": "4", "cluster": "2"},
        {"setting": "retention.ms", "catalog": "120000", "cluster": "60000"},
    ]);
    assert_eq!(drift, &expected);
    let health = topics(&cluster, &["health-check", "--catalog", &wanted, "--format", "json"]);
    assert_eq!(health.code, 3, "{health:?}");
    let health: Value = serde_json::from_str(&health.out).expect("JSON");
    assert_eq!(entry(&health, "checks", &format!("topic {name}"))["healthy"], false);
    assert_eq!(json(&cluster, &["create-topics", "--catalog", &here])["topics"][0]["status"], "exists");
    topics(&cluster, &["delete-topic", "--all", "--catalog", &here, "--yes"]).ok();
}

#[test]
fn a_replication_factor_above_the_live_brokers_is_refused_before_anything_is_created() {
    let cluster = Cluster::start();
    let refused = topics(&cluster, &["create-topics", "--replication-factor", "9"]);
    refused.fails(2, &["replication factor 9", "9 live brokers", "1 broker is alive"]);
    assert!(!exists(&cluster, &cluster.name("transactions")));
}

#[test]
fn nothing_is_deleted_without_a_terminal_or_yes_and_only_what_was_named() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions", "fraud-alerts"]);
    let (kept, name) = (cluster.name("fraud-alerts"), cluster.name("transactions"));
    topics(&cluster, &["delete-topic", "transactions"]).fails(2, &["deleting", &name, "--yes"]);
    topics(&cluster, &["delete-topic", "transactions", "nonesuch", "--yes"]).fails(1, &["nonesuch"]);
    topics(&cluster, &["delete-topic", "--yes"]).fails(2, &["required"]);
    topics(&cluster, &["delete-topic", "__consumer_offsets", "--yes"]).fails(2, &["Kafka's own"]);
    assert!(exists(&cluster, &name));

    let deleted = json(&cluster, &["delete-topic", "transactions", "--yes"]);
    assert_eq!(entry(&deleted, "deleted", &name)["messages"], 0);
    assert!(!exists(&cluster, &name) && exists(&cluster, &kept));
}

#[test]
fn a_reset_empties_the_catalog_s_topics_and_leaves_others_alone() {
    let cluster = Cluster::start();
    let other = catalog(&cluster, "orders", 1, "");
    topics(&cluster, &["create-topics", "--catalog", &other]).ok();
    topics(&cluster, &["test-produce", "orders", "--catalog", &other]).ok();
    cluster.create_topics(&["transactions"]);
    topics(&cluster, &["test-produce", "transactions"]).ok();
    assert_eq!(shown(&cluster, &["transactions"]).len(), 1);

    topics(&cluster, &["reset-topics", "transactions"]).fails(2, &["deleting", "--yes"]);
    let summary = json(&cluster, &["reset-topics", "transactions", "--yes"]);
    assert_eq!(entry(&summary, "topics", &cluster.name("transactions"))["status"], "created");
    assert_eq!(shown(&cluster, &["transactions"]).len(), 0);
    assert_eq!(shown(&cluster, &[&cluster.name("orders")]).len(), 1);
    topics(&cluster, &["delete-topic", "--all", "--catalog", &other, "--yes"]).ok();
}

#[test]
fn a_test_message_is_written_with_the_catalog_s_key_and_read_back() {
    let cluster = Cluster::start();
    cluster.create_topics(&["customer-transactions"]);
    let message = r#"{"customer_id": "C7", "quantity": 2, "final_amount": 9.5}"#;
    let topic = "customer-transactions";
    let written = json(&cluster, &["test-produce", topic, message, "-H", "source=a=b"]);
    assert_eq!((&written["key"], &written["problems"]), (&"C7".into(), &Value::Array(vec![])), "{written}");

    let read = shown(&cluster, &[topic]);
    assert_eq!(read.len(), 1);
    for field in ["topic", "partition", "offset", "timestamp", "timestamp_ms", "key"] {
        assert_eq!(read[0][field], written[field], "{field}");
    }
    assert_eq!(read[0]["value"], serde_json::from_str::<Value>(message).expect("JSON"));
    assert_eq!(read[0]["headers"], serde_json::json!([{"name": "source", "value": "a=b"}]));
}

#[test]
fn a_wrong_test_message_is_sent_with_a_warning_for_each_problem_or_refused() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let message = r#"{"transaction_id": "T1", "user_id": "U1", "product_id": "P1", "price": "cheap",
                      "timestamp": "2025-07-27T10:08:09Z"}"#;
    let refused = topics(&cluster, &["test-produce", "transactions", message, "--validate"]);
    refused.fails(5, &["not sent", "price", "quantity"]);
    topics(&cluster, &["test-produce", "transactions", "{", "--validate"]).fails(5, &["MALFORMED_JSON"]);
    assert_eq!(shown(&cluster, &["transactions"]).len(), 0);

    let sent = topics(&cluster, &["test-produce", "transactions", message, "--key", "K"]);
    let warnings: Vec<_> = sent.err.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert!(warnings.len() >= 2, "{sent:?}");
    assert!(
        ["price", "quantity"].iter().all(|part| warnings.iter().any(|line| line.contains(part))),
        "{sent:?}"
    );
    sent.ok();
    assert_eq!(shown(&cluster, &["transactions"])[0]["key"], "K");
    topics(&cluster, &["test-produce", "transactions", "{}", "-H", "nonsense"]).fails(2, &["name=value"]);
    topics(&cluster, &["test-produce", "transaction", "{}"]).fails(1, &["did you mean", "transactions"]);
}

/// Five records with the numbers 0 to 4, one after another in one partition.
fn five(cluster: &Cluster) -> String {
    let catalog = catalog(cluster, "numbers", 1, "");
    topics(cluster, &["create-topics", "--catalog", &catalog]).ok();
    let topic = cluster.name("numbers");
    for n in 0..5 {
        topics(cluster, &["test-produce", &topic, &format!("{{\"id\": \"a{n}\", \"n\": {n}}}")]).ok();
    }
    topic
}

fn numbers(records: &[Value]) -> Vec<u64> {
    records.iter().filter_map(|record| record["value"]["n"].as_u64()).collect()
}

#[test]
fn a_topic_with_hundreds_of_partitions_is_counted_whole() {
    let cluster = Cluster::start();
    let catalog = catalog(&cluster, "wide", 300, "");
    topics(&cluster, &["create-topics", "--catalog", &catalog]).ok();
    let topic = cluster.name("wide");
    for n in 0..5 {
        topics(&cluster, &["test-produce", &topic, "{}", "--key", &n.to_string()]).ok();
    }
    let listing = json(&cluster, &["list-topics"]);
    let listed = entry(&listing, "topics", &topic);
    assert_eq!((&listed["partitions"], &listed["messages"]), (&300.into(), &5.into()), "{listed}");
    let described = json(&cluster, &["describe-topic", &topic]);
    assert!(described["partitions"].as_array().expect("a list").iter().all(|row| row["next"].is_i64()));
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn the_disk_that_topics_take_is_told_by_topic_and_partition() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let name = cluster.name("transactions");
    let told = || json(&cluster, &["describe-topic", "transactions"])["bytes"].as_u64();
    assert_eq!(told(), Some(0));
    topics(&cluster, &["test-produce", "transactions"]).ok();
    let bytes = wait_for("the disk to have it", || told().filter(|bytes| *bytes > 100));
    let described = json(&cluster, &["describe-topic", "transactions"]);
    let partitions = described["partitions"].as_array().expect("a list").iter();
    assert_eq!(partitions.filter_map(|row| row["bytes"].as_u64()).sum::<u64>(), bytes, "{described}");
    assert_eq!(described["bytes_unknown"], Value::Null);
    let health = topics(&cluster, &["health-check", "--format", "json"]);
    let health: Value = serde_json::from_str(&health.out).expect("JSON");
    let disk = entry(&health, "checks", "disk");
    assert_eq!((&disk["topics"][&name], &disk["healthy"]), (&bytes.into(), &true.into()), "{health}");
}

#[test]
fn a_group_s_lag_is_what_is_still_to_be_read() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let group = cluster.name("readers");
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &cluster.address)
        .set("group.id", &group)
        .create()
        .expect("a consumer");
    let mut offsets = TopicPartitionList::new();
    let mut position = offsets.add_partition(&topic, 0);
    position.set_offset(Offset::Offset(3)).expect("an offset");
    position.set_metadata("query q on host h");
    wait_for("the commit", || consumer.commit(&offsets, CommitMode::Sync).ok());

    let listing = json(&cluster, &["consumer-groups"]);
    let groups = listing["groups"].as_array().expect("a list");
    let listed = groups.iter().find(|entry| entry["group"] == group.as_str()).expect("listed");
    assert_eq!((&listed["members"], &listed["lag"]), (&0.into(), &2.into()), "{listed}");
    assert_eq!(listed["topics"], serde_json::json!({ &topic: 2 }));
    let detail = json(&cluster, &["consumer-groups", "--group", "readers"]);
    let mut partitions = detail["partitions"].clone();
    let behind = partitions[0]["behind_ms"].take();
    assert!(behind.as_i64().is_some_and(|behind| behind >= 0), "{detail}");
    let expected = serde_json::json!([{"topic": topic, "partition": 0, "committed": 3, "end": 5, "lag": 2,
        "metadata": "query q on host h", "behind_ms": null, "member": null}]);
    assert_eq!(partitions, expected);
    topics(&cluster, &["consumer-groups", "--group", "reader"]).fails(1, &["did you mean 'readers'?"]);
    topics(&cluster, &["health-check", "--max-lag", "1"]).fails(3, &["degraded"]);
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn every_change_is_remembered() {
    let cluster = Cluster::start();
    let journal = cluster.folder.path().join("home/kafka_management.log");
    topics(&cluster, &["list-topics"]).ok();
    topics(&cluster, &["create-topics", "fraud-alerts", "--dry-run"]).ok();
    assert!(!journal.exists());
    topics(&cluster, &["create-topics", "fraud-alerts"]).ok();
    topics(&cluster, &["test-produce", "fraud-alerts"]).ok();
    topics(&cluster, &["delete-topic", "fraud-alerts", "--yes"]).ok();
    let text = std::fs::read_to_string(journal).expect("written");
    let lines: Vec<_> = text.lines().collect();
    let name = cluster.name("fraud-alerts");
    for (line, part) in lines.iter().zip(["create ", "write 1 message to ", "delete "]) {
        assert!(line.contains("Z cluster=") && line.contains(part) && line.contains(&name), "{text}");
    }
    assert_eq!(lines.len(), 3, "{text}");
}

/// `ecap-topics kafka-cli` with tools that only say what they were given.
fn kafka_cli(cluster: &Cluster, args: &[&str]) -> Ended {
    let home = cluster.folder.path().join("kafka");
    std::fs::create_dir_all(home.join("bin")).expect("a folder");
    for name in ["topics", "cluster", "configs", "delete-records", "leader-election", "transactions"] {
        let tool = home.join(format!("bin/kafka-{name}.sh"));
        if !tool.exists() {
            std::fs::write(&tool, "#!/bin/sh\necho \"$@\"\n").expect("written");
            assert!(Command::new("chmod").arg("+x").arg(&tool).status().expect("chmod runs").success());
        }
    }
    let mut command = cluster.command("ecap-topics");
    Ended::of(command.env("KAFKA_HOME", &home).arg("kafka-cli").args(args))
}

#[test]
fn kafka_s_own_tool_gets_the_address_where_it_is_not_given() {
    let cluster = Cluster::start();
    let kafka_cli = |args: &[&str]| kafka_cli(&cluster, args);
    let filled = format!("--bootstrap-server {}", cluster.address);
    for name in ["topics", "kafka-topics", "kafka-topics.sh"] {
        assert_eq!(kafka_cli(&[name, "--list"]).ok(), format!("{filled} --list\n"));
    }
    assert_eq!(kafka_cli(&["cluster", "cluster-id"]).ok(), format!("cluster-id {filled}\n"));
    let given = kafka_cli(&["topics", "--bootstrap-server", "elsewhere:1", "--list"]).ok();
    assert_eq!(given, "--bootstrap-server elsewhere:1 --list\n");
    assert_eq!(kafka_cli(&["topics", "--help"]).ok(), "--help\n");
    kafka_cli(&["console-consumer"]).fails(2, &["kafka-console-consumer"]);
    kafka_cli(&["../evil"]).fails(2, &["../evil"]);
}

#[test]
fn what_kafka_s_own_tool_changes_is_remembered_without_its_secrets() {
    let cluster = Cluster::start();
    let journal = cluster.folder.path().join("home/kafka_management.log");
    for looking in [
        &["topics", "--list"] as &[&str],
        &["cluster", "cluster-id"],
        &["transactions", "list"],
        &["topics", "--bootstrap-server", "127.0.0.1:1", "--list"],
        &["delete-records", "--help"],
    ] {
        kafka_cli(&cluster, looking).ok();
    }
    assert!(!journal.exists());
    let here = &*cluster.address;
    let changing = [
        &["topics", "--create", "--topic", "t"] as &[&str],
        &["topics", "--bootstrap-server", "127.0.0.1:1", "--create", "--topic", "t"],
        &["topics", &format!("--bootstrap-server={here}"), "--delete", "--topic", "t"],
        &["delete-records", "--offset-json-file", "f"],
        &["transactions", "abort", "--topic", "t"],
        &["leader-election", "--election-type", "preferred"],
        &["configs", "--alter", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=hidden-one]"],
    ];
    for args in changing {
        kafka_cli(&cluster, args).ok();
    }
    let text = std::fs::read_to_string(journal).expect("written");
    assert_eq!(text.lines().count(), changing.len(), "{text}");
    for (line, args) in text.lines().zip(changing) {
        let args = args.join(" ").replace("hidden-one", "********");
        assert!(line.contains(&format!("command=kafka-cli change=\"{args}\" done")), "{line}");
        assert_eq!(line.contains("cluster=unknown"), args.contains("127.0.0.1:1 "), "{line}");
    }
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ecap.toml"), "[profile.dev]\nbootstrap-servers = \"dev:1\"\n")
        .expect("written");
    let config = |args: &[&str]| {
        let mut command = binary_command("ecap-topics", folder.path());
        let text = Ended::of(command.args(["config", "--format", "csv"]).args(args)).ok();
        text.lines().find(|line| line.starts_with("bootstrap-servers")).unwrap_or_default().to_string()
    };
    assert_eq!(config(&[]), "bootstrap-servers,localhost:9092,default");
    assert!(config(&["--profile", "dev"]).starts_with("bootstrap-servers,dev:1,"));
    assert_eq!(config(&["--profile", "dev", "--brokers", "b:2"]), "bootstrap-servers,b:2,flag");
}

#[test]
fn without_a_broker_each_command_says_so_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let nobody = nobody.expect("a free port").to_string();
    let commands = [
        &["create-topics"] as &[&str],
        &["plan"],
        &["apply", "--yes"],
        &["export"],
        &["alter-config", "transactions", "retention.ms=7d"],
        &["list-topics"],
        &["describe-topic", "transactions"],
        &["delete-topic", "transactions", "--yes"],
        &["reset-topics", "--yes"],
        &["test-produce", "transactions", "{}"],
        &["tail", "transactions"],
        &["consumer-groups"],
        &["reset-offsets", "readers", "--to", "earliest"],
        &["delete-group", "readers", "--yes"],
        &["delete-offsets", "readers", "--topic", "transactions", "--yes"],
        &["monitor", "--format", "json"],
        &["health-check"],
    ];
    // All at once: each tries for two seconds.
    let running = commands.map(|args| {
        let mut command = binary_command("ecap-topics", folder.path());
        command.arg("--bootstrap-servers").arg(&nobody).args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    });
    for child in running {
        let ended = Ended::from(child.wait_with_output().expect("ends"));
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        ended.fails(4, &[&nobody, "ecap-broker", "docker compose up -d kafka"]);
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let cluster = Cluster::start();
    let mut command = cluster.command("ecap-topics");
    let mut listing = command.arg("list-topics").stdout(Stdio::piped()).spawn().expect("starts");
    drop(listing.stdout.take());
    assert_eq!(listing.wait().expect("ends").code(), Some(0));
}
