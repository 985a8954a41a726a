//! Topics as declared: schema, key, event time, settings. The only place where a topic's facts stand.

pub mod changes;
mod file;
pub mod plan;
pub mod validate;

pub use file::to_toml;

use crate::record::schema::{Schema, Type};
use crate::units::{parse_duration, parse_size};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// The column that stands for the time at which Kafka got a record.
pub const RECORD_TIME: &str = "_timestamp";

/// The column that stands for the time at which a query read a record.
pub const ARRIVAL_TIME: &str = "_arrival";

/// All declared topics, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    topics: Vec<Topic>,
    /// What the name of a dead-letter topic has behind that of its source; `None` where there are none.
    dead_letters: Option<String>,
}

/// One declared topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its name, with the prefix of the environment before it.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many brokers keep each partition.
    pub replication: i32,
    /// Kafka's settings, by Kafka's names.
    pub config: BTreeMap<String, String>,
    /// What of records the topic holds; `None` for one that keeps any bytes, as a dead-letter topic does.
    pub record: Option<Record>,
    /// Expected events per hour, least and most.
    pub events_per_hour: [u64; 2],
    /// What the topic is used for, in a few words.
    pub used_for: String,
}

/// What the records of a topic are.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The columns as the source of the data has them (a CSV file, an application).
    pub schema: Schema,
    /// Columns that the producer adds to each record of a batch; empty for most topics.
    pub added: Schema,
    /// The column whose value becomes the record's key; it decides the partition.
    pub key: String,
    /// The event-time column, or [`RECORD_TIME`].
    pub time: String,
    /// How long a window waits for late records.
    pub watermark: Duration,
    /// Which columns are the id, the amount, the customer, the category and the time in history.
    pub roles: Roles,
    /// What must hold of a column's value.
    pub rules: Vec<Rule>,
    /// The columns whose nulls lower the quality of the topic.
    pub critical: Vec<String>,
    /// Columns that reading adds: name and SQL over the record's own columns.
    pub derived: Vec<(String, String)>,
    /// What a window shows when the query does not say: aggregates as SQL.
    pub windowed: Vec<String>,
}

/// Columns with a meaning that checks and alerts know.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// What no two records share.
    pub id: Option<String>,
    /// What was paid.
    pub amount: Option<String>,
    /// Who paid.
    pub customer: Option<String>,
    /// For what kind of thing.
    pub category: Option<String>,
    /// When it happened, where event time is something else.
    pub happened: Option<String>,
}

/// A bound on a numeric column.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The column.
    pub column: String,
    /// The bound.
    pub bound: Bound,
}

/// How small a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Larger than this.
    Above(f64),
    /// This, or larger.
    AtLeast(f64),
}

impl Bound {
    /// Whether `value` is within the bound. Not a number is not.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Above(least) => value > least,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Above(least) => write!(f, "above {least}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
        }
    }
}

impl Record {
    /// All columns of a record as it stands in the topic: the source's and the producer's.
    pub fn columns(&self) -> Schema {
        let fields = self.schema.fields.iter().chain(&self.added.fields).cloned().collect();
        Schema { fields }
    }
}

impl Topic {
    /// A topic that keeps any bytes.
    pub fn plain(name: &str, partitions: i32, replication: i32, config: BTreeMap<String, String>) -> Self {
        Self {
            name: name.into(),
            partitions,
            replication,
            config,
            record: None,
            events_per_hour: [0, 0],
            used_for: String::new(),
        }
    }

    /// A topic that no catalog declares, whose records have these columns. Event time is the first TIMESTAMP
    /// among them, else the time at which Kafka got the record; windows wait 10 minutes for late records.
    pub fn undeclared(name: &str, schema: Schema) -> Self {
        let is_time = |field: &&crate::record::schema::Field| field.kind == Type::Timestamp;
        let time = schema.fields.iter().find(is_time).map_or(RECORD_TIME, |field| &field.name).to_string();
        let critical = schema.fields.iter().filter(|field| !field.nullable).map(|field| field.name.clone());
        let record = Record {
            critical: critical.collect(),
            schema,
            added: Schema::default(),
            key: String::new(),
            time,
            watermark: Duration::from_secs(600),
            roles: Roles::default(),
            rules: vec![],
            derived: vec![],
            windowed: vec!["count(*) AS record_count".into()],
        };
        Self { record: Some(record), ..Self::plain(name, 1, 1, BTreeMap::new()) }
    }

