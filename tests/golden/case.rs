//! A case: a folder with case.toml, query.sql, and batch.sql or expected.csv.

use crate::support::project;
use ecap::catalog::Catalog;
use ecap::engine::options::OutputMode;
use ecap::query::header::Header;
use ecap::tables::Definition;
use ecap::units::parse_duration;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the cases are.
pub fn folder() -> PathBuf {
    project("tests/queries")
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// The query, in the SQL that both engines run.
    pub sql: String,
    /// Topics by name, and the files with their records.
    pub topics: BTreeMap<String, PathBuf>,
    /// What the head of the query says.
    header: Header,
    /// What must come out.
    pub expected: Expected,
    /// How the query runs.
    pub settings: Settings,
    /// Whether the last windows are closed at the end.
    pub flush: bool,
}

/// Where the rows that must come out are from.
#[derive(Debug)]
pub enum Expected {
    /// SQL for DuckDB over the same records.
    Batch(String),
    /// Rows derived by hand, as CSV.
    Rows(String),
}

/// case.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Topics and the files with their records, in the case's folder or in data/.
    topics: BTreeMap<String, String>,
    /// One of the queries that ship, in the place of query.sql.
    query: Option<String>,
    /// Which rows are given out; as the query's head says, or append, where it is not given.
    mode: Option<Mode>,
    /// How long windows wait; as the query's head says, or the topic's own, where it is not given.
    watermark: Option<String>,
    /// The event-time column; the query's or the topic's own where it is not given.
    pub time: Option<String>,
    /// Whether the last windows are closed at the end (in append mode, where it is not given).
    flush: Option<bool>,
    /// By topic the records of each batch, where it matters for what is late; then no other way is tried.
    pub batches: Option<BTreeMap<String, Vec<usize>>>,
    /// How many records are late.
    #[serde(default)]
    pub late: u64,
    /// How many records are refused.
    #[serde(default)]
    pub rejected: u64,
    /// In update mode, the columns that say which row replaces which.
    #[serde(default)]
    pub key: Vec<String>,
    /// Whether Spark gives the same rows, or why not: words of its own error, or the documented difference.
    #[serde(default)]
    pub spark: Spark,
}

/// As the engine's, for case.toml.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Append,
    Update,
    Complete,
}

/// Whether Spark runs a case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Spark {
    /// It does, and gives the same rows.
    Runs(bool),
    /// It does not, and why.
    Differs(String),
}

impl Default for Spark {
    fn default() -> Self {
        Self::Runs(true)
    }
}

/// Which cases were asked for, if not all.
pub fn chosen() -> Option<String> {
    std::env::var("ECAP_TEST_CASE").ok()
}

impl Case {
    /// All cases, by name; ECAP_TEST_CASE=PART takes those whose name contains it.
    pub fn all() -> Vec<Self> {
        let wanted = chosen().unwrap_or_default();
        let entries = std::fs::read_dir(folder()).expect("tests/queries is there");
        let mut folders: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        folders.retain(|path| path.join("case.toml").exists());
        folders.sort();
        let cases = folders.iter().map(|path| Self::load(path));
        cases.filter(|case| case.name.contains(&wanted)).collect()
    }

    fn load(path: &Path) -> Self {
        let name = path.file_name().expect("has a name").to_string_lossy().into_owned();
        let read = |file: &str| std::fs::read_to_string(path.join(file));
        let need = |file: &str| read(file).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
        let settings: Settings =
            toml::from_str(&need("case.toml")).unwrap_or_else(|error| panic!("{name}/case.toml: {error}"));
        let shipped = |query: &String| folder().join("../../queries").join(query);
        let query = settings.query.as_ref().map_or_else(|| path.join("query.sql"), shipped);
        let expected = match read("batch.sql") {
            Ok(sql) => Expected::Batch(sql),
            Err(_) => Expected::Rows(need("expected.csv")),
        };
        let found = |file: &String| match path.join(file) {
            own if own.exists() => own,
            _ => folder().join("data").join(file),
        };
        let topics = settings.topics.iter().map(|(topic, file)| (topic.clone(), found(file))).collect();
        let sql = need(&query.to_string_lossy());
        let header = Header::of(&sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        let flush = settings.flush;
        let mut case = Self { sql, name, topics, header, expected, settings, flush: false };
        case.flush = flush.unwrap_or(case.mode() == OutputMode::Append);
        case
    }

    /// The tables that the head of the query names, in files beside it.
    pub fn tables(&self) -> ecap::Result<Vec<Definition>> {
        let folder = match self.settings.query {
            Some(_) => folder().join("../../queries"),
            None => folder().join(&self.name),
        };
        self.header.tables.iter().map(|text| Definition::parse(text, &folder)).collect()
    }

    /// Which rows are given out.
    pub fn mode(&self) -> OutputMode {
        match self.settings.mode {
            None => self.header.output_mode.unwrap_or(OutputMode::Append),
            Some(Mode::Append) => OutputMode::Append,
            Some(Mode::Update) => OutputMode::Update,
            Some(Mode::Complete) => OutputMode::Complete,
        }
    }

    /// How long windows wait, if it is not the topic's own time.
    pub fn watermark(&self) -> Option<Duration> {
        let own = self.settings.watermark.as_deref();
        own.map(|delay| parse_duration(delay).expect("a duration")).or(self.header.watermark)
    }
}

/// The built-in topics, and a few small ones for cases that need precise times.
pub fn catalog() -> Catalog {
    let built_in = include_str!("../../src/catalog/catalog.toml");
    let own = include_str!("../queries/catalog.toml");
    Catalog::parse(&format!("{built_in}\n{own}")).expect("valid")
}
