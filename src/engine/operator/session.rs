//! Sessions: windows that last as long as records come, by key.
//!
//! Rows of a batch are sorted by key and time and made into sessions of their own; these are merged with the
//! open sessions that they touch, and no others are looked at.

use super::accumulators::Accumulators;
use super::state_rows::{Place, StateRows};
use super::{Operator, Pushed, Snapshot};
use crate::clock::Micros;
use crate::engine::options::OutputMode;
use crate::query::aggregate::{AggregateSpec, Evaluated};
use crate::query::functions::{time_type, window_fields};
use arrow::array::{ArrayRef, AsArray, RecordBatch, StructArray, TimestampMicrosecondArray, UInt32Array};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Open sessions over one stream.
pub struct SessionAggregate {
    spec: Arc<AggregateSpec>,
    gap: Micros,
    converter: RowConverter,
    /// Partial aggregates with the bounds of their session: keys, states, start, end.
    rows: StateRows,
    open: HashMap<Key, Vec<Session>>,
    /// The keys of open sessions by the end that they had when they were last touched.
    ends: BTreeMap<Micros, BTreeSet<Key>>,
    /// Keys whose sessions changed since they were last shown.
    changed: BTreeSet<Key>,
    watermark: Micros,
}

type Key = Arc<[u8]>;

/// One session: from its first record to the gap after its last, and where its partial aggregates stand.
#[derive(Debug, Clone, Copy)]
struct Session {
    start: Micros,
    end: Micros,
    place: Place,
    touched: bool,
}

/// Sessions of one batch, before they meet the open ones: bounds, and the row that has the key.
struct Local {
    start: Micros,
    end: Micros,
    row: u32,
}

