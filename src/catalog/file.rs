//! The catalog's file: what is written in TOML, and how it becomes topics.

use super::{Bound, Record, Roles, Rule, Topic, in_kafkas_units};
use crate::record::schema::Schema;
use crate::units::{format_duration, parse_duration};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    defaults: Defaults,
    dead_letters: Option<DeadLetters>,
    #[serde(default)]
    topic: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    #[serde(default = "one")]
    replication: i32,
    #[serde(default)]
    config: Config,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { replication: one(), config: Config::new() }
    }
}

fn one() -> i32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadLetters {
    suffix: String,
    extra_bytes: usize,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize, Serialize, Default)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    partitions: i32,
    replication: Option<i32>,
    key: Option<String>,
    time: Option<String>,
    watermark: Option<String>,
    schema: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    added: String,
    #[serde(default, skip_serializing_if = "is_default")]
    events_per_hour: [u64; 2],
    #[serde(default, skip_serializing_if = "String::is_empty")]
    used_for: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    critical: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windowed: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    roles: Roles,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rules: BTreeMap<String, Limit>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    derived: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    config: Config,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    Above(f64),
    AtLeast(f64),
}

type Config = BTreeMap<String, Value>;

/// A setting's value: Kafka has only text, people write numbers as numbers.
#[derive(Deserialize, Serialize, Clone)]
#[serde(untagged)]
enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Float(f64),
}

impl Value {
    /// A number where the text is one and nothing else.
    fn of(text: &str) -> Self {
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        number.map_or_else(|| Self::Text(text.into()), Self::Integer)
    }

    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(yes) => yes.to_string(),
            Self::Float(number) => number.to_string(),
        }
    }
}

fn config(layers: [&Config; 2]) -> Result<BTreeMap<String, String>> {
    let settings = layers.into_iter().flatten();
    settings.map(|(name, value)| Ok((name.clone(), in_kafkas_units(name, &value.to_text())?))).collect()
}

impl File {
    /// What the name of a dead-letter topic has behind that of its source.
    pub fn suffix(&self) -> Option<String> {
        self.dead_letters.as_ref().map(|dead_letters| dead_letters.suffix.clone())
    }

    /// The topics in the file's order, and behind them the dead-letter topics of those with records.
    pub fn topics(self) -> Result<Vec<Topic>> {
        let mut topics = Vec::with_capacity(2 * self.topic.len());
        for entry in self.topic {
            let name = entry.name.clone();
            topics.push(entry.topic(&self.defaults).map_err(|error| error.at(format!("topic '{name}'")))?);
        }
        if let Some(dead_letters) = &self.dead_letters {
            let sources = topics.iter().filter(|topic| topic.record.is_some()).cloned();
            let receivers: Vec<_> =
                sources.map(|topic| dead_letters.receive(topic, &self.defaults)).collect::<Result<_>>()?;
            topics.extend(receivers);
        }
        Ok(topics)
    }
}

impl DeadLetters {
    /// Turns a copy of a topic into the topic of its dead letters.
    fn receive(&self, mut topic: Topic, defaults: &Defaults) -> Result<Topic> {
        let largest = topic.max_message_bytes() + self.extra_bytes;
        topic.used_for = format!("records of {} that could not be used", topic.name);
        topic.name += &self.suffix;
        topic.record = None;
        topic.events_per_hour = [0, 0];
        topic.config = config([&defaults.config, &self.config])?;
        topic.config.insert("max.message.bytes".into(), largest.to_string());
        Ok(topic)
    }
}

impl Entry {
    fn topic(self, defaults: &Defaults) -> Result<Topic> {
        let config = config([&defaults.config, &self.config])?;
        Ok(Topic {
            name: self.name.clone(),
            partitions: self.partitions,
            replication: self.replication.unwrap_or(defaults.replication),
            config,
            events_per_hour: self.events_per_hour,
            used_for: self.used_for.clone(),
            record: if self.schema.is_some() { Some(self.record()?) } else { self.no_record()? },
        })
    }

    /// A topic without a schema keeps any bytes.
    fn no_record(&self) -> Result<Option<Record>> {
        let said = [("key", &self.key), ("time", &self.time), ("watermark", &self.watermark)];
        match said.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => {
                Err(Error::usage(format!("'{name}' is about records, and there is no schema")))
            }
            None => Ok(None),
        }
    }

    fn record(self) -> Result<Record> {
        let given = |name: &str, value: Option<String>| {
            value.ok_or_else(|| Error::usage(format!("there is a schema, and '{name}' is missing")))
        };
        let added =
            if self.added.trim().is_empty() { Schema::default() } else { Schema::parse(&self.added)? };
        let rules = self.rules.into_iter().map(|(column, limit)| {
            let bound = match limit {
                Limit::Above(least) => Bound::Above(least),
                Limit::AtLeast(least) => Bound::AtLeast(least),
            };
            Rule { column, bound }
        });
        let watermark = given("watermark", self.watermark)?;
        Ok(Record {
            schema: Schema::parse(&given("schema", self.schema)?)?,
            added,
            key: given("key", self.key)?,
            time: given("time", self.time)?,
            watermark: parse_duration(&watermark).map_err(|error: Error| error.at("watermark"))?,
            roles: self.roles,
            rules: rules.collect(),
            critical: self.critical,
            derived: self.derived.into_iter().collect(),
            windowed: self.windowed,
        })
    }
}

/// The text of a catalog with these topics, each with all that is known of it.
///
/// # Errors
/// When it cannot be written, which is a fault of the program.
pub fn to_toml(topics: &[Topic]) -> Result<String> {
    #[derive(Serialize)]
    struct Topics {
        topic: Vec<Entry>,
    }
    let text = toml::to_string(&Topics { topic: topics.iter().map(Entry::of).collect() });
    text.map_err(|error| Error::failed(error.to_string()))
}

impl Entry {
    fn of(topic: &Topic) -> Self {
        let entry = Self {
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication: Some(topic.replication),
            events_per_hour: topic.events_per_hour,
            used_for: topic.used_for.clone(),
            config: topic.config.iter().map(|(name, value)| (name.clone(), Value::of(value))).collect(),
            ..Self::default()
        };
        let Some(record) = &topic.record else { return entry };
        let rules = record.rules.iter().map(|rule| {
            let limit = match rule.bound {
                Bound::Above(least) => Limit::Above(least),
                Bound::AtLeast(least) => Limit::AtLeast(least),
            };
            (rule.column.clone(), limit)
        });
        Self {
            key: Some(record.key.clone()),
            time: Some(record.time.clone()),
            watermark: Some(format_duration(record.watermark)),
            schema: Some(record.schema.to_string()),
            added: record.added.to_string(),
            roles: record.roles.clone(),
            rules: rules.collect(),
            critical: record.critical.clone(),
            derived: record.derived.iter().cloned().collect(),
            windowed: record.windowed.clone(),
            ..entry
        }
    }
}
