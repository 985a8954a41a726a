//! What is seen of a consumer while its thread runs: the thread writes, everybody else reads.

use crate::Result;
use crate::clock::{Clock, Micros};
use crate::consumers::counts::Counts;
use crate::consumers::last_rows::LastRows;
use crate::engine::history::{History, Positions};
use crate::engine::progress::Progress;
use crate::process;
use crate::sink::{Batch, Sink};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where no trigger says how often a batch is to come.
const EVERY: Duration = Duration::from_secs(5);

/// What is seen of a consumer.
pub struct Vitals {
    clock: Arc<dyn Clock>,
    history: History,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    run: Run,
    counts: Arc<Counts>,
    cpu: Cpu,
    rows: Arc<LastRows>,
}

/// What is seen of one run of it.
#[derive(Default)]
struct Run {
    /// How it began, when its first batch is next, or was.
    began: Option<Began>,
    /// What does not answer, and what it says.
    away: BTreeMap<String, String>,
    /// Where partitions ended when the broker was asked last; nothing where it did not say.
    ends: Arc<Positions>,
    last_batch: Option<Micros>,
    /// How far it had come when it was looked at last, and since when it has been there although there is more.
    behind: Option<(Places, Micros)>,
    thread: Option<String>,
}

/// The processor time of the consumer's own thread.
#[derive(Debug, Clone, Copy, Default)]
struct Cpu {
    /// Of runs that have ended, in nanoseconds.
    before: u64,
    /// When it was looked at, and what it was.
    last: Option<(Micros, u64)>,
    percent: Option<f64>,
}

/// How a run begins.
#[derive(Debug, Clone, Default)]
pub struct Began {
    /// The identity of the query.
    pub query: String,
    /// What tells how the query goes on.
    pub engine: History,
    /// The topics that are read from a broker, and where.
    pub topics: Arc<Positions>,
    /// How often a batch is to come, where a trigger says so.
    pub every: Option<Duration>,
}

/// Where a partition is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Partition {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The offset of the next record.
    pub next: i64,
    /// Where it ended when the broker was asked last; null where that is not known.
    pub end: Option<i64>,
    /// Records that are there and were not read; null where that is not known.
    pub lag: Option<u64>,
}

/// Where the partitions of a broker are read, and where they end: shared with the query, so that a look copies none.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Where reading began.
    first: Arc<Positions>,
    /// Where the query stood when it looked last, in folders too; nothing before the first time.
    now: Option<Arc<Positions>>,
    ends: Arc<Positions>,
}

/// What decides what becomes of it.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// Whether its first batch is next, or was.
    pub began: bool,
    /// Batches since the process began.
    pub batches: u64,
    /// What does not answer.
    pub away: Option<String>,
}

/// A look at it.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// The identity of its query.
    pub query: Option<String>,
    /// The counts.
    pub counts: Arc<Counts>,
    /// Records that are there and were not read; nothing where that is not known.
    pub lag: Option<u64>,
    /// Where the partitions of a broker are read.
    pub places: Places,
    /// For how long it has stood where it is although there is more to read.
    pub behind: Option<Duration>,
    /// How often a batch is to come.
    pub every: Duration,
    /// How long ago the last batch was done.
    pub since_batch: Option<Duration>,
    /// Processor time of its thread in percent of one processor, lately; nothing where that is not known.
    pub cpu_percent: Option<f64>,
    /// Processor time of its threads since the process began; nothing where that is not known.
    pub cpu: Option<Duration>,
}

impl Vitals {
    /// Nothing yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, history: History::default(), inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last batches, those of earlier runs with them.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The thread that calls this runs it from now on.
    pub fn thread(&self) {
        let own = std::fs::read_link("/proc/thread-self").ok();
        let mut inner = self.lock();
        inner.run = Run::default();
        inner.run.thread = own.map(|own| format!("/proc/{}/stat", own.display()));
    }

    /// The first batch is next.
    pub fn begins(&self, began: Began) {
        self.lock().run.began = Some(began);
    }

    /// A batch was done.
    pub fn progress(&self, report: &Arc<Progress>) {
        self.history.add(report.clone());
        let now = self.clock.now();
        let mut inner = self.lock();
        Arc::make_mut(&mut inner.counts).add(report);
        inner.run.last_batch = Some(now);
        inner.run.behind = None;
    }

    /// What the broker said, where it is read: where topics end, or why it does not answer. What it did not say is not
    /// known any more.
    pub fn broker(&self, ends: &Arc<Positions>, trouble: Option<String>) {
        let mut inner = self.lock();
        if inner.run.began.as_ref().is_some_and(|began| !began.topics.is_empty()) {
            inner.run.ends = ends.clone();
            inner.run.says("broker", trouble);
        }
    }

    /// The partitions of a broker that it reads, and where.
    pub fn places(&self) -> Places {
        self.lock().run.places()
    }

    /// What decides what becomes of it.
    pub fn pulse(&self) -> Pulse {
        let inner = self.lock();
        Pulse {
            began: inner.run.began.is_some(),
            batches: inner.counts.batches,
            away: inner.run.away.iter().map(|(part, trouble)| format!("{part}: {trouble}")).next(),
        }
    }

    /// A sink that tells of what becomes of its batches.
    pub fn watch(self: &Arc<Self>, name: &str, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        Box::new(Watched { vitals: self.clone(), name: format!("sink {name}"), sink })
    }

    /// What takes its results, whose last rows are kept for people to look at.
    pub fn show(self: &Arc<Self>, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        Box::new(Shown { vitals: self.clone(), sink })
    }

