//! The topics of the broker: names, partitions, settings, and their folders.

use super::log::{Log, Rules, write_whole};
use super::metrics::Traffic;
use super::settings::{self, Settings};
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};
use tokio::sync::Notify;
use uuid::Uuid;

/// Partitions of all topics together; each takes a file and some memory.
const MOST_PARTITIONS: usize = 20_000;
const DAY_MS: i64 = 86_400_000;

/// An error that a client is told, with the sentence that explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub ResponseError, pub String);

/// One partition: its log, and who waits for it to grow.
pub struct Partition {
    log: Mutex<Log>,
    waiting: Mutex<Vec<Weak<Notify>>>,
}

/// A topic as it is now. A change makes a new one.
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    pub partitions: Vec<Arc<Partition>>,
    pub settings: Settings,
    pub rules: Rules,
    pub traffic: Arc<Traffic>,
}

/// What of a topic is kept in its folder's `topic.json`.
#[derive(Serialize, Deserialize)]
struct Card {
    #[serde(with = "id_as_text")]
    id: Uuid,
    partitions: usize,
    settings: Settings,
}

mod id_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        Uuid::parse_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// All topics.
pub struct Topics {
    folder: Option<PathBuf>,
    sync: bool,
    all: RwLock<BTreeMap<String, Arc<Topic>>>,
}

impl Partition {
    fn open(folder: Option<&Path>) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { log: Mutex::new(Log::open(folder)?), waiting: Mutex::default() }))
    }

    /// The log, for one at a time.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compact(&self, rules: &Rules, now_ms: i64, stop: &impl Fn() -> bool) -> io::Result<()> {
        let next = || self.log().compaction(rules, now_ms);
        while let Some(pass) = next() {
            if !pass.run(|| self.log(), stop)? {
                break;
            }
        }
        Ok(())
    }

    /// Rings `bell` once when something is appended.
    pub fn wait(&self, bell: &Arc<Notify>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= 16 {
            waiting.retain(|bell| bell.strong_count() > 0);
        }
        // Who was woken by another partition still hangs here.
        let bell = Arc::downgrade(bell);
        if !waiting.iter().any(|known| known.ptr_eq(&bell)) {
            waiting.push(bell);
        }
    }

    /// Wakes who waits.
    pub fn wake(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).filter_map(|bell| bell.upgrade()).for_each(|bell| bell.notify_one());
    }
}

impl Topics {
    /// Opens the topics under `folder`, or none in memory.
    ///
    /// # Errors
    /// What cannot be read, by its path.
    pub fn open(folder: Option<&Path>, sync: bool) -> crate::Result<Self> {
        let mut all = BTreeMap::new();
        if let Some(folder) = folder {
            let at = |error: io::Error| crate::Error::from(error).at(folder.display());
            std::fs::create_dir_all(folder).map_err(at)?;
            for entry in std::fs::read_dir(folder).map_err(at)? {
                let path = entry.map_err(at)?.path();
                if let Some(topic) = open_topic(&path, sync)? {
                    all.insert(topic.name.clone(), Arc::new(topic));
                }
            }
        }
        Ok(Self { folder: folder.map(Path::to_path_buf), sync, all: RwLock::new(all) })
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Topic>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.read().values().cloned().collect()
    }

