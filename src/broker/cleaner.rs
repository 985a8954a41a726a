//! What the broker does as time passes: old segments go, logs are compacted, old offsets are forgotten.

use super::Core;
use crate::clock::{Micros, Stop};
use std::time::Duration;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(100);
const SECOND: Micros = 1_000_000;
const MINUTE: Micros = 60 * SECOND;
/// What a partition may leave for a start to check, in bytes, for longer than a minute.
const UNSAVED: u64 = 1 << 20;

/// Something that is done again and again.
struct Chore {
    next: Micros,
    every: Micros,
}

impl Chore {
    fn is_due(&mut self, now: Micros) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.every;
        }
        due
    }
}

/// Works until `stop` is requested, as often as Apache Kafka does by default.
pub fn work(core: &Core, stop: &Stop) {
    let start = core.clock.now();
    let mut retention = Chore { next: start + 30 * SECOND, every: 5 * MINUTE };
    let mut compaction = Chore { next: start + 15 * SECOND, every: 15 * SECOND };
    let mut checkpoint = Chore { next: start + MINUTE, every: MINUTE };
    let mut offsets = Chore { next: start + 10 * MINUTE, every: 10 * MINUTE };
    while !stop.wait(LOOK) {
        let now = core.clock.now();
        if retention.is_due(now) {
            core.topics.expire(now / 1_000);
        }
        if compaction.is_due(now) {
            core.topics.compact(now / 1_000, || stop.requested());
        }
        if checkpoint.is_due(now) {
            core.topics.checkpoint_after(UNSAVED);
        }
        if offsets.is_due(now) {
            core.groups.expire_offsets();
        }
    }
}
