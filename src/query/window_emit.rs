//! An aggregate over a window becomes an aggregate over panes, and above it a node that gives the rows
//! of windows.

use super::functions::{PaneFunction, SESSION_WINDOW, WINDOW, WindowTime, time_type};
use super::window::{WindowSpec, Windows};
use crate::clock::Micros;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchemaRef, DataFusionError, Result, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Aggregate, Expr, ExprSchemable, Extension, LogicalPlan, ScalarUDF, UserDefinedLogicalNodeCore, cast, lit,
};
use std::cmp::Ordering;
use std::fmt;

/// Gives the rows of windows; its input aggregates by pane. No predicate is pushed below it, so that
/// `HAVING window.start > …` stays above.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WindowEmit {
    /// The aggregate by pane, and by raw time for sessions.
    pub input: LogicalPlan,
    /// The rows of windows.
    pub schema: DFSchemaRef,
    /// The windows.
    pub windows: Windows,
    /// Which of the group columns is the window.
    pub position: usize,
    /// The windows' time, over the rows that are aggregated.
    pub time: Expr,
    /// How far a row to come may be behind the watermark, in microseconds.
    pub lag: Micros,
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
        write!(f, "WindowEmit: {}", self.windows)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.into_iter().next() else { return plan_err!("WindowEmit has one input") };
        Ok(Self { input, ..self.clone() })
    }
}

/// `WindowEmit(Aggregate(__pane(t), g))` for `Aggregate(window(t, …), g)`; `None` where no group is a window.
///
/// # Errors
/// A plan error when the window's arguments are not what they must be.
pub fn by_window(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let window =
        aggregate.group_expr.iter().enumerate().find_map(|(position, group)| match group.clone().unalias() {
            Expr::ScalarFunction(call) if [WINDOW, SESSION_WINDOW].contains(&call.name()) => {
                Some((position, call))
            }
            _ => None,
        });
    let Some((position, call)) = window else { return Ok(None) };
    let windows = spec_of(&call)?;
    let time = time_of(aggregate, &call)?;
    let group = match &windows {
        Windows::Fixed(window) => ScalarUDF::from(PaneFunction::default()).call(vec![
            cast(time.clone(), time_type()),
            lit(window.pane),
            lit(window.offset),
        ]),
        Windows::Session { .. } => cast(time.clone(), time_type()),
    };
    let mut groups = aggregate.group_expr.clone();
    groups[position] = group.alias("__pane");
    let input = LogicalPlan::Aggregate(Aggregate::try_new(
        aggregate.input.clone(),
        groups,
        aggregate.aggr_expr.clone(),
    )?);
    let emit = WindowEmit { input, schema: aggregate.schema.clone(), windows, position, time, lag: 0 };
    Ok(Some(LogicalPlan::Extension(Extension { node: std::sync::Arc::new(emit) })))
}

/// The time that a window is of: of a window, the last instant that is in it, as in Spark.
fn time_of(aggregate: &Aggregate, call: &ScalarFunction) -> Result<Expr> {
    let Some(time) = call.args.first() else { return plan_err!("{} takes a time", call.name()) };
    match time.get_type(aggregate.input.schema())? {
        DataType::Struct(_) => Ok(ScalarUDF::from(WindowTime::default()).call(vec![time.clone()])),
        _ => Ok(time.clone()),
    }
}

fn spec_of(call: &ScalarFunction) -> Result<Windows> {
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
    let windows = match call.name() {
        SESSION_WINDOW => Windows::session(size),
        _ => {
            WindowSpec::parse(size, durations.get(1).copied(), durations.get(2).copied()).map(Windows::Fixed)
        }
    };
    windows.map_err(|error| DataFusionError::External(Box::new(error)))
}
