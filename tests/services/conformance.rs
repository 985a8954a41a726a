//! Single requests in every version, and their answers: those that Apache Kafka 4.1 gave are kept beside the programs.
//!
//! `ECAP_TEST_BLESS=1 make test-kafka` writes down anew what it answers.

use super::{python, run};
use crate::support::{Cluster, REAL_KAFKA, project};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Answers by case, request, version and step; a step may come again.
type Answers = BTreeMap<(String, String, i64, String, usize), Value>;

fn answers(transcript: &str) -> Answers {
    let mut answers = Answers::new();
    for line in transcript.lines() {
        let mut line: Value = serde_json::from_str(line).expect("a line of the transcript is JSON");
        let text = |field: &str| line[field].as_str().expect("text").to_string();
        let (case, step, request) = (text("case"), text("step"), text("request"));
        let answer = line["answer"].take();
        for version in line["versions"].as_array().expect("versions") {
            let version = version.as_i64().expect("a number");
            let key = |time| (case.clone(), request.clone(), version, step.clone(), time);
            let time = (0..).find(|time| !answers.contains_key(&key(*time))).expect("not forever");
            answers.insert(key(time), answer.clone());
        }
    }
    answers
}

fn kept(area: &str) -> PathBuf {
    let folder = project("tests/services/conformance");
    folder.join(area).with_extension("jsonl")
}

/// Asks what the program of this area asks, and compares with what Apache Kafka answered.
fn agrees(area: &str) {
    let cluster = Cluster::start();
    let program = format!("conformance/{area}.py");
    let transcript = run(python(&program).args([&cluster.address, &cluster.name("")]));
    if std::env::var_os("ECAP_TEST_BLESS").is_some() && std::env::var_os(REAL_KAFKA).is_some() {
        std::fs::write(kept(area), transcript).expect("the transcript can be written");
        return;
    }
    let (expected, seen) = (std::fs::read_to_string(kept(area)).expect("a transcript"), answers(&transcript));
    let expected = answers(&expected);
    let differences = expected.iter().filter(|(key, answer)| seen.get(*key) != Some(answer));
    let differences: Vec<String> = differences
        .map(|(key, answer)| {
            format!("{key:?}\n  Apache Kafka: {answer}\n  here: {}", seen.get(key).unwrap_or(&Value::Null))
        })
        .collect();
    assert!(differences.is_empty(), "{} answers differ:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(seen.len(), expected.len(), "every answer is compared");
}

#[test]
fn topics_and_settings_are_answered_as_apache_kafka_does() {
    agrees("topics");
}

#[test]
fn records_and_offsets_are_answered_as_apache_kafka_does() {
    agrees("records");
}

#[test]
fn groups_are_answered_as_apache_kafka_does() {
    agrees("groups");
}

#[test]
fn a_group_without_a_name_hides_no_other() {
    let cluster = Cluster::start();
    // One of its steps commits under no name, as some old clients do.
    run(python("conformance/groups.py").args([&cluster.address, &cluster.name("")]));
    let listed = cluster.run("ecap-topics", &["consumer-groups", "--format", "json"]).ok();
    assert!(listed.contains("\"groups\""), "{listed}");
}
