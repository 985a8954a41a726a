//! What integration tests share: a broker with its own folder, the binaries, and waiting for a condition.
#![allow(dead_code, reason = "each test module uses a part of it")]

pub mod feed;
pub mod kept;
pub mod listed;
pub mod numbered;
pub mod relay;

use ecap::broker::{Broker, Config, Storage};
use ecap::clock::Clock;
use proptest::prelude::ProptestConfig;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;
use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long any condition may take before a test says that it does not come: what takes a second alone may take a minute
/// on a machine with two cores that builds or runs other tests meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// So many times as long as promised a thing may take on such a machine.
const BUSY: u32 = 3;

/// Names a running Apache Kafka that tests use in place of an embedded broker.
pub const REAL_KAFKA: &str = "ECAP_TEST_KAFKA";

/// A file or folder of the project, whose folder is the one that tests run in. It is not built in: another clone may have
/// the same build.
pub fn project(path: &str) -> PathBuf {
    std::path::absolute(path).expect("a folder to run in")
}

/// A number that a long run gives in the environment, or this one.
pub fn number<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A client that commits nothing: a commit's answer would end a wait for records.
pub fn reader(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("group.id", "test").set("enable.auto.commit", "false");
    config
}

/// The records of a topic so far, partition after partition.
pub fn records(cluster: &Cluster, topic: &str, partitions: i32) -> Vec<OwnedMessage> {
    let consumer: BaseConsumer = reader(&cluster.address).create().expect("a client");
    let (name, mut assigned, mut expected) = (cluster.name(topic), TopicPartitionList::new(), 0);
    for partition in 0..partitions {
        let (low, high) = consumer.fetch_watermarks(&name, partition, PATIENCE).expect("offsets");
        expected += high - low;
        assigned.add_partition_offset(&name, partition, Offset::Offset(low)).expect("an offset");
    }
    consumer.assign(&assigned).expect("assigned");
    let next = |_| consumer.poll(Timeout::After(PATIENCE)).expect("a record").expect("no error").detach();
    (0..expected).map(next).collect()
}

/// How many cases a property is held against: 256, or ECAP_TEST_CASES for a long run.
pub fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(number("ECAP_TEST_CASES", 256))
}

/// How many rows are many: 200,000, or ECAP_TEST_ROWS for a long run.
pub fn many() -> u64 {
    number("ECAP_TEST_ROWS", 200_000)
}

