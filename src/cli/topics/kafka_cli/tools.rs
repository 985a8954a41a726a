//! What is known of Kafka's own tools that ask a cluster.

/// A tool that asks for the cluster with `--bootstrap-server`.
pub struct Tool {
    /// Its name without `kafka-`.
    name: &'static str,
    /// The flag of its file of client settings.
    pub config: &'static str,
    /// The words with which it changes something; an empty one where it always does.
    changing: &'static [&'static str],
}

const ADMIN: &str = "--command-config";
const CONSUMER: &str = "--consumer.config";
const PRODUCER: &str = "--producer.config";
const ALWAYS: &[&str] = &[""];
const OF_GROUPS: &[&str] = &["--delete", "--delete-offsets", "--execute"];

const fn tool(name: &'static str, config: &'static str, changing: &'static [&'static str]) -> Tool {
    Tool { name, config, changing }
}

const TOOLS: &[Tool] = &[
    tool("acls", ADMIN, &["--add", "--remove"]),
    tool("broker-api-versions", ADMIN, &[]),
    tool("client-metrics", ADMIN, &["--alter", "--delete"]),
    tool("cluster", "--config", &["unregister"]),
    tool("configs", ADMIN, &["--alter"]),
    tool("console-consumer", CONSUMER, &[]),
    tool("console-producer", PRODUCER, ALWAYS),
    tool("console-share-consumer", "--consumer-config", &[]),
    tool("consumer-groups", ADMIN, OF_GROUPS),
    tool("consumer-perf-test", CONSUMER, &[]),
    tool("delegation-tokens", ADMIN, &["--create", "--renew", "--expire"]),
    tool("delete-records", ADMIN, ALWAYS),
    tool("features", ADMIN, &["upgrade", "downgrade", "disable"]),
    tool("get-offsets", ADMIN, &[]),
    tool("groups", ADMIN, &[]),
    tool("leader-election", "--admin.config", ALWAYS),
    tool("log-dirs", ADMIN, &[]),
    tool("metadata-quorum", ADMIN, &["add-controller", "remove-controller"]),
    tool("reassign-partitions", ADMIN, &["--execute", "--cancel"]),
    tool("share-consumer-perf-test", CONSUMER, &[]),
    tool("share-groups", ADMIN, OF_GROUPS),
    tool("streams-application-reset", "--config-file", ALWAYS),
    tool("streams-groups", ADMIN, OF_GROUPS),
    tool("topics", ADMIN, &["--create", "--alter", "--delete"]),
    tool("transactions", ADMIN, &["abort", "forceTerminateTransaction"]),
    tool("verifiable-consumer", CONSUMER, &[]),
    tool("verifiable-producer", PRODUCER, ALWAYS),
    tool("verifiable-share-consumer", ADMIN, &[]),
];

impl Tool {
    /// The tool of that name, without `kafka-`.
    pub fn find(name: &str) -> Option<&'static Self> {
        TOOLS.iter().find(|tool| tool.name == name)
    }

    /// Whether it changes something with these arguments.
    pub fn changes(&self, args: &[String]) -> bool {
        self.changing.iter().any(|word| word.is_empty() || args.iter().any(|arg| arg == word))
    }

    /// How many of these arguments stand before those that every command of the tool takes.
    pub fn leading(&self, args: &[String]) -> usize {
        usize::from(self.name == "cluster" && args.first().is_some_and(|arg| !arg.starts_with('-')))
    }
}