    /// The largest record that the topic takes, in bytes; Kafka's own default where nothing is set.
    pub fn max_message_bytes(&self) -> usize {
        self.config.get("max.message.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(1_048_588)
    }

    /// Whether only the last value of each key is kept, so that a null says that a key is gone.
    pub fn is_compacted(&self) -> bool {
        self.config.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"))
    }

    /// The compression that the topic keeps, `none` where nothing is set.
    pub fn compression(&self) -> &str {
        match self.config.get("compression.type").map_or("producer", String::as_str) {
            "producer" | "uncompressed" => "none",
            codec => codec,
        }
    }
}

impl Catalog {
    /// The catalog that is built in.
    ///
    /// # Errors
    /// None in practice: a test reads it.
    pub fn built_in() -> Result<Self> {
        Self::parse(include_str!("catalog.toml")).map_err(|error| error.at("the built-in catalog"))
    }

    /// Reads a catalog from a file of the same form.
    ///
    /// # Errors
    /// A usage error with the file, the place in it, and what is wrong.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::usage(format!("cannot read the catalog {}: {error}", path.display())))?;
        Self::parse(&text).map_err(|error| error.at(format!("catalog {}", path.display())))
    }

    /// Reads a catalog from its text.
    ///
    /// # Errors
    /// A usage error with the topic and what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let file: file::File = toml::from_str(text)?;
        let dead_letters = file.suffix();
        let topics = file.topics()?;
        let mut names = BTreeSet::new();
        for topic in &topics {
            topic.check().map_err(|error| error.at(format!("topic '{}'", topic.name)))?;
            if !names.insert(&topic.name) {
                return Err(Error::usage(format!("topic '{}' is there twice", topic.name)));
            }
        }
        Ok(Self { topics, dead_letters })
    }

    /// The same topics with `prefix` before every name, for environments that share a cluster.
    ///
    /// # Errors
    /// A usage error with the first name that no topic can have.
    pub fn prefixed(mut self, prefix: &str) -> Result<Self> {
        for topic in &mut self.topics {
            topic.name.insert_str(0, prefix);
            check_name(&topic.name).map_err(|error| error.at(format!("topic-prefix '{prefix}'")))?;
        }
        Ok(self)
    }

    /// The same with one more topic, or with another in the place of one.
    #[must_use]
    pub fn with(mut self, topic: Topic) -> Self {
        self.topics.retain(|known| known.name != topic.name);
        self.topics.push(topic);
        self
    }

    /// All topics: in the file's order, and behind them the dead-letter topics of those with records.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The name of the topic whose dead letters `topic` keeps, if it does that.
    pub fn source<'a>(&self, topic: &'a Topic) -> Option<&'a str> {
        let suffix = self.dead_letters.as_deref().filter(|_| topic.record.is_none())?;
        topic.name.strip_suffix(suffix).filter(|source| self.topics.iter().any(|topic| topic.name == *source))
    }

    /// The topic of that name.
    ///
    /// # Errors
    /// A usage error with the nearest name.
    pub fn topic(&self, name: &str) -> Result<&Topic> {
        self.topics.iter().find(|topic| topic.name == name).ok_or_else(|| {
            let names = self.topics.iter().map(|topic| topic.name.as_str());
            suggest(Error::usage(format!("topic '{name}' is not in the catalog")), name, names)
        })
    }
}

impl Topic {
    /// What holds of every topic: columns that are named exist, and counts make sense.
    fn check(&self) -> Result<()> {
        if self.partitions < 1 || self.replication < 1 {
            return Err(Error::usage("partitions and replication are at least 1"));
        }
        check_name(&self.name)?;
        self.record.as_ref().map_or(Ok(()), Record::check)
    }
}

impl Record {
    fn check(&self) -> Result<()> {
        let columns = self.columns();
        let known = |name: &str| {
            columns.field(name).is_some() || self.derived.iter().any(|(derived, _)| derived == name)
        };
        let named = [Some(&self.key), self.roles.amount.as_ref(), self.roles.customer.as_ref()];
        let rules = self.rules.iter().map(|rule| &rule.column);
        let named = named.into_iter().flatten().chain(&self.roles.category).chain(rules);
        let measured = self.roles.id.iter().chain(&self.roles.happened).chain(&self.critical);
        let unmeasured = measured.filter(|name| columns.field(name).is_none());
        if let Some(name) = named.filter(|name| !known(name)).chain(unmeasured).next() {
            return Err(Error::usage(format!("column '{name}' is not in the schema")));
        }
        let time = columns.field(&self.time).map(|field| &field.kind);
        if self.time != RECORD_TIME && time != Some(&Type::Timestamp) {
            return Err(Error::usage(format!(
                "time column '{}' is not a TIMESTAMP of the schema",
                self.time
            )));
        }
        Ok(())
    }
}

