//! What the broker counts while it works: traffic by topic, requests, connections.
//!
//! Everything here is an atomic number that a request adds to; who looks pays for the rest.

mod histogram;
pub mod http;
mod text;

use super::wire::{API_COUNT, api_index};
use histogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// What it has come to.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What went in and out, of a topic or of all that there ever were.
#[derive(Debug, Default)]
pub struct Traffic {
    pub messages_in: Counter,
    /// As they came, compressed; so are `bytes_out`.
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    /// Partitions in produce requests, which Kafka counts as requests of their topic.
    pub produces: Counter,
    pub fetches: Counter,
    pub failed_produces: Counter,
    pub failed_fetches: Counter,
}

/// All that is counted of a broker.
#[derive(Debug)]
pub struct Metrics {
    /// Of all topics, those that were deleted too.
    pub traffic: Traffic,
    /// Open connections.
    connections: AtomicU64,
    pub accepted: Counter,
    /// Connections that were closed because there were too many.
    pub refused: Counter,
    /// Connections that were closed because of what came through them.
    pub broken: Counter,
    requests: [Histogram; API_COUNT],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            traffic: Traffic::default(),
            connections: AtomicU64::new(0),
            accepted: Counter::default(),
            refused: Counter::default(),
            broken: Counter::default(),
            requests: std::array::from_fn(|_| Histogram::default()),
        }
    }
}

impl Metrics {
    /// Counts a connection as long as what is given lives.
    pub fn connected(self: &Arc<Self>) -> Connected {
        self.accepted.add(1);
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }

    /// Connections that are open.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Notes that a request with the number `key` was answered after so many microseconds.
    pub fn answered(&self, key: i16, micros: i64) {
        if let Some(histogram) = api_index(key).and_then(|at| self.requests.get(at)) {
            histogram.note(u64::try_from(micros).unwrap_or(0));
        }
    }

    /// Requests answered.
    pub fn requests(&self) -> u64 {
        self.requests.iter().map(|histogram| histogram.count.get()).sum()
    }

    /// Lets what is older count less; to be called every [`HALF_LIFE`].
    pub fn age(&self) {
        self.requests.iter().for_each(Histogram::halve);
    }
}

/// Seconds in which a request's time comes to count half as much in quantiles: what Apache Kafka's
/// own samples have, whose weight decays by 0.015 a second.
pub const HALF_LIFE: u32 = 46;

/// An open connection.
pub struct Connected(Arc<Metrics>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
