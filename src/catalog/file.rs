//! The catalog's file: what is written in TOML, and how it becomes topics.

use super::{Bound, Record, Roles, Rule, Topic};
use crate::record::schema::Schema;
use crate::units::parse_duration;
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    partitions: i32,
    key: String,
    time: String,
    watermark: String,
    schema: String,
    replication: Option<i32>,
    #[serde(default)]
    added: String,
    #[serde(default)]
    events_per_hour: [u64; 2],
    #[serde(default)]
    used_for: String,
    #[serde(default)]
    roles: Roles,
    #[serde(default)]
    rules: BTreeMap<String, Limit>,
    #[serde(default)]
    critical: Vec<String>,
    #[serde(default)]
    derived: BTreeMap<String, String>,
    #[serde(default)]
    windowed: Vec<String>,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    Above(f64),
    AtLeast(f64),
}

type Config = BTreeMap<String, Value>;

/// A setting's value: Kafka has only text, people write numbers as numbers.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Float(f64),
}

impl Value {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(yes) => yes.to_string(),
            Self::Float(number) => number.to_string(),
        }
    }
}

fn config(layers: [&Config; 2]) -> BTreeMap<String, String> {
    layers.into_iter().flatten().map(|(name, value)| (name.clone(), value.to_text())).collect()
}

impl File {
    /// The topics in the file's order, and behind them their dead-letter topics.
    pub fn topics(self) -> Result<Vec<Topic>> {
        let mut topics = Vec::with_capacity(2 * self.topic.len());
        for entry in self.topic {
            let name = entry.name.clone();
            topics.push(entry.topic(&self.defaults).map_err(|error| error.at(format!("topic '{name}'")))?);
        }
        if let Some(dead_letters) = &self.dead_letters {
            let sources = topics.len();
            topics.extend_from_within(..);
            for topic in &mut topics[sources..] {
                dead_letters.receive(topic, &self.defaults);
            }
        }
        Ok(topics)
    }
}

impl DeadLetters {
    /// Turns a copy of a topic into the topic of its dead letters.
    fn receive(&self, topic: &mut Topic, defaults: &Defaults) {
        let largest = topic.max_message_bytes() + self.extra_bytes;
        topic.used_for = format!("records of {} that could not be used", topic.name);
        topic.name += &self.suffix;
        topic.record = None;
        topic.events_per_hour = [0, 0];
        topic.config = config([&defaults.config, &self.config]);
        topic.config.insert("max.message.bytes".into(), largest.to_string());
    }
}

impl Entry {
    fn topic(self, defaults: &Defaults) -> Result<Topic> {
        let added =
            if self.added.trim().is_empty() { Schema::default() } else { Schema::parse(&self.added)? };
        let rules = self.rules.into_iter().map(|(column, limit)| {
            let bound = match limit {
                Limit::Above(least) => Bound::Above(least),
                Limit::AtLeast(least) => Bound::AtLeast(least),
            };
            Rule { column, bound }
        });
        let config = config([&defaults.config, &self.config]);
        let record = Record {
            schema: Schema::parse(&self.schema)?,
            added,
            key: self.key,
            time: self.time,
            watermark: parse_duration(&self.watermark).map_err(|error: Error| error.at("watermark"))?,
            roles: self.roles,
            rules: rules.collect(),
            critical: self.critical,
            derived: self.derived.into_iter().collect(),
            windowed: self.windowed,
        };
        Ok(Topic {
            name: self.name,
            partitions: self.partitions,
            replication: self.replication.unwrap_or(defaults.replication),
            config,
            record: Some(record),
            events_per_hour: self.events_per_hour,
            used_for: self.used_for,
        })
    }
}
