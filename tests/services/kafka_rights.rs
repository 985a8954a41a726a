//! A Kafka sink whose right is taken away while a query runs, on an Apache Kafka with access rights.

use super::{Kafka, kafka_tool};
use crate::support::{Told, binary_command};
use std::path::PathBuf;
use std::process::Command;

const OUT: &str = "analytics-results";

struct Secured {
    kafka: Kafka,
    secrets: PathBuf,
}

impl Secured {
    fn start() -> Self {
        let kafka = Kafka::start(1, &["--secured", "yes"]);
        let secrets = kafka.folder.path().join("kafka/secrets");
        Self { kafka, secrets }
    }

    fn config(&self, user: &str) -> String {
        self.secrets.join(format!("{user}.properties")).display().to_string()
    }

    fn topics(&self, args: &[&str]) {
        self.kafka.run(&[args, &["--kafka-config", &self.config("admin")]].concat()).ok();
    }

    /// The query that writes what it reads, as guest.
    fn query(&self) -> Command {
        let folder = self.kafka.folder.path();
        std::fs::write(folder.join("ids.sql"), "SELECT transaction_id FROM transactions").unwrap();
        let mut command = binary_command("ecap-consume", folder);
        command.args(["query", "ids.sql", "--bootstrap-servers", &self.kafka.address]);
        command.args(["--kafka-config", &self.config("guest"), "--from", "earliest", "--trigger", "100ms"]);
        command.args(["--checkpoint", "kept", "--progress", "json", "--sink", "kafka"]);
        command.args(["--sink-option", &format!("topic={OUT}")]);
        command
    }

    fn buy(&self, id: &str) {
        let value = format!(
            r#"{{"transaction_id":"{id}","user_id":"u","product_id":"p","price":2.5,"quantity":2,"timestamp":"2026-01-01T00:00:00Z"}}"#
        );
        self.topics(&["test-produce", "transactions", &value]);
    }

    /// What Kafka's own consumer sees of the results, in any order.
    fn committed(&self) -> Vec<String> {
        let mut tool = kafka_tool("kafka-console-consumer");
        tool.args(["--bootstrap-server", &self.kafka.address, "--topic", OUT, "--from-beginning"]);
        tool.args(["--isolation-level", "read_committed", "--timeout-ms", "10000"]);
        let seen = tool.args(["--consumer.config", &self.config("admin")]).output().expect("it runs");
        let mut seen: Vec<_> =
            String::from_utf8_lossy(&seen.stdout).lines().map(ToString::to_string).collect();
        seen.sort();
        seen
    }
}

#[test]
fn a_query_whose_right_is_taken_away_ends_and_goes_on_with_nothing_lost_or_double() {
    let secured = Secured::start();
    secured.topics(&["create-topics"]);
    secured.topics(&["acl", "grant", "consumer", "guest", "transactions"]);
    secured.topics(&["acl", "grant", "producer", "guest", OUT, "--exactly-once"]);
    secured.buy("a");
    let mut told = Told::start(&mut secured.query());
    told.says(&[r#""numOutputRows":1"#]);
    secured.topics(&["acl", "revoke", "producer", "guest", OUT]);
    secured.buy("b");
    told.says(&[OUT, "may not see it", "DESCRIBE"]);
    assert_eq!(told.ended(), 1);
    secured.topics(&["acl", "grant", "producer", "guest", OUT]);
    secured.buy("c");
    let told = Told::start(&mut secured.query());
    // The batch that was not committed, and what came since.
    told.says(&[r#""numOutputRows":1"#]);
    told.says(&[r#""numOutputRows":1"#]);
    told.end();
    assert_eq!(secured.committed(), ["a", "b", "c"].map(|id| format!(r#"{{"transaction_id":"{id}"}}"#)));
}
