//! What a query keeps so that it goes on after any end, with no record lost and none counted twice.
//!
//! A checkpoint is a folder of small files, each of which appears whole:
//!
//! | file | holds |
//! |---|---|
//! | `query.json` | the query that it is of |
//! | `000000000007.entry` | what batch 7 depends on: written before the batch has any effect |
//! | `000000000008.commit` | what the query goes on from once 8 batches are done: written when all sinks have them |
//! | `000000000008.state` | what the eighth of them changed in the state |
//! | `table-….arrow` | the rows of a table that does not grow, as a batch saw them |
//! | `owner` | who uses it |
//!
//! In a bucket these are objects, and a manifest says which, and who uses it ([`Objects`]).
//!
//! A batch is read, processed and held; then its entry is written, then its rows go to the sinks, then its state and its
//! commit are written. Whenever that is cut off, the next start goes on from the last commit, and a batch that has
//! an entry and no commit runs again from that entry: the same records, the same clock, the same watermark, and so
//! the same rows. Sinks that have its number pass over it: so there is never another batch of a number that sinks may have,
//! whatever was lost of it here.
//!
//! A query that begins anew does so with a commit, behind all of these numbers. Each commit says by which query it was
//! made; what is of another one is not gone on from.

mod bucket;
mod compare;
mod document;
pub mod inspect;
mod lease;
mod manifest;
mod objects;
mod patient;
mod sealed;
mod state;
mod store;

pub use compare::{Asked, with_origins};
pub use document::{Commit, Entry, HeldTable, PartRef, Query, State, Versions};
pub use objects::Objects;
pub use patient::Patient;
pub use store::{Folder, Owned, Store};

use super::operator::Snapshot;
use super::source::Mark;
use super::{Totals, ipc};
use crate::clock::Micros;
use crate::error::Fault;
use crate::failpoint;
use crate::tables::Table;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use compare::{compared, query, ways_out};
use state::{Checked, StateFiles};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

/// The file that says which query a checkpoint is of.
pub const QUERY: &str = "query.json";

/// How the names of files with tables begin.
const TABLE: &str = "table-";

/// How the names of entries end.
const ENTRY: &str = ".entry";

/// How the names of commits end.
const COMMIT: &str = ".commit";

/// How the names of files of state end.
const STATE: &str = ".state";

/// So many batches can be gone back by, where nobody says.
const RETAINED: u64 = 10;

/// How a checkpoint is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// So many batches can be gone back by.
    pub retained: u64,
    /// Whether the query begins anew, whatever it had done before.
    pub anew: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { retained: RETAINED, anew: false }
    }
}

/// The checkpoint of a running query, which nobody else uses meanwhile.
pub struct Checkpoint {
    store: Arc<dyn Store>,
    query: Query,
    /// What stands in each commit, as [`Commit::made`].
    made: u32,
    /// Whether the query is in the store.
    is_told: bool,
    retained: u64,
    state: StateFiles,
    /// What of it is not loaded into the query yet.
    unused: Option<(Commit, Vec<Snapshot>)>,
    before: Option<Before>,
    /// No sink can have a batch of this number or a higher one, as far as was known at the start.
    next: u64,
    /// The commits that are there, by how many batches were done, each with the files that its state is in.
    commits: BTreeMap<u64, BTreeSet<u64>>,
    /// The files of tables that entries name, by batch.
    tables: BTreeMap<u64, Vec<HeldTable>>,
    /// The version of each table whose rows are kept, and where.
    held: BTreeMap<String, (u64, HeldTable)>,
    bytes: u64,
    _owned: Owned,
}

/// What was done before a query began anew, and the next record of each of its topics where a commit says that of what it
/// reads now.
type Before = (Totals, Option<Vec<Mark>>);

