//! Partitions side by side in event time: those that are far ahead wait for the others, so that what is kept
//! does not grow with the backlog of the slowest.

use super::Engine;
use super::watermark::Policy;
use crate::Result;
use crate::clock::Micros;

impl Engine<'_> {
    /// Lets the partitions wait that are further ahead than the options allow, and the others go on.
    pub(super) fn align(&mut self) -> Result<()> {
        let keeps_state = !self.graph.plan().stages.operators.is_empty();
        let (Some(most), true, Policy::Partitions) =
            (self.options.max_skew, keeps_state, self.options.policy)
        else {
            return Ok(());
        };
        for (lane, caught_up) in self.topics.caught_up() {
            self.watermark.caught_up(lane, caught_up);
        }
        let most = Micros::try_from(most.as_micros()).unwrap_or(Micros::MAX);
        let ahead = self.watermark.ahead(most, self.clock.now());
        self.topics.wait(&ahead)
    }
}
