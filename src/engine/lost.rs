//! What becomes of rows on which an expression fails when operators give them: windows, and rows of an outer join without a
//! match. Their records were read long ago, and have counted wherever else the query has them.

use super::graph::Lost;
use super::letters::{DeadLetter, Known};
use super::{Engine, Running};
use crate::Result;
use crate::record::letter::Stage;
use crate::record::reject::{Code, Reject};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Why records were refused, by offset.
type Reasons = BTreeMap<i64, Reject>;

impl Engine<'_> {
    /// Makes dead letters of them. A record is one letter, in however many rows it was.
    pub(super) fn refuse_lost(&mut self, running: &mut Running) -> Result<()> {
        let mut by_partition: BTreeMap<(usize, i32), Reasons> = BTreeMap::new();
        for Lost { topic, record, reason } in self.graph.take_lost() {
            let reject = Reject::new(Code::TransformFailed, reason);
            let Some((partition, offset)) = record else {
                running.refused(topic, reject.code);
                self.refuse_row(topic, Known::Nothing, &reject)?;
                continue;
            };
            let reasons = by_partition.entry((topic, partition)).or_default();
            if let Entry::Vacant(first) = reasons.entry(offset) {
                running.refused(topic, reject.code);
                first.insert(reject);
            }
        }
        let mut each = by_partition.into_iter();
        each.try_for_each(|((topic, partition), reasons)| self.refuse_again(topic, partition, reasons))
    }

    /// Refuses records of a partition, which are read again where letters are kept. Of one that is not there any more its place
    /// is known.
    fn refuse_again(&mut self, topic: usize, partition: i32, mut reasons: Reasons) -> Result<()> {
        if self.refused.keeps() {
            let offsets: BTreeSet<i64> = reasons.keys().copied().collect();
            let (refused, mut failed) = (&mut self.refused, Ok(()));
            let name = &self.graph.plan().scans[topic].topic.name;
            self.topics.read_again(topic, partition, &offsets, &mut |record| {
                let Some(reject) = reasons.remove(&record.offset).filter(|_| failed.is_ok()) else { return };
                let (record, stage) = (Known::Record(record), Stage::Result);
                failed = refused.take(&DeadLetter { topic: name, record, stage, reject: &reject });
            })?;
            failed?;
        }
        let mut left = reasons.iter();
        left.try_for_each(|(offset, reject)| self.refuse_row(topic, Known::Place(partition, *offset), reject))
    }

    fn refuse_row(&mut self, topic: usize, record: Known<'_>, reject: &Reject) -> Result<()> {
        let topic = &self.graph.plan().scans[topic].topic.name;
        self.refused.take(&DeadLetter { topic, record, stage: Stage::Result, reject })
    }
}

impl Running {
    /// Counts a record of a topic that was refused after all of the batch was read.
    fn refused(&mut self, topic: usize, code: Code) {
        if let Some(counts) = self.counts.get_mut(topic) {
            *counts.rejected.entry(code).or_default() += 1;
        }
    }
}
