//! A small disk: a file system in memory, for root alone to make.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A disk, gone with the test.
pub struct Disk(TempDir);

impl Disk {
    /// One with these options of mount, its size among them.
    pub fn of(options: &str) -> Self {
        let disk = Self(TempDir::new().unwrap());
        disk.mount(options);
        disk
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        std::io::copy(&mut std::io::repeat(1), &mut filler).unwrap_err();
    }

    /// Gives that room back.
    pub fn clear(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Changes it: `remount,size=64m`, `remount,ro`.
    pub fn mount(&self, options: &str) {
        super::run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.path()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
