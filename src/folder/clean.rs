//! What becomes of files that were read.

use crate::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What becomes of a file when the batch that read its end is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Clean {
    /// It stays.
    #[default]
    Off,
    /// It is deleted.
    Delete,
    /// It is moved to a folder.
    Archive(PathBuf),
}

impl std::str::FromStr for Clean {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, text.strip_prefix("archive=")) {
            ("off", _) => Ok(Self::Off),
            ("delete", _) => Ok(Self::Delete),
            (_, Some(folder)) if !folder.is_empty() => Ok(Self::Archive(folder.into())),
            _ => {
                Err(Error::usage(format!("'{text}' is no way to clean up"))
                    .hint("off, delete, or archive=DIR"))
            }
        }
    }
}

impl Clean {
    /// Makes the archive, if there is one.
    ///
    /// # Errors
    /// A usage error when it cannot be made, or is the folder that is read.
    pub fn prepare(&self, source: &Path) -> Result<()> {
        let Self::Archive(archive) = self else { return Ok(()) };
        fs::create_dir_all(archive).map_err(|error| {
            Error::usage(format!("cannot make the archive {}: {error}", archive.display()))
        })?;
        match (fs::canonicalize(archive), fs::canonicalize(source)) {
            (Ok(archive), Ok(source)) if archive == source => {
                Err(Error::usage(format!("{} is read, and cannot be its own archive", source.display())))
            }
            _ => Ok(()),
        }
    }

    /// Cleans up a file that was read; whether it is gone. Where that fails it stays, and a line says so.
    pub fn clean(&self, file: &Path) -> bool {
        let (cleaned, what) = match self {
            Self::Off => return false,
            Self::Delete => (fs::remove_file(file), "deleted"),
            Self::Archive(folder) => (archive(file, folder), "archived"),
        };
        if let Err(error) = &cleaned {
            tracing::warn!("{} could not be {what}, and stays: {error}", file.display());
        }
        cleaned.is_ok()
    }
}

/// Moves a file; it never takes the place of another.
fn archive(file: &Path, folder: &Path) -> std::io::Result<()> {
    let name = file.file_name().unwrap_or_default();
    let mut place = folder.join(name);
    let mut number = 1;
    while place.exists() {
        place = folder.join(format!("{}.{number}", name.display()));
        number += 1;
    }
    match fs::rename(file, &place) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            let unfinished = folder.join(format!(".{}", name.display()));
            fs::copy(file, &unfinished)?;
            fs::File::open(&unfinished)?.sync_all()?;
            fs::rename(&unfinished, &place)?;
            fs::remove_file(file)
        }
        moved => moved,
    }
}
