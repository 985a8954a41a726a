//! Where a checkpoint is: a folder, or a prefix in a bucket.

use super::{home, owner};
use crate::clock::{Stop, SystemClock};
use crate::engine::checkpoint::{Folder, Objects, Patient, QUERY, Store, inspect};
use crate::place::{Place, is_url};
use crate::sink::retry::Patience;
use crate::{Error, Result};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a checkpoint is.
#[derive(Debug, Clone)]
pub enum At {
    /// A folder.
    Folder(PathBuf),
    /// Objects under a prefix.
    Bucket(Place),
}

impl At {
    /// The folder or URL in a text.
    ///
    /// # Errors
    /// A usage error when it is none, or the options are not of its store.
    pub fn parse(text: &str, options: &[(String, String)]) -> Result<Self> {
        let text = text.strip_prefix("file://").unwrap_or(text);
        if is_url(text) {
            return Place::open(text, options).map(Self::Bucket);
        }
        match options.first() {
            None => Ok(Self::Folder(text.into())),
            Some((option, _)) => {
                let message = format!("{text} is a folder, and '{option}' is an option of a store");
                Err(Error::usage(message).hint("s3://bucket/prefix or gs://bucket/prefix"))
            }
        }
    }

    /// The checkpoint that is named by itself, by its folder or by its URL.
    ///
    /// # Errors
    /// A usage error where there is none.
    pub fn find(text: &str, options: &[(String, String)]) -> Result<Self> {
        let at = Self::parse(text, options)?;
        let Self::Folder(folder) = &at else { return Ok(at) };
        let named = home().join(folder);
        let found = [folder, &named].into_iter().find(|folder| is_checkpoint(folder));
        found.map(|folder| Self::Folder(folder.clone())).ok_or_else(|| {
            let message = format!("there is no checkpoint {text}");
            Error::usage(message).hint("`ecap-consume checkpoint list` shows those that there are")
        })
    }

    /// What keeps the checkpoint of a query; it is made where it is not there. It is waited for with `patience`.
    ///
    /// # Errors
    /// A usage error when it cannot be made; when a store does not answer.
    pub fn create(&self, patience: Patience) -> Result<Box<dyn Store>> {
        let store = match self {
            Self::Folder(folder) => Box::new(Folder::create(folder)?) as _,
            Self::Bucket(place) => objects(place, &patience.stop)?,
        };
        Ok(Box::new(Patient::new(store, patience)))
    }

    /// What keeps a checkpoint that is there.
    ///
    /// # Errors
    /// A usage error when it is not there; when a store does not answer.
    pub fn open(&self) -> Result<Box<dyn Store>> {
        match self {
            Self::Folder(folder) => Ok(Box::new(Folder::open(folder)?)),
            Self::Bucket(place) => objects(place, &Stop::default()),
        }
    }

    /// Takes the checkpoint away.
    ///
    /// # Errors
    /// A usage error where there is none, or it is in use.
    pub fn remove(&self) -> Result<()> {
        inspect::remove(self.open()?.as_ref(), &owner())?;
        match self {
            Self::Folder(folder) => {
                std::fs::remove_dir(folder).map_err(|error| Error::from(error).at(folder.display()))
            }
            Self::Bucket(_) => Ok(()),
        }
    }

    /// The checkpoints in it, in the order of their names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<(Self, Box<dyn Store>)>> {
        let mut found = Vec::new();
        for at in self.below()? {
            let store = at.open()?;
            if store.names()?.iter().any(|name| name == QUERY) {
                found.push((at, store));
            }
        }
        Ok(found)
    }

    fn below(&self) -> Result<Vec<Self>> {
        match self {
            Self::Folder(folder) => {
                let Ok(entries) = std::fs::read_dir(folder) else { return Ok(vec![]) };
                let mut folders: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
                folders.retain(|folder| is_checkpoint(folder));
                folders.sort();
                Ok(folders.into_iter().map(Self::Folder).collect())
            }
            Self::Bucket(place) => Ok(Objects::below(place)?.into_iter().map(Self::Bucket).collect()),
        }
    }

    /// By what the verbs find it from anywhere: its name where it is among the others, else its folder or URL.
    pub fn reference(&self) -> String {
        match self {
            Self::Folder(folder) if folder.parent() != Some(&*home()) => {
                std::path::absolute(folder).unwrap_or_else(|_| folder.clone()).display().to_string()
            }
            Self::Folder(_) => self.name(),
            Self::Bucket(_) => self.to_string(),
        }
    }

    /// The last part of its name.
    pub fn name(&self) -> String {
        let text = self.to_string();
        text.trim_end_matches('/').rsplit('/').next().map_or_else(|| "yes".into(), Into::into)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Bucket(place) => place.fmt(f),
        }
    }
}

fn is_checkpoint(folder: &Path) -> bool {
    folder.join(QUERY).exists()
}

fn objects(place: &Place, stop: &Stop) -> Result<Box<dyn Store>> {
    Ok(Box::new(Objects::open(place.clone(), Arc::new(SystemClock), stop.clone())?))
}
