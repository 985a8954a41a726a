//! Rows of state that are replaced, never changed: batches, and which of their rows are still in use.

use super::spill::Run;
use super::state_runs::Rows;
use super::{Part, ours};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{Result, internal_datafusion_err};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Where a row stands: the number of its batch, and its position there.
pub type Place = (u32, u32);

/// The rows of state of an operator. What a snapshot writes follows from what changed, not from all there is.
#[derive(Debug)]
pub struct StateRows {
    schema: SchemaRef,
    pub(super) batches: BTreeMap<u32, Kept>,
    /// Batches on the disk: all of their rows are in use.
    pub(super) runs: BTreeMap<u32, Arc<Run>>,
    next: u32,
    /// Batches that no snapshot gave yet.
    fresh: BTreeSet<u32>,
    /// Batches that a snapshot gave and that are gone since.
    gone: BTreeSet<u32>,
    /// How many rows snapshots said are out of use, those of batches that are gone with them.
    told: usize,
    /// How many rows are in use.
    pub(super) live: usize,
    /// What the batches take, in bytes, in memory and on the disk.
    pub(super) memory: usize,
    pub(super) spilled: usize,
    /// What stays of runs in memory, in bytes.
    pub(super) stays: usize,
}

/// The batches that rows were dropped from.
#[derive(Debug, Default)]
pub struct Dropped {
    /// Those that became sparse.
    pub sparse: Vec<u32>,
    /// Those that had no other rows.
    pub gone: Vec<u32>,
}

/// A batch with fewer rows is worth a place only for a while.
const SMALL: usize = 256;

/// A batch of which rows go out of use one by one.
#[derive(Debug)]
pub struct Kept {
    pub(super) rows: Rows,
    live: usize,
    /// Rows that are out of use, in the order in which they went.
    pub(super) dead: Vec<u32>,
    /// How many of them snapshots said.
    told: usize,
}

impl Kept {
    fn is_sparse(&self) -> bool {
        self.live < SMALL.max(self.rows.len() / 2)
    }

    /// The rows that are in use.
    pub(super) fn in_use(&self) -> BTreeSet<u32> {
        let mut rows: BTreeSet<u32> = (0..self.rows.len() as u32).collect();
        self.dead.iter().for_each(|row| {
            rows.remove(row);
        });
        rows
    }
}

impl StateRows {
    /// No rows of `schema` yet.
    pub fn new(schema: SchemaRef) -> Self {
        let (batches, runs, fresh, gone) = Default::default();
        let (next, told, live, memory, spilled, stays) = Default::default();
        Self { schema, batches, runs, next, fresh, gone, told, live, memory, spilled, stays }
    }

    /// Adds rows; gives the number of their batch.
    pub fn add(&mut self, rows: RecordBatch) -> u32 {
        let number = self.take_number();
        self.memory += get_record_batch_memory_size(&rows);
        let live = rows.num_rows();
        self.live += live;
        self.batches.insert(number, Kept { rows: Rows::Held(rows), live, dead: vec![], told: 0 });
        number
    }

    pub(super) fn take_number(&mut self) -> u32 {
        self.next += 1;
        self.fresh.insert(self.next - 1);
        self.next - 1
    }

    /// The rows at these places, in order. O(places).
    pub fn take(&self, places: &[Place]) -> Result<RecordBatch> {
        self.take_columns(places, 0..self.schema.fields().len())
    }

    /// Some columns of the rows at these places, in order. O(places).
    pub fn take_columns(&self, places: &[Place], columns: Range<usize>) -> Result<RecordBatch> {
        let mut numbers: Vec<u32> = places.iter().map(|(batch, _)| *batch).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let read = self.read(places)?;
        let batch = |number: &u32| read.get(number).map(|read| &read.rows).or_else(|| self.batch(*number));
        let batches: Vec<&RecordBatch> = numbers.iter().filter_map(batch).collect();
        if batches.len() != numbers.len() {
            return Err(internal_datafusion_err!("a row of state is gone"));
        }
        let schema = Arc::new(Schema::new(&self.schema.fields()[columns.clone()]));
        if batches.is_empty() {
            return Ok(RecordBatch::new_empty(schema));
        }
        let place = |(batch, row): &Place| {
            let row = read.get(batch).map_or(*row as usize, |read| read.position(*row));
            (numbers.partition_point(|number| number < batch), row)
        };
        let places: Vec<_> = places.iter().map(place).collect();
        let column = |column: usize| {
            let sources: Vec<&dyn Array> =
                batches.iter().map(|batch| batch.column(column).as_ref()).collect();
            interleave(&sources, &places)
        };
        Ok(RecordBatch::try_new(schema, columns.map(column).collect::<Result<_, _>>()?)?)
    }

