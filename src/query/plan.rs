//! SQL to a stream plan: what runs on each batch, what keeps state, and what runs on its results.

use super::cut::{self, CutAtState, CutPlanner, Times};
use super::error::of_planning;
use super::functions::{self, Now};
use super::stage::{Feed, Stage, Stages, Target};
use super::{check, locate, parse, rewrite, table};
use crate::catalog::{ARRIVAL_TIME, Catalog, RECORD_TIME, Topic};
use crate::clock::Micros;
use crate::tables::Table;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::TaskContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::optimizer::Optimizer;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A query, planned once and run on every batch.
pub struct StreamPlan {
    /// The topics that it reads.
    pub scans: Vec<Scan>,
    /// What runs, in order, and what keeps state between.
    pub stages: Stages,
    tables: Vec<Arc<Table>>,
    now: Now,
    context: Arc<TaskContext>,
    runtime: Runtime,
}

/// A topic that a query reads, once however often it stands in the text.
#[derive(Debug)]
pub struct Scan {
    /// The topic.
    pub topic: Topic,
    /// The columns that must be delivered, in order: no others are needed.
    pub columns: SchemaRef,
    /// The column of event time.
    pub time: String,
    /// The leaves that it feeds.
    pub feeds: Vec<ScanFeed>,
}

/// A leaf that a topic feeds.
#[derive(Debug)]
pub struct ScanFeed {
    /// The stage of the leaf.
    pub stage: usize,
    /// The leaf's number in the stage.
    pub leaf: usize,
    /// Which of the topic's columns it takes.
    pub columns: Vec<usize>,
}

impl Scan {
    /// Delivers these columns of the topic's records too, behind the others; no leaf takes them.
    pub fn deliver(&mut self, names: &[String]) {
        let Some(record) = &self.topic.record else { return };
        let own = record.columns().to_arrow();
        let wanted = own.fields().iter().filter(|field| names.contains(field.name()));
        let new = wanted.filter(|field| self.columns.field_with_name(field.name()).is_err());
        let fields: Vec<_> = self.columns.fields().iter().chain(new).cloned().collect();
        self.columns = Arc::new(Schema::new(fields));
    }
}

impl StreamPlan {
    /// Plans a query over topics of the catalog. Event time is the column `time` where it is given, the
    /// one that the query's windows are of, or the topic's own.
    ///
    /// # Errors
    /// A usage error that says what is wrong with the query, with the nearest name where one is unknown.
    pub fn new(sql: &str, catalog: &Catalog, prefix: &str, time: Option<&str>) -> Result<Self> {
        Self::with_tables(sql, catalog, prefix, time, vec![])
    }

