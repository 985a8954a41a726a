//! One side of a join: the rows that arrive, and those that are kept, in buckets by time.

use super::join_bucket::Bucket;
use super::join_index::Index;
use super::numbered_rows::Read;
use super::spill::Disk;
use super::{Part, ours};
use crate::clock::Micros;
use crate::query::join::{JoinSpec, Side};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType, UInt32Type};
use arrow::row::{RowConverter, Rows};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{Result, internal_datafusion_err};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// So many rows are put together at once.
pub const CHUNK: usize = 1_024;

/// A bucket is not narrower than a second, however tight the bound is.
const NARROWEST: Micros = 1_000_000;

/// Rows of one side that have a time, with that and their keys.
pub struct Arrived {
    /// The rows.
    pub rows: RecordBatch,
    /// The time of each row.
    pub times: ScalarBuffer<Micros>,
    keys: Rows,
    hashes: Vec<u64>,
    nulls: Option<NullBuffer>,
}

impl Arrived {
    /// Evaluates what joining needs of each row. The keys of both sides must have the same types.
    pub fn of(side: &Side, nulls_match: bool, converter: &RowConverter, rows: RecordBatch) -> Result<Self> {
        let count = rows.num_rows();
        let evaluate = |expression: &Arc<dyn datafusion::physical_plan::PhysicalExpr>| {
            expression.evaluate(&rows)?.into_array(count)
        };
        let times = evaluate(&side.time)?.as_primitive::<TimestampMicrosecondType>().values().clone();
        let keys = side.keys.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
        let nulls = keys.iter().fold(None, |nulls: Option<NullBuffer>, key| {
            NullBuffer::union(nulls.as_ref(), key.logical_nulls().as_ref())
        });
        let mut hashes = vec![0; count];
        create_hashes(&keys, &RandomState::default(), &mut hashes)?;
        let keys = converter.convert_columns(&keys)?;
        Ok(Self { rows, times, keys, hashes, nulls: nulls.filter(|_| !nulls_match) })
    }

    /// The hash and the bytes of a row's key; `None` where it is null and can match nothing.
    pub fn key(&self, row: usize) -> Option<(u64, &[u8])> {
        let null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        (!null).then(|| (self.hashes[row], self.keys.row(row).data()))
    }
}

/// Where a row that is kept is: the number of its bucket, and its own in there.
pub type Place = (i64, u32);

/// The rows of a bucket that have the hash of a row that arrived.
struct Chain<'a> {
    row: u32,
    key: &'a [u8],
    from: Micros,
    to: Micros,
    number: i64,
    index: &'a Index,
    last: u32,
}

impl<'a> Chain<'a> {
    fn matches(&self, row: u32) -> bool {
        (self.from..=self.to).contains(&self.index.time(row)) && self.index.key(row) == self.key
    }

    /// The rows that match, the last one first, of which it is known whether it does.
    fn rows(self, last: bool) -> impl Iterator<Item = (u32, Place)> + 'a {
        let (row, number, first) = (self.row, self.number, last.then_some(self.last));
        let others = self.index.chain(self.last).skip(1).filter(move |row| self.matches(*row));
        first.into_iter().chain(others).map(move |place| (row, (number, place)))
    }
}

/// The rows of one side that can still match, in buckets by time, so that looking for a match touches
/// only the times that it can have, and forgetting costs what is forgotten.
pub struct Kept {
    buckets: BTreeMap<i64, Bucket>,
    width: Micros,
    /// Whether rows that never matched come out in the end.
    preserved: bool,
    side: usize,
    /// How many columns rows have.
    columns: usize,
    /// The buckets that were saved and are gone since the last snapshot.
    dropped: Vec<i64>,
}

