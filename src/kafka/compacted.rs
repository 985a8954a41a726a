//! Topics in which something is remembered: the last record of each key stays.

use super::admin::{Admin, PATIENCE, Setting};
use super::config::Connection;
use crate::catalog::Topic;
use crate::record::schema::Schema;
use crate::{Error, Result};

/// Their settings: the last record of each key stays, and few others have to be read.
const SETTINGS: [(&str, &str); 3] =
    [("cleanup.policy", "compact"), ("segment.ms", "3600000"), ("min.cleanable.dirty.ratio", "0.1")];

/// Makes the topic where it is not there, and sees to it that it is compacted.
///
/// # Errors
/// When the cluster does not answer or refuses; a usage error when the topic is there and not compacted.
pub fn make(connection: &Connection, name: &str) -> Result<()> {
    let admin = Admin::new(connection)?;
    let cluster = admin.cluster(PATIENCE)?;
    if cluster.topic(name).is_none() {
        let config = SETTINGS.map(|(name, value)| (name.to_string(), value.to_string()));
        let replication = cluster.brokers.len().clamp(1, 3) as i32;
        let topic = Topic {
            replication,
            config: config.into_iter().collect(),
            ..Topic::undeclared(name, Schema::default())
        };
        return admin.create(&[topic], false);
    }
    // Who may not ask for settings has to know them.
    let settings = admin.settings(&[name], &["cleanup.policy"]).unwrap_or_default();
    let is_policy = |setting: &&Setting| setting.name == "cleanup.policy";
    let policy = settings.get(name).and_then(|settings| settings.iter().find(is_policy));
    if policy.is_some_and(|policy| !policy.value.contains("compact")) {
        let message = format!("topic '{name}' is not compacted, and would forget what it is to remember");
        return Err(Error::usage(message).hint("set its cleanup.policy to compact"));
    }
    Ok(())
}
