//! Files that are no longer of a table, or never were, as what wrote them was killed, are deleted after a while.

use super::{log, wrong};
use crate::place::Place;
use crate::{Error, Result};
use deltalake::DeltaTable;
use deltalake::operations::vacuum::VacuumMode;
use std::time::Duration;

/// What is deleted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// How long files have to be out of the table; without it what the table says, a week as a rule.
    pub keep: Option<Duration>,
    /// Whether files may be deleted that the table says are to be kept.
    pub force: bool,
    /// Whether nothing is deleted, and it is only said what would be.
    pub dry_run: bool,
}

/// Deletes the files, and gives their paths.
///
/// # Errors
/// A usage error when there is no table, or files are to be kept longer; when the store refuses.
pub async fn vacuum(place: &Place, wanted: Wanted) -> Result<Vec<String>> {
    let mut table = DeltaTable::new(log(place));
    table.load().await.map_err(|error| Error::usage(format!("{place} is no Delta table: {error}")))?;
    let vacuum = table.vacuum().with_mode(VacuumMode::Full).with_dry_run(wanted.dry_run);
    let vacuum = match wanted.keep {
        None => vacuum,
        Some(keep) => {
            let keep = chrono::Duration::from_std(keep).map_err(|error| Error::usage(error.to_string()))?;
            vacuum.with_retention_period(keep)
        }
    };
    let done = vacuum.with_enforce_retention_duration(!wanted.force).await;
    let (_, metrics) = done.map_err(|error| match error.to_string() {
        text if text.contains("retention") => {
            Error::usage(text).hint("--force deletes files that readers may still need")
        }
        _ => wrong(error),
    })?;
    Ok(metrics.files_deleted)
}
