//! Rows of state that are replaced, never changed: batches, and which of their rows are still in use.

use super::Part;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
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
    batches: BTreeMap<u32, Kept>,
    next: u32,
    /// Batches that no snapshot gave yet.
    fresh: BTreeSet<u32>,
    /// Batches that a snapshot gave and that are gone since.
    gone: BTreeSet<u32>,
    /// How many rows are in use.
    live: usize,
    /// What the batches take, in bytes.
    memory: usize,
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

#[derive(Debug)]
struct Kept {
    rows: RecordBatch,
    live: usize,
    /// Rows that went out of use since the last snapshot.
    dead: Vec<u32>,
}

impl Kept {
    fn is_sparse(&self) -> bool {
        self.live < SMALL.max(self.rows.num_rows() / 2)
    }
}

impl StateRows {
    /// No rows of `schema` yet.
    pub fn new(schema: SchemaRef) -> Self {
        let (fresh, gone) = (BTreeSet::new(), BTreeSet::new());
        Self { schema, batches: BTreeMap::new(), next: 0, fresh, gone, live: 0, memory: 0 }
    }

    /// Adds rows; gives the number of their batch.
    pub fn add(&mut self, rows: RecordBatch) -> u32 {
        let number = self.next;
        self.next += 1;
        self.fresh.insert(number);
        self.memory += rows.get_array_memory_size();
        let live = rows.num_rows();
        self.live += live;
        self.batches.insert(number, Kept { rows, live, dead: vec![] });
        number
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
        let batches: Vec<&RecordBatch> =
            numbers.iter().filter_map(|number| self.batches.get(number)).map(|kept| &kept.rows).collect();
        if batches.len() != numbers.len() {
            return Err(internal_datafusion_err!("a row of state is gone"));
        }
        let schema = Arc::new(Schema::new(&self.schema.fields()[columns.clone()]));
        if batches.is_empty() {
            return Ok(RecordBatch::new_empty(schema));
        }
        let place = |(batch, row): &Place| (numbers.partition_point(|number| number < batch), *row as usize);
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
        let Some(kept) = self.batches.remove(&number) else { return };
        self.live -= kept.live;
        self.memory -= kept.rows.get_array_memory_size();
        if !self.fresh.remove(&number) {
            self.gone.insert(number);
        }
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
            parts.push(Part { key: key_of(number, false), replaces: true, rows: vec![] });
        }
        for (number, kept) in &mut self.batches {
            if self.fresh.contains(number) {
                parts.push(Part {
                    key: key_of(*number, false),
                    replaces: false,
                    rows: vec![kept.rows.clone()],
                });
            }
            let dead = std::mem::take(&mut kept.dead);
            if !dead.is_empty() {
                parts.push(Part {
                    key: key_of(*number, true),
                    replaces: false,
                    rows: vec![positions(dead)?],
                });
            }
        }
        self.fresh.clear();
        Ok(parts)
    }

    /// Goes on from what snapshots kept, in their order; gives the rows in use, by batch.
    pub fn restore(&mut self, parts: impl Iterator<Item = Part>) -> BTreeMap<u32, BTreeSet<u32>> {
        let mut live: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for part in parts {
            let number = (part.key / 2) as u32;
            self.next = self.next.max(number + 1);
            if part.replaces {
                self.batches.remove(&number);
                live.remove(&number);
            }
            for rows in part.rows {
                if part.key % 2 == 0 {
                    live.insert(number, (0..rows.num_rows() as u32).collect());
                    let kept = Kept { live: rows.num_rows(), rows, dead: vec![] };
                    self.batches.insert(number, kept);
                    continue;
                }
                let dead = rows.column(0).as_primitive::<UInt32Type>();
                if let (Some(kept), Some(live)) = (self.batches.get_mut(&number), live.get_mut(&number)) {
                    kept.live -= dead.len();
                    dead.values().iter().for_each(|row| {
                        live.remove(row);
                    });
                }
            }
        }
        self.live = self.batches.values().map(|kept| kept.live).sum();
        self.memory = self.batches.values().map(|kept| kept.rows.get_array_memory_size()).sum();
        live
    }

    /// What the rows take, in bytes. O(1).
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A batch as it was added.
    pub fn batch(&self, number: u32) -> Option<&RecordBatch> {
        self.batches.get(&number).map(|kept| &kept.rows)
    }
}

fn key_of(number: u32, dead: bool) -> i64 {
    i64::from(number) * 2 + i64::from(dead)
}

fn positions(rows: Vec<u32>) -> Result<RecordBatch> {
    let schema = Schema::new(vec![Field::new("dead", DataType::UInt32, false)]);
    Ok(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(UInt32Array::from(rows))])?)
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
