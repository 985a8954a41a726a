//! The loop of a query: read, decode, run the plan below, keep state, run the plan above, give out.
//!
//! One queue, at the source; behind it, function calls on record batches. Memory is bounded by the
//! chunk that is read at once and by the state, whatever the backlog.

pub mod intake;
pub mod operator;
pub mod options;
pub mod progress;
pub mod source;
pub mod watermark;

use crate::clock::{Clock, Micros, Stop};
use crate::query::error::of_running;
use crate::query::plan::StreamPlan;
use crate::sink::{Batch, Sink};
use crate::units::format_rfc3339;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use intake::{Counts, Intake};
use operator::window_aggregate::WindowAggregate;
use options::{Options, OutputMode, Trigger};
use progress::{Durations, EventTime, Progress, SinkProgress, SourceProgress, StateOperator};
use source::{Position, Source};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use watermark::Watermark;

/// So many bytes of records are read and processed at once.
const CHUNK: usize = 4 << 20;

/// So long a read waits for records where none are there.
const PATIENCE: Duration = Duration::from_millis(100);

/// Hears of each batch.
pub type Listener<'a> = Box<dyn FnMut(&Progress) -> Result<()> + 'a>;

/// What stands around a query: where it reads, what it gives to, and whom it tells.
pub struct Surroundings<'a> {
    /// The topic.
    pub source: Box<dyn Source + 'a>,
    /// What takes the results.
    pub sink: Box<dyn Sink + 'a>,
    /// Who hears of each batch.
    pub listener: Listener<'a>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A running query.
pub struct Engine<'a> {
    plan: StreamPlan,
    options: Options,
    around: Surroundings<'a>,
    intake: Intake,
    windows: Option<WindowAggregate>,
    watermark: Watermark,
    totals: Totals,
    last_trigger: Micros,
}

/// What a query did since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Batches.
    pub batches: u64,
    /// Records read, the refused ones with them.
    pub read: u64,
    /// Records refused.
    pub rejected: u64,
    /// Late records.
    pub late: u64,
    /// Rows given out.
    pub rows: u64,
}

/// What one batch did so far.
#[derive(Default)]
struct Running {
    began: Micros,
    counts: Counts,
    times: Option<(Micros, Micros)>,
    late: BTreeMap<i32, u64>,
    rows: Vec<RecordBatch>,
    durations: Durations,
    start: BTreeMap<i32, i64>,
}

impl<'a> Engine<'a> {
    /// Puts a query together.
    ///
    /// # Errors
    /// A usage error when the plan and the options do not go together.
    pub fn new(plan: StreamPlan, options: Options, around: Surroundings<'a>) -> Result<Self> {
        options.check(&plan)?;
        let intake = Intake::new(&plan.topic, plan.columns().clone(), &options.time)?;
        let windows = plan.aggregate().cloned().map(WindowAggregate::new);
        let mut watermark = Watermark::new(options.delay, options.idle_timeout, options.policy);
        for partition in around.source.positions().keys() {
            watermark.expect(*partition);
        }
        let last_trigger = around.clock.now();
        let totals = Totals::default();
        Ok(Self { plan, options, around, intake, windows, watermark, totals, last_trigger })
    }

    /// Runs until the trigger says that it is done, or `stop` is requested: then the batch that runs is
    /// finished.
    ///
    /// # Errors
    /// When the topic cannot be read, the query fails on its data, or the sink gives up.
    pub fn run(mut self, stop: &Stop) -> Result<Totals> {
        match self.options.trigger {
            Trigger::Interval(every) if every.is_zero() => {
                while !stop.requested() {
                    self.batch(stop, |_| false)?;
                }
            }
            Trigger::Interval(every) => self.run_every(every, stop)?,
            Trigger::Once => self.run_available(stop, false)?,
            Trigger::AvailableNow => self.run_available(stop, true)?,
        }
        Ok(self.totals)
    }

