//! Other engines over the same records: what they are told, and what they answer.

use super::case::{Case, catalog};
use super::records::{self, Topical};
use super::rows::Table;
use crate::support::project;
use ecap::catalog::ARRIVAL_TIME;
use ecap::tables::{Definition, Origin};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// All that another engine needs for one case.
#[derive(Debug, Serialize)]
pub struct Task {
    name: String,
    sql: String,
    tables: Vec<Source>,
    /// Names and CSV files of the tables that do not grow.
    still: Vec<(String, PathBuf)>,
    /// Append, update or complete.
    mode: String,
    key: Vec<String>,
}

/// The records of one topic.
#[derive(Debug, Serialize)]
struct Source {
    name: String,
    /// Names and types, as Spark SQL writes them; Kafka's columns with them.
    columns: Vec<(String, String)>,
    /// Names and SQL of the columns that reading adds; when a record was read is not the records' own.
    derived: Vec<(String, String)>,
    /// The event-time column, and how long windows wait, in seconds.
    time: String,
    watermark: f64,
    /// Files of JSON lines, one a batch.
    files: Vec<String>,
}

/// What an engine answers for one case.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    Rows(Table),
    Error { error: String },
}

/// Kafka's columns.
const KAFKA: [(&str, &str); 5] = [
    ("_key", "STRING"),
    ("_topic", "STRING"),
    ("_partition", "INT"),
    ("_offset", "BIGINT"),
    ("_timestamp", "TIMESTAMP"),
];

impl Task {
    /// A case's records, written to files in `folder`, and the query for the other engine.
    pub fn new(case: &Case, sql: &str, folder: &Path) -> Self {
        let catalog = catalog();
        let folder = folder.join(&case.name);
        let sources = records::of(case, &catalog);
        Self {
            name: case.name.clone(),
            sql: sql.to_string(),
            tables: sources.iter().map(|topic| Source::new(case, topic, &folder)).collect(),
            still: case.tables().expect("tables").into_iter().filter_map(csv).collect(),
            mode: format!("{:?}", case.mode()).to_lowercase(),
            key: case.settings.key.clone(),
        }
    }
}

fn csv(table: Definition) -> Option<(String, PathBuf)> {
    match table.origin {
        Origin::Csv(path) => Some((table.name, path)),
        _ => None,
    }
}

impl Source {
    fn new(case: &Case, topical: &Topical, folder: &Path) -> Self {
        let name = topical.topic.name.clone();
        let record = topical.topic.record.as_ref().expect("has records");
        let own = record.columns().fields.into_iter().map(|field| (field.name, field.kind.to_string()));
        let kafka = KAFKA.map(|(name, kind)| (name.to_string(), kind.to_string()));
        let watermark = case.watermark().unwrap_or(record.watermark);
        Self {
            columns: own.chain(kafka).collect(),
            derived: record.derived.iter().filter(|(_, sql)| !sql.contains(ARRIVAL_TIME)).cloned().collect(),
            time: case.settings.time.clone().unwrap_or_else(|| record.time.clone()),
            watermark: watermark.as_secs_f64(),
            files: write_batches(case, topical, &folder.join(&name)),
            name,
        }
    }
}

/// A file for each batch that the case lists, else one for all.
fn write_batches(case: &Case, topical: &Topical, folder: &Path) -> Vec<String> {
    std::fs::create_dir_all(folder).expect("a folder");
    let all = vec![topical.records.len()];
    let listed = case.settings.batches.as_ref().and_then(|sizes| sizes.get(&topical.topic.name));
    let mut records = topical.records.iter();
    let mut files = Vec::new();
    for (number, size) in listed.unwrap_or(&all).iter().enumerate() {
        let columns = records.by_ref().take(*size).filter_map(|record| record.columns.as_ref());
        let lines: String = columns.map(|columns| format!("{columns}\n")).collect();
        let path = folder.join(format!("{number:04}.json"));
        std::fs::write(&path, lines).expect("writable");
        files.push(path.to_string_lossy().into_owned());
    }
    files
}

/// Gives all tasks to one run of a Python program, and takes its answers by case.
pub fn ask(python: &Path, script: &str, tasks: &[Task]) -> BTreeMap<String, Answer> {
    let script = project("tests").join(script);
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (told, answers) = (folder.path().join("tasks.json"), folder.path().join("answers.json"));
    std::fs::write(&told, serde_json::to_vec(tasks).expect("JSON")).expect("writable");
    let mut command = Command::new(python);
    let ended = command.arg(&script).args([&told, &answers]).stdin(Stdio::null()).output();
    let ended = ended.unwrap_or_else(|error| panic!("{} does not start: {error}", python.display()));
    assert!(ended.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&std::fs::read(&answers).expect("the answers")).expect("answers by case")
}
