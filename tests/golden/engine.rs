//! The only place that calls the engine: runs a case in a way, and gives what came out.

use super::case::{self, Case};
use super::records::{self, Topical};
use super::rows;
use super::ways::Way;
use crate::support::listed::{Listed, Stored};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::source::Source;
use ecap::engine::watermark::Policy;
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::sink::{Batch, Sink};
use ecap::tables;
use ecap::units::parse_duration;
use std::sync::{Arc, Mutex};

/// Runs a case in a way. `flush` closes the last windows at the end.
pub fn run(case: &Case, way: &Way, flush: bool) -> Result<rows::Table, String> {
    run_with(case, way, flush, Policy::Partitions)
}

/// The same with Spark's single maximum as the watermark; windows that stay open are not shown, as in Spark.
pub fn run_as_spark(case: &Case) -> Result<rows::Table, String> {
    run_with(case, &Way::straight(case), false, Policy::Spark)
}

fn run_with(case: &Case, way: &Way, flush: bool, policy: Policy) -> Result<rows::Table, String> {
    let catalog = case::catalog();
    let topics = records::of(case, &catalog);
    let run = Run { case, way, flush, policy, topics: &topics, shown: Shown::default() };
    let totals = run.through().map_err(|error| error.to_string())?;
    let expected = (case.settings.late, case.settings.rejected);
    if (totals.late, totals.rejected) != expected {
        return Err(format!(
            "{} records are late and {} refused, where {} and {} are expected",
            totals.late, totals.rejected, expected.0, expected.1
        ));
    }
    run.shown.table(case)
}

struct Run<'a> {
    case: &'a Case,
    way: &'a Way,
    flush: bool,
    policy: Policy,
    topics: &'a [Topical],
    shown: Shown,
}

impl Run<'_> {
    /// Straight through; or up to the stop, and on in a new engine that is restored from a snapshot.
    fn through(&self) -> ecap::Result<Totals> {
        let stops: Option<Vec<_>> = self.topics.iter().map(|topic| self.way.before_stop(topic)).collect();
        let mut totals = Totals::default();
        let mut saved = vec![];
        if let Some(stops) = &stops {
            let mut engine = self.engine(|topic| (0, stops[topic]), false)?;
            totals = engine.run(&Stop::default())?;
            saved.push(engine.snapshot()?);
        }
        let from = |topic: usize| stops.as_ref().map_or(0, |stops| stops[topic]);
        let mut engine = self.engine(|topic| (from(topic), self.topics[topic].records.len()), self.flush)?;
        engine.restore(saved)?;
        let rest = engine.run(&Stop::default())?;
        totals.late += rest.late;
        totals.rejected += rest.rejected;
        Ok(totals)
    }

    /// An engine over a part of each topic's records: from one number up to another, by the topic's number.
    fn engine(&self, part: impl Fn(usize) -> (usize, usize), flush: bool) -> ecap::Result<Engine<'_>> {
        let settings = &self.case.settings;
        let time = settings.time.as_deref();
        let plan = StreamPlan::with_tables(&self.case.sql, &case::catalog(), "", time, self.tables()?)?;
        let source = |name: &str| {
            let known = |topic: &Topical| topic.topic.name == name;
            let number = self.topics.iter().position(known).expect("case.toml names the query's topics");
            let (topic, part) = (&self.topics[number], part(number));
            let stored = self.way.arrivals(topic).iter().map(Stored::from).collect();
            Box::new(Listed::part(stored, part, &self.way.reads(topic, part.0)))
        };
        let sources = plan.scans.iter().map(|scan| source(&scan.topic.name) as Box<dyn Source>).collect();
        let around = Surroundings {
            sources,
            sink: Box::new(self.shown.clone()),
            letters: None,
            listener: Box::new(|_| Ok(())),
            clock: Arc::new(ManualClock::at(0)),
        };
        Engine::new(plan, self.options(flush)?, around)
    }

    fn tables(&self) -> ecap::Result<Vec<Arc<tables::Table>>> {
        let load = |definition| tables::Table::load(definition, None, 0).map(Arc::new);
        self.case.tables()?.into_iter().map(load).collect()
    }

    fn options(&self, flush: bool) -> ecap::Result<Options> {
        Ok(Options {
            trigger: Trigger::AvailableNow,
            mode: self.case.mode(),
            delay: self.case.settings.watermark.as_deref().map(parse_duration).transpose()?,
            idle_timeout: None,
            policy: self.policy,
            flush_at_end: flush,
            ..Options::default()
        })
    }
}

/// What was given out, batch by batch; clones share it.
#[derive(Debug, Clone, Default)]
struct Shown(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    columns: Option<SchemaRef>,
    batches: Vec<Vec<RecordBatch>>,
}

impl Sink for Shown {
    fn write(&mut self, batch: &Batch<'_>) -> ecap::Result<()> {
        let mut shown = self.0.lock().expect("not poisoned");
        shown.columns = Some(batch.columns.clone());
        shown.batches.push(batch.rows.to_vec());
        Ok(())
    }
}

impl Shown {
    /// What whoever keeps the results has at the end.
    fn table(&self, case: &Case) -> Result<rows::Table, String> {
        let shown = self.0.lock().expect("not poisoned");
        let columns = shown.columns.clone().ok_or("nothing was given out")?;
        let batches = match case.mode() {
            OutputMode::Complete => shown.batches.last().cloned().unwrap_or_default(),
            OutputMode::Append | OutputMode::Update => shown.batches.concat(),
        };
        let table = rows::Table::of(&columns, &batches)?;
        if case.mode() == OutputMode::Update { table.last_by(&case.settings.key) } else { Ok(table) }
    }
}