    /// The topic with this name.
    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.read().get(name).cloned()
    }

    /// The topic with this id.
    pub fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read().values().find(|topic| topic.id == id).cloned()
    }

    /// The partition, if topic and partition are there.
    pub fn partition(&self, topic: &str, partition: i32) -> Option<Arc<Partition>> {
        self.get(topic)?.partition(partition)
    }

    /// Whether a topic could be made so; see [`Topics::create`].
    ///
    /// # Errors
    /// As `create`.
    pub fn check(&self, name: &str, partitions: usize, settings: &Settings) -> Result<(), Refusal> {
        check_name(name)?;
        let all = self.read();
        if all.contains_key(name) {
            return Err(Refusal(
                ResponseError::TopicAlreadyExists,
                format!("Topic '{name}' already exists."),
            ));
        }
        let flat = |name: &str| name.replace('.', "_");
        if let Some(other) = all.keys().find(|other| flat(other) == flat(name)) {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(Refusal(ResponseError::InvalidTopicException, message));
        }
        let taken = all.values().map(|topic| topic.partitions.len()).sum();
        check_count(partitions, taken)?;
        settings::check(settings).map_err(|why| Refusal(ResponseError::InvalidConfig, why))
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// A name, count or setting that Kafka refuses too; `KafkaStorageError`.
    pub fn create(&self, name: &str, partitions: usize, settings: Settings) -> Result<Arc<Topic>, Refusal> {
        self.check(name, partitions, &settings)?;
        let card = Card { id: Uuid::new_v4(), partitions, settings };
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = all.get(name) {
            return Err(Refusal(
                ResponseError::TopicAlreadyExists,
                format!("Topic '{}' already exists.", topic.name),
            ));
        }
        let folder = self.folder.as_ref().map(|folder| folder.join(name));
        let topic = Arc::new(make_topic(name, card, folder.as_deref(), self.sync).map_err(unwritable)?);
        all.insert(name.to_string(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Adds partitions until there are `partitions`, or only checks that it could. `is_assigned` says of their
    /// number whether so many were assigned well.
    ///
    /// # Errors
    /// An unknown topic, a count that is not more, a wrong assignment, `KafkaStorageError`.
    pub fn grow(
        &self,
        name: &str,
        partitions: i32,
        only_check: bool,
        is_assigned: impl Fn(usize) -> bool,
    ) -> Result<(), Refusal> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let topic = all.get(name).cloned().ok_or_else(|| unknown(name))?;
        let now = topic.partitions.len();
        let wanted = usize::try_from(partitions).ok().filter(|wanted| *wanted > now).ok_or_else(|| {
            let message = format!(
                "Topic currently has {now} partitions, which is higher than or equal to the requested {partitions}."
            );
            Refusal(ResponseError::InvalidPartitions, message)
        })?;
        check_count(wanted, all.values().map(|topic| topic.partitions.len()).sum())?;
        if !is_assigned(wanted - now) {
            let message = "Every new partition must be assigned to node 1, the only one.";
            return Err(Refusal(ResponseError::InvalidReplicaAssignment, message.into()));
        }
        if only_check {
            return Ok(());
        }
        let grown = self.remake(&topic, wanted, topic.settings.clone()).map_err(unwritable)?;
        all.insert(name.to_string(), Arc::new(grown));
        Ok(())
    }

    /// Replaces a topic's settings, or only checks them.
    ///
    /// # Errors
    /// An unknown topic, a wrong setting, `KafkaStorageError`.
    pub fn set(&self, name: &str, settings: Settings, only_check: bool) -> Result<(), Refusal> {
        settings::check(&settings).map_err(|why| Refusal(ResponseError::InvalidConfig, why))?;
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let topic = all.get(name).cloned().ok_or_else(|| unknown(name))?;
        if !only_check {
            let changed = self.remake(&topic, topic.partitions.len(), settings).map_err(unwritable)?;
            all.insert(name.to_string(), Arc::new(changed));
        }
        Ok(())
    }

    /// The topic with other settings or more partitions; the logs go on.
    fn remake(&self, topic: &Topic, partitions: usize, settings: Settings) -> io::Result<Topic> {
        let folder = self.folder.as_ref().map(|folder| folder.join(&topic.name));
        let card = Card { id: topic.id, partitions, settings };
        let mut remade = Topic {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions.clone(),
            rules: settings::rules(&card.settings, self.sync),
            traffic: Arc::clone(&topic.traffic),
            settings: card.settings.clone(),
        };
        for at in topic.partitions.len()..partitions {
            let folder = folder.as_ref().map(|folder| folder.join(at.to_string()));
            remade.partitions.push(Partition::open(folder.as_deref())?);
        }
        if let Some(folder) = folder {
            write_card(&folder, &card)?;
        }
        Ok(remade)
    }

    /// Deletes a topic and its files.
    ///
    /// # Errors
    /// `KafkaStorageError`; then the topic is still there.
    pub fn delete(&self, name: &str) -> Result<(), Refusal> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let topic = all.get(name).cloned().ok_or_else(|| unknown(name))?;
        if let Some(folder) = &self.folder {
            topic.partitions.iter().for_each(|partition| partition.log().end_for_good());
            // Without its card a folder is no topic, so that a deletion that is cut short stays one.
            let folder = folder.join(name);
            std::fs::remove_file(folder.join("topic.json")).map_err(unwritable)?;
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                tracing::warn!(folder = %folder.display(), %error, "files of a deleted topic are left");
            }
        }
        all.remove(name);
        topic.partitions.iter().for_each(|partition| partition.wake());
        Ok(())
    }

    /// Saves what the next start would otherwise have to find out, where that is `bytes` or more; see
    /// [`Log::checkpoint`].
    pub fn checkpoint_after(&self, bytes: u64) {
        for topic in self.all() {
            topic.partitions.iter().for_each(|partition| partition.log().checkpoint_after(bytes));
        }
    }

    /// Deletes segments that are too old or too much, in every topic.
    pub fn expire(&self, now_ms: i64) {
        for topic in self.all() {
            for partition in &topic.partitions {
                partition.log().expire(&topic.rules, now_ms, now_ms - DAY_MS);
            }
        }
    }

    /// Compacts what there is to compact in every topic; `stop` ends it early.
    pub fn compact(&self, now_ms: i64, stop: impl Fn() -> bool) {
        for topic in self.all().iter().filter(|topic| topic.rules.compaction.is_some()) {
            for (number, partition) in topic.partitions.iter().enumerate() {
                if let Err(error) = partition.compact(&topic.rules, now_ms, &stop) {
                    tracing::warn!(
                        "{}-{number} could not be compacted and will be tried again: {error}",
                        topic.name
                    );
                }
            }
        }
    }
}

