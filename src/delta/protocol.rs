//! What a table asks of its writers, and whether we do it.

use super::wrong;
use crate::{Error, Result};
use deltalake::kernel::{Metadata, Protocol};

/// Features that ask nothing of who adds files and takes them away.
const HARMLESS: [&str; 7] = [
    "appendOnly",
    "deletionVectors",
    "domainMetadata",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "checkpointProtection",
];

/// Features that ask something only where the table's description uses them.
const USED: [&str; 6] = [
    "invariants",
    "checkConstraints",
    "changeDataFeed",
    "generatedColumns",
    "columnMapping",
    "identityColumns",
];

/// What stands in the description of a column that a writer has to compute or compare.
const OF_COLUMNS: [(&str, &str); 3] = [
    ("delta.invariants", "an invariant"),
    ("delta.generationExpression", "a generated column"),
    ("delta.identity.", "an identity column"),
];

/// Sees to it that a table may be written, by who takes rows away or does not.
///
/// # Errors
/// A usage error with what is asked.
pub fn check(protocol: &Protocol, metadata: &Metadata, removes: bool) -> Result<()> {
    let refused = |what: String| {
        let error = Error::usage(format!("the table has {what}, which ecap does not write"));
        Err(error.hint("name another table, or change its properties"))
    };
    for feature in protocol.writer_features().unwrap_or_default() {
        let name = feature.to_string();
        if !HARMLESS.contains(&name.as_str()) && !USED.contains(&name.as_str()) {
            return refused(format!("the feature {name}"));
        }
    }
    let schema = serde_json::to_string(&metadata.parse_schema().map_err(wrong)?);
    let schema = schema.map_err(|error| Error::failed(error.to_string()))?;
    if let Some((_, what)) = OF_COLUMNS.iter().find(|(key, _)| schema.contains(key)) {
        return refused((*what).into());
    }
    let properties = metadata.configuration();
    let is =
        |name: &str, value: &str| properties.get(name).is_some_and(|own| own.eq_ignore_ascii_case(value));
    if properties.keys().any(|name| name.starts_with("delta.constraints.")) {
        return refused("a constraint".into());
    }
    if properties.get("delta.columnMapping.mode").is_some_and(|mode| mode != "none") {
        return refused("mapped columns (delta.columnMapping.mode)".into());
    }
    if removes && is("delta.appendOnly", "true") {
        return Err(Error::usage("the table only takes rows and gives none up (delta.appendOnly)"));
    }
    if removes && is("delta.enableChangeDataFeed", "true") {
        return refused("a change data feed".into());
    }
    Ok(())
}
