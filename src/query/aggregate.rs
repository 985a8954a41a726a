//! What a window aggregates, taken from DataFusion's plan: its expressions and accumulators, and nothing
//! of its own arithmetic.

use super::error::of_planning;
use super::window::Windows;
use super::window_emit::WindowEmit;
use crate::clock::Micros;
use crate::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{
    AggregateExec, AggregateInputMode, AggregateMode, aggregate_expressions,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use std::fmt;
use std::sync::Arc;

type Expressions = Vec<Arc<dyn PhysicalExpr>>;

/// One window aggregate: which rows go where, and what is kept of them.
#[derive(Debug)]
pub struct AggregateSpec {
    /// The windows.
    pub windows: Windows,
    /// How far a row to come may be behind the watermark, in microseconds.
    pub lag: Micros,
    /// Where the window stands among the group columns of the result.
    pub position: usize,
    /// The group columns without the window.
    pub keys: SchemaRef,
    /// The group columns and behind them what each aggregate keeps: the layout of state.
    pub state: SchemaRef,
    /// The columns of a result.
    pub result: SchemaRef,
    /// The aggregates.
    pub aggregates: Vec<Arc<AggregateFunctionExpr>>,
    /// How many columns of state each aggregate has.
    pub state_widths: Vec<usize>,
    /// Whether some aggregate takes only sorted rows: then each batch is aggregated alone, and merged.
    pub sorted_input: bool,
    pane: Arc<dyn PhysicalExpr>,
    key_expressions: Expressions,
    arguments: Vec<Expressions>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
}

impl fmt::Display for AggregateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by", self.windows)?;
        for (key, expression) in self.keys.fields().iter().zip(&self.key_expressions) {
            write!(f, " {} {expression}", key.data_type())?;
        }
        write!(f, ":")?;
        let widths = self.state_widths.iter().scan(self.keys.fields().len(), |start, width| {
            *start += width;
            Some(*start - width..*start)
        });
        for (aggregate, state) in self.aggregates.iter().zip(widths) {
            write!(f, " {}", aggregate.name())?;
            self.state.fields()[state].iter().try_for_each(|field| write!(f, " {}", field.data_type()))?;
        }
        Ok(())
    }
}

/// The rows of a batch as an aggregate takes them.
pub struct Evaluated {
    /// The start of each row's pane, in sessions its time; null where its time is.
    pub panes: ArrayRef,
    /// The group columns.
    pub keys: Vec<ArrayRef>,
    /// The arguments of each aggregate.
    pub arguments: Vec<Vec<ArrayRef>>,
    /// The FILTER of each aggregate.
    pub filters: Vec<Option<BooleanArray>>,
}

impl AggregateSpec {
    /// Takes the aggregate out of `plan`; gives it, and the plan that feeds it.
    ///
    /// # Errors
    /// A usage error when the plan has a form that cannot be kept as a stream.
    pub fn of(
        plan: &[Arc<dyn ExecutionPlan>],
        emit: &WindowEmit,
        result: SchemaRef,
    ) -> Result<(Self, Arc<dyn ExecutionPlan>)> {
        let [plan] = plan else { return Err(Error::usage("the window has no input")) };
        let aggregate = raw_aggregate(plan)?;
        let below = aggregate.input().clone();
        if aggregate.group_expr().groups().len() > 1 {
            return Err(Error::usage("grouping sets over a window are not supported"));
        }
        let schema = aggregate.group_expr().group_schema(&below.schema()).map_err(of_planning)?;
        let mut key_expressions = aggregate.group_expr().input_exprs();
        let mut fields: Vec<FieldRef> = schema.fields().to_vec();
        let pane = key_expressions.remove(emit.position);
        fields.remove(emit.position);
        let keys = Arc::new(Schema::new(fields.clone()));
        let aggregates = aggregate.aggr_expr().iter().map(unsorted).collect::<Result<Vec<_>, _>>();
        let aggregates = aggregates.map_err(of_planning)?;
        let mut state_widths = Vec::new();
        for aggregate in &aggregates {
            let state = aggregate.state_fields().map_err(of_planning)?;
            state_widths.push(state.len());
            fields.extend(state.into_iter().map(nullable));
        }
        let arguments = aggregate_expressions(aggregate.aggr_expr(), &AggregateMode::Partial, 0);
        let spec = Self {
            windows: emit.windows.clone(),
            lag: emit.lag,
            position: emit.position,
            keys,
            state: Arc::new(Schema::new(fields)),
            result,
            sorted_input: aggregates.iter().any(|aggregate| aggregate.order_sensitivity().hard_requires()),
            aggregates,
            state_widths,
            pane,
            key_expressions,
            arguments: arguments.map_err(of_planning)?,
            filters: aggregate.filter_expr().to_vec(),
        };
        Ok((spec, below))
    }

