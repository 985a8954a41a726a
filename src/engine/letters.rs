//! Dead letters: records that a query cannot use, as they stood in their topic, with the reason.

use super::source::SourceRecord;
use crate::record::reject::{Code, Reject};
use crate::{Error, Result};

/// Where in a query a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading its value.
    Decode,
    /// Judging its event time.
    Time,
    /// An expression of the query.
    Transform,
    /// A window that was final.
    Window,
}

impl Stage {
    /// The stage as dead letters show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Time => "time",
            Self::Transform => "transform",
            Self::Window => "window",
        }
    }
}

/// A record that cannot be used.
#[derive(Debug)]
pub struct DeadLetter<'a> {
    /// The topic that it stood in.
    pub topic: &'a str,
    /// The record as it stood there.
    pub record: SourceRecord<'a>,
    /// Where it was refused.
    pub stage: Stage,
    /// Why.
    pub reject: &'a Reject,
}

impl std::fmt::Display for DeadLetter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (topic, partition, offset) = (self.topic, self.record.partition, self.record.offset);
        if let Some(at) = self.record.in_file {
            return write!(f, "topic {topic}, {at}: {}", self.reject);
        }
        write!(f, "topic {topic}, partition {partition}, offset {offset}: {}", self.reject)
    }
}

/// Takes dead letters.
pub trait DeadLetters {
    /// Takes one.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn put(&mut self, letter: &DeadLetter<'_>) -> Result<()>;

    /// Waits until all that were taken are safe; called before a batch counts as done.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn settle(&mut self) -> Result<()>;
}

/// Where the records of a query go that it cannot use, or could not use any more.
pub struct Refused<'a> {
    /// What keeps them; without it they are told of only.
    keeper: Option<Box<dyn DeadLetters + 'a>>,
    fail_fast: bool,
    /// Whether one of this batch was told of.
    told: bool,
}

impl<'a> Refused<'a> {
    /// With `fail_fast` the first record that cannot be used is an error.
    pub fn new(keeper: Option<Box<dyn DeadLetters + 'a>>, fail_fast: bool) -> Self {
        Self { keeper, fail_fast, told: false }
    }

    /// Keeps a record, and tells of the first of a batch. A late one is no fault of anybody, and is kept
    /// without a word.
    ///
    /// # Errors
    /// When it cannot be kept; a data error where the first one is to end the query.
    pub fn take(&mut self, letter: &DeadLetter<'_>) -> Result<()> {
        self.keeper.as_mut().map_or(Ok(()), |keeper| keeper.put(letter))?;
        if letter.reject.code == Code::Late {
            return Ok(());
        }
        if self.fail_fast {
            return Err(Error::data(letter.to_string()).hint("--fail-fast stops here"));
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!("refused a record: {letter}");
        }
        Ok(())
    }

    /// A batch is done: all that were taken are safe.
    ///
    /// # Errors
    /// As [`DeadLetters::settle`].
    pub fn settle(&mut self) -> Result<()> {
        self.told = false;
        self.keeper.as_mut().map_or(Ok(()), |keeper| keeper.settle())
    }
}
