//! The loop of a query: read, decode, run the stages below, keep state, run the stages above, give out.
//!
//! One queue by topic, at its source; behind it, function calls on record batches. Memory is bounded by the
//! chunk that is read at once and by the state, whatever the backlog.

mod admit;
mod align;
pub mod checkpoint;
mod durable;
pub mod graph;
mod halves;
pub mod history;
pub mod intake;
mod ipc;
mod lane;
pub mod latency;
pub mod letters;
mod lost;
pub mod operator;
pub mod options;
pub mod progress;
pub mod quality;
mod report;
pub mod results;
pub mod source;
mod span;
mod stopwatch;
mod trigger;
pub mod watermark;

use crate::Result;
use crate::clock::{Clock, Micros, Stop};
use crate::query::plan::StreamPlan;
use crate::record::letter::Stage;
use crate::sink::{Batch, Sink};
use checkpoint::Checkpoint;
use graph::Graph;
use history::History;
use intake::Decoded;
use lane::Topics;
use letters::{DeadLetter, Known, LetterSink, Refused};
use options::{Options, OutputMode, Trigger};
use progress::Progress;
use quality::Quality;
use results::Results;
use serde::{Deserialize, Serialize};
use source::Source;
use span::Span;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use stopwatch::{Phase, Stopwatch};
use watermark::Watermark;

/// So long a chunk waits for records where none are there.
const PATIENCE: Duration = Duration::from_millis(100);

/// So long a round takes where each record is given out at once: one that comes in a topic waits while others are waited for.
const TURN: Duration = Duration::from_millis(4);

/// The client counts in milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);

/// Hears of each batch.
pub type Listener<'a> = Box<dyn FnMut(&Arc<Progress>) -> Result<()> + 'a>;

/// What stands around a query: where it reads, what it gives to, and whom it tells.
pub struct Surroundings<'a> {
    /// The topics, in the order of [`StreamPlan::scans`].
    pub sources: Vec<Box<dyn Source + 'a>>,
    /// What takes the results.
    pub sink: Box<dyn Sink + 'a>,
    /// What keeps the records that cannot be used; without it they are counted only.
    pub letters: Option<LetterSink<'a>>,
    /// Who hears of each batch.
    pub listener: Listener<'a>,
    /// What a restart goes on from; without it a query begins anew.
    pub checkpoint: Option<Checkpoint>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A running query.
pub struct Engine<'a> {
    graph: Graph,
    options: Options,
    topics: Topics<'a>,
    sink: Box<dyn Sink + 'a>,
    refused: Refused<'a>,
    listener: Listener<'a>,
    checkpoint: Option<Checkpoint>,
    clock: Arc<dyn Clock>,
    watermark: Watermark,
    /// The quality of each topic's records, where it is measured.
    quality: Vec<Quality>,
    totals: Totals,
    history: History,
    /// When the batch before this one began.
    last_trigger: Option<Micros>,
    looked_ahead: Micros,
    /// When topics were last asked whether they are still there.
    checked: Micros,
}

/// What a query did since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Records read, and what became of them, by topic.
    counts: Vec<intake::Counts>,
    times: Option<Span>,
    sample: latency::Times,
    /// Late records by topic and partition.
    late: BTreeMap<watermark::Lane, u64>,
    /// Rows that were given out before the batch was done.
    given: u64,
    /// The first record of each partition that is in it, by topic.
    start: Vec<BTreeMap<i32, i64>>,
    /// Whether it closes what is open, as the last one of a bounded run.
    closes: bool,
    /// Whether it began before, and was cut off.
    again: bool,
    /// How far event time was when it began.
    before: Option<Micros>,
}

