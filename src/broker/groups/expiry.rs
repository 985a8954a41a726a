//! How long committed offsets are kept.

use super::{Group, Place, State};
use crate::broker::journal::Committed;

/// Kafka's `offsets.retention.minutes`: a week.
const RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

impl Group {
    /// The offsets that have had their time: of a group that is empty a week after that, of one that
    /// never had members a week after the commit, and so of topics that its members do not read.
    pub fn expired(&self, now_ms: i64) -> Vec<Place> {
        let subscribed = self.subscribed();
        let since = |committed: &Committed| match self.state {
            _ if self.protocol_type.is_empty() => Some(committed.time),
            State::Empty => Some(self.emptied.unwrap_or(committed.time)),
            State::Stable if self.protocol_type == "consumer" => Some(committed.time),
            _ => None,
        };
        let old = |committed| since(committed).is_some_and(|since| now_ms - since >= RETENTION_MS);
        let expired = self.offsets.iter().filter(|(place, committed)| {
            !subscribed.contains(&place.0) && !self.is_unstable(place) && old(committed)
        });
        expired.map(|(place, _)| place.clone()).collect()
    }

    /// What the journal must be told of it: its type, and since when it is empty.
    pub fn unsaved(&self) -> Option<(String, Option<i64>)> {
        let known = self
            .saved
            .as_ref()
            .is_some_and(|(kind, emptied)| (kind, emptied) == (&self.protocol_type, &self.emptied));
        (!known && !self.protocol_type.is_empty()).then(|| (self.protocol_type.clone(), self.emptied))
    }
}
