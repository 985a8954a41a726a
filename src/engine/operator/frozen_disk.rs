//! Frozen groups on the disk: rows in the order of their keys' hashes, so that groups are merged some at a time.

use super::frozen::{Frozen, pane_of};
use super::groups::Groups;
use super::key_filter::KeyFilter;
use super::keys::{Key, KeyMaker};
use super::ours;
use super::spill::{BLOCK, Disk, Hashes, RUN, Run, has_any, meet, part};
use super::state_rows::{Place, StateRows};
use crate::clock::Micros;
use crate::query::error::of_running;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{BatchCoalescer, filter_record_batch};
use datafusion::common::Result;
use std::collections::{BTreeSet, HashSet};

/// So many keys are hashed at once.
const HASHED: usize = 64 * BLOCK;

/// Writes rows of a pane in the order of their hashes, and where these are the same in that of their places; in
/// runs of about `most` bytes.
fn write(
    disk: &mut Disk,
    rows: &StateRows,
    pane: Micros,
    places: &mut [(u64, Place)],
    most: usize,
) -> Result<Vec<Run>> {
    places.sort_unstable();
    let block = |block: &[(u64, Place)]| -> crate::Result<_> {
        let (first, last) = (block[0].0, block[block.len() - 1].0);
        let places: Vec<Place> = block.iter().map(|(_, place)| *place).collect();
        Ok((rows.take(&places).map_err(|error| of_running(&error))?, first..=last))
    };
    let (count, finds_keys) = (disk.block(), disk.finds_keys);
    let written = disk.file().and_then(|file| file.write(pane, most, places.chunks(count).map(block)));
    let mut runs = written.map_err(ours)?;
    if finds_keys {
        add_filters(&mut runs, places);
    }
    Ok(runs)
}

/// Notes which keys runs have that were written of rows with these hashes.
fn add_filters(runs: &mut [Run], mut hashed: &[(u64, Place)]) {
    for run in runs {
        let (own, others) = hashed.split_at(run.rows.min(hashed.len()));
        run.filter = Some(KeyFilter::of(own.iter().map(|(hash, _)| *hash)));
        hashed = others;
    }
}

/// The hashes of the keys of rows at some places of a batch.
fn hashed(rows: &StateRows, maker: &KeyMaker, places: Vec<Place>) -> Result<Vec<(u64, Place)>> {
    let mut hashed = Vec::with_capacity(places.len());
    for places in places.chunks(HASHED) {
        let keys = match maker.width() {
            0 => maker.keys(&[])?,
            width => maker.keys(rows.take_columns(places, 0..width)?.columns())?,
        };
        hashed.extend(places.iter().enumerate().map(|(row, place)| (keys.key(row).hash, *place)));
    }
    Ok(hashed)
}

/// Writes each batch that is in memory to the disk, on its own, in one run: a batch that others follow keeps its place before
/// them.
pub fn spill_all(rows: &mut StateRows, maker: &KeyMaker, disk: &mut Disk) -> Result<()> {
    disk.begin();
    let all: Vec<_> = rows.places().collect();
    for (number, places) in all {
        let Some(pane) = rows.batch(number).filter(|_| !places.is_empty()).map(pane_of) else {
            continue;
        };
        let mut places = hashed(rows, maker, places)?;
        for run in write(disk, rows, pane, &mut places, usize::MAX)? {
            rows.replace(number, run);
        }
    }
    Ok(())
}

impl Frozen {
    /// Writes rows of a pane to the disk, all of them or those of whole batches; gives the numbers of their batches
    /// there. The rows stay in memory too.
    pub fn spill(&mut self, pane: Micros, mut places: Vec<(u64, Place)>) -> Result<BTreeSet<u32>> {
        let mut numbers = BTreeSet::new();
        if let Some(disk) = &mut self.disk {
            let runs = write(disk, &self.rows, pane, &mut places, RUN)?;
            numbers.extend(runs.into_iter().map(|run| self.rows.add_run(run)));
        }
        Ok(numbers)
    }

    /// The places of all rows of batches in memory, with the hashes of their keys.
    pub fn hashed(&self, batches: &BTreeSet<u32>) -> Result<Vec<(u64, Place)>> {
        let places = batches.iter().flat_map(|number| self.places(*number)).collect();
        hashed(&self.rows, &self.maker, places)
    }

    /// Merges rows on the disk whose keys have these hashes into groups.
    pub fn merge_hashes(&self, runs: &BTreeSet<u32>, hashes: &Hashes, groups: &mut Groups) -> Result<()> {
        self.each_block(
            runs,
            |block| meet(block, hashes),
            |rows, block| {
                if hashes.contains(block.start()) && hashes.contains(block.end()) {
                    return groups.merge(&self.spec, &rows);
                }
                groups.merge(&self.spec, &self.only(&rows, |key| hashes.contains(&key.hash))?)
            },
        )
    }

