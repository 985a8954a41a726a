//! A small disk: a file system in memory, for root alone to make.

use std::path::Path;
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
