//! A stream of records in every format.

use super::template::Template;
use super::text::{self, Layout, Seen};
use crate::cli::output::{self, Format};
use crate::clock::Micros;
use crate::kafka::tail::{Header, Message, Record};
use crate::units::{format_rfc3339, format_time};
use crate::{Error, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::io::Write;

/// What is shown is collected up to this size before it is written, in bytes.
const CHUNK: usize = 64 * 1024;

/// What a CSV's columns are called.
const HEADINGS: [&str; 7] = ["topic", "partition", "offset", "timestamp", "key", "value", "headers"];

/// How each record is shown.
#[derive(Debug, Clone)]
pub enum Style {
    /// In one of the formats of all results.
    Format(Format),
    /// By a form of the user's own.
    Template(Template),
}

/// A record as it is shown, borrowed from the client's buffer.
#[derive(Debug, Clone)]
pub struct View<'a> {
    pub partition: i32,
    pub offset: i64,
    /// Its timestamp in milliseconds, if it has one.
    pub millis: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Vec<Header<'a>>,
}

impl<'a> View<'a> {
    fn of(message: &'a Message, with_headers: bool) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            millis: message.timestamp(),
            key: message.key(),
            value: message.value(),
            headers: if with_headers { message.headers() } else { Vec::new() },
        }
    }

    /// `name=value` for each header, with `between` between them.
    pub fn headers_into(&self, out: &mut Vec<u8>, between: &str) {
        for (number, (name, value)) in self.headers.iter().enumerate() {
            if number > 0 {
                out.extend_from_slice(between.as_bytes());
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            match value {
                Some(bytes) => plain(bytes, out),
                None => out.extend_from_slice(b"NULL"),
            }
        }
    }
}

impl<'a> From<&'a Record> for View<'a> {
    fn from(record: &'a Record) -> Self {
        let headers = record.headers.iter();
        Self {
            partition: record.partition,
            offset: record.offset,
            millis: record.time.map(|time| time.div_euclid(1_000)),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: headers.map(|(name, value)| (Cow::Borrowed(&**name), value.as_deref())).collect(),
        }
    }
}

/// Writes records to standard output, many at a time while they come fast.
pub struct Printer {
    style: Style,
    topic: String,
    out: Vec<u8>,
    headed: bool,
    wants_headers: bool,
    time: LastTime,
}

/// The time of the last record as text: records that come fast share milliseconds.
#[derive(Default)]
struct LastTime {
    millis: i64,
    text: String,
}

impl LastTime {
    fn of(&mut self, millis: i64, form: fn(Micros) -> String) -> &str {
        if self.text.is_empty() || self.millis != millis {
            *self = Self { millis, text: form(millis.saturating_mul(1_000)) };
        }
        &self.text
    }
}

impl Printer {
    pub fn new(style: Style, topic: &str) -> Self {
        let wants_headers = match &style {
            Style::Format(_) => true,
            Style::Template(template) => template.wants_headers(),
        };
        let time = LastTime::default();
        Self { style, topic: topic.into(), out: Vec::new(), headed: false, wants_headers, time }
    }

    /// Adds a record that was just read.
    #[inline]
    pub fn show_message(&mut self, message: &Message) -> Result<()> {
        self.show(&View::of(message, self.wants_headers))
    }

    /// Adds a record; it is seen at the latest after [`Self::flush`].
    pub fn show(&mut self, record: &View<'_>) -> Result<()> {
        let Self { style, topic, out, headed, time, .. } = self;
        let time = move |form| record.millis.map(move |millis| time.of(millis, form));
        match style {
            Style::Template(template) => template.write(topic, record, out),
            Style::Format(Format::Table) => for_people(record, time(format_time), out),
            Style::Format(Format::Wide) => in_one_line(record, time(format_time), out),
            Style::Format(Format::Json) => {
                json(topic, record, time(format_rfc3339), out)?;
                out.push(b'\n');
            }
            Style::Format(Format::Yaml) => yaml(topic, record, time(format_rfc3339), out)?,
            Style::Format(Format::Csv) => {
                let with_heading = !std::mem::replace(headed, true);
                csv(topic, record, time(format_rfc3339), with_heading, out)?;
            }
        }
        if out.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Writes what was collected.
    pub fn flush(&mut self) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = output::write(&self.out);
        self.out.clear();
        written
    }
}

