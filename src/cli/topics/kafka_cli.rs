//! `ecap-topics kafka-cli`

mod tools;

use super::session::{Session, remember};
use crate::cli::common::{CommonArgs, home};
use crate::cli::interrupt;
use crate::kafka::admin::Admin;
use crate::kafka::config::Connection;
use crate::kafka::java;
use crate::{Error, Result};
use regex::Regex;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::NamedTempFile;
use tools::Tool;

/// The container of docker-compose.yml, and where it keeps Kafka's tools.
const CONTAINER: &str = "ecap-kafka";
const IN_CONTAINER: &str = "/opt/kafka/bin";

/// How often is looked whether the tool has ended, and how long it may take to do so when it is asked to.
const LOOK: Duration = Duration::from_millis(20);
const AFTER_CTRL_C: Duration = Duration::from_secs(10);

/// Run Apache Kafka's own tool, with the broker's address and the connection's settings filled in
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The tool comes from $KAFKA_HOME/bin, or from the container ecap-kafka. Its name may be short: \
    topics, kafka-topics and kafka-topics.sh are the same. Our own flags stand before kafka-cli. The tool is let in as \
    we are; one that is sent elsewhere with --bootstrap-server is told nothing.\n\n\
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
    let program = found(tool)?;
    let known = Tool::find(tool).filter(|_| !args.iter().any(|arg| HELP.contains(&arg.as_str())));
    let Some(known) = known else { return finish(tool, program.command().args(args)) };
    let change = || format!("{name} {}", without_secrets(&args.join(" ")));
    if let Some(servers) = address(args) {
        let done = finish(tool, program.command().args(args));
        return match known.changes(args) {
            true => remember(cluster_at(&servers).as_deref(), "kafka-cli", &change(), done),
            false => done,
        };
    }
    let session = Session::open(common)?;
    let connection = &session.settings.connection;
    let has_config = args.iter().any(|arg| name_of(arg) == known.config);
    let config = if has_config { None } else { program.config(connection)? };
    let (leading, rest) = args.split_at(known.leading(args));
    let mut command = program.command();
    command.args(leading).args(["--bootstrap-server", connection.servers()]);
    if let Some(config) = &config {
        command.arg(known.config).arg(config.path());
    }
    let done = finish(tool, command.args(rest));
    if known.changes(args) { session.remember("kafka-cli", &change(), done) } else { done }
}

fn not_a_tool(name: &str) -> Error {
    Error::usage(format!("'{name}' is not the name of a tool"))
        .hint("write topics, configs, console-consumer, consumer-groups, …")
}

const HELP: &[&str] = &["--help", "-h", "--version"];

/// How tools are told where the cluster is.
const ADDRESSES: &[&str] = &["--bootstrap-server", "--bootstrap-controller", "--broker-list"];

/// The name of a flag that may stand before its value.
fn name_of(arg: &str) -> &str {
    arg.split('=').next().unwrap_or(arg)
}

/// Where the arguments say that the cluster is. It may be any cluster, which is not told what ours is told.
fn address(args: &[String]) -> Option<String> {
    let at = args.iter().position(|arg| ADDRESSES.contains(&name_of(arg)))?;
    let behind = || args.get(at + 1).cloned().unwrap_or_default();
    Some(args.get(at)?.split_once('=').map_or_else(behind, |(_, value)| value.to_string()))
}

/// The id of a cluster, if it tells it to somebody without a name.
fn cluster_at(servers: &str) -> Option<String> {
    let admin = Admin::new(&Connection::new(servers)).ok()?;
    admin.cluster(Duration::from_secs(2)).ok()?.id
}

/// Arguments of tools may set passwords: `SCRAM-SHA-256=[password=…]`.
fn without_secrets(args: &str) -> String {
    match Regex::new(r"(?i)(password|secret|token|hmac)(\s+|\s*=\s*)[^\s,\]]+") {
        Ok(secret) => secret.replace_all(args, "$1$2********").into_owned(),
        Err(_) => String::new(),
    }
}

/// Where the tool is.
enum Program {
    /// On this machine.
    Here(PathBuf),
    /// In the container.
    InContainer(String),
}

impl Program {
    fn command(&self) -> Command {
        match self {
            Self::Here(path) => Command::new(path),
            Self::InContainer(path) => {
                let mut command = Command::new("docker");
                command.args(["exec", "-i", CONTAINER, path]);
                command
            }
        }
    }

    /// A file with what the tool has to know to be let in, for nobody else to read, and gone with the command.
    fn config(&self, connection: &Connection) -> Result<Option<NamedTempFile>> {
        let Some(text) = java::settings(connection)? else { return Ok(None) };
        if let Self::InContainer(_) = self {
            return Err(Error::usage(format!(
                "the tools in the container {CONTAINER} cannot read the settings of this connection"
            ))
            .hint("set KAFKA_HOME to where Apache Kafka is (`scripts/apache-kafka.sh install` gets it)"));
        }
        std::fs::create_dir_all(home())?;
        let mut file =
            tempfile::Builder::new().prefix("kafka-cli-").suffix(".properties").tempfile_in(home())?;
        file.write_all(text.as_bytes())?;
        Ok(Some(file))
    }
}

/// The tool where it is: on this machine, or in the container.
fn found(tool: &str) -> Result<Program> {
    if let Some(home) = std::env::var_os("KAFKA_HOME").map(PathBuf::from) {
        let bin = home.join("bin");
        let names = [format!("kafka-{tool}.sh"), format!("kafka-{tool}"), format!("{tool}.sh")];
        let path = names.iter().map(|name| bin.join(name)).find(|path| path.is_file());
        let missing = || Error::usage(format!("there is no tool kafka-{tool} in {}", bin.display()));
        return path.map(Program::Here).ok_or_else(missing);
    }
    if !container_runs() {
        return Err(Error::failed("Kafka's own tools are not there").hint(format!(
            "set KAFKA_HOME to where Apache Kafka is (`scripts/apache-kafka.sh install` gets it), \
             or start the container {CONTAINER} with `docker compose up -d kafka`"
        )));
    }
    Ok(Program::InContainer(format!("{IN_CONTAINER}/kafka-{tool}.sh")))
}

fn container_runs() -> bool {
    let asked = ["inspect", "--format", "{{.State.Running}}", CONTAINER];
    let answer = Command::new("docker").args(asked).stderr(Stdio::null()).output();
    answer.is_ok_and(|answer| answer.stdout.starts_with(b"true"))
}

/// Runs the tool to its end, which ctrl-C asks it for, too.
fn finish(tool: &str, command: &mut Command) -> Result<()> {
    let stop = interrupt::listen()?;
    let failed = |error| Error::failed(format!("kafka-{tool}: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    let mut waited = Duration::ZERO;
    while child.try_wait().map_err(failed)?.is_none() {
        if !stop.wait(LOOK) {
            continue;
        }
        if waited >= AFTER_CTRL_C {
            child.kill().map_err(failed)?;
        }
        std::thread::sleep(LOOK);
        waited += LOOK;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() || stop.requested() {
        return Ok(());
    }
    Err(Error::failed(format!("kafka-{tool} ended with {status}")))
}