impl SessionAggregate {
    /// No sessions yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<AggregateSpec>, gap: Micros) -> Result<Self> {
        let keys = spec.keys.fields().iter();
        let converter =
            RowConverter::new(keys.map(|field| SortField::new(field.data_type().clone())).collect())?;
        let bounds = ["start", "end"].map(|name| Arc::new(Field::new(name, time_type(), false)));
        let fields: Vec<_> = spec.state.fields().iter().cloned().chain(bounds).collect();
        Ok(Self {
            spec,
            gap,
            converter,
            rows: StateRows::new(Arc::new(Schema::new(fields))),
            open: HashMap::new(),
            ends: BTreeMap::new(),
            changed: BTreeSet::new(),
            watermark: Micros::MIN,
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
        let keys = Keys(match rows.keys.is_empty() {
            true => None,
            false => Some(self.converter.convert_columns(&rows.keys)?),
        });
        let times = rows.panes.as_primitive::<TimestampMicrosecondType>().values();
        let (locals, session_of) = sessions_of(&keys, times, self.gap);
        let mut partial = Accumulators::new(&self.spec)?;
        partial.update(rows, &session_of, locals.len())?;
        let states = partial.take_state()?;

        // Number the sessions that come out: each local one, or several with the open ones between them.
        let (mut merged, mut numbers) = (Vec::new(), vec![0; locals.len()]);
        let (mut places, mut place_numbers) = (Vec::new(), Vec::new());
        let mut by_key = 0..0;
        while by_key.end < locals.len() {
            let key = keys.of(locals[by_key.end].row);
            by_key.start = by_key.end;
            while by_key.end < locals.len() && keys.of(locals[by_key.end].row) == key {
                by_key.end += 1;
            }
            let mut open = self.open.remove(key).unwrap_or_default();
            open.sort_unstable_by_key(|session| session.start);
            for number in by_key.clone() {
                let local = &locals[number];
                let touching = |session: &Session| session.start <= local.end && local.start <= session.end;
                let touched: Vec<Session> = open.extract_if(.., |session| touching(session)).collect();
                // Two sessions of this batch may meet in one that was open.
                let last: Option<&mut Joined> = merged.last_mut();
                match last {
                    Some(last) if *last.key == *key && local.start <= last.end => {
                        last.end = last.end.max(local.end);
                    }
                    _ => merged.push(Joined::new(key, local)),
                }
                let to = merged.len() - 1;
                for session in touched {
                    merged[to].start = merged[to].start.min(session.start);
                    merged[to].end = merged[to].end.max(session.end);
                    places.push(session.place);
                    place_numbers.push(to);
                }
                numbers[number] = to;
            }
            if !open.is_empty() {
                self.open.insert(key.into(), open);
            }
        }
        let mut all = Accumulators::new(&self.spec)?;
        all.merge(&states, &numbers, merged.len())?;
        let older = self.rows.take(&places)?;
        let width = self.spec.keys.fields().len();
        all.merge(&older.columns()[width..older.num_columns() - 2], &place_numbers, merged.len())?;
        self.rows.drop_rows(&places);
        self.keep(rows, merged, all.take_state()?)
    }

    /// Keeps the sessions that came out of a batch.
    fn keep(&mut self, rows: &Evaluated, merged: Vec<Joined>, states: Vec<ArrayRef>) -> Result<()> {
        let firsts = UInt32Array::from_iter_values(merged.iter().map(|session| session.row));
        let mut columns = Vec::with_capacity(rows.keys.len() + states.len() + 2);
        for key in &rows.keys {
            columns.push(arrow::compute::take(key, &firsts, None)?);
        }
        columns.extend(states);
        let time = |times: Vec<Micros>| Arc::new(TimestampMicrosecondArray::from(times)) as ArrayRef;
        columns.push(time(merged.iter().map(|session| session.start).collect()));
        columns.push(time(merged.iter().map(|session| session.end).collect()));
        let batch = self.rows.add(RecordBatch::try_new(self.rows.schema().clone(), columns)?);
        for (row, Joined { key, start, end, .. }) in merged.into_iter().enumerate() {
            let session = Session { start, end, place: (batch, row as u32), touched: true };
            self.open.entry(key.clone()).or_default().push(session);
            self.changed.insert(key.clone());
            self.ends.entry(end).or_default().insert(key);
        }
        if self.rows.is_sparse(self.rows.numbers()) {
            self.compact()?;
        }
        Ok(())
    }

    /// Writes the rows in use anew, in one batch.
    fn compact(&mut self) -> Result<()> {
        let sessions: Vec<&mut Session> = self.open.values_mut().flatten().collect();
        let places: Vec<Place> = sessions.iter().map(|session| session.place).collect();
        let rows = self.rows.take(&places)?;
        self.rows.drop_rows(&places);
        let batch = self.rows.add(rows);
        for (row, session) in sessions.into_iter().enumerate() {
            session.place = (batch, row as u32);
        }
        Ok(())
    }

    /// Takes out the sessions that ended before `watermark`, in the order of their ends. A record exactly
    /// the gap after the last one still joins its session, so one that ends at the watermark stays.
    fn take_ended(&mut self, watermark: Micros) -> Vec<Place> {
        let mut ended = Vec::new();
        while let Some(first) = self.ends.first_entry()
            && *first.key() < watermark
        {
            for key in first.remove() {
                let Some(sessions) = self.open.get_mut(&key) else { continue };
                ended.extend(sessions.extract_if(.., |session| session.end < watermark).map(|s| s.place));
                if sessions.is_empty() {
                    self.open.remove(&key);
                }
            }
        }
        ended
    }

    /// The rows of the sessions at these places.
    fn results(&self, places: &[Place]) -> Result<Vec<RecordBatch>> {
        if places.is_empty() {
            return Ok(vec![]);
        }
        let states = self.rows.take(places)?;
        let (keys, rest) = states.columns().split_at(self.spec.keys.fields().len());
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

    fn take_changed(&mut self) -> Vec<Place> {
        let mut places = Vec::new();
        for key in std::mem::take(&mut self.changed) {
            for session in self.open.get_mut(&key).into_iter().flatten() {
                if std::mem::take(&mut session.touched) {
                    places.push(session.place);
                }
            }
        }
        places
    }
}

/// A session that came out of a batch.
struct Joined {
    key: Key,
    row: u32,
    start: Micros,
    end: Micros,
}

impl Joined {
    fn new(key: &[u8], local: &Local) -> Self {
        Self { key: key.into(), row: local.row, start: local.start, end: local.end }
    }
}

/// The keys of a batch as bytes that can be compared; none where the session is the only group column.
pub(super) struct Keys(pub(super) Option<Rows>);

impl Keys {
    pub(super) fn of(&self, row: u32) -> &[u8] {
        self.0.as_ref().map_or(&[], |rows| rows.row(row as usize).data())
    }
}

/// The sessions that rows make among themselves, by key and time, and the session of each row.
fn sessions_of(keys: &Keys, times: &[Micros], gap: Micros) -> (Vec<Local>, Vec<usize>) {
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    order.sort_unstable_by(|a, b| {
        keys.of(*a).cmp(keys.of(*b)).then(times[*a as usize].cmp(&times[*b as usize]))
    });
    let (mut locals, mut session_of): (Vec<Local>, _) = (Vec::new(), vec![0; times.len()]);
    for row in order {
        let (key, time) = (keys.of(row), times[row as usize]);
        let end = time.saturating_add(gap);
        match locals.last_mut() {
            Some(last) if keys.of(last.row) == key && time <= last.end => last.end = end,
            _ => locals.push(Local { start: time, end, row }),
        }
        session_of[row as usize] = locals.len() - 1;
    }
    (locals, session_of)
}

impl Operator for SessionAggregate {
    fn push(&mut self, _: usize, rows: &RecordBatch) -> Result<Pushed> {
        let rows = self.spec.evaluate(rows)?;
        let (kept, late) = self.in_time(rows.panes.as_primitive::<TimestampMicrosecondType>());
        match kept.len() {
            0 => {}
            all if all == rows.rows() => self.merge(&rows)?,
            _ => self.merge(&rows.take(&UInt32Array::from(kept))?)?,
        }
        Ok(Pushed { rows: vec![], late })
    }

    fn advance(&mut self, watermark: Micros, mode: OutputMode) -> Result<Vec<RecordBatch>> {
        self.watermark = self.watermark.max(watermark.saturating_sub(self.spec.lag));
        let shown = match mode {
            OutputMode::Append => vec![],
            OutputMode::Update => {
                let changed = self.take_changed();
                self.results(&changed)?
            }
            OutputMode::Complete => {
                let all: Vec<Place> = self.open.values().flatten().map(|session| session.place).collect();
                return self.results(&all);
            }
        };
        self.changed.clear();
        let ended = self.take_ended(self.watermark);
        let rows = if mode == OutputMode::Append { self.results(&ended)? } else { shown };
        self.rows.drop_rows(&ended);
        Ok(rows)
    }

    fn late_before(&self, _: usize) -> Micros {
        self.watermark.saturating_sub(self.gap)
    }

    fn rows(&self) -> usize {
        self.open.values().map(Vec::len).sum()
    }

    fn memory(&self) -> usize {
        let key = self.open.keys().next().map_or(0, |key| key.len());
        self.rows.memory() + self.open.len() * (key + size_of::<(Key, Vec<Session>, Session, Key)>())
    }

    fn snapshot(&mut self) -> Result<Snapshot> {
        Ok(Snapshot { mark: self.watermark, parts: self.rows.save()? })
    }

    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()> {
        self.watermark = snapshots.last().map_or(Micros::MIN, |snapshot| snapshot.mark);
        let live = self.rows.restore(snapshots.into_iter().flat_map(|snapshot| snapshot.parts));
        for (number, rows) in live {
            let Some(batch) = self.rows.batch(number) else { continue };
            let width = self.spec.keys.fields().len();
            let keys = match width {
                0 => None,
                _ => Some(self.converter.convert_columns(&batch.columns()[..width])?),
            };
            let bound = |back: usize| {
                batch.column(batch.num_columns() - back).as_primitive::<TimestampMicrosecondType>()
            };
            for row in rows {
                let at = row as usize;
                let key: Key = keys.as_ref().map_or(Key::from([]), |keys| keys.row(at).as_ref().into());
                let (start, end) = (bound(2).value(at), bound(1).value(at));
                let session = Session { start, end, place: (number, row), touched: false };
                self.open.entry(key.clone()).or_default().push(session);
                self.ends.entry(end).or_default().insert(key);
            }
        }
        Ok(())
    }
}
