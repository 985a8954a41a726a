//! A dead letter as a record of a topic: key, value and time are the record's own, the rest is in headers.

use super::producer::{Outgoing, Producer};
use super::tail::Record;
use crate::Result;
use crate::record::letter::Letter;
use crate::units::{format_rfc3339, parse_time};

/// Sends a letter; `line` is given back where it is not taken.
///
/// # Errors
/// When the client cannot go on.
pub fn send(producer: &mut Producer, letter: &Letter<'_>, line: u64) -> Result<()> {
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let (partition, offset) = (number(letter.partition.map(i64::from)), number(letter.offset));
    let (batch, in_file) = (number(letter.batch), number(letter.line));
    let time = letter.timestamp.or(letter.refused_at).unwrap_or_default();
    let [timestamp, refused_at] = [letter.timestamp, letter.refused_at].map(|time| time.map(format_rfc3339));
    let all = [
        ("ecap.topic", Some(letter.topic)),
        ("ecap.partition", partition.as_deref()),
        ("ecap.offset", offset.as_deref()),
        ("ecap.timestamp", timestamp.as_deref()),
        ("ecap.stage", Some(letter.stage)),
        ("ecap.code", Some(letter.code)),
        ("ecap.column", letter.column),
        ("ecap.reason", Some(letter.reason)),
        ("ecap.consumer", letter.consumer),
        ("ecap.query", letter.query),
        ("ecap.batch", batch.as_deref()),
        ("ecap.refused_at", refused_at.as_deref()),
        ("ecap.file", letter.file),
        ("ecap.line", in_file.as_deref()),
    ];
    let headers = all.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.as_bytes())));
    let headers: Vec<_> = headers.collect();
    producer.send(Outgoing { key: letter.key, value: letter.value, headers: &headers, time, line })
}

/// A record as the letter that it is; none where it has not the headers of one.
pub fn letter(record: &Record) -> Option<Letter<'_>> {
    let header = |name: &str| {
        let (_, value) = record.headers.iter().find(|(own, _)| own == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    };
    let time = |name: &str| parse_time(header(name)?).ok();
    Some(Letter {
        topic: header("ecap.topic")?,
        partition: header("ecap.partition").and_then(|text| text.parse().ok()),
        offset: header("ecap.offset").and_then(|text| text.parse().ok()),
        timestamp: time("ecap.timestamp").or(record.time),
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        file: header("ecap.file"),
        line: header("ecap.line").and_then(|text| text.parse().ok()),
        stage: header("ecap.stage").unwrap_or_default(),
        code: header("ecap.code")?,
        column: header("ecap.column"),
        reason: header("ecap.reason").unwrap_or_default(),
        consumer: header("ecap.consumer"),
        query: header("ecap.query"),
        batch: header("ecap.batch").and_then(|text| text.parse().ok()),
        refused_at: time("ecap.refused_at"),
    })
}