impl Checkpoint {
    /// The checkpoint in `store`, begun at `now` where there is none. `owner` says to others who has it.
    ///
    /// # Errors
    /// A usage error where somebody else has it, it is of another query whose state this one cannot go on from, or
    /// nothing in it can be used; otherwise when the store fails.
    pub fn open(
        store: Box<dyn Store>,
        owner: &str,
        asked: Asked,
        options: &Options,
        now: Micros,
    ) -> Result<Self> {
        let store: Arc<dyn Store> = store.into();
        let owned = store.own(owner)?;
        failpoint::pass("claimed");
        let names = store.names()?;
        let next = next(&names);
        let mut opened = Self {
            store,
            made: asked.made(),
            query: asked.clone().begun(now),
            is_told: false,
            retained: options.retained.max(1),
            state: StateFiles::default(),
            unused: None,
            before: None,
            next: next.unwrap_or_default(),
            commits: BTreeMap::new(),
            tables: BTreeMap::new(),
            held: BTreeMap::new(),
            bytes: 0,
            _owned: owned,
        };
        match next {
            None => opened.tell()?,
            Some(_) if options.anew => opened.begin_anew(asked, &names)?,
            Some(_) => opened.find(asked, &names)?,
        }
        Ok(opened)
    }

    /// The query that it is of.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The last commit, while the query has not gone on from it.
    pub fn last(&self) -> Option<&Commit> {
        self.unused.as_ref().map(|(commit, _)| commit)
    }

    /// The last commit and its state, once.
    pub fn take_last(&mut self) -> Option<(Commit, Vec<Snapshot>)> {
        self.unused.take()
    }

    /// What was done before the query began anew.
    pub fn before(&self) -> Option<&Before> {
        self.before.as_ref()
    }

    /// The entries of the batches that began and are in no commit, where `done` batches are.
    ///
    /// # Errors
    /// A usage error where one is not as it was written: sinks may have its batch, and no other can take its number.
    /// When the store fails.
    pub fn cut_off(&self, done: u64) -> Result<Vec<Entry>> {
        let entry = |batch| self.entry(batch)?.ok_or_else(|| self.broken(&entry_file(batch)));
        (done..self.next).map(entry).collect()
    }

    fn entry(&self, batch: u64) -> Result<Option<Entry>> {
        Ok(self.store.read(&entry_file(batch))?.and_then(|bytes| sealed::open(&bytes)))
    }

    /// A file without which nothing can be gone on from.
    fn broken(&self, file: &str) -> Error {
        let message = format!("checkpoint {}: {file} is not there as it was written", self.store.place());
        ways_out(Error::usage(message), self.store.as_ref())
    }

