//! The join of two streams: each row meets what the other side keeps, and is kept itself until nothing
//! that it could match can come any more. A row of an outer side that matched nothing comes out then.

use super::join_side::{Arrived, CHUNK, Kept, Place};
use super::spill::Disk;
use super::{Operator, Pushed, Snapshot, StateLimit};
use crate::clock::Micros;
use crate::engine::options::OutputMode;
use crate::query::join::JoinSpec;
use crate::query::provenance;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{filter_record_batch, take_arrays, take_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::physical_plan::PhysicalExpr;
use std::sync::Arc;

/// So many pairs are put together at once where their rows are read from the disk.
const READ: usize = 16 * CHUNK;

/// A symmetric hash join within a time bound.
pub struct Join {
    spec: Arc<JoinSpec>,
    converter: RowConverter,
    kept: [Kept; 2],
    /// Rows that were pushed, and are not kept yet.
    pushed: Vec<Arriving>,
    /// Where rows go that memory is not to hold, where there is a limit.
    disk: Option<Disk>,
    watermark: Micros,
    /// Rows that were kept since the last `advance`, and those before it.
    fresh: usize,
    updated: usize,
}

/// Rows that met the other side.
struct Arriving {
    side: usize,
    arrived: Arrived,
    /// Which of them are to be kept.
    kept: Vec<u32>,
    /// Which of them matched.
    matched: Vec<bool>,
    /// Which of the rows that the other side keeps matched.
    others: Vec<Place>,
}

/// What came of rows when they met the other side.
struct Met {
    /// The rows that match, side by side.
    joined: Vec<RecordBatch>,
    /// Which of the rows that arrived matched.
    own: Vec<bool>,
    /// Which of the rows that they met matched.
    other: Vec<Place>,
}

/// Rows that match by key and time: positions among those that arrived, and places on the other side.
#[derive(Default)]
struct Pairs {
    own: Vec<u32>,
    other: Vec<Place>,
}

impl Join {
    /// Nothing kept yet.
    ///
    /// # Errors
    /// When a key has a type that cannot be compared.
    pub fn new(spec: Arc<JoinSpec>) -> Result<Self> {
        let left = &spec.sides[0];
        let types = left.keys.iter().map(|key| key.data_type(&left.schema).map(SortField::new));
        let converter = RowConverter::new(types.collect::<Result<_>>()?)?;
        let kept = [Kept::new(&spec, 0), Kept::new(&spec, 1)];
        let (pushed, disk, watermark) = (vec![], None, Micros::MIN);
        Ok(Self { spec, converter, kept, pushed, disk, watermark, fresh: 0, updated: 0 })
    }

    /// Counts the late rows, gives out those that cannot match anything, and gives the others.
    fn admit(&self, side: usize, rows: &RecordBatch, pushed: &mut Pushed) -> Result<Option<Arrived>> {
        let spec = &self.spec.sides[side];
        let times = spec.time.evaluate(rows)?.into_array(rows.num_rows())?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let able = spec.condition.as_ref().map(|condition| holds(condition, rows)).transpose()?;
        let late_until = self.spec.late_until(side, self.watermark);
        let (mut live, mut alone) = (Vec::new(), Vec::new());
        for (row, position) in (0..rows.num_rows()).zip(0u32..) {
            let able = able.as_ref().is_none_or(|able| able.value(row));
            if times.is_valid(row) && times.value(row) <= late_until {
                pushed.late += 1;
            } else if times.is_valid(row) && able {
                live.push(position);
            } else {
                alone.push(position);
            }
        }
        self.give_alone(side, rows, alone, &mut pushed.rows)?;
        let live = match live.len() {
            0 => return Ok(None),
            all if all == rows.num_rows() => rows.clone(),
            _ => take_record_batch(rows, &UInt32Array::from(live))?,
        };
        Arrived::of(spec, self.spec.nulls_match, &self.converter, live).map(Some)
    }

    /// Joins rows that arrived with rows of the other side.
    fn meet(&self, side: usize, arrived: &Arrived, other: &Kept, met: &mut Met) -> Result<()> {
        let count = arrived.rows.num_rows();
        let (mut pairs, reach) = (Pairs::default(), self.spec.reach(side));
        // More at once where they are read from the disk, so that a block is read once for several of its rows.
        let most = if other.spilled() > 0 { READ } else { CHUNK };
        for first in (0..count).step_by(CHUNK) {
            for (own, place) in other.find(arrived, first..count.min(first + CHUNK), reach) {
                pairs.own.push(own);
                pairs.other.push(place);
                if pairs.own.len() >= most {
                    self.join((side, arrived), other, std::mem::take(&mut pairs), met)?;
                }
            }
        }
        self.join((side, arrived), other, pairs, met)
    }

    /// Joins rows that arrived with those that were pushed just before them, which are kept nowhere yet.
    fn meet_pushed(&mut self, side: usize, arrived: &Arrived, met: &mut Met) -> Result<()> {
        let mut pushed = std::mem::take(&mut self.pushed);
        for before in pushed.iter_mut().filter(|before| before.side != side) {
            let mut other = Kept::new(&self.spec, 1 - side);
            other.add(&before.arrived, &before.kept, &before.matched)?;
            self.meet(side, arrived, &other, met)?;
            let by_bucket = other.by_bucket(&before.arrived, &before.kept);
            for (number, row) in met.other.drain(..) {
                let position = by_bucket.get(&number).and_then(|positions| positions.get(row as usize));
                position.into_iter().for_each(|position| before.matched[*position as usize] = true);
            }
        }
        self.pushed = pushed;
        Ok(())
    }

    /// Puts pairs together and keeps those for which the rest of the condition holds.
    fn join(
        &self,
        (side, arrived): (usize, &Arrived),
        other: &Kept,
        pairs: Pairs,
        met: &mut Met,
    ) -> Result<()> {
        let Pairs { own, other: places } = pairs;
        if own.is_empty() {
            return Ok(());
        }
        let own = UInt32Array::from(own);
        let mine = take_arrays(self.given(side, arrived.rows.columns()), &own, None)?;
        let theirs = other.gather(&places, self.spec.sides[1 - side].width)?;
        let mut joined = self.beside(side, &mine, &theirs)?;
        let holding = self.spec.filter.as_ref().map(|filter| holds(filter, &joined)).transpose()?;
        if let Some(holding) = &holding {
            joined = filter_record_batch(&joined, holding)?;
        }
        for (pair, own) in own.values().iter().enumerate() {
            if holding.as_ref().is_none_or(|holding| holding.value(pair)) {
                met.own[*own as usize] = true;
                met.other.extend(self.spec.preserves(1 - side).then_some(places[pair]));
            }
        }
        if joined.num_rows() > 0 {
            met.joined.push(joined);
        }
        Ok(())
    }

    /// Which rows are to be kept: those that something to come can match, and the unmatched ones of an outer side. What
    /// nothing can match any more comes out.
    fn to_keep(
        &self,
        side: usize,
        arrived: &Arrived,
        matched: &[bool],
        out: &mut Vec<RecordBatch>,
    ) -> Result<Vec<u32>> {
        let dead_before = self.spec.dead_before(side, self.watermark);
        let preserved = self.spec.preserves(side);
        let (mut kept, mut alone) = (Vec::new(), Vec::new());
        for (row, position) in (0..matched.len()).zip(0u32..) {
            if arrived.times[row] < dead_before {
                alone.extend((!matched[row]).then_some(position));
            } else if preserved || arrived.key(row).is_some() {
                kept.push(position);
            }
        }
        self.give_alone(side, &arrived.rows, alone, out)?;
        Ok(kept)
    }

    /// Gives out rows without a match, where these come out at all.
    fn give_alone(
        &self,
        side: usize,
        rows: &RecordBatch,
        positions: Vec<u32>,
        out: &mut Vec<RecordBatch>,
    ) -> Result<()> {
        if self.spec.preserves(side) && !positions.is_empty() {
            let columns = self.given(side, rows.columns());
            let columns = take_arrays(columns, &UInt32Array::from(positions), None)?;
            out.push(self.alone(side, &columns)?);
        }
        Ok(())
    }

    /// Rows of one side beside nulls.
    fn alone(&self, side: usize, columns: &[ArrayRef]) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, |column| column.len());
        let fields = self.spec.sides[1 - side].schema.fields();
        let nulls: Vec<_> = fields.iter().map(|field| new_null_array(field.data_type(), rows)).collect();
        self.beside(side, columns, &nulls)
    }

    /// Rows of one side beside nulls, and behind these which records they were made of, where they say it.
    fn alone_with_places(&self, side: usize, columns: &[ArrayRef]) -> Result<RecordBatch> {
        let (alone, own) = (self.alone(side, columns)?, &self.spec.sides[side]);
        let Some(topic) = &own.topic else { return Ok(alone) };
        let columns = alone.columns().iter().chain(&columns[own.width..]).cloned().collect();
        Ok(RecordBatch::try_new(provenance::schema(&self.spec.result, topic), columns)?)
    }

    /// The columns of a side that are columns of the result.
    fn given<'a>(&self, side: usize, columns: &'a [ArrayRef]) -> &'a [ArrayRef] {
        &columns[..self.spec.sides[side].width]
    }

    /// The columns of both sides that are columns of the result, left ones first.
    fn beside(&self, side: usize, own: &[ArrayRef], other: &[ArrayRef]) -> Result<RecordBatch> {
        let (own, other) = (self.given(side, own), self.given(1 - side, other));
        let columns = if side == 0 { [own, other] } else { [other, own] };
        Ok(RecordBatch::try_new(self.spec.result.clone(), columns.concat())?)
    }
}

