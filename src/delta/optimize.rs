//! Small files of a table become large ones; its rows stay the same.

use super::table::{Outcome, Table};
use super::write::{Files, added};
use super::{ATTEMPTS, overtaken, read};
use crate::Result;
use deltalake::kernel::{Action, Add};
use deltalake::protocol::DeltaOperation;
use deltalake::table::config::TablePropertiesExt;
use std::collections::BTreeMap;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Optimized {
    /// Files that are no longer of the table.
    pub before: usize,
    /// Files in their place.
    pub after: usize,
    /// How long these are, in bytes.
    pub bytes: u64,
}

/// Merges files that are less than half as long as `size`, or as the table says, partition by partition.
///
/// # Errors
/// When a file cannot be read or written, or others always commit first.
pub async fn optimize(table: &mut Table, size: Option<u64>) -> Result<Optimized> {
    table.check(false)?;
    let target = table.metadata().parse_table_properties().target_file_size().get();
    let target = size.unwrap_or(target);
    let mut done = Optimized::default();
    for group in groups(table, target) {
        replace(table, &group, target, &mut done).await?;
    }
    Ok(done)
}

/// Small files of one partition that become one.
fn groups(table: &Table, target: u64) -> Vec<Vec<Add>> {
    let mut alike: BTreeMap<_, Vec<Add>> = BTreeMap::new();
    let small = |add: &&Add| length(add) < target / 2 && add.deletion_vector.is_none();
    for add in table.files.values().filter(small) {
        let partition: BTreeMap<_, _> = add.partition_values.clone().into_iter().collect();
        alike.entry(partition).or_default().push(add.clone());
    }
    let mut groups = Vec::new();
    for mut files in alike.into_values() {
        files.sort_by_key(|add| (add.modification_time, add.path.clone()));
        let mut bytes = 0;
        let mut group = Vec::new();
        for add in files {
            bytes += length(&add);
            group.push(add);
            if bytes >= target {
                bytes = 0;
                groups.push(std::mem::take(&mut group));
            }
        }
        groups.push(group);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn length(add: &Add) -> u64 {
    add.size.unsigned_abs()
}

/// Copies the rows of files.
async fn copy(table: &Table, group: &[Add], files: &mut Files<'_>) -> Result<()> {
    for add in group {
        files.write_all(read::open(table, add).await?.rows(&table.columns)?).await?;
    }
    Ok(())
}

/// Commits one file in the place of several, unless one of them is gone by then.
async fn replace(table: &mut Table, group: &[Add], target: u64, done: &mut Optimized) -> Result<()> {
    let mut files = Files::new(table, &table.columns, Some(target));
    let copied = copy(table, group, &mut files).await;
    let ((), adds) = files.close(copied).await?;
    let unchanged = |add: Add| Add { data_change: false, ..add };
    let adds: Vec<_> = adds.into_iter().map(unchanged).collect();
    let removes = group.iter().map(|add| table.remove(add, false));
    let actions: Vec<Action> = removes.chain(added(adds.clone())).collect();
    for _ in 0..ATTEMPTS {
        if !group.iter().all(|add| table.files.contains_key(&add.path)) {
            return Ok(());
        }
        let operation = DeltaOperation::Optimize { predicate: None, target_size: target as i64 };
        if table.commit(actions.clone(), operation).await? == Outcome::Committed {
            done.before += group.len();
            done.after += adds.len();
            done.bytes += adds.iter().map(length).sum::<u64>();
            table.tidy_up().await;
            return Ok(());
        }
    }
    Err(overtaken().hint("nothing was committed: try again"))
}