    /// Says that rows are not in use any more.
    pub fn drop_rows(&mut self, places: &[Place]) -> Dropped {
        let mut dropped = Dropped::default();
        for (number, row) in places {
            let Some(kept) = self.batches.get_mut(number) else { continue };
            let was_sparse = kept.is_sparse();
            kept.live -= 1;
            kept.dead.push(*row);
            self.live -= 1;
            if kept.live == 0 {
                self.remove(*number);
                dropped.gone.push(*number);
            } else if !was_sparse && kept.is_sparse() {
                dropped.sparse.push(*number);
            }
        }
        dropped
    }

    /// Says that no row of a batch is in use any more.
    pub fn remove(&mut self, number: u32) {
        if self.forget(number) && !self.fresh.remove(&number) {
            self.gone.insert(number);
        }
    }

    pub(super) fn forget(&mut self, number: u32) -> bool {
        if let Some(kept) = self.batches.remove(&number) {
            self.live -= kept.live;
            match kept.rows {
                Rows::Held(rows) => self.memory -= get_record_batch_memory_size(&rows),
                Rows::OnDisk(rows) => self.spilled -= rows.bytes(),
            }
            return true;
        }
        let Some(run) = self.runs.remove(&number) else { return false };
        self.live -= run.rows;
        self.spilled -= run.bytes;
        self.stays -= run.stays();
        true
    }

    /// Whether so few rows of a batch are in use that it pays to write them anew, with others.
    pub fn is_sparse(&self, number: u32) -> bool {
        self.batches.get(&number).is_some_and(Kept::is_sparse)
    }

    /// How many rows are in use. O(1).
    pub fn len(&self) -> usize {
        self.live
    }

    /// What changed since the last snapshot.
    pub fn save(&mut self) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for number in std::mem::take(&mut self.gone) {
            parts.push(Part::of(number.into(), true, vec![]));
        }
        for number in std::mem::take(&mut self.fresh) {
            let key = number.into();
            match self.batches.get(&number).map(|kept| &kept.rows) {
                Some(Rows::Held(rows)) => parts.push(Part::of(key, false, vec![rows.clone()])),
                Some(Rows::OnDisk(rows)) => {
                    parts.extend(rows.since(0).map(|run| Part::stored(key, run.clone())))
                }
                None => parts.extend(self.runs.get(&number).map(|run| Part::stored(key, run.clone()))),
            }
        }
        parts.extend(self.save_dead()?);
        Ok(parts)
    }

    /// The rows that went out of use since the last snapshot. Once most that snapshots said is of batches that are
    /// gone, all is said anew in the place of it.
    fn save_dead(&mut self) -> Result<Option<Part>> {
        let all: usize = self.batches.values().map(|kept| kept.dead.len()).sum();
        let replaces = self.told > 2 * all + SMALL;
        let mut places = Vec::new();
        for (number, kept) in &mut self.batches {
            let from = if replaces { 0 } else { kept.told };
            places.extend(kept.dead[from..].iter().map(|row| (*number, *row)));
            kept.told = kept.dead.len();
        }
        if places.is_empty() && !replaces {
            return Ok(None);
        }
        self.told = places.len() + if replaces { 0 } else { self.told };
        Ok(Some(Part::of(DEAD, replaces, vec![dead_rows(places)?])))
    }

    /// Goes on from what snapshots kept, in their order; gives the rows in use, by batch in memory. `added` is called
    /// after each batch, and may put batches onto the disk.
    pub fn restore(
        &mut self,
        parts: impl Iterator<Item = Part>,
        mut added: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<BTreeMap<u32, BTreeSet<u32>>> {
        let (mut kept, mut dead): (BTreeMap<u32, Part>, Vec<RecordBatch>) = Default::default();
        for part in parts {
            let number = part.key as u32;
            if part.key == DEAD {
                if part.replaces {
                    dead.clear();
                }
                dead.extend(part.load().map_err(ours)?);
            } else if part.is_empty() {
                kept.remove(&number);
                self.next = self.next.max(number + 1);
            } else {
                kept.insert(number, part);
                self.next = self.next.max(number + 1);
            }
        }
        let mut dead = self.dead_by_batch(&dead);
        for (number, part) in kept {
            for rows in part.load().map_err(ours)? {
                self.restore_batch(number, rows, dead.remove(&number).unwrap_or_default());
            }
            added(self)?;
        }
        Ok(self.batches.iter().map(|(number, kept)| (*number, kept.in_use())).collect())
    }

    fn dead_by_batch(&mut self, told: &[RecordBatch]) -> BTreeMap<u32, Vec<u32>> {
        let mut dead: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for rows in told {
            let [batches, rows] =
                [0, 1].map(|column| rows.column(column).as_primitive::<UInt32Type>().values());
            self.told += rows.len();
            for (number, row) in batches.iter().zip(rows.iter()) {
                // It may be of a batch that is gone: the next one to come under its number would lose the row.
                self.next = self.next.max(number + 1);
                dead.entry(*number).or_default().push(*row);
            }
        }
        dead
    }

    fn restore_batch(&mut self, number: u32, rows: RecordBatch, dead: Vec<u32>) {
        let live = rows.num_rows().saturating_sub(dead.len());
        self.live += live;
        self.memory += get_record_batch_memory_size(&rows);
        self.batches.insert(number, Kept { rows: Rows::Held(rows), live, told: dead.len(), dead });
    }

    /// What the rows take, in bytes. O(1).
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A batch that is in memory, as it was added.
    pub fn batch(&self, number: u32) -> Option<&RecordBatch> {
        match &self.batches.get(&number)?.rows {
            Rows::Held(rows) => Some(rows),
            Rows::OnDisk(_) => None,
        }
    }
}

