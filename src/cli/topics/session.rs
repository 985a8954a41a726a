//! What the subcommands share: a cluster that answers, its topics by name, and the record of changes.

use crate::catalog::plan::{self, Action, Actual};
use crate::catalog::{self, Topic};
use crate::cli::common::{self, CommonArgs, Settings};
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::kafka::admin::{Admin, Cluster, PATIENCE, TopicState};
use crate::units::{format_duration, format_rfc3339, format_size};
use crate::{Error, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

/// The file under `$ECAP_HOME` that remembers every change.
const JOURNAL: &str = "kafka_management.log";

/// A cluster that answered, and what is known of it.
pub struct Session {
    pub settings: Settings,
    pub admin: Admin,
    pub cluster: Cluster,
}

impl Session {
    /// Finds the settings and looks at the cluster.
    pub fn open(common: &CommonArgs) -> Result<Self> {
        let settings = common.connect()?;
        let admin = Admin::new(&settings.connection)?;
        let cluster = admin.cluster(PATIENCE)?;
        Ok(Self { settings, admin, cluster })
    }

    /// The topic that a person means, with or without the prefix; it has to exist.
    pub fn topic(&self, name: &str) -> Result<&TopicState> {
        let full = format!("{}{name}", self.settings.prefix);
        if let Some(topic) = self.cluster.topic(&full).or_else(|| self.cluster.topic(name)) {
            return Ok(topic);
        }
        let error = Error::failed(format!("topic '{name}' does not exist"));
        if self.settings.topic(name).is_ok() {
            return Err(error.hint(format!("create it with `ecap-topics create-topics {name}`")));
        }
        let topics = self.cluster.topics.iter().filter(|topic| !topic.is_internal());
        let error = error.hint("`ecap-topics list-topics` shows those that do");
        Err(self.suggest(error, name, topics.map(|topic| topic.name.as_str())))
    }

    /// Hints at what was most likely meant, if anything is near; the prefix counts neither for nor against a candidate.
    pub fn suggest<'a>(&self, error: Error, name: &str, candidates: impl Iterator<Item = &'a str>) -> Error {
        let bare = |name: &'a str| name.strip_prefix(self.settings.prefix.as_str()).unwrap_or(name);
        let name = name.strip_prefix(self.settings.prefix.as_str()).unwrap_or(name);
        catalog::suggest(error, name, candidates.map(bare))
    }

    /// The catalog's topics that are meant by `names` (all without a name), with another replication
    /// factor where one is given.
    ///
    /// A factor above the number of live brokers is refused here, before anything is changed.
    pub fn declared(&self, names: &[String], factor: Option<i32>) -> Result<Vec<Topic>> {
        let catalog = &self.settings.catalog;
        let full = |name: &String| Ok(self.settings.topic(name)?.name.clone());
        let names = names.iter().map(full).collect::<Result<Vec<_>>>()?;
        let topics = plan::select(catalog, &names)?.into_iter();
        let topics: Vec<_> = topics
            .map(|topic| match factor {
                Some(factor) => plan::replicated(topic, factor),
                None => topic,
            })
            .collect();
        let alive = self.cluster.brokers.len();
        let largest = topics.iter().map(|topic| topic.replication).max().unwrap_or(0);
        if usize::try_from(largest).is_ok_and(|largest| largest > alive) {
            let are = if alive == 1 { "broker is" } else { "brokers are" };
            return Err(Error::usage(format!(
                "replication factor {largest} needs {largest} live brokers, and {alive} {are} alive"
            ))
            .hint("start more brokers, or lower --replication-factor"));
        }
        Ok(topics)
    }

    /// What has to happen for each of these topics to be as declared.
    pub fn plan(&self, topics: Vec<Topic>) -> Result<Vec<(Topic, Action)>> {
        let present: Vec<_> = topics.iter().filter_map(|topic| self.cluster.topic(&topic.name)).collect();
        let names: Vec<_> = present.iter().map(|topic| topic.name.as_str()).collect();
        let settings = self.admin.settings(&names)?;
        let actual = |topic: &Topic| {
            let state = self.cluster.topic(&topic.name)?;
            let settings = settings.get(&topic.name)?.iter();
            Some(Actual {
                partitions: state.partitions.len() as i32,
                replication: state.replication(),
                config: settings.map(|setting| (setting.name.clone(), setting.value.clone())).collect(),
            })
        };
        let plan = topics.into_iter().map(|topic| {
            let action = plan::diff(&topic, actual(&topic).as_ref());
            (topic, action)
        });
        Ok(plan.collect())
    }

    /// Creates those topics of a plan that are not there; their names.
    pub fn create(&self, command: &str, plan: &[(Topic, Action)]) -> Result<Vec<String>> {
        let missing = plan.iter().filter(|(_, action)| *action == Action::Create);
        let missing: Vec<_> = missing.map(|(topic, _)| topic.clone()).collect();
        let names: Vec<_> = missing.iter().map(|topic| topic.name.clone()).collect();
        if !names.is_empty() {
            self.remember(command, &format!("create {}", names.join(", ")), self.admin.create(&missing))?;
        }
        Ok(names)
    }

    /// Deletes topics.
    pub fn delete(&self, command: &str, names: &[&str]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        self.remember(command, &format!("delete {}", names.join(", ")), self.admin.delete(names))
    }

    /// Appends a change and what became of it to the record of changes. It cannot undo the change, so a
    /// record that cannot be written is a warning.
    pub fn remember<T>(&self, command: &str, change: &str, result: Result<T>) -> Result<T> {
        let outcome = result.as_ref().map_or_else(|error| format!("failed: {error}"), |_| "done".into());
        let cluster = self.cluster.id.as_deref().unwrap_or("unknown");
        let now = format_rfc3339(SystemClock.now());
        let line = format!("{now} cluster={cluster} command={command} change=\"{change}\" {outcome}\n");
        let folder = common::home();
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join(JOURNAL)))
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            output::note(&format!("warning: {}: {error}", folder.join(JOURNAL).display()));
        }
        result
    }
}

/// A setting's value for people: durations and sizes in their own units.
pub fn readable(setting: &str, value: &str) -> String {
    let number: Option<u64> = value.parse().ok();
    match number {
        Some(u64::MAX | 9_223_372_036_854_775_807) => "unlimited".into(),
        Some(millis) if setting.ends_with(".ms") => format_duration(Duration::from_millis(millis)),
        Some(bytes) if setting.ends_with(".bytes") => format_size(bytes),
        None if value == "-1" && setting.starts_with("retention.") => "unlimited".into(),
        _ => value.into(),
    }
}

/// `1 topic`, `2 topics`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_put_in_units_that_people_read() {
        for (setting, value, text) in [
            ("retention.ms", "604800000", "7d"),
            ("retention.ms", "-1", "unlimited"),
            ("segment.bytes", "1073741824", "1 GiB"),
            ("flush.ms", "9223372036854775807", "unlimited"),
            ("cleanup.policy", "compact", "compact"),
            ("min.insync.replicas", "1", "1"),
        ] {
            assert_eq!(readable(setting, value), text, "{setting}={value}");
        }
    }
}