    /// All that is evaluated of each row.
    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        let arguments = self.key_expressions.iter().chain(self.arguments.iter().flatten());
        [&self.pane].into_iter().chain(arguments).chain(self.filters.iter().flatten())
    }

    /// Evaluates what the aggregate needs of each row.
    ///
    /// # Errors
    /// When an expression fails on a row.
    pub fn evaluate(&self, rows: &RecordBatch) -> Result<Evaluated, DataFusionError> {
        let count = rows.num_rows();
        let all = |expressions: &Expressions| {
            expressions.iter().map(|e| e.evaluate(rows)?.into_array(count)).collect::<Result<Vec<_>, _>>()
        };
        let filter = |filter: &Option<Arc<dyn PhysicalExpr>>| {
            let Some(filter) = filter else { return Ok(None) };
            let kept = filter.evaluate(rows)?.into_array(count)?;
            Ok(Some(kept.as_boolean().clone()))
        };
        Ok(Evaluated {
            panes: self.pane.evaluate(rows)?.into_array(count)?,
            keys: all(&self.key_expressions)?,
            arguments: self.arguments.iter().map(all).collect::<Result<_, _>>()?,
            filters: self.filters.iter().map(filter).collect::<Result<_, DataFusionError>>()?,
        })
    }
}

impl Evaluated {
    /// The rows at these positions.
    ///
    /// # Errors
    /// When Arrow cannot take them, which is a fault of the caller.
    pub fn take(&self, rows: &arrow::array::UInt32Array) -> Result<Self, DataFusionError> {
        let take = |array: &ArrayRef| arrow::compute::take(array, rows, None);
        let filter = |filter: &Option<BooleanArray>| {
            let Some(filter) = filter else { return Ok(None) };
            arrow::compute::take(filter, rows, None).map(|kept| Some(kept.as_boolean().clone()))
        };
        Ok(Self {
            panes: take(&self.panes)?,
            keys: self.keys.iter().map(take).collect::<Result<_, _>>()?,
            arguments: self
                .arguments
                .iter()
                .map(|arguments| arguments.iter().map(take).collect())
                .collect::<Result<_, _>>()?,
            filters: self.filters.iter().map(filter).collect::<Result<_, _>>()?,
        })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.panes.len()
    }
}

/// The aggregate that reads raw rows: the plan's own, or the one below a final one.
fn raw_aggregate(plan: &Arc<dyn ExecutionPlan>) -> Result<&AggregateExec> {
    let mut node = plan;
    loop {
        match node.downcast_ref::<AggregateExec>() {
            Some(aggregate) if aggregate.mode().input_mode() == AggregateInputMode::Raw => {
                return Ok(aggregate);
            }
            _ => match &node.children()[..] {
                [only] => node = only,
                _ => return Err(Error::usage("the aggregate over the window has an unexpected form")),
            },
        }
    }
}

/// The planner may have sorted each batch for an aggregate with ORDER BY and told it so; across batches
/// that is not true, so the aggregate has to sort for itself.
fn unsorted(aggregate: &Arc<AggregateFunctionExpr>) -> Result<Arc<AggregateFunctionExpr>, DataFusionError> {
    if aggregate.order_bys().is_empty() {
        return Ok(aggregate.clone());
    }
    let unsorted = aggregate.clone().with_beneficial_ordering(false)?;
    Ok(unsorted.map_or_else(|| aggregate.clone(), Arc::new))
}

/// State of a group that no row reached may be null, whatever the aggregate declares.
fn nullable(field: FieldRef) -> FieldRef {
    Arc::new(Field::clone(&field).with_nullable(true))
}
