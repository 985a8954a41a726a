//! Apache Kafka with TLS, SASL SCRAM and access rights: who may do everything does, who may not is told why.

use super::Kafka;
use crate::support::{Ended, binary_command};
use std::os::unix::fs::PermissionsExt;

#[test]
fn every_verb_works_with_rights_and_says_which_one_is_missing() {
    let kafka = Kafka::start(1, &["--secured", "yes"]);
    let secrets = kafka.folder.path().join("kafka/secrets");
    let as_user = |user: &str, args: &[&str]| {
        let config = secrets.join(format!("{user}.properties")).display().to_string();
        kafka.run(&[&["--kafka-config", &config], args].concat())
    };
    let admin = |args: &[&str]| as_user("admin", args).ok();
    let guest = |args: &[&str]| as_user("guest", args);
    guest(&["create-topics"]).fails(1, &["the right CREATE on topic 'transactions'", "acl grant"]);
    admin(&["create-topics"]);
    for verb in [
        &["plan", "--exit-code"] as &[&str],
        &["apply"],
        &["alter-config", "transactions", "retention.ms=7d"],
        &["list-topics"],
        &["describe-topic", "transactions"],
        &["test-produce", "transactions"],
        &["tail", "transactions"],
        &["consumer-groups"],
        &["monitor", "--format", "json", "--count", "1"],
        &["health-check"],
        &["export"],
        &["reset-topics", "transactions", "--yes"],
        &["acl", "list"],
    ] {
        admin(verb);
    }
    tools(&kafka, &as_user);
    let described = admin(&["describe-topic", "transactions", "--format", "json"]);
    let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
    assert!(described["bytes"].as_u64() > Some(0), "{described}");

    for verb in [&["describe-topic", "transactions"] as &[&str], &["delete-topic", "transactions", "--yes"]] {
        guest(verb).fails(1, &["may not see it", "DESCRIBE"]);
    }
    for verb in [&["plan"] as &[&str], &["apply", "--yes"]] {
        guest(verb).fails(1, &["topic 'transactions' is there or is not", "the right DESCRIBE"]);
    }
    let health = guest(&["health-check", "--format", "json"]);
    assert!(health.out.contains("may not see it") && !health.out.contains("missing"), "{health:?}");
    health.fails(3, &["the right DESCRIBE"]);
    assert!(guest(&["acl", "list"]).err.contains("may not see them"));
    guest(&["acl", "grant", "admin", "guest"]).fails(1, &["ALTER on the cluster"]);
    admin(&["acl", "grant", "producer", "guest", "transactions"]);
    guest(&["test-produce", "transactions"]).ok();
    let described = guest(&["describe-topic", "transactions", "--format", "json"]).ok();
    let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
    let reason = described["bytes_unknown"].as_str().unwrap_or_default();
    assert!(described["bytes"].is_null() && reason.contains("DESCRIBE on the cluster"), "{described}");
    guest(&["tail", "transactions"]).fails(1, &["the right READ on topic 'transactions'"]);
    guest(&["alter-config", "transactions", "segment.ms=1h"])
        .fails(1, &["ALTER_CONFIGS on topic 'transactions'"]);
    guest(&["delete-topic", "transactions", "--yes"]).fails(1, &["DELETE on topic 'transactions'"]);
    let rights = admin(&["acl", "list", "--principal", "guest", "--format", "json"]);
    let rights: serde_json::Value = serde_json::from_str(&rights).expect("JSON");
    let write = serde_json::json!({"principal": "User:guest", "host": "*", "resource": "topic",
        "name": "transactions", "prefixed": false, "operation": "WRITE", "allowed": true});
    assert!(rights["rights"].as_array().expect("a list").contains(&write), "{rights}");
    transactions(&kafka, &admin);
    admin(&["acl", "revoke", "producer", "guest", "transactions", "--transactional-id", "load"]);
    guest(&["test-produce", "transactions"]).fails(1, &["may not see it"]);
    admin(&["reset-offsets", "readers", "--topic", "transactions", "--to", "earliest", "--execute"]);
    admin(&["acl", "grant", "consumer", "guest", "transactions", "--group", "own"]);
    guest(&["tail", "transactions"]).ok();
    guest(&["test-produce", "transactions"]).fails(1, &["the right WRITE on topic 'transactions'"]);
    groups(&guest);
    admin(&["acl", "grant", "admin", "guest", "fraud-alerts"]);
    guest(&["reset-topics", "fraud-alerts", "--yes"]).ok();
    guest(&["delete-offsets", "readers", "--topic", "transactions", "--yes"]).ok();
    guest(&["delete-group", "own", "--yes"]).ok();
    refusals(&kafka);
}

