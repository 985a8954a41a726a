//! Where a plan is cut: at each node whose operator keeps state between batches.

use super::aggregate::AggregateSpec;
use super::dedup::{Dedup, DedupSpec};
use super::event_time::{self, EventTime};
use super::join::{JoinSpec, StreamJoin, stream_join};
use super::slot::{Origin, SlotExec};
use super::window_emit::{WindowEmit, by_window};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Distinct, Expr, ExprSchemable, Extension, Join, LogicalPlan, LogicalPlanBuilder, UserDefinedLogicalNode,
    UserDefinedLogicalNodeCore,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The event-time column of each topic.
pub type Times = BTreeMap<String, String>;

/// What stands at a cut.
#[derive(Debug)]
pub enum Cut {
    /// An aggregate over windows.
    Window(Box<WindowEmit>),
    /// Rows that come once.
    Dedup(Arc<DedupSpec>),
    /// A join of two streams.
    Join(Arc<JoinSpec>),
}

/// What an operator is made from.
#[derive(Debug, Clone)]
pub enum OperatorSpec {
    /// An aggregate over windows.
    Window(Arc<AggregateSpec>),
    /// Rows that come once.
    Dedup(Arc<DedupSpec>),
    /// A join of two streams.
    Join(Arc<JoinSpec>),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(emit) => write!(f, "Windows: {}", emit.windows),
            Self::Dedup(_) => write!(f, "Dedup"),
            Self::Join(spec) => write!(f, "{} join of streams", spec.kind),
        }
    }
}

impl fmt::Display for OperatorSpec {
    /// All that says what its state means.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window(spec) => write!(f, "{spec}"),
            Self::Dedup(spec) => write!(f, "{spec}"),
            Self::Join(spec) => write!(f, "{spec}"),
        }
    }
}

/// Puts a node of ours in the place of each aggregate over a window, and of each DISTINCT over a topic:
/// before the optimizer can take them apart.
#[derive(Debug)]
pub struct CutAtState {
    /// Which columns are event time.
    pub times: Times,
}

impl AnalyzerRule for CutAtState {
    fn name(&self) -> &str {
        "cut_at_state"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let cut = |node: LogicalPlan| {
            let cut = match &node {
                LogicalPlan::Aggregate(aggregate) => by_window(aggregate)?,
                LogicalPlan::Distinct(distinct) if event_time::reads_stream(distinct.input()) => {
                    Some(self.dedup(distinct)?)
                }
                _ => None,
            };
            Ok(cut.map_or_else(|| Transformed::no(node), Transformed::yes))
        };
        plan.transform_up(cut).map(|transformed| transformed.data)
    }
}

impl CutAtState {
    fn dedup(&self, distinct: &Distinct) -> Result<LogicalPlan> {
        let is_time = |topic: &str, column: &str| self.times.get(topic).is_some_and(|time| time == column);
        let dedup =
            Dedup::of(distinct, is_time).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let rows = LogicalPlan::Extension(Extension { node: Arc::new(dedup) });
        match distinct {
            Distinct::All(_) => Ok(rows),
            Distinct::On(on) => {
                let plan = LogicalPlanBuilder::from(rows).project(on.select_expr.clone())?.build()?;
                // The names and qualifiers that the query's other parts know.
                match plan {
                    LogicalPlan::Projection(mut projection) => {
                        projection.schema = on.schema.clone();
                        Ok(LogicalPlan::Projection(projection))
                    }
                    other => Ok(other),
                }
            }
        }
    }
}

