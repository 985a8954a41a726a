//! A query at work: rows go from stage to stage, through the operators between them.

mod given;

pub use given::Lost;

use super::operator::{self, Operator, Snapshot, StateLimit, ours};
use super::options::OutputMode;
use super::results::Results;
use super::stopwatch::{Phase, Stopwatch};
use crate::clock::{Micros, SystemClock};
use crate::query::culprit;
use crate::query::cut::OperatorSpec;
use crate::query::error::{of_running, reason};
use crate::query::plan::{ScanFeed, StreamPlan};
use crate::query::stage::{Feed, Leaf, Target};
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, internal_err};
use std::sync::Arc;
use std::time::Duration;

/// The plan of a query with its operators.
pub struct Graph {
    plan: StreamPlan,
    operators: Vec<Box<dyn Operator>>,
    results: Results,
    /// Late rows since they were last asked for, by operator.
    late: Vec<u64>,
    pushed: OfPushed,
    lost: Vec<Lost>,
    /// Where the time goes.
    pub watch: Stopwatch,
}

/// What came of rows that were pushed, until it is certain that all of them go through the query.
#[derive(Default)]
struct OfPushed {
    results: Vec<RecordBatch>,
    /// The operators that have some of them, and how many were late there.
    operators: Vec<(usize, u64)>,
}

impl Graph {
    /// A query before its first row. `delay` is how long keys of rows are remembered.
    ///
    /// # Errors
    /// When an operator cannot be made, which planning rules out.
    pub fn new(plan: StreamPlan, delay: Duration) -> Result<Self> {
        let operators = plan.stages.operators.iter().map(|spec| operator::of(spec, delay));
        let operators = operators.collect::<datafusion::common::Result<_>>().map_err(|e| of_running(&e))?;
        let late = vec![0; plan.stages.operators.len()];
        let watch = Stopwatch::new(Arc::new(SystemClock));
        let (results, pushed, lost) = Default::default();
        Ok(Self { plan, operators, results, late, pushed, lost, watch })
    }

    /// From now on state keeps to `limit`, shared by the operators, which write to the disk what is beyond it. `mode` is that
    /// of all [`Self::advance`]s to come. Before [`Self::restore`].
    pub fn keep_to(&mut self, limit: &StateLimit, mode: OutputMode) {
        self.results = Results::within(Some(limit.clone()));
        let share = limit.memory / self.operators.len().max(1);
        for number in 0..self.operators.len() {
            let mode = self.mode_of(number, mode);
            self.operators[number].keep_to(StateLimit { memory: share, ..limit.clone() }, mode);
        }
    }

    /// The output mode of an operator.
    fn mode_of(&self, operator: usize, mode: OutputMode) -> OutputMode {
        let reads = |leaf: &Leaf| leaf.feed == Feed::Operator(operator);
        let stage = self.plan.stages.stages.iter().find(|stage| stage.leaves.iter().any(reads));
        stage.map_or(mode, |stage| self.mode_behind(stage.target, mode))
    }

    /// The plan.
    pub fn plan(&self) -> &StreamPlan {
        &self.plan
    }

    /// The plan, for a new graph that begins anew: what the operators keep is dropped.
    pub fn into_plan(self) -> StreamPlan {
        self.plan
    }

    /// Takes rows of the topic of this number, with the columns that its scan names; gives how many of them
    /// were late.
    ///
    /// # Errors
    /// When an expression of the query fails on one of the rows: then none of them was taken.
    pub fn push(&mut self, scan: usize, rows: &RecordBatch) -> std::result::Result<u64, Failed> {
        let pushed = self.push_all(scan, rows);
        match &pushed {
            Ok(_) => self.commit().map_err(|error| Failed { on_rows: false, ..Failed::of(error) })?,
            Err(_) => self.roll_back(),
        }
        pushed
    }

    /// Takes rows through the stages and operators, up to where they are taken for good.
    ///
    /// A row is late when all of its windows are final, so it is late for all that the topic feeds. What is late for one of
    /// them is older than a bound, and the one with the lowest bound has the fewest: with the same filters on all branches
    /// these are just the rows that are late for all. A branch without state has no late rows.
    fn push_all(&mut self, scan: usize, rows: &RecordBatch) -> std::result::Result<u64, Failed> {
        let mut late = u64::MAX;
        for feed in 0..self.plan.scans[scan].feeds.len() {
            let &ScanFeed { stage, leaf, ref columns } = &self.plan.scans[scan].feeds[feed];
            let own = rows.project(columns).map_err(|error| Failed::of(error.into()))?;
            self.watch.enter(Phase::Plan);
            late = late.min(self.run(stage, leaf, vec![own])?);
        }
        Ok(late)
    }

