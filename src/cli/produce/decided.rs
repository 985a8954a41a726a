//! Client settings that are no choice here: what is promised of every record, and what a flag says.

use crate::kafka::config::Connection;
use crate::{Error, Result};

const REPLICAS: &str = "every record is acknowledged by all replicas";
const ONCE: &str = "retries double nothing";

/// A setting, the values that it may have, and why.
const DECIDED: [(&str, &[&str], &str); 6] = [
    ("acks", &["all", "-1"], REPLICAS),
    ("request.required.acks", &["all", "-1"], REPLICAS),
    ("enable.idempotence", &["true"], ONCE),
    ("transactional.id", &[], "--transactional-id gives it"),
    ("delivery.timeout.ms", &[], "--delivery-timeout gives it"),
    ("message.timeout.ms", &[], "--delivery-timeout gives it"),
];

/// Sees to it that nobody's setting is passed over in silence.
///
/// # Errors
/// A usage error with what to do in its place.
pub fn check(connection: &Connection) -> Result<()> {
    for (name, values, why) in DECIDED {
        if let Some(value) = connection.property(name).filter(|value| !values.contains(value)) {
            return Err(Error::usage(format!("client setting {name} cannot be '{value}': {why}"))
                .hint("leave the setting out"));
        }
    }
    Ok(())
}
