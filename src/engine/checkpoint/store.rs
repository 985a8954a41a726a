//! Where the files of a checkpoint are kept: a folder, or anything else that keeps files whole.

use crate::failpoint;
use crate::lock::Lock;
use crate::new_file::{NewFile, create_folder};
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Files by name. A file is there whole, and for good, when [`Store::write`] returns.
pub trait Store: Send + Sync {
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

    /// How many bytes a file has; `None` where there is none of this name.
    ///
    /// # Errors
    /// When it cannot be read.
    fn length(&self, name: &str) -> Result<Option<usize>> {
        Ok(self.read(name)?.map(|bytes| bytes.len()))
    }

    /// Some bytes of a file, as many as there are of them; `None` where there is no file of this name.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_range(&self, name: &str, bytes: Range<usize>) -> Result<Option<Vec<u8>>> {
        let cut = |file: Vec<u8>| file[bytes.start.min(file.len())..bytes.end.min(file.len())].to_vec();
        Ok(self.read(name)?.map(cut))
    }

    /// Makes a file, or puts it in the place of another, of what `fill` writes, which need not have all of it in memory.
    /// It is called again where the place was full or away, and writes the same then.
    ///
    /// # Errors
    /// As [`Self::write`] and as `fill`.
    fn write_with(&self, name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        let mut bytes = Vec::new();
        fill(&mut bytes)?;
        self.write(name, &bytes)
    }

    /// Makes a file, or puts it in the place of another.
    ///
    /// # Errors
    /// When it cannot be kept; what was there before is there then.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Removes files in this order; they need not be there.
    ///
    /// # Errors
    /// When one cannot be removed.
    fn remove(&self, names: &[String]) -> Result<()>;

    /// Becomes the only one who uses the place, until what is given is dropped or this process ends, however it
    /// ends. `owner` says to others who it is.
    ///
    /// # Errors
    /// A usage error with the owner where there is one.
    fn own(&self, owner: &str) -> Result<Owned>;

    /// Whether who owned the place still does, as far as is known without asking.
    ///
    /// # Errors
    /// When somebody else took it over.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Somebody's right to use a place alone.
pub struct Owned(#[expect(dead_code, reason = "it is given back when this is dropped")] Box<dyn Send>);

impl Owned {
    /// The right to what nobody else can reach.
    pub fn nothing() -> Self {
        Self::until_dropped(())
    }

    /// The right that is given back when `guard` is dropped.
    pub(super) fn until_dropped(guard: impl Send + 'static) -> Self {
        Self(Box::new(guard))
    }
}

/// Somebody else has the place.
pub(super) fn in_use(place: impl std::fmt::Display, owner: &str) -> Error {
    Error::usage(format!("the checkpoint {place} is in use by {owner}"))
        .hint("stop it, or name another --checkpoint")
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
        create_folder(path).map_err(|error| {
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

    /// What became of a file; `None` where there is none of this name.
    fn there<T>(&self, name: &str, done: std::io::Result<T>) -> Result<Option<T>> {
        match done {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
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
        let size = |entry: fs::DirEntry| match entry.metadata() {
            // Whoever has the checkpoint removes files meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            about => Ok(about?.len()),
        };
        let sizes = entries.map(|entry| size(entry?));
        sizes.sum::<std::io::Result<_>>().map_err(|error| self.failed("", error))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.there(name, fs::read(self.0.join(name)))
    }

    fn length(&self, name: &str) -> Result<Option<usize>> {
        let about = self.there(name, fs::metadata(self.0.join(name)))?;
        Ok(about.map(|about| about.len() as usize))
    }

    fn read_range(&self, name: &str, bytes: Range<usize>) -> Result<Option<Vec<u8>>> {
        let Some(mut file) = self.there(name, File::open(self.0.join(name)))? else { return Ok(None) };
        let mut read = Vec::with_capacity(bytes.len());
        file.seek(SeekFrom::Start(bytes.start as u64))
            .and_then(|_| file.take(bytes.len() as u64).read_to_end(&mut read))
            .map_err(|error| self.failed(name, error))?;
        Ok(Some(read))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_with(name, &mut |file| Ok(file.write_all(bytes)?))
    }

    fn write_with(&self, name: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
        let mut file = NewFile::create(&self.0.join(name), true)?;
        fill(&mut file).map_err(|error| error.at(self.0.join(name).display()))?;
        file.finish()
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| {
            failpoint::pass("removal");
            self.there(name, fs::remove_file(self.0.join(name))).map(drop)
        })
    }

    fn own(&self, owner: &str) -> Result<Owned> {
        let failed = |error| self.failed(OWNER, error);
        let mut file = match Lock::take(&self.0.join(OWNER)).map_err(failed)? {
            Lock::Ours(file) => file,
            Lock::Theirs(mut file) => {
                let mut other = String::new();
                file.read_to_string(&mut other).map_err(failed)?;
                return Err(in_use(self.place(), other.trim()));
            }
        };
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{owner}"));
        written.map_err(failed)?;
        // What an owner left that was killed.
        let left: Vec<_> = self.names()?.into_iter().filter(|name| name.starts_with('.')).collect();
        self.remove(&left)?;
        Ok(Owned::until_dropped(file))
    }
}
