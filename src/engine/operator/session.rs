//! Sessions: windows that last as long as records come, by key.
//!
//! Rows of a batch are sorted by key and time and made into sessions of their own; these are merged with the
//! open sessions that they touch, and no others are looked at.

use super::accumulators::Accumulators;
use super::keys::{Key, KeyMaker, Keys};
use super::session_batch::{Local, sessions_of};
use super::session_open::{Found, Open};
use super::spill::Disk;
use super::state_rows::{Place, StateRows};
use super::{Operator, Pushed, Snapshot, StateLimit};
use crate::clock::Micros;
use crate::engine::options::OutputMode;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use crate::query::functions::{time_type, window_fields};
use arrow::array::{ArrayRef, AsArray, RecordBatch, StructArray, TimestampMicrosecondArray, UInt32Array};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use datafusion::common::Result;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Open sessions over one stream.
pub struct SessionAggregate {
    spec: Arc<AggregateSpec>,
    gap: Micros,
    maker: KeyMaker,
    /// Partial aggregates with the bounds of their session: keys, states, start, end.
    rows: StateRows,
    open: Open,
    /// Rows that were pushed, all in time, and are in no session yet.
    pushed: Vec<Evaluated>,
    /// Where rows go that memory is not to hold, where there is a limit.
    disk: Option<Disk>,
    /// Where the rows of sessions stand that are still to be given since the last `advance`.
    giving: VecDeque<Place>,
    /// Whether these have ended.
    over: bool,
    watermark: Micros,
    updated: usize,
}

/// So many sessions are given at once where rows are on the disk.
const READ: usize = 16 * 1_024;

/// The sessions that come out of a batch.
#[derive(Default)]
struct Merged {
    sessions: Vec<Joined>,
    /// Which of them each session of the batch became.
    numbers: Vec<usize>,
    /// Where the partial aggregates of open sessions stand that became one of them, and which one.
    places: Vec<Place>,
    place_numbers: Vec<usize>,
}

/// One of them: its bounds, a row with its key, and the open session that it goes on from.
struct Joined {
    start: Micros,
    end: Micros,
    row: usize,
    was: Option<Found>,
}

