//! Spark runs the golden pipelines too: the same SQL over the same records gives the same rows, and what
//! does not says why. docs/spark.md tells how they are compared.

use super::{cache, installed, run, script, send_json};
use crate::golden::case::{Case, Spark, chosen};
use crate::golden::oracle::{self, Answer, Task};
use crate::golden::rows::{self, Table};
use crate::golden::{each_case, engine};
use crate::support::Cluster;
use serde_json::{Value, json};

/// At least so many cases give the same rows.
const AGREEING: usize = 40;

#[test]
fn spark_gives_the_same_rows() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let cases = Case::all();
    let agreeing = cases.iter().filter(|case| case.settings.spark == Spark::Runs(true)).count();
    assert!(agreeing >= AGREEING || chosen().is_some(), "only {agreeing} cases run on Spark");
    let tasks: Vec<_> = cases.iter().map(|case| Task::new(case, &case.sql, folder.path())).collect();
    let python = cache().join("spark-4.0.0/bin/python");
    let answers = oracle::ask(&python, "golden/spark_stream.py", &tasks);
    each_case(|case| match (&case.settings.spark, &answers[&case.name]) {
        (Spark::Runs(_), Answer::Error { error }) => Err(format!("Spark: {error}")),
        (Spark::Runs(_), Answer::Rows(theirs)) => agrees(case, theirs),
        (Spark::Differs(told), Answer::Error { error }) if error.contains(told.as_str()) => Ok(()),
        (Spark::Differs(told), Answer::Error { error }) => {
            Err(format!("Spark does not say '{told}' but: {error}"))
        }
        (Spark::Differs(told), Answer::Rows(theirs)) => match agrees(case, theirs) {
            Ok(()) => Err(format!("Spark gives the same rows; the case says: {told}")),
            Err(_) => Ok(()),
        },
    });
}

fn agrees(case: &Case, theirs: &Table) -> Result<(), String> {
    let ours = engine::run_as_spark(case)?;
    rows::compare(&ours, theirs).and_then(|()| rows::compare_names(&ours, theirs))
}

#[test]
fn spark_copies_a_topic_into_another_and_goes_on_at_its_checkpoint() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions", "user-events"]);
    let (from, to) = (cluster.name("transactions"), cluster.name("user-events"));
    send_json(&cluster, &from, 100, &["-H", "origin=test"]);
    let mut python = installed(&cache().join("spark-4.0.0/bin/python"));
    let folder = cluster.folder.path().join("spark").display().to_string();
    let said = run(python.arg(script("spark_topics.py")).args([&cluster.address, &from, &to, &folder]));
    let seen: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("JSON");
    let expected = json!({ "copied_first": 100, "copied_then": 125, "same": true, "records": 125 });
    assert_eq!(seen, expected, "{said}");
}
