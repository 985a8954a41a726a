//! A file that one process holds at a time, as long as it lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Who holds it.
#[derive(Debug)]
pub enum Lock {
    /// This process, until the file is dropped.
    Ours(File),
    /// Another one.
    Theirs(File),
}

impl Lock {
    /// Takes the file at `path`, which is made where it is not there, without waiting for who has it.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self::Ours(file)),
            Err(TryLockError::WouldBlock) => Ok(Self::Theirs(file)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
