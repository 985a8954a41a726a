//! How much a reader hands over: of all partitions together, and of each.

use super::reader::Reader;
use crate::Result;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::collections::BTreeSet;

impl Reader {
    /// Lets partitions wait that have handed over what they may, and the others go on.
    pub(super) fn hold(&mut self, held: BTreeSet<i32>) -> Result<()> {
        let list = |partitions: &mut dyn Iterator<Item = &i32>| {
            let mut list = TopicPartitionList::new();
            partitions.for_each(|partition| {
                list.add_partition(&self.topic, *partition);
            });
            list
        };
        let (stop, go) = (list(&mut held.difference(&self.held)), list(&mut self.held.difference(&held)));
        for (list, stops) in [(stop, true), (go, false)] {
            let done = match (list.count(), stops) {
                (0, _) => Ok(()),
                (_, true) => self.consumer.pause(&list),
                (_, false) => self.consumer.resume(&list),
            };
            done.map_err(|error| self.lost(&error))?;
        }
        self.held = held;
        Ok(())
    }

    /// The partitions that have handed over what they may.
    pub(super) fn sated(&self) -> BTreeSet<i32> {
        let Some(most) = self.allowance.per_partition else { return BTreeSet::new() };
        let sated = self.taken.iter().filter(|(_, taken)| **taken >= most);
        sated.map(|(partition, _)| *partition).collect()
    }

    /// How many records may be taken next, `most` at most.
    pub(super) fn room(&self, most: usize) -> usize {
        let all =
            self.allowance.records.map_or(u64::MAX, |all| all - self.taken.values().sum::<u64>().min(all));
        let each = self.allowance.per_partition.map_or(u64::MAX, |each| {
            let room =
                |partition: &i32| each - self.taken.get(partition).map_or(0, |taken| (*taken).min(each));
            self.positions.keys().map(room).filter(|room| *room > 0).min().unwrap_or(0)
        });
        most.min(usize::try_from(all.min(each)).unwrap_or(usize::MAX))
    }
}
