//! Which command takes a query back to given offsets.

use super::at::At;
use crate::engine::checkpoint::{Store, inspect};
use crate::kafka::offsets::Partition;
use crate::place::is_url;
use std::collections::BTreeMap;

/// What to write so that the query with this checkpoint reads again from these offsets, or from before them. The number
/// of batches is there where the checkpoint is on this machine and remembers that far back.
pub fn rewind_command(checkpoint: Option<&str>, offsets: &BTreeMap<Partition, i64>) -> String {
    let Some(name) = checkpoint else {
        return "it keeps no checkpoint: start it again with --from WHERE".into();
    };
    let at = if is_url(name) { None } else { At::find(name, &[]).ok() };
    let store = at.and_then(|at| at.open().ok());
    match store.and_then(|store| batches(store.as_ref(), offsets)) {
        Some(batches) => format!("stop it and write `ecap-consume checkpoint rewind {name} --to {batches}`"),
        None => format!(
            "stop it and write `ecap-consume checkpoint rewind {name} --to BATCHES`; \
             `ecap-consume checkpoint show {name}` says what it remembers"
        ),
    }
}

/// How many batches were done when the query stood at these offsets or before.
fn batches(store: &dyn Store, offsets: &BTreeMap<Partition, i64>) -> Option<u64> {
    let topics = inspect::query_of(store).ok()?.topics;
    let known = inspect::known(store).ok()?;
    let stood = |(topic, partition): &Partition, known: &inspect::Known| {
        let number = topics.iter().position(|own| own == topic)?;
        known.commit.as_ref()?.sources.get(number)?.offsets.get(partition).copied()
    };
    let before = |known: &&inspect::Known| {
        offsets.iter().all(|(place, offset)| stood(place, known).is_some_and(|stood| stood <= *offset))
    };
    known.iter().rev().find(before).map(|known| known.batches)
}
