//! The flags that say what becomes of records which cannot be used.

use crate::cli::common::Settings;
use crate::clock::SystemClock;
use crate::engine::letters::DeadLetters;
use crate::error::Fault;
use crate::query::plan::StreamPlan;
use crate::sink::letters::{LateApart, ToFile, ToTopics};
use crate::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Where dead letters go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// They are counted only.
    Off,
    /// To the dead-letter topic of each topic.
    Topic,
    /// To a file.
    File(PathBuf),
}

impl std::str::FromStr for Where {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "off" => Ok(Self::Off),
            "topic" => Ok(Self::Topic),
            file if file.contains(['/', '.']) => Ok(Self::File(file.into())),
            _ => Err(Error::usage(format!("'{text}' is no place for dead letters"))
                .hint("off, topic, or a file such as ./dead-letters.ndjson")),
        }
    }
}

/// What becomes of late records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Late {
    /// They are counted.
    Drop,
    /// They go where dead letters go.
    DeadLetter,
    /// They go to a topic of their own.
    Topic(String),
}

impl std::str::FromStr for Late {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "drop" => Self::Drop,
            "dead-letter" => Self::DeadLetter,
            "" => return Err(Error::usage("a topic has a name").hint("drop, dead-letter, or a topic")),
            topic => Self::Topic(topic.into()),
        })
    }
}

impl Late {
    /// Opens the topic of late records, if they have one of their own.
    fn open(&self, read: &[&str], consumer: &str, settings: &Settings) -> Result<Option<ToTopics>> {
        let Self::Topic(name) = self else { return Ok(None) };
        let topic = settings.any_topic(name);
        if read.contains(&topic.name.as_str()) {
            let message =
                format!("--late {name}: the query reads this topic, and late records would come again");
            return Err(Error::usage(message).hint("name another topic"));
        }
        let topics = read.iter().map(|from| (*from, &topic));
        match ToTopics::new(&settings.connection, topics, consumer) {
            Err(error) if error.fault() == Fault::Failed && settings.topic(name).is_err() => {
                let error = Error::usage(format!("--late {name}: the cluster has no such topic"));
                Err(error.hint("drop, dead-letter, or a topic that is there"))
            }
            opened => opened.map(Some),
        }
    }
}

impl Where {
    /// Opens the places for the dead letters of a query and its late records.
    ///
    /// # Errors
    /// A usage error when late records are to be kept nowhere; when a place cannot be opened.
    pub fn open(
        &self,
        late: &Late,
        plan: &StreamPlan,
        settings: &Settings,
    ) -> Result<Option<Box<dyn DeadLetters>>> {
        let topics: Vec<_> = plan.scans.iter().map(|scan| scan.topic.name.as_str()).collect();
        let consumer = format!("ecap-{}", settings.bare(topics.first().copied().unwrap_or_default()));
        let letters: Option<Box<dyn DeadLetters>> = match self {
            Self::Off if *late == Late::DeadLetter => {
                return Err(Error::usage("--late dead-letter needs a place")
                    .hint("add --dead-letters topic, or --dead-letters ./dead-letters.ndjson"));
            }
            Self::Off => None,
            Self::File(path) => Some(Box::new(ToFile::new(path, Arc::new(SystemClock), &consumer)?)),
            Self::Topic => {
                let own = |topic: &&str| settings.topic(&format!("{topic}.dlq"));
                let own: Vec<_> = topics.iter().map(own).collect::<Result<_>>()?;
                let pairs = topics.iter().copied().zip(own);
                Some(Box::new(ToTopics::new(&settings.connection, pairs, &consumer)?))
            }
        };
        Ok(match late.open(&topics, &consumer, settings)? {
            Some(late) => Some(Box::new(LateApart { late, others: letters })),
            None => letters,
        })
    }
}