    fn run_every(&mut self, every: Duration, stop: &Stop) -> Result<()> {
        let every = every.as_micros() as Micros;
        loop {
            self.around.source.look_ahead()?;
            self.batch(stop, |source| !reached_ends(source.positions()))?;
            // Triggers keep to a grid, so that they do not drift by the work of each batch.
            let rest = every - self.around.clock.now().rem_euclid(every);
            if stop.wait(Duration::from_micros(rest.unsigned_abs())) {
                return Ok(());
            }
        }
    }

    fn run_available(&mut self, stop: &Stop, in_chunks: bool) -> Result<()> {
        self.around.source.look_ahead()?;
        self.around.source.stop_at_ends()?;
        while !reached_ends(self.around.source.positions()) && !stop.requested() {
            self.batch(stop, |source| !in_chunks && !reached_ends(source.positions()))?;
        }
        if self.options.flush_at_end && !stop.requested() {
            self.flush()?;
        }
        Ok(())
    }

    /// One batch: chunks are read and processed while `more` says so.
    fn batch(&mut self, stop: &Stop, more: impl Fn(&dyn Source) -> bool) -> Result<()> {
        let began = self.around.clock.now();
        let mut running =
            Running { began, start: next_offsets(self.around.source.positions()), ..Running::default() };
        loop {
            self.chunk(&mut running)?;
            if stop.requested() || !more(&*self.around.source) {
                break;
            }
        }
        self.finish(running)
    }

    /// Reads a chunk and takes it through the query up to its state.
    fn chunk(&mut self, running: &mut Running) -> Result<()> {
        let began = self.around.clock.now();
        let intake = &mut self.intake;
        self.around.source.read(CHUNK, PATIENCE, &mut |record| intake.take(record))?;
        let decoded = self.intake.take_rows()?;
        self.count(running)?;
        let processing = self.around.clock.now();
        running.durations.get_batch += millis(began, processing);
        for partition in decoded {
            running.times = widest(running.times, partition.times);
            let newest = partition.times.map(|(_, newest)| newest);
            self.watermark.observe(partition.partition, newest, processing);
            self.process(partition.partition, partition.rows, running)?;
        }
        running.durations.process += millis(processing, self.around.clock.now());
        Ok(())
    }

