//! `ecap-gen describe`: what a file of records holds.

use crate::catalog::{Catalog, Record, Topic};
use crate::cli::output::{self, OutputArgs, Show, Table};
use crate::clock::Micros;
use crate::generate::{Format, Kind};
use crate::produce::{Checker, FileKind, Header, Next, Row};
use crate::units::{format_count, format_rfc3339, format_time, parse_time};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `ecap-gen describe` is asked for.
#[derive(clap::Args, Debug)]
pub struct DescribeArgs {
    /// A file of records
    file: PathBuf,
    /// The topic that they are for [default: by the file's name]
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// The form of the file [default: by its ending]
    #[arg(long, value_enum, value_name = "FORMAT")]
    file_format: Option<Format>,
}

/// What a file holds. It is shown as JSON in this form.
#[derive(Debug, Default, Serialize)]
struct Description {
    topic: String,
    /// Rows that are records of the topic.
    rows: u64,
    /// Rows that say that a key is gone.
    tombstones: u64,
    /// Rows that are not, by the code of the reason.
    refused: BTreeMap<String, u64>,
    /// The first and the last event time.
    first: Option<String>,
    last: Option<String>,
    /// Records per second of event time.
    rows_per_second: Option<f64>,
    /// Rows whose event time is before that of the row before.
    out_of_order: u64,
    /// The share of rows in which a column is null or not there, where there are such rows.
    nulls: BTreeMap<String, f64>,
    /// The column of categories.
    category: Option<String>,
    /// How many rows each category has.
    categories: BTreeMap<String, u64>,
    /// How many rows happen in each hour of the day, UTC.
    hours: BTreeMap<String, u64>,
    #[serde(skip)]
    times: Option<(Micros, Micros, Micros)>,
}

/// Describes a file.
///
/// # Errors
/// A usage error when the file cannot be read, or it is not known what it holds.
pub fn run(args: &DescribeArgs, catalog: &Catalog, shown: &OutputArgs) -> Result<()> {
    let topic = topic(args, catalog)?;
    let record =
        topic.record.as_ref().ok_or_else(|| Error::usage(format!("'{}' has no schema", topic.name)))?;
    let kind = FileKind::asked(&args.file, args.file_format)?;
    let mut source = kind.open(&args.file, topic, Header::Whole, Checker::new)?;
    let category = record.roles.category.clone();
    let mut description = Description { topic: topic.name.clone(), category, ..Description::default() };
    let mut row = Row::default();
    loop {
        match source.next(&mut row)? {
            Next::Row if row.is_tombstone() => description.tombstones += 1,
            Next::Row => description.add(&row.value, record),
            Next::Bad(problem) => *description.refused.entry(problem.code.to_string()).or_default() += 1,
            Next::End => break,
        }
    }
    description.finish();
    output::show(&description, shown)
}

/// The topic that was named, or the one whose name the file's begins with.
fn topic<'a>(args: &DescribeArgs, catalog: &'a Catalog) -> Result<&'a Topic> {
    if let Some(name) = &args.topic {
        return catalog.topic(name);
    }
    let name = args.file.file_stem().and_then(|name| name.to_str()).unwrap_or_default().replace('_', "-");
    let kind = Kind::ALL.iter().find(|kind| name.starts_with(kind.topic())).ok_or_else(|| {
        Error::usage(format!("whose records {} holds does not show in its name", args.file.display()))
            .hint("say it with --topic transactions")
    })?;
    catalog.topic(kind.topic())
}

impl Description {
    fn add(&mut self, value: &[u8], record: &Record) {
        let Ok(object) = serde_json::from_slice::<Map<String, Value>>(value) else { return };
        self.rows += 1;
        for field in &record.schema.fields {
            if object.get(&field.name).is_none_or(Value::is_null) {
                *self.nulls.entry(field.name.clone()).or_default() += 1.0;
            }
        }
        if let Some(category) = self.category.as_ref().and_then(|name| object.get(name)?.as_str()) {
            count(&mut self.categories, category);
        }
        // Of records whose event time is their arrival, the time in history.
        let column = record.roles.happened.as_ref().unwrap_or(&record.time);
        let time = object.get(column).and_then(|time| match time {
            Value::String(text) => parse_time(text).ok(),
            other => other.as_i64().map(|millis| millis.saturating_mul(1_000)),
        });
        if let Some(time) = time {
            self.add_time(time);
        }
    }

    fn add_time(&mut self, time: Micros) {
        let (first, last, before) = self.times.unwrap_or((time, time, time));
        self.out_of_order += u64::from(time < before);
        self.times = Some((first.min(time), last.max(time), time));
        count(&mut self.hours, &format!("{:02}:00", time.rem_euclid(DAY) / HOUR));
    }

    fn finish(&mut self) {
        let rows = self.rows as f64;
        self.nulls.values_mut().for_each(|nulls| *nulls /= rows);
        if let Some((first, last, _)) = self.times {
            (self.first, self.last) = (Some(format_rfc3339(first)), Some(format_rfc3339(last)));
            let seconds = (last - first) as f64 / 1e6;
            self.rows_per_second = (seconds > 0.0).then(|| (rows / seconds * 1e3).round() / 1e3);
        }
    }
}

const HOUR: Micros = 3_600_000_000;
const DAY: Micros = 24 * HOUR;

fn count(rows: &mut BTreeMap<String, u64>, of: &str) {
    match rows.get_mut(of) {
        Some(rows) => *rows += 1,
        None => drop(rows.insert(of.to_owned(), 1)),
    }
}

impl Show for Description {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["what", "value", ""]);
        let mut row = |what: &str, value: String| table.row([what.to_owned(), value, String::new()]);
        row("topic", self.topic.clone());
        row("rows", format_count(self.rows));
        if self.tombstones > 0 {
            row("tombstones", format_count(self.tombstones));
        }
        for (code, rows) in &self.refused {
            row(&format!("refused: {code}"), format_count(*rows));
        }
        if let Some((first, last, _)) = self.times {
            row("first event", format_time(first));
            row("last event", format_time(last));
        }
        if let Some(rate) = self.rows_per_second {
            row("rows per second", format!("{rate}"));
        }
        row("earlier than the row before", format_count(self.out_of_order));
        for (column, share) in &self.nulls {
            row(&format!("null: {column}"), format!("{:.2}%", share * 100.0));
        }
        for histogram in [&self.categories, &self.hours] {
            let most = histogram.values().copied().max().unwrap_or(1);
            for (name, rows) in histogram {
                let bar = "█".repeat((rows * 30).div_ceil(most) as usize);
                table.row([name.clone(), format!("{:.2}%", *rows as f64 * 100.0 / self.rows as f64), bar]);
            }
        }
        table
    }
}