/// A setting's value as Kafka has it: milliseconds and bytes, where people write 7d and 10MiB.
///
/// # Errors
/// A usage error that names the setting and shows the accepted forms.
pub fn in_kafkas_units(setting: &str, value: &str) -> Result<String> {
    let value = value.trim();
    let is_number = value.parse::<f64>().is_ok();
    let converted = if setting.ends_with(".ms") && !is_number {
        let time = parse_duration(value).map(|time| time.as_millis().to_string());
        time.map_err(|error| error.hint("write 7d, 12h, '10 minutes', or a number of milliseconds"))
    } else if setting.ends_with(".bytes") && !is_number {
        parse_size(value).map(|size| size.to_string())
    } else {
        Ok(value.into())
    };
    converted.map_err(|error| error.at(setting))
}

/// Whether Kafka takes this as a topic's name.
pub fn is_topic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 249 && name != "." && name != ".." && name.chars().all(legal)
}

fn check_name(name: &str) -> Result<()> {
    let wrong =
        || Error::usage(format!("'{name}': a name has letters, digits, '.', '_' and '-', 249 at most"));
    if is_topic_name(name) { Ok(()) } else { Err(wrong()) }
}

/// The error, with what a person most likely meant by `name` as its hint, if a candidate is near enough.
pub fn suggest<'a>(error: Error, name: &str, candidates: impl Iterator<Item = &'a str>) -> Error {
    match nearest(name, candidates) {
        Some(nearest) => error.hint(format!("did you mean '{nearest}'?")),
        None => error,
    }
}

/// The candidate that a person most likely meant by `name`, if one is near enough.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3 + 1)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Catalog {
        Catalog::built_in().expect("the built-in catalog is valid")
    }

    #[test]
    fn the_built_in_catalog_declares_six_topics_and_their_dead_letters() {
        let catalog = built_in();
        let names: Vec<_> = catalog.topics().iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(
            names[..6],
            [
                "transactions",
                "user-events",
                "product-updates",
                "fraud-alerts",
                "analytics-results",
                "customer-transactions"
            ]
        );
        assert_eq!(names.len(), 12);
        for topic in &catalog.topics()[..6] {
            let dead = catalog.topic(&format!("{}.dlq", topic.name)).expect("declared");
            assert_eq!(dead.partitions, topic.partitions);
            assert!(dead.max_message_bytes() > topic.max_message_bytes());
        }
    }

    #[test]
    fn a_topic_s_facts_are_the_documented_ones() {
        let catalog = built_in();
        let topic = catalog.topic("customer-transactions").expect("declared");
        assert_eq!(
            (topic.partitions, topic.compression(), topic.max_message_bytes()),
            (3, "gzip", 1_048_576)
        );
        let record = topic.record.as_ref().expect("has records");
        assert_eq!((record.schema.fields.len(), record.columns().fields.len()), (23, 27));
        assert_eq!((record.key.as_str(), record.time.as_str()), ("customer_id", RECORD_TIME));
        assert_eq!(record.watermark, Duration::from_secs(30));
    }

    #[test]
    fn an_unknown_topic_names_the_nearest() {
        let error = built_in().topic("transaction").expect_err("unknown").to_string();
        assert_eq!(error, "topic 'transaction' is not in the catalog: did you mean 'transactions'?");
    }

    #[test]
    fn a_prefix_stands_before_every_name() {
        let catalog = built_in().prefixed("staging.").expect("names of topics");
        assert!(catalog.topics().iter().all(|topic| topic.name.starts_with("staging.")));
        let error = built_in().prefixed(&"long".repeat(60)).expect_err("too long").to_string();
        assert!(error.contains("249 at most") && error.starts_with("topic-prefix 'long"), "{error}");
        assert!(built_in().prefixed("staging/").is_err());
    }

    #[test]
    fn a_wrong_catalog_says_which_topic_and_what() {
        let text = "[[topic]]\nname = \"t\"\npartitions = 1\nkey = \"nope\"\ntime = \"_timestamp\"\n\
                    watermark = \"1s\"\nschema = \"id INT\"\n";
        let error = Catalog::parse(text).expect_err("wrong").to_string();
        assert_eq!(error, "topic 't': column 'nope' is not in the schema");
        let error = Catalog::parse("[[topic]]\nname = 7\n").expect_err("wrong").to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
