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
    counts: Counts,
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
    /// Where partitions ended when the broker was asked last.
    ends: Positions,
    last_batch: Option<Micros>,
    /// How far it had come when it was looked at last, and since when it has been there although there is more.
    behind: Option<(Positions, Micros)>,
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
    pub topics: Positions,
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

/// A look at it.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Whether its first batch is next, or was.
    pub began: bool,
    /// The identity of its query.
    pub query: Option<String>,
    /// What does not answer.
    pub away: Option<String>,
    /// The counts.
    pub counts: Counts,
    /// Records that are there and were not read; nothing where that is not known.
    pub lag: Option<u64>,
    /// Where the partitions of a broker are read.
    pub partitions: Vec<Partition>,
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
    pub fn progress(&self, report: &Progress) {
        self.history.add(Arc::new(report.clone()));
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.counts.add(report);
        inner.run.last_batch = Some(now);
        inner.run.behind = None;
    }

    /// What a part that it needs says: nothing where it answers.
    fn says(&self, part: &str, trouble: Option<String>) {
        let mut inner = self.lock();
        match trouble {
            Some(trouble) => drop(inner.run.away.insert(part.into(), trouble)),
            None => drop(inner.run.away.remove(part)),
        }
    }

    /// The broker does not answer, or answers again.
    pub fn broker(&self, trouble: Option<String>) {
        let reads = self.lock().run.began.as_ref().is_some_and(|began| !began.topics.is_empty());
        if reads {
            self.says("broker", trouble);
        }
    }

    /// The topics that it reads from a broker, with their partitions.
    pub fn reads(&self) -> BTreeMap<String, Vec<i32>> {
        let next = self.lock().run.next();
        next.into_iter().map(|(topic, next)| (topic, next.into_keys().collect())).collect()
    }

    /// Where the partitions of a topic end.
    pub fn ends(&self, topic: &str, ends: BTreeMap<i32, i64>) {
        self.lock().run.ends.insert(topic.into(), ends);
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
        let lag = run.lag(self.history.last().as_deref());
        run.stands(lag, now);
        let since = |then: Micros| Duration::from_micros(now.saturating_sub(then).max(0).unsigned_abs());
        Look {
            began: run.began.is_some(),
            query: run.began.as_ref().map(|began| began.query.clone()),
            away: run.away.iter().map(|(part, trouble)| format!("{part}: {trouble}")).next(),
            counts: counts.clone(),
            lag,
            partitions: run.partitions(),
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
    /// The next record of each partition of a broker.
    fn next(&self) -> Positions {
        let Some(began) = &self.began else { return Positions::new() };
        let mut next = began.topics.clone();
        for (topic, positions) in began.engine.positions().into_iter().flatten() {
            if let Some(next) = next.get_mut(&topic) {
                next.extend(positions);
            }
        }
        next
    }

    /// Records that are there and were not read: what the broker says, or the last batch.
    fn lag(&self, last: Option<&Progress>) -> Option<u64> {
        if self.began.as_ref()?.topics.is_empty() {
            let sources = last?.sources.iter();
            return Some(sources.map(|source| behind(&source.end_offset, &source.latest_offset)).sum());
        }
        let next = self.next();
        next.iter().map(|(topic, next)| Some(behind(next, self.ends.get(topic)?))).sum()
    }

    /// Where the partitions of a broker are read.
    fn partitions(&self) -> Vec<Partition> {
        let of = |(topic, next): (String, BTreeMap<i32, i64>)| {
            let ends = self.ends.get(&topic);
            next.into_iter().map(move |(partition, next)| {
                // What was read since the broker was asked is there.
                let end = ends.and_then(|ends| ends.get(&partition)).map(|end| *end.max(&next));
                let lag = end.map(|end| end.abs_diff(next));
                Partition { topic: topic.clone(), partition, next, end, lag }
            })
        };
        self.next().into_iter().flat_map(of).collect()
    }

    /// Notes since when it has stood where it is although there is more to read.
    fn stands(&mut self, lag: Option<u64>, now: Micros) {
        if lag.is_none_or(|lag| lag == 0) {
            self.behind = None;
            return;
        }
        let next = self.next();
        if self.behind.as_ref().is_none_or(|(then, _)| *then != next) {
            self.behind = Some((next, now));
        }
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
        if passes.is_some() {
            self.vitals.lock().counts.sink_retries += 1;
        }
        self.vitals.says(&self.name, passes.map(ToString::to_string));
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
        Arc::make_mut(&mut self.vitals.lock().rows).add(batch);
        Ok(())
    }
}
