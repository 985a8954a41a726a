//! The world that consumers read: faulty records, sent while consumers live and die, and what is true of them.

use crate::support::{Cluster, PATIENCE};
use ecap::units::parse_time;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The topics, and how many partitions they have.
const TOPICS: [(&str, usize); 2] = [("transactions", 6), ("user-events", 12)];

/// Records that nobody can use.
const POISON: [&str; 3] = ["malformed", "missing", "wrong_type"];

/// Records of both topics, and the truth about them.
pub struct World {
    lines: [Vec<Vec<u8>>; 2],
    truth: Vec<Value>,
}

impl World {
    /// So many minutes of it. What is late is not later than five minutes.
    pub fn of(cluster: &Cluster, minutes: u32) -> Self {
        let span = format!("{minutes}m");
        let same = ["--seed", "11", "--start", "2026-01-05", "--event-rate", "1", "--traffic", "flat"];
        let size = ["world", "--event-span", &span, "--customers", "500", "--products", "100"];
        let faults = ["--late", "2%", "--late-by", "1m..4m", "--out-of-order", "5%", "--duplicates", "1%"];
        let poison = ["--malformed", "0.5%", "--missing", "0.5%", "--wrong-type", "0.5%", "-o", "world"];
        let truth = ["--truth", "truth.ndjson", "--truth-window", "1m", "--truth-window", "5m/1m"];
        cluster.run("ecap-gen", &[&size[..], &same, &faults, &poison, &truth].concat()).ok();
        let folder = cluster.folder.path();
        let lines = |topic: &str| -> Vec<Vec<u8>> {
            let bytes = std::fs::read(folder.join("world").join(topic).with_extension("ndjson")).unwrap();
            bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Into::into).collect()
        };
        let truth = std::fs::read_to_string(folder.join("truth.ndjson")).unwrap();
        let truth = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { lines: TOPICS.map(|(topic, _)| lines(topic)), truth }
    }

    fn truth(&self, topic: &str) -> impl Iterator<Item = &Value> {
        self.truth.iter().filter(move |line| line["kind"] == topic)
    }

    /// How many records of a topic nobody can use.
    pub fn refused(&self, topic: &str) -> u64 {
        self.truth(topic).last().unwrap()["refused"].as_u64().unwrap()
    }

    /// The records of a topic that can be used, second copies with them.
    pub fn good(&self, topic: &str) -> Vec<Value> {
        let is_poison = |line: &&Value| POISON.iter().any(|fault| line["fault"] == *fault);
        let poison: HashSet<_> =
            self.truth(topic).filter(is_poison).filter_map(|line| line["row"].as_u64()).collect();
        let lines = &self.lines[TOPICS.iter().position(|(name, _)| *name == topic).unwrap()];
        let good = (0..).zip(lines).filter(|(row, _)| !poison.contains(row));
        good.map(|(_, line)| serde_json::from_slice(line).unwrap()).collect()
    }

    /// What windows of so many minutes hold by this column: start, group, number of records and cents, if there are any.
    pub fn windows(&self, topic: &str, group: &str, minutes: i64) -> Vec<String> {
        let of = self.truth(topic).filter(|line| !line[group].is_null());
        let of = of.filter(|line| {
            micros(&line["window_end"]) - micros(&line["window_start"]) == minutes * 60_000_000
        });
        of.map(|line| {
            let (start, group) = (micros(&line["window_start"]), text(&line[group]));
            format!("{start} {group} {} {}", line["records"], line["cents"].as_u64().unwrap_or_default())
        })
        .collect()
    }

    /// Sends all of it: in `lives` lives of consumers most of it, and there is always more.
    pub fn feed(&self, cluster: &Cluster, lives: u32) -> Feed {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &cluster.address).set("enable.idempotence", "true");
        let producer = config.create().unwrap();
        let topics = TOPICS.iter().zip(&self.lines);
        let topics =
            topics.map(|((topic, partitions), lines)| (cluster.name(topic), *partitions, lines.clone()));
        let (topics, rest): (Vec<_>, Arc<AtomicBool>) = (topics.collect(), Arc::default());
        let hurry = rest.clone();
        let sender = thread::spawn(move || send(&producer, &topics, 40 * lives as usize, &hurry));
        Feed { rest, sender }
    }
}

/// Records on their way.
pub struct Feed {
    rest: Arc<AtomicBool>,
    sender: JoinHandle<()>,
}

impl Feed {
    /// Sends what is left, and waits until it is there.
    pub fn rest(self) {
        self.rest.store(true, Ordering::Relaxed);
        self.sender.join().unwrap();
    }
}

/// Sends one part in `share` of what is left ten times a second, and in the end the rest.
fn send(producer: &BaseProducer, topics: &[(String, usize, Vec<Vec<u8>>)], share: usize, rest: &AtomicBool) {
    let mut sent = vec![0; topics.len()];
    loop {
        let all = rest.load(Ordering::Relaxed);
        for ((topic, partitions, lines), sent) in topics.iter().zip(&mut sent) {
            let left = lines.len() - *sent;
            let until = *sent + if all { left } else { left.div_ceil(share) };
            for (row, line) in lines.iter().enumerate().take(until).skip(*sent) {
                let record = BaseRecord::<(), [u8]>::to(topic).partition((row % partitions) as i32);
                producer.send(record.payload(line)).map_err(|(error, _)| error).unwrap();
                if row.is_multiple_of(10_000) {
                    producer.flush(PATIENCE).unwrap();
                }
            }
            *sent = until;
        }
        producer.flush(PATIENCE).unwrap();
        if all {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// A time in microseconds since the epoch.
pub fn micros(time: &Value) -> i64 {
    parse_time(time.as_str().unwrap()).unwrap()
}

/// A value without quotes.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}
