//! Input files to records: a line is a record's value; `_key`, `_partition` and `_timestamp` in it are Kafka's.

use super::case::Case;
use crate::support::listed::Stored;
use ecap::catalog::{Catalog, Topic};
use ecap::units::{format_rfc3339, parse_time};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Records without `_partition` go to this many partitions in turn.
const PARTITIONS: usize = 3;

/// 2025-01-01T00:00:00Z in microseconds, and one second a line: the time at which Kafka got the records that do not say.
const FIRST: i64 = 1_735_689_600_000_000;

/// A record as it stands in a topic.
#[derive(Debug, Clone)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<String>,
    pub value: Option<String>,
    /// Its columns and Kafka's, for the other engines; nothing where the value is no JSON object.
    pub columns: Option<Value>,
}

impl From<&Record> for Stored {
    fn from(record: &Record) -> Self {
        let Record { partition, offset, timestamp, key, value, .. } = record.clone();
        Self { partition, offset, timestamp, key, value }
    }
}

/// The records of one topic, in the order of their file.
#[derive(Debug, Clone)]
pub struct Topical {
    pub topic: Topic,
    pub records: Vec<Record>,
}

/// The records of a case, by topic.
pub fn of(case: &Case, catalog: &Catalog) -> Vec<Topical> {
    let read = |(name, path): (&String, &std::path::PathBuf)| {
        let topic = catalog.topic(name).expect("in the catalog").clone();
        Topical { records: read(path, &topic), topic }
    };
    case.topics.iter().map(read).collect()
}

fn read(path: &Path, topic: &Topic) -> Vec<Record> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut offsets = std::collections::BTreeMap::<i32, i64>::new();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .enumerate()
        .map(|(number, line)| {
            let mut record = record(number, line, topic);
            let next = offsets.entry(record.partition).or_default();
            record.offset = *next;
            *next += 1;
            record.describe(&topic.name);
            record
        })
        .collect()
}

fn record(number: usize, line: &str, topic: &Topic) -> Record {
    let mut record = Record {
        partition: (number % PARTITIONS) as i32,
        offset: 0,
        timestamp: FIRST + number as i64 * 1_000_000,
        key: None,
        value: (line != "null").then(|| line.to_string()),
        columns: None,
    };
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(line) else { return record };
    let own = topic.record.as_ref().and_then(|known| fields.get(&known.key));
    record.key = own.and_then(Value::as_str).map(str::to_string);
    record.take_metadata(&mut fields);
    record.columns = Some(Value::Object(fields));
    record
}

impl Record {
    fn take_metadata(&mut self, fields: &mut Map<String, Value>) {
        let mut changed = false;
        let mut take = |name: &str| fields.shift_remove(name).inspect(|_| changed = true);
        if let Some(key) = take("_key") {
            self.key = key.as_str().map(str::to_string);
        }
        if let Some(partition) = take("_partition") {
            self.partition = partition.as_i64().expect("a number") as i32;
        }
        if let Some(time) = take("_timestamp") {
            self.timestamp = parse_time(time.as_str().expect("a time as text")).expect("a time");
        }
        if changed {
            self.value = Some(Value::Object(fields.clone()).to_string());
        }
    }

    /// Adds what Kafka knows of it to its columns.
    fn describe(&mut self, topic: &str) {
        let Some(Value::Object(columns)) = &mut self.columns else { return };
        columns.insert("_key".into(), json!(self.key));
        columns.insert("_topic".into(), json!(topic));
        columns.insert("_partition".into(), json!(self.partition));
        columns.insert("_offset".into(), json!(self.offset));
        columns.insert("_timestamp".into(), json!(format_rfc3339(self.timestamp)));
    }
}
