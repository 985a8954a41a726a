//! `ecap-topics test-produce`

use super::complete;
use super::session::Session;
use crate::catalog::Record;
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::clock::{Clock, Micros, SystemClock};
use crate::kafka::single::{self, Written};
use crate::record::decode::Decoder;
use crate::record::schema::{Field, Schema, Type};
use crate::units::{format_rfc3339, format_time};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::Read;

/// Write one message to a topic and show where it went
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A message that does not match the topic's schema is sent all the same, with a warning for each \
    problem: this is a test. Without a message, one is made up that matches.\n\n\
    Examples:\n  ecap-topics test-produce transactions\n  \
    ecap-topics test-produce customer-transactions '{\"customer_id\": \"C1\"}' --header source=test\n  \
    echo '{}' | ecap-topics test-produce transactions - --validate"
)]
pub struct Args {
    /// The topic
    #[arg(add = complete::topics())]
    topic: String,
    /// The message; - reads it from standard input
    message: Option<String>,
    /// The key, in place of the one that the catalog's field gives
    #[arg(short, long)]
    key: Option<String>,
    /// A header, repeatable
    #[arg(short = 'H', long, value_name = "NAME=VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Refuse a message that does not match the topic's schema (exit code 5)
    #[arg(long)]
    validate: bool,
}

#[derive(Debug, Serialize)]
struct Produced {
    #[serde(flatten)]
    written: Written,
    timestamp: String,
    key: Option<String>,
    problems: Vec<String>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let topic = &session.topic(&args.topic)?.name;
    let now = SystemClock.now();
    let record = session.settings.catalog.topic(topic).ok().and_then(|topic| topic.record.as_ref());
    let message = message(args.message.as_deref(), record, now)?;
    let problems = record.map_or_else(Vec::new, |record| problems(record, &message));
    if args.validate && !problems.is_empty() {
        return Err(Error::data(format!("not sent to '{topic}': {}", problems.join("; "))));
    }
    for problem in &problems {
        output::note(&format!("warning: {problem}"));
    }
    let key = args.key.clone().or_else(|| key_of(record?, &message));
    let connection = &session.settings.connection;
    let written = single::write(connection, topic, key.as_deref(), &message, &args.header, now);
    let written = session.remember("test-produce", &format!("write 1 message to {topic}"), written)?;
    let timestamp = format_rfc3339(written.timestamp_ms.saturating_mul(1_000));
    output::show(&Produced { written, timestamp, key, problems }, &common.output)
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.into(), value.into()))
}

/// The message as given, as read, or made up.
fn message(given: Option<&str>, record: Option<&Record>, now: Micros) -> Result<Vec<u8>> {
    match given {
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes)?;
            let end = bytes.trim_ascii_end().len();
            bytes.truncate(end);
            Ok(bytes)
        }
        Some(message) => Ok(message.as_bytes().to_vec()),
        None => {
            let made_up = match record {
                Some(record) => object(&record.columns().fields, now),
                None => json!({"test": true, "timestamp": format_rfc3339(now)}),
            };
            Ok(made_up.to_string().into_bytes())
        }
    }
}

/// A value for each column that matches its type and every rule of the catalog.
fn object(fields: &[Field], now: Micros) -> Value {
    let members = fields.iter().map(|field| (field.name.clone(), example(&field.kind, now)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn example(kind: &Type, now: Micros) -> Value {
    match kind {
        Type::String => json!("test"),
        Type::Int | Type::BigInt => json!(1),
        Type::Double => json!(1.0),
        Type::Boolean => json!(true),
        Type::Timestamp => json!(format_rfc3339(now)),
        Type::Struct(fields) => object(fields, now),
        Type::Map(value) => json!({ "test": example(value, now) }),
    }
}

/// Everything for which a reader would refuse the message: each column is read by itself.
fn problems(record: &Record, message: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    for field in record.columns().fields {
        let name = field.name.clone();
        let only =
            Record { schema: Schema { fields: vec![field] }, added: Schema::default(), ..record.clone() };
        if let Err(reject) = Decoder::new(&only, &[name]).push(Some(message)) {
            let problem = reject.to_string();
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// The key that the catalog's column gives.
fn key_of(record: &Record, message: &[u8]) -> Option<String> {
    let message: Value = serde_json::from_slice(message).ok()?;
    match message.get(&record.key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Show for Produced {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "partition", "offset", "timestamp", "key"]);
        let Written { topic, partition, offset, timestamp_ms } = &self.written;
        table.row([
            topic.clone(),
            partition.to_string(),
            offset.to_string(),
            format_time(timestamp_ms.saturating_mul(1_000)),
            self.key.clone().unwrap_or_else(|| "none".into()),
        ]);
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_made_up_message_matches_its_topic() {
        let catalog = Catalog::built_in().expect("the built-in catalog is valid");
        for record in catalog.topics().iter().filter_map(|topic| topic.record.as_ref()) {
            let message = message(None, Some(record), 1_753_610_889_000_000).expect("made up");
            assert_eq!(problems(record, &message), Vec::<String>::new());
            assert!(key_of(record, &message).is_some());
        }
    }

    #[test]
    fn every_problem_is_named_once() {
        let catalog = Catalog::built_in().expect("the built-in catalog is valid");
        let record = catalog.topic("transactions").expect("declared").record.as_ref().expect("has records");
        assert_eq!(problems(record, b"{").len(), 1);
        let message = json!({"transaction_id": "T1", "user_id": 7, "product_id": "P1", "price": "cheap",
            "quantity": 0, "timestamp": "2025-07-27T10:08:09Z"});
        let problems = problems(record, message.to_string().as_bytes());
        for (problem, column) in problems.iter().zip(["7", "cheap", "quantity"]) {
            assert!(problem.contains(column), "{problems:?}");
        }
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
