//! `ecap-topics kafka-cli`

use super::session::Session;
use crate::cli::common::CommonArgs;
use crate::{Error, Result};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The container of docker-compose.yml, and where it keeps Kafka's tools.
const CONTAINER: &str = "ecap-kafka";
const IN_CONTAINER: &str = "/opt/kafka/bin";

/// Tools that ask for the cluster with `--bootstrap-server`, without `kafka-`.
const ASKING: &[&str] = &[
    "acls",
    "broker-api-versions",
    "cluster",
    "configs",
    "console-consumer",
    "console-producer",
    "console-share-consumer",
    "consumer-groups",
    "consumer-perf-test",
    "delegation-tokens",
    "delete-records",
    "features",
    "get-offsets",
    "groups",
    "leader-election",
    "log-dirs",
    "metadata-quorum",
    "reassign-partitions",
    "share-groups",
    "topics",
    "transactions",
    "verifiable-consumer",
    "verifiable-producer",
];

/// Run Apache Kafka's own tool, with the broker's address filled in
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The tool comes from $KAFKA_HOME/bin, or from the container ecap-kafka. Its name may be short: \
    topics, kafka-topics and kafka-topics.sh are the same. Our own flags stand before kafka-cli.\n\n\
    Example: KAFKA_HOME=/opt/kafka ecap-topics kafka-cli topics --describe --topic transactions"
)]
pub struct Args {
    /// The tool and its own arguments
    #[arg(
        value_names = ["CMD", "ARGS"],
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let (name, args) = args.command.split_first().ok_or_else(|| not_a_tool(""))?;
    let tool = name.trim_end_matches(".sh");
    let tool = tool.strip_prefix("kafka-").unwrap_or(tool);
    if tool.is_empty() || !tool.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(not_a_tool(name));
    }
    let settings = common.settings()?;
    let mut command = found(tool)?;
    let is_asking = ASKING.contains(&tool) && !args.iter().any(|arg| is_address_or_help(arg));
    if is_asking {
        settings.connection.check()?;
        command.args(["--bootstrap-server", settings.connection.servers()]);
    }
    let done = finish(tool, command.args(args));
    if is_asking && args.iter().any(|arg| CHANGING.contains(&arg.as_str())) {
        let change = format!("{name} {}", args.join(" "));
        return Session::open(common)?.remember("kafka-cli", &change, done);
    }
    done
}

fn not_a_tool(name: &str) -> Error {
    Error::usage(format!("'{name}' is not the name of a tool"))
        .hint("write topics, configs, console-consumer, consumer-groups, …")
}

/// What makes a tool change something.
const CHANGING: &[&str] =
    &["--create", "--alter", "--delete", "--execute", "--add", "--remove", "--reset-offsets"];

fn is_address_or_help(arg: &str) -> bool {
    let name = arg.split('=').next().unwrap_or(arg);
    ["--bootstrap-server", "--bootstrap-controller", "--broker-list", "--help", "--version"].contains(&name)
}

/// The tool where it is: on this machine, or in the container.
fn found(tool: &str) -> Result<Command> {
    if let Some(home) = std::env::var_os("KAFKA_HOME").map(PathBuf::from) {
        let names = [format!("kafka-{tool}.sh"), format!("kafka-{tool}"), format!("{tool}.sh")];
        let paths = names.iter().map(|name| home.join("bin").join(name));
        let path = paths.clone().find(|path| path.is_file()).ok_or_else(|| {
            Error::usage(format!("there is no tool kafka-{tool} in {}", home.join("bin").display()))
        })?;
        return Ok(Command::new(path));
    }
    if !container_runs() {
        return Err(Error::failed("Kafka's own tools are not there").hint(format!(
            "set KAFKA_HOME to where Apache Kafka is (`scripts/apache-kafka.sh install` gets it), \
             or start the container {CONTAINER} with `docker compose up -d kafka`"
        )));
    }
    let mut command = Command::new("docker");
    command.args(["exec", "-i", CONTAINER]).arg(format!("{IN_CONTAINER}/kafka-{tool}.sh"));
    Ok(command)
}

fn container_runs() -> bool {
    let asked = ["inspect", "--format", "{{.State.Running}}", CONTAINER];
    let answer = Command::new("docker").args(asked).stderr(Stdio::null()).output();
    answer.is_ok_and(|answer| answer.stdout.starts_with(b"true"))
}

fn finish(tool: &str, command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| Error::failed(format!("kafka-{tool}: {error}")))?;
    if status.success() { Ok(()) } else { Err(Error::failed(format!("kafka-{tool} ended with {status}"))) }
}
