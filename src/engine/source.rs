//! Where records come from: a topic, a folder of files, or a list in memory for tests.

use crate::Result;
use crate::clock::Micros;
use crate::record::reject::Reject;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A record as it stands in a topic, borrowed from the client's buffer.
#[derive(Debug, Clone, Copy)]
pub struct SourceRecord<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Kafka's time of the record, in microseconds since the epoch.
    pub timestamp: Micros,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Where it stands, if it was read from a file.
    pub in_file: Option<&'a InFile>,
}

/// Where a record stands in a file, and what is wrong with it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFile {
    /// The file.
    pub file: Arc<str>,
    /// Its line or its row, from 1.
    pub line: u64,
    /// Why it is no record; its value is then the text that stands there.
    pub flaw: Option<Reject>,
}

impl std::fmt::Display for InFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = if self.file.ends_with(".parquet") { "row" } else { "line" };
        write!(f, "{}, {unit} {}", self.file, self.line)
    }
}

/// How far a partition was read. Offsets are of the next record, never of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Where reading began.
    pub start: i64,
    /// The next record to read.
    pub next: i64,
    /// Where the partition ended when it was last asked.
    pub end: i64,
    /// Whether everything that the partition holds was read.
    pub caught_up: bool,
}

impl Position {
    /// Whether the partition was read to where it ended when it was last asked.
    pub fn is_at_end(&self) -> bool {
        self.caught_up || self.next >= self.end
    }
}

/// Where a source stands, enough to go on from there another time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The next record to read, by partition.
    pub offsets: BTreeMap<i32, i64>,
    /// Of a folder: the files that were begun, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileMark>,
}

/// How far a file of a folder was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Its name in the folder.
    pub name: String,
    /// How large it was, in bytes, and when it was changed last.
    pub seen: (u64, Micros),
    /// How many of its rows were read; `None` is all of them.
    pub rows: Option<u64>,
}

/// How much a source may hand over; `None` is however much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Records of all partitions together.
    pub records: Option<u64>,
    /// Bytes of all partitions together; the record that reaches it is still handed over.
    pub bytes: Option<usize>,
    /// Records of each partition.
    pub per_partition: Option<u64>,
}

/// What the records of a topic are read from: an offset in one is nothing in another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Files of a folder.
    Folder,
    /// A topic of Kafka.
    Topic {
        /// The cluster's id, where it tells one.
        cluster: Option<String>,
        /// The topic's, which it has as long as it is not deleted, where the cluster tells one.
        id: Option<String>,
    },
}

/// A topic that is read partition by partition.
pub trait Source {
    /// How far each partition was read.
    fn positions(&self) -> &BTreeMap<i32, Position>;

    /// Where it stands.
    fn mark(&self) -> Mark {
        Mark {
            offsets: self.positions().iter().map(|(partition, at)| (*partition, at.next)).collect(),
            files: vec![],
        }
    }

    /// Goes on from a mark. Up to where it reads, what it may hand over and what waits is forgotten.
    ///
    /// # Errors
    /// When the mark is not of this source any more, or it does not answer.
    fn go_to(&mut self, mark: &Mark) -> Result<()>;

    /// From now on, and until [`Self::go_to`], nothing behind a mark is handed over: up to there what was handed over
    /// between here and the mark before, in the same order by partition.
    fn stop_at(&mut self, mark: &Mark);

    /// Asks where the partitions end now; [`Self::positions`] shows it afterwards.
    ///
    /// # Errors
    /// When the broker does not answer.
    fn look_ahead(&mut self) -> Result<()>;

    /// Sees to it that what is read is still there. Asked now and then where nothing comes that is to come.
    ///
    /// # Errors
    /// When it is gone; not when the broker does not answer.
    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    /// From now on records behind the ends of the last [`Self::look_ahead`] are not handed over.
    ///
    /// # Errors
    /// When the client refuses, which is its fault.
    fn stop_at_ends(&mut self) -> Result<()>;

    /// Hands over records until `limit` bytes of them were handed over or no more are there right now;
    /// waits up to `patience` for the first.
    ///
    /// # Errors
    /// When the topic cannot be read any more.
    fn read(
        &mut self,
        limit: usize,
        patience: Duration,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> Result<()>;

    /// Hands over records that were handed over before, once more, as far as they are there still; a source that cannot
    /// find them hands over none. Where it reads on does not change.
    ///
    /// # Errors
    /// When the client refuses, which is its fault.
    fn read_again(
        &mut self,
        _partition: i32,
        _offsets: &BTreeSet<i64>,
        _take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> Result<()> {
        Ok(())
    }

    /// From now on hands over at most so much, until it is said anew.
    ///
    /// # Errors
    /// When the client refuses, which is its fault.
    fn allow(&mut self, _allowance: Allowance) -> Result<()> {
        Ok(())
    }

    /// Lets these partitions wait, and the others go on, until it is said anew; what was read ahead of them may
    /// still be handed over. A source without partitions of its own passes over it.
    ///
    /// # Errors
    /// When the client refuses, which is its fault.
    fn wait(&mut self, _partitions: &BTreeSet<i32>) -> Result<()> {
        Ok(())
    }

    /// Whether all that is allowed was handed over.
    fn is_exhausted(&self) -> bool {
        false
    }

    /// How long [`Self::read`] waited for records and took them from the client, since the start. A source that
    /// makes each record when it is asked for cannot tell that from what becomes of the record, and says nothing.
    fn fetching(&self) -> Duration {
        Duration::ZERO
    }

    /// How many records were deleted before they were read, since the start.
    fn lost_records(&self) -> u64 {
        0
    }

    /// How long [`Self::read`] waits for more once it has handed over some: a few milliseconds, which makes
    /// larger batches; with nothing at all records are handed over as soon as they are there.
    fn linger(&mut self, _pause: Duration) {}

    /// A batch is done with everything that was handed over: the reader of a topic shows its positions to lag
    /// tools (nothing is read back from there), that of a folder cleans up.
    ///
    /// # Errors
    /// When the broker refuses.
    fn mirror(&mut self) -> Result<()>;
}