/// Text as it is, bytes as digits.
fn plain(bytes: &[u8], out: &mut Vec<u8>) {
    match Seen::text(bytes) {
        Seen::Json(text) | Seen::Text(text) => out.extend_from_slice(text.as_bytes()),
        Seen::Binary(bytes) => text::hex(bytes, out),
    }
}

fn value(record: &View<'_>, layout: Layout, out: &mut Vec<u8>) {
    match record.value.map(Seen::value) {
        None => out.extend_from_slice(b"(tombstone)"),
        Some(Seen::Json(json)) => text::write(json, layout, out),
        Some(Seen::Text(text)) => out.extend_from_slice(text.as_bytes()),
        Some(Seen::Binary(bytes)) => text::hex(bytes, out),
    }
}

const NO_TIME: &str = "no timestamp";

fn for_people(record: &View<'_>, time: Option<&str>, out: &mut Vec<u8>) {
    let time = time.unwrap_or(NO_TIME);
    // Writing to memory does not fail.
    let _ = write!(out, "partition {} · offset {} · {time}", record.partition, record.offset);
    if let Some(key) = record.key {
        out.extend_from_slice(" · key ".as_bytes());
        plain(key, out);
    }
    if !record.headers.is_empty() {
        out.extend_from_slice(" · ".as_bytes());
        record.headers_into(out, " ");
    }
    out.push(b'\n');
    value(record, Layout::Pretty, out);
    out.push(b'\n');
}

fn in_one_line(record: &View<'_>, time: Option<&str>, out: &mut Vec<u8>) {
    let _ = write!(out, "{}\t{}\t{}\t", record.partition, record.offset, time.unwrap_or(NO_TIME));
    plain(record.key.unwrap_or(b"-"), out);
    out.push(b'\t');
    value(record, Layout::Line, out);
    if !record.headers.is_empty() {
        out.push(b'\t');
        record.headers_into(out, " ");
    }
    out.push(b'\n');
}

/// The envelope; `binary` names what is shown in digits, and only a tombstone says that it is one.
fn json(topic: &str, record: &View<'_>, time: Option<&str>, out: &mut Vec<u8>) -> Result<()> {
    let mut binary = Vec::new();
    out.extend_from_slice(b"{\"topic\":");
    quoted(topic, out)?;
    let _ = write!(out, ",\"partition\":{},\"offset\":{}", record.partition, record.offset);
    match record.millis.zip(time) {
        Some((millis, time)) => {
            let _ = write!(out, ",\"timestamp\":\"{time}\",\"timestamp_ms\":{millis}");
        }
        None => out.extend_from_slice(b",\"timestamp\":null,\"timestamp_ms\":null"),
    }
    out.extend_from_slice(b",\"key\":");
    if json_part(record.key.map(Seen::text), out)? {
        binary.push("key");
    }
    out.extend_from_slice(b",\"value\":");
    if json_part(record.value.map(Seen::value), out)? {
        binary.push("value");
    }
    out.extend_from_slice(b",\"headers\":[");
    for (number, (name, value)) in record.headers.iter().enumerate() {
        out.extend_from_slice(if number > 0 { b",{\"name\":" } else { b"{\"name\":" });
        quoted(name, out)?;
        out.extend_from_slice(b",\"value\":");
        if json_part(value.map(Seen::text), out)? && !binary.contains(&"headers") {
            binary.push("headers");
        }
        out.push(b'}');
    }
    out.push(b']');
    if record.value.is_none() {
        out.extend_from_slice(b",\"tombstone\":true");
    }
    if !binary.is_empty() {
        out.extend_from_slice(b",\"binary\":");
        serde_json::to_writer(&mut *out, &binary).map_err(unwritten)?;
    }
    out.push(b'}');
    Ok(())
}

/// Writes a part of the envelope; whether it is shown in digits.
fn json_part(seen: Option<Seen<'_>>, out: &mut Vec<u8>) -> Result<bool> {
    match seen {
        None => out.extend_from_slice(b"null"),
        Some(Seen::Json(json)) => text::write(json, Layout::Line, out),
        Some(Seen::Text(text)) => quoted(text, out)?,
        Some(Seen::Binary(bytes)) => {
            out.push(b'"');
            text::hex(bytes, out);
            out.push(b'"');
            return Ok(true);
        }
    }
    Ok(false)
}

fn quoted(text: &str, out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, text).map_err(unwritten)
}