    /// The rows on the disk that have one of these keys, the older first. Each block that may have some is read once.
    pub fn find<'a>(
        &self,
        runs: &BTreeSet<u32>,
        keys: impl Iterator<Item = Key<'a>> + Clone,
    ) -> Result<Vec<RecordBatch>> {
        let wanted: HashSet<&[u8]> = keys.clone().map(|key| key.bytes).collect();
        let mut hashes: Vec<u64> = keys.map(|key| key.hash).collect();
        hashes.sort_unstable();
        // A block has one of them or two, and each batch is merged on its own.
        let mut found = BatchCoalescer::new(self.rows.schema().clone(), BLOCK);
        for run in runs.iter().filter_map(|number| self.rows.run(*number)) {
            let asked = run.may_have(&hashes);
            for block in run.blocks(|block| has_any(block, &asked)) {
                let (rows, _) = block.map_err(ours)?;
                let wanted = self.wanted(&rows, |key| wanted.contains(key.bytes))?;
                found.push_batch_with_filter(rows, &wanted)?;
            }
        }
        found.finish_buffered_batch()?;
        Ok(std::iter::from_fn(|| found.next_completed_batch()).collect())
    }

    /// Rows of a pane that are on the disk merged into one of each group there; gives the numbers of their batches.
    pub fn merge_runs(&mut self, pane: Micros, runs: &BTreeSet<u32>) -> Result<BTreeSet<u32>> {
        let mut numbers = BTreeSet::new();
        for hashes in self.parts(runs) {
            let mut groups = Groups::new(&self.spec)?;
            self.merge_hashes(runs, &hashes, &mut groups)?;
            if groups.is_empty() {
                continue;
            }
            let state = groups.take_state(&self.spec)?;
            let (number, _) = self.add(pane, &state)?;
            let places = self.hashed(&BTreeSet::from([number]))?;
            numbers.extend(self.spill(pane, places)?);
            self.rows.remove(number);
        }
        Ok(numbers)
    }

    /// Ranges of hashes so that what is on the disk of each can be merged in memory.
    pub fn parts(&self, runs: &BTreeSet<u32>) -> impl Iterator<Item = Hashes> + use<> {
        let bytes = runs.iter().filter_map(|number| self.rows.run(*number)).map(|run| run.bytes).sum();
        let count = self.disk.as_ref().map_or(1, |disk| disk.limit.parts(bytes));
        (0..count).map(move |number| part(number, count))
    }

    /// What was written to the disk at once, the older first: how many rows, and in which batches. What was written
    /// at once goes up in its hashes.
    pub fn spills(&self, runs: &BTreeSet<u32>) -> Vec<(usize, Vec<u32>)> {
        let (mut spills, mut last): (Vec<(usize, Vec<u32>)>, u64) = (vec![], 0);
        for (number, run) in runs.iter().filter_map(|number| Some((*number, self.rows.run(*number)?))) {
            match spills.last_mut() {
                Some((rows, runs)) if *run.hashes().start() >= last => {
                    *rows += run.rows;
                    runs.push(number);
                }
                _ => spills.push((run.rows, vec![number])),
            }
            last = *run.hashes().end();
        }
        spills
    }

    /// What is in blocks on the disk, the older first.
    fn each_block(
        &self,
        runs: &BTreeSet<u32>,
        wanted: impl Fn(&Hashes) -> bool,
        mut take: impl FnMut(RecordBatch, &Hashes) -> Result<()>,
    ) -> Result<()> {
        for run in runs.iter().filter_map(|number| self.rows.run(*number)).filter(|run| wanted(&run.hashes()))
        {
            for block in run.blocks(&wanted) {
                let (rows, hashes) = block.map_err(ours)?;
                take(rows, hashes)?;
            }
        }
        Ok(())
    }

    /// Those rows whose key is wanted.
    pub fn only(&self, rows: &RecordBatch, wanted: impl Fn(Key<'_>) -> bool) -> Result<RecordBatch> {
        Ok(filter_record_batch(rows, &self.wanted(rows, wanted)?)?)
    }

    fn wanted(&self, rows: &RecordBatch, wanted: impl Fn(Key<'_>) -> bool) -> Result<BooleanArray> {
        let keys = self.keys(rows)?;
        Ok((0..rows.num_rows()).map(|row| Some(wanted(keys.key(row)))).collect())
    }
}
