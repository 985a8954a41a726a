//! What stands in a checkpoint: of the query, before a batch, and after it.

use crate::clock::Micros;
use crate::engine::Totals;
use crate::engine::source::{Mark, Origin};
use crate::engine::watermark;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The query that a checkpoint is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The form of the checkpoint's files.
    pub format: u32,
    /// What no other checkpoint is called: sinks keep it with what they have.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// When it began, in microseconds since the epoch.
    pub created: Micros,
    /// Its text.
    pub sql: String,
    /// Where its rows go, in a few words.
    pub sink: String,
    /// The topics that it reads.
    pub topics: Vec<String>,
    /// What each of them is read from, where that is known; empty as older programs wrote it.
    #[serde(default)]
    pub origins: Vec<Option<Origin>>,
    /// What its state is made by: state of another can not be gone on from. Empty where it keeps none.
    pub state: String,
    /// The program that wrote it, and its DataFusion, which says how state is laid out.
    pub versions: Versions,
}

/// What wrote a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// ecap's.
    pub ecap: String,
    /// DataFusion's.
    pub datafusion: String,
}

/// What a batch depends on, written before it has any effect: it can run again, with the same result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 0.
    pub batch: u64,
    /// Its time, in microseconds since the epoch.
    pub clock: Micros,
    /// Where it ends, by topic: the first record of each partition that is not in it. It begins where the commit before
    /// it says.
    pub end: Vec<Mark>,
    /// How far event time was when it began, which may be further than at the commit before it.
    #[serde(default)]
    pub before: Option<Micros>,
    /// How far event time was at its end.
    pub watermark: watermark::Saved,
    /// Whether it closed what was open, as the last one of a bounded run.
    pub closes: bool,
    /// The rows of tables that do not grow, as they were.
    pub tables: Vec<HeldTable>,
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldTable {
    /// The table's name.
    pub name: String,
    /// The file that they are in.
    pub file: String,
}

/// What a query goes on from when a batch is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// What was done since the query began.
    pub totals: Totals,
    /// When it was written, in microseconds since the epoch.
    pub time: Micros,
    /// The next record to read, by topic.
    pub sources: Vec<Mark>,
    /// How far event time has come.
    pub watermark: watermark::Saved,
    /// The state of each operator.
    pub operators: Vec<State>,
    /// What each topic is read from, in the first commit of a query that began anew: [`Query::origins`] is still of before it
    /// then. Empty in the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<Option<Origin>>,
    /// A checksum over the query that made it: what it reads, and what makes its state. Those of
    /// earlier versions have none.
    #[serde(default)]
    pub made: Option<u32>,
}

/// Where the state of an operator stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// How far event time had come for it.
    pub mark: Micros,
    /// What it is restored from, in this order.
    pub parts: Vec<PartRef>,
}

/// Where a part of state stands: in the file of the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PartLine", into = "PartLine")]
pub struct PartRef {
    /// Its name inside the operator.
    pub key: i64,
    /// The number of the file.
    pub file: u64,
    /// Its bytes there.
    pub bytes: Range<usize>,
    /// Their checksum.
    pub crc: u32,
}

/// A part as it is written: there may be thousands.
type PartLine = (i64, u64, usize, usize, u32);

impl From<PartLine> for PartRef {
    fn from((key, file, start, end, crc): PartLine) -> Self {
        Self { key, file, bytes: start..end, crc }
    }
}

impl From<PartRef> for PartLine {
    fn from(part: PartRef) -> Self {
        (part.key, part.file, part.bytes.start, part.bytes.end, part.crc)
    }
}

impl Commit {
    /// The files that its state is in.
    pub fn files(&self) -> impl Iterator<Item = u64> + '_ {
        self.operators.iter().flat_map(|state| &state.parts).map(|part| part.file)
    }

    /// Whether another query made it than made `other`.
    pub fn is_foreign(&self, other: &Self) -> bool {
        self.made.zip(other.made).is_some_and(|(own, other)| own != other)
    }
}
