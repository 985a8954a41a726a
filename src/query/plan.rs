//! SQL to a stream plan: what runs on each batch, what keeps state, and what runs on its results.

use super::aggregate::AggregateSpec;
use super::error::{of_planning, of_running};
use super::functions::WindowFunction;
use super::rewrite;
use super::slot::{Slot, SlotExec};
use super::split::{CutAtWindow, EmitPlanner, WindowEmit};
use super::table;
use crate::catalog::{Catalog, Topic};
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::config::Dialect;
use datafusion::execution::TaskContext;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{Extension, LogicalPlan, ScalarUDF};
use datafusion::optimizer::Optimizer;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A query, planned once and run on every batch.
pub struct StreamPlan {
    /// The topic that it reads.
    pub topic: Topic,
    source: Arc<Slot>,
    below: Arc<dyn ExecutionPlan>,
    windowed: Option<Windowed>,
    context: Arc<TaskContext>,
    runtime: Runtime,
}

struct Windowed {
    aggregate: Arc<AggregateSpec>,
    emit: Arc<Slot>,
    above: Arc<dyn ExecutionPlan>,
    time: Option<String>,
}

impl StreamPlan {
    /// Plans a query over a topic of the catalog.
    ///
    /// # Errors
    /// A usage error that says what is wrong with the query, with the nearest name where one is unknown.
    pub fn new(sql: &str, catalog: &Catalog, prefix: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(Self::plan(sql, catalog, prefix)).map(|unfinished| unfinished.finish(runtime))
    }

    async fn plan(sql: &str, catalog: &Catalog, prefix: &str) -> Result<Unfinished> {
        let context = SessionContext::new_with_state(session()?);
        let mut state = context.state();
        let mut statement = state.sql_to_statement(sql, &Dialect::Spark).map_err(of_planning)?;
        let topic = table::only_topic(&state, &statement, catalog, prefix)?;
        table::register(&context, &topic, prefix).await?;
        rewrite::window_references(&mut statement);
        state.add_analyzer_rule(Arc::new(CutAtWindow));
        let logical = state.statement_to_plan(statement).await.map_err(of_planning)?;
        let optimized = state.optimize(&logical).map_err(of_planning)?;
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(EmitPlanner)]);
        let plan = planner.create_physical_plan(&optimized, &state).await.map_err(of_planning)?;
        let context = context.task_ctx();
        Ok(Unfinished { cut: Cut::of(&optimized, plan)?, topic, context })
    }

    /// The columns that the source must deliver, in order: no others are needed.
    pub fn columns(&self) -> &SchemaRef {
        self.source.schema()
    }

    /// The columns of a result.
    pub fn result_columns(&self) -> SchemaRef {
        self.windowed.as_ref().map_or(&self.below, |windowed| &windowed.above).schema()
    }

    /// What the operator aggregates, if the query has a window.
    pub fn aggregate(&self) -> Option<&Arc<AggregateSpec>> {
        self.windowed.as_ref().map(|windowed| &windowed.aggregate)
    }

    /// The column whose time the query's windows are of, where it is a column as it is.
    pub fn time(&self) -> Option<&str> {
        self.windowed.as_ref()?.time.as_deref()
    }

    /// Runs what stands below the operator on rows with [`Self::columns`].
    ///
    /// # Errors
    /// When an expression of the query fails on a row.
    pub fn run_below(&self, rows: RecordBatch) -> Result<Vec<RecordBatch>> {
        self.source.put(vec![rows]);
        self.run(&self.below)
    }

    /// Runs what stands above the operator on the rows that it emitted.
    ///
    /// # Errors
    /// When an expression of the query fails on a row.
    pub fn run_above(&self, rows: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        let Some(windowed) = &self.windowed else { return Ok(rows) };
        if rows.is_empty() {
            return Ok(rows);
        }
        windowed.emit.put(rows);
        self.run(&windowed.above)
    }

    /// A plan keeps metrics of each execution, so each gets a fresh copy.
    fn run(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>> {
        let fresh = reset_plan_states(plan.clone()).map_err(|error| of_running(&error))?;
        let rows = self.runtime.block_on(collect(fresh, self.context.clone()));
        rows.map_err(|error| of_running(&error))
    }
}

impl std::fmt::Display for StreamPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plan = self.windowed.as_ref().map_or(&self.below, |windowed| &windowed.above);
        write!(f, "{}", displayable(plan.as_ref()).indent(false))
    }
}

/// A plan that still lacks the runtime which planned it.
struct Unfinished {
    cut: Cut,
    topic: Topic,
    context: Arc<TaskContext>,
}

impl Unfinished {
    fn finish(self, runtime: Runtime) -> StreamPlan {
        let Cut { source, below, windowed } = self.cut;
        StreamPlan { topic: self.topic, source, below, windowed, context: self.context, runtime }
    }
}

