//! A file that appears whole or not at all.

use crate::{Error, Result, failpoint};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file in the making: written beside its place, moved there by [`NewFile::finish`], gone when dropped.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    unfinished: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file; folders on the way are made.
    ///
    /// # Errors
    /// When there is a file at `path` already and it is not to be overwritten, or the folder cannot be
    /// written.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(Error::usage(format!("{} is no file", path.display()))
                .hint("name a file, or give '-' and redirect standard output"));
        }
        if path.exists() && !overwrite {
            return Err(Error::failed(format!("{} is there already", path.display()))
                .hint("give --force to overwrite it, or another name with --output"));
        }
        let name = path.file_name().ok_or_else(|| Error::usage(format!("{} is no file", path.display())))?;
        let unfinished = path.with_file_name(format!(".{}.{}", name.display(), std::process::id()));
        let file = create(&unfinished).map_err(|error| Error::from(error).at(path.display()))?;
        Ok(Self { file, unfinished, path: path.to_owned() })
    }

    /// How long it is so far, in bytes.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn length(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Moves the file to its place.
    ///
    /// # Errors
    /// When it cannot be written out or moved.
    pub fn finish(self) -> Result<()> {
        failpoint::pass("written");
        let synced = self.file.sync_all();
        failpoint::pass("synced");
        let moved = synced.and_then(|()| fs::rename(&self.unfinished, &self.path));
        failpoint::pass("renamed");
        moved
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| Error::from(error).at(self.path.display()))
    }
}

/// Sees to it that the name of a file is on the disk, too.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn create(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), create_folder)?;
    File::create(path)
}

/// Makes a folder and those on the way to it where they are not there, and sees to it that their names are on the disk, too.
///
/// # Errors
/// When one cannot be made.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), create_folder)?;
    match fs::create_dir(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_folder(path)
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After finish() there is nothing left under this name.
        let _ = fs::remove_file(&self.unfinished);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("data/rows.csv");
        let mut file = NewFile::create(&path, false)?;
        file.write_all(b"a,b\n")?;
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path().join("data"))?.count(), 0);

        let mut file = NewFile::create(&path, false)?;
        file.write_all(b"a,b\n")?;
        file.finish()?;
        assert_eq!(fs::read_to_string(&path)?, "a,b\n");
        assert_eq!(fs::read_dir(folder.path().join("data"))?.count(), 1);
        assert!(NewFile::create(&path, false).is_err());
        for no_file in [folder.path(), Path::new("/dev/null")] {
            let error = NewFile::create(no_file, true).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains("is no file")));
        }
        NewFile::create(&path, true)?.finish()
    }
}
