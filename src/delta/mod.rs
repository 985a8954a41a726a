//! Delta Lake tables: the only room that knows the `deltalake` crate.
//!
//! The crate reads the log and its checkpoints, writes checkpoints, and finds what may be vacuumed. The loop by which a
//! version is committed is ours ([`table::Table::commit`]), as what a writer compares must be of the very version that
//! it commits on; so are the data files, which are those of the other sinks with statistics.

pub mod columns;
pub mod merge;
pub mod optimize;
pub mod place;
mod protocol;
mod ranges;
pub mod read;
mod stats;
pub mod table;
pub mod vacuum;
pub mod write;

use crate::Error;
use deltalake::{DeltaTableError, ObjectStoreError};
use tokio::runtime::{Builder, Runtime};

/// So often a commit is tried again behind others before it is given up; each time another writer came first.
pub const ATTEMPTS: u32 = 20;

/// What runs the requests of a table.
///
/// # Errors
/// When the system has no thread left.
pub fn runtime() -> crate::Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).thread_name("delta").enable_all().build()?)
}

/// What went wrong, and whose fault it is.
fn wrong(error: impl Into<DeltaTableError>) -> Error {
    match error.into() {
        DeltaTableError::ObjectStore { source } => of_store(&source),
        other => Error::caused(&other),
    }
}

fn of_store(error: &ObjectStoreError) -> Error {
    match error {
        ObjectStoreError::PermissionDenied { .. } | ObjectStoreError::Unauthenticated { .. } => {
            Error::failed(error.to_string()).hint("check the credentials and what they may do")
        }
        ObjectStoreError::Generic { store: "S3" | "GCS", .. } => Error::unreachable(error.to_string()),
        _ => Error::caused(error),
    }
}

/// Others came first every time.
pub fn gave_up() -> Error {
    let message = format!("other writers committed first, {ATTEMPTS} times in a row");
    Error::failed(message).hint("nothing was committed: try again")
}
