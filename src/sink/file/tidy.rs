//! Files that no line of the manifest names: what was cut off, or merged, and not yet removed.

use super::folder::tag;
use super::manifest::Entry;
use crate::Result;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// The beginning of the names of merged files.
pub const MERGED: &str = "compact-";

/// Removes files that are of no committed batch: those of batches that are committed otherwise, as their rows were
/// merged; merged ones that were not committed; and of the writer `own`, all. Nobody else may change the manifest.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove_leftovers(folder: &Path, entries: &[Entry], own: Option<&str>) -> Result<()> {
    let mut lasts: HashMap<String, u64> = HashMap::new();
    for of in entries.iter().filter_map(|entry| entry.of.as_ref()) {
        let last = lasts.entry(tag(&of.writer())).or_default();
        *last = of.batch().max(*last);
    }
    let committed: HashSet<_> =
        entries.iter().flat_map(|entry| &entry.files).map(|file| &*file.path).collect();
    let is_over = |name: &str| match batch(name) {
        Some((batch, tag)) => own == Some(tag) || lasts.get(tag).is_some_and(|last| batch <= *last),
        None => name.starts_with(MERGED),
    };
    let unfinished = |name: &str| own.is_some_and(|own| name.starts_with(".batch-") && name.contains(own));
    walk(folder, "", &mut |path, name| match !committed.contains(path) && (is_over(name) || unfinished(name))
    {
        true => fs::remove_file(folder.join(path)),
        false => Ok(()),
    })
}

/// Removes merged files that were not finished; nobody else may be merging.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    let unfinished = |name: &str| name.strip_prefix('.').is_some_and(|name| name.starts_with(MERGED));
    walk(folder, "", &mut |path, name| {
        if unfinished(name) { fs::remove_file(folder.join(path)) } else { Ok(()) }
    })
}

/// The number of the batch and the tag of the writer in a file's name.
fn batch(name: &str) -> Option<(u64, &str)> {
    let (batch, rest) = name.strip_prefix("batch-")?.split_once('-')?;
    let tag = rest.get(..8)?;
    tag.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some((batch.parse().ok()?, tag))
}

/// All files of the partitions, with their paths from the folder on and their names.
fn walk(folder: &Path, below: &str, visit: &mut dyn FnMut(&str, &str) -> std::io::Result<()>) -> Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if !entry.file_type()?.is_dir() {
            visit(&path, &name)?;
        } else if name.contains('=') {
            walk(folder, &path, visit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_batch_it_is() {
        assert_eq!(batch("batch-000042-1f3a9c2e.parquet"), Some((42, "1f3a9c2e")));
        assert_eq!(batch("batch-1000000-1f3a9c2e-3.csv"), Some((1_000_000, "1f3a9c2e")));
        for other in ["batch-000042.parquet", "part-0.parquet", "batch-x-1f3a9c2e.csv", "batch-1-1f3a.csv"] {
            assert_eq!(batch(other), None, "{other}");
        }
    }
}