    /// The same, where the query may join the topics with `tables`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_tables(
        sql: &str,
        catalog: &Catalog,
        prefix: &str,
        time: Option<&str>,
        tables: Vec<Arc<Table>>,
    ) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let now = Now::default();
        let context = SessionContext::new_with_state(session(&now)?);
        let planned = table::register_still(&context, catalog, prefix, &tables);
        let plan = || runtime.block_on(Self::plan(sql, catalog, prefix, time, &context, &tables));
        let planned = planned.and_then(|()| plan());
        let (scans, stages, context) = planned.map_err(|error| locate::in_text(error, sql))?;
        Ok(Self { scans, stages, tables, now, context, runtime })
    }

    async fn plan(
        sql: &str,
        catalog: &Catalog,
        prefix: &str,
        time: Option<&str>,
        context: &SessionContext,
        tables: &[Arc<Table>],
    ) -> Result<(Vec<Scan>, Stages, Arc<TaskContext>)> {
        let mut state = context.state();
        let mut statement = parse::statement(sql)?;
        let topics = table::topics(parse::tables(&statement), tables, catalog, prefix)?;
        rewrite::spelling(&mut statement, &table::names(&topics, tables));
        for topic in &topics {
            table::register(context, topic, prefix, |column| sql.contains(column))?;
        }
        let mut times: Times = topics
            .iter()
            .map(|topic| Ok((topic.name.clone(), time_of(topic, time)?)))
            .collect::<Result<_>>()?;
        state.add_analyzer_rule(Arc::new(CutAtState { times: times.clone() }));
        let logical = state.statement_to_plan(statement).await.map_err(of_planning)?;
        let optimized = state.optimize(&logical).map_err(of_planning)?;
        let found = cut::times_of(&optimized, &times).map_err(of_planning)?;
        match time {
            None => prefer_windows(&mut times, &topics, found),
            Some(ARRIVAL_TIME) => refuse_event_time(&found)?,
            Some(_) => {}
        }
        let resolved = cut::resolve(optimized, &times).map_err(of_planning)?;
        check::continuous(&resolved)?;
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(CutPlanner)]);
        let plan = planner.create_physical_plan(&resolved, &state).await.map_err(of_planning)?;
        let stages = Stages::of(plan)?;
        let scans = scans(topics, &times, &stages)?;
        Ok((scans, stages, context.task_ctx()))
    }

    /// The columns of a result.
    pub fn result_columns(&self) -> SchemaRef {
        self.stages.result().unwrap_or_else(|| Arc::new(Schema::empty()))
    }

    /// What the state of the query is made by, for people and for comparison: the operators, and the plans that feed
    /// them. What is done with their results is not in it. Empty where nothing is kept.
    pub fn state(&self) -> String {
        let mut text = String::new();
        for (number, operator) in self.stages.operators.iter().enumerate() {
            text += &format!("operator {number}: {operator}\n");
        }
        for stage in self.stages.stages.iter().filter(|stage| stage.target != Target::Result) {
            text += &format!("{}:\n{}", stage.target, displayable(stage.plan.as_ref()).indent(false));
        }
        text
    }

    /// The tables that it joins topics with.
    pub fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// A batch begins: its time is what `current_timestamp()` gives, and tables are loaded again that are due.
    pub fn begin(&self, now: Micros) {
        self.now.set(now);
        self.tables.iter().for_each(|table| table.refresh(now));
    }

    /// Runs a stage on the rows in its slots.
    ///
    /// # Errors
    /// When an expression of the query fails on a row.
    pub fn run(&self, stage: &Stage) -> datafusion::common::Result<Vec<RecordBatch>> {
        // A plan keeps metrics of each execution, so each gets a fresh copy.
        self.execute(stage.kept.next(&stage.plan)?)
    }

    /// Runs a plan that was not executed yet.
    pub(super) fn execute(
        &self,
        plan: Arc<dyn ExecutionPlan>,
    ) -> datafusion::common::Result<Vec<RecordBatch>> {
        self.runtime.block_on(collect(plan, self.context.clone()))
    }
}

impl std::fmt::Display for StreamPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for stage in &self.stages.stages {
            write!(f, "{}:\n{}", stage.target, displayable(stage.plan.as_ref()).indent(false))?;
        }
        Ok(())
    }
}

/// The event-time column of a topic: the one that was asked for, where the topic has it.
fn time_of(topic: &Topic, asked: Option<&str>) -> Result<String> {
    let Some(record) = &topic.record else { return Ok(RECORD_TIME.into()) };
    match asked {
        Some(asked) => table::check_time(topic, asked).map(|()| asked.into()),
        None => Ok(record.time.clone()),
    }
}

/// The clock would make windows of event time final whenever it likes.
fn refuse_event_time(found: &[(String, String)]) -> Result<()> {
    match found.iter().find(|(_, column)| column != ARRIVAL_TIME) {
        Some((_, column)) => Err(Error::usage(format!("--time processing: the windows are of '{column}'"))
            .hint(format!("write window({ARRIVAL_TIME}, …), or leave out the flag"))),
        None => Ok(()),
    }
}

