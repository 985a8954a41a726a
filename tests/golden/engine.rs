//! The only place that calls the engine: runs a case in a way, and gives what came out.

use super::case::{self, Case};
use super::records::{self, Topical};
use super::rows::Table;
use super::source::Listed;
use super::ways::Way;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use ecap::catalog::RECORD_TIME;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::watermark::Policy;
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::sink::{Batch, Sink};
use ecap::units::parse_duration;
use std::sync::{Arc, Mutex};

/// Runs a case in a way. `flush` closes the last windows at the end.
pub fn run(case: &Case, way: &Way, flush: bool) -> Result<Table, String> {
    run_with(case, way, flush, Policy::Partitions)
}

/// The same with Spark's single maximum as the watermark; windows that stay open are not shown, as in Spark.
pub fn run_as_spark(case: &Case) -> Result<Table, String> {
    run_with(case, &Way::straight(case), false, Policy::Spark)
}

fn run_with(case: &Case, way: &Way, flush: bool, policy: Policy) -> Result<Table, String> {
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
    fn through(&self) -> ecap::Result<Totals> {
        let topic = &self.topics[0];
        let end = topic.records.len();
        self.engine((0, end), self.flush)?.run(&Stop::default())
    }

    fn engine(&self, part: (usize, usize), flush: bool) -> ecap::Result<Engine<'_>> {
        let plan = StreamPlan::new(&self.case.sql, &case::catalog(), "")?;
        let options = self.options(&plan, flush)?;
        let topic = &self.topics[0];
        let source = Listed::new(&self.way.arrivals(topic), part, &self.way.reads(topic, part.0));
        let around = Surroundings {
            source: Box::new(source),
            sink: Box::new(self.shown.clone()),
            listener: Box::new(|_| Ok(())),
            clock: Arc::new(ManualClock::at(0)),
        };
        Engine::new(plan, options, around)
    }

    fn options(&self, plan: &StreamPlan, flush: bool) -> ecap::Result<Options> {
        let (settings, record) = (&self.case.settings, plan.topic.record.as_ref());
        let own = || plan.time().or(record.map(|record| record.time.as_str())).unwrap_or(RECORD_TIME);
        Ok(Options {
            trigger: Trigger::AvailableNow,
            mode: self.case.mode(),
            time: settings.time.clone().unwrap_or_else(|| own().to_string()),
            delay: match &settings.watermark {
                Some(delay) => parse_duration(delay)?,
                None => record.map(|record| record.watermark).unwrap_or_default(),
            },
            idle_timeout: None,
            policy: self.policy,
            flush_at_end: flush,
            fail_fast: false,
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
    fn table(&self, case: &Case) -> Result<Table, String> {
        let shown = self.0.lock().expect("not poisoned");
        let columns = shown.columns.clone().ok_or("nothing was given out")?;
        let batches = match case.mode() {
            OutputMode::Complete => shown.batches.last().cloned().unwrap_or_default(),
            OutputMode::Append | OutputMode::Update => shown.batches.concat(),
        };
        let table = Table::of(&columns, &batches)?;
        if case.mode() == OutputMode::Update { table.last_by(&case.settings.key) } else { Ok(table) }
    }
}
