//! `ecap-broker`: the embedded broker as a command.

mod status;

use super::common::{CommonArgs, home};
use super::{Cli, interrupt, output};
use crate::Result;
use crate::broker::{Broker, Config, Storage};
use crate::{process, program};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "Examples:
  ecap-broker
      serve at 127.0.0.1:9092 and keep records in .ecap/broker
  ecap-broker --memory --listen 127.0.0.1:19092 --auto-create-topics
      a broker for one test run: nothing is kept, topics are made on first use
  ecap-broker --data-dir /srv/course --listen 0.0.0.0:9092 --fsync
      a broker for a classroom: reached from other machines, every record on the disk
      before it is acknowledged
  ecap-broker --metrics-listen 127.0.0.1:9404
      metrics for Prometheus at http://127.0.0.1:9404/metrics";

/// Runs a Kafka broker in one small process, for laptops, demos, courses and tests
///
/// Every Kafka client works on it: librdkafka, the Java clients, kafka-python, and Kafka's own
/// command-line tools. It is one process and one node, without replication, access control or
/// encryption: it is NOT for production. Use Apache Kafka there.
///
/// A record that was acknowledged survives the end of this process, however it ends; with --fsync
/// the end of the machine too. Records are kept for 24 hours unless a topic says otherwise.
#[derive(clap::Parser, Debug)]
#[command(name = "ecap-broker", after_help = EXAMPLES)]
pub struct BrokerCli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address and port to serve at; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9092")]
    listen: SocketAddr,
    /// Where records are kept; a folder belongs to one broker at a time [default: $ECAP_HOME/broker]
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data_dir: Option<PathBuf>,
    /// Keep records in memory only
    #[arg(long)]
    memory: bool,
    /// Make a topic when a client first asks for it
    #[arg(long)]
    auto_create_topics: bool,
    /// Acknowledge a record only when the disk has it
    #[arg(long)]
    fsync: bool,
    /// Show metrics for Prometheus at http://ADDRESS:PORT/metrics, under Kafka's usual names
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<SocketAddr>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Status(status::Args),
}

impl Cli for BrokerCli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// Serves until ctrl-C or SIGTERM, or runs the subcommand.
///
/// # Errors
/// As the subcommand says in its help; a folder that another broker holds, an address that is taken.
pub fn run(cli: BrokerCli) -> Result<()> {
    match &cli.command {
        Some(Command::Status(args)) => status::run(args, &cli.common),
        None => serve(&cli),
    }
}

fn serve(cli: &BrokerCli) -> Result<()> {
    process::open_more_files();
    let stop = interrupt::listen()?;
    let broker = Broker::start(config(cli))?;
    output::note(&ready(cli, &broker));
    program::give_back_start();
    while !stop.wait(Duration::MAX) {}
    broker.stop()
}

fn config(cli: &BrokerCli) -> Config {
    let storage = match cli.memory {
        true => Storage::Memory,
        false => Storage::Dir(folder(cli)),
    };
    Config {
        listen: cli.listen,
        metrics_listen: cli.metrics_listen,
        storage,
        auto_create_topics: cli.auto_create_topics,
        fsync: cli.fsync,
        ..Config::default()
    }
}

fn folder(cli: &BrokerCli) -> PathBuf {
    cli.data_dir.clone().unwrap_or_else(|| home().join("broker"))
}

fn ready(cli: &BrokerCli, broker: &Broker) -> String {
    let data = match cli.memory {
        true => "in memory".to_string(),
        false => format!("in {}", folder(cli).display()),
    };
    let topics = match broker.topic_count() {
        1 => "1 topic".to_string(),
        count => format!("{count} topics"),
    };
    let metrics = broker.metrics_address().map(|at| format!(", metrics at http://{at}/metrics"));
    let (address, node, metrics) = (broker.address(), broker.node(), metrics.unwrap_or_default());
    format!("ecap-broker ready at {address}, data {data} ({topics}), node {node}{metrics}; stop with ctrl-C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn flags_become_a_configuration() {
        let parse =
            |args: &[&str]| config(&BrokerCli::try_parse_from([&["ecap-broker"], args].concat()).unwrap());
        let plain = parse(&[]);
        assert_eq!(plain.listen, Config::default().listen);
        assert!(matches!(plain.storage, Storage::Dir(folder) if folder.ends_with("broker")));
        let tuned = parse(&["--memory", "--listen", "0.0.0.0:0", "--fsync", "--auto-create-topics"]);
        assert_eq!(tuned.storage, Storage::Memory);
        assert!(tuned.fsync && tuned.auto_create_topics);
        assert!(BrokerCli::try_parse_from(["ecap-broker", "--memory", "--data-dir", "x"]).is_err());
    }
}
