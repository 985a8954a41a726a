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
//! the same rows. Sinks that have its number pass over it.

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

pub use compare::Asked;
pub use document::{Commit, Entry, HeldTable, PartRef, Query, State, Versions};
pub use objects::Objects;
pub use patient::Patient;
pub use store::{Folder, Owned, Store};

use super::operator::Snapshot;
use super::source::Mark;
use super::{Totals, ipc};
use crate::clock::Micros;
use crate::error::Fault;
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
    retained: u64,
    state: StateFiles,
    /// What of it is not loaded into the query yet.
    unused: Option<(Commit, Vec<Snapshot>)>,
    /// What was done before it began anew, and where.
    before: Option<(Totals, Vec<Mark>)>,
    /// The commits that are there, by how many batches were done, each with the files that its state is in.
    commits: BTreeMap<u64, BTreeSet<u64>>,
    /// The files of tables that entries name, by batch.
    tables: BTreeMap<u64, Vec<HeldTable>>,
    /// The version of each table whose rows are kept, and where.
    held: BTreeMap<String, (u64, HeldTable)>,
    _owned: Owned,
}

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
        let query = match query(store.as_ref())? {
            None => asked.begun(now),
            Some(query) if options.anew => asked.anew(query),
            Some(query) => compared(query, asked).map_err(|error| ways_out(error, store.as_ref()))?,
        };
        store.write(QUERY, &seal(&query)?)?;
        let (state, commits, tables) = (StateFiles::default(), BTreeMap::new(), BTreeMap::new());
        let (unused, held) = (None, BTreeMap::new());
        let retained = options.retained.max(1);
        let mut opened = Self {
            store,
            query,
            retained,
            state,
            unused,
            before: None,
            commits,
            tables,
            held,
            _owned: owned,
        };
        opened.find_commits()?;
        if options.anew {
            opened.forget()?;
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

    /// Forgets the state: the query begins anew. Its batches are numbered on, behind one that sinks may have already.
    fn forget(&mut self) -> Result<()> {
        self.state = StateFiles::default();
        let Some((commit, _)) = self.unused.take() else { return Ok(()) };
        let began = self.cut_off(commit.totals.batches)?.is_some();
        let batches = commit.totals.batches + u64::from(began);
        self.before = Some((Totals { batches, ..commit.totals }, commit.sources));
        Ok(())
    }

    /// What was done, and the next record of each topic, before the query began anew.
    pub fn before(&self) -> Option<&(Totals, Vec<Mark>)> {
        self.before.as_ref()
    }

    /// The entry of a batch that began and has no commit.
    ///
    /// # Errors
    /// When the store fails.
    pub fn cut_off(&self, batch: u64) -> Result<Option<Entry>> {
        let Some(bytes) = self.store.read(&entry_file(batch))? else { return Ok(None) };
        let entry = sealed::open(&bytes);
        if entry.is_none() {
            // It had no effect yet: what is not whole was never followed by anything.
            tracing::warn!(
                "checkpoint {}: the entry of batch {batch} is not whole: it begins anew",
                self.store.place()
            );
        }
        Ok(entry)
    }

    /// A batch is about to have effects: what it depends on is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub fn prepare(&mut self, entry: &Entry) -> Result<()> {
        self.tables.insert(entry.batch, entry.tables.clone());
        self.store.write(&entry_file(entry.batch), &seal(entry)?)
    }

    /// All sinks have the batches of `commit`, whose state is filled in here: the query goes on from there. What is
    /// older than what is retained is removed.
    ///
    /// # Errors
    /// When the store fails: the query goes on from the commit before.
    pub fn commit(&mut self, mut commit: Commit, changed: &[Snapshot]) -> Result<()> {
        let number = commit.totals.batches;
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
        store.write(&commit_file(number), &seal(&commit)?)?;
        self.state = state;
        self.commits.insert(number, commit.files().collect());
        self.remove_old(number)
    }

    /// Whether the checkpoint is still this query's, as far as is known.
    ///
    /// # Errors
    /// When somebody else took it over.
    pub fn check(&self) -> Result<()> {
        self.store.check()
    }

    /// How many bytes its state takes in files.
    pub fn size(&self) -> usize {
        self.state.size()
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
    /// When they are not there as they were written.
    pub fn table(&self, held: &HeldTable) -> Result<Vec<RecordBatch>> {
        let bytes = self.store.read(&held.file)?.unwrap_or_default();
        let sum = format!("-{:x}-{:08x}.arrow", bytes.len(), crc32c::crc32c(&bytes));
        if !held.file.ends_with(&sum) {
            let place = self.store.place();
            return Err(Error::failed(format!("checkpoint {place}: {} is not as it was written", held.file)));
        }
        if bytes.is_empty() { Ok(vec![]) } else { ipc::decode(&bytes) }
    }

    /// Goes to the last commit that is whole with its state.
    fn find_commits(&mut self) -> Result<()> {
        let mut left = numbers(&self.store.names()?, ".commit");
        let any = !left.is_empty();
        while let Some(number) = left.pop() {
            match whole(load(self.store.as_ref(), number))? {
                Ok((commit, state, checked)) => {
                    self.commits.insert(number, commit.files().collect());
                    self.unused = Some((commit, state.snapshots(&self.store, checked)));
                    self.state = state;
                    break;
                }
                Err(error) => {
                    let place = self.store.place();
                    tracing::warn!("checkpoint {place}: {error}: going back to the batch before it");
                    self.store.remove(&[commit_file(number)])?;
                }
            }
        }
        if any && self.unused.is_none() {
            let message = format!("checkpoint {}: no commit in it is whole", self.store.place());
            return Err(ways_out(Error::usage(message), self.store.as_ref()));
        }
        for number in left {
            // Only its files matter: one that is not whole needs none.
            let commit =
                self.store.read(&commit_file(number))?.and_then(|bytes| sealed::open::<Commit>(&bytes));
            self.commits.insert(number, commit.map(|commit| commit.files().collect()).unwrap_or_default());
        }
        let names = self.store.names()?;
        for batch in numbers(&names, ".entry") {
            if let Some(entry) = self.cut_off(batch)? {
                self.tables.insert(batch, entry.tables);
            }
        }
        self.sweep(&names)
    }

    /// Removes what nothing needs: of a batch that was cut off, or whose removal was.
    fn sweep(&self, names: &[String]) -> Result<()> {
        let needed: BTreeSet<u64> = self.commits.values().flatten().copied().collect();
        let states = numbers(names, ".state").into_iter().filter(|file| !needed.contains(file));
        let named = |name: &String| self.tables.values().flatten().any(|table| table.file == *name);
        let tables = names.iter().filter(|name| name.starts_with(TABLE) && !named(name));
        self.remove(&states.map(state_file).chain(tables.cloned()).collect::<Vec<_>>())
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        if names.is_empty() { Ok(()) } else { self.store.remove(names) }
    }

    /// Removes what is older than the last batches, and what nothing needs that is left.
    fn remove_old(&mut self, done: u64) -> Result<()> {
        let kept = self.commits.split_off(&done.saturating_sub(self.retained));
        let gone = std::mem::replace(&mut self.commits, kept);
        if gone.is_empty() {
            return Ok(());
        }
        let needed: BTreeSet<u64> = self.commits.values().flatten().copied().collect();
        let mut names: Vec<_> =
            gone.keys().flat_map(|number| [commit_file(*number), entry_file(*number)]).collect();
        let states: BTreeSet<u64> =
            gone.into_values().flatten().filter(|file| !needed.contains(file)).collect();
        names.extend(states.into_iter().map(state_file));
        let oldest = self.commits.keys().next().copied().unwrap_or(done);
        let kept = self.tables.split_off(&oldest);
        let gone = std::mem::replace(&mut self.tables, kept);
        let held = self.held.values().map(|(_, held)| held);
        let needed: BTreeSet<&str> =
            self.tables.values().flatten().chain(held).map(|table| table.file.as_str()).collect();
        let tables: BTreeSet<String> = gone.into_values().flatten().map(|table| table.file).collect();
        names.extend(tables.into_iter().filter(|file| !needed.contains(file.as_str())));
        self.remove(&names)
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

/// The numbers of the files with an ending, in order.
fn numbers(names: &[String], ending: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| name.strip_suffix(ending)?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn entry_file(batch: u64) -> String {
    format!("{batch:012}.entry")
}

fn commit_file(batches: u64) -> String {
    format!("{batches:012}.commit")
}

fn state_file(batches: u64) -> String {
    format!("{batches:012}.state")
}
