//! `plan` changes nothing, `apply` does what it showed and loses nothing that was not agreed to.

use super::{catalog, exists, json, topics};
use crate::support::{Cluster, wait_for};
use serde_json::{Value, json as value};

/// What is to be done, by `plan` or `apply`.
fn changes(document: &Value) -> Vec<Value> {
    document["changes"].as_array().expect("a list").clone()
}

#[track_caller]
fn plan(cluster: &Cluster, catalog: &str) -> Value {
    json(cluster, &["plan", "--catalog", catalog])
}

#[track_caller]
fn setting(cluster: &Cluster, topic: &str, name: &str) -> Value {
    let described = json(cluster, &["describe-topic", topic, "--all-settings"]);
    let settings = described["settings"].as_array().expect("a list");
    settings.iter().find(|setting| setting["name"] == name).expect("a setting")["value"].clone()
}

#[test]
fn what_is_planned_is_applied_once() {
    let cluster = Cluster::start();
    let name = cluster.name("orders");
    let here = catalog(&cluster, "orders", 2, "\"retention.ms\" = 60000");
    let wanted = value!({"action": "create", "topic": name, "partitions": 2, "replication": 1,
        "config": {"retention.ms": "60000"}});
    assert_eq!(changes(&plan(&cluster, &here)), std::slice::from_ref(&wanted));
    topics(&cluster, &["plan", "--catalog", &here]).ok();
    topics(&cluster, &["plan", "--catalog", &here, "--exit-code"]).fails(3, &["ecap-topics apply"]);
    assert!(!exists(&cluster, &name));

    let applied = json(&cluster, &["apply", "--catalog", &here]);
    assert_eq!((changes(&applied), &applied["applied"]), (vec![wanted], &true.into()));
    assert!(exists(&cluster, &name));
    topics(&cluster, &["plan", "--catalog", &here, "--exit-code"]).ok();
    assert_eq!(changes(&json(&cluster, &["apply", "--catalog", &here])), [Value::Null; 0]);
    let log = std::fs::read_to_string(cluster.folder.path().join("home/kafka_management.log"));
    assert_eq!(log.expect("a log").lines().count(), 1);
    topics(&cluster, &["delete-topic", "--all", "--catalog", &here, "--yes"]).ok();
}

#[test]
fn a_loss_is_named_and_done_only_when_it_is_meant() {
    let cluster = Cluster::start();
    let name = cluster.name("orders");
    let here = catalog(&cluster, "orders", 2, "\"retention.ms\" = 600000");
    let wanted = catalog(&cluster, "orders", 3, "\"retention.ms\" = 60000\n\"segment.ms\" = 60000");
    topics(&cluster, &["apply", "--catalog", &here]).ok();

    let planned = plan(&cluster, &wanted);
    let altered = value!({"action": "alter", "topic": name, "setting": "retention.ms", "from": "600000",
        "to": "60000", "loss": "records older than 1m"});
    assert_eq!(changes(&planned).len(), 3, "{planned}");
    assert!(changes(&planned).contains(&altered), "{planned}");
    let grown = value!({"action": "add-partitions", "topic": name, "from": 2, "to": 3});
    assert!(changes(&planned).contains(&grown), "{planned}");
    let refused = topics(&cluster, &["apply", "--catalog", &wanted]);
    refused.fails(2, &["retention.ms", &name, "older than 1m", "0 records now", "--yes"]);
    assert_eq!(changes(&plan(&cluster, &wanted)).len(), 3);

    topics(&cluster, &["apply", "--catalog", &wanted, "--yes"]).ok();
    topics(&cluster, &["plan", "--catalog", &wanted, "--exit-code"]).ok();
    assert_eq!(setting(&cluster, "orders", "retention.ms"), "60000");
    // Back again nothing is lost, and settings that a catalog does not name stay.
    let back = catalog(&cluster, "orders", 3, "\"retention.ms\" = 600000");
    topics(&cluster, &["apply", "--catalog", &back]).ok();
    assert_eq!(setting(&cluster, "orders", "segment.ms"), "60000");
    topics(&cluster, &["delete-topic", &name, "--yes"]).ok();
}

