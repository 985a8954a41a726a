//! Windowed queries as people type them, over records that an independent client wrote.

mod bad_input;
mod checkpoint;
mod dead_letters;
mod delta_sink;
mod file_sink;
mod folder;
mod inputs;
mod joins;
mod large_state;
mod letters;
mod origins;
mod output;
mod quality;
mod reading;
mod shipped;
pub mod steps;
mod triggers;
mod windows;

use crate::support::{Cluster, Ended, PATIENCE, project, wait_for};
use ecap::clock::{Clock, SystemClock};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SALES: &str = "customer-transactions";

/// What makes a run end by itself with every window shown.
const ALL: [&str; 7] =
    ["--from", "earliest", "--trigger", "available-now", "--output-mode", "append", "--flush-at-end"];

/// A cluster with topics, and a client of its own that writes to them.
struct Stage {
    cluster: Cluster,
    producer: BaseProducer,
    /// The full hour before the one that runs, in milliseconds: recent enough for any broker to keep.
    base: i64,
}

/// A purchase; its time is in milliseconds after [`Stage::base`].
#[derive(Debug, Clone, Copy)]
struct Sale {
    partition: i32,
    millis: i64,
    customer: i64,
    category: &'static str,
    cents: i64,
}

/// A purchase of one customer on partition 0.
fn at(millis: i64) -> Sale {
    Sale { partition: 0, millis, customer: 1, category: "Books", cents: 1_000 }
}

/// Purchases on three partitions at irregular times within `span` milliseconds, the same in each run.
fn sales(count: i64, span: i64) -> Vec<Sale> {
    let categories = ["Books", "Games", "Shoes"];
    let sale = |n: i64| Sale {
        partition: (n % 3) as i32,
        millis: n * 7_919 % span,
        customer: n * n % 17,
        category: categories[(n * 5 % 13 % 3) as usize],
        cents: 100 + n * 373 % 10_000,
    };
    (0..count).map(sale).collect()
}

impl Sale {
    fn json(&self) -> String {
        format!(
            r#"{{"customer_id":"CUST_{}","product_category":"{}","final_amount":{}.{:02},"quantity":2,"batch_number":{}}}"#,
            self.customer,
            self.category,
            self.cents / 100,
            self.cents % 100,
            self.partition + 1
        )
    }
}

impl Stage {
    fn new(topics: &[&str]) -> Self {
        let cluster = Cluster::start();
        cluster.create_topics(topics);
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &cluster.address)
            .set("linger.ms", "1")
            // What has to be sent again must not come behind what follows it.
            .set("max.in.flight", "1")
            .create()
            .unwrap();
        let hour = 3_600_000;
        let base = (SystemClock.now() / 1_000 / hour - 1) * hour;
        Self { cluster, producer, base }
    }

    /// A stage with these purchases on it.
    fn with(sales: &[Sale]) -> Self {
        let stage = Self::new(&[SALES]);
        stage.sell(sales);
        stage
    }

    fn sell(&self, sales: &[Sale]) {
        for sale in sales {
            self.put(SALES, sale.partition, sale.millis, Some(sale.json().as_bytes()));
        }
        self.flush();
    }

    fn put(&self, topic: &str, partition: i32, millis: i64, value: Option<&[u8]>) {
        let topic = self.cluster.name(topic);
        let mut record = BaseRecord::<[u8], [u8]>::to(&topic).partition(partition);
        record = record.key(b"key").timestamp(self.base + millis);
        record.payload = value;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    fn flush(&self) {
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Runs a query to its end.
    fn consume(&self, args: &[&str]) -> Ended {
        self.cluster.run("ecap-consume", args)
    }

    /// The rows of a query over everything that is there.
    #[track_caller]
    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let args = [args, &ALL, &["--format", "json"]].concat();
        json_lines(&self.consume(&args).ok())
    }

    /// Starts a query that tells of its batches.
    fn start(&self, args: &[&str]) -> Running {
        let mut command = self.cluster.command("ecap-consume");
        Running::start(command.args(args).args(["--from", "earliest", "--progress", "json"]))
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", &self.cluster.address)
            .set("group.id", self.cluster.name(group))
            .set("enable.auto.commit", "false")
            .create()
            .unwrap()
    }

    /// The times of all records of a topic as a reader of the topic sees them, in milliseconds after the base.
    fn times(&self, topic: &str, count: usize) -> Vec<i64> {
        let consumer = self.consumer("times");
        let topic = self.cluster.name(topic);
        let mut from = TopicPartitionList::new();
        for partition in 0..3 {
            from.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&from).unwrap();
        let mut times = Vec::new();
        wait_for("the records", || {
            if let Some(message) = consumer.poll(Duration::from_millis(50)) {
                times.push(message.unwrap().timestamp().to_millis().unwrap() - self.base);
            }
            (times.len() == count).then_some(())
        });
        times
    }

    /// Milliseconds after the base of a time column.
    #[track_caller]
    fn time(&self, row: &Value, column: &str) -> i64 {
        let text = row[column].as_str().unwrap_or_else(|| panic!("no time {column} in {row}"));
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis() - self.base
    }

    /// A time as reports show it.
    fn text(&self, millis: i64) -> Value {
        Value::from(ecap::units::format_rfc3339((self.base + millis) * 1_000))
    }

    /// Start of window, in milliseconds after the base, to a count.
    #[track_caller]
    fn counts(&self, rows: &[Value]) -> BTreeMap<i64, i64> {
        let count = |row: &Value| (self.time(row, "window_start"), integer(row, "record_count"));
        let counts: BTreeMap<_, _> = rows.iter().map(count).collect();
        assert_eq!(counts.len(), rows.len(), "a window came twice: {rows:?}");
        counts
    }
}

