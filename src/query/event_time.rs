//! Where a column's time comes from, and how far it may be behind the watermark.

use super::cut::Times;
use super::dedup::Dedup;
use super::functions::WINDOW_TIME;
use super::join::StreamJoin;
use super::slot::SourceTable;
use super::window_emit::WindowEmit;
use crate::clock::Micros;
use datafusion::common::Column;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, TableScan, TableSource};
use std::any::Any;
use std::sync::Arc;

/// What an expression says of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTime {
    /// Columns of topics as they are, by topic and name. The rows to come are not older than the watermark
    /// minus the lag, in microseconds.
    Times {
        /// The columns: several where streams were united.
        columns: Vec<(String, String)>,
        /// How far a row may be behind the watermark.
        lag: Micros,
    },
    /// A window, of which `start` and `end` are times.
    Window {
        /// How long it is; `None` where it may be of any length.
        size: Option<Micros>,
        /// How far the end of a row may be behind the watermark.
        lag: Micros,
    },
}

impl EventTime {
    /// How far a row to come may be behind the watermark, in microseconds, if this is a time.
    pub fn lag(&self) -> Option<Micros> {
        match self {
            Self::Times { lag, .. } => Some(*lag),
            Self::Window { .. } => None,
        }
    }
}

/// How far behind the watermark the rows to come may be by a time, in microseconds; `None` where it is not
/// made of the event times of topics that `times` names.
pub fn lag(plan: &LogicalPlan, time: &Expr, times: &Times) -> Option<Micros> {
    match of(plan, time)? {
        EventTime::Times { columns, lag } => {
            let known = |(topic, column): &(String, String)| times.get(topic) == Some(column);
            columns.iter().all(known).then_some(lag)
        }
        EventTime::Window { .. } => None,
    }
}

/// What `expression` over the rows of `plan` says of time; `None` where it is not known.
pub fn of(plan: &LogicalPlan, expression: &Expr) -> Option<EventTime> {
    match expression {
        Expr::Alias(alias) => of(plan, &alias.expr),
        Expr::Cast(cast) => of(plan, &cast.expr),
        Expr::TryCast(cast) => of(plan, &cast.expr),
        Expr::Column(column) => of_column(plan, column),
        Expr::ScalarFunction(call) => of_call(plan, call),
        _ => None,
    }
}

fn of_call(plan: &LogicalPlan, call: &ScalarFunction) -> Option<EventTime> {
    let EventTime::Window { size, lag } = of(plan, call.args.first()?)? else { return None };
    let time = |lag| Some(EventTime::Times { columns: vec![], lag });
    match (call.name(), call.args.get(1)) {
        (WINDOW_TIME, None) => time(lag),
        ("get_field", Some(Expr::Literal(field, _))) => match field.try_as_str().flatten()? {
            "end" => time(lag),
            "start" => time(lag.saturating_add(size?)),
            _ => None,
        },
        _ => None,
    }
}

fn of_column(plan: &LogicalPlan, column: &Column) -> Option<EventTime> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let at = projection.schema.maybe_index_of_column(column)?;
            of(&projection.input, projection.expr.get(at)?)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            at_position(&alias.input, alias.schema.maybe_index_of_column(column)?)
        }
        LogicalPlan::Filter(filter) => of_column(&filter.input, column),
        LogicalPlan::Sort(sort) => of_column(&sort.input, column),
        LogicalPlan::Limit(limit) => of_column(&limit.input, column),
        LogicalPlan::Union(union) => {
            let at = union.schema.maybe_index_of_column(column)?;
            union.inputs.iter().map(|input| at_position(input, at)).reduce(united)?
        }
        LogicalPlan::TableScan(scan) => {
            let topic = topic_of(scan)?;
            let columns = vec![(topic, column.name.clone())];
            scan.projected_schema.maybe_index_of_column(column)?;
            Some(EventTime::Times { columns, lag: 0 })
        }
        LogicalPlan::Join(join) => {
            let at = join.schema.maybe_index_of_column(column)?;
            let left = join.left.schema().fields().len();
            if at < left { at_position(&join.left, at) } else { at_position(&join.right, at - left) }
        }
        LogicalPlan::Extension(Extension { node }) => of_node(node.as_ref(), column),
        _ => None,
    }
}

fn of_node(
    node: &dyn datafusion::logical_expr::UserDefinedLogicalNode,
    column: &Column,
) -> Option<EventTime> {
    let at = node.schema().maybe_index_of_column(column)?;
    let node: &dyn Any = node.as_any();
    if let Some(emit) = node.downcast_ref::<WindowEmit>() {
        let window = EventTime::Window { size: emit.windows.size(), lag: emit.lag };
        return (at == emit.position).then_some(window);
    }
    if let Some(join) = node.downcast_ref::<StreamJoin>() {
        return of_joined(join, at);
    }
    at_position(&node.downcast_ref::<Dedup>()?.input, at)
}

/// A join holds rows back, all columns of a row for as long.
fn of_joined(join: &StreamJoin, at: usize) -> Option<EventTime> {
    let left = join.widths[0];
    let (side, at) = if at < left { (0, at) } else { (1, at - left) };
    let held = |lag: Micros| join.lag().saturating_add((lag - join.lags[side]).max(0));
    Some(match at_position(&join.inputs[side], at)? {
        EventTime::Times { columns, lag } => EventTime::Times { columns, lag: held(lag) },
        EventTime::Window { size, lag } => EventTime::Window { size, lag: held(lag) },
    })
}

fn at_position(plan: &LogicalPlan, at: usize) -> Option<EventTime> {
    let (qualifier, field) = plan.schema().qualified_field(at);
    of_column(plan, &Column::new(qualifier.cloned(), field.name()))
}

/// What two streams that were united say of time together.
fn united(one: Option<EventTime>, other: Option<EventTime>) -> Option<EventTime> {
    match (one?, other?) {
        (EventTime::Times { mut columns, lag }, EventTime::Times { columns: more, lag: other }) => {
            columns.extend(more);
            Some(EventTime::Times { columns, lag: lag.max(other) })
        }
        (EventTime::Window { size, lag }, EventTime::Window { size: other_size, lag: other }) => {
            let size = size.zip(other_size).map(|(size, other)| size.max(other));
            Some(EventTime::Window { size, lag: lag.max(other) })
        }
        _ => None,
    }
}

/// The topic that a scan reads, if it reads one.
pub fn topic_of(scan: &TableScan) -> Option<String> {
    topic_of_table(&scan.source)
}

fn topic_of_table(source: &Arc<dyn TableSource>) -> Option<String> {
    let provider = source_as_provider(source).ok()?;
    provider.downcast_ref::<SourceTable>().map(|table| table.topic.clone())
}

/// Whether a plan reads a topic.
pub fn reads_stream(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => topic_of(scan).is_some(),
        _ => plan.inputs().into_iter().any(reads_stream),
    }
}
