//! What operators give when event time goes on, through the stages behind them; rows on which an expression fails there are
//! lost.

use super::{Failed, Graph, Place};
use crate::Result;
use crate::clock::Micros;
use crate::engine::halves::Halves;
use crate::engine::operator::Operator;
use crate::engine::options::OutputMode;
use crate::engine::stopwatch::Phase;
use crate::query::cut::OperatorSpec;
use crate::query::error::of_running;
use crate::query::provenance;
use crate::query::stage::{Feed, Leaf, Stage, Target};
use crate::sink::lines;
use arrow::array::{RecordBatch, RecordBatchOptions};

/// A row that an operator gave, and on which an expression behind it failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost {
    /// The number of the topic that it came of: of several, the first.
    pub topic: usize,
    /// The partition and the offset of the record, where it was made of one alone.
    pub record: Option<(i32, i64)>,
    /// Why, with the expression and the row.
    pub reason: String,
}

impl Graph {
    /// Event time has come to `watermark`: operators give what is ready, from the topics to the result.
    /// `mode` is the last ones'; those before another one give each row once. Rows on which an expression fails are left out:
    /// [`Self::take_lost`].
    ///
    /// # Errors
    /// When an operator cannot give its rows, or an expression fails on several of them together.
    pub fn advance(&mut self, watermark: Micros, mode: OutputMode) -> Result<()> {
        for number in 0..self.plan.stages.stages.len() {
            let by_row = self.plan.stages.stages[number].by_row;
            let first = |operator: &mut dyn Operator, mode| {
                let rows = operator.advance(watermark, mode)?;
                if by_row { Ok(rows) } else { with_the_rest(rows, operator) }
            };
            let mut given = self.given_to(number, first, mode)?;
            while given.iter().flatten().any(|rows| rows.num_rows() > 0) {
                self.pass_on(number, &given)?;
                given = self.given_to(number, |operator, _| operator.more(), mode)?;
            }
        }
        Ok(())
    }

    /// What the operators before a stage give, by its leaves.
    fn given_to(
        &mut self,
        stage: usize,
        give: impl Fn(&mut dyn Operator, OutputMode) -> datafusion::common::Result<Vec<RecordBatch>>,
        mode: OutputMode,
    ) -> Result<Vec<Vec<RecordBatch>>> {
        let stage = &self.plan.stages.stages[stage];
        let mode = self.mode_behind(stage.target, mode);
        let mut given = Vec::with_capacity(stage.leaves.len());
        for leaf in &stage.leaves {
            self.watch.enter(Phase::State);
            given.push(match leaf.feed {
                Feed::Operator(operator) => {
                    give(self.operators[operator].as_mut(), mode).map_err(|error| of_running(&error))?
                }
                Feed::Topic(_) => vec![],
            });
        }
        Ok(given)
    }

    /// Takes what operators gave through a stage for good, but for rows on which an expression fails.
    fn pass_on(&mut self, stage: usize, given: &[Vec<RecordBatch>]) -> Result<()> {
        match self.run_given(stage, given) {
            Err(Failed { on_rows: true, .. }) => {
                self.roll_back();
                let sound = given.iter().enumerate();
                let sound = sound.map(|(leaf, rows)| self.sound(stage, leaf, rows));
                let sound = sound.collect::<Result<Vec<_>>>()?;
                self.run_given(stage, &sound)?
            }
            done => done?,
        };
        self.commit().map_err(|error| of_running(&error))
    }

    /// Takes rows, by the leaves of a stage, through it.
    fn run_given(&mut self, stage: usize, given: &[Vec<RecordBatch>]) -> std::result::Result<u64, Failed> {
        self.watch.enter(Phase::Result);
        for (leaf, rows) in self.plan.stages.stages[stage].leaves.iter().zip(given) {
            let rows = rows.iter().map(|rows| shown(leaf, rows)).collect::<datafusion::common::Result<_>>();
            leaf.slot.put(rows.map_err(Failed::of)?);
        }
        self.run_on(stage)
    }

