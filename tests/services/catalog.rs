//! What `ecap-topics create-topics` made, as Kafka's own tools describe it.

use super::{kafka_tool, run};
use crate::support::Cluster;

/// Name, partitions, retention, segment, cleanup, compression, largest message: the platform's
/// documented settings, written out once more so that a slip in the catalog is seen.
const DOCUMENTED: [(&str, u32, u64, u64, &str, &str, u64); 6] = [
    ("transactions", 6, 7 * DAY, DAY, "delete", "lz4", 1_048_576),
    ("user-events", 12, 3 * DAY, DAY / 2, "delete", "lz4", 524_288),
    ("product-updates", 3, 30 * DAY, 7 * DAY, "compact", "gzip", 2_097_152),
    ("fraud-alerts", 2, 90 * DAY, 7 * DAY, "delete", "gzip", 1_048_576),
    ("analytics-results", 4, 14 * DAY, DAY, "delete", "gzip", 10_485_760),
    ("customer-transactions", 3, DAY, DAY / 24, "delete", "gzip", 1_048_576),
];
/// In milliseconds.
const DAY: u64 = 86_400_000;

#[test]
fn kafkas_tools_describe_the_created_topics_with_the_documented_settings() {
    let cluster = Cluster::start();
    cluster.create_topics(&[]);

    let address = ["--bootstrap-server", cluster.address.as_str()];
    let topics = run(kafka_tool("kafka-topics").args(address).arg("--describe"));
    let configs = run(kafka_tool("kafka-configs").args(address).args([
        "--describe",
        "--all",
        "--entity-type",
        "topics",
    ]));
    for (name, partitions, retention, segment, cleanup, compression, largest) in DOCUMENTED {
        let topic = cluster.name(name);
        let header = format!("Topic: {topic}\t");
        let described = topics.lines().find(|line| line.starts_with(&header)).expect(&topic);
        assert!(
            described.contains(&format!("PartitionCount: {partitions}\tReplicationFactor: 1")),
            "{described}"
        );

        let settings = settings_of(&configs, &topic);
        for (name, value) in [
            ("retention.ms", retention.to_string()),
            ("segment.ms", segment.to_string()),
            ("cleanup.policy", cleanup.to_owned()),
            ("compression.type", compression.to_owned()),
            ("max.message.bytes", largest.to_string()),
            ("min.insync.replicas", "1".to_owned()),
        ] {
            let line = format!("{name}={value} ");
            assert!(
                settings.iter().any(|setting| setting.starts_with(&line)),
                "{topic}: {line}in {settings:?}"
            );
        }
    }
}

/// The lines `name=value sensitive=… synonyms=…` under a topic's heading in what kafka-configs prints.
fn settings_of<'a>(configs: &'a str, topic: &str) -> Vec<&'a str> {
    configs
        .lines()
        .skip_while(|line| *line != format!("All configs for topic {topic} are:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .map(str::trim)
        .collect()
}
