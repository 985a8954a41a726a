//! Consumer groups and their committed offsets, and the ids of idempotent producers: all that the
//! journal keeps.

mod expiry;
mod group;
mod member;

pub use group::{Group, State};
pub use member::{Caller, Join, JoinAnswer, Joined, NotJoined, SyncAnswer};

use super::journal::{Committed, Entry, Journal};
use crate::clock::Clock;
use kafka_protocol::ResponseError;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Producer ids are reserved in blocks, so that not every one is written down.
const ID_BLOCK: i64 = 1_000;

/// A position in a partition, by its topic's name and its number.
pub type Place = (String, i32);

/// Every group.
pub struct Groups {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    all: BTreeMap<String, Group>,
    journal: Journal<Entry>,
    next_producer_id: i64,
    reserved_below: i64,
}

impl Groups {
    /// Opens the groups as the journal at `path` left them, or none in memory.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn open(path: Option<&Path>, sync: bool, clock: Arc<dyn Clock>) -> crate::Result<Self> {
        let mut all: BTreeMap<String, Group> = BTreeMap::new();
        let (mut reserved_below, now_ms) = (0, clock.now() / 1_000);
        let replay = |entry| match entry {
            Entry::Commit { group, topic, partition, committed } => {
                all.entry(group).or_default().offsets.insert((topic, partition), committed);
            }
            Entry::ForgetOffset { group, topic, partition } => {
                if let Some(group) = all.get_mut(&group) {
                    group.forget(&(topic, partition));
                }
            }
            Entry::Pending { group, producer_id, topic, partition, committed } => {
                let pending = all.entry(group).or_default().pending.entry(producer_id).or_default();
                pending.insert((topic, partition), committed);
            }
            Entry::EndPending { group, producer_id, commits } => {
                if let Some(group) = all.get_mut(&group) {
                    group.end_pending(producer_id, commits);
                }
            }
            Entry::Group { group, protocol_type, emptied } => {
                let group = all.entry(group).or_default();
                group.protocol_type.clone_from(&protocol_type);
                // Members that it still had ended with the broker.
                group.emptied = (!protocol_type.is_empty()).then(|| emptied.unwrap_or(now_ms));
                group.saved = Some((protocol_type, emptied)).filter(|(kind, _)| !kind.is_empty());
            }
            Entry::ProducerIds { below } => reserved_below = below,
        };
        let journal = Journal::open(path, sync, replay).map_err(|error| match path {
            Some(path) => crate::Error::from(error).at(path.display()),
            None => error.into(),
        })?;
        all.retain(|_, group| !group.is_gone());
        let inner = Inner { all, journal, next_producer_id: reserved_below, reserved_below };
        Ok(Self { clock, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or changes one group, made if it is not there.
    fn with<T>(&self, group: &str, act: impl FnOnce(&mut Group, crate::clock::Micros) -> T) -> T {
        let mut inner = self.lock();
        let answer = act(inner.all.entry(group.to_string()).or_default(), self.clock.now());
        inner.save(group);
        answer
    }

    /// Joins a group; waits until everyone has.
    ///
    /// # Errors
    /// Why the member may not join, with the id that it should use.
    pub async fn join(&self, group: &str, join: Join) -> JoinAnswer {
        let (answer, answered) = oneshot::channel();
        let id = join.member_id.clone();
        self.with(group, |group, now| group.join(join, now, answer));
        answered.await.unwrap_or(Err(NotJoined(ResponseError::RebalanceInProgress, id)))
    }

    /// Gives or gets the assignment; waits until the leader has given it.
    ///
    /// # Errors
    /// An unknown member or generation, or a rebalance that began.
    pub async fn sync(
        &self,
        group: &str,
        caller: Caller<'_>,
        assignments: Vec<(String, bytes::Bytes)>,
    ) -> SyncAnswer {
        let (answer, answered) = oneshot::channel();
        self.existing(group, |group, now| {
            group.sync(caller, assignments, now, answer);
            Ok(())
        })?;
        answered.await.unwrap_or(Err(ResponseError::RebalanceInProgress))
    }

    fn existing<T>(
        &self,
        group: &str,
        act: impl FnOnce(&mut Group, crate::clock::Micros) -> Result<T, ResponseError>,
    ) -> Result<T, ResponseError> {
        let mut inner = self.lock();
        let known = inner.all.get_mut(group).ok_or(ResponseError::UnknownMemberId)?;
        let answer = act(known, self.clock.now());
        inner.save(group);
        answer
    }

    /// See [`Group::heartbeat`].
    ///
    /// # Errors
    /// As there.
    pub fn heartbeat(&self, group: &str, caller: Caller<'_>) -> Result<(), ResponseError> {
        self.existing(group, |group, now| group.heartbeat(caller, now))
    }

    /// See [`Group::leave`].
    ///
    /// # Errors
    /// As there.
    pub fn leave(&self, group: &str, member: &str, instance: Option<&str>) -> Result<(), ResponseError> {
        self.existing(group, |group, now| group.leave(member, instance, now))
    }

    /// Commits offsets, all or none of them.
    ///
    /// # Errors
    /// As [`Group::check_commit`]; `NotCoordinator` if they cannot be written.
    pub fn commit(
        &self,
        name: &str,
        caller: Caller<'_>,
        offsets: Vec<(Place, Committed)>,
    ) -> Result<(), ResponseError> {
        let mut inner = self.lock();
        let now = self.clock.now();
        if let Some(group) = inner.all.get_mut(name) {
            group.check_commit(caller, now)?;
        } else if caller.generation >= 0 {
            return Err(ResponseError::IllegalGeneration);
        }
        let entry = |((topic, partition), committed): &(Place, Committed)| Entry::Commit {
            group: name.to_string(),
            topic: topic.clone(),
            partition: *partition,
            committed: committed.clone(),
        };
        let entries: Vec<Entry> = offsets.iter().map(entry).collect();
        inner.journal.append(&entries).map_err(unwritable)?;
        inner.all.entry(name.to_string()).or_default().offsets.extend(offsets);
        Ok(())
    }

    /// Keeps offsets until the transaction of `producer_id` ends, all or none of them.
    ///
    /// # Errors
    /// As [`Group::check_pending`]; `NotCoordinator` if they cannot be written.
    pub fn commit_pending(
        &self,
        name: &str,
        caller: Caller<'_>,
        producer_id: i64,
        offsets: Vec<(Place, Committed)>,
    ) -> Result<(), ResponseError> {
        let mut inner = self.lock();
        let now = self.clock.now();
        if let Some(group) = inner.all.get_mut(name) {
            group.check_pending(caller, now)?;
        } else if caller.generation >= 0 {
            return Err(ResponseError::IllegalGeneration);
        }
        let entries = pending_entries(name, producer_id, offsets.iter().map(|(place, at)| (place, at)));
        inner.journal.append(&entries).map_err(unwritable)?;
        let group = inner.all.entry(name.to_string()).or_default();
        group.pending.entry(producer_id).or_default().extend(offsets);
        Ok(())
    }

    /// Ends a producer's transaction: what it kept for a group is committed, or forgotten.
    ///
    /// # Errors
    /// `NotCoordinator` if it cannot be written; then nothing has changed.
    pub fn end_pending(&self, name: &str, producer_id: i64, commits: bool) -> Result<(), ResponseError> {
        let mut inner = self.lock();
        let Inner { all, journal, .. } = &mut *inner;
        let Some(group) = all.get_mut(name).filter(|group| group.pending.contains_key(&producer_id)) else {
            return Ok(());
        };
        let entry = Entry::EndPending { group: name.to_string(), producer_id, commits };
        journal.append(&[entry]).map_err(unwritable)?;
        group.end_pending(producer_id, commits);
        Ok(())
    }

    /// Looks at a group, if it is there.
    pub fn look<T>(&self, group: &str, look: impl FnOnce(&Group) -> T) -> Option<T> {
        self.lock().all.get(group).map(look)
    }

    /// Looks at every group.
    pub fn look_at_all<T>(&self, mut look: impl FnMut(&str, &Group) -> T) -> Vec<T> {
        self.lock().all.iter().map(|(name, group)| look(name, group)).collect()
    }

    /// Deletes a group that nobody is in, with its offsets.
    ///
    /// # Errors
    /// `NonEmptyGroup`, `GroupIdNotFound`; `NotCoordinator` if it cannot be written.
    pub fn delete(&self, name: &str) -> Result<(), ResponseError> {
        let mut inner = self.lock();
        let group = inner.all.get(name).ok_or(ResponseError::GroupIdNotFound)?;
        if !group.members.is_empty() {
            return Err(ResponseError::NonEmptyGroup);
        }
        let places: Vec<Place> = group.places().cloned().collect();
        inner.forget(name, &places)?;
        inner.remove(name);
        Ok(())
    }

    /// Forgets offsets of topics that the group has not subscribed to; says for each place how it went.
    ///
    /// # Errors
    /// `GroupIdNotFound`.
    pub fn delete_offsets(
        &self,
        name: &str,
        places: &[Place],
    ) -> Result<Vec<Result<(), ResponseError>>, ResponseError> {
        let mut inner = self.lock();
        let group = inner.all.get(name).ok_or(ResponseError::GroupIdNotFound)?;
        let subscribed = group.subscribed();
        let answers = places.iter().map(|place| {
            if subscribed.contains(&place.0) {
                return Err(ResponseError::GroupSubscribedToTopic);
            }
            inner.forget(name, std::slice::from_ref(place))
        });
        Ok(answers.collect())
    }

    /// Forgets the offsets of a deleted topic.
    pub fn forget_topic(&self, topic: &str) {
        let mut inner = self.lock();
        let of_topic = |group: &Group| {
            let places = group.places().filter(|(name, _)| name == topic);
            places.cloned().collect::<Vec<Place>>()
        };
        let found: Vec<_> = inner.all.iter().map(|(name, group)| (name.clone(), of_topic(group))).collect();
        for (name, places) in found {
            if let Err(error) = inner.forget(&name, &places) {
                tracing::error!(group = %name, topic, %error, "offsets of a deleted topic are left");
            }
        }
    }

    /// A producer id that was never given out.
    ///
    /// # Errors
    /// `CoordinatorLoadInProgress` if none can be reserved: producers ask again.
    pub fn new_producer_id(&self) -> Result<i64, ResponseError> {
        let mut inner = self.lock();
        if inner.next_producer_id >= inner.reserved_below {
            let below = inner.next_producer_id + ID_BLOCK;
            let reserved = inner.journal.append(&[Entry::ProducerIds { below }]).map_err(unwritable);
            reserved.map_err(|_| ResponseError::CoordinatorLoadInProgress)?;
            inner.reserved_below = below;
        }
        inner.next_producer_id += 1;
        Ok(inner.next_producer_id - 1)
    }

    /// Forgets the offsets that have had their time.
    pub fn expire_offsets(&self) {
        let now_ms = self.clock.now() / 1_000;
        let mut inner = self.lock();
        let expired: Vec<_> =
            inner.all.iter().map(|(name, group)| (name.clone(), group.expired(now_ms))).collect();
        for (name, places) in expired.into_iter().filter(|(_, places)| !places.is_empty()) {
            match inner.forget(&name, &places) {
                Ok(()) => {
                    tracing::info!(group = %name, "{} offsets were kept for their time and go", places.len())
                }
                Err(error) => tracing::error!(group = %name, %error, "old offsets are left"),
            }
        }
    }

    /// Lets time pass: members that are gone, rebalances that are over, a journal that is stale.
    pub fn tick(&self) {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.all.values_mut().for_each(|group| group.tick(now));
        let changed = |(name, group): (&String, &Group)| {
            (group.is_gone() || group.unsaved().is_some()).then(|| name.clone())
        };
        let changed: Vec<String> = inner.all.iter().filter_map(changed).collect();
        for name in &changed {
            match inner.all.get(name).is_some_and(Group::is_gone) {
                true => inner.remove(name),
                false => inner.save(name),
            }
        }
        if inner.journal.is_stale() {
            let entries = inner.entries();
            if let Err(error) = inner.journal.rewrite(&entries) {
                tracing::warn!(%error, "the journal could not be written anew");
            }
        }
    }
}

impl Inner {
    /// Tells the journal what it does not know of the group's members.
    fn save(&mut self, name: &str) {
        let Some((protocol_type, emptied)) = self.all.get(name).and_then(Group::unsaved) else { return };
        self.write_group(name, &protocol_type, emptied);
        if let Some(group) = self.all.get_mut(name) {
            group.saved = Some((protocol_type, emptied));
        }
    }

    /// Removes a group of which nothing is left.
    fn remove(&mut self, name: &str) {
        if self.all.remove(name).is_some_and(|group| group.saved.is_some()) {
            self.write_group(name, "", None);
        }
    }

    fn write_group(&mut self, name: &str, protocol_type: &str, emptied: Option<i64>) {
        let (group, protocol_type) = (name.to_string(), protocol_type.to_string());
        if let Err(error) = self.journal.append(&[Entry::Group { group, protocol_type, emptied }]) {
            tracing::error!(group = %name, %error, "a group's change could not be written");
        }
    }

    fn forget(&mut self, name: &str, places: &[Place]) -> Result<(), ResponseError> {
        let Some(group) = self.all.get_mut(name).filter(|_| !places.is_empty()) else { return Ok(()) };
        let entry = |(topic, partition): &Place| Entry::ForgetOffset {
            group: name.to_string(),
            topic: topic.clone(),
            partition: *partition,
        };
        let entries: Vec<Entry> = places.iter().map(entry).collect();
        self.journal.append(&entries).map_err(unwritable)?;
        places.iter().for_each(|place| group.forget(place));
        Ok(())
    }

    /// All that a new journal must say.
    fn entries(&self) -> Vec<Entry> {
        let commits = self.all.iter().flat_map(|(name, group)| {
            group.offsets.iter().map(|((topic, partition), committed)| Entry::Commit {
                group: name.clone(),
                topic: topic.clone(),
                partition: *partition,
                committed: committed.clone(),
            })
        });
        let groups = self.all.iter().filter_map(|(name, group)| {
            let (protocol_type, emptied) = group.saved.clone()?;
            Some(Entry::Group { group: name.clone(), protocol_type, emptied })
        });
        let pending = self.all.iter().flat_map(|(name, group)| {
            group.pending.iter().flat_map(|(id, offsets)| pending_entries(name, *id, offsets.iter()))
        });
        let ids = Entry::ProducerIds { below: self.reserved_below };
        commits.chain(groups).chain(pending).chain([ids]).collect()
    }
}

fn pending_entries<'a>(
    group: &str,
    producer_id: i64,
    offsets: impl Iterator<Item = (&'a Place, &'a Committed)>,
) -> Vec<Entry> {
    let entry = |((topic, partition), committed): (&Place, &Committed)| Entry::Pending {
        group: group.to_string(),
        producer_id,
        topic: topic.clone(),
        partition: *partition,
        committed: committed.clone(),
    };
    offsets.map(entry).collect()
}

/// As on Apache Kafka, whose coordinator is another one then: every client asks again.
fn unwritable(error: std::io::Error) -> ResponseError {
    tracing::error!(%error, "the journal could not be written");
    ResponseError::NotCoordinator
}