    fn count(&mut self, running: &mut Running) -> Result<()> {
        let (counts, refused) = self.intake.take_counts();
        running.counts.read += counts.read;
        running.counts.tombstones += counts.tombstones;
        for (code, count) in counts.rejected {
            *running.counts.rejected.entry(code).or_default() += count;
        }
        match refused {
            Some(refused) if self.options.fail_fast => {
                Err(Error::data(refused).hint("--fail-fast stops here"))
            }
            Some(refused) => {
                tracing::warn!("refused a record: {refused}");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn process(&mut self, partition: i32, rows: RecordBatch, running: &mut Running) -> Result<()> {
        for rows in self.plan.run_below(rows)? {
            match &mut self.windows {
                None => running.rows.push(rows),
                Some(windows) => {
                    let late = windows.push(&rows).map_err(|error| of_running(&error))?;
                    if late > 0 {
                        *running.late.entry(partition).or_default() += late;
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves the watermark, gives out what the output mode says, and tells about the batch.
    fn finish(&mut self, mut running: Running) -> Result<()> {
        let giving = self.around.clock.now();
        for (partition, position) in self.around.source.positions() {
            self.watermark.caught_up(*partition, position.caught_up);
        }
        let watermark = self.watermark.advance(giving);
        let ready = self.ready(watermark)?;
        running.rows.extend(ready);
        if running.counts.read == 0 && running.rows.is_empty() {
            return Ok(());
        }
        self.give_out(running, giving, watermark)
    }

    /// The rows of windows that the output mode wants now.
    fn ready(&mut self, watermark: Option<Micros>) -> Result<Vec<RecordBatch>> {
        let Some(windows) = &mut self.windows else { return Ok(vec![]) };
        let watermark = watermark.unwrap_or(Micros::MIN);
        let rows = match self.options.mode {
            OutputMode::Append => windows.close(watermark),
            OutputMode::Complete => windows.all(),
            OutputMode::Update => {
                let changed = windows.changed();
                windows.forget(watermark);
                changed
            }
        };
        self.plan.run_above(rows.map_err(|error| of_running(&error))?)
    }

    /// Closes what is still open at the end of a bounded run.
    fn flush(&mut self) -> Result<()> {
        if self.options.mode != OutputMode::Append || self.windows.is_none() {
            return Ok(());
        }
        let now = self.around.clock.now();
        let rows = self.ready(Some(Micros::MAX))?;
        if rows.is_empty() {
            return Ok(());
        }
        let start = next_offsets(self.around.source.positions());
        let running = Running { began: now, rows, start, ..Running::default() };
        self.give_out(running, now, self.watermark.current())
    }

    fn give_out(&mut self, mut running: Running, giving: Micros, watermark: Option<Micros>) -> Result<()> {
        let batch_id = self.totals.batches;
        let given: u64 = running.rows.iter().map(|rows| rows.num_rows() as u64).sum();
        self.totals.batches += 1;
        self.totals.read += running.counts.read;
        self.totals.rejected += running.counts.rejected.values().sum::<u64>();
        self.totals.late += running.late.values().sum::<u64>();
        self.totals.rows += given;
        self.around.sink.write(&Batch {
            id: batch_id,
            columns: self.plan.result_columns(),
            rows: &running.rows,
            records: running.counts.read,
            total_records: self.totals.read,
        })?;
        self.around.source.mirror()?;
        let now = self.around.clock.now();
        running.durations.add_batch = millis(giving, now);
        running.durations.trigger_execution = millis(running.began, now);
        let report = self.report(batch_id, &running, watermark, given);
        self.last_trigger = running.began;
        (self.around.listener)(&report)
    }

    fn report(&self, batch_id: u64, running: &Running, watermark: Option<Micros>, given: u64) -> Progress {
        let positions = self.around.source.positions();
        let late: u64 = running.late.values().sum();
        let state = self.windows.as_ref().map(|windows| StateOperator {
            num_rows_total: windows.groups(),
            num_rows_dropped_by_watermark: late,
            late_by_partition: running.late.clone(),
        });
        let read = running.counts.read;
        Progress {
            batch_id,
            timestamp: format_rfc3339(running.began),
            num_input_rows: read,
            input_rows_per_second: rate(read, running.began - self.last_trigger),
            processed_rows_per_second: rate(read, running.durations.trigger_execution as Micros * 1_000),
            duration_ms: running.durations,
            event_time: EventTime::new(running.times, watermark),
            state_operators: state.into_iter().collect(),
            sources: vec![SourceProgress {
                description: self.plan.topic.name.clone(),
                start_offset: running.start.clone(),
                end_offset: next_offsets(positions),
                latest_offset: positions
                    .iter()
                    .map(|(partition, position)| (*partition, position.end))
                    .collect(),
            }],
            sink: SinkProgress { num_output_rows: given },
            rejected: progress::by_name(&running.counts.rejected),
            tombstones: running.counts.tombstones,
            total_rejected: self.totals.rejected,
            total_late: self.totals.late,
        }
    }
}

/// Whether every partition was read to where it ended when it was last asked.
fn reached_ends(positions: &BTreeMap<i32, Position>) -> bool {
    positions.values().all(|position| position.caught_up || position.next >= position.end)
}

fn next_offsets(positions: &BTreeMap<i32, Position>) -> BTreeMap<i32, i64> {
    positions.iter().map(|(partition, position)| (*partition, position.next)).collect()
}

fn widest(one: Option<(Micros, Micros)>, other: Option<(Micros, Micros)>) -> Option<(Micros, Micros)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

fn millis(from: Micros, to: Micros) -> u64 {
    (to - from).max(0) as u64 / 1_000
}

/// Per second; 0 where no time passed.
fn rate(count: u64, micros: Micros) -> f64 {
    if micros > 0 { count as f64 * 1e6 / micros as f64 } else { 0.0 }
}
