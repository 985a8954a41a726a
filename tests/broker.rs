//! The embedded broker keeps what it acknowledges, answers every client, and survives bad ones.

mod abuse;
mod clients;
mod crashes;
mod fuzz;
mod groups;
mod life;
mod limits;
mod outside;
mod requests;
mod transactions;

use crate::support::{PATIENCE, embedded, wait_for};
use ecap::broker::Broker;
use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::FutureRecord;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::{AsyncRuntime, Timeout};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What the producer's type asks for; waiting for an answer needs none.
struct NoRuntime;

impl AsyncRuntime for NoRuntime {
    type Delay = std::future::Ready<()>;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        std::thread::spawn(|| block_on(task));
    }

    fn delay_for(_: Duration) -> Self::Delay {
        std::future::ready(())
    }
}

type FutureProducer = rdkafka::producer::FutureProducer<DefaultClientContext, NoRuntime>;

/// A broker in a folder of its own.
struct Served {
    broker: Broker,
    folder: TempDir,
}

impl Served {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { broker: embedded(folder.path()), folder }
    }

    fn with_topic(topic: &str, partitions: i32) -> Self {
        let served = Self::new();
        create(&served.address(), topic, partitions, &[]).unwrap();
        served
    }

    fn address(&self) -> String {
        self.broker.address().to_string()
    }

    /// Stops it and starts another one on the same folder.
    fn restart(self) -> Self {
        self.broker.stop().unwrap();
        Self { broker: embedded(self.folder.path()), folder: self.folder }
    }
}

fn client(address: &str, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("log_level", "0");
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

fn admin(address: &str) -> AdminClient<DefaultClientContext> {
    client(address, &[]).create().unwrap()
}

fn create(
    address: &str,
    topic: &str,
    partitions: i32,
    settings: &[(&str, &str)],
) -> Result<(), RDKafkaErrorCode> {
    let mut wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in settings {
        wanted = wanted.set(name, value);
    }
    let mut made = block_on(admin(address).create_topics([&wanted], &AdminOptions::new())).unwrap();
    made.remove(0).map(drop).map_err(|(_, error)| error)
}

fn producer(address: &str, settings: &[(&str, &str)]) -> FutureProducer {
    client(address, settings).set("linger.ms", "1").create().unwrap()
}

/// Sends one record and gives its offset when it is acknowledged.
fn send(producer: &FutureProducer, topic: &str, partition: i32, value: &str) -> Result<i64, KafkaError> {
    let record = FutureRecord::<str, str>::to(topic).partition(partition).payload(value);
    let sent = producer.send_result(record).map_err(|(error, _)| error)?;
    block_on(sent).unwrap().map(|delivery| delivery.offset).map_err(|(error, _)| error)
}

/// Reads a partition from `offset` to the `count`th record.
fn read<T>(
    address: &str,
    topic: &str,
    partition: i32,
    offset: i64,
    count: usize,
    mut show: impl FnMut(&BorrowedMessage<'_>) -> T,
) -> Vec<T> {
    let consumer = consumer(address, "reader", &[]);
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    consumer.assign(&from).unwrap();
    let mut seen = Vec::new();
    wait_for("records", || {
        while let Some(message) = consumer.poll(Duration::from_millis(50)) {
            seen.push(show(&message.unwrap()));
        }
        (seen.len() >= count).then_some(())
    });
    seen
}

/// Sends records to partition 0 one by one, each acknowledged.
fn send_all(producer: &FutureProducer, topic: &str, values: &[String]) {
    for value in values {
        send(producer, topic, 0, value).unwrap();
    }
}

fn values(address: &str, topic: &str, offset: i64, count: usize) -> Vec<String> {
    read(address, topic, 0, offset, count, |message| {
        String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned()
    })
}

fn consumer(address: &str, group: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    client(address, settings)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap()
}

/// The first and the next offset of a partition.
fn watermarks(address: &str, topic: &str, partition: i32) -> (i64, i64) {
    consumer(address, "watermarks", &[]).fetch_watermarks(topic, partition, Timeout::After(PATIENCE)).unwrap()
}

/// `ecap-broker` as a process.
struct Process {
    child: Child,
    address: String,
    /// What it said before it was ready.
    said: Vec<String>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = Vec::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said:?}")).unwrap();
            if let Some(rest) = line.strip_prefix("ecap-broker ready at ") {
                break rest.split(',').next().unwrap().to_string();
            }
            said.push(line);
        };
        // Its log is read on, or it would stand still when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, said }
    }

    fn at(folder: &Path) -> Self {
        Self::start(&mut command(folder))
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = crate::support::binary_command("ecap-broker", folder);
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.join("data"));
    command
}

fn error_code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    error.rdkafka_error_code()
}