impl Operator for Join {
    fn push(&mut self, input: usize, rows: &RecordBatch) -> Result<Pushed> {
        let mut pushed = Pushed::default();
        if let Some(arrived) = self.admit(input, rows, &mut pushed)? {
            let own = vec![false; arrived.rows.num_rows()];
            let mut met = Met { joined: vec![], own, other: vec![] };
            self.meet(input, &arrived, &self.kept[1 - input], &mut met)?;
            let others = std::mem::take(&mut met.other);
            self.meet_pushed(input, &arrived, &mut met)?;
            pushed.rows.extend(met.joined);
            let kept = self.to_keep(input, &arrived, &met.own, &mut pushed.rows)?;
            self.pushed.push(Arriving { side: input, arrived, kept, matched: met.own, others });
        }
        Ok(pushed)
    }

    fn commit(&mut self) -> Result<()> {
        for Arriving { side, arrived, kept, matched, others } in self.pushed.drain(..) {
            self.fresh += kept.len();
            self.kept[1 - side].mark(others);
            self.kept[side].add(&arrived, &kept, &matched)?;
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.pushed.clear();
    }

    fn advance(&mut self, watermark: Micros, _: OutputMode) -> Result<Vec<RecordBatch>> {
        self.updated = std::mem::take(&mut self.fresh);
        if watermark < Micros::MAX {
            self.watermark = self.watermark.max(watermark);
        }
        let mut out = Vec::new();
        for side in 0..2 {
            let dead_before = self.spec.dead_before(side, self.watermark.max(watermark));
            for unmatched in self.kept[side].expire(dead_before)? {
                out.push(self.alone_with_places(side, &unmatched)?);
            }
        }
        Ok(out)
    }

    fn late_before(&self, input: usize) -> Micros {
        self.spec.late_until(input, self.watermark).saturating_add(1)
    }

    fn rows(&self) -> usize {
        self.kept.iter().map(Kept::len).sum()
    }

    fn updated(&self) -> usize {
        self.updated
    }

    fn memory(&self) -> usize {
        self.kept.iter().map(Kept::memory).sum()
    }

    fn keep_to(&mut self, limit: StateLimit, _: OutputMode) {
        self.disk = Some(Disk::new(limit));
    }

    /// Puts all rows onto the disk; what finds them stays in memory.
    fn spill(&mut self) -> Result<()> {
        // What is held is counted only where there is a limit.
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let rows: usize = self.kept.iter().map(Kept::held).sum();
        let all: usize = self.kept.iter().map(Kept::memory).sum();
        if !disk.is_over(rows, all - rows) {
            return Ok(());
        }
        disk.begin();
        self.kept.iter_mut().try_for_each(|kept| kept.spill(disk))
    }

    fn spilled(&self) -> usize {
        self.kept.iter().map(Kept::spilled).sum()
    }

    fn snapshot(&mut self) -> Result<Snapshot> {
        let mut parts = Vec::new();
        for kept in &mut self.kept {
            kept.save(&mut parts)?;
        }
        Ok(Snapshot { mark: self.watermark, parts })
    }

    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()> {
        for snapshot in snapshots {
            self.watermark = snapshot.mark;
            for part in snapshot.parts {
                let (side, spec) = (Kept::side_of(&part), &self.spec);
                let arrive = |rows| Arrived::of(&spec.sides[side], spec.nulls_match, &self.converter, rows);
                self.kept[side].restore(part, arrive)?;
                self.spill()?;
            }
        }
        for side in 0..2 {
            self.kept[side].restored(self.spec.dead_before(side, self.watermark))?;
        }
        Ok(())
    }
}

/// For which rows a condition holds: null is no.
fn holds(condition: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<BooleanArray> {
    let holds = condition.evaluate(rows)?.into_array(rows.num_rows())?;
    let holds = holds.as_boolean();
    Ok(match holds.nulls() {
        Some(nulls) => BooleanArray::new(holds.values() & nulls.inner(), None),
        None => holds.clone(),
    })
}
