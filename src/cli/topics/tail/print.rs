//! A stream of records in every format.

use crate::Result;
use crate::cli::output::{self, Format, Show, Table};
use crate::kafka::tail::Record;
use crate::units::{format_rfc3339, format_time};
use serde::Serialize;
use serde_json::Value;

/// Text is collected up to this size before it is written, in bytes.
const CHUNK: usize = 64 * 1024;

/// Writes records to standard output, many at a time while they come fast.
pub struct Printer {
    format: Format,
    text: String,
    headed: bool,
}

impl Printer {
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new(), headed: false }
    }

    /// Adds a record; it is seen at the latest after [`Self::flush`].
    pub fn show(&mut self, record: &Record) -> Result<()> {
        let line = Line::from(record);
        match self.format {
            Format::Table => self.text += &line.for_people(),
            Format::Wide => self.text += &line.in_one_line(),
            Format::Json => self.text += &(output::to_json(&line)? + "\n"),
            Format::Yaml => self.text += &format!("---\n{}", output::render(&line, Format::Yaml)?),
            Format::Csv => {
                let text = output::render(&line, Format::Csv)?;
                let headed = std::mem::replace(&mut self.headed, true);
                self.text += if headed { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
            }
        }
        if self.text.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Writes what was collected.
    pub fn flush(&mut self) -> Result<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() { Ok(()) } else { output::print(&text) }
    }
}

/// A record as it is shown.
#[derive(Debug, Serialize)]
struct Line {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp: Option<String>,
    timestamp_ms: Option<i64>,
    key: Option<String>,
    value: Value,
    headers: Vec<Header>,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    value: String,
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let value = record.value.as_deref().map_or(Value::Null, |bytes| {
            serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(text(bytes)))
        });
        let headers = record.headers.iter();
        Self {
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            timestamp: record.time.map(format_rfc3339),
            timestamp_ms: record.time.map(|time| time.div_euclid(1_000)),
            key: record.key.as_deref().map(text),
            value,
            headers: headers.map(|(name, value)| Header { name: name.clone(), value: text(value) }).collect(),
        }
    }
}

impl Line {
    fn time(&self) -> String {
        self.timestamp_ms.map_or_else(|| "no timestamp".into(), |millis| format_time(millis * 1_000))
    }

    fn value(&self, pretty: bool) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            value if pretty => format!("{value:#}"),
            value => value.to_string(),
        }
    }

    fn headers(&self) -> String {
        self.headers
            .iter()
            .map(|header| format!("{}={}", header.name, header.value))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn for_people(&self) -> String {
        let Self { partition, offset, .. } = self;
        let key = self.key.as_ref().map_or_else(String::new, |key| format!(" · key {key}"));
        let headers = if self.headers.is_empty() { String::new() } else { format!(" · {}", self.headers()) };
        format!(
            "partition {partition} · offset {offset} · {}{key}{headers}\n{}\n",
            self.time(),
            self.value(true)
        )
    }

    fn in_one_line(&self) -> String {
        let key = self.key.as_deref().unwrap_or("-");
        format!("{}\t{}\t{}\t{key}\t{}\n", self.partition, self.offset, self.time(), self.value(false))
    }
}

impl Show for Line {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "partition", "offset", "timestamp", "key", "value", "headers"]);
        table.row([
            self.topic.clone(),
            self.partition.to_string(),
            self.offset.to_string(),
            self.timestamp.clone().unwrap_or_default(),
            self.key.clone().unwrap_or_default(),
            self.value(false),
            self.headers(),
        ]);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Option<&str>) -> Record {
        Record {
            topic: "t".into(),
            partition: 1,
            offset: 7,
            time: Some(1_753_610_889_123_000),
            key: Some(b"k".to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: vec![("source".into(), b"test".to_vec())],
        }
    }

    fn json(value: Option<&str>) -> String {
        output::to_json(&Line::from(&record(value))).expect("serialises")
    }

    #[test]
    fn a_json_line_has_the_record_and_its_value_parsed() {
        assert_eq!(
            json(Some("{\"b\": 1.50, \"a\": [null]}")),
            "{\"topic\":\"t\",\"partition\":1,\"offset\":7,\"timestamp\":\"2025-07-27T10:08:09.123Z\",\
             \"timestamp_ms\":1753610889123,\"key\":\"k\",\"value\":{\"b\":1.5,\"a\":[null]},\
             \"headers\":[{\"name\":\"source\",\"value\":\"test\"}]}"
        );
    }

    #[test]
    fn what_is_not_json_is_text_and_a_tombstone_is_null() {
        assert!(json(Some("not json")).contains("\"value\":\"not json\""));
        assert!(json(None).contains("\"value\":null"));
    }

    #[test]
    fn people_see_json_over_several_lines() {
        let text = Line::from(&record(Some("{\"a\":1}"))).for_people();
        assert_eq!(
            text,
            "partition 1 · offset 7 · 2025-07-27 10:08:09.123 · key k · source=test\n{\n  \"a\": 1\n}\n"
        );
    }
}