#[test]
fn less_safety_for_acknowledged_records_is_a_loss() {
    let cluster = Cluster::start();
    let unclean = "unclean.leader.election.enable";
    let safe = catalog(&cluster, "orders", 1, &format!("\"min.insync.replicas\" = 2\n\"{unclean}\" = false"));
    topics(&cluster, &["apply", "--catalog", &safe]).ok();
    for (setting, value) in [("min.insync.replicas", "1"), (unclean, "true")] {
        let wanted = catalog(&cluster, "orders", 1, &format!("\"{setting}\" = {value}"));
        let planned = changes(&plan(&cluster, &wanted));
        assert!(planned[0]["loss"].as_str().is_some_and(|loss| loss.contains("acknowledged")), "{planned:?}");
        let alter = format!("{setting}={value}");
        for args in [&["apply", "--catalog", &wanted] as &[&str], &["alter-config", "orders", &alter]] {
            topics(&cluster, args).fails(2, &[setting, "loses acknowledged records", "--yes"]);
        }
        topics(&cluster, &["alter-config", "orders", &alter, "--yes"]).ok();
    }
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
}

#[test]
fn nothing_is_done_where_something_would_be_refused() {
    let cluster = Cluster::start();
    topics(&cluster, &["apply", "--catalog", &catalog(&cluster, "orders", 1, "")]).ok();
    let path = cluster.folder.path().join("wanted.toml");
    let wanted = |of_orders: &str, of_new: &str| {
        let plain = |name: &str, config: &str| {
            format!("[[topic]]\nname = \"{name}\"\npartitions = 2\n[topic.config]\n{config}\n")
        };
        let text = ["first", "new"].map(|name| plain(name, if name == "new" { of_new } else { "" })).concat();
        std::fs::write(&path, text + &plain("orders", of_orders)).expect("written");
        path.display().to_string()
    };
    let (wrong, unknown) = ("\"min.insync.replicas\" = 0", "\"retention\" = 1");
    let new = cluster.name("new");
    for (of_orders, of_new, refused) in [
        (wrong, "", ["min.insync.replicas", "orders"]),
        (unknown, "", ["retention", "orders"]),
        ("\"retention.ms\" = 7", wrong, ["min.insync.replicas", &new]),
        ("\"retention.ms\" = 7", unknown, ["retention", &new]),
    ] {
        let file = wanted(of_orders, of_new);
        let planned = changes(&plan(&cluster, &file));
        topics(&cluster, &["apply", "--catalog", &file, "--yes"]).fails(2, &refused);
        assert_eq!(changes(&plan(&cluster, &file)), planned);
    }
    topics(&cluster, &["create-topics", "--catalog", &wanted("", wrong)])
        .fails(2, &["min.insync.replicas", &new]);
    assert!(!exists(&cluster, &cluster.name("first")));
    topics(&cluster, &["apply", "--catalog", &wanted("", "")]).ok();
    topics(&cluster, &["delete-topic", "first", "new", "orders", "--yes"]).ok();
}

#[test]
fn partitions_are_never_taken_away_and_the_rest_is_done() {
    let cluster = Cluster::start();
    let name = cluster.name("orders");
    let here = catalog(&cluster, "orders", 3, "");
    let wanted = catalog(&cluster, "orders", 2, "\"retention.ms\" = 60000");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let refused = value!([{"topic": name, "setting": "partitions", "catalog": "2", "cluster": "3",
        "reason": plan(&cluster, &wanted)["refused"][0]["reason"]}]);
    assert_eq!(plan(&cluster, &wanted)["refused"], refused);
    let stays = topics(&cluster, &["apply", "--catalog", &wanted, "--yes"]);
    stays.fails(3, &[&name, "stays with partitions 3", "the catalog says 2", "cannot take partitions away"]);
    assert_eq!(changes(&plan(&cluster, &wanted)), [Value::Null; 0]);
    assert_eq!(setting(&cluster, "orders", "retention.ms"), "60000");
    assert_eq!(json(&cluster, &["describe-topic", &name])["partitions"].as_array().map(Vec::len), Some(3));
    topics(&cluster, &["delete-topic", &name, "--yes"]).ok();
}

