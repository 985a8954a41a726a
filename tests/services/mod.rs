//! Clients that nobody here wrote do their normal work on the broker: the embedded one, or a real
//! Apache Kafka where the harness was given one. What is asserted holds on both.

mod apache_clients;
mod apache_tools;
mod catalog;
mod conformance;
mod consumers_api;
mod disk;
mod disk_faults;
mod duckdb;
mod flink;
mod generator;
mod kafka_faults;
mod kafka_rights;
mod kafka_sink;
mod kafka_topics;
mod kcat;
mod kills;
mod log;
mod monitor;
mod nodes;
mod object_checkpoints;
mod object_tables;
mod objects;
mod page;
mod postgres;
mod postgres_faults;
mod postgres_sink;
mod postgres_tables;
mod prometheus;
mod python;
mod security;
mod soak;
mod spark;
mod spark_tables;
mod tables;
mod transactions;

use crate::support::{Cluster, Ended, binary_command, project};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

/// What `make test-services` installs, and where.
fn cache() -> PathBuf {
    std::env::var_os("ECAP_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/ecap"),
        PathBuf::from,
    )
}

/// Where Apache Kafka is.
fn kafka_home() -> PathBuf {
    cache().join("kafka-4.1.0")
}

/// One of Apache Kafka's own command-line tools, by its name without `.sh`.
fn kafka_tool(name: &str) -> Command {
    installed(&kafka_home().join("bin").join(name).with_extension("sh"))
}

/// A program in the Python environment that has the clients.
fn python(script: &str) -> Command {
    let mut command = installed(&cache().join("tools/clients/bin/python"));
    command.args(["-W", "ignore"]).arg(self::script(script));
    command
}

/// A program of this folder.
fn script(name: &str) -> PathBuf {
    project("tests/services").join(name)
}

/// An Apache Kafka of a test's own, which the script starts and stops.
struct Kafka {
    /// Where its first node answers.
    address: String,
    /// The working folder of the test's commands, and the data of its nodes in `kafka`.
    folder: TempDir,
}

impl Kafka {
    fn start(nodes: u16, options: &[&str]) -> Self {
        Self::start_in(TempDir::new().expect("a temporary folder"), nodes, options)
    }

    fn start_in(folder: TempDir, nodes: u16, options: &[&str]) -> Self {
        let port = free_ports(2 * nodes);
        let kafka = Self { address: format!("127.0.0.1:{port}"), folder };
        let (port, nodes) = (port.to_string(), nodes.to_string());
        Ended::of(kafka.script("start").args(["--port", &port, "--nodes", &nodes]).args(options)).ok();
        kafka
    }

    /// Starts its only node again, whether it ended by itself or not.
    fn again(&self) {
        let port = self.address.split(':').next_back().expect("a port");
        Ended::of(&mut self.script("stop")).ok();
        Ended::of(self.script("start").args(["--port", port])).ok();
    }

    fn script(&self, command: &str) -> Command {
        let mut script = Command::new(project("scripts/apache-kafka.sh"));
        script.arg(command).arg("--data-dir").arg(self.folder.path().join("kafka"));
        script
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.run_other("ecap-topics", args)
    }

    fn run_other(&self, binary: &str, args: &[&str]) -> Ended {
        let mut command = binary_command(binary, self.folder.path());
        command.env("KAFKA_HOME", kafka_home()).env("ECAP_BOOTSTRAP_SERVERS", &self.address);
        Ended::of(command.args(args))
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ = self.script("stop").output();
    }
}

/// The first of so many ports in a row on which nobody listens; below those that the system gives to clients.
fn free_ports(count: u16) -> u16 {
    let is_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    // Nobody listens yet on those that were given to another test.
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 1_000) as u16 * 10 + GIVEN.fetch_add(10, Ordering::Relaxed);
    let mut ports = (first..32_000).step_by(10);
    ports.find(|first| (*first..first + count).all(is_free)).expect("free ports")
}

fn installed(program: &Path) -> Command {
    assert!(
        program.exists(),
        "{} is missing: run `make test-services`, which installs it",
        program.display()
    );
    Command::new(program)
}

/// Runs to the end and returns stdout; anything but success fails the test with all that was said.
fn run(command: &mut Command) -> String {
    run_with_input(command, "")
}

/// The same, with `input` on stdin.
fn run_with_input(command: &mut Command, input: &str) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is missing ({error}): run `make test-services`"));
    // A program that ends without reading its input is judged by its exit code.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the child's output can be read");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// `count` records, a line each: key, `separator`, value. Seven keys, so that each key has several.
fn keyed_lines(count: usize, separator: &str) -> String {
    (1..=count).map(|number| format!("user-{}{separator}record {number}\n", number % 7)).collect()
}

/// Sends `count` small documents with a key and a number from 1 on, by kcat with these options too.
fn send_json(cluster: &Cluster, topic: &str, count: usize, options: &[&str]) {
    let line = |number| format!("user-{0}\t{{\"user\":\"user-{0}\",\"n\":{number}}}\n", number % 7);
    let lines: String = (1..=count).map(line).collect();
    run_with_input(kcat(cluster).args(["-P", "-t", topic, "-K", "\t"]).args(options), &lines);
}

fn kcat(cluster: &Cluster) -> Command {
    let mut command = Command::new("kcat");
    command.args(["-q", "-b", &cluster.address]);
    command
}

/// The value of each committed record of a topic, a line each, as kcat reads them.
fn committed_by_kcat(cluster: &Cluster, topic: &str) -> String {
    let committed = ["-X", "isolation.level=read_committed"];
    run(kcat(cluster).args(["-C", "-t", topic, "-o", "beginning", "-e"]).args(committed))
}

/// The lines without their order: partitions are read in any order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}
