//! A life of the process that runs the consumers: what it tells, and where one of them fails in it.

use super::cast::{FAILING, STEADY};
use crate::consumers::{Process, Stage};
use crate::support::wait_for;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A life of the process.
pub struct Life<'a> {
    /// The process.
    pub process: Process<'a>,
    /// The file that its alerts are added to.
    alerts: PathBuf,
}

impl<'a> Life<'a> {
    /// Starts the process: all eight may run, and a slow machine makes none of them stalled.
    pub fn start(stage: &'a Stage, number: u32) -> Self {
        let (command, alerts) = (format!("cat >> alerts-{number}"), format!("alerts-{number}"));
        let most = ["--max-concurrent", "8", "--stalled-after", "60", "--alert-command", &command];
        Self { process: stage.run(&most), alerts: stage.cluster.folder.path().join(alerts) }
    }

    /// The alerts of a consumer: the status before, the status, and why.
    pub fn alerts(&self, name: &str) -> Vec<(String, String, String)> {
        let own = told(&self.alerts).into_iter().filter(|alert| alert["consumer_name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        own.map(|alert| (text(&alert["previous_status"]), text(&alert["status"]), text(&alert["errors"][0])))
            .collect()
    }

    /// Waits until the last alert of a consumer tells of this status; why it has it.
    #[track_caller]
    pub fn tells(&self, name: &str, status: &str) -> String {
        wait_for(&format!("the alert that {name} is {status}"), || {
            self.alerts(name).pop().filter(|(_, told, _)| told == status).map(|(_, _, why)| why)
        })
    }

    /// Waits until those that nothing is wrong with have read something more.
    pub fn others_go_on(&self) {
        for (name, before) in STEADY.map(|name| (name, self.read(name))) {
            self.process.reads(name, before + 1.0);
        }
    }

    /// How many records a consumer has read in this life.
    fn read(&self, name: &str) -> f64 {
        self.process.measured("input_records_total", name).unwrap_or_default()
    }

    /// What the API tells of a consumer.
    pub fn document(&self, name: &str) -> Value {
        let (_, document) = self.process.http("GET", &format!("/api/v1/streaming/consumers/{name}"), &[]);
        serde_json::from_str(&document).unwrap()
    }

    /// The changes of a consumer's status that the API tells of, with their reasons; not those that only lead to another.
    pub fn changes(&self, name: &str) -> Vec<(String, Option<String>)> {
        let document = self.document(name);
        let all = document["changes"].as_array().unwrap_or_else(|| panic!("{document}"));
        assert!(all.is_sorted_by_key(|change| change["timestamp"].as_str().unwrap().to_string()), "{all:?}");
        let text = |value: &Value| value.as_str().map(ToString::to_string);
        let lasts = |(status, _): &(String, _)| !["pending", "starting"].contains(&status.as_str());
        all.iter()
            .map(|change| (text(&change["status"]).unwrap(), text(&change["error"])))
            .filter(lasts)
            .collect()
    }
}

/// The alerts in a file, of which the last one may be on its way.
pub fn told(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// A step of batches at which a consumer fails in one process: where its checkpoint begins to write a file, there is a folder.
pub struct Failpoint(Vec<PathBuf>);

impl Failpoint {
    /// The step is the ending of the file: `entry` before the sink has the rows, `commit` when it has them.
    pub fn set(life: &Life<'_>, step: &str) -> Self {
        let folder = life.process.stage.cluster.folder.path().join("home/checkpoints").join(FAILING);
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let batches = files.filter_map(|name| name.to_str()?.split('.').next()?.parse::<u64>().ok());
        let (next, process) = (batches.max().unwrap_or_default() + 3, life.process.told.process());
        let name = |batch| folder.join(format!(".{batch:012}.{step}.{process}"));
        Self((next..next + 20).map(name).filter(|name| std::fs::create_dir(name).is_ok()).collect())
    }

    /// The step can be done again.
    pub fn lift(self) {
        self.0.iter().for_each(|folder| std::fs::remove_dir(folder).unwrap());
    }
}
