//! A folder of files as a topic of one partition: each file is read once, new ones as they appear. The
//! offsets are the numbers of the records in the order in which they were read.

mod clean;
mod listing;

pub use clean::Clean;

use crate::catalog::{Record, Topic};
use crate::clock::{Clock, Micros};
use crate::engine::source::{Allowance, FileMark, InFile, Mark, Position, Source, SourceRecord};
use crate::produce::{Checker, FileKind, Header, Next, Row, Source as Rows};
use crate::record::reject::Reject;
use crate::{Error, Result};
use listing::{Entry, Listing};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The only partition.
const PARTITION: i32 = 0;

/// How a folder is read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Begin at most so many files in a trigger.
    pub max_files: usize,
    /// Begin with the file that was changed last.
    pub latest_first: bool,
    /// What becomes of files that were read.
    pub clean: Clean,
    /// Whether a file that cannot be read ends the query; else it is skipped.
    pub fail_fast: bool,
    /// Whether records get the key that the catalog names; else they have none.
    pub wants_keys: bool,
}

/// Reads the files of a folder as the records of a topic.
pub struct Folder {
    listing: Listing,
    topic: Topic,
    options: Options,
    positions: BTreeMap<i32, Position>,
    waiting: VecDeque<Entry>,
    /// So many files may still be begun in this trigger.
    budget: usize,
    open: Option<Open>,
    /// What was read to its end, and is not cleaned up yet.
    read: Vec<String>,
    is_bounded: bool,
    /// The first record that is not handed over, where files are read once more.
    until: Option<i64>,
    /// What may still be handed over.
    allowance: Allowance,
    row: Row,
}

/// A file that is being read.
struct Open {
    name: String,
    rows: Box<dyn Rows>,
    modified: Micros,
    at: InFile,
    /// How many rows of it were handed over.
    handed: u64,
}

impl Folder {
    /// The files of `folder` as records of `topic`.
    ///
    /// # Errors
    /// A usage error when the folder or its archive is none.
    pub fn new(folder: &Path, topic: &Topic, options: Options, clock: Arc<dyn Clock>) -> Result<Self> {
        let listing = Listing::new(folder, options.latest_first, clock)?;
        options.clean.prepare(folder)?;
        Ok(Self {
            listing,
            topic: topic.clone(),
            budget: options.max_files,
            options,
            positions: BTreeMap::from([(PARTITION, Position::default())]),
            waiting: VecDeque::new(),
            open: None,
            read: Vec::new(),
            is_bounded: false,
            until: None,
            allowance: Allowance::default(),
            row: Row::default(),
        })
    }

    fn list(&mut self) -> Result<()> {
        self.waiting = self.listing.list(self.is_bounded)?.into();
        self.budget = self.options.max_files;
        self.tell_position(0);
        Ok(())
    }

    /// Where files that are read once more are gone meanwhile, so are their records.
    fn give_up_what_is_gone(&mut self) {
        if let Some(until) = self.until
            && !self.is_over()
            && self.open.is_none()
            && self.waiting.is_empty()
        {
            let at = self.positions.entry(PARTITION).or_default();
            tracing::warn!("{} records are gone that a batch had read: their files changed", until - at.next);
            at.next = until;
        }
    }