#[track_caller]
/// A query that is shipped.
fn shipped(name: &str) -> String {
    project(&format!("queries/{name}.sql")).display().to_string()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn integer(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap_or_else(|| panic!("no integer {column} in {row}"))
}

#[track_caller]
fn cents(row: &Value, column: &str) -> i64 {
    let amount = row[column].as_f64().unwrap_or_else(|| panic!("no number {column} in {row}"));
    (amount * 100.0).round() as i64
}

/// What a window has, by going through all windows for each record.
#[derive(Debug, Default, PartialEq, Eq)]
struct Window {
    count: i64,
    cents: i64,
    customers: BTreeSet<i64>,
    batches: BTreeSet<i64>,
}

/// Every window that contains a sale, by its start.
fn brute_force(sales: &[Sale], size: i64, slide: i64) -> BTreeMap<i64, Window> {
    let mut windows: BTreeMap<i64, Window> = BTreeMap::new();
    for sale in sales {
        let starts = (-size / slide - 1..=sale.millis / slide).map(|step| step * slide);
        for start in starts.filter(|start| *start <= sale.millis && sale.millis < start + size) {
            let window = windows.entry(start).or_default();
            window.count += 1;
            window.cents += sale.cents;
            window.customers.insert(sale.customer);
            window.batches.insert(i64::from(sale.partition) + 1);
        }
    }
    windows
}

/// A query that runs until it is interrupted.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Self { child, lines, said: Vec::new() }
    }

    /// The next batch that it tells of.
    #[track_caller]
    fn batch(&mut self) -> Value {
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no batch: {:?}", self.said));
            if let Some(batch) = line.starts_with('{').then(|| serde_json::from_str(&line).unwrap()) {
                return batch;
            }
            self.said.push(line);
        }
    }

    /// The batches up to the one with which `records` were read in all.
    #[track_caller]
    fn batches(&mut self, records: i64) -> Vec<Value> {
        let mut batches = Vec::new();
        let mut read = 0;
        while read < records {
            let batch = self.batch();
            read += integer(&batch, "numInputRows");
            batches.push(batch);
        }
        assert_eq!(read, records);
        batches
    }

    /// Waits until it says so.
    #[track_caller]
    fn says(&mut self, text: &str) {
        while !self.said.iter().any(|line| line.contains(text)) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.said.push(line.unwrap_or_else(|_| panic!("it does not say '{text}': {:?}", self.said)));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits until it ended.
    #[track_caller]
    fn end(mut self) -> Ended {
        let mut out = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut out).unwrap();
        }
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        let rest = std::mem::take(&mut self.said).into_iter().chain(self.lines.iter());
        let err = rest.collect::<Vec<_>>().join("\n");
        Ended { code: status.code().unwrap_or(-1), out, err }
    }

    /// Presses ctrl-C.
    #[track_caller]
    fn interrupt(self) -> Ended {
        self.signal("-INT");
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