/// DataFusion as the engine needs it: one partition, and no rule that stacks aggregates.
fn session() -> Result<SessionState> {
    let rules = Optimizer::new().rules.into_iter();
    // It turns count(DISTINCT x) into two aggregates, of which only one could keep its state.
    let rules = rules.filter(|rule| rule.name() != "single_distinct_aggregation_to_group_by").collect();
    let mut state = SessionStateBuilder::new()
        .with_config(SessionConfig::new().with_target_partitions(1))
        .with_default_features()
        .with_optimizer_rules(rules)
        .build();
    state.register_udf(Arc::new(ScalarUDF::from(WindowFunction::default()))).map_err(of_planning)?;
    Ok(state)
}

/// The physical plan in its parts.
struct Cut {
    source: Arc<Slot>,
    below: Arc<dyn ExecutionPlan>,
    windowed: Option<Windowed>,
}

impl Cut {
    fn of(logical: &LogicalPlan, plan: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let windows = window_nodes(logical);
        let source = find(&plan, |leaf| leaf.before.is_none() && leaf.children().is_empty());
        let source = source.ok_or_else(|| Error::usage("the query reads no topic"))?.slot.clone();
        let Some(window) = windows.first() else {
            refuse_unbounded(logical)?;
            return Ok(Self { source, below: plan, windowed: None });
        };
        if windows.len() > 1 {
            return Err(Error::usage("a query has one window, this one has several"));
        }
        let emit = find(&plan, |leaf| leaf.before.is_some());
        let emit = emit.ok_or_else(|| Error::usage("the window was optimised away: the query is empty"))?;
        let before = emit.before.clone().ok_or_else(|| Error::usage("the window has no input"))?;
        let (aggregate, below) = AggregateSpec::of(&before, window, emit.slot.schema().clone())?;
        let (aggregate, emit, time) = (Arc::new(aggregate), emit.slot.clone(), window.time.clone());
        let windowed = Windowed { aggregate, emit, above: plan.clone(), time };
        Ok(Self { source, below, windowed: Some(windowed) })
    }
}

/// The first leaf over a slot for which `wanted` holds.
fn find(plan: &Arc<dyn ExecutionPlan>, wanted: impl Fn(&SlotExec) -> bool + Copy) -> Option<&SlotExec> {
    if let Some(leaf) = plan.downcast_ref::<SlotExec>()
        && wanted(leaf)
    {
        return Some(leaf);
    }
    plan.children().into_iter().find_map(|child| find(child, wanted))
}

fn window_nodes(plan: &LogicalPlan) -> Vec<WindowEmit> {
    let mut found = Vec::new();
    let _ = plan.apply(|node| {
        if let LogicalPlan::Extension(Extension { node }) = node {
            let node: &dyn std::any::Any = node.as_any();
            found.extend(node.downcast_ref::<WindowEmit>().map(WindowEmit::copy));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Without a window, an aggregate, a sort or a limit would need all records at once.
fn refuse_unbounded(plan: &LogicalPlan) -> Result<()> {
    let mut refused = Ok(());
    let _ = plan.apply(|node| {
        let what = match node {
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => "an aggregate",
            LogicalPlan::Sort(_) => "a sort",
            LogicalPlan::Limit(_) => "a limit",
            LogicalPlan::Window(_) => "an OVER clause",
            LogicalPlan::Join(_) => "a join",
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        let hint = "add GROUP BY window(…) to say over which time";
        refused = Err(Error::usage(format!("{what} without a window never ends on a stream")).hint(hint));
        Ok(TreeNodeRecursion::Stop)
    });
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(sql: &str) -> Result<StreamPlan> {
        StreamPlan::new(sql, &Catalog::built_in()?, "")
    }

    fn refusal(sql: &str) -> String {
        plan(sql).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_shipped_query_plans() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/queries")).expect("a folder");
        let mut count = 0;
        for entry in folder {
            let path = entry.expect("readable").path();
            let sql = std::fs::read_to_string(&path).expect("readable");
            assert!(plan(&sql).is_ok(), "{}: {}", path.display(), refusal(&sql));
            count += 1;
        }
        assert!(count > 0, "there are shipped queries");
    }

    #[test]
    fn only_needed_columns_are_asked_for() {
        let sql = "SELECT window.start, sum(total_amount) FROM transactions WHERE brand = 'Acme' \
                   GROUP BY window(timestamp, '1 minute')";
        let plan = plan(sql).expect("plans");
        let columns = plan.columns();
        let names: Vec<_> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["brand", "price", "quantity", "discount_applied", "timestamp"]);
    }

    #[test]
    fn a_query_that_cannot_be_a_stream_says_why() {
        for (sql, part) in [
            ("SELECT count(*) FROM transactions", "an aggregate without a window never ends on a stream"),
            ("SELECT * FROM transactions ORDER BY price", "a sort without a window"),
            ("SELECT 1", "the query reads no topic"),
            ("SELECT * FROM transactions, `user-events`", "several topics"),
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
