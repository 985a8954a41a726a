//! What a query wrote in transactions, read by clients that nobody here wrote: committed records only.

use super::{committed_by_kcat, kafka_tool, python, run};
use crate::support::Cluster;

const TOPIC: &str = "analytics-results";

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(ToString::to_string).collect();
    lines.sort();
    lines
}

#[test]
fn kcat_confluent_kafka_and_java_read_the_rows_of_a_query() {
    let cluster = Cluster::start();
    cluster.create_topics(&[TOPIC, "customer-transactions"]);
    cluster.run("ecap-produce", &["--max-records", "500", "--batch-size", "100", "--sleep", "0"]).ok();
    let query =
        ["--window", "10s", "--group-by", "product_category", "--from", "earliest", "--trigger", "once"];
    let query = [&query[..], &["--output-mode", "update", "--sink"]].concat();
    let console = cluster.run("ecap-consume", &[&query[..], &["console", "--format", "json"]].concat()).ok();
    let topic = format!("topic={TOPIC}");
    let sink = ["kafka", "--sink-option", &topic, "--sink-option", "key=product_category"];
    cluster.run("ecap-consume", &[&query[..], &sink].concat()).ok();
    let (expected, name) = (lines(&console), cluster.name(TOPIC));
    assert!(!expected.is_empty());

    assert_eq!(lines(&committed_by_kcat(&cluster, &name)), expected);
    let confluent = run(python("committed.py").args([&cluster.address, &name]));
    assert_eq!(lines(&confluent), expected);
    let java = run(kafka_tool("kafka-console-consumer")
        .args(["--bootstrap-server", &cluster.address, "--topic", &name, "--from-beginning"])
        .args(["--isolation-level", "read_committed", "--timeout-ms", "30000"])
        .args(["--max-messages", &expected.len().to_string()]));
    assert_eq!(lines(&java), expected);
    let commits = run(python("committed.py").args([&cluster.address, &cluster.name("ecap-commits")]));
    assert!(commits.contains(&format!("\"batch\":0,\"rows\":{}", expected.len())), "{commits}");
}