#[test]
fn pruning_deletes_what_the_catalog_does_not_have_and_nothing_of_others() {
    let cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    for other in ["old", "_schemas", "ecap-commits"] {
        topics(&cluster, &["apply", "--catalog", &catalog(&cluster, other, 1, "")]).ok();
    }
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let old = cluster.name("old");
    let prune = ["apply", "--catalog", &here, "--prune"];
    topics(&cluster, &prune).fails(2, &["deleting", &old, "0 records now", "--yes"]);
    topics(&cluster, &["plan", "--catalog", &here, "--prune", "orders"]).fails(2, &["--prune"]);
    assert!(exists(&cluster, &old));
    let done = json(&cluster, &[&prune[..], &["--yes"]].concat());
    assert_eq!(changes(&done), [value!({"action": "delete", "topic": old, "partitions": 1})]);
    assert!(!exists(&cluster, &old));
    for kept in ["orders", "_schemas", "ecap-commits"].map(|name| cluster.name(name)) {
        assert!(exists(&cluster, &kept), "{kept}");
        topics(&cluster, &["delete-topic", &kept, "--yes"]).ok();
    }
}

#[test]
fn another_cluster_than_the_profile_names_is_refused() {
    let cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    let id = plan(&cluster, &here)["cluster"].as_str().expect("an id").to_string();
    let profile = cluster.folder.path().join("ecap.toml");
    std::fs::write(&profile, "[profile.default]\ncluster-id = \"elsewhere\"\n").expect("written");
    topics(&cluster, &["apply", "--catalog", &here]).fails(2, &["'elsewhere' is meant", &id, "cluster-id"]);
    std::fs::write(&profile, format!("[profile.default]\ncluster-id = \"{id}\"\n")).expect("written");
    assert_eq!(changes(&plan(&cluster, &here)).len(), 1);
    std::fs::write(&profile, "[profile.default]\nreplication-factor = 9\n").expect("written");
    topics(&cluster, &["apply", "--catalog", &here]).fails(2, &["replication factor 9", "1 broker is alive"]);
    assert!(!exists(&cluster, &cluster.name("orders")));
}

#[test]
fn single_settings_are_altered_and_taken_back() {
    let cluster = Cluster::start();
    let name = cluster.name("orders");
    let here = catalog(&cluster, "orders", 1, "\"segment.ms\" = 60000");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let altered =
        json(&cluster, &["alter-config", "orders", "retention.ms=30d", "compression.type=zstd", "--yes"]);
    assert_eq!((&altered["topic"], &altered["dry_run"]), (&name.as_str().into(), &false.into()));
    let zstd = value!({"setting": "compression.type", "old": "producer", "new": "zstd", "changed": true});
    assert_eq!(altered["settings"][1], zstd);
    assert_eq!(altered["settings"][0]["new"], "2592000000");
    assert_eq!(setting(&cluster, "orders", "segment.ms"), "60000");

    let again = json(&cluster, &["alter-config", "orders", "compression.type=zstd"]);
    assert_eq!(again["settings"][0]["changed"], false);
    topics(&cluster, &["alter-config", "orders", "retention.ms=1h"])
        .fails(2, &["30d to 1h", "older than 1h"]);
    topics(&cluster, &["alter-config", "orders", "retention.ms=1h", "--dry-run"]).ok();
    assert_eq!(setting(&cluster, "orders", "retention.ms"), "2592000000");
    let back = json(&cluster, &["alter-config", "orders", "--delete", "compression.type"]);
    assert_eq!(back["settings"][0]["new"], "producer");

    let wrong = |args: &[&str], parts: &[&str]| {
        topics(&cluster, &[&["alter-config", "orders"], args].concat()).fails(2, parts);
    };
    wrong(&["retention=1"], &["no setting 'retention'", "retention.ms"]);
    wrong(&["segment.ms=soon"], &["segment.ms", "'soon' is not a duration"]);
    wrong(&["segment.ms=-7"], &["segment.ms", &name]);
    wrong(&["segment.ms=-7", "--dry-run"], &["segment.ms", &name]);
    wrong(&["segment.ms"], &["no '='"]);
    wrong(&["segment.ms=1", "--delete", "segment.ms"], &["named twice"]);
    wrong(&[], &["required"]);
    topics(&cluster, &["alter-config", "order", "segment.ms=1"]).fails(1, &["did you mean 'orders'?"]);
    let log =
        std::fs::read_to_string(cluster.folder.path().join("home/kafka_management.log")).expect("a log");
    let told =
        format!("command=alter-config change=\"alter {name} compression.type from zstd to default\" done");
    assert!(log.contains(&told), "{log}");
    topics(&cluster, &["delete-topic", &name, "--yes"]).ok();
}

