//! Keys that were seen and are on the disk, in the order of their hashes. A filter stays in memory, so that nothing is
//! asked of the disk for nearly all keys that are not there.

use super::key_filter::KeyFilter;
use super::keys::Key;
use super::ours;
use super::spill::{BLOCK, Disk, Hashes, RUN, Run, has_any, last_alike, meet, part};
use crate::clock::Micros;
use crate::query::error::of_running;
use arrow::array::{ArrayRef, AsArray, BinaryArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use datafusion::common::{Result, internal_datafusion_err};
use std::collections::HashSet;
use std::sync::Arc;

/// After so many spills of about one size what they wrote is merged.
const OFTEN: usize = 16;

/// A key, and until when it is remembered.
pub type SeenKey<'a> = (Key<'a>, Micros);

/// The keys on the disk, by when they were written.
#[derive(Default)]
pub struct SeenOnDisk(Vec<Spill>);

/// Keys that were written at once.
struct Spill {
    runs: Vec<Arc<Run>>,
    keys: usize,
    filter: KeyFilter,
    /// Until when the last of them is remembered.
    until: Micros,
    /// Whether snapshots gave them.
    saved: bool,
}

impl SeenOnDisk {
    /// How many keys there are. Those that are not remembered any more count until all are that were written with them.
    pub fn len(&self) -> usize {
        self.0.iter().map(|spill| spill.keys).sum()
    }

    /// What they take on the disk, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Spill::bytes).sum()
    }

    /// What stays of them in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.0.iter().map(|spill| spill.filter.memory()).sum()
    }

    /// Writes keys, of which snapshots gave all or none.
    pub fn add(&mut self, disk: &mut Disk, keys: Vec<SeenKey<'_>>, saved: bool) -> Result<()> {
        if !keys.is_empty() {
            let mut spill = Spill::of(keys.len(), saved);
            spill.add(disk, keys)?;
            self.0.push(spill);
        }
        Ok(())
    }

    /// Those of these keys that are remembered at `watermark`. Each block that may have some of them is read once.
    pub fn remembered<'a>(&self, keys: &[Key<'a>], watermark: Micros) -> Result<HashSet<&'a [u8]>> {
        let mut remembered = HashSet::new();
        for spill in &self.0 {
            let asked = keys.iter().filter(|key| spill.filter.may_have(key.hash));
            let mut hashes: Vec<u64> = asked.clone().map(|key| key.hash).collect();
            if hashes.is_empty() {
                continue;
            }
            let asked: HashSet<&'a [u8]> = asked.map(|key| key.bytes).collect();
            hashes.sort_unstable();
            spill.each_block(
                |block| has_any(block, &hashes),
                |rows| {
                    each_key(rows, |bytes, until| {
                        remembered.extend(asked.get(bytes).filter(|_| until > watermark));
                    })
                },
            )?;
        }
        Ok(remembered)
    }

    /// Forgets what was written at once and of which no key is remembered at `watermark`.
    pub fn forget(&mut self, watermark: Micros) {
        self.0.retain(|spill| spill.until > watermark);
    }

    /// The runs that no snapshot gave yet, with the time until which the last key of each is remembered at most.
    pub fn save(&mut self) -> Vec<(Arc<Run>, Micros)> {
        let mut fresh = Vec::new();
        for spill in self.0.iter_mut().filter(|spill| !spill.saved) {
            spill.saved = true;
            fresh.extend(spill.runs.iter().map(|run| (run.clone(), spill.until)));
        }
        fresh
    }

    /// Merges what was written last where that was often and about as much, so that there are few filters to ask, and a
    /// key is written anew seldom.
    pub fn merge(&mut self, disk: &mut Disk, watermark: Micros) -> Result<()> {
        for saved in [true, false] {
            let own: Vec<usize> = (0..self.0.len()).filter(|at| self.0[*at].saved == saved).collect();
            let alike = last_alike(own.iter().map(|at| self.0[*at].keys));
            if alike < OFTEN {
                continue;
            }
            // From the last one on, so that the others keep their places.
            let merged: Vec<Spill> = own.into_iter().rev().take(alike).map(|at| self.0.remove(at)).collect();
            self.0.extend(Spill::merged(&merged, disk, watermark)?);
        }
        Ok(())
    }
}