    /// A batch is about to have effects: what it depends on is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub fn prepare(&mut self, entry: &Entry) -> Result<()> {
        self.tables.insert(entry.batch, entry.tables.clone());
        failpoint::pass("entry");
        self.store.write(&entry_file(entry.batch), &seal(entry)?)?;
        failpoint::pass("entered");
        Ok(())
    }

    /// All sinks have the batches of `commit`, whose state is filled in here: the query goes on from there. What is
    /// older than what is retained is removed.
    ///
    /// # Errors
    /// When the store fails: the query goes on from the commit before.
    pub fn commit(&mut self, mut commit: Commit, changed: &[Snapshot]) -> Result<()> {
        failpoint::pass("state");
        let number = commit.totals.batches;
        commit.made = Some(self.made);
        if !self.is_told {
            commit.origins.clone_from(&self.query.origins);
        }
        let (store, mut state) = (self.store.as_ref(), StateFiles::default());
        let mut write = |out: &mut dyn Write| {
            let read = |file, bytes| read_state(store, file, bytes);
            state = self.state.clone();
            state.change(number, changed, read, out)
        };
        if self.state.has_to_write(changed) {
            store.write_with(&state_file(number), &mut write)?;
        } else {
            write(&mut io::sink())?;
        }
        commit.operators.clone_from(&state.operators);
        failpoint::pass("commit");
        store.write(&commit_file(number), &seal(&commit)?)?;
        failpoint::pass("done");
        if !self.is_told {
            self.tell()?;
        }
        self.state = state;
        self.commits = self.commits.split_off(&number.saturating_sub(self.retained));
        self.commits.insert(number, commit.files().collect());
        self.sweep()?;
        self.bytes = self.store.size()?;
        Ok(())
    }

    fn tell(&mut self) -> Result<()> {
        self.store.write(QUERY, &seal(&self.query)?)?;
        self.is_told = true;
        Ok(())
    }

    /// Whether the checkpoint is still this query's, as far as is known.
    ///
    /// # Errors
    /// When somebody else took it over.
    pub fn check(&self) -> Result<()> {
        self.store.check()
    }

    /// How many bytes its files took at the last commit.
    pub fn size(&self) -> u64 {
        self.bytes
    }

    /// Keeps the rows of tables for an entry; what is kept already is named again.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep_tables(&mut self, tables: &[Arc<Table>]) -> Result<Vec<HeldTable>> {
        tables.iter().map(|table| self.keep_table(table)).collect()
    }

    fn keep_table(&mut self, table: &Table) -> Result<HeldTable> {
        let version = table.version();
        if let Some((_, held)) = self.held.get(table.name()).filter(|(kept, _)| *kept == version) {
            return Ok(held.clone());
        }
        let mut bytes = Vec::new();
        ipc::encode(&table.rows(), &mut bytes)?;
        let (name, crc) = (table.name(), crc32c::crc32c(&bytes));
        let held =
            HeldTable { name: name.into(), file: format!("{TABLE}{name}-{:x}-{crc:08x}.arrow", bytes.len()) };
        self.store.write(&held.file, &bytes)?;
        self.held.insert(name.into(), (version, held.clone()));
        Ok(held)
    }

    /// The rows that a table had.
    ///
    /// # Errors
    /// A usage error when they are not there as they were written; when the store fails.
    pub fn table(&self, held: &HeldTable) -> Result<Vec<RecordBatch>> {
        let bytes = table(self.store.as_ref(), &held.file)?.ok_or_else(|| self.broken(&held.file))?;
        if bytes.is_empty() { Ok(vec![]) } else { ipc::decode(&bytes) }
    }

    /// The query begins anew. Its batches are numbered behind all that sinks may have. What is there stays until its first
    /// commit, which alone decides that it did begin.
    fn begin_anew(&mut self, asked: Asked, names: &[String]) -> Result<()> {
        let mut has_moved = false;
        match query(self.store.as_ref()) {
            Ok(Some(kept)) => {
                let kept = with_origins(kept, self.store.as_ref())?;
                has_moved = asked.moved(&kept).is_some();
                self.query = asked.anew(kept);
            }
            Err(error) if error.fault() != Fault::Usage => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let mut last = None;
        for number in numbers(names, COMMIT).into_iter().rev() {
            last = self.commit_of(number)?;
            if last.is_some() {
                break;
            }
        }
        let (totals, marks) = last.map(|commit| (commit.totals, commit.sources)).unzip();
        let totals = Totals { batches: self.next, ..totals.unwrap_or_default() };
        self.before = Some((totals, marks.filter(|_| !has_moved)));
        Ok(())
    }

    /// Goes to the last commit that is whole with its state, if the query can go on from it.
    fn find(&mut self, asked: Asked, names: &[String]) -> Result<()> {
        let store = self.store.clone();
        let kept = query(store.as_ref())?.ok_or_else(|| self.broken(QUERY))?;
        let kept = with_origins(kept, store.as_ref())?;
        let commits = numbers(names, COMMIT);
        let Some((last, state, checked)) = self.last_whole(&commits)? else {
            let message = format!("checkpoint {}: no commit in it is whole", store.place());
            return Err(ways_out(Error::usage(message), store.as_ref()));
        };
        self.query = compared(kept, &last, asked).map_err(|error| ways_out(error, store.as_ref()))?;
        self.tell()?;
        for number in commits {
            match self.commit_of(number)? {
                // It was left when this query began.
                Some(commit) if commit.is_foreign(&last) => None,
                Some(commit) => self.commits.insert(number, commit.files().collect()),
                // What cannot be gone back to is no use; what is done again is written again.
                None if number < last.totals.batches => None,
                None => self.commits.insert(number, BTreeSet::from([number])),
            };
        }
        for batch in numbers(names, ENTRY) {
            if let Some(entry) = self.entry(batch)? {
                self.tables.insert(batch, entry.tables);
            }
        }
        self.unused = Some((last, state.snapshots(&self.store, checked)));
        self.state = state;
        self.sweep()
    }

    fn last_whole(&self, commits: &[u64]) -> Result<Option<(Commit, StateFiles, Checked)>> {
        for number in commits.iter().rev() {
            match whole(load(self.store.as_ref(), *number))? {
                Ok(loaded) => return Ok(Some(loaded)),
                Err(error) => {
                    let place = self.store.place();
                    tracing::warn!("checkpoint {place}: {error}: going back to the batch before it");
                }
            }
        }
        Ok(None)
    }

    fn commit_of(&self, number: u64) -> Result<Option<Commit>> {
        Ok(self.store.read(&commit_file(number))?.and_then(|bytes| sealed::open(&bytes)))
    }

    /// Removes what no commit needs that is kept: what is older, of a batch that was cut off, or whose removal was. Commits
    /// first: one that is there has its state.
    fn sweep(&mut self) -> Result<()> {
        let oldest = self.commits.keys().next().copied().unwrap_or_default();
        self.tables = self.tables.split_off(&oldest);
        let states: BTreeSet<u64> = self.commits.values().flatten().copied().collect();
        let held = self.held.values().map(|(_, held)| held);
        let tables = self.tables.values().flatten().chain(held).map(|table| table.file.as_str());
        let tables: BTreeSet<&str> = tables.collect();
        let is_old = |name: &String| {
            number(name, COMMIT).is_some_and(|number| !self.commits.contains_key(&number))
                || number(name, ENTRY).is_some_and(|batch| batch < oldest)
                || number(name, STATE).is_some_and(|number| !states.contains(&number))
                || name.starts_with(TABLE) && !tables.contains(name.as_str())
        };
        let mut old: Vec<_> = self.store.names()?.into_iter().filter(is_old).collect();
        old.sort_unstable_by_key(|name| (number(name, COMMIT).is_none(), name.clone()));
        if old.is_empty() { Ok(()) } else { self.store.remove(&old) }
    }
}

