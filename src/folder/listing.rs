//! Which files of a folder are to be read, and in which order.

use crate::clock::{Clock, Micros};
use crate::engine::source::FileMark;
use crate::produce::{ENDINGS, FileKind};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// A file that changed within this time, in microseconds, may still be written.
const SETTLED: Micros = 1_000_000;

/// A file that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// What it holds.
    pub kind: FileKind,
    /// When it was changed last.
    pub modified: Micros,
}

/// How large a file is, and when it was changed last.
type Mark = (u64, Micros);

/// What is known of a file that was taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// How it was at its end; `None` while it is read.
    mark: Option<Mark>,
    /// Whether it is read again when it changes, as nothing of it could be read.
    again: bool,
    /// How many files were taken before it.
    number: u64,
}

/// A folder, and which of its files were taken.
pub struct Listing {
    folder: PathBuf,
    latest_first: bool,
    clock: Arc<dyn Clock>,
    /// By name; what is no longer in the folder is forgotten.
    taken: BTreeMap<String, Taken>,
    /// How many were taken.
    count: u64,
    /// Whether a file was spoken of that has another ending.
    told: bool,
}

impl Listing {
    /// A listing of `folder`, the oldest file first, or the newest.
    ///
    /// # Errors
    /// A usage error when it is no folder, or cannot be read.
    pub fn new(folder: &Path, latest_first: bool, clock: Arc<dyn Clock>) -> Result<Self> {
        std::fs::read_dir(folder).map_err(|error| {
            Error::usage(format!("cannot read the folder {}: {error}", folder.display()))
                .hint("--source names a folder of files")
        })?;
        Ok(Self { folder: folder.into(), latest_first, clock, taken: BTreeMap::new(), count: 0, told: false })
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The files that were not taken yet, in order. Those that may still be written are left out, unless
    /// `all` are wanted.
    ///
    /// # Errors
    /// When the folder cannot be read any more.
    pub fn list(&mut self, all: bool) -> Result<Vec<Entry>> {
        let gone =
            |error| Error::failed(format!("cannot read the folder {}: {error}", self.folder.display()));
        let mut found: Vec<(String, Mark)> = Vec::new();
        for file in std::fs::read_dir(&self.folder).map_err(gone)? {
            let Ok(name) = file.map_err(gone)?.file_name().into_string() else { continue };
            if is_hidden(&name) {
                continue;
            }
            // A file that is gone by now is not there.
            if let Ok(about) = std::fs::metadata(self.folder.join(&name))
                && about.is_file()
            {
                found.push((name, mark(&about)));
            }
        }
        self.taken.retain(|name, _| found.iter().any(|(found, _)| found == name));
        let now = self.clock.now();
        let found = found.into_iter();
        let mut entries: Vec<_> = found.filter_map(|(name, mark)| self.entry(name, mark, now, all)).collect();
        entries.sort_by(|one, other| (one.modified, &one.name).cmp(&(other.modified, &other.name)));
        if self.latest_first {
            entries.reverse();
        }
        Ok(entries)
    }

    fn entry(&mut self, name: String, mark: Mark, now: Micros, all: bool) -> Option<Entry> {
        let Some(kind) = FileKind::of(&name) else {
            if !std::mem::replace(&mut self.told, true) {
                let path = self.path(&name);
                tracing::warn!(
                    "{} is not read, nor are others like it: files end in {ENDINGS}",
                    path.display()
                );
            }
            return None;
        };
        let modified = mark.1;
        // Away from the clock by much in the other direction is another machine's clock.
        let is_settled = all || now.abs_diff(modified) >= SETTLED.unsigned_abs();
        is_settled.then_some(())?;
        self.is_new(&name, mark).then_some(Entry { name, kind, modified })
    }

    /// Whether a file was not taken yet. Says so, once, where one changed after it was read.
    fn is_new(&mut self, name: &str, now: Mark) -> bool {
        let path = self.folder.join(name);
        let Some(taken) = self.taken.get_mut(name) else { return true };
        if taken.mark.is_none_or(|mark| mark == now) {
            return false;
        }
        if taken.again {
            self.taken.remove(name);
            return true;
        }
        taken.mark = Some(now);
        tracing::warn!(
            "{} changed after it was read, which is done once: write it under a name that begins with '.', \
             and rename it when it is complete",
            path.display()
        );
        false
    }

    /// Whether a file was taken.
    pub fn is_taken(&self, name: &str) -> bool {
        self.taken.contains_key(name)
    }

    /// A file is read now.
    pub fn begin(&mut self, name: &str) {
        self.take(name, None);
    }

    fn take(&mut self, name: &str, mark: Option<Mark>) {
        self.taken.insert(name.into(), Taken { mark, again: false, number: self.count });
        self.count += 1;
    }

    /// A file was read. With `again` it is read another time when it changes.
    pub fn end(&mut self, name: &str, again: bool) {
        let mark = std::fs::metadata(self.path(name)).ok().map(|about| mark(&about));
        if let Some(taken) = self.taken.get_mut(name) {
            *taken = Taken { mark, again, number: taken.number };
        }
    }

    /// The files that were taken, in this order. One that is still read, changed last at the time that is given, is
    /// marked with the rows that were read of it.
    pub fn marks(&self, open: Option<(&str, Micros, u64)>) -> Vec<FileMark> {
        let mut taken: Vec<_> = self.taken.iter().filter(|(_, taken)| !taken.again).collect();
        taken.sort_unstable_by_key(|(_, taken)| taken.number);
        let mark = |(name, taken): (&String, &Taken)| {
            let open = open.filter(|(open, ..)| open == name);
            let seen = open.map(|(_, modified, _)| (0, modified)).or(taken.mark).unwrap_or_default();
            FileMark { name: name.clone(), seen, rows: open.map(|(.., rows)| rows) }
        };
        taken.into_iter().map(mark).collect()
    }

    /// Goes on where these files were taken, and no others.
    pub fn go_to(&mut self, files: &[FileMark]) {
        self.taken.clear();
        files.iter().for_each(|file| self.take(&file.name, Some(file.seen).filter(|_| file.rows.is_none())));
    }

    /// A file is gone: one of the same name is another.
    pub fn forget(&mut self, name: &str) {
        self.taken.remove(name);
    }
}

/// Files in the making, and what other systems leave beside their files.
fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_']) || name.ends_with(".tmp") || name.ends_with(".crc")
}

fn mark(about: &Metadata) -> Mark {
    let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (about.len(), modified.map_or(0, |since| since.as_micros() as Micros))
}