impl Kept {
    /// Nothing yet of side 0 or 1.
    pub fn new(spec: &JoinSpec, side: usize) -> Self {
        let width = (spec.upper.saturating_sub(spec.lower) / 4).max(NARROWEST);
        let (preserved, columns) = (spec.preserves(side), spec.sides[side].schema.fields().len());
        Self { buckets: BTreeMap::new(), width, preserved, side, columns, dropped: Vec::new() }
    }

    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.buckets.values().map(Bucket::len).sum()
    }

    /// About what rows take that are in memory, in bytes.
    pub fn held(&self) -> usize {
        self.buckets.values().map(Bucket::held).sum()
    }

    /// About what all takes in memory, in bytes.
    pub fn memory(&self) -> usize {
        self.buckets.values().map(Bucket::memory).sum()
    }

    /// What is on the disk, in bytes.
    pub fn spilled(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.on_disk().bytes()).sum()
    }

    /// Puts all rows onto the disk.
    pub fn spill(&mut self, disk: &mut Disk) -> Result<()> {
        self.buckets.values_mut().try_for_each(|bucket| bucket.spill(disk))
    }

    /// Keeps the rows at `positions`; `matched` says of all that arrived whether they matched.
    pub fn add(&mut self, arrived: &Arrived, positions: &[u32], matched: &[bool]) -> Result<()> {
        for (number, positions) in self.by_bucket(arrived, positions) {
            let bucket = self.buckets.entry(number).or_default();
            bucket.add(arrived, positions, self.preserved.then_some(matched))?;
        }
        Ok(())
    }

    /// The rows at `positions` by the bucket that they go to, in which they keep this order.
    pub fn by_bucket(&self, arrived: &Arrived, positions: &[u32]) -> BTreeMap<i64, Vec<u32>> {
        let mut by_bucket: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for position in positions {
            let number = arrived.times[*position as usize].div_euclid(self.width);
            by_bucket.entry(number).or_default().push(*position);
        }
        by_bucket
    }

    /// Which of the rows that are kept have the key of one of `rows` that arrived, and a time that is between `from`
    /// and `to` away from its own; in the order of `rows`.
    ///
    /// Memory is asked for in rounds, so that a processor waits for that of many rows at a time.
    pub fn find<'a>(
        &'a self,
        arrived: &'a Arrived,
        rows: Range<usize>,
        reach: (Micros, Micros),
    ) -> impl Iterator<Item = (u32, Place)> + 'a {
        let mut chains = Vec::with_capacity(rows.len());
        for (row, (hash, key)) in rows.filter_map(|row| Some((row, arrived.key(row)?))) {
            let (time, row) = (arrived.times[row], row as u32);
            let (from, to) = (time.saturating_add(reach.0), time.saturating_add(reach.1));
            for (number, bucket) in
                self.buckets.range(from.div_euclid(self.width)..=to.div_euclid(self.width))
            {
                let index = bucket.index();
                chains.extend(index.last(hash).map(|last| Chain {
                    row,
                    key,
                    from,
                    to,
                    number: *number,
                    index,
                    last,
                }));
            }
        }
        // Few chains have more rows than the last one.
        let lasts: Vec<bool> = chains.iter().map(|chain| chain.matches(chain.last)).collect();
        chains.into_iter().zip(lasts).flat_map(|(chain, last)| chain.rows(last))
    }

    /// The first `columns` columns of the rows at these places, of which there is at least one, in this order.
    pub fn gather(&self, places: &[Place], columns: usize) -> Result<Vec<ArrayRef>> {
        let read = self.read(places)?;
        let mut sources: Vec<&RecordBatch> = Vec::new();
        let mut first_source = BTreeMap::new();
        let mut indices = Vec::with_capacity(places.len());
        for same in places.chunk_by(|a, b| a.0 == b.0) {
            let bucket = self.bucket(same[0].0)?;
            let read = read.get(&same[0].0);
            let first = *first_source.entry(same[0].0).or_insert_with(|| {
                let first = sources.len();
                sources.extend(read.map(|read| &read.rows).into_iter().chain(bucket.batches()));
                first
            });
            let (held, on_disk) = (first + usize::from(read.is_some()), bucket.on_disk().len());
            indices.extend(same.iter().map(|(_, row)| match read {
                Some(read) if (*row as usize) < on_disk => (first, read.position(*row)),
                _ => {
                    let (batch, at) = bucket.place(*row);
                    (held + batch, at)
                }
            }));
        }
        let column = |column: usize| {
            let sources: Vec<&dyn Array> = sources.iter().map(|rows| rows.column(column).as_ref()).collect();
            Ok(interleave(&sources, &indices)?)
        };
        (0..columns).map(column).collect()
    }

    /// Those of the rows at these places that are on the disk, by bucket.
    fn read(&self, places: &[Place]) -> Result<BTreeMap<i64, Read>> {
        let mut wanted: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for same in places.chunk_by(|a, b| a.0 == b.0) {
            let on_disk = self.bucket(same[0].0)?.on_disk().len();
            let rows = same.iter().map(|(_, row)| *row).filter(|row| (*row as usize) < on_disk);
            let mut rows = rows.peekable();
            if rows.peek().is_some() {
                wanted.entry(same[0].0).or_default().extend(rows);
            }
        }
        let read = |(number, rows)| Ok((number, self.bucket(number)?.on_disk().read(rows)?));
        wanted.into_iter().map(read).collect()
    }

    fn bucket(&self, number: i64) -> Result<&Bucket> {
        self.buckets.get(&number).ok_or_else(|| internal_datafusion_err!("a join lost a bucket of its state"))
    }

    /// Notes that the rows at these places matched.
    pub fn mark(&mut self, places: Vec<Place>) {
        for (number, row) in places {
            if let Some(bucket) = self.buckets.get_mut(&number) {
                bucket.mark(row);
            }
        }
    }

    /// Forgets the rows older than `dead_before`; gives the columns of those that never matched, if they are to come out.
    /// The others are forgotten a bucket at a time.
    pub fn expire(&mut self, dead_before: Micros) -> Result<Vec<Vec<ArrayRef>>> {
        let mut unmatched = Vec::new();
        while let Some((number, bucket)) = self.buckets.iter_mut().next()
            && number.saturating_mul(self.width) < dead_before
        {
            let number = *number;
            let whole = number.saturating_add(1).saturating_mul(self.width) <= dead_before;
            if self.preserved {
                let rows = if whole { bucket.expire_all() } else { bucket.expire(dead_before) };
                let places: Vec<Place> = rows.into_iter().map(|row| (number, row)).collect();
                for places in places.chunks(CHUNK) {
                    unmatched.push(self.gather(places, self.columns)?);
                }
            }
            if !whole {
                break;
            }
            self.dropped.extend(self.buckets.remove(&number).filter(Bucket::is_saved).map(|_| number));
        }
        Ok(unmatched)
    }

    /// What changed since the last snapshot.
    pub fn save(&mut self, parts: &mut Vec<Part>) -> Result<()> {
        let key = |number: i64, what: i64| number * 4 + 2 * self.side as i64 + what;
        for number in self.dropped.drain(..) {
            parts.extend([ROWS, MATCHED].map(|what| Part::of(key(number, what), true, vec![])));
        }
        for (number, bucket) in &mut self.buckets {
            let (runs, rows) = bucket.save();
            parts.extend(runs.into_iter().map(|run| Part::stored(key(*number, ROWS), run)));
            if !rows.is_empty() {
                parts.push(Part::of(key(*number, ROWS), false, rows));
            }
            let matched = bucket.save_matched();
            if !matched.is_empty() {
                let rows = vec![matched_rows(matched)?];
                parts.push(Part::of(key(*number, MATCHED), false, rows));
            }
        }
        Ok(())
    }

    /// The side that a part belongs to.
    pub fn side_of(part: &Part) -> usize {
        usize::from(part.key.rem_euclid(4) >= 2)
    }

    /// Takes back a part that [`Self::save`] gave; `arrive` evaluates rows again.
    pub fn restore(&mut self, part: Part, arrive: impl Fn(RecordBatch) -> Result<Arrived>) -> Result<()> {
        let (number, what) = (part.key.div_euclid(4), part.key.rem_euclid(2));
        if part.replaces && what == ROWS {
            self.buckets.remove(&number);
        }
        for rows in part.load().map_err(ours)? {
            if what == ROWS {
                let (all, none) = (Vec::from_iter(0..rows.num_rows() as u32), vec![false; rows.num_rows()]);
                self.add(&arrive(rows)?, &all, &none)?;
            } else if let Some(bucket) = self.buckets.get_mut(&number) {
                bucket.restore_matched(rows.column(0).as_primitive::<UInt32Type>().values())?;
            }
        }
        if let Some(bucket) = self.buckets.get_mut(&number) {
            bucket.all_saved();
        }
        Ok(())
    }

    /// Forgets what died before a snapshot was taken, and came out then.
    pub fn restored(&mut self, dead_before: Micros) -> Result<()> {
        self.expire(dead_before)?;
        self.dropped.clear();
        Ok(())
    }
}

const ROWS: i64 = 0;
const MATCHED: i64 = 1;

fn matched_rows(rows: Vec<u32>) -> Result<RecordBatch> {
    let schema = Schema::new(vec![Field::new("row", DataType::UInt32, false)]);
    Ok(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(UInt32Array::from(rows))])?)
}
