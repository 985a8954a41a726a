//! A topic that a producer sends to.

use super::facts;
use crate::Result;
use crate::kafka::config::Connection;
use crate::partitioner;

/// So many records without a key go to a partition before the next has its turn.
const KEYLESS: u64 = 1_000;

/// A topic, and which of its partitions is next.
pub struct Target {
    /// Its name.
    pub topic: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many bytes a batch may have, where that is known.
    pub most: Option<usize>,
    /// The topic is compacted: the broker would refuse a whole batch for one record without a key.
    wants_keys: bool,
    /// Records without a key so far.
    keyless: u64,
}

impl Target {
    /// The topic of this name.
    ///
    /// # Errors
    /// When it is not there, or the cluster does not answer.
    pub fn of(connection: &Connection, topic: &str) -> Result<Self> {
        let partitions = facts::partitions(connection, topic)?;
        let settings = facts::settings(connection, topic)?;
        Ok(Self {
            topic: topic.into(),
            partitions,
            most: settings.get("max.message.bytes").and_then(|there| there.parse().ok()),
            wants_keys: settings.get("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
            keyless: 0,
        })
    }

    /// The partition of the next record, by its key; none where it takes no record without one. Records without a key fill
    /// a batch of one partition before that of the next.
    pub fn partition(&mut self, key: Option<&[u8]>) -> Option<u32> {
        match key {
            Some(key) => Some(partitioner::of_key(key, self.partitions)),
            None if self.wants_keys => None,
            None => {
                let turn = self.keyless / KEYLESS;
                self.keyless += 1;
                Some((turn % u64::from(self.partitions)) as u32)
            }
        }
    }
}
