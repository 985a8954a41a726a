//! Which records were sent back already: a record of the compacted topic `ecap-replayed` for each 10,000 offsets of a
//! partition, with the offsets that were. It is written in the transaction of the records themselves.

use crate::clock::Micros;
use crate::kafka::admin::{Admin, PATIENCE};
use crate::kafka::compacted;
use crate::kafka::config::Connection;
use crate::kafka::producer::{Outgoing, Producer};
use crate::kafka::tail::read_to_end;
use crate::record::letter::Letter;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// The topic, behind the prefix of the environment.
const TOPIC: &str = "ecap-replayed";

/// Where all records are, however many partitions somebody gave the topic.
const PARTITION: i32 = 0;

/// So many offsets stand in a record: in the worst case a value of 60 kB.
const BLOCK: i64 = 10_000;

/// The key of a record: where the letters come from, a topic and partition or a file, and which block.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Key(String, Option<i32>, i64);

/// The offsets of a block, as ranges from the first to the last, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Block(Vec<[i64; 2]>);

impl Block {
    fn has(&self, offset: i64) -> bool {
        let behind = self.0.partition_point(|[first, _]| *first <= offset);
        behind > 0 && self.0[behind - 1][1] >= offset
    }

    fn add(&mut self, offset: i64) {
        if self.has(offset) {
            return;
        }
        let at = self.0.partition_point(|[first, _]| *first <= offset);
        let follows = at > 0 && self.0[at - 1][1] + 1 == offset;
        let precedes = self.0.get(at).is_some_and(|[first, _]| offset + 1 == *first);
        match (follows, precedes) {
            (true, true) => self.0[at - 1][1] = self.0.remove(at)[1],
            (true, false) => self.0[at - 1][1] = offset,
            (false, true) => self.0[at][0] = offset,
            (false, false) => self.0.insert(at, [offset, offset]),
        }
    }
}

/// Which records were sent back.
pub struct Marks {
    topic: String,
    blocks: HashMap<Key, Block>,
    /// What was added since they were read.
    own: HashMap<Key, Block>,
    /// Those that changed since they were written.
    changed: BTreeSet<Key>,
}

impl Marks {
    /// What is known so far; nothing where the topic is not there. Who writes marks has the transactional id before it
    /// reads, so that nobody else adds one.
    ///
    /// # Errors
    /// When the cluster does not answer, or the topic holds something else.
    pub fn read(connection: &Connection, prefix: &str) -> Result<Self> {
        let (topic, changed) = (format!("{prefix}{TOPIC}"), BTreeSet::new());
        let mut marks = Self { topic, blocks: HashMap::new(), own: HashMap::new(), changed };
        let cluster = Admin::new(connection)?.cluster(PATIENCE)?;
        let Some(mut topic) = cluster.topic(&marks.topic).cloned() else { return Ok(marks) };
        topic.partitions.retain(|partition| partition.id == PARTITION);
        read_to_end(connection, &topic, &mut |record| {
            marks.note(record.key.as_deref(), record.value.as_deref()).map_err(|error| {
                Error::failed(format!("topic '{}', offset {}: {error}", marks.topic, record.offset))
            })
        })?;
        Ok(marks)
    }

    /// Makes the topic where it is not there.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses; a usage error when the topic would forget marks.
    pub fn make(connection: &Connection, prefix: &str) -> Result<()> {
        compacted::make(connection, &format!("{prefix}{TOPIC}"))
    }

    /// The topic that they are in.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Who wants marks to be forgotten leaves a null.
    fn note(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> serde_json::Result<()> {
        let key: Key = serde_json::from_slice(key.unwrap_or_default())?;
        match value {
            Some(value) => drop(self.blocks.insert(key, serde_json::from_slice(value)?)),
            None => drop(self.blocks.remove(&key)),
        }
        Ok(())
    }

    /// The place of a letter's record; none where that is not known.
    fn origin(letter: &Letter<'_>) -> Option<(Key, i64)> {
        let (place, partition, offset) = match letter.file {
            Some(file) => (file, None, letter.line?),
            None => (letter.topic, Some(letter.partition?), letter.offset?),
        };
        Some((Key(place.into(), partition, offset.div_euclid(BLOCK)), offset))
    }

    /// Whether the record of a letter was sent back: ever, or since the marks were read.
    pub fn has(&self, letter: &Letter<'_>, ever: bool) -> bool {
        let blocks = if ever { &self.blocks } else { &self.own };
        Self::origin(letter)
            .is_some_and(|(key, offset)| blocks.get(&key).is_some_and(|block| block.has(offset)))
    }

    /// The record of a letter is sent back.
    pub fn add(&mut self, letter: &Letter<'_>) {
        let Some((key, offset)) = Self::origin(letter) else { return };
        self.blocks.entry(key.clone()).or_default().add(offset);
        self.own.entry(key.clone()).or_default().add(offset);
        self.changed.insert(key);
    }

    /// Adds what changed to the producer's transaction.
    ///
    /// # Errors
    /// When the client cannot go on.
    pub fn write(&mut self, producer: &mut Producer, time: Micros) -> Result<()> {
        let text = |value: serde_json::Result<Vec<u8>>| {
            value.map_err(|error| Error::failed(format!("marks have no form: {error}")))
        };
        for key in std::mem::take(&mut self.changed) {
            let value = text(serde_json::to_vec(self.blocks.entry(key.clone()).or_default()))?;
            let key = text(serde_json::to_vec(&key))?;
            let (key, value) = (Some(&*key), Some(&*value));
            let record = Outgoing { key, value, headers: &[], time, line: u64::MAX };
            producer.send_beside(&self.topic, PARTITION as u32, record)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_block_has_what_was_added_in_as_few_ranges_as_there_are(offsets in prop::collection::vec(0_i64..40, 0..60)) {
            let mut block = Block::default();
            offsets.iter().for_each(|offset| block.add(*offset));
            let added: BTreeSet<_> = offsets.iter().copied().collect();
            for offset in -1..41 {
                prop_assert_eq!(block.has(offset), added.contains(&offset));
            }
            let begins = added.iter().filter(|offset| !added.contains(&(**offset - 1)));
            prop_assert_eq!(block.0.len(), begins.count());
            prop_assert!(block.0.is_sorted());
        }
    }
}