/// Which event-time columns of topics the windows, joins and keys of a query are about, first come first.
/// `times` are those that a join prefers.
pub fn times_of(plan: &LogicalPlan, times: &Times) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    plan.apply(|node| {
        match node {
            LogicalPlan::Join(join) if joins_streams(join) => found.extend(join_times(join, times)),
            LogicalPlan::Extension(Extension { node }) => {
                let node: &dyn Any = node.as_any();
                if let Some(emit) = node.downcast_ref::<WindowEmit>()
                    && let Some(EventTime::Times { columns, .. }) = emit_time(emit)
                {
                    found.extend(columns);
                }
            }
            _ => {}
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn joins_streams(join: &Join) -> bool {
    event_time::reads_stream(&join.left) && event_time::reads_stream(&join.right)
}

/// The columns that bound a join, where those in `times` do not.
fn join_times(join: &Join, times: &Times) -> Vec<(String, String)> {
    if stream_join(join, |plan, time| event_time::lag(plan, time, times)).is_ok() {
        return vec![];
    }
    let any = |plan: &LogicalPlan, time: &Expr| {
        let is_time = matches!(time.get_type(plan.schema()), Ok(DataType::Timestamp(..)));
        event_time::of(plan, time)?.lag().filter(|_| is_time)
    };
    let Ok(node) = stream_join(join, any) else { return vec![] };
    let sides = [&join.left, &join.right].into_iter().zip(&node.times);
    let columns = sides.filter_map(|(input, time)| match event_time::of(input, time)? {
        EventTime::Times { columns, .. } => Some(columns),
        EventTime::Window { .. } => None,
    });
    columns.flatten().collect()
}

/// The windows' time over the rows that are aggregated. The optimizer may have given it another form there.
fn emit_time(emit: &WindowEmit) -> Option<EventTime> {
    let LogicalPlan::Aggregate(aggregate) = &emit.input else { return None };
    match aggregate.group_expr.get(emit.position)?.clone().unalias() {
        Expr::ScalarFunction(call) if call.name() == "__pane" => {
            event_time::of(&aggregate.input, call.args.first()?)
        }
        time => event_time::of(&aggregate.input, &time),
    }
}

/// After optimizing: joins of streams become nodes of ours, and every node learns how far its rows may be
/// behind the watermark.
///
/// # Errors
/// A usage error when a join keeps state that no time bound lets go.
pub fn resolve(plan: LogicalPlan, times: &Times) -> Result<LogicalPlan> {
    let resolve = |node: LogicalPlan| {
        let ours = match &node {
            LogicalPlan::Join(join) if joins_streams(join) => {
                let join = stream_join(join, |plan, time| event_time::lag(plan, time, times));
                extension(join.map_err(|error| DataFusionError::External(Box::new(error)))?.with_places())
            }
            LogicalPlan::Extension(Extension { node }) => match lagging(node.as_ref()) {
                Some(ours) => ours,
                None => return Ok(Transformed::no(LogicalPlan::Extension(Extension { node: node.clone() }))),
            },
            _ => return Ok(Transformed::no(node)),
        };
        Ok(Transformed::yes(ours))
    };
    plan.transform_up(resolve).map(|transformed| transformed.data)
}

fn lagging(node: &dyn UserDefinedLogicalNode) -> Option<LogicalPlan> {
    let node: &dyn Any = node.as_any();
    if let Some(emit) = node.downcast_ref::<WindowEmit>() {
        let lag = emit_time(emit).and_then(|time| time.lag()).unwrap_or(0);
        return Some(extension(WindowEmit { lag, ..emit.clone() }));
    }
    let dedup = node.downcast_ref::<Dedup>()?;
    let lag = event_time::of(&dedup.input, &dedup.time).and_then(|time| time.lag()).unwrap_or(0);
    Some(extension(Dedup { lag, ..dedup.clone() }))
}

fn extension(node: impl UserDefinedLogicalNodeCore) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

/// Plans each node of ours as a leaf over a slot which remembers the plans that feed its operator.
pub struct CutPlanner;

#[async_trait]
impl ExtensionPlanner for CutPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let schema = Arc::new(node.schema().as_arrow().clone());
        let physical = |expression: &Expr, rows: &DFSchema| {
            planner.create_physical_expr(expression, rows, session, context)
        };
        let any: &dyn Any = node.as_any();
        let cut = if let Some(emit) = any.downcast_ref::<WindowEmit>() {
            Cut::Window(Box::new(emit.clone()))
        } else if let Some(dedup) = any.downcast_ref::<Dedup>() {
            Cut::Dedup(Arc::new(DedupSpec::of(dedup, physical)?))
        } else if let (Some(join), [left, right]) = (any.downcast_ref::<StreamJoin>(), inputs) {
            Cut::Join(Arc::new(JoinSpec::of(join, [left.schema(), right.schema()], physical)?))
        } else {
            return Ok(None);
        };
        Ok(Some(Arc::new(SlotExec::new(schema, Origin::Cut(Arc::new(cut)), inputs.to_vec()))))
    }
}