/// Kafka's own tools are let in as the command is, by a file that nobody else may read and that does not stay.
fn tools(kafka: &Kafka, as_user: &dyn Fn(&str, &[&str]) -> Ended) {
    let shows = |user: &str, args: &[&str], part: &str| {
        let out = as_user(user, &[&["kafka-cli"], args].concat()).ok();
        assert!(out.contains(part), "{args:?}: {out}");
    };
    shows("admin", &["topics", "--list"], "transactions");
    shows("admin", &["cluster", "cluster-id"], "Cluster ID: ");
    shows("admin", &["acls", "--list"], "");
    shows("admin", &["log-dirs", "--describe"], "transactions");
    shows("admin", &["transactions", "list"], "");
    let read = ["console-consumer", "--topic", "transactions", "--from-beginning", "--max-messages", "1"];
    as_user("admin", &["test-produce", "transactions"]).ok();
    shows("admin", &read, "transaction_id");
    assert!(!as_user("guest", &["kafka-cli", "topics", "--list"]).ok().contains("transactions"));
    let home = std::fs::read_dir(kafka.folder.path().join("home")).expect("a folder");
    let left: Vec<_> =
        home.flatten().filter(|entry| entry.path().extension() == Some("properties".as_ref())).collect();
    assert!(left.is_empty(), "{left:?}");

    let tool = kafka.folder.path().join("tools/bin/kafka-topics.sh");
    std::fs::create_dir_all(tool.parent().expect("a folder")).expect("made");
    std::fs::write(&tool, "#!/bin/sh\nstat -c %a \"$4\"\n").expect("written");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("set");
    let config = kafka.folder.path().join("kafka/secrets/admin.properties").display().to_string();
    let mut command = binary_command("ecap-topics", kafka.folder.path());
    command.env("KAFKA_HOME", kafka.folder.path().join("tools")).args(["-b", &kafka.address]);
    let mode = Ended::of(command.args(["--kafka-config", &config, "kafka-cli", "topics", "--list"])).ok();
    assert_eq!(mode, "600\n");
}

/// What a producer of transactions needs is granted with its id, and named where it is missing.
fn transactions(kafka: &Kafka, admin: &dyn Fn(&[&str]) -> String) {
    let config = kafka.folder.path().join("kafka/secrets/guest.properties").display().to_string();
    let produce = |resume: &[&str]| {
        let args = [
            "--kafka-config",
            &config,
            "--synthetic",
            "transactions",
            "--seed",
            "1",
            "--start",
            "2025-01-01",
        ];
        let paced =
            ["--max-records", "20", "--batch-size", "10", "--sleep", "0", "--transactional-id", "load"];
        kafka.run_other("ecap-produce", &[&args[..], &paced, resume].concat())
    };
    produce(&[]).fails(1, &["the right WRITE on transactional id 'load'", "acl grant"]);
    let grant = ["acl", "grant", "producer", "guest", "transactions", "--transactional-id", "load"];
    admin(&grant);
    produce(&[]).ok();
    produce(&["--resume"]).ok();
}

/// Who may read a topic, and go on in one group, is told which rights on groups are missing.
fn groups(guest: &dyn Fn(&[&str]) -> Ended) {
    assert!(!guest(&["consumer-groups"]).ok().contains("readers"));
    for verb in [
        &["consumer-groups", "--group", "readers"] as &[&str],
        &["reset-offsets", "readers", "--to", "latest"],
        &["delete-group", "readers", "--yes"],
        &["delete-offsets", "readers", "--topic", "transactions", "--yes"],
    ] {
        guest(verb).fails(1, &["group 'readers' is there or is not", "the right DESCRIBE", "acl grant"]);
    }
    let reset = |group| ["reset-offsets", group, "--topic", "transactions", "--to", "latest", "--execute"];
    guest(&reset("readers")).fails(1, &["the right DESCRIBE on group 'readers'", "acl grant"]);
    guest(&reset("own")).ok();
    guest(&["consumer-groups", "--group", "own"]).ok();
    for verb in [
        &["delete-group", "own", "--yes"] as &[&str],
        &["delete-offsets", "own", "--topic", "transactions", "--yes"],
    ] {
        guest(verb).fails(1, &["the right DELETE on group 'own'", "acl grant"]);
    }
}

/// Who is refused is told the listener, the mechanism and the reason in a line.
fn refusals(kafka: &Kafka) {
    let secrets = kafka.folder.path().join("kafka/secrets");
    let settings = std::fs::read_to_string(secrets.join("admin.properties")).expect("settings");
    let refused = |name: &str, settings: &str, code: i32, parts: &[&str]| {
        let config = secrets.join(name).display().to_string();
        std::fs::write(&config, settings).expect("written");
        let ended: Ended = kafka.run(&["list-topics", "--kafka-config", &config]);
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        ended.fails(code, parts);
    };
    let (start, _) = settings.split_once("password=\"").expect("a password");
    let (_, end) = settings.split_once("\";").expect("its end");
    let wrong = format!("{start}password=\"wrong\";{end}");
    refused(
        "wrong",
        &wrong,
        2,
        &["sasl_ssl://127.0.0.1", "SCRAM-SHA-256", "invalid credentials", "sasl.password"],
    );
    let other = settings.replace("SCRAM-SHA-256", "PLAIN");
    refused("other", &other, 2, &["PLAIN", "SCRAM-SHA-256"]);
    refused("plain", "security.protocol=PLAINTEXT\n", 4, &["security-protocol"]);
    let untrusted: Vec<_> = settings.lines().filter(|line| !line.contains("truststore")).collect();
    refused("untrusted", &untrusted.join("\n"), 2, &["SSL", "certificate", "ssl.ca.location"]);
}
