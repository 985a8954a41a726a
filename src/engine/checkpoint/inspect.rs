//! What people do with a checkpoint while its query does not run: look at it, check it, go back, take it away.

use super::document::{Commit, Entry, Query};
use super::{QUERY, Store, commit_file, entry_file, load, numbers, query, sealed, state_file, whole};
use crate::{Error, Result};
use std::collections::BTreeSet;

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
    numbers(&store.names()?, ".commit").into_iter().map(known).collect()
}

/// The entry of a batch that began and is not done.
///
/// # Errors
/// When the store fails.
pub fn cut_off(store: &dyn Store, known: &[Known]) -> Result<Option<Entry>> {
    let Some(last) = known.last() else { return Ok(None) };
    Ok(store.read(&entry_file(last.batches))?.and_then(|bytes| sealed::open(&bytes)))
}

/// What is wrong with it, in a line for each batch that could not be gone on from; nothing where all is well.
///
/// # Errors
/// When the store fails.
pub fn verify(store: &dyn Store) -> Result<Vec<String>> {
    query_of(store)?;
    let numbers = numbers(&store.names()?, ".commit");
    if numbers.is_empty() {
        return Ok(vec!["it has no commit".into()]);
    }
    let wrong = |number| Ok(whole(load(store, number))?.err().map(|error| error.message().to_string()));
    numbers.into_iter().filter_map(|number| wrong(number).transpose()).collect()
}

/// Goes back to where `batches` were done. What came behind is done again, and given to the sinks again: for them
/// it comes from another query.
///
/// # Errors
/// A usage error where the checkpoint does not remember that, or is in use; otherwise when the store fails.
pub fn rewind(store: &dyn Store, batches: u64, owner: &str) -> Result<()> {
    let mut query = query_of(store)?;
    let _owned = store.own(owner)?;
    let known = numbers(&store.names()?, ".commit");
    let kept: BTreeSet<u64> = whole(load(store, batches))?
        .map_err(|error| {
            let hint = match (known.first(), known.last()) {
                (Some(first), Some(last)) => format!("it remembers {first} to {last}"),
                _ => "it remembers none".into(),
            };
            Error::usage(format!("cannot go back to {batches} batches: {}", error.message())).hint(hint)
        })?
        .0
        .files()
        .collect();
    // First the identity: sinks must not pass over what is done again.
    query.id = uuid::Uuid::new_v4().to_string();
    store.write(QUERY, &super::seal(&query)?)?;
    let names = store.names()?;
    let commits = known.into_iter().filter(|number| *number > batches).rev().map(commit_file);
    let entries = numbers(&names, ".entry").into_iter().filter(|batch| *batch >= batches).map(entry_file);
    let states = numbers(&names, ".state").into_iter();
    let states = states.filter(|file| *file > batches && !kept.contains(file)).map(state_file);
    store.remove(&commits.chain(entries).chain(states).collect::<Vec<_>>())
}

/// Takes a checkpoint away.
///
/// # Errors
/// A usage error where there is none, or it is in use; otherwise when the store fails.
pub fn remove(store: &dyn Store, owner: &str) -> Result<()> {
    query_of(store)?;
    let _owned = store.own(owner)?;
    let mut names = store.names()?;
    // The query last: until then it is a checkpoint.
    names.sort_by_key(|name| name == QUERY);
    store.remove(&names)
}