/// Runs a command to its end, and gives the most memory that it ever had, in megabytes.
pub fn peak(command: &mut Command) -> u64 {
    let mut child = command.spawn().expect("starts");
    let pid = child.id();
    let mut most = 0;
    let ended = loop {
        most = most.max(megabytes(pid, "VmHWM:"));
        match child.try_wait().expect("a status") {
            Some(ended) => break ended,
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    assert!(ended.success() && most > 0, "{command:?}: {ended}");
    most
}

/// What the system says of a process's memory, in megabytes; 0 when it is gone.
fn megabytes(pid: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") / 1024
}

/// A cluster for one test: an embedded broker with its own folder, or a real one with a prefix of its own.
pub struct Cluster {
    /// Where it answers, `host:port`.
    pub address: String,
    /// What stands before the names of this test's topics and groups.
    pub prefix: String,
    /// The working folder of the test's commands.
    pub folder: TempDir,
    broker: Option<Broker>,
}

impl Cluster {
    /// Starts the embedded broker on a free port, or takes the one that [`REAL_KAFKA`] names.
    pub fn start() -> Self {
        if let Ok(address) = std::env::var(REAL_KAFKA) {
            return Self::of(&address);
        }
        let folder = TempDir::new().expect("a temporary folder");
        let broker = embedded(folder.path().join("broker"));
        Self { address: broker.address().to_string(), prefix: String::new(), folder, broker: Some(broker) }
    }

    /// A cluster that somebody else runs.
    pub fn of(address: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { address: address.into(), prefix: unique_prefix(), folder, broker: None }
    }

    /// An embedded broker that lives by this clock.
    pub fn at(clock: Arc<dyn Clock>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let broker = Broker::start_at(config(folder.path().join("broker")), clock).expect("it starts");
        Self { address: broker.address().to_string(), prefix: String::new(), folder, broker: Some(broker) }
    }

    /// Stops the embedded broker.
    pub fn stop(&mut self) {
        self.broker = None;
    }

    /// Starts it again where it was.
    pub fn again(&mut self) {
        let listen = self.address.parse().expect("an address");
        let config = Config { listen, ..config(self.folder.path().join("broker")) };
        self.broker = Some(Broker::start(config).expect("it starts"));
    }

    /// The full name of one of this test's topics or groups.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A command of ours, pointed at this cluster, in this test's folder.
    pub fn command(&self, binary: &str) -> Command {
        let mut command = binary_command(binary, self.folder.path());
        command.env("ECAP_BOOTSTRAP_SERVERS", &self.address).env("ECAP_TOPIC_PREFIX", &self.prefix);
        command
    }

    /// Runs a command of ours to its end.
    pub fn run(&self, binary: &str, args: &[&str]) -> Ended {
        Ended::of(self.command(binary).args(args))
    }

    /// Creates the catalog's topics, or those named.
    pub fn create_topics(&self, topics: &[&str]) {
        let mut args = vec!["create-topics"];
        args.extend(topics);
        self.run("ecap-topics", &args).ok();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.broker.is_none() {
            let _ = self.command("ecap-topics").args(["delete-topic", "--all", "--yes"]).output();
        }
    }
}

/// An embedded broker on a free port that keeps its data in `folder`.
pub fn embedded(folder: impl Into<PathBuf>) -> Broker {
    Broker::start(config(folder)).expect("the embedded broker starts")
}

fn config(folder: impl Into<PathBuf>) -> Config {
    let listen = "127.0.0.1:0".parse().expect("an address");
    Config { listen, storage: Storage::Dir(folder.into()), ..Config::default() }
}

fn unique_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}.", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A command of ours with a clean environment for `folder`.
pub fn binary_command(binary: &str, folder: &Path) -> Command {
    let path = match binary {
        "ecap-topics" => env!("CARGO_BIN_EXE_ecap-topics"),
        "ecap-gen" => env!("CARGO_BIN_EXE_ecap-gen"),
        "ecap-produce" => env!("CARGO_BIN_EXE_ecap-produce"),
        "ecap-consume" => env!("CARGO_BIN_EXE_ecap-consume"),
        "ecap-broker" => env!("CARGO_BIN_EXE_ecap-broker"),
        other => panic!("there is no binary {other}"),
    };
    let mut command = Command::new(path);
    command.current_dir(folder).env("ECAP_HOME", folder.join("home")).stdin(Stdio::null());
    for variable in ["ECAP_BOOTSTRAP_SERVERS", "KAFKA_BROKERS", "ECAP_PROFILE", "ECAP_CATALOG", "ECAP_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ended {
    /// Runs the command to its end.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().expect("the command starts"))
    }

    /// Asserts that it succeeded, and gives its standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// Asserts that it ended with `code` and one line that contains each of `parts`.
    #[track_caller]
    pub fn fails(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        let line = self.err.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        for part in parts {
            assert!(line.contains(part), "'{part}' is missing in: {self:#?}");
        }
        assert!(!self.err.contains("panicked"), "{self:#?}");
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command of ours that runs, and what it says on standard error.
pub struct Told {
    child: Child,
    lines: Receiver<String>,
}

impl Told {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the command starts");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (tell, told) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, lines: told }
    }

    /// Waits for a line with each of these parts.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> String {
        let mut others = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
            others.push(line);
        }
        panic!("no line with {parts:?} in {others:#?}");
    }

    /// Waits until it ends by itself; its exit code.
    #[track_caller]
    pub fn ended(&mut self) -> i32 {
        wait_for("the end", || self.child.try_wait().expect("a status")).code().unwrap_or(-1)
    }

    /// How much memory it has now, in megabytes.
    pub fn resident(&self) -> u64 {
        megabytes(self.child.id(), "VmRSS:")
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `-STOP`.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Asks it to end, as ctrl-C does.
    #[track_caller]
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// The same, and it ends well.
    #[track_caller]
    pub fn end(mut self) {
        self.interrupt();
        assert_eq!(self.ended(), 0);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds that what began then took no longer than is promised, as far as a busy machine lets that be seen.
#[track_caller]
pub fn took_at_most(promised: Duration, began: Instant) {
    let took = began.elapsed();
    assert!(took < promised * BUSY, "{took:?}, where {promised:?} are promised");
}

/// Waits until `condition` gives a value.
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    wait_while(|| condition().ok_or(what))
}

/// Waits until `condition` gives a value; meanwhile it gives what is waited for.
#[track_caller]
pub fn wait_while<T, W: Display>(mut condition: impl FnMut() -> Result<T, W>) -> T {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(value) => return value,
            Err(what) => assert!(start.elapsed() < PATIENCE, "waited in vain for {what}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
