//! All consumers at one moment.

use crate::Result;
use crate::clock::Micros;
use crate::consumers::last_rows::LastRows;
use crate::consumers::lifecycle::State;
use crate::consumers::registry::{Definition, Entry, Registry, unknown};
use crate::consumers::vitals::Look;
use crate::engine::progress::Progress;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A consumer as it is now.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it is called.
    pub name: String,
    /// What it is, where the file says it rightly.
    pub definition: Option<Arc<Definition>>,
    /// What it does.
    pub state: State,
    /// How often it failed since a batch was done.
    pub consecutive_failures: u32,
    /// How often it failed.
    pub total_failures: u64,
    /// How often it was started again by itself.
    pub restarts: u64,
    /// What went wrong last; whom it waits for, where it waits for a place.
    pub last_error: Option<String>,
    /// For how long it has read.
    pub uptime: Option<Duration>,
    /// The last batches, the newest last.
    pub reports: Arc<Vec<Arc<Progress>>>,
    /// What is seen of its thread.
    pub look: Look,
    /// The last changes of its state, the newest last.
    pub changes: Arc<Vec<Change>>,
    /// The last rows that it gave out.
    pub rows: Arc<LastRows>,
}

/// A change of a consumer's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// When, RFC 3339.
    pub timestamp: String,
    /// What it does since then.
    pub status: String,
    /// Why, where something went wrong.
    pub error: Option<String>,
}

/// All consumers at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When, in microseconds since the epoch.
    pub at: Micros,
    /// The consumers, by name.
    pub consumers: Vec<Seen>,
}

impl Seen {
    /// A consumer of which nothing is known but that it does not run.
    pub fn stopped(name: &str) -> Self {
        Self {
            name: name.into(),
            definition: None,
            state: State::Stopped,
            consecutive_failures: 0,
            total_failures: 0,
            restarts: 0,
            last_error: None,
            uptime: None,
            reports: Arc::default(),
            look: Look::default(),
            changes: Arc::default(),
            rows: Arc::default(),
        }
    }
}

impl Snapshot {
    /// The consumers of a registry that no process runs.
    pub fn stopped(registry: &Registry, at: Micros) -> Self {
        let seen = |entry: &Entry| Seen {
            definition: entry.definition.as_ref().ok().cloned().map(Arc::new),
            last_error: entry.definition.as_ref().err().map(ToString::to_string),
            ..Seen::stopped(&entry.name)
        };
        Self { at, consumers: registry.entries().iter().map(seen).collect() }
    }

    /// The consumer of this name.
    ///
    /// # Errors
    /// A usage error with the nearest name.
    pub fn find(&self, name: &str) -> Result<&Seen> {
        let names = || self.consumers.iter().map(|seen| seen.name.as_str());
        self.consumers.iter().find(|seen| seen.name == name).ok_or_else(|| unknown(name, names()))
    }
}