    /// Whether all was handed over that is read once more.
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| self.positions.get(&PARTITION).is_some_and(|at| at.next >= until))
    }

    fn has_more(&self) -> bool {
        self.open.is_some() || self.budget > 0 && !self.waiting.is_empty()
    }

    /// Goes on by `records`. How many are still to come is not known: at least one by file is supposed.
    fn tell_position(&mut self, records: i64) {
        let files = if self.is_bounded { self.waiting.len() } else { self.waiting.len().min(self.budget) };
        let at = self.positions.entry(PARTITION).or_default();
        at.next += records;
        at.end = self.until.unwrap_or(at.next + (files + usize::from(self.open.is_some())) as i64);
        at.caught_up = match self.until {
            Some(until) => at.next >= until,
            None => self.open.is_none() && self.waiting.is_empty(),
        };
    }

    /// Goes on in a file behind the rows that were handed over.
    fn reopen(&mut self, file: &FileMark, handed: u64) -> Result<()> {
        let path = self.listing.path(&file.name);
        let entry = entry(file).filter(|_| path.exists());
        let entry =
            entry.ok_or_else(|| Error::failed(format!("{} is read half, and gone", path.display())))?;
        self.open_file(entry)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        while open.handed < handed {
            open.rows.next(&mut self.row)?;
            open.handed += 1;
        }
        Ok(())
    }

    /// Opens the next file that can be opened; false when there is none.
    fn begin_next(&mut self) -> Result<bool> {
        while self.budget > 0
            && let Some(entry) = self.waiting.pop_front()
        {
            self.budget -= 1;
            self.listing.begin(&entry.name);
            self.open_file(entry)?;
            if self.open.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens a file, unless it cannot be opened, which is said.
    fn open_file(&mut self, Entry { name, kind, modified }: Entry) -> Result<()> {
        let path = self.listing.path(&name);
        let wants_keys = self.options.wants_keys;
        let checker = |record: &Record| Checker::unchecked(record, wants_keys);
        match kind.open(&path, &self.topic, Header::Part, checker) {
            Ok(rows) => {
                let at = InFile { file: path.display().to_string().into(), line: 0, flaw: None };
                self.open = Some(Open { name, rows, modified, at, handed: 0 });
                Ok(())
            }
            Err(error) => self.broken(&name, false, &error),
        }
    }

    /// Says that a file cannot be read, or not any further.
    fn broken(&mut self, name: &str, began: bool, error: &Error) -> Result<()> {
        self.listing.end(name, !began);
        if self.options.fail_fast {
            return Err(Error::data(error.message()).hint("--fail-fast stops here"));
        }
        let skipped = if began { "what follows in it is skipped" } else { "it is skipped" };
        tracing::warn!("{}: {skipped}", error.message());
        Ok(())
    }

    /// Hands over a row of the open file; gives its size in bytes, or `None` where no row was left.
    fn hand_over(&mut self, take: &mut dyn FnMut(SourceRecord<'_>)) -> Result<Option<usize>> {
        let Some(open) = &mut self.open else { return Ok(None) };
        open.at.flaw = match open.rows.next(&mut self.row) {
            Ok(Next::Row) => None,
            Ok(Next::Bad(problem)) => Some(flaw(problem)),
            ended => {
                let (name, began) = (std::mem::take(&mut open.name), open.handed > 0);
                self.open = None;
                match ended {
                    Err(error) => self.broken(&name, began, &error)?,
                    Ok(_) => {
                        self.listing.end(&name, false);
                        self.read.push(name);
                    }
                }
                return Ok(None);
            }
        };
        open.handed += 1;
        open.at.line = self.row.line;
        let offset = self.positions.get(&PARTITION).map_or(0, |at| at.next);
        let key = self.row.key.as_deref().filter(|_| open.at.flaw.is_none());
        let (timestamp, value) = (open.modified, Some(&*self.row.value).filter(|_| !self.row.is_tombstone()));
        take(SourceRecord { partition: PARTITION, offset, timestamp, key, value, in_file: Some(&open.at) });
        let size = self.row.value.len();
        for left in [&mut self.allowance.records, &mut self.allowance.per_partition].into_iter().flatten() {
            *left = left.saturating_sub(1);
        }
        if let Some(left) = &mut self.allowance.bytes {
            *left = left.saturating_sub(size);
        }
        self.tell_position(1);
        Ok(Some(size))
    }
}

/// A file that was begun, to be read once more.
fn entry(file: &FileMark) -> Option<Entry> {
    let kind = FileKind::of(&file.name)?;
    Some(Entry { name: file.name.clone(), kind, modified: file.seen.1 })
}

fn flaw(problem: crate::produce::Problem) -> Reject {
    let reason = match problem.column {
        Some(column) => format!("column {column}: {}", problem.reason),
        None => problem.reason,
    };
    Reject::new(problem.code, reason)
}

impl Source for Folder {
    fn positions(&self) -> &BTreeMap<i32, Position> {
        &self.positions
    }

    fn mark(&self) -> Mark {
        let offsets = self.positions.iter().map(|(partition, at)| (*partition, at.next)).collect();
        let open = self.open.as_ref().map(|open| (open.name.as_str(), open.modified, open.handed));
        Mark { offsets, files: self.listing.marks(open) }
    }

    fn go_to(&mut self, mark: &Mark) -> Result<()> {
        self.listing.go_to(&mark.files);
        (self.open, self.until, self.allowance) = (None, None, Allowance::default());
        let next = mark.offsets.get(&PARTITION).copied().unwrap_or_default();
        self.positions.insert(PARTITION, Position { start: next, next, ..Position::default() });
        if let Some((file, handed)) = mark.files.iter().find_map(|file| Some((file, file.rows?))) {
            self.reopen(file, handed)?;
        }
        // What was read to its end and not cleaned up yet.
        let ended = mark.files.iter().filter(|file| file.rows.is_none());
        self.read = ended.map(|file| file.name.clone()).collect();
        self.waiting.clear();
        self.tell_position(0);
        Ok(())
    }

    fn stop_at(&mut self, mark: &Mark) {
        let again = mark.files.iter().filter(|file| !self.listing.is_taken(&file.name));
        self.waiting = again.filter_map(entry).collect();
        self.until = mark.offsets.get(&PARTITION).copied();
        self.tell_position(0);
    }

    fn look_ahead(&mut self) -> Result<()> {
        self.list()
    }

    /// A bounded run reads what is there, also what may still be written: nobody comes back for it.
    fn stop_at_ends(&mut self) -> Result<()> {
        self.is_bounded = true;
        self.list()
    }

    fn read(
        &mut self,
        limit: usize,
        patience: Duration,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> Result<()> {
        if self.until.is_some() {
            self.budget = usize::MAX;
        } else if self.is_bounded {
            self.budget = self.options.max_files;
        } else if !self.has_more() {
            // Where batches follow one another at once, nobody else looks for new files.
            self.list()?;
            if !self.has_more() {
                std::thread::sleep(patience);
                return Ok(());
            }
        }
        let mut bytes = 0;
        while bytes < limit
            && !self.is_exhausted()
            && !self.is_over()
            && (self.open.is_some() || self.begin_next()?)
        {
            // A row without bytes counts too, so that there is an end.
            bytes += self.hand_over(take)?.map_or(0, |size| size.max(1));
        }
        self.give_up_what_is_gone();
        self.tell_position(0);
        Ok(())
    }

    fn allow(&mut self, allowance: Allowance) -> Result<()> {
        self.allowance = allowance;
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        let Allowance { records, bytes, per_partition } = self.allowance;
        records == Some(0) || bytes == Some(0) || per_partition == Some(0)
    }

    fn mirror(&mut self) -> Result<()> {
        for name in self.read.drain(..) {
            if self.options.clean.clean(&self.listing.path(&name)) {
                self.listing.forget(&name);
            }
        }
        Ok(())
    }
}
