//! Delta Lake tables: the only room that knows the `deltalake` crate.
//!
//! The crate reads the log and its checkpoints, writes checkpoints, and finds what may be vacuumed. The loop by which a
//! version is committed is ours ([`table::Table::commit`]), as what a writer compares must be of the very version that
//! it commits on; so are the data files, which are those of the other sinks with statistics.

pub mod columns;
pub mod merge;
pub mod optimize;
mod protocol;
mod ranges;
pub mod read;
mod stats;
pub mod table;
pub mod vacuum;
pub mod write;

pub use crate::place::runtime;

use crate::Error;
use crate::place::{Place, of_store};
use deltalake::DeltaTableError;
use deltalake::logstore::object_store::prefix::PrefixStore;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use std::sync::Arc;

/// So often a commit is tried again behind others at once; each time another writer came first.
pub const ATTEMPTS: u32 = 5;

/// The log of the table at a place.
fn log(place: &Place) -> LogStoreRef {
    let table = Arc::new(PrefixStore::new(place.store().clone(), place.prefix().clone()));
    default_logstore(table, place.store().clone(), place.url(), &StorageConfig::default())
}

/// What went wrong, and whose fault it is: a store's own words, where one is behind it.
fn wrong(error: impl Into<DeltaTableError>) -> Error {
    match error.into() {
        DeltaTableError::ObjectStore { source } => of_store(&source),
        other => of_store(&other),
    }
}

/// Others came first every time: it may go well after a pause.
pub fn overtaken() -> Error {
    Error::unreachable(format!("other writers committed first, {ATTEMPTS} times in a row"))
}