/// The commit of this number and where its state stands, if both are as they were written.
fn load(store: &dyn Store, number: u64) -> Result<(Commit, StateFiles, Checked)> {
    let broken = || Error::new(Fault::Check, format!("commit {number} is not as it was written"));
    let bytes = store.read(&commit_file(number))?.ok_or_else(broken)?;
    let commit: Commit = sealed::open(&bytes).ok_or_else(broken)?;
    let state = StateFiles::of(commit.operators.clone(), store);
    let (state, checked) = state.map_err(|error| error.at(format!("commit {number}")))?;
    Ok((commit, state, checked))
}

/// What was loaded, or why it is not whole.
///
/// # Errors
/// When the store does not give it: then it may be whole.
fn whole<T>(loaded: Result<T>) -> Result<Result<T>> {
    match loaded {
        Err(error) if error.fault() != Fault::Check => Err(error),
        known => Ok(known),
    }
}

/// Some bytes of a file of state. What is not as it was written is a finding of a check, other errors are the store's.
fn read_state(store: &dyn Store, file: u64, bytes: Range<usize>) -> Result<Vec<u8>> {
    let read = store.read_range(&state_file(file), bytes)?;
    read.ok_or_else(|| Error::new(Fault::Check, format!("{} is gone", state_file(file))))
}

fn seal(document: &impl serde::Serialize) -> Result<Vec<u8>> {
    sealed::seal(document)
        .map_err(|error| Error::failed(format!("a checkpoint's document has no form: {error}")))
}

/// What a file of a table holds; `None` where it is not there as it was written.
fn table(store: &dyn Store, file: &str) -> Result<Option<Vec<u8>>> {
    let bytes = store.read(file)?.unwrap_or_default();
    let sum = format!("-{:x}-{:08x}.arrow", bytes.len(), crc32c::crc32c(&bytes));
    Ok(file.ends_with(&sum).then_some(bytes))
}

/// The number behind all batches that sinks may have, by the names alone, as what is not whole was once; `None` where
/// none ever began.
fn next(names: &[String]) -> Option<u64> {
    let begun = numbers(names, ENTRY).pop().map(|batch| batch.saturating_add(1));
    begun.max(numbers(names, COMMIT).pop())
}

/// The numbers of the files with an ending, in order.
fn numbers(names: &[String], ending: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name, ending)).collect();
    numbers.sort_unstable();
    numbers
}

/// The number of a file with an ending.
fn number(name: &str, ending: &str) -> Option<u64> {
    name.strip_suffix(ending)?.parse().ok()
}

fn entry_file(batch: u64) -> String {
    format!("{batch:012}{ENTRY}")
}

fn commit_file(batches: u64) -> String {
    format!("{batches:012}{COMMIT}")
}

fn state_file(batches: u64) -> String {
    format!("{batches:012}{STATE}")
}