#[test]
fn a_catalog_takes_times_and_sizes_as_people_write_them() {
    let cluster = Cluster::start();
    let settings = "\"retention.ms\" = \"7d\"\n\"retention.bytes\" = \"10MiB\"\n\"segment.ms\" = \" 60000 \"";
    let here = catalog(&cluster, "orders", 1, settings);
    topics(&cluster, &["validate", &here]).ok();
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    for (name, value) in
        [("retention.ms", "604800000"), ("retention.bytes", "10485760"), ("segment.ms", "60000")]
    {
        assert_eq!(setting(&cluster, "orders", name), value);
    }
    topics(&cluster, &["plan", "--catalog", &here, "--exit-code"]).ok();
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
    for (setting, part) in
        [("\"retention.ms\" = \"7 dayz\"", "write 7d"), ("\"segment.bytes\" = \"x\"", "10MiB")]
    {
        let wrong = catalog(&cluster, "orders", 1, setting);
        topics(&cluster, &["plan", "--catalog", &wrong]).fails(2, &["topic 'orders'", part]);
        assert!(topics(&cluster, &["validate", &wrong]).out.contains(part));
    }
}

#[test]
fn the_shell_completes_settings() {
    let cluster = Cluster::start();
    let here = catalog(&cluster, "orders", 1, "");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    for (words, completed) in
        [(&["retention.m"] as &[&str], "retention.ms="), (&["--delete", "retention.m"], "retention.ms")]
    {
        let mut command = cluster.command("ecap-topics");
        command.env("COMPLETE", "fish").env("ECAP_BOOTSTRAP_SERVERS", &cluster.address);
        command.args(["--", "ecap-topics", "alter-config", "orders"]).args(words);
        // A machine that is busy may need more than a person waits for.
        wait_for("the setting's name", || {
            (crate::support::Ended::of(&mut command).ok().trim() == completed).then_some(())
        });
    }
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
}

#[test]
fn an_exported_catalog_plans_nothing() {
    let cluster = Cluster::start();
    cluster.create_topics(&[]);
    let here =
        catalog(&cluster, "orders", 2, "\"cleanup.policy\" = \"compact,delete\"\n\"retention.ms\" = 7");
    topics(&cluster, &["apply", "--catalog", &here]).ok();
    let file = cluster.folder.path().join("exported.toml").display().to_string();
    std::fs::write(&file, topics(&cluster, &["export"]).ok()).expect("written");
    topics(&cluster, &["validate", &file]).ok();
    topics(&cluster, &["plan", "--catalog", &file, "--prune", "--exit-code"]).ok();
    // What the catalog says of records goes with the topics.
    let query = cluster.folder.path().join("query.sql").display().to_string();
    let sql = "SELECT window, count(*) FROM transactions GROUP BY window(timestamp, '1 minute')";
    std::fs::write(&query, sql).expect("written");
    cluster.run("ecap-consume", &["explain", "--catalog", &file, &query]).ok();
    let one = topics(&cluster, &["export", "orders"]).ok();
    assert_eq!(one.matches("[[topic]]").count(), 1, "{one}");
    topics(&cluster, &["export", "order"]).fails(1, &["did you mean 'orders'?"]);
    topics(&cluster, &["delete-topic", "orders", "--yes"]).ok();
}

