//! Where settings come from: flag, environment, profile, default. And what is never shown.

use super::{clean, run};
use crate::support::{Cluster, Ended, took_at_most};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const USAGE: i32 = 2;

/// A folder with files in it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// `ecap-topics config` with these flags and variables.
fn config(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = clean("ecap-topics", folder);
    Ended::of(command.args(["config", "--format", "json"]).args(args).envs(variables.iter().copied()))
}

/// A setting's value and where it came from.
#[track_caller]
fn setting(ended: Ended, name: &str) -> (String, String) {
    let shown: Value = serde_json::from_str(&ended.ok()).unwrap();
    let found: Vec<_> =
        shown["settings"].as_array().unwrap().iter().filter(|setting| setting["name"] == name).collect();
    assert_eq!(found.len(), 1, "{name} in {shown}");
    let text = |field: &str| found[0][field].as_str().unwrap().to_string();
    (text("value"), text("origin"))
}

const PROFILES: &str = r#"
[profile.default]
bootstrap-servers = "default:1"

[profile.dev]
bootstrap-servers = "dev:1"
topic-prefix = "dev."
kafka = { "client.id" = "from-profile", "linger.ms" = "1" }
"#;

#[test]
fn a_flag_wins_over_the_environment_over_the_profile_over_the_default() {
    let (plain, profiled) = (folder(&[]), folder(&[("ecap.toml", PROFILES)]));
    let servers = |folder: &TempDir, args: &[&str], variables: &[(&str, &str)]| {
        setting(config(folder.path(), args, variables), "bootstrap-servers")
    };
    let (own, common) = (("ECAP_BOOTSTRAP_SERVERS", "own:1"), ("KAFKA_BROKERS", "common:1"));
    let is = |value: &str, origin: &str| (value.to_string(), origin.to_string());
    assert_eq!(servers(&plain, &[], &[]), is("localhost:9092", "default"));
    let (value, origin) = servers(&profiled, &[], &[]);
    assert!(value == "default:1" && origin.ends_with("ecap.toml [default]"), "{value} {origin}");
    assert_eq!(servers(&profiled, &["--profile", "dev"], &[]).0, "dev:1");
    assert_eq!(servers(&profiled, &[], &[("ECAP_PROFILE", "dev")]).0, "dev:1");
    assert_eq!(servers(&profiled, &[], &[common]), is("common:1", "KAFKA_BROKERS"));
    assert_eq!(servers(&profiled, &[], &[common, own]), is("own:1", "ECAP_BOOTSTRAP_SERVERS"));
    assert_eq!(servers(&profiled, &["-b", "flag:1"], &[common, own]), is("flag:1", "flag"));
    let setting = ["-X", "bootstrap.servers=x:1"];
    assert_eq!(servers(&profiled, &setting, &[common, own]), is("x:1", "flag -X"));
    assert_eq!(servers(&profiled, &[&setting[..], &["-b", "flag:1"]].concat(), &[]), is("flag:1", "flag"));
}

#[test]
fn the_address_has_the_names_of_other_tools_too() {
    let folder = folder(&[]);
    for name in ["-b", "--bootstrap-servers", "--bootstrap-server", "--brokers", "--kafka-servers"] {
        let (value, _) = setting(config(folder.path(), &[name, "a:1,b:2"], &[]), "bootstrap-servers");
        assert_eq!(value, "a:1,b:2", "{name}");
    }
}

#[test]
fn a_profile_is_found_in_a_folder_above() {
    let folder = folder(&[("ecap.toml", PROFILES)]);
    let below = folder.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    assert_eq!(setting(config(&below, &["--profile", "dev"], &[]), "topic-prefix").0, "dev.");
}

#[test]
fn a_profile_that_is_not_there_or_wrong_is_wrong_usage() {
    let (plain, profiled) = (folder(&[]), folder(&[("ecap.toml", PROFILES)]));
    config(profiled.path(), &["--profile", "dve"], &[]).fails(USAGE, &["'dve'", "did you mean 'dev'?"]);
    config(plain.path(), &["--profile", "dev"], &[]).fails(USAGE, &["'dev'", "no ecap.toml"]);
    for (content, part) in [
        ("[profile.default\n", "ecap.toml"),
        ("[profile.default]\nbootstrap-server = 'a'\n", "bootstrap-server"),
        ("[profile.default]\nbootstrap-servers = 1\n", "line 2"),
    ] {
        let ended = config(folder(&[("ecap.toml", content)]).path(), &[], &[]);
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        ended.fails(USAGE, &["ecap.toml", part]);
    }
}

