//! Dead letters: what one says, as a value, as a row and as a line of JSON.

pub mod rows;
mod stage;
pub mod text;

pub use stage::Stage;

use crate::clock::Micros;

/// A dead letter: a record as it stood in its topic, and why it could not be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Letter<'a> {
    /// The topic that it stood in, or was meant for.
    pub topic: &'a str,
    /// Its partition there, where it had one.
    pub partition: Option<i32>,
    /// Its offset in the partition.
    pub offset: Option<i64>,
    /// Kafka's time of the record, in microseconds since the epoch.
    pub timestamp: Option<Micros>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// The file that it was read from, where it was none of a topic.
    pub file: Option<&'a str>,
    /// Its line or row there, from 1.
    pub line: Option<i64>,
    /// The stage of the query that refused it.
    pub stage: &'a str,
    /// The code of the reason.
    pub code: &'a str,
    /// The column that is at fault, where it is one.
    pub column: Option<&'a str>,
    /// The reason in a sentence.
    pub reason: &'a str,
    /// The consumer that refused it.
    pub consumer: Option<&'a str>,
    /// The identity of its query, which is that of a checkpoint, or of a run without one.
    pub query: Option<&'a str>,
    /// The number of the query's batch.
    pub batch: Option<i64>,
    /// When that batch began, in microseconds since the epoch.
    pub refused_at: Option<Micros>,
}

impl Letter<'_> {
    /// When it became a dead letter, as far as that is known: when it was refused, or else the record's own time.
    pub fn time(&self) -> Option<Micros> {
        self.refused_at.or(self.timestamp)
    }
}