    /// Runs a stage on rows in one of its leaves, and takes what comes of them to where it goes; gives how many of these
    /// rows were late there.
    fn run(&mut self, stage: usize, leaf: usize, rows: Vec<RecordBatch>) -> std::result::Result<u64, Failed> {
        self.plan.stages.stages[stage].leaves[leaf].slot.put(rows.clone());
        self.run_on(stage)
            .map_err(|failed| Failed { at: failed.at.or(Some(Place::Stage(stage, leaf, rows))), ..failed })
    }

    /// The same on what is in its slots.
    fn run_on(&mut self, stage: usize) -> std::result::Result<u64, Failed> {
        let stage = &self.plan.stages.stages[stage];
        let rows = self.plan.run(stage).and_then(|rows| whole(stage.plan.schema(), rows));
        self.take(stage.target, rows.map_err(Failed::of)?)
    }

    /// Takes the rows of a stage to where they go; gives how many of them were late there.
    fn take(&mut self, target: Target, rows: RecordBatch) -> std::result::Result<u64, Failed> {
        if rows.num_rows() == 0 {
            return Ok(0);
        }
        let Target::Operator(operator, input) = target else {
            self.pushed.results.push(rows);
            return Ok(0);
        };
        self.watch.enter(Phase::State);
        let pushed = match self.operators[operator].push(input, &rows) {
            Ok(pushed) => pushed,
            Err(error) => {
                return Err(Failed { at: Some(Place::Operator(operator, input, rows)), ..Failed::of(error) });
            }
        };
        self.pushed.operators.push((operator, pushed.late));
        if pushed.rows.iter().any(|rows| rows.num_rows() > 0) {
            self.watch.enter(Phase::Result);
            let (stage, leaf) = self.reader(operator).map_err(Failed::of)?;
            self.run(stage, leaf, pushed.rows)?;
        }
        Ok(pushed.late)
    }

    /// The stage that reads the rows of an operator, and the leaf at which it does.
    fn reader(&self, operator: usize) -> datafusion::common::Result<(usize, usize)> {
        for (number, stage) in self.plan.stages.stages.iter().enumerate() {
            if let Some(leaf) = stage.leaves.iter().position(|leaf| leaf.feed == Feed::Operator(operator)) {
                return Ok((number, leaf));
            }
        }
        internal_err!("the rows of an operator go nowhere")
    }

    /// Takes for good what was pushed.
    fn commit(&mut self) -> datafusion::common::Result<()> {
        self.watch.enter(Phase::State);
        for (operator, late) in self.pushed.operators.drain(..) {
            self.operators[operator].commit()?;
            self.operators[operator].spill()?;
            self.late[operator] += late;
        }
        self.pushed.results.drain(..).try_for_each(|rows| self.results.add(rows)).map_err(ours)
    }

    /// Forgets what was pushed.
    fn roll_back(&mut self) {
        self.operators.iter_mut().for_each(|operator| operator.roll_back());
        self.pushed = OfPushed::default();
    }

    /// The output mode of an operator whose rows go to `target`. What changed can be shown, and the first of
    /// what changed can be taken; anything else needs rows that do not change any more.
    fn mode_behind(&self, target: Target, mode: OutputMode) -> OutputMode {
        let Target::Operator(operator, _) = target else { return mode };
        match (&self.plan.stages.operators[operator], mode) {
            (OperatorSpec::Dedup(_), OutputMode::Update) if self.plan.stages.is_last(operator) => mode,
            _ => OutputMode::Append,
        }
    }

    /// Rows of a topic that are older cannot change any result.
    pub fn late_before(&self, scan: usize) -> Micros {
        let feeds = self.plan.scans[scan].feeds.iter();
        let bound = |target: Target| match target {
            Target::Operator(operator, input) => self.operators[operator].late_before(input),
            Target::Result => Micros::MIN,
        };
        feeds.map(|feed| bound(self.plan.stages.stages[feed.stage].target)).min().unwrap_or(Micros::MIN)
    }