    /// What is seen of it now.
    pub fn look(&self) -> Look {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.measure(now);
        let Inner { run, counts, cpu, .. } = &mut *inner;
        let places = run.places();
        let lag = run.lag(&places, &self.history);
        run.stands(lag, &places, now);
        let since = |then: Micros| Duration::from_micros(now.saturating_sub(then).max(0).unsigned_abs());
        Look {
            query: run.began.as_ref().map(|began| began.query.clone()),
            counts: counts.clone(),
            lag,
            places,
            behind: run.behind.as_ref().map(|(_, then)| since(*then)),
            every: run
                .began
                .as_ref()
                .and_then(|began| began.every)
                .filter(|every| !every.is_zero())
                .unwrap_or(EVERY),
            since_batch: run.last_batch.map(since),
            cpu_percent: cpu.percent,
            cpu: cpu.last.map(|(_, nanos)| Duration::from_nanos(cpu.before + nanos)),
        }
    }

    /// The last rows that it gave out.
    pub fn rows(&self) -> Arc<LastRows> {
        self.lock().rows.clone()
    }

    /// Its thread has ended.
    pub fn ended(&self) {
        let mut inner = self.lock();
        inner.cpu.before += inner.cpu.last.take().map_or(0, |(_, nanos)| nanos);
        inner.cpu.percent = None;
        inner.run = Run::default();
    }
}

impl Run {
    /// What a part that it needs says: nothing where it answers.
    fn says(&mut self, part: &str, trouble: Option<String>) {
        match trouble {
            Some(trouble) => drop(self.away.insert(part.into(), trouble)),
            None => drop(self.away.remove(part)),
        }
    }

    fn places(&self) -> Places {
        let Some(began) = &self.began else { return Places::default() };
        Places { first: began.topics.clone(), now: began.engine.positions(), ends: self.ends.clone() }
    }

    /// Records that are there and were not read: what the broker says, or the last batch.
    fn lag(&self, places: &Places, history: &History) -> Option<u64> {
        if self.began.as_ref()?.topics.is_empty() {
            let last = history.last()?;
            return Some(last.sources.iter().map(|one| behind(&one.end_offset, &one.latest_offset)).sum());
        }
        places.next().map(|(topic, next)| Some(behind(next, places.ends.get(topic)?))).sum()
    }

    /// Notes since when it has stood where it is although there is more to read.
    fn stands(&mut self, lag: Option<u64>, places: &Places, now: Micros) {
        if lag.is_none_or(|lag| lag == 0) {
            self.behind = None;
        } else if self.behind.as_ref().is_none_or(|(then, _)| !then.next().eq(places.next())) {
            self.behind = Some((places.clone(), now));
        }
    }
}

impl Places {
    /// The next record of each partition.
    pub fn next(&self) -> impl Iterator<Item = (&String, &BTreeMap<i32, i64>)> {
        let now = |topic| self.now.as_ref().and_then(|now| now.get(topic));
        self.first.iter().map(move |(topic, first)| (topic, now(topic).unwrap_or(first)))
    }

    /// Each partition.
    pub fn partitions(&self) -> Vec<Partition> {
        let of = |(topic, next): (&String, &BTreeMap<i32, i64>)| {
            let of = |(partition, next): (&i32, &i64)| {
                // What was read since the broker was asked is there.
                let end = self.ends.get(topic).and_then(|ends| ends.get(partition)).map(|end| *end.max(next));
                let lag = end.map(|end| end.abs_diff(*next));
                Partition { topic: topic.clone(), partition: *partition, next: *next, end, lag }
            };
            next.iter().map(of).collect::<Vec<_>>()
        };
        self.next().flat_map(of).collect()
    }
}

/// How many records are left up to the ends of partitions.
fn behind(next: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>) -> u64 {
    let left = |(partition, next): (&i32, &i64)| {
        ends.get(partition).map_or(0, |end| end.saturating_sub(*next).max(0).unsigned_abs())
    };
    next.iter().map(left).sum()
}

/// How long processor time is measured for, in microseconds.
const MEASURED: Micros = 2_000_000;

impl Inner {
    /// Looks at the processor time of the thread.
    fn measure(&mut self, now: Micros) {
        let Some(thread) = &self.run.thread else { return };
        if self.cpu.last.is_some_and(|(then, _)| now.saturating_sub(then) < MEASURED) {
            return;
        }
        let Some(seconds) = process::cpu_seconds_of(thread) else { return };
        let nanos = (seconds * 1e9) as u64;
        if let Some((then, before)) = self.cpu.last {
            let passed = now.saturating_sub(then) as f64 * 1e3;
            self.cpu.percent = Some(nanos.saturating_sub(before) as f64 / passed * 100.0);
        }
        self.cpu.last = Some((now, nanos));
    }
}

/// A sink that is looked at.
struct Watched {
    vitals: Arc<Vitals>,
    name: String,
    sink: Box<dyn Sink>,
}

impl Sink for Watched {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let written = self.sink.write(batch);
        let passes = written.as_ref().err().filter(|error| error.fault().may_pass());
        let mut inner = self.vitals.lock();
        if passes.is_some() {
            Arc::make_mut(&mut inner.counts).sink_retries += 1;
        }
        inner.run.says(&self.name, passes.map(ToString::to_string));
        drop(inner);
        written
    }
}

/// A sink whose last rows are kept.
struct Shown {
    vitals: Arc<Vitals>,
    sink: Box<dyn Sink>,
}

impl Sink for Shown {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        self.sink.write(batch)?;
        let last = LastRows::of(batch);
        Arc::make_mut(&mut self.vitals.lock().rows).add(last);
        Ok(())
    }
}