impl Topic {
    /// The partition with this number.
    pub fn partition(&self, number: i32) -> Option<Arc<Partition>> {
        self.partitions.get(usize::try_from(number).ok()?).cloned()
    }
}

fn open_topic(folder: &Path, sync: bool) -> crate::Result<Option<Topic>> {
    let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let path = folder.join("topic.json");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::remove_dir_all(folder).ok();
            return Ok(None);
        }
        Err(error) => return Err(crate::Error::from(error).at(path.display())),
    };
    let card: Card = serde_json::from_slice(&bytes)
        .map_err(|error| crate::Error::failed(error.to_string()).at(path.display()))?;
    let topic = open_partitions(name, card, Some(folder), sync);
    topic.map(Some).map_err(|error| crate::Error::from(error).at(folder.display()))
}

fn make_topic(name: &str, card: Card, folder: Option<&Path>, sync: bool) -> io::Result<Topic> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
        write_card(folder, &card)?;
    }
    open_partitions(name, card, folder, sync)
}

fn open_partitions(name: &str, card: Card, folder: Option<&Path>, sync: bool) -> io::Result<Topic> {
    let partitions = (0..card.partitions)
        .map(|at| Partition::open(folder.map(|folder| folder.join(at.to_string())).as_deref()))
        .collect::<io::Result<_>>()?;
    let rules = settings::rules(&card.settings, sync);
    let (name, traffic) = (name.to_string(), Arc::default());
    Ok(Topic { name, id: card.id, partitions, rules, settings: card.settings, traffic })
}

fn write_card(folder: &Path, card: &Card) -> io::Result<()> {
    write_whole(&folder.join("topic.json"), &serde_json::to_vec_pretty(card)?)
}

/// Whether a topic can have this name.
///
/// # Errors
/// `InvalidTopicException`, in Kafka's words.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let why = match name {
        "" => "Topic name is invalid: the empty string is not allowed".to_string(),
        "." | ".." => "Topic name is invalid: '.' or '..' is not allowed".to_string(),
        _ if name.len() > 249 => {
            format!("Topic name is invalid: the length of '{name}' is longer than the max allowed length 249")
        }
        _ if !name.chars().all(legal) => format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
        _ => return Ok(()),
    };
    Err(Refusal(ResponseError::InvalidTopicException, why))
}

fn check_count(partitions: usize, taken: usize) -> Result<(), Refusal> {
    if partitions == 0 {
        let message = "Number of partitions was set to an invalid non-positive value.";
        return Err(Refusal(ResponseError::InvalidPartitions, message.into()));
    }
    if partitions > MOST_PARTITIONS.saturating_sub(taken) {
        let message = format!("This broker keeps at most {MOST_PARTITIONS} partitions.");
        return Err(Refusal(ResponseError::InvalidPartitions, message));
    }
    Ok(())
}

fn unknown(name: &str) -> Refusal {
    let message = format!("The topic '{name}' does not exist.");
    Refusal(ResponseError::UnknownTopicOrPartition, message)
}

fn unwritable(error: io::Error) -> Refusal {
    tracing::error!(%error, "a topic could not be written");
    Refusal(ResponseError::KafkaStorageError, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_noted_once_however_often_others_wake_it() {
        let partition = Partition::open(None).unwrap();
        let bell = Arc::new(Notify::new());
        (0..100).for_each(|_| partition.wait(&bell));
        assert_eq!(partition.waiting.lock().unwrap().len(), 1);
        let others: Vec<_> = (0..100).map(|_| Arc::new(Notify::new())).collect();
        others.iter().for_each(|other| partition.wait(other));
        assert_eq!(partition.waiting.lock().unwrap().len(), 101);
        drop(others);
        partition.wait(&Arc::new(Notify::new()));
        assert!(partition.waiting.lock().unwrap().len() <= 2);
    }
}
