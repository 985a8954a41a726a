//! Where the files of a checkpoint are kept: a folder, or anything else that keeps files whole.

use crate::lock::Lock;
use crate::new_file::NewFile;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Files by name. A file is there whole, and for good, when [`Store::write`] returns.
pub trait Store: Send {
    /// What people call the place.
    fn place(&self) -> String;

    /// The names of all files.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn names(&self) -> Result<Vec<String>>;

    /// How many bytes all files take.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn size(&self) -> Result<u64>;

    /// What a file holds; `None` where there is none of this name.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Makes a file, or puts it in the place of another.
    ///
    /// # Errors
    /// When it cannot be kept; what was there before is there then.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Removes a file; it need not be there.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, name: &str) -> Result<()>;

    /// Becomes the only one who uses the place, until what is given is dropped or this process ends, however it
    /// ends. `owner` says to others who it is.
    ///
    /// # Errors
    /// A usage error with the owner where there is one.
    fn own(&self, owner: &str) -> Result<Owned>;
}

/// Somebody's right to use a place alone.
pub struct Owned(#[expect(dead_code, reason = "it is given back when this is dropped")] Option<File>);

impl Owned {
    /// The right to what nobody else can reach.
    pub fn nothing() -> Self {
        Self(None)
    }
}

/// The file whose lock says that a checkpoint is in use, with the name of its owner.
const OWNER: &str = "owner";

/// A folder of this machine.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, which is made where it is not there.
    ///
    /// # Errors
    /// A usage error when it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| {
            Error::usage(format!("cannot keep a checkpoint in {}: {error}", path.display()))
        })?;
        Ok(Self(path.into()))
    }

    /// The folder at `path`, which is there.
    ///
    /// # Errors
    /// A usage error when it is not.
    pub fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self(path.into()));
        }
        Err(Error::usage(format!("there is no checkpoint in {}", path.display())))
    }

    fn failed(&self, name: &str, error: std::io::Error) -> Error {
        Error::from(error).at(self.0.join(name).display())
    }
}

impl Store for Folder {
    fn place(&self) -> String {
        self.0.display().to_string()
    }

    fn names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.0).map_err(|error| self.failed("", error))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect::<std::io::Result<_>>().map_err(|error| self.failed("", error))
    }

    fn size(&self) -> Result<u64> {
        let entries = fs::read_dir(&self.0).map_err(|error| self.failed("", error))?;
        let sizes = entries.map(|entry| Ok(entry?.metadata()?.len()));
        sizes.sum::<std::io::Result<_>>().map_err(|error| self.failed("", error))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.0.join(name);
        let mut file = NewFile::create(&path, true)?;
        file.write_all(bytes).map_err(|error| self.failed(name, error))?;
        file.finish()
    }

    fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed(name, error)),
            _ => Ok(()),
        }
    }

    fn own(&self, owner: &str) -> Result<Owned> {
        let failed = |error| self.failed(OWNER, error);
        let mut file = match Lock::take(&self.0.join(OWNER)).map_err(failed)? {
            Lock::Ours(file) => file,
            Lock::Theirs(mut file) => {
                let mut other = String::new();
                file.read_to_string(&mut other).map_err(failed)?;
                let message = format!("the checkpoint {} is in use by {}", self.place(), other.trim());
                return Err(Error::usage(message).hint("stop it, or name another --checkpoint"));
            }
        };
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{owner}"));
        written.map_err(failed)?;
        // What an owner left that was killed.
        for name in self.names()?.iter().filter(|name| name.starts_with('.')) {
            self.remove(name)?;
        }
        Ok(Owned(Some(file)))
    }
}
