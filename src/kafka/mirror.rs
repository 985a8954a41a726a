//! How far a query has come, shown to lag tools as the offsets of a consumer group. Nothing is read back
//! from there.

use super::context::Context;
use crate::host;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Lag tools see positions that are at most so old: a commit by batch would be hundreds in a second.
const EVERY: Duration = Duration::from_secs(1);

/// The next record to read, by partition: as it is, and as it was shown.
#[derive(Debug, Default)]
pub struct Mirror {
    done: BTreeMap<i32, i64>,
    shown: BTreeMap<i32, i64>,
    shown_at: Option<Instant>,
}

impl Mirror {
    /// A batch is done, up to these offsets.
    pub fn done(&mut self, offsets: BTreeMap<i32, i64>) {
        self.done = offsets;
    }

    /// Shows what is not shown yet, unless something was shown just now.
    pub fn show_when_due(&mut self, consumer: &BaseConsumer<Context>, topic: &str) {
        if self.shown_at.is_none_or(|at| at.elapsed() >= EVERY) {
            self.show(consumer, topic);
        }
    }

    /// Shows what is not shown yet.
    pub fn show(&mut self, consumer: &BaseConsumer<Context>, topic: &str) {
        if self.done == self.shown {
            return;
        }
        self.shown_at = Some(Instant::now());
        match self.list(topic).and_then(|list| consumer.commit(&list, CommitMode::Async)) {
            Ok(()) => self.shown.clone_from(&self.done),
            // Only lag tools look at it, so the query goes on.
            Err(error) => tracing::warn!("the positions could not be shown to lag tools: {error}"),
        }
    }

    fn list(&self, topic: &str) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        let owner = owner();
        for (partition, next) in &self.done {
            let mut element = list.add_partition(topic, *partition);
            element.set_offset(Offset::Offset(*next))?;
            element.set_metadata(&owner);
        }
        Ok(list)
    }
}

/// Who mirrors: for people who look at the group.
fn owner() -> String {
    format!("ecap-consume on {}, process {}", host::name(), std::process::id())
}
