//! What a reset still has to do, under `$ECAP_HOME`: written before the first topic is deleted, and removed behind the
//! last that is created, so that one that is killed can be finished.

use super::session::Session;
use crate::catalog::Topic;
use crate::cli::common;
use crate::clock::{Clock, SystemClock};
use crate::new_file::NewFile;
use crate::units::format_rfc3339;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// A reset that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unfinished {
    /// When it began, as people read it.
    pub began: String,
    /// The topics in question.
    pub topics: Vec<Left>,
}

/// A topic of a reset.
#[derive(Debug, Serialize, Deserialize)]
pub struct Left {
    /// Its name.
    pub topic: String,
    /// Whether it was deleted: what is there under its name now is new.
    pub deleted: bool,
    partitions: i32,
    replication: i32,
    config: BTreeMap<String, String>,
}

impl Unfinished {
    /// A reset of these topics that begins now.
    pub fn of(topics: &[Topic]) -> Self {
        let topics = topics.iter().map(|topic| Left::of(topic, false)).collect();
        Self { began: format_rfc3339(SystemClock.now()), topics }
    }

    /// The same with what an earlier reset has left before it. What is declared now holds, where it still is.
    pub fn after(mut self, earlier: Self, declared: &[Topic]) -> Self {
        self.topics.retain(|new| !earlier.topics.iter().any(|left| left.topic == new.topic));
        let redeclared = earlier.topics.into_iter().map(|left| {
            match declared.iter().find(|topic| topic.name == left.topic) {
                Some(topic) => Left::of(topic, left.deleted),
                None => left,
            }
        });
        self.topics.splice(0..0, redeclared);
        self
    }

    /// What the last reset of the session's cluster and prefix left, if it was not finished.
    ///
    /// # Errors
    /// When the file cannot be read, or is not one of ours.
    pub fn load(session: &Session) -> Result<Option<Self>> {
        let path = path(session);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::from(error).at(path.display())),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Error::failed(format!("{}: {error}", path.display())).hint(
                "it says which topics an interrupted reset has still to create: remove it if they are there",
            )
        })
    }

    /// Writes it down; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, session: &Session) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::failed(error.to_string()))?;
        let mut file = NewFile::create(&path(session), true)?;
        file.write_all(text.as_bytes())?;
        file.finish()
    }

    /// Nothing is left to do.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(session: &Session) -> Result<()> {
        let path = path(session);
        std::fs::remove_file(&path).map_err(|error| Error::from(error).at(path.display()))
    }
}

impl Left {
    fn of(topic: &Topic, deleted: bool) -> Self {
        let Topic { name, partitions, replication, config, .. } = topic.clone();
        Self { topic: name, deleted, partitions, replication, config }
    }

    /// The topic as it is to be.
    pub fn declared(&self) -> Topic {
        Topic::plain(&self.topic, self.partitions, self.replication, self.config.clone())
    }
}

/// A file for each cluster and prefix. An id has letters, digits, `-` and `_`, and a prefix that topics can have also dots.
fn path(session: &Session) -> PathBuf {
    let id = session.cluster.id.as_deref().unwrap_or("unknown");
    let prefix = &session.settings.prefix;
    let name = if prefix.is_empty() { id.into() } else { format!("{id}.{prefix}") };
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    common::home().join(format!("reset-topics-{}.json", name.chars().map(legal).collect::<String>()))
}
