//! What a producer has to know of its topic.

use crate::kafka::admin::{Admin, may_not_see};
use crate::kafka::config::Connection;
use crate::{Error, Result};
use rdkafka::consumer::Consumer as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many partitions a topic has. All topics are asked for, so that no broker creates this one.
///
/// # Errors
/// When it is not there, or the cluster does not answer.
pub fn partitions(connection: &Connection, topic: &str) -> Result<u32> {
    let metadata = connection.questioner()?.fetch_metadata(None, Duration::from_secs(8));
    let metadata =
        metadata.map_err(|error| Error::unreachable(format!("cannot list the topics: {error}")))?;
    let found = metadata.topics().iter().find(|there| there.name() == topic);
    let found = found.map(|topic| topic.partitions().len()).filter(|partitions| *partitions > 0);
    match found {
        Some(partitions) => Ok(partitions as u32),
        None if Admin::new(connection)?.may_not_see(topic)? => Err(may_not_see("topic", topic)),
        None => {
            let error = Error::failed(format!("topic '{topic}' is not there"));
            Err(error.hint("make it with `ecap-topics create-topics`"))
        }
    }
}

/// A topic's settings by their names; none where they may not be asked for.
///
/// # Errors
/// A usage error where a client setting is wrong.
pub fn settings(connection: &Connection, topic: &str) -> Result<BTreeMap<String, String>> {
    let settings = Admin::new(connection)?.settings(&[topic], &[]);
    let settings = settings.inspect_err(|error| tracing::debug!("{error}")).unwrap_or_default();
    Ok(settings.into_values().flatten().map(|setting| (setting.name, setting.value)).collect())
}