#[test]
fn client_settings_come_from_profile_file_and_flag() {
    let files = [("ecap.toml", PROFILES), ("client.properties", "client.id=from-file\nacks=all\n")];
    let folder = folder(&files);
    let value = |args: &[&str], name: &str| {
        setting(config(folder.path(), &[&["--profile", "dev"], args].concat(), &[]), name).0
    };
    let file = ["--kafka-config", "client.properties"];
    assert_eq!(value(&[], "client.id"), "from-profile");
    assert_eq!(value(&file, "client.id"), "from-file");
    assert_eq!(value(&file, "linger.ms"), "1");
    assert_eq!(value(&[&file[..], &["-X", "client.id=from-flag"]].concat(), "client.id"), "from-flag");
    config(folder.path(), &["-X", "client.id"], &[]).fails(USAGE, &["-X client.id", "-X name=value"]);
}

#[test]
fn a_client_setting_reaches_the_client() {
    let cluster = Cluster::start();
    let with = |args: &[&str]| cluster.run("ecap-topics", &[&["list-topics"], args].concat());
    with(&["-X", "no.such.setting=1"]).fails(USAGE, &["no.such.setting"]);
    with(&["-X", "socket.timeout.ms=soon"]).fails(USAGE, &["socket.timeout.ms"]);
    with(&["--security-protocol", "telepathy"]).fails(USAGE, &["telepathy"]);
    with(&["-X", "client.id=somebody"]).ok();
    let began = std::time::Instant::now();
    let ended = with(&["--security-protocol", "ssl"]);
    took_at_most(Duration::from_secs(10), began);
    ended.fails(4, &[&cluster.address]);
}

#[test]
fn settings_of_java_clients_are_translated() {
    let java = "# made for kafka-console-consumer\nbootstrap.servers=java:9093\nsecurity.protocol=SASL_SSL\n\
                sasl.mechanism=PLAIN\nkey.deserializer=org.apache.kafka.X\n\
                sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n  \
                username=\"me\" password=\"hunter2\";\n";
    let folder =
        folder(&[("java.properties", java), ("jks.properties", "ssl.truststore.location=/x/c.jks\n")]);
    let file = |name: &'static str| config(folder.path(), &["--kafka-config", name], &[]);
    assert_eq!(setting(file("java.properties"), "bootstrap-servers").0, "java:9093");
    assert_eq!(setting(file("java.properties"), "sasl.username").0, "me");
    assert_eq!(setting(file("java.properties"), "sasl.password").0, "********");
    assert!(!file("java.properties").ok().contains("hunter2"));
    file("jks.properties").fails(USAGE, &["jks.properties", "JKS", "PEM"]);
    file("absent.properties").fails(USAGE, &["absent.properties"]);
}

#[test]
fn a_secret_in_a_flag_is_refused_and_not_repeated() {
    let folder = folder(&[]);
    for property in [
        "sasl.password=hunter2",
        "SASL.Password=hunter2",
        "ssl.key.password=hunter2",
        "ssl.key.pem=hunter2",
        "sasl.oauthbearer.client.secret=hunter2",
        "sasl.oauthbearer.token=hunter2",
        "sasl.jaas.config=hunter2",
    ] {
        let ended = config(folder.path(), &["-vv", "-X", property], &[]);
        assert!(!ended.err.contains("hunter2"), "{ended:?}");
        ended.fails(USAGE, &["@FILE"]);
    }
    let ended = config(folder.path(), &["-b", "me:hunter2@broker:9092"], &[]);
    assert!(!ended.err.contains("hunter2"), "{ended:?}");
    ended.fails(USAGE, &["sasl.password=@FILE"]);
    let profile = "[profile.default.kafka]\n\"sasl.password\" = \"hunter2\"\n";
    let ended = config(self::folder(&[("ecap.toml", profile)]).path(), &[], &[]);
    assert!(!ended.err.contains("hunter2"), "{ended:?}");
    ended.fails(USAGE, &["@FILE"]);
}