#[test]
fn every_mistake_of_a_catalog_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("catalog.toml").display().to_string();
    let run = |args: &[&str]| {
        let mut command = crate::support::binary_command("ecap-topics", folder.path());
        crate::support::Ended::of(command.args(["validate", &file]).args(args))
    };
    run(&[]).fails(2, &["cannot read"]);
    let text = "[defaults]\nreplicas = 1\n\n[[topic]]\nname = \"orders\"\npartitions = 0\nkey = \"idd\"\n\
                time = \"when\"\nwatermark = \"soon\"\nschema = \"\"\"\nid STRING,\nn NUMBER\n\"\"\"\n\
                [topic.config]\n\"retention.ms\" = \"long\"\n\"retention\" = 1\n\n[[topic]]\npartitions = \"2\"\n\
                schema = \"id STRING, at TIMESTAMP\"\nkey = \"idd\"\ntime = \"id\"\nwatermark = \"1s\"\n";
    std::fs::write(&file, text).expect("written");
    let ended = run(&["--format", "json"]);
    let verdict: Value = serde_json::from_str(&ended.out).expect("JSON");
    let places = verdict["mistakes"].as_array().expect("a list").iter().map(|mistake| {
        (mistake["line"].as_u64().expect("a line"), mistake["column"].as_u64().expect("a column"))
    });
    let expected = [(2, 1), (6, 14), (9, 13), (12, 3), (15, 1), (16, 1), (18, 1), (19, 14), (21, 7), (22, 8)];
    assert_eq!(places.collect::<Vec<_>>(), expected, "{verdict:#}");
    ended.fails(2, &["10 mistakes"]);
    let told = run(&[]).out;
    for part in [
        &format!("{file}:2:1: there is no key of [defaults] 'replicas': did you mean 'replication'?"),
        "did you mean 'retention.ms'?",
        "retention.ms: 'long' is not a duration: write 7d",
        "found 'NUMBER '",
        "'name' is missing",
        "did you mean 'id'?",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    // Names with the prefix and with what dead letters get, and SQL once everything else is right.
    let plain = |name: &str| format!("[[topic]]\nname = \"{name}\"\npartitions = 1\n");
    let of_records = |name: &str, more: &str| {
        format!(
            "{}key = \"id\"\ntime = \"_timestamp\"\nwatermark = \"1s\"\nschema = \"id STRING, n INT\"\n{more}\n",
            plain(name)
        )
    };
    let long = "x".repeat(240);
    let more = "windowed = [\n\"sum(twice) AS s\",\n\"sum(m)\"\n]\n[topic.derived]\ntwice = \"2 * n\"";
    let wrong = "[topic.derived]\nsame = \"id\"\nbad = \"nn + 1\"\nnone = \"upper(\"";
    let suffix = "[dead_letters]\nsuffix = \".dlq\"\nextra_bytes = 1\n";
    for (text, lines) in [
        ([suffix, &plain("a"), &plain("a.dlq")].concat(), vec![]),
        ([suffix, &of_records("a", ""), &plain("a.dlq")].concat(), vec![13]),
        ([plain("a.b"), plain("c"), plain("a_b"), plain("c")].concat(), vec![8, 11]),
        ([suffix, &of_records("a", ""), &plain("a_dlq")].concat(), vec![5]),
        (plain(&long), vec![2]),
        (of_records("a", more), vec![10]),
        (of_records("a", wrong), vec![10, 11]),
    ] {
        std::fs::write(&file, &text).expect("written");
        let ended = run(&["--format", "json", "--topic-prefix", "environment."]);
        let verdict: Value = serde_json::from_str(&ended.out).expect("JSON");
        let found = verdict["mistakes"].as_array().expect("a list").iter();
        let found: Vec<_> = found.map(|mistake| mistake["line"].as_u64().expect("a line")).collect();
        assert_eq!(found, lines, "{text}\n{verdict:#}");
    }
    std::fs::write(&file, plain(&long)).expect("written");
    run(&[]).ok();
    std::fs::write(&file, "[[topic]]\nname = \"a\nb = = 2\n").expect("written");
    let broken = run(&[]);
    assert!(broken.out.lines().count() >= 2 && broken.out.contains(":2:"), "{broken:?}");
    let built_in = include_str!("../../src/catalog/catalog.toml");
    std::fs::write(&file, built_in).expect("written");
    run(&[]).ok();
}
