//! Where dead letters go: a topic, with key and value as they were, or a file of one JSON object a line.

use crate::catalog::Topic;
use crate::clock::{Clock, Micros};
use crate::engine::letters::{DeadLetter, DeadLetters};
use crate::kafka::config::Connection;
use crate::kafka::producer::{Outgoing, Producer};
use crate::record::reject::Code;
use crate::units::format_rfc3339;
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a dead letter may wait for others to share its request.
const LINGER: Duration = Duration::from_millis(5);

/// How long the broker may take to acknowledge one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Dead letters in topics. Key, value and timestamp are the record's own; the rest is in headers.
pub struct ToTopics {
    /// By the topic that they came from.
    producers: BTreeMap<String, Producer>,
    consumer: String,
}

impl ToTopics {
    /// Producers for the dead letters of each topic; `consumer` is who refuses them.
    ///
    /// # Errors
    /// When a topic is not there, or the broker does not answer.
    pub fn new<'a>(
        connection: &Connection,
        topics: impl Iterator<Item = (&'a str, &'a Topic)>,
        consumer: &str,
    ) -> Result<Self> {
        let producer = |(from, to): (&str, &Topic)| {
            Ok((from.to_string(), Producer::new(connection, to, LINGER, PATIENCE)?))
        };
        Ok(Self { producers: topics.map(producer).collect::<Result<_>>()?, consumer: consumer.into() })
    }
}

impl DeadLetters for ToTopics {
    fn put(&mut self, letter: &DeadLetter<'_>) -> Result<()> {
        let Some(producer) = self.producers.get_mut(letter.topic) else { return Ok(()) };
        let record = &letter.record;
        let (partition, offset) = (record.partition.to_string(), record.offset.to_string());
        let timestamp = format_rfc3339(record.timestamp);
        let headers = [
            ("ecap.topic", letter.topic),
            ("ecap.partition", &partition),
            ("ecap.offset", &offset),
            ("ecap.timestamp", &timestamp),
            ("ecap.stage", letter.stage.as_str()),
            ("ecap.code", letter.reject.code.as_str()),
            ("ecap.reason", &letter.reject.reason),
            ("ecap.consumer", &self.consumer),
        ];
        let mut headers = headers.map(|(name, value)| (name, value.as_bytes())).to_vec();
        let line = record.in_file.map(|at| at.line.to_string());
        if let (Some(at), Some(line)) = (record.in_file, &line) {
            headers.extend([("ecap.file", at.file.as_bytes()), ("ecap.line", line.as_bytes())]);
        }
        let (key, value, time) = (record.key, record.value, record.timestamp);
        producer.send(Outgoing { key, value, headers: &headers, time, line: record.offset.unsigned_abs() })
    }

    fn settle(&mut self) -> Result<()> {
        for (topic, producer) in &self.producers {
            producer.settle();
            if let Some(lost) = producer.take_undelivered().first() {
                let (offset, reason) = (lost.record.line, &lost.reason);
                let message =
                    format!("a dead letter of topic {topic}, offset {offset}, was not taken: {reason}");
                return Err(Error::failed(message).hint("nothing is lost: the query has not moved on"));
            }
        }
        Ok(())
    }
}

/// Late records in topics of their own, other dead letters elsewhere or nowhere.
pub struct LateApart {
    /// Where late records go.
    pub late: ToTopics,
    /// Where the others go; without a place they are counted only.
    pub others: Option<Box<dyn DeadLetters>>,
}

impl DeadLetters for LateApart {
    fn put(&mut self, letter: &DeadLetter<'_>) -> Result<()> {
        match (&mut self.others, letter.reject.code) {
            (_, Code::Late) => self.late.put(letter),
            (Some(others), _) => others.put(letter),
            (None, _) => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<()> {
        self.late.settle()?;
        self.others.as_mut().map_or(Ok(()), |others| others.settle())
    }
}

/// Dead letters in a file.
pub struct ToFile {
    path: PathBuf,
    file: BufWriter<File>,
    clock: Arc<dyn Clock>,
    consumer: String,
}

/// A line of the file. Bytes that are not UTF-8 stand in hexadecimal digits.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    timestamp: String,
    #[serde(flatten)]
    key: Bytes<'a>,
    #[serde(flatten)]
    value: Bytes<'a>,
    stage: &'a str,
    #[serde(serialize_with = "code")]
    code: Code,
    reason: &'a str,
    consumer: &'a str,
    refused_at: String,
}

/// Bytes as a field: `name` where they are text, `name_hex` where they are not, null where there are none.
struct Bytes<'a>(&'static str, &'static str, Option<&'a [u8]>);

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let Self(name, hex, bytes) = self;
        let mut map = serializer.serialize_map(Some(1))?;
        match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => map.serialize_entry(name, &None::<&str>)?,
            Some((_, Ok(text))) => map.serialize_entry(name, text)?,
            Some((bytes, Err(_))) => {
                let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                map.serialize_entry(hex, &digits)?;
            }
        }
        map.end()
    }
}

fn code<S: serde::Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

impl ToFile {
    /// Adds to the file at `path`.
    ///
    /// # Errors
    /// A usage error when it cannot be opened.
    pub fn new(path: &Path, clock: Arc<dyn Clock>, consumer: &str) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
            Error::usage(format!("cannot write the dead letters to {}: {error}", path.display()))
        })?;
        Ok(Self { path: path.into(), file: BufWriter::new(file), clock, consumer: consumer.into() })
    }

    fn written(&self, result: std::io::Result<()>) -> Result<()> {
        result.map_err(|error| {
            let message = format!("cannot write the dead letters to {}: {error}", self.path.display());
            Error::failed(message).hint("nothing is lost: the query has not moved on")
        })
    }
}

impl DeadLetters for ToFile {
    fn put(&mut self, letter: &DeadLetter<'_>) -> Result<()> {
        let now: Micros = self.clock.now();
        let line = Line {
            topic: letter.topic,
            partition: letter.record.partition,
            offset: letter.record.offset,
            file: letter.record.in_file.map(|at| &*at.file),
            line: letter.record.in_file.map(|at| at.line),
            timestamp: format_rfc3339(letter.record.timestamp),
            key: Bytes("key", "key_hex", letter.record.key),
            value: Bytes("value", "value_hex", letter.record.value),
            stage: letter.stage.as_str(),
            code: letter.reject.code,
            reason: &letter.reject.reason,
            consumer: &self.consumer,
            refused_at: format_rfc3339(now),
        };
        let text = serde_json::to_string(&line).map_err(|error| Error::failed(error.to_string()))?;
        let result = writeln!(self.file, "{text}");
        self.written(result)
    }

    fn settle(&mut self) -> Result<()> {
        let result = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        self.written(result)
    }
}
