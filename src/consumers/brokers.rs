//! Asks the broker whether it is there, and where the topics end that consumers read.

use super::supervisor::Supervisor;
use crate::Result;
use crate::clock::{Stop, Timer};
use crate::kafka::config::Connection;
use crate::kafka::start::bounds;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(2);

/// Asks until the end is asked for.
pub fn watch(supervisor: &Arc<Supervisor>, connection: &Connection, timer: &dyn Timer, stop: &Stop) {
    while !timer.wait(EVERY, stop) {
        let vitals = supervisor.vitals();
        let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for (topic, partitions) in vitals.iter().flat_map(|vitals| vitals.reads()) {
            topics.insert(topic, partitions);
        }
        if topics.is_empty() {
            continue;
        }
        let trouble = connection.check().err();
        vitals.iter().for_each(|vitals| vitals.broker(trouble.as_ref().map(|error| error.message().into())));
        if trouble.is_some() {
            continue;
        }
        for (topic, partitions) in topics {
            match ends(connection, &topic, &partitions) {
                Ok(ends) => vitals.iter().for_each(|vitals| vitals.ends(&topic, ends.clone())),
                Err(error) => tracing::debug!("{error}"),
            }
        }
    }
}

fn ends(connection: &Connection, topic: &str, partitions: &[i32]) -> Result<BTreeMap<i32, i64>> {
    let bounds = bounds(connection.questioner()?.as_ref(), topic, partitions)?;
    Ok(bounds.into_iter().map(|(partition, (_, end))| (partition, end)).collect())
}