impl Spill {
    fn of(keys: usize, saved: bool) -> Self {
        Self { runs: vec![], keys: 0, filter: KeyFilter::new(keys), until: Micros::MIN, saved }
    }

    fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// Writes keys whose hashes are behind those that are there.
    fn add(&mut self, disk: &mut Disk, mut keys: Vec<SeenKey<'_>>) -> Result<()> {
        keys.sort_unstable_by_key(|(key, _)| key.hash);
        for (key, until) in &keys {
            self.filter.add(key.hash);
            self.until = self.until.max(*until);
        }
        self.keys += keys.len();
        let block = |keys: &[SeenKey<'_>]| {
            let hashes = keys[0].0.hash..=keys[keys.len() - 1].0.hash;
            let bytes = BinaryArray::from_iter_values(keys.iter().map(|(key, _)| key.bytes));
            let rows = rows_of(bytes, keys.iter().map(|(_, until)| *until).collect());
            Ok((rows.map_err(|error| of_running(&error))?, hashes))
        };
        let runs =
            disk.file().and_then(|file| file.write(0, RUN, keys.chunks(BLOCK).map(block))).map_err(ours)?;
        self.runs.extend(runs.into_iter().map(Arc::new));
        Ok(())
    }

    /// The keys of several that are remembered at `watermark`, some of their hashes at a time.
    fn merged(spills: &[Self], disk: &mut Disk, watermark: Micros) -> Result<Option<Self>> {
        let (bytes, keys) =
            (spills.iter().map(Self::bytes).sum(), spills.iter().map(|spill| spill.keys).sum());
        let mut merged = Self::of(keys, spills.iter().all(|spill| spill.saved));
        let count = disk.limit.parts(bytes);
        for hashes in (0..count).map(|number| part(number, count)) {
            let mut blocks = Vec::new();
            for spill in spills {
                spill.each_block(
                    |block| meet(block, &hashes),
                    |rows| {
                        blocks.push(rows.clone());
                        Ok(())
                    },
                )?;
            }
            let mut keys = Vec::new();
            for rows in &blocks {
                each_key(rows, |bytes, until| {
                    let key = Key::of(bytes);
                    keys.extend((until > watermark && hashes.contains(&key.hash)).then_some((key, until)));
                })?;
            }
            merged.add(disk, keys)?;
        }
        Ok((merged.keys > 0).then_some(merged))
    }

    fn each_block(
        &self,
        wanted: impl Fn(&Hashes) -> bool,
        mut take: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        for run in self.runs.iter().filter(|run| wanted(&run.hashes())) {
            for block in run.blocks(&wanted) {
                take(&block.map_err(ours)?.0)?;
            }
        }
        Ok(())
    }
}

/// Keys, and until when each is remembered, as rows.
pub fn rows_of(keys: BinaryArray, until: Vec<Micros>) -> Result<RecordBatch> {
    let columns: [ArrayRef; 2] = [Arc::new(keys), Arc::new(TimestampMicrosecondArray::from(until))];
    let fields = ["key", "until"].into_iter().zip(&columns);
    let fields: Vec<_> =
        fields.map(|(name, column)| Field::new(name, column.data_type().clone(), false)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec())?)
}

/// Goes through keys as rows.
pub fn each_key<'a>(rows: &'a RecordBatch, mut take: impl FnMut(&'a [u8], Micros)) -> Result<()> {
    let [keys, until] = rows.columns() else {
        return Err(internal_datafusion_err!("the keys of a snapshot have another form"));
    };
    let until = until.as_primitive::<TimestampMicrosecondType>();
    for (bytes, until) in keys.as_binary::<i32>().iter().zip(until.iter()) {
        if let (Some(bytes), Some(until)) = (bytes, until) {
            take(bytes, until);
        }
    }
    Ok(())
}
