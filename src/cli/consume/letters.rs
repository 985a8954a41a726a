//! The flags that say what becomes of records which cannot be used.

use crate::cli::common::Settings;
use crate::clock::SystemClock;
use crate::engine::letters::DeadLetters;
use crate::query::plan::StreamPlan;
use crate::sink::letters::{ToFile, ToTopics};
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Late {
    /// They are counted.
    #[default]
    Drop,
    /// They go where dead letters go.
    DeadLetter,
}

impl Where {
    /// Opens the place for the dead letters of a query.
    ///
    /// # Errors
    /// A usage error when late records are to be kept nowhere; when the place cannot be opened.
    pub fn open(
        &self,
        late: Late,
        plan: &StreamPlan,
        settings: &Settings,
    ) -> Result<Option<Box<dyn DeadLetters>>> {
        let topics: Vec<_> = plan.scans.iter().map(|scan| scan.topic.name.as_str()).collect();
        let consumer = format!("ecap-{}", settings.bare(topics.first().copied().unwrap_or_default()));
        match self {
            Self::Off if late == Late::DeadLetter => Err(Error::usage("--late dead-letter needs a place")
                .hint("add --dead-letters topic, or --dead-letters ./dead-letters.ndjson")),
            Self::Off => Ok(None),
            Self::File(path) => Ok(Some(Box::new(ToFile::new(path, Arc::new(SystemClock), &consumer)?))),
            Self::Topic => {
                let own = |topic: &&str| settings.topic(&format!("{topic}.dlq"));
                let own: Vec<_> = topics.iter().map(own).collect::<Result<_>>()?;
                let pairs = topics.iter().copied().zip(own);
                Ok(Some(Box::new(ToTopics::new(&settings.connection, pairs, &consumer)?)))
            }
        }
    }
}