    /// Those rows that go through a stage by themselves, found by halving; the others are lost.
    fn sound(&mut self, stage: usize, leaf: usize, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        let (mut sound, leaves) = (Vec::new(), self.plan.stages.stages[stage].leaves.len());
        for rows in rows {
            let mut parts = Halves::of(rows.num_rows());
            while let Some(part) = parts.next() {
                let own = rows.slice(part.start, part.len());
                let mut given = vec![vec![]; leaves];
                given[leaf].push(own.clone());
                let ran = self.run_given(stage, &given);
                self.roll_back();
                match ran {
                    Ok(_) => sound.push(own),
                    Err(failed) if !failed.on_rows || part.is_empty() => return Err(failed.into()),
                    Err(failed) if part.len() == 1 => self.lose(stage, leaf, &own, failed)?,
                    Err(_) => parts.halve(&part),
                }
            }
        }
        Ok(sound)
    }

    /// Notes that a row of an operator, alone in its batch, did not go through a stage.
    fn lose(&mut self, stage: usize, leaf: usize, row: &RecordBatch, failed: Failed) -> Result<()> {
        let read = &self.plan.stages.stages[stage].leaves[leaf];
        let Feed::Operator(operator) = read.feed else { return Err(failed.into()) };
        let own = shown(read, row).map_err(|error| of_running(&error))?;
        let place = provenance::of_row(row, own.num_columns());
        let topic = place.as_ref().map_or_else(|| self.topic_before(operator), |place| Some(&place.topic));
        let topic = self.plan.scans.iter().position(|scan| Some(&scan.topic.name) == topic);
        let at = failed.at.or_else(|| Some(Place::Stage(stage, leaf, vec![own.clone()])));
        let reason = self.reason(&Failed { at, ..failed });
        let reason = match text_of(&own) {
            Some(text) => format!("{reason}, on the row {text}"),
            None => reason,
        };
        let record = place.map(|place| (place.partition, place.offset));
        self.lost.push(Lost { topic: topic.unwrap_or_default(), record, reason });
        Ok(())
    }

    /// The first topic whose rows come to an operator, of a join to the side whose rows come out unmatched.
    fn topic_before(&self, operator: usize) -> Option<&String> {
        let input = match &self.plan.stages.operators[operator] {
            OperatorSpec::Join(join) if !join.preserves(0) => 1,
            _ => 0,
        };
        let feeds = |stage: &&Stage| stage.target == Target::Operator(operator, input);
        match &self.plan.stages.stages.iter().find(feeds)?.leaves.first()?.feed {
            Feed::Topic(topic) => Some(topic),
            Feed::Operator(before) => self.topic_before(*before),
        }
    }

    /// The rows since the last call that did not go through the query when operators gave them.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }
}

/// So much of a row stands in a reason, in characters.
const SHOWN: usize = 500;

/// A row as JSON, cut off where it is long; none where it has no form in JSON.
fn text_of(row: &RecordBatch) -> Option<String> {
    let text = String::from_utf8(lines::ndjson(std::slice::from_ref(row)).ok()?).ok()?;
    let mut short: String = text.trim_end().chars().take(SHOWN).collect();
    if short.len() < text.trim_end().len() {
        short.push('…');
    }
    Some(short)
}

/// Rows as a leaf takes them: without what stands behind their columns.
fn shown(leaf: &Leaf, rows: &RecordBatch) -> datafusion::common::Result<RecordBatch> {
    let own = leaf.slot.schema();
    if rows.num_columns() == own.fields().len() {
        return Ok(rows.clone());
    }
    let columns = rows.columns().iter().take(own.fields().len()).cloned().collect();
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(own.clone(), columns, &count)?)
}

/// Rows of an operator and all that it gives behind them, for a stage that looks at several rows at once.
fn with_the_rest(
    mut rows: Vec<RecordBatch>,
    operator: &mut dyn Operator,
) -> datafusion::common::Result<Vec<RecordBatch>> {
    loop {
        let more = operator.more()?;
        if more.iter().all(|rows| rows.num_rows() == 0) {
            return Ok(rows);
        }
        rows.extend(more);
    }
}
