//! A query at work: rows go from stage to stage, through the operators between them.

use super::operator::{self, Operator, Snapshot};
use super::options::OutputMode;
use crate::clock::Micros;
use crate::query::error::of_running;
use crate::query::plan::StreamPlan;
use crate::query::stage::{Feed, Target};
use crate::{Error, Result};
use arrow::array::RecordBatch;
use std::time::Duration;

/// The plan of a query with its operators.
pub struct Graph {
    plan: StreamPlan,
    operators: Vec<Box<dyn Operator>>,
    results: Vec<RecordBatch>,
    /// Late rows since they were last asked for, by operator.
    late: Vec<u64>,
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
        Ok(Self { plan, operators, results: Vec::new(), late })
    }

    /// The plan.
    pub fn plan(&self) -> &StreamPlan {
        &self.plan
    }

    /// Takes rows of the topic of this number, with the columns that its scan names; gives how many of them
    /// were late.
    ///
    /// # Errors
    /// When an expression of the query fails on a row.
    pub fn push(&mut self, scan: usize, rows: &RecordBatch) -> Result<u64> {
        let before: u64 = self.late.iter().sum();
        for feed in 0..self.plan.scans[scan].feeds.len() {
            let feed = &self.plan.scans[scan].feeds[feed];
            let (stage, leaf) = (feed.stage, feed.leaf);
            let rows = rows.project(&feed.columns)?;
            self.plan.stages.stages[stage].leaves[leaf].slot.put(vec![rows]);
            self.run(stage)?;
        }
        Ok(self.late.iter().sum::<u64>() - before)
    }

    /// Runs a stage on what is in its slots, and takes the rows on to where they go.
    fn run(&mut self, stage: usize) -> Result<()> {
        let stage = &self.plan.stages.stages[stage];
        let rows = self.plan.run(stage)?;
        let (operator, input) = match stage.target {
            Target::Result => {
                self.results.extend(rows.into_iter().filter(|rows| rows.num_rows() > 0));
                return Ok(());
            }
            Target::Operator(operator, input) => (operator, input),
        };
        let mut ready = Vec::new();
        for rows in rows.into_iter().filter(|rows| rows.num_rows() > 0) {
            let pushed = self.operators[operator].push(input, &rows).map_err(|error| of_running(&error))?;
            self.late[operator] += pushed.late;
            ready.extend(pushed.rows);
        }
        if ready.is_empty() { Ok(()) } else { self.give(operator, ready) }
    }

    /// Takes the rows of an operator to the stage that reads it.
    fn give(&mut self, operator: usize, rows: Vec<RecordBatch>) -> Result<()> {
        for (number, stage) in self.plan.stages.stages.iter().enumerate() {
            if let Some(leaf) = stage.leaves.iter().find(|leaf| leaf.feed == Feed::Operator(operator)) {
                leaf.slot.put(rows);
                return self.run(number);
            }
        }
        Err(Error::failed("an operator's rows go nowhere"))
    }

    /// Event time has come to `watermark`: operators give what is ready, from the topics to the result.
    /// `mode` is the last ones'; those before another one give each row once.
    ///
    /// # Errors
    /// When an expression of the query fails on a row.
    pub fn advance(&mut self, watermark: Micros, mode: OutputMode) -> Result<()> {
        for number in 0..self.plan.stages.stages.len() {
            let stage = &self.plan.stages.stages[number];
            let mut any = false;
            for leaf in &stage.leaves {
                let Feed::Operator(operator) = leaf.feed else { continue };
                let mode = if stage.target == Target::Result { mode } else { OutputMode::Append };
                let ready = self.operators[operator].advance(watermark, mode);
                let ready = ready.map_err(|error| of_running(&error))?;
                any |= ready.iter().any(|rows| rows.num_rows() > 0);
                leaf.slot.put(ready);
            }
            if any {
                self.run(number)?;
            }
        }
        Ok(())
    }

    /// The rows of the result since the last call.
    pub fn take_results(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.results)
    }

    /// How many rows or groups each operator keeps.
    pub fn kept(&self) -> impl Iterator<Item = usize> + '_ {
        self.operators.iter().map(|operator| operator.rows())
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