    /// The rows of the result since the last call.
    pub fn take_results(&mut self) -> Results {
        let none = self.results.anew();
        std::mem::replace(&mut self.results, none)
    }

    /// Why rows did not go through the query, in a sentence, with the expression that failed on them.
    pub fn reason(&self, failed: &Failed) -> String {
        let culprit = failed.at.as_ref().and_then(|at| match at {
            Place::Stage(stage, leaf, rows) => culprit::in_stage(&self.plan, *stage, *leaf, rows),
            Place::Operator(operator, input, rows) => {
                culprit::in_operator(&self.plan.stages.operators[*operator], *input, rows)
            }
        });
        let reason = reason(&failed.error);
        let reason = reason.lines().next().unwrap_or_default();
        culprit.map_or_else(|| reason.to_string(), |expression| format!("{expression}: {reason}"))
    }

    /// How many rows or groups each operator keeps.
    pub fn kept(&self) -> impl Iterator<Item = usize> + '_ {
        self.operators.iter().map(|operator| operator.rows())
    }

    /// How many of them each operator made or changed in the last batch.
    pub fn updated(&self) -> impl Iterator<Item = usize> + '_ {
        self.operators.iter().map(|operator| operator.updated())
    }

    /// About how many bytes each operator's state takes.
    pub fn memory(&self) -> impl Iterator<Item = usize> + '_ {
        self.operators.iter().map(|operator| operator.memory())
    }

    /// How many bytes of each operator's state are on the disk.
    pub fn spilled(&self) -> impl Iterator<Item = usize> + '_ {
        self.operators.iter().map(|operator| operator.spilled())
    }

    /// How many late rows each operator dropped since the last call.
    pub fn take_late(&mut self) -> Vec<u64> {
        let none = vec![0; self.late.len()];
        std::mem::replace(&mut self.late, none)
    }

    /// What changed in each operator since the last snapshot.
    ///
    /// # Errors
    /// When partial aggregates cannot be read, which is a fault of an aggregate.
    pub fn snapshot(&mut self) -> Result<Vec<Snapshot>> {
        let each = self.operators.iter_mut().map(|operator| operator.snapshot());
        each.collect::<datafusion::common::Result<_>>().map_err(|error| of_running(&error))
    }

    /// Goes on from all snapshots, in order; on a new graph.
    ///
    /// # Errors
    /// When they are of another query.
    pub fn restore(&mut self, snapshots: Vec<Vec<Snapshot>>) -> Result<()> {
        let mut by_operator: Vec<Vec<Snapshot>> = self.operators.iter().map(|_| vec![]).collect();
        for snapshot in snapshots {
            if snapshot.len() != by_operator.len() {
                return Err(Error::failed("the state is of another query: it has other operators"));
            }
            for (all, one) in by_operator.iter_mut().zip(snapshot) {
                all.push(one);
            }
        }
        for (operator, snapshots) in self.operators.iter_mut().zip(by_operator) {
            operator.restore(snapshots).map_err(|error| of_running(&error))?;
        }
        Ok(())
    }
}

/// Rows that did not go through the query.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: DataFusionError,
    /// Whether it was an expression that failed on some of them: then a part of the rows can be tried alone.
    pub on_rows: bool,
    /// Where, with the rows that came there.
    at: Option<Place>,
}

/// A place at which expressions are evaluated.
#[derive(Debug)]
enum Place {
    /// A stage and the leaf that had rows.
    Stage(usize, usize, Vec<RecordBatch>),
    /// An operator and its input that had rows.
    Operator(usize, usize, RecordBatch),
}

impl Failed {
    /// An error of ours is not one of an expression: a disk does not take or give rows of state.
    fn of(error: DataFusionError) -> Self {
        let on_rows = !matches!(&error, DataFusionError::External(inner) if inner.is::<Error>());
        Self { error, on_rows, at: None }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        of_running(&failed.error)
    }
}

/// The rows of a stage as one batch: what an operator takes, it takes as a whole or not at all.
fn whole(schema: SchemaRef, rows: Vec<RecordBatch>) -> datafusion::common::Result<RecordBatch> {
    match <[RecordBatch; 1]>::try_from(rows) {
        Ok([only]) => Ok(only),
        Err(several) => Ok(concat_batches(&schema, &several)?),
    }
}
