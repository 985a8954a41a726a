//! Groups are reset and deleted as asked, partition by partition, and never under somebody who reads.

use super::{catalog, five, json, topics};
use crate::support::{Cluster, took_at_most, wait_for};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json as value};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

fn consumer(cluster: &Cluster, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", &cluster.address)
        .set("group.id", cluster.name(group))
        .set("client.id", "somebody")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer")
}

/// A group that goes on at an offset of partition 0.
pub fn commit(cluster: &Cluster, group: &str, topic: &str, offset: i64, metadata: &str) {
    let consumer = consumer(cluster, group);
    let mut offsets = TopicPartitionList::new();
    let mut position = offsets.add_partition(topic, 0);
    position.set_offset(Offset::Offset(offset)).expect("an offset");
    position.set_metadata(metadata);
    wait_for("the commit", || consumer.commit(&offsets, CommitMode::Sync).ok());
}

/// Where a group goes on, by partition.
fn committed(cluster: &Cluster, group: &str) -> Vec<(i64, i64)> {
    let detail = json(cluster, &["consumer-groups", "--group", group]);
    let partitions = detail["partitions"].as_array().expect("a list").iter();
    partitions.map(|row| (row["partition"].as_i64().unwrap(), row["committed"].as_i64().unwrap())).collect()
}