fn yaml(topic: &str, record: &View<'_>, time: Option<&str>, out: &mut Vec<u8>) -> Result<()> {
    let mut line = Vec::new();
    json(topic, record, time, &mut line)?;
    let line: Value = serde_json::from_slice(&line).map_err(unwritten)?;
    let text = serde_saphyr::to_string(&line).map_err(unwritten)?;
    let _ = write!(out, "---\n{text}");
    Ok(())
}

fn csv(
    topic: &str,
    record: &View<'_>,
    time: Option<&str>,
    with_heading: bool,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut cells: [Vec<u8>; 7] = Default::default();
    let texts = [topic.into(), record.partition.to_string(), record.offset.to_string()];
    for (cell, text) in cells.iter_mut().zip(texts.into_iter().chain(time.map(Into::into))) {
        *cell = text.into_bytes();
    }
    plain(record.key.unwrap_or_default(), &mut cells[4]);
    if record.value.is_some() {
        value(record, Layout::Line, &mut cells[5]);
    }
    record.headers_into(&mut cells[6], " ");
    let mut writer = csv::Writer::from_writer(out);
    if with_heading {
        writer.write_record(HEADINGS).map_err(unwritten)?;
    }
    writer.write_record(&cells).and_then(|()| writer.flush().map_err(Into::into)).map_err(unwritten)
}

fn unwritten(error: impl std::fmt::Display) -> Error {
    Error::failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: Option<&str>) -> View<'_> {
        View {
            partition: 1,
            offset: 7,
            millis: Some(1_753_610_889_123),
            key: Some(b"k"),
            value: value.map(str::as_bytes),
            headers: vec![("source".into(), Some(b"test"))],
        }
    }

    fn line(record: &View<'_>) -> String {
        let mut out = Vec::new();
        json("t", record, Some("2025-07-27T10:08:09.123Z"), &mut out).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_json_line_has_the_record_and_its_value_as_it_was_written() {
        assert_eq!(
            line(&record(Some("{\"b\": 1.50, \"a\": [null]}"))),
            "{\"topic\":\"t\",\"partition\":1,\"offset\":7,\"timestamp\":\"2025-07-27T10:08:09.123Z\",\
             \"timestamp_ms\":1753610889123,\"key\":\"k\",\"value\":{\"b\":1.50,\"a\":[null]},\
             \"headers\":[{\"name\":\"source\",\"value\":\"test\"}]}"
        );
    }

    #[test]
    fn what_is_not_json_is_text_and_only_a_tombstone_is_one() {
        assert!(line(&record(Some("not json"))).contains("\"value\":\"not json\""));
        assert!(!line(&record(Some("null"))).contains("tombstone"));
        let tombstone = line(&record(None));
        assert!(tombstone.contains("\"value\":null") && tombstone.contains("\"tombstone\":true"));
    }

    #[test]
    fn bytes_are_digits_and_the_envelope_names_them() {
        let mut record = record(None);
        record.key = Some(b"\x01");
        record.value = Some(b"\xff\x00");
        record.headers = vec![("h".into(), Some(b"\x02")), ("n".into(), None)];
        let line = line(&record);
        for part in [
            "\"key\":\"0x01\"",
            "\"value\":\"0xff00\"",
            "{\"name\":\"h\",\"value\":\"0x02\"},{\"name\":\"n\",\"value\":null}",
            "\"binary\":[\"key\",\"value\",\"headers\"]",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }

    #[test]
    fn people_see_json_over_several_lines_and_csv_has_one_heading() {
        let mut out = Vec::new();
        for_people(&record(Some("{\"a\":1}")), Some("2025-07-27 10:08:09.123"), &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "partition 1 · offset 7 · 2025-07-27 10:08:09.123 · key k · source=test\n{\n  \"a\": 1\n}\n"
        );
        out.clear();
        for first in [true, false] {
            let time = Some("2025-07-27T10:08:09.123Z");
            csv("t", &record(Some("a,\"b\"")), time, first, &mut out).expect("written");
        }
        let row = "t,1,7,2025-07-27T10:08:09.123Z,k,\"a,\"\"b\"\"\",source=test\n";
        let heading = "topic,partition,offset,timestamp,key,value,headers\n";
        assert_eq!(String::from_utf8_lossy(&out), format!("{heading}{row}{row}"));
    }
}
