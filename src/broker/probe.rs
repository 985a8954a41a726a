//! A broker in memory without a network, to throw bytes at.

use super::{Config, Core, Storage, wire};
use crate::Result;
use crate::clock::ManualClock;
use bytes::Bytes;
use futures::FutureExt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// A broker that is asked by function calls, for tests and fuzzing. Topics are made on first use.
pub struct Probe {
    core: Core,
    clock: Arc<ManualClock>,
    /// Only for its timers: nothing here waits.
    runtime: Runtime,
}

impl Probe {
    /// A new broker at the time 0.
    ///
    /// # Errors
    /// When the system refuses a runtime.
    pub fn new() -> Result<Self> {
        let clock = Arc::new(ManualClock::at(0));
        let config = Config { storage: Storage::Memory, auto_create_topics: true, ..Config::default() };
        let core = Core::open(config, Arc::clone(&clock) as Arc<dyn crate::clock::Clock>)?;
        Ok(Self { core, clock, runtime: Builder::new_current_thread().enable_time().build()? })
    }

    /// The answer to a request without its length; `None` where the connection would be closed, where
    /// no answer is expected, or where it would have to wait.
    pub fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 9092));
        let _timers = self.runtime.enter();
        let answered = wire::answer(&self.core, here, here, Bytes::copy_from_slice(request)).now_or_never();
        answered?.ok()?.map(|answer| answer.to_vec())
    }

    /// Moves the clock to `now` (microseconds), and does to groups, transactions and logs what time does.
    pub fn tick(&self, now: i64) {
        self.clock.set(now);
        self.core.groups.tick();
        self.core.transactions.tick();
        self.core.groups.expire_offsets();
        self.core.topics.expire(now / 1_000);
        self.core.topics.compact(now / 1_000, || false);
    }

    /// The id of a topic, which is another one in each broker.
    pub fn topic_id(&self, name: &str) -> Option<[u8; 16]> {
        self.core.topics.get(name).map(|topic| topic.id.into_bytes())
    }
}
