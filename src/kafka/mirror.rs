//! How far a query has come, shown to lag tools as the offsets of a consumer group. Nothing is read back
//! from there.

use super::context::Context;
use crate::host;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Lag tools see positions that are at most so old: a commit by batch would be hundreds in a second.
const EVERY: Duration = Duration::from_secs(1);

/// The next record to read, by partition: as it is, and as it was shown.
#[derive(Debug, Default)]
pub struct Mirror {
    done: BTreeMap<i32, i64>,
    shown: BTreeMap<i32, i64>,
    shown_at: Option<Instant>,
    query: Option<String>,
}

impl Mirror {
    /// The positions are those of the query with this checkpoint.
    pub fn of(&mut self, query: Option<String>) {
        self.query = query;
    }

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
        let owner = Owner::here(self.query.clone()).to_string();
        for (partition, next) in &self.done {
            let mut element = list.add_partition(topic, *partition);
            element.set_offset(Offset::Offset(*next))?;
            element.set_metadata(&owner);
        }
        Ok(list)
    }
}

/// Who mirrors. It stands beside each offset as `ecap-consume on HOST, process 7, query NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The machine.
    pub host: String,
    /// The process there.
    pub process: u32,
    /// The query's checkpoint, where it keeps one: a name, a folder or a URL.
    pub query: Option<String>,
}

impl Owner {
    fn here(query: Option<String>) -> Self {
        Self { host: host::name(), process: std::process::id(), query }
    }

    /// Who wrote this beside an offset, if it was a query.
    pub fn parse(metadata: &str) -> Option<Self> {
        let (host, rest) = metadata.strip_prefix(WHO)?.split_once(PROCESS)?;
        let (process, query) = match rest.split_once(QUERY) {
            Some((process, query)) => (process, Some(query.to_string())),
            None => (rest, None),
        };
        Some(Self { host: host.into(), process: process.parse().ok()?, query })
    }
}

const WHO: &str = "ecap-consume on ";
const PROCESS: &str = ", process ";
const QUERY: &str = ", query ";

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, process, query } = self;
        write!(f, "{WHO}{host}{PROCESS}{process}")?;
        query.as_ref().map_or(Ok(()), |query| write!(f, "{QUERY}{query}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_mirrors_is_read_as_it_was_written() {
        for query in [None, Some("revenue, query 2".to_string())] {
            let owner = Owner { host: "host-1".into(), process: 7, query };
            assert_eq!(Owner::parse(&owner.to_string()), Some(owner));
        }
        for other in ["", "ecap-consume", "ecap-consume on h, process x", "consumer-7"] {
            assert_eq!(Owner::parse(other), None, "{other}");
        }
    }
}