/// The key of the parts that say which rows are out of use; the others have the numbers of their batches.
const DEAD: i64 = -1;

fn dead_rows(places: Vec<Place>) -> Result<RecordBatch> {
    let fields = ["batch", "row"].map(|name| Field::new(name, DataType::UInt32, false));
    let (batches, rows): (Vec<u32>, Vec<u32>) = places.into_iter().unzip();
    let columns = [batches, rows].map(|column| Arc::new(UInt32Array::from(column)) as ArrayRef);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), columns.to_vec())?)
}

/// Rows with buffers of their own: a view into others would keep all of these alive.
pub fn owned(rows: RecordBatch) -> Result<RecordBatch> {
    let owned = |column: &ArrayRef| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
            _ => column.clone(),
        }
    };
    Ok(RecordBatch::try_new(rows.schema(), rows.columns().iter().map(owned).collect())?)
}

/// Rows in buffers as long as they need, where the buffers are theirs alone.
pub fn shrunk(rows: RecordBatch) -> Result<RecordBatch> {
    let (schema, mut columns, _) = rows.into_parts();
    columns.iter_mut().for_each(|column| column.shrink_to_fit());
    Ok(RecordBatch::try_new(schema, columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;

    fn rows(count: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    /// What a checkpoint keeps of it.
    fn save(rows: &mut StateRows, kept: &mut Vec<Part>) {
        for part in rows.save().unwrap() {
            kept.retain(|before| !part.replaces || before.key != part.key);
            kept.extend((!part.rows.is_empty()).then_some(part));
        }
    }

    fn restart(kept: &[Part]) -> StateRows {
        let mut rows = StateRows::new(rows(0).schema());
        rows.restore(kept.iter().cloned(), |_| Ok(())).unwrap();
        rows
    }

    #[test]
    fn a_row_under_the_number_of_a_batch_that_is_gone_is_not_lost() {
        let (mut state, mut kept) = (StateRows::new(rows(0).schema()), vec![]);
        state.add(rows(1));
        let last = state.add(rows(2));
        save(&mut state, &mut kept);
        for row in [0, 1] {
            state.drop_rows(&[(last, row)]);
            save(&mut state, &mut kept);
        }
        let mut state = restart(&kept);
        assert_eq!(state.len(), 1);
        state.add(rows(2));
        save(&mut state, &mut kept);
        assert_eq!(restart(&kept).len(), 3);
    }
}
