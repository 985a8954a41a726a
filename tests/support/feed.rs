//! A folder that queries read, with files that come one after the other.

use super::binary_command;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder for a query: its input, its checkpoint, and room for its results.
pub struct Feed(TempDir);

impl Feed {
    /// Without files.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        Self(folder)
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A place in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with these numbers appears, whole. The notes take half a kilobyte a row, and do not pack well.
    pub fn put(&self, name: &str, numbers: Range<u32>) {
        let path = self.path("in").join(name);
        std::fs::write(path.with_extension("tmp"), numbers.map(line).collect::<String>()).unwrap();
        std::fs::rename(path.with_extension("tmp"), path.with_extension("ndjson")).unwrap();
    }

    /// A query over all of them, a batch for each as it comes, to a sink.
    pub fn query(&self, sink: &[&str]) -> Command {
        let mut command = binary_command("ecap-consume", self.folder());
        command.args(["--source", "in", "--topic", "t", "--schema", "t=n INT, note STRING, k STRING"]);
        command.args(["--max-files-per-trigger", "1", "--trigger", "0s"]).args(sink);
        command
    }
}

/// The record of a number.
pub fn line(n: u32) -> String {
    let mut state = u64::from(n) + 1;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    };
    let note: String = (0..62).map(|_| word()).collect();
    format!("{{\"n\":{n},\"note\":\"xxx{note}\",\"k\":\"{}\"}}\n", ["a", "b", "c"][n as usize % 3])
}