impl SessionAggregate {
    /// No sessions yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<AggregateSpec>, gap: Micros) -> Result<Self> {
        let maker = KeyMaker::new(spec.keys.fields().iter().map(|field| field.data_type().clone()))?;
        let bounds = ["start", "end"].map(|name| Arc::new(Field::new(name, time_type(), false)));
        let fields: Vec<_> = spec.state.fields().iter().cloned().chain(bounds).collect();
        let rows = StateRows::new(Arc::new(Schema::new(fields)));
        Ok(Self {
            spec,
            gap,
            maker,
            rows,
            open: Open::new(),
            pushed: Vec::new(),
            disk: None,
            giving: VecDeque::new(),
            over: false,
            watermark: Micros::MIN,
            updated: 0,
        })
    }

    /// The positions of the rows that are not late, and how many are.
    fn in_time(&self, times: &TimestampMicrosecondArray) -> (Vec<u32>, u64) {
        let (mut kept, mut late) = (Vec::with_capacity(times.len()), 0);
        for (row, time) in times.iter().enumerate() {
            match time {
                Some(time) if time.saturating_add(self.gap) < self.watermark => late += 1,
                Some(_) => kept.push(row as u32),
                None => {}
            }
        }
        (kept, late)
    }

    /// Aggregates rows that are all in time, and puts the sessions that came out in the place of those
    /// that they touched.
    fn merge(&mut self, rows: &Evaluated) -> Result<()> {
        let keys = self.maker.keys(&rows.keys)?;
        let times = rows.panes.as_primitive::<TimestampMicrosecondType>().values();
        let (locals, session_of) = sessions_of(&keys, times, self.gap);
        let mut partial = Accumulators::new(&self.spec)?;
        partial.update(rows, &session_of, locals.len())?;
        let states = partial.take_state()?;
        let merged = self.meet(&keys, &locals);
        let count = merged.sessions.len();
        let mut all = Accumulators::new(&self.spec)?;
        let (width, end) = (self.maker.width(), self.spec.state.fields().len());
        // The older first, for aggregates that go by the order in which rows came.
        let older = self.rows.take_columns(&merged.places, width..end)?;
        all.merge_both((older.columns(), &merged.place_numbers), (&states, &merged.numbers), count)?;
        self.open.rows.drop_rows(&merged.places, &mut self.rows);
        self.keep(rows, &keys, merged.sessions, all.take_state()?)?;
        self.open.rows.tidy(&mut self.rows, &self.maker, count)
    }

    /// Finds the open sessions that sessions of a batch touch, and numbers those that come out: each one of the
    /// batch, or several with the open ones between them. The first open one of each is to be changed, the others
    /// are taken out.
    fn meet(&mut self, keys: &Keys, locals: &[Local]) -> Merged {
        let by_key = locals.chunk_by(|a, b| keys.bytes(a.row) == keys.bytes(b.row));
        let by_key: Vec<(Key<'_>, &[Local])> =
            by_key.map(|locals| (keys.key(locals[0].row), locals)).collect();
        let mut known = self.open.all_of(by_key.iter().map(|(key, _)| *key)).into_iter().peekable();
        let (mut merged, mut open) = (Merged::default(), Vec::new());
        for (number, (key, locals)) in by_key.into_iter().enumerate() {
            open.clear();
            while let Some((_, found)) = known.next_if(|(of, _)| *of == number) {
                open.push(found);
            }
            self.meet_key(key, locals, &mut open, &mut merged);
        }
        merged
    }

    /// The same for those of one key and what is `open` of it, of which nothing is left that they touch.
    fn meet_key(&mut self, key: Key<'_>, locals: &[Local], open: &mut Vec<Found>, merged: &mut Merged) {
        let first = merged.sessions.len();
        for Local { start, end, row } in locals {
            // Two sessions of this batch may meet in one that was open.
            match merged.sessions[first..].last_mut() {
                Some(last) if *start <= last.end => last.end = last.end.max(*end),
                _ => merged.sessions.push(Joined { start: *start, end: *end, row: *row, was: None }),
            }
            let number = merged.sessions.len() - 1;
            merged.numbers.push(number);
            let joined = &mut merged.sessions[number];
            for found in
                open.extract_if(.., |Found { session, .. }| session.start <= *end && *start <= session.end)
            {
                let session = &found.session;
                self.open.touched(session);
                joined.start = joined.start.min(session.start);
                joined.end = joined.end.max(session.end);
                merged.places.push(session.place);
                merged.place_numbers.push(number);
                match joined.was {
                    None => joined.was = Some(found),
                    Some(_) => self.open.take(key, session.place),
                }
            }
        }
    }

    /// Keeps the sessions that came out of a batch.
    fn keep(
        &mut self,
        rows: &Evaluated,
        keys: &Keys,
        merged: Vec<Joined>,
        states: Vec<ArrayRef>,
    ) -> Result<()> {
        let firsts = UInt32Array::from_iter_values(merged.iter().map(|session| session.row as u32));
        let mut columns = Vec::with_capacity(rows.keys.len() + states.len() + 2);
        for key in &rows.keys {
            columns.push(arrow::compute::take(key, &firsts, None)?);
        }
        columns.extend(states);
        let time = |times: Vec<Micros>| Arc::new(TimestampMicrosecondArray::from(times)) as ArrayRef;
        columns.push(time(merged.iter().map(|session| session.start).collect()));
        columns.push(time(merged.iter().map(|session| session.end).collect()));
        let batch = self.rows.add(RecordBatch::try_new(self.rows.schema().clone(), columns)?);
        for (Joined { start, end, row, was }, at) in merged.into_iter().zip(0..) {
            self.open.put(keys.key(row), (start, end), (batch, at), was);
        }
        self.open.rows.added(batch, &self.rows);
        Ok(())
    }

    /// The rows of the sessions at these places.
    fn results(&self, places: &[Place]) -> Result<Vec<RecordBatch>> {
        if places.is_empty() {
            return Ok(vec![]);
        }
        let states = self.rows.take(places)?;
        let (keys, rest) = states.columns().split_at(self.maker.width());
        let (states, bounds) = rest.split_at(rest.len() - 2);
        let mut values = Accumulators::new(&self.spec)?;
        let numbers: Vec<usize> = (0..places.len()).collect();
        values.merge(states, &numbers, places.len())?;
        let mut columns = keys.to_vec();
        let window = StructArray::try_new(window_fields(), bounds.to_vec(), None)?;
        columns.insert(self.spec.position, Arc::new(window));
        columns.extend(values.take_values()?);
        Ok(vec![RecordBatch::try_new(self.spec.result.clone(), columns)?])
    }
}

