//! The only place that calls the engine: runs a case in a way, and gives what came out.

use super::case::{self, Case};
use super::records::{self, Topical};
use super::rows;
use super::ways::Way;
use crate::support::kept::{Fuse, KILLED, Kept, Results};
use crate::support::listed::{Listed, Stored};
use ecap::clock::{ManualClock, Stop};
use ecap::engine::checkpoint::{self, Asked, Checkpoint};
use ecap::engine::operator::StateLimit;
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::source::Source;
use ecap::engine::watermark::Policy;
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::tables;
use std::sync::Arc;
use tempfile::TempDir;

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
    let fuse = Fuse::none();
    let results = if way.is_spilled() { Results::rounding } else { Results::new };
    let (shown, kept) = (results(fuse.clone()), Kept::new(fuse.clone()));
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let run = Run { case, way, flush, policy, topics: &topics, shown, kept, folder };
    let totals = run.through(&fuse).map_err(|error| error.to_string())?;
    let expected = (case.settings.late, case.settings.rejected);
    if (totals.late, totals.rejected) != expected {
        return Err(format!(
            "{} records are late and {} refused, where {} and {} are expected",
            totals.late, totals.rejected, expected.0, expected.1
        ));
    }
    table(case, &run.shown)
}

struct Run<'a> {
    case: &'a Case,
    way: &'a Way,
    flush: bool,
    policy: Policy,
    topics: &'a [Topical],
    shown: Results,
    kept: Kept,
    folder: TempDir,
}

impl Run<'_> {
    /// Straight through; or up to a stop, and on in a new engine; or killed again and again, and gone on with.
    fn through(&self, fuse: &Fuse) -> ecap::Result<Totals> {
        let stops: Option<Vec<_>> = self.topics.iter().map(|topic| self.way.before_stop(topic)).collect();
        if let Some(stops) = &stops {
            self.engine(|topic| stops[topic], false)?.run(&Stop::default())?;
        }
        let mut kills = self.way.kills();
        loop {
            fuse.set(kills.as_mut().and_then(Iterator::next).unwrap_or(u64::MAX));
            let all = |topic: usize| self.topics[topic].records.len();
            match self.engine(all, self.flush).and_then(|mut engine| engine.run(&Stop::default())) {
                Err(error) if error.message() == KILLED => {}
                ended => return ended,
            }
        }
    }

    /// An engine over each topic's records up to a number, by the topic's, that goes on from the checkpoint.
    fn engine(&self, to: impl Fn(usize) -> usize, flush: bool) -> ecap::Result<Engine<'_>> {
        let settings = &self.case.settings;
        let time = settings.time.as_deref();
        let plan = StreamPlan::with_tables(&self.case.sql, &case::catalog(), "", time, self.tables()?)?;
        let checkpoint = self.way.is_restored().then(|| self.checkpoint(&plan)).transpose()?;
        let done = checkpoint.as_ref().and_then(Checkpoint::last);
        let sources = plan.scans.iter().enumerate().map(|(scan, read)| {
            let known = |topic: &Topical| topic.topic.name == read.topic.name;
            let number = self.topics.iter().position(known).expect("case.toml names the query's topics");
            let topic = &self.topics[number];
            let already = done.map_or(0, |done| done.sources[scan].offsets.values().sum::<i64>() as usize);
            let stored = self.way.arrivals(topic).iter().map(Stored::from).collect();
            Box::new(Listed::part(stored, (0, to(number)), &self.way.reads(topic, already)))
                as Box<dyn Source>
        });
        let around = Surroundings {
            sources: sources.collect(),
            sink: Box::new(self.shown.clone()),
            letters: None,
            listener: Box::new(|_| Ok(())),
            checkpoint,
            clock: Arc::new(ManualClock::at(0)),
        };
        let mut options = self.options(flush)?;
        if self.way.is_spilled() {
            options.state = Some(StateLimit { memory: 0, folder: self.folder.path().into() });
        }
        Engine::new(plan, options, around)
    }

    fn checkpoint(&self, plan: &StreamPlan) -> ecap::Result<Checkpoint> {
        let asked = Asked {
            name: self.case.name.clone(),
            sql: self.case.sql.clone(),
            sink: "a test".into(),
            topics: plan.scans.iter().map(|scan| scan.topic.name.clone()).collect(),
            origins: vec![],
            state: plan.state(),
        };
        Checkpoint::open(Box::new(self.kept.clone()), "a test", asked, &checkpoint::Options::default(), 0)
    }

    fn tables(&self) -> ecap::Result<Vec<Arc<tables::Table>>> {
        let load = |definition| tables::Table::load(definition, None, 0).map(Arc::new);
        self.case.tables()?.into_iter().map(load).collect()
    }

    fn options(&self, flush: bool) -> ecap::Result<Options> {
        Ok(Options {
            trigger: Trigger::AvailableNow,
            mode: self.case.mode(),
            delay: self.case.watermark(),
            idle_timeout: None,
            policy: self.policy,
            flush_at_end: flush,
            ..Options::default()
        })
    }
}

/// What whoever keeps the results has at the end.
fn table(case: &Case, results: &Results) -> Result<rows::Table, String> {
    let columns = results.columns().ok_or("nothing was given out")?;
    let batches = results.batches();
    let batches = match case.mode() {
        OutputMode::Complete => batches.into_values().last().unwrap_or_default(),
        OutputMode::Append | OutputMode::Update => batches.into_values().flatten().collect(),
    };
    let table = rows::Table::of(&columns, &batches)?;
    if case.mode() == OutputMode::Update { table.last_by(&case.settings.key) } else { Ok(table) }
}