#[test]
fn a_secret_comes_from_a_file_or_the_environment_and_is_never_shown() {
    let folder = folder(&[("secret", "hunter2\n")]);
    let both = [("SECRET", "hunter2")];
    for place in ["sasl.password=@secret", "sasl.password=env:SECRET"] {
        for format in ["table", "wide", "json", "yaml", "csv"] {
            let mut command: Command = clean("ecap-topics", folder.path());
            command.args(["config", "-vv", "--format", format, "-X", place]).envs(both);
            let ended = Ended::of(&mut command);
            assert!(!ended.err.contains("hunter2") && !ended.out.contains("hunter2"), "{ended:?}");
            assert!(ended.ok().contains("********"), "{format}");
        }
    }
    config(folder.path(), &["-X", "sasl.password=@absent"], &[]).fails(USAGE, &["absent"]);
    config(folder.path(), &["-X", "sasl.password=env:NOBODY"], &[]).fails(USAGE, &["NOBODY"]);
}

const CATALOG: &str = r#"
[[topic]]
name = "orders"
partitions = 2
key = "id"
time = "at"
watermark = "5s"
schema = "id STRING NOT NULL, amount DOUBLE, at TIMESTAMP NOT NULL"
windowed = ["count(*) AS n"]
"#;

#[test]
fn a_catalog_of_one_s_own_takes_the_place_of_the_built_in() {
    let folder = folder(&[("mine.toml", CATALOG)]);
    let args = ["--catalog", "mine.toml", "--topic", "orders", "--window", "1m", "--print-sql"];
    let sql = run("ecap-consume", folder.path(), &args).ok();
    assert!(sql.contains("count(*) AS n") && sql.contains("window(at, '1 minutes')"), "{sql}");
    let args = ["--catalog", "mine.toml", "--window", "1m", "--print-sql"];
    run("ecap-consume", folder.path(), &args).fails(USAGE, &["customer-transactions"]);
    let mut command = clean("ecap-consume", folder.path());
    command.args(["--topic", "orders", "--print-sql"]).env("ECAP_CATALOG", "mine.toml");
    assert!(Ended::of(&mut command).ok().contains("FROM orders"));
}

#[test]
fn a_catalog_that_is_wrong_says_where() {
    for (from, to, parts) in [
        ("partitions = 2", "partitions = 0", &["orders", "partitions"][..]),
        ("partitions = 2", "partitions = \"two\"", &["mine.toml", "line 4"]),
        ("partitions = 2", "partitons = 2", &["mine.toml", "partitons"]),
        ("key = \"id\"", "key = \"nobody\"", &["orders", "'nobody'"]),
        ("time = \"at\"", "time = \"amount\"", &["orders", "'amount'", "TIMESTAMP"]),
        ("\"5s\"", "\"soon\"", &["orders", "'soon'"]),
        ("amount DOUBLE", "amount DUBLE", &["orders", "DUBLE"]),
        ("\"orders\"", "\"or ders\"", &["or ders"]),
        ("[[topic]]", "[[topic", &["mine.toml"]),
    ] {
        let folder = folder(&[("mine.toml", &CATALOG.replace(from, to))]);
        let ended = config(folder.path(), &["--catalog", "mine.toml"], &[]);
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        ended.fails(USAGE, parts);
    }
    config(folder(&[]).path(), &["--catalog", "absent.toml"], &[]).fails(USAGE, &["absent.toml"]);
}

#[test]
fn a_prefix_stands_before_every_topic_and_group() {
    let cluster = Cluster::start();
    let prefix = cluster.name("staging.");
    let run = |binary: &str, args: &[&str]| {
        let mut command = cluster.command(binary);
        Ended::of(command.args(args).args(["--topic-prefix", &prefix]))
    };
    run("ecap-topics", &["create-topics", "customer-transactions"]).ok();
    let topics = run("ecap-topics", &["list-topics", "--format", "json"]).ok();
    assert!(topics.contains(&format!("\"{prefix}customer-transactions\"")), "{topics}");
    let args = ["--window", "10s", "--from", "earliest", "--trigger", "available-now", "-vv"];
    let ended = run("ecap-consume", &args);
    assert!(ended.err.contains(&format!("{prefix}customer-transactions: 0 records")), "{ended:?}");
    ended.ok();
    run("ecap-topics", &["delete-topic", "customer-transactions", "--yes"]).ok();
}