#[test]
fn a_reset_is_shown_first_and_done_when_asked() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    commit(&cluster, "readers", &topic, 3, "");
    let shown = json(&cluster, &["reset-offsets", "readers", "--to", "earliest"]);
    let expected = value!({"group": cluster.name("readers"), "executed": false,
        "partitions": [{"topic": topic, "partition": 0, "before": 3, "offset": 0, "lag": 5}]});
    assert_eq!(shown, expected);
    assert_eq!(committed(&cluster, "readers"), [(0, 3)]);

    let third = super::shown(&cluster, &[&topic, "--from", "2", "-n", "1"]).remove(0);
    let time = format!("@{}", third["timestamp_ms"]);
    for (to, offset) in
        [("earliest", 0), ("latest", 5), ("1", 1), ("-2", 3), (&*time, 2), ("1h", 0), ("99", 5)]
    {
        let done = json(&cluster, &["reset-offsets", "readers", "--to", to, "--execute"]);
        assert_eq!(
            (&done["executed"], &done["partitions"][0]["offset"]),
            (&true.into(), &offset.into()),
            "{to}"
        );
        assert_eq!(committed(&cluster, "readers"), [(0, offset)], "{to}");
    }
    let journal =
        std::fs::read_to_string(cluster.folder.path().join("home/kafka_management.log")).expect("written");
    let line = format!(
        "command=reset-offsets change=\"set offsets of group {}: {topic}/0 3 -> 0\" done",
        cluster.name("readers")
    );
    assert!(journal.contains(&line), "{journal}");

    topics(&cluster, &["reset-offsets", "reader", "--to", "earliest"]).fails(1, &["did you mean 'readers'?"]);
    topics(&cluster, &["reset-offsets", "readers", "--to", "somewhere"])
        .fails(2, &["--to", "earliest", ".csv"]);
    topics(&cluster, &["reset-offsets", "readers"]).fails(2, &["required"]);
    let other = ["reset-offsets", "readers", "--to", "0", "--partition", "7"];
    topics(&cluster, &other).fails(1, &["no partition 7"]);
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn a_plan_in_a_file_is_what_csv_shows_and_makes_a_new_group() {
    let cluster = Cluster::start();
    let declared = catalog(&cluster, "pairs", 2, "");
    topics(&cluster, &["create-topics", "--catalog", &declared]).ok();
    let topic = cluster.name("pairs");
    for n in 0..20 {
        topics(&cluster, &["test-produce", &topic, "{}", "--key", &n.to_string()]).ok();
    }
    let reset = ["reset-offsets", "fresh", "--topic", &topic, "--to", "latest"];
    let plan = topics(&cluster, &[&reset[..], &["--format", "csv"]].concat()).ok();
    let path = cluster.folder.path().join("plan.csv").display().to_string();
    std::fs::write(&path, &plan).expect("written");
    topics(&cluster, &["reset-offsets", "fresh", "--to", &path, "--execute"]).ok();
    let ends = committed(&cluster, "fresh");
    assert_eq!((ends.len(), ends.iter().map(|(_, end)| end).sum::<i64>()), (2, 20), "{plan}");

    std::fs::write(&path, format!("{topic},1,1\n")).expect("written");
    topics(&cluster, &["reset-offsets", "fresh", "--to", &path, "--execute"]).ok();
    assert_eq!(committed(&cluster, "fresh"), [ends[0], (1, 1)]);
    std::fs::write(&path, format!("{topic},9,1\n")).expect("written");
    topics(&cluster, &["reset-offsets", "fresh", "--to", &path]).fails(2, &["no partition 9"]);
    std::fs::write(&path, "nonsense\n").expect("written");
    topics(&cluster, &["reset-offsets", "fresh", "--to", &path]).fails(2, &["plan.csv", "line 1"]);
    topics(&cluster, &["reset-offsets", "fresh", "--to", "gone.csv"]).fails(2, &["cannot read gone.csv"]);
    topics(&cluster, &["delete-group", "fresh", "--yes"]).ok();
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn a_group_that_somebody_reads_with_is_left_alone() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let consumer = consumer(&cluster, "busy");
    consumer.subscribe(&[&topic]).expect("subscribed");
    wait_for("an assignment", || {
        consumer.poll(Duration::from_millis(50));
        consumer.assignment().ok().filter(|assigned| assigned.count() == 1)
    });
    consumer.commit_consumer_state(CommitMode::Sync).ok();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic, 0, Offset::Offset(2)).expect("an offset");
    consumer.commit(&offsets, CommitMode::Sync).expect("committed");

    let detail = json(&cluster, &["consumer-groups", "--group", "busy"]);
    assert_eq!(
        (&detail["state"], &detail["partitions"][0]["member"]["client"]),
        (&"Stable".into(), &"somebody".into())
    );
    for args in [
        &["reset-offsets", "busy", "--to", "earliest", "--execute"] as &[&str],
        &["delete-group", "busy", "--yes"],
        &["delete-offsets", "busy", "--topic", &topic, "--yes"],
    ] {
        topics(&cluster, args).fails(1, &["is active, with 1 member: somebody from ", "stop them first"]);
    }
    assert_eq!(committed(&cluster, "busy"), [(0, 2)]);
    drop(consumer);
    wait_for("the group to be empty", || {
        let detail = json(&cluster, &["consumer-groups", "--group", "busy"]);
        (detail["state"] == "Empty").then_some(())
    });
    topics(&cluster, &["reset-offsets", "busy", "--to", "earliest", "--execute"]).ok();
    assert_eq!(committed(&cluster, "busy"), [(0, 0)]);
    topics(&cluster, &["delete-group", "busy", "--yes"]).ok();
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn the_group_of_a_query_is_marked_and_its_reset_names_the_command_that_does_it() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    commit(&cluster, "stranger", &topic, 3, "ecap-consume on elsewhere, process 7, query revenue");
    let listing = json(&cluster, &["consumer-groups"]);
    let find = |name: &str| {
        let groups = listing["groups"].as_array().expect("a list");
        groups.iter().find(|row| row["group"] == cluster.name(name).as_str()).expect("listed").clone()
    };
    let owner = value!({"host": "elsewhere", "process": 7, "query": "revenue"});
    assert_eq!(find("stranger")["query"], owner);
    let reset = topics(&cluster, &["reset-offsets", "stranger", "--to", "earliest", "--execute"]);
    reset.fails(
        1,
        &["mirrors the progress of a query", "`ecap-consume checkpoint rewind revenue --to BATCHES`"],
    );
    assert_eq!(committed(&cluster, "stranger"), [(0, 3)]);
    let table = topics(&cluster, &["consumer-groups", "--group", "stranger"]).ok();
    assert!(table.contains("mirrors the progress of query 'revenue', process 7 on elsewhere"), "{table}");
    topics(&cluster, &["delete-group", "stranger", "--yes"]).ok();
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

