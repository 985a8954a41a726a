//! What the subcommands share: a cluster that answers, its topics by name, and the record of changes.

use crate::catalog::plan::{self, Action, Actual};
use crate::catalog::{self, Topic};
use crate::cli::common::{self, CommonArgs, Settings};
use crate::cli::output;
pub use crate::cli::output::counted;
use crate::clock::{Clock, SystemClock};
use crate::kafka::admin::{Admin, Cluster, PATIENCE, TopicState, may_not_see};
use crate::units::{format_duration, format_rfc3339, format_size};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

/// The file under `$ECAP_HOME` that remembers every change.
const JOURNAL: &str = "kafka_management.log";

/// A cluster that answered, and what is known of it.
pub struct Session {
    pub settings: Settings,
    pub admin: Admin,
    pub cluster: Cluster,
    /// How long it took to tell of itself and all its topics.
    pub took: Duration,
}

impl Session {
    /// Finds the settings and looks at the cluster.
    pub fn open(common: &CommonArgs) -> Result<Self> {
        let settings = common.connect()?;
        let admin = Admin::new(&settings.connection)?;
        let mut session = Self { settings, admin, cluster: Cluster::default(), took: Duration::ZERO };
        session.look()?;
        Ok(session)
    }

    /// Looks at the cluster, as it is now.
    pub fn look(&mut self) -> Result<()> {
        let start = Instant::now();
        self.cluster = self.admin.cluster(PATIENCE)?;
        self.took = start.elapsed();
        self.check_id()
    }

    /// Refuses a cluster that is not the one that the profile names.
    fn check_id(&self) -> Result<()> {
        let Some(meant) = &self.settings.cluster_id else { return Ok(()) };
        match self.cluster.id.as_deref() {
            Some(id) if id == meant => Ok(()),
            other => {
                let servers = self.settings.connection.servers();
                let other = other.map_or_else(|| "tells no id".into(), |id| format!("is cluster '{id}'"));
                Err(Error::usage(format!("cluster '{meant}' is meant, and {servers} {other}"))
                    .hint("correct cluster-id or bootstrap-servers; `ecap-topics config` shows where both come from"))
            }
        }
    }

    /// The topic that a person means, with or without the prefix; it has to exist. What lies outside the prefix is never
    /// meant.
    pub fn topic(&self, name: &str) -> Result<&TopicState> {
        let full = self.settings.full(name);
        if let Some(topic) = self.cluster.topic(&full) {
            return Ok(topic);
        }
        if self.admin.may_not_see(&full)? {
            return Err(may_not_see("topic", &full));
        }
        let error = Error::failed(format!("topic '{full}' does not exist"));
        if self.settings.topic(name).is_ok() {
            return Err(error.hint(format!("create it with `ecap-topics create-topics {name}`")));
        }
        let topics = self.cluster.topics.iter().filter(|topic| !topic.is_internal());
        let error = error.hint("`ecap-topics list-topics` shows those that do");
        Err(self.suggest(error, name, topics.map(|topic| topic.name.as_str())))
    }

