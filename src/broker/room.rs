//! How much memory all connections may hold together, so that a thousand slow clients cost what a few do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of requests that are arriving or at work, beyond the first [`FREE_BYTES`] of each.
const REQUEST_BYTES: usize = 128 << 20;
/// What each request may have without asking: most have less.
pub const FREE_BYTES: usize = 64 << 10;
/// Bytes of answers on their way from where fetches get less.
const ANSWER_BYTES: usize = 64 << 20;
/// The part of what is left that one fetch may take.
const SHARE: usize = 8;

/// Shared by all connections.
pub struct Room {
    requests: Arc<Semaphore>,
    answers: AtomicUsize,
}

impl Default for Room {
    fn default() -> Self {
        Self { requests: Arc::new(Semaphore::new(REQUEST_BYTES)), answers: AtomicUsize::new(0) }
    }
}

impl Room {
    /// Waits until there is room for so many bytes of a request; the room is held as long as what is
    /// given lives. Who waits too long must give back what it has.
    pub async fn for_request(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes.min(REQUEST_BYTES)).unwrap_or(u32::MAX);
        Arc::clone(&self.requests).acquire_many_owned(bytes).await.ok()
    }

    /// How many bytes a fetch may answer with, at most `wanted` and at least [`FREE_BYTES`].
    pub fn for_fetch(&self, wanted: usize) -> usize {
        let left = ANSWER_BYTES.saturating_sub(self.answers.load(Ordering::Relaxed));
        (left / SHARE).clamp(FREE_BYTES, wanted.max(FREE_BYTES))
    }

    /// Counts an answer until it is taken.
    pub fn hold(&self, bytes: usize) -> Held<'_> {
        self.answers.fetch_add(bytes, Ordering::Relaxed);
        Held { room: self, bytes }
    }
}

/// An answer on its way.
pub struct Held<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.room.answers.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetches_get_less_when_answers_are_not_taken_and_never_nothing() {
        let room = Room::default();
        assert_eq!(room.for_fetch(2 << 20), 2 << 20);
        let held = room.hold(ANSWER_BYTES - (1 << 20));
        assert_eq!(room.for_fetch(2 << 20), 128 << 10);
        let more = room.hold(ANSWER_BYTES);
        assert_eq!(room.for_fetch(2 << 20), FREE_BYTES);
        drop((held, more));
        assert_eq!(room.for_fetch(2 << 20), 2 << 20);
    }
}