/// Many groups are asked about together, and one by itself.
#[test]
fn many_groups_are_told_of_as_each_is_by_itself() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let names: Vec<_> = (0..32).map(|number| format!("many-{number}")).collect();
    for (offset, name) in names.iter().enumerate() {
        commit(&cluster, name, &topic, offset as i64, ["", "é", "beside"][offset % 3]);
    }
    let listing = json(&cluster, &["consumer-groups"]);
    let groups = listing["groups"].as_array().expect("a list");
    for number in 0..32 {
        let group = cluster.name(&format!("many-{number}"));
        let row = groups.iter().find(|row| row["group"] == group.as_str()).expect("listed");
        let lag = Value::from((5 - number).max(0));
        assert_eq!((&row["state"], &row["lag"]), (&"Empty".into(), &lag), "{row}");
        if number > 6 {
            continue;
        }
        let detail = json(&cluster, &["consumer-groups", "--group", &group]);
        assert_eq!((&detail["state"], &detail["lag"]), (&"Empty".into(), &lag), "{detail}");
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let deleted = json(&cluster, &[&["delete-group", "--yes"], &names[..]].concat());
    let deleted = deleted["deleted"].as_array().expect("a list");
    assert!(deleted.len() == 32 && deleted.iter().all(|entry| entry["partitions"] == 1), "{deleted:?}");
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn the_position_of_a_producer_is_marked_and_is_no_lag() {
    let cluster = Cluster::start();
    cluster.create_topics(&[]);
    let args = ["--synthetic", "transactions", "--max-records", "40", "--batch-size", "10", "--sleep", "0"];
    cluster.run("ecap-produce", &[&args[..], &["--transactional-id", "load"]].concat()).ok();
    let group = cluster.name("load.position");
    let listing = json(&cluster, &["consumer-groups", "--lag-time"]);
    let groups = listing["groups"].as_array().expect("a list");
    let row = groups.iter().find(|row| row["group"] == group.as_str()).expect("listed");
    let id = cluster.name("load");
    assert_eq!(
        (&row["producer"], &row["lag"], &row["query"]),
        (&id.as_str().into(), &0.into(), &Value::Null)
    );
    let detail = json(&cluster, &["consumer-groups", "--group", &group]);
    let [place] = &detail["partitions"].as_array().expect("a list")[..] else { panic!("{detail}") };
    assert_eq!((&place["committed"], &place["lag"]), (&40.into(), &0.into()), "{detail}");
    let table = topics(&cluster, &["consumer-groups", "--group", &group]).ok();
    assert!(table.contains(&format!("transactional id '{id}' has read")), "{table}");
    // Others on the same cluster may lag.
    let health = topics(&cluster, &["health-check", "--max-lag", "0", "--format", "json"]).out;
    let health: Value = serde_json::from_str(&health).expect("JSON");
    let name = format!("group {group}");
    let check =
        health["checks"].as_array().expect("a list").iter().find(|check| check["check"] == name.as_str());
    assert_eq!(check.expect("checked")["healthy"], true, "{health}");
    topics(&cluster, &["delete-group", &group, "--yes"]).ok();
    topics(&cluster, &["delete-topic", "--all", "--yes"]).ok();
}

#[test]
fn a_reset_of_a_query_s_group_knows_how_many_batches_to_keep() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    let declared = catalog(&cluster, "numbers", 1, "");
    let consume = || {
        let args = [
            "--topic",
            "numbers",
            "--catalog",
            &declared,
            "--from",
            "earliest",
            "--trigger",
            "available-now",
        ];
        let kept = ["--sink", "ndjson", "--path", "out.ndjson", "--name", "numbers-query"];
        cluster.run("ecap-consume", &[&args[..], &kept].concat()).ok();
    };
    consume();
    topics(&cluster, &["test-produce", &topic, "{\"id\": \"a5\", \"n\": 5}"]).ok();
    consume();
    let group = cluster.name("ecap-numbers");
    let told = topics(&cluster, &["reset-offsets", &group, "--to", "5", "--execute"]);
    told.fails(1, &["`ecap-consume checkpoint rewind numbers-query --to 1`"]);
    topics(&cluster, &["delete-group", &group, "--yes"]).ok();
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn offsets_and_groups_are_deleted_only_when_it_is_meant() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    commit(&cluster, "old", &topic, 3, "");
    topics(&cluster, &["delete-offsets", "old", "--topic", &topic])
        .fails(2, &["deleting where group", "--yes"]);
    topics(&cluster, &["delete-group", "old"]).fails(2, &["deleting", "1 partition", "--yes"]);
    let missing = ["delete-offsets", "old", "--topic", &topic, "--partition", "1", "--yes"];
    topics(&cluster, &missing).fails(1, &["has committed nothing of that"]);
    let deleted = json(&cluster, &["delete-offsets", "old", "--topic", &topic, "--yes"]);
    assert_eq!(deleted["deleted"], value!([{"topic": topic, "partition": 0, "committed": 3}]));

    commit(&cluster, "old", &topic, 4, "");
    let deleted = json(&cluster, &["delete-group", "old", "--yes"]);
    assert_eq!(deleted["deleted"], value!([{"group": cluster.name("old"), "partitions": 1}]));
    topics(&cluster, &["consumer-groups", "--group", "old"]).fails(1, &["does not exist"]);
    topics(&cluster, &["delete-group", "old", "--yes"]).fails(1, &["does not exist"]);
    let journal =
        std::fs::read_to_string(cluster.folder.path().join("home/kafka_management.log")).expect("written");
    for part in [
        "command=delete-offsets change=\"delete offsets of group ",
        "command=delete-group change=\"delete group ",
    ] {
        assert!(journal.contains(part), "{journal}");
    }
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn watching_tells_how_the_lag_changes() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    commit(&cluster, "slow", &topic, 0, "");
    let mut command = cluster.command("ecap-topics");
    command.args(["consumer-groups", "--group", "slow", "--watch", "200ms", "--format", "json"]);
    let mut watch = command.stdout(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut next =
        || serde_json::from_str::<Value>(&lines.next().expect("a line").expect("text")).expect("JSON");
    let first = next();
    assert_eq!((&first["lag"], first.get("trend")), (&5.into(), None), "{first}");
    commit(&cluster, "slow", &topic, 2, "");
    let second =
        std::iter::repeat_with(next).take(100).find(|reading| reading["lag"] == 3).expect("the change");
    assert!(second["trend"].as_f64().is_some_and(|trend| trend < 0.0), "{second}");
    assert!(second["catches_up_ms"].as_u64().is_some_and(|millis| millis > 0), "{second}");
    watch.kill().expect("killed");
    watch.wait().expect("ends");
    topics(&cluster, &["delete-group", "slow", "--yes"]).ok();
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}

#[test]
fn the_shell_completes_groups_and_waits_for_nobody() {
    let cluster = Cluster::start();
    let topic = five(&cluster);
    commit(&cluster, "completed", &topic, 3, "");
    let complete = |address: &str| {
        let mut command = cluster.command("ecap-topics");
        command.env("COMPLETE", "fish").env("ECAP_BOOTSTRAP_SERVERS", address);
        command.args(["--", "ecap-topics", "reset-offsets", &cluster.name("compl")]);
        crate::support::Ended::of(&mut command).ok()
    };
    // A machine that is busy may need more than a person waits for.
    wait_for("the group's name", || {
        complete(&cluster.address).contains(&cluster.name("completed")).then_some(())
    });
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let began = std::time::Instant::now();
    assert_eq!(complete(&silent.local_addr().expect("an address").to_string()), "");
    took_at_most(Duration::from_secs(2), began);
    topics(&cluster, &["delete-group", "completed", "--yes"]).ok();
    topics(&cluster, &["delete-topic", &topic, "--yes"]).ok();
}