impl SessionAggregate {
    /// The rows of the sessions that come next: of all that are left, if there is memory for them.
    fn give(&mut self) -> Result<Vec<RecordBatch>> {
        let most = if self.rows.spilled() > 0 { READ } else { usize::MAX };
        let next: Vec<Place> = self.giving.drain(..most.min(self.giving.len())).collect();
        let rows = self.results(&next)?;
        if self.over {
            self.open.rows.drop_rows(&next, &mut self.rows);
        }
        Ok(rows)
    }

    /// Goes on from rows of a batch that are in use.
    fn open(&mut self, number: u32, rows: BTreeSet<u32>) -> Result<()> {
        let Some(batch) = self.rows.load(number)? else { return Ok(()) };
        let keys = self.maker.keys(&batch.columns()[..self.maker.width()])?;
        let bound =
            |back: usize| batch.column(batch.num_columns() - back).as_primitive::<TimestampMicrosecondType>();
        for row in rows {
            let at = row as usize;
            let bounds = (bound(2).value(at), bound(1).value(at));
            self.open.restore(keys.key(at), bounds, (number, row));
        }
        self.open.rows.added(number, &self.rows);
        Ok(())
    }
}

impl Operator for SessionAggregate {
    fn push(&mut self, _: usize, rows: &RecordBatch) -> Result<Pushed> {
        let rows = self.spec.evaluate(rows)?;
        let (kept, late) = self.in_time(rows.panes.as_primitive::<TimestampMicrosecondType>());
        match kept.len() {
            0 => {}
            all if all == rows.rows() => self.pushed.push(rows),
            _ => self.pushed.push(rows.take(&UInt32Array::from(kept))?),
        }
        Ok(Pushed { rows: vec![], late })
    }

    fn commit(&mut self) -> Result<()> {
        std::mem::take(&mut self.pushed).iter().try_for_each(|rows| self.merge(rows))
    }

    fn roll_back(&mut self) {
        self.pushed.clear();
    }

    fn advance(&mut self, watermark: Micros, mode: OutputMode) -> Result<Vec<RecordBatch>> {
        let ending = watermark.saturating_sub(self.spec.lag);
        if watermark < Micros::MAX {
            self.watermark = self.watermark.max(ending);
        }
        self.updated = self.open.changed();
        let changed = if mode == OutputMode::Update { self.open.take_changed() } else { vec![] };
        self.open.begin_round();
        if mode == OutputMode::Complete {
            (self.giving, self.over) = (self.open.places().into(), false);
            return self.give();
        }
        if mode == OutputMode::Append {
            (self.giving, self.over) = (self.open.take_ended(self.watermark.max(ending)).into(), true);
            return self.give();
        }
        let shown = self.results(&changed)?;
        // At the end of a bounded run the others are shown, and a run to come goes on with them.
        let ended = self.open.take_ended(self.watermark);
        self.open.rows.drop_rows(&ended, &mut self.rows);
        Ok(shown)
    }

    fn more(&mut self) -> Result<Vec<RecordBatch>> {
        self.give()
    }

    fn keep_to(&mut self, limit: StateLimit, _: OutputMode) {
        self.disk = Some(Disk::new(limit));
    }

    /// Puts all rows onto the disk; what finds them stays in memory.
    fn spill(&mut self) -> Result<()> {
        let (rows, stays) = (self.rows.memory(), self.open.memory());
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.is_over(rows, stays)) else { return Ok(()) };
        disk.begin();
        self.rows.spill(disk)
    }

    fn spilled(&self) -> usize {
        self.rows.spilled()
    }

    fn late_before(&self, _: usize) -> Micros {
        self.watermark.saturating_sub(self.gap)
    }

    fn rows(&self) -> usize {
        self.open.len()
    }

    fn updated(&self) -> usize {
        self.updated
    }

    fn memory(&self) -> usize {
        self.rows.memory() + self.open.memory()
    }

    fn snapshot(&mut self) -> Result<Snapshot> {
        Ok(Snapshot { mark: self.watermark, parts: self.rows.save()? })
    }

    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()> {
        self.watermark = snapshots.last().map_or(Micros::MIN, |snapshot| snapshot.mark);
        let parts = snapshots.into_iter().flat_map(|snapshot| snapshot.parts);
        let disk = &mut self.disk;
        let live = self.rows.restore(parts, |rows| {
            match disk.as_mut().filter(|disk| disk.is_over(rows.memory(), 0)) {
                Some(disk) => {
                    disk.begin();
                    rows.spill(disk)
                }
                None => Ok(()),
            }
        })?;
        live.into_iter().try_for_each(|(number, rows)| self.open(number, rows))
    }
}