impl<'a> Engine<'a> {
    /// Puts a query together.
    ///
    /// # Errors
    /// A usage error when the plan and the options do not go together.
    pub fn new(mut plan: StreamPlan, options: Options, around: Surroundings<'a>) -> Result<Self> {
        options.check(&plan)?;
        let Surroundings { sources, sink, letters, listener, checkpoint, clock } = around;
        let delays: Vec<_> = plan.scans.iter().map(|scan| options.delay_of(&scan.topic)).collect();
        let mut watermark = Watermark::new(&delays, options.idle_timeout, options.policy);
        let quality = if options.quality { report::measure(&mut plan, &options) } else { vec![] };
        let mut topics = Topics::new(&plan, sources)?;
        if letters.is_some() {
            topics.keep_originals();
        }
        topics.lanes().for_each(|lane| watermark.expect(lane));
        let began = clock.now();
        let mut graph = Graph::new(plan, delays.iter().max().copied().unwrap_or_default())?;
        graph.watch = Stopwatch::new(clock.clone());
        if let Some(limit) = &options.state {
            graph.keep_to(limit, options.mode);
        }
        let totals = Totals::default();
        Ok(Self {
            graph,
            refused: Refused::new(letters, options.fail_fast),
            options,
            topics,
            sink,
            listener,
            checkpoint,
            clock,
            watermark,
            quality,
            totals,
            history: History::default(),
            last_trigger: None,
            looked_ahead: Micros::MIN,
            checked: began,
        })
    }

    /// Runs until the trigger says that it is done, or `stop` is requested: then the batch that runs is
    /// finished.
    ///
    /// # Errors
    /// When a topic cannot be read, the query fails on its data, or the sink gives up.
    pub fn run(&mut self, stop: &Stop) -> Result<Totals> {
        self.go_on(stop)?;
        // A batch that was cut off, and is so once more, is not to be mixed with others.
        if stop.requested() {
            return Ok(self.totals);
        }
        match self.options.trigger {
            Trigger::Interval(every) if every.is_zero() => self.run_always(stop)?,
            Trigger::Interval(every) => self.run_every(every, stop)?,
            Trigger::Once => self.run_once(stop)?,
            Trigger::AvailableNow => self.run_available(stop)?,
            Trigger::Continuous(every) => self.run_continuous(every, stop)?,
        }
        Ok(self.totals)
    }

    /// One batch: chunks are read and processed while `more` says so.
    fn batch(&mut self, stop: &Stop, more: impl Fn(&Topics) -> bool) -> Result<()> {
        self.check_owner()?;
        let began = self.graph.watch.begin();
        self.graph.plan().begin(began);
        let mut running = self.running(began);
        loop {
            self.chunk(&mut running)?;
            if self.is_continuous() {
                self.give_at_once(&mut running)?;
            }
            if stop.requested() || self.refused.is_full() || !more(&self.topics) {
                break;
            }
        }
        self.finish(running)?;
        self.stand();
        Ok(())
    }

    /// A batch that begins.
    fn running(&mut self, began: Micros) -> Running {
        self.refused.begin(self.totals.batches, began);
        let counts = vec![intake::Counts::default(); self.topics.len()];
        let (start, before) = (self.topics.next_offsets(), self.watermark.current());
        Running { began, counts, start, before, ..Running::default() }
    }

    fn is_continuous(&self) -> bool {
        matches!(self.options.trigger, Trigger::Continuous(_))
    }

    /// Gives out what a chunk brought, before its batch is done.
    fn give_at_once(&mut self, running: &mut Running) -> Result<()> {
        let rows = self.graph.take_results();
        if rows.is_empty() {
            return Ok(());
        }
        let given = rows.count();
        running.given += given;
        self.graph.watch.enter(Phase::Sink);
        self.sink.write(&Batch {
            id: self.totals.batches,
            columns: self.graph.plan().result_columns(),
            rows: rows.rows(),
            records: given,
            total_records: self.totals.read + running.counts.iter().map(|counts| counts.read).sum::<u64>(),
        })
    }

    /// Reads a chunk of each topic and takes it through the query up to its state. No topic is waited for while another
    /// one has records.
    fn chunk(&mut self, running: &mut Running) -> Result<()> {
        let topics = self.topics.len() as u32;
        let mut any = self.round(if topics == 1 { PATIENCE } else { Duration::ZERO }, running)?;
        if topics > 1 && !any {
            let turn = if self.is_continuous() { TURN } else { PATIENCE };
            let mut rounds = 0..PATIENCE.as_millis() / turn.as_millis();
            let each = (turn / topics).max(SHORTEST);
            while !any && rounds.next().is_some() {
                any = self.round(each, running)?;
            }
        }
        if !any && !self.topics.reached_ends() {
            self.check_at_times()?;
        }
        self.align()
    }