    /// Hints at what was most likely meant: one of this name outside the prefix, or else the nearest within it.
    pub fn suggest<'a>(
        &self,
        error: Error,
        name: &str,
        candidates: impl Iterator<Item = &'a str> + Clone,
    ) -> Error {
        let prefix = self.settings.prefix.as_str();
        if candidates.clone().any(|candidate| candidate == name) {
            return error
                .hint(format!("'{name}' is outside the prefix '{prefix}', and --topic-prefix '' means it"));
        }
        catalog::suggest(
            error,
            self.settings.bare(name),
            candidates.filter_map(|candidate| candidate.strip_prefix(prefix)),
        )
    }

    /// The catalog's topics that are meant by `names` (all without a name), with another replication
    /// factor where one is given here or for the cluster.
    ///
    /// A factor that is given here and above the number of live brokers is refused, before anything is changed.
    pub fn declared(&self, names: &[String], factor: Option<i32>) -> Result<Vec<Topic>> {
        let catalog = &self.settings.catalog;
        let full = |name: &String| Ok(self.settings.topic(name)?.name.clone());
        let names = names.iter().map(full).collect::<Result<Vec<_>>>()?;
        let topics = plan::select(catalog, &names)?.into_iter();
        let topics: Vec<_> = topics
            .map(|topic| match factor.or(self.settings.replication_factor) {
                Some(factor) => plan::replicated(topic, factor),
                None => topic,
            })
            .collect();
        if factor.is_some() {
            self.enough_brokers(&topics)?;
        }
        Ok(topics)
    }

    /// Refuses topics to create whose partitions are to be kept by more brokers than there are.
    pub fn enough_brokers(&self, topics: &[Topic]) -> Result<()> {
        let alive = self.cluster.brokers.len();
        let largest = topics.iter().map(|topic| topic.replication).max().unwrap_or(0);
        if usize::try_from(largest).is_ok_and(|largest| largest > alive) {
            let are = if alive == 1 { "broker is" } else { "brokers are" };
            return Err(Error::usage(format!(
                "replication factor {largest} needs {largest} live brokers, and {alive} {are} alive"
            ))
            .hint("start more brokers, or lower --replication-factor"));
        }
        Ok(())
    }

    /// What has to happen for each of these topics to be as declared.
    pub fn plan(&self, topics: Vec<Topic>, factor: Option<i32>) -> Result<Vec<(Topic, Action)>> {
        let (topics, actual) = self.compared(topics, factor)?;
        let plan = topics.into_iter().map(|topic| {
            let action = plan::diff(&topic, actual.get(&topic.name));
            (topic, action)
        });
        Ok(plan.collect())
    }

    /// Declared topics, and those of them that exist as they are. Where no replication factor is given, here or for the
    /// cluster, a topic may have more copies than the catalog says.
    pub fn compared(
        &self,
        topics: Vec<Topic>,
        factor: Option<i32>,
    ) -> Result<(Vec<Topic>, BTreeMap<String, Actual>)> {
        let actual = self.actual(&topics)?;
        let any = factor.or(self.settings.replication_factor).is_none();
        let topics = topics.into_iter().map(|topic| match actual.get(&topic.name) {
            Some(actual) if any => plan::keeping_copies(topic, actual),
            _ => topic,
        });
        Ok((topics.collect(), actual))
    }

    /// Those of the declared topics that exist, as they are, with the settings that any of them declares.
    fn actual(&self, declared: &[Topic]) -> Result<BTreeMap<String, Actual>> {
        let present: Vec<_> = declared.iter().filter_map(|topic| self.cluster.topic(&topic.name)).collect();
        let names: Vec<_> = present.iter().map(|topic| topic.name.as_str()).collect();
        let declared = declared.iter().flat_map(|topic| topic.config.keys().map(String::as_str));
        // One at least, as none would mean all of them.
        let settings: BTreeSet<_> = declared.chain(["cleanup.policy"]).collect();
        let mut settings = self.admin.settings(&names, &Vec::from_iter(settings))?;
        let actual = present.into_iter().filter_map(|state| {
            let settings = settings.remove(&state.name)?.into_iter();
            let actual = Actual {
                partitions: state.partitions.len() as i32,
                replication: state.replication(),
                config: settings.map(|setting| (setting.name, setting.value)).collect(),
            };
            Some((state.name.clone(), actual))
        });
        Ok(actual.collect())
    }

    /// Creates topics.
    pub fn create(&self, command: &str, topics: &[Topic]) -> Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
        self.remember(command, &format!("create {}", names.join(", ")), self.admin.create(topics, false))
    }

    /// Deletes topics.
    pub fn delete(&self, command: &str, names: &[&str]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        self.remember(command, &format!("delete {}", names.join(", ")), self.admin.delete(names))
    }

    /// Remembers a change to this cluster, and what became of it.
    pub fn remember<T>(&self, command: &str, change: &str, result: Result<T>) -> Result<T> {
        remember(self.cluster.id.as_deref(), command, change, result)
    }
}

/// Appends a change and what became of it to the record of changes. It cannot undo the change, so a record that cannot be
/// written is a warning.
pub fn remember<T>(cluster: Option<&str>, command: &str, change: &str, result: Result<T>) -> Result<T> {
    let outcome = result.as_ref().map_or_else(|error| format!("failed: {error}"), |_| "done".into());
    let cluster = cluster.unwrap_or("unknown");
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

/// The same of a setting that may have none of its own.
pub fn readable_or_default(setting: &str, value: Option<&str>) -> String {
    value.map_or_else(|| "the default".into(), |value| readable(setting, value))
}

/// What has to be typed so that things go: the name of the only one, or how many they are.
pub fn word(names: &[&str], thing: &str) -> String {
    match names {
        [name] => name.to_string(),
        names => counted(names.len(), thing),
    }
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
