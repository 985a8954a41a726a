//! What people do with a checkpoint while its query does not run: look at it, check it, go back, take it away.

use super::document::{Commit, Entry, Query};
use super::{
    COMMIT, ENTRY, QUERY, STATE, Store, TABLE, commit_file, entry_file, load, number, numbers, query, sealed,
    state_file, table, whole,
};
use crate::{Error, Result};

/// A batch that a checkpoint remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// How many batches were done with it.
    pub batches: u64,
    /// What the query went on from; `None` where it is not as it was written.
    pub commit: Option<Commit>,
}

/// The query that a checkpoint is of.
///
/// # Errors
/// A usage error where there is no checkpoint.
pub fn query_of(store: &dyn Store) -> Result<Query> {
    query(store)?.ok_or_else(|| Error::usage(format!("there is no checkpoint in {}", store.place())))
}

/// The batches that it remembers, the oldest first.
///
/// # Errors
/// When the store fails.
pub fn known(store: &dyn Store) -> Result<Vec<Known>> {
    let known = |batches: u64| {
        let bytes = store.read(&commit_file(batches))?;
        Ok(Known { batches, commit: bytes.and_then(|bytes| sealed::open(&bytes)) })
    };
    numbers(&store.names()?, COMMIT).into_iter().map(known).collect()
}

/// The entry of a batch that began and is not done.
///
/// # Errors
/// When the store fails.
pub fn cut_off(store: &dyn Store, known: &[Known]) -> Result<Option<Entry>> {
    let Some(last) = known.last() else { return Ok(None) };
    entry(store, last.batches)
}

/// What is wrong with it, in a line for each commit that could not be gone on from, and each entry and table that could not
/// run again; nothing where all is well. `open` gives the store as it is then.
///
/// # Errors
/// When the store fails.
pub fn verify(open: impl Fn() -> Result<Box<dyn Store>>) -> Result<Vec<String>> {
    let mut wrong = look(open()?.as_ref())?;
    if !wrong.is_empty() {
        // What its query removed meanwhile is not there when it is looked at again.
        let still = look(open()?.as_ref())?;
        wrong.retain(|line| still.contains(line));
    }
    Ok(wrong)
}

fn look(store: &dyn Store) -> Result<Vec<String>> {
    query_of(store)?;
    let names = store.names()?;
    let (commits, entries) = (numbers(&names, COMMIT), numbers(&names, ENTRY));
    let mut wrong = Vec::new();
    if commits.is_empty() {
        wrong.push("it has no commit".into());
    }
    for number in commits {
        wrong.extend(whole(load(store, number))?.err().map(|error| error.message().to_string()));
    }
    let mut tables: Vec<_> = names.into_iter().filter(|name| name.starts_with(TABLE)).collect();
    for batch in entries {
        match entry(store, batch)? {
            Some(entry) => tables.extend(entry.tables.into_iter().map(|table| table.file)),
            None => wrong.push(format!("entry {batch} is not as it was written")),
        }
    }
    tables.sort_unstable();
    tables.dedup();
    for file in tables {
        if table(store, &file)?.is_none() {
            wrong.push(format!("{file} is not there as it was written"));
        }
    }
    Ok(wrong)
}

fn entry(store: &dyn Store, batch: u64) -> Result<Option<Entry>> {
    Ok(store.read(&entry_file(batch))?.and_then(|bytes| sealed::open(&bytes)))
}

/// Goes back to where `batches` were done. What came behind is done again, and given to the sinks again: for them
/// it comes from another query.
///
/// # Errors
/// A usage error where the checkpoint does not remember that, or is in use; otherwise when the store fails.
pub fn rewind(store: &dyn Store, batches: u64, owner: &str) -> Result<()> {
    let mut query = query_of(store)?;
    let _owned = store.own(owner)?;
    let known = known(store)?;
    let cannot = |why: &str| {
        let hint = match (known.first(), known.last()) {
            (Some(first), Some(last)) => format!("it remembers {} to {}", first.batches, last.batches),
            _ => "it remembers none".into(),
        };
        Error::usage(format!("cannot go back to {batches} batches: {why}")).hint(hint)
    };
    let target = whole(load(store, batches))?.map_err(|error| cannot(error.message()))?.0;
    if known.iter().rev().find_map(|known| known.commit.as_ref()).is_some_and(|last| last.is_foreign(&target))
    {
        return Err(cannot("another query made that"));
    }
    // Batches without their commits run again from their entries, and sinks pass over them …
    let behind = |known: &&Known| known.batches > batches;
    let commits: Vec<_> = known.iter().rev().filter(behind).map(|known| commit_file(known.batches)).collect();
    store.remove(&commits)?;
    // … until they come from another query.
    query.id = uuid::Uuid::new_v4().to_string();
    store.write(QUERY, &super::seal(&query)?)?;
    // From the last one on: those that are left run again, and none is missing before them.
    let names = store.names()?;
    let entries = numbers(&names, ENTRY).into_iter().rev().filter(|batch| *batch >= batches).map(entry_file);
    let states = numbers(&names, STATE).into_iter().filter(|number| *number > batches).map(state_file);
    store.remove(&entries.chain(states).collect::<Vec<_>>())
}

/// Takes a checkpoint away.
///
/// # Errors
/// A usage error where there is none, or it is in use; otherwise when the store fails.
pub fn remove(store: &dyn Store, owner: &str) -> Result<()> {
    query_of(store)?;
    let _owned = store.own(owner)?;
    let mut names = store.names()?;
    // Commits first: what has none is not gone on from. The query last: until then it is a checkpoint.
    names.sort_by_key(|name| (name == QUERY, number(name, COMMIT).is_none()));
    store.remove(&names)
}
