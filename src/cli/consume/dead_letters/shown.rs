//! How dead letters are shown.

use crate::cli::output::{Show, Table};
use crate::dead_letters::{Group, Summary};
use crate::record::letter::Letter;
use crate::record::letter::text::hex;
use crate::units::{format_count, format_rfc3339};
use serde::Serialize;

/// Letters by topic, stage and code.
#[derive(Debug, Serialize)]
pub struct Listing {
    letters: u64,
    groups: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    topic: String,
    stage: String,
    code: String,
    letters: u64,
    first: Option<String>,
    last: Option<String>,
}

impl From<Summary> for Listing {
    fn from(summary: Summary) -> Self {
        let listed = |((topic, stage, code), group): (_, Group)| Listed {
            topic,
            stage,
            code,
            letters: group.letters,
            first: group.first.map(format_rfc3339),
            last: group.last.map(format_rfc3339),
        };
        Self { letters: summary.letters, groups: summary.groups.into_iter().map(listed).collect() }
    }
}

impl Show for Listing {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "stage", "code", "letters", "first", "last"]);
        for group in &self.groups {
            let (letters, time) = (format_count(group.letters), |time: &Option<String>| time.clone());
            let (first, last) = (time(&group.first), time(&group.last));
            table.row([
                group.topic.clone(),
                group.stage.clone(),
                group.code.clone(),
                letters,
                first.unwrap_or_default(),
                last.unwrap_or_default(),
            ]);
        }
        table
    }
}

/// Letters by code, and by hour and code.
#[derive(Debug, Serialize)]
pub struct Stats {
    letters: u64,
    codes: Vec<Share>,
    hours: Vec<Share>,
}

/// Letters of a code.
#[derive(Debug, Serialize)]
struct Share {
    /// When the hour begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    hour: Option<String>,
    code: String,
    letters: u64,
    /// Of all letters, or of those of the hour.
    share: f64,
}

impl From<Summary> for Stats {
    fn from(summary: Summary) -> Self {
        let share = |letters: u64, all: u64| letters as f64 / all as f64;
        let code = |(code, letters): (&String, &u64)| Share {
            hour: None,
            code: code.clone(),
            letters: *letters,
            share: share(*letters, summary.letters),
        };
        let hour = |((hour, code), letters): (&(Option<_>, String), &u64)| Share {
            hour: Some(hour.map_or_else(|| "unknown".into(), format_rfc3339)),
            code: code.clone(),
            letters: *letters,
            share: share(*letters, summary.of_hour(*hour)),
        };
        let (codes, hours) = (summary.codes.iter().map(code), summary.hours.iter().map(hour));
        Self { letters: summary.letters, codes: codes.collect(), hours: hours.collect() }
    }
}

impl Show for Stats {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["hour", "code", "letters", "share"]);
        for share in self.codes.iter().chain(&self.hours) {
            table.row([
                share.hour.clone().unwrap_or_else(|| "all".into()),
                share.code.clone(),
                format_count(share.letters),
                format!("{:.1}%", share.share * 100.0),
            ]);
        }
        table
    }
}

/// Letters in full.
#[derive(Debug, Default, Serialize)]
pub struct Letters {
    letters: Vec<Full>,
    /// How many there are besides.
    pub more: u64,
}

#[derive(Debug, Serialize)]
struct Full {
    topic: String,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<i64>,
    stage: String,
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    reason: String,
    #[serde(flatten)]
    key: Bytes,
    #[serde(flatten)]
    value: Bytes,
    consumer: Option<String>,
    query: Option<String>,
    batch: Option<i64>,
    refused_at: Option<String>,
}

/// Bytes under their name: `value` where they are text or none, `value_hex` where they are not.
#[derive(Debug)]
struct Bytes {
    name: &'static str,
    bytes: Option<Result<String, String>>,
}

impl Bytes {
    fn new(name: &'static str, bytes: Option<&[u8]>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| hex(bytes));
        Self { name, bytes: bytes.map(text) }
    }

    /// For a terminal, which would act on what a record tells it.
    fn cell(&self) -> String {
        let acts = |letter: char| letter.is_control() && !"\n\t".contains(letter);
        match &self.bytes {
            None => String::new(),
            Some(Ok(text)) if text.contains(acts) => format!("0x{}", hex(text.as_bytes())),
            Some(Ok(text)) => text.clone(),
            Some(Err(digits)) => format!("0x{digits}"),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        match &self.bytes {
            None => map.serialize_entry(self.name, &None::<&str>)?,
            Some(Ok(text)) => map.serialize_entry(self.name, text)?,
            Some(Err(digits)) => map.serialize_entry(&format!("{}_hex", self.name), digits)?,
        }
        map.end()
    }
}

impl Letters {
    /// Adds a letter, unless so many are there.
    pub fn add(&mut self, letter: &Letter<'_>, limit: u64) {
        if self.letters.len() as u64 >= limit {
            self.more += 1;
            return;
        }
        let text = |text: Option<&str>| text.map(str::to_string);
        self.letters.push(Full {
            topic: letter.topic.into(),
            partition: letter.partition,
            offset: letter.offset,
            timestamp: letter.timestamp.map(format_rfc3339),
            file: text(letter.file),
            line: letter.line,
            stage: letter.stage.into(),
            code: letter.code.into(),
            column: text(letter.column),
            reason: letter.reason.into(),
            key: Bytes::new("key", letter.key),
            value: Bytes::new("value", letter.value),
            consumer: text(letter.consumer),
            query: text(letter.query),
            batch: letter.batch,
            refused_at: letter.refused_at.map(format_rfc3339),
        });
    }
}

/// The columns of a table; the last six stand in a wide one only.
const HEADINGS: [&str; 15] = [
    "topic",
    "partition",
    "offset",
    "time",
    "stage",
    "code",
    "reason",
    "key",
    "value",
    "file",
    "column",
    "consumer",
    "query",
    "batch",
    "refused at",
];

impl Show for Letters {
    fn table(&self, wide: bool) -> Table {
        let shown = if wide { HEADINGS.len() } else { HEADINGS.len() - 6 };
        let mut table = Table::new(HEADINGS[..shown].iter().copied());
        for letter in &self.letters {
            table.row(letter.cells().into_iter().take(shown));
        }
        table
    }
}

impl Full {
    fn cells(&self) -> [String; 15] {
        let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let file = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (file, _) => text(file),
        };
        [
            self.topic.clone(),
            number(self.partition.map(i64::from)),
            number(self.offset),
            text(&self.timestamp),
            self.stage.clone(),
            self.code.clone(),
            self.reason.clone(),
            self.key.cell(),
            self.value.cell(),
            file,
            text(&self.column),
            text(&self.consumer),
            text(&self.query),
            number(self.batch),
            text(&self.refused_at),
        ]
    }
}