    /// Reads what is there of each topic, and waits for each as long as there was none of any; gives whether there was some.
    fn round(&mut self, patience: Duration, running: &mut Running) -> Result<bool> {
        let mut any = false;
        for topic in 0..self.topics.len() {
            // All records of a batch arrive when it begins, so that it can run again with the same result.
            let arrived = if self.is_continuous() { self.clock.now() } else { running.began };
            let decoded = self.read(topic, if any { Duration::ZERO } else { patience }, arrived)?;
            let read_at = self.graph.watch.enter(Phase::Other);
            for partition in &decoded {
                self.admit(topic, partition, read_at, running)?;
            }
            let counts = self.topics.take_counts(topic);
            any |= counts.read > 0;
            running.counts[topic].add(counts);
        }
        Ok(any)
    }

    /// Reads and decodes a chunk of a topic, whose records arrive at `arrived`.
    fn read(&mut self, topic: usize, patience: Duration, arrived: Micros) -> Result<Vec<Decoded>> {
        let name = self.graph.plan().scans[topic].topic.name.clone();
        let (refused, mut quality) = (&mut self.refused, self.quality.get_mut(topic));
        self.topics.read(topic, (patience, arrived), &mut self.graph.watch, &mut |record, reject| {
            quality.iter_mut().for_each(|quality| quality.refused(reject));
            let record = Known::Record(*record);
            refused.take(&DeadLetter { topic: &name, record, stage: Stage::Decode, reject })
        })
    }

    /// Moves the watermark, gives out what the output mode says, and tells about the batch.
    fn finish(&mut self, mut running: Running) -> Result<()> {
        let now = self.graph.watch.enter(Phase::Other);
        for (lane, caught_up) in self.topics.caught_up() {
            self.watermark.caught_up(lane, caught_up);
        }
        let watermark = self.watermark.advance(now);
        self.graph.advance(watermark.unwrap_or(Micros::MIN), self.options.mode)?;
        self.refuse_lost(&mut running)?;
        let rows = self.graph.take_results();
        if rows.is_empty() && running.counts.iter().all(|counts| *counts == intake::Counts::default()) {
            return Ok(());
        }
        self.give_out(running, &rows, watermark)
    }

    /// Closes what is still open at the end of a bounded run. Complete mode shows all once more where that changed something.
    fn flush(&mut self) -> Result<()> {
        let began = self.graph.watch.begin();
        let mut running = Running { closes: true, ..self.running(began) };
        self.graph.advance(Micros::MAX, self.options.mode)?;
        let is_shown =
            self.options.mode == OutputMode::Complete && self.graph.updated().all(|rows| rows == 0);
        if is_shown {
            return Ok(());
        }
        self.refuse_lost(&mut running)?;
        let rows = self.graph.take_results();
        if rows.is_empty() && running.counts.iter().all(|counts| *counts == intake::Counts::default()) {
            return Ok(());
        }
        self.give_out(running, &rows, self.watermark.current())
    }

    fn give_out(&mut self, running: Running, rows: &Results, watermark: Option<Micros>) -> Result<()> {
        let batch_id = self.totals.batches;
        let records: u64 = running.counts.iter().map(|counts| counts.read).sum();
        let given = running.given + rows.count();
        self.totals.batches += 1;
        self.totals.read += records;
        self.totals.rejected +=
            running.counts.iter().flat_map(|counts| counts.rejected.values()).sum::<u64>();
        self.totals.late += running.late.values().sum::<u64>();
        self.totals.rows += given;
        self.graph.watch.enter(Phase::Checkpoint);
        self.prepare(batch_id, &running)?;
        self.graph.watch.enter(Phase::Sink);
        if !self.is_continuous() {
            self.sink.write(&Batch {
                id: batch_id,
                columns: self.graph.plan().result_columns(),
                rows: rows.rows(),
                records,
                total_records: self.totals.read,
            })?;
        }
        self.refused.give_out(records, self.totals.read)?;
        self.graph.watch.enter(Phase::Checkpoint);
        self.commit()?;
        self.graph.watch.enter(Phase::Other);
        self.topics.mirror()?;
        let ended = self.graph.watch.enter(Phase::Other);
        let report = Arc::new(self.report(batch_id, &running, watermark, given, ended));
        self.last_trigger = Some(running.began);
        self.history.add(report.clone());
        (self.listener)(&report)
    }
}
