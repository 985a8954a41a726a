//! Where a plan is cut: an aggregate over a window becomes an aggregate over panes, and above it a node
//! that gives the rows of windows.

use super::functions::{PaneFunction, WINDOW, time_type};
use super::slot::{Slot, SlotExec};
use super::window::WindowSpec;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, DataFusionError, Result, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Aggregate, Expr, Extension, LogicalPlan, ScalarUDF, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
    cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Gives the rows of windows; its input aggregates by pane. No predicate is pushed below it, so that
/// `HAVING window.start > …` stays above.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct WindowEmit {
    input: LogicalPlan,
    schema: DFSchemaRef,
    /// The windows.
    pub window: WindowSpec,
    /// Which of the group columns is the window.
    pub position: usize,
    /// The column of the windows' time; `None` where it is another expression.
    pub time: Option<String>,
}

impl WindowEmit {
    /// The same windows over the same input.
    pub fn copy(&self) -> Self {
        self.over(self.input.clone())
    }

    fn over(&self, input: LogicalPlan) -> Self {
        let (schema, window, time) = (self.schema.clone(), self.window.clone(), self.time.clone());
        Self { input, schema, window, position: self.position, time }
    }
}

impl PartialOrd for WindowEmit {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for WindowEmit {
    fn name(&self) -> &str {
        "WindowEmit"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowEmit: {:?}", self.window)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.into_iter().next() else { return plan_err!("WindowEmit has one input") };
        Ok(self.over(input))
    }
}

/// Turns `Aggregate(window(t, …), g)` into `WindowEmit(Aggregate(__pane(t), g))`.
#[derive(Debug)]
pub struct CutAtWindow;

impl AnalyzerRule for CutAtWindow {
    fn name(&self) -> &str {
        "cut_at_window"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let cut = |node: LogicalPlan| match &node {
            LogicalPlan::Aggregate(aggregate) => match by_window(aggregate)? {
                Some(cut) => Ok(Transformed::yes(cut)),
                None => Ok(Transformed::no(node)),
            },
            _ => Ok(Transformed::no(node)),
        };
        plan.transform_up(cut).map(|transformed| transformed.data)
    }
}

fn by_window(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let window =
        aggregate.group_expr.iter().enumerate().find_map(|(position, group)| match group.clone().unalias() {
            Expr::ScalarFunction(call) if call.name() == WINDOW => Some((position, call)),
            _ => None,
        });
    let Some((position, call)) = window else { return Ok(None) };
    let window = spec_of(&call)?;
    let pane = ScalarUDF::from(PaneFunction::default()).call(vec![
        cast(call.args[0].clone(), time_type()),
        lit(window.pane),
        lit(window.offset),
    ]);
    let mut groups = aggregate.group_expr.clone();
    groups[position] = pane.alias("__pane");
    let by_pane = Aggregate::try_new(aggregate.input.clone(), groups, aggregate.aggr_expr.clone())?;
    let input = LogicalPlan::Aggregate(by_pane);
    let time = call.args[0].try_as_col().map(|column| column.name.clone());
    let emit = WindowEmit { input, schema: aggregate.schema.clone(), window, position, time };
    Ok(Some(LogicalPlan::Extension(Extension { node: Arc::new(emit) })))
}

fn spec_of(call: &ScalarFunction) -> Result<WindowSpec> {
    let mut durations = Vec::new();
    for argument in &call.args[1..] {
        match argument {
            Expr::Literal(value, _) => match value.try_as_str().flatten() {
                Some(text) => durations.push(text),
                None => {
                    return plan_err!("window takes durations as text, such as '10 seconds', not {value}");
                }
            },
            other => return plan_err!("window takes constant durations, not {other}"),
        }
    }
    let Some(size) = durations.first() else { return plan_err!("window takes a size, such as '10 seconds'") };
    let spec = WindowSpec::parse(size, durations.get(1).copied(), durations.get(2).copied());
    spec.map_err(|error| DataFusionError::External(Box::new(error)))
}

/// Plans [`WindowEmit`] as a leaf over a slot which remembers the aggregate below it.
pub struct EmitPlanner;

#[async_trait]
impl ExtensionPlanner for EmitPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let node: &dyn Any = node.as_any();
        Ok(node.downcast_ref::<WindowEmit>().map(|emit| {
            let slot = Slot::new(Arc::new(emit.schema.as_arrow().clone()));
            Arc::new(SlotExec::new(slot, "WindowEmit", inputs.first().cloned())) as Arc<dyn ExecutionPlan>
        }))
    }
}
