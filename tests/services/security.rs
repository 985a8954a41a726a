//! Apache Kafka with TLS, SASL SCRAM and access rights: who may do everything does, who may not is told why.

use super::Kafka;
use crate::support::Ended;

#[test]
fn every_verb_works_with_rights_and_says_which_one_is_missing() {
    let kafka = Kafka::start(1, &["--secured", "yes"]);
    let secrets = kafka.folder.path().join("kafka/secrets");
    let as_user = |user: &str, args: &[&str]| {
        let config = secrets.join(format!("{user}.properties")).display().to_string();
        kafka.run(&[args, &["--kafka-config", &config]].concat())
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
        &["health-check"],
        &["export"],
        &["reset-topics", "transactions", "--yes"],
        &["acl", "list"],
    ] {
        admin(verb);
    }

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
    guest(&["tail", "transactions"]).fails(1, &["the right READ on topic 'transactions'"]);
    guest(&["alter-config", "transactions", "segment.ms=1h"])
        .fails(1, &["ALTER_CONFIGS on topic 'transactions'"]);
    guest(&["delete-topic", "transactions", "--yes"]).fails(1, &["DELETE on topic 'transactions'"]);
    let rights = admin(&["acl", "list", "--principal", "guest", "--format", "json"]);
    let rights: serde_json::Value = serde_json::from_str(&rights).expect("JSON");
    let write = serde_json::json!({"principal": "User:guest", "host": "*", "resource": "topic",
        "name": "transactions", "prefixed": false, "operation": "WRITE", "allowed": true});
    assert!(rights["rights"].as_array().expect("a list").contains(&write), "{rights}");
    admin(&["acl", "revoke", "producer", "guest", "transactions"]);
    guest(&["test-produce", "transactions"]).fails(1, &["may not see it"]);
    admin(&["reset-offsets", "readers", "--topic", "transactions", "--to", "earliest", "--execute"]);
    admin(&["acl", "grant", "consumer", "guest", "transactions", "--group", "own"]);
    guest(&["tail", "transactions"]).ok();
    guest(&["test-produce", "transactions"]).fails(1, &["the right WRITE on topic 'transactions'"]);
    groups(&guest);
    admin(&["acl", "grant", "admin", "guest", "fraud-alerts"]);
    guest(&["reset-topics", "fraud-alerts", "--yes"]).ok();
    refusals(&kafka);
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