/// The columns that windows are of, in the place of the topics' own, where records have them.
fn prefer_windows(times: &mut Times, topics: &[Topic], found: Vec<(String, String)>) {
    for (name, column) in found.into_iter().rev() {
        let topic = topics.iter().find(|topic| topic.name == name);
        if topic.is_some_and(|topic| table::check_time(topic, &column).is_ok()) {
            times.insert(name, column);
        }
    }
}

/// Each topic with all the columns that some leaf takes of it.
fn scans(topics: Vec<Topic>, times: &Times, stages: &Stages) -> Result<Vec<Scan>> {
    let mut scans = Vec::new();
    for topic in topics {
        let (mut columns, mut feeds): (Vec<Arc<Field>>, Vec<ScanFeed>) = (vec![], vec![]);
        let leaves = stages.stages.iter().enumerate().flat_map(|(stage, within)| {
            within.leaves.iter().enumerate().map(move |(leaf, read)| (stage, leaf, read))
        });
        for (stage, leaf, read) in leaves {
            if read.feed != Feed::Topic(topic.name.clone()) {
                continue;
            }
            let mut taken = Vec::new();
            for field in read.slot.schema().fields() {
                let known = columns.iter().position(|known| known.name() == field.name());
                taken.push(known.unwrap_or_else(|| {
                    columns.push(field.clone());
                    columns.len() - 1
                }));
            }
            feeds.push(ScanFeed { stage, leaf, columns: taken });
        }
        let time = times.get(&topic.name).cloned().unwrap_or_else(|| RECORD_TIME.into());
        if !feeds.is_empty() {
            scans.push(Scan { topic, columns: Arc::new(Schema::new(columns)), time, feeds });
        }
    }
    if scans.is_empty() {
        return Err(Error::usage("the query reads no topic").hint("write SELECT … FROM a topic"));
    }
    Ok(scans)
}

/// DataFusion as the engine needs it: one partition, and no rule that stacks aggregates.
fn session(now: &Now) -> Result<SessionState> {
    let rules = Optimizer::new().rules.into_iter();
    // It turns count(DISTINCT x) into two aggregates, of which only one could keep its state.
    let rules = rules.filter(|rule| rule.name() != "single_distinct_aggregation_to_group_by").collect();
    let mut config = SessionConfig::new().with_target_partitions(1).with_enable_ansi_mode(true);
    config.options_mut().sql_parser = functions::parser_options();
    let builder = SessionStateBuilder::new().with_config(config).with_optimizer_rules(rules);
    functions::register(builder, now).map_err(of_planning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(sql: &str) -> Result<StreamPlan> {
        StreamPlan::new(sql, &Catalog::built_in()?, "", None)
    }

    fn refusal(sql: &str) -> String {
        plan(sql).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn only_needed_columns_are_asked_for() {
        let sql = "SELECT window.start, sum(total_amount) FROM transactions WHERE brand = 'Acme' \
                   GROUP BY window(timestamp, '1 minute')";
        let plan = plan(sql).expect("plans");
        let columns = &plan.scans[0].columns;
        let names: Vec<_> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["brand", "price", "quantity", "discount_applied", "timestamp"]);
    }

    #[test]
    fn a_query_that_cannot_be_a_stream_says_why() {
        for (sql, part) in [
            ("SELECT count(*) FROM transactions", "an aggregate without a window never ends on a stream"),
            ("SELECT * FROM transactions ORDER BY price", "ORDER BY without a window"),
            ("SELECT 1", "the query reads no topic"),
            ("SELECT * FROM transaction", "did you mean 'transactions'?"),
            ("SELECT pric FROM transactions", "unknown column 'pric': did you mean 'price'?"),
            ("SELECT FROM WHERE", "the query is not SQL"),
            (
                "SELECT window.start FROM transactions GROUP BY window(timestamp, '1 lightyear')",
                "is not a duration",
            ),
            ("SELECT window.start FROM transactions GROUP BY window(timestamp, price)", "constant durations"),
        ] {
            let reason = refusal(sql);
            assert!(reason.contains(part), "{sql}: {reason}");
        }
    }
}
