//! Rows that come again: what SELECT DISTINCT and DISTINCT ON keep of a stream.

use super::event_time::{self, EventTime};
use crate::clock::Micros;
use crate::{Error, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::{Column, DFSchema, DFSchemaRef, DataFusionError, plan_err};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Gives the first row of each key, as long as the watermark lets a second one come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dedup {
    /// The rows.
    pub input: Arc<LogicalPlan>,
    /// What must not come twice.
    pub keys: Vec<Expr>,
    /// The rows' event time.
    pub time: Expr,
    /// Whether the time is one of the keys: then a key is forgotten with its own time, and not the delay
    /// later.
    pub time_is_key: bool,
    /// How far a row to come may be behind the watermark, in microseconds.
    pub lag: Micros,
    /// The rows that come and go.
    pub schema: DFSchemaRef,
}

impl Dedup {
    /// What stands for `distinct`; `is_time` knows the event-time columns of topics.
    ///
    /// # Errors
    /// A usage error when the rows have no event time, so that no key could ever be forgotten.
    pub fn of(distinct: &Distinct, is_time: impl Fn(&str, &str) -> bool) -> Result<Self> {
        let input = distinct.input().clone();
        let columns: Vec<_> = input.schema().iter().map(|field| Expr::Column(Column::from(field))).collect();
        let time = columns.iter().find(|column| match event_time::of(&input, column) {
            Some(EventTime::Times { columns, .. }) => {
                columns.iter().all(|(topic, column)| is_time(topic, column))
            }
            _ => false,
        });
        let keys = match distinct {
            Distinct::All(_) => columns.clone(),
            Distinct::On(on) => on.on_expr.clone(),
        };
        let Some(time) = time.cloned() else {
            return Err(Error::usage("SELECT DISTINCT over rows without event time never forgets a row")
                .hint(
                    "select the topic's time column too, or write DISTINCT ON (id) over the topic itself",
                ));
        };
        let schema = input.schema().clone();
        let time_is_key = keys.contains(&time);
        Ok(Self { input, keys, time, time_is_key, lag: 0, schema })
    }
}

impl PartialOrd for Dedup {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Dedup {
    fn name(&self) -> &str {
        "Dedup"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.keys.iter().cloned().chain([self.time.clone()]).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(ToString::to_string).collect();
        write!(f, "Dedup: {}", keys.join(", "))
    }

    fn with_exprs_and_inputs(
        &self,
        mut expressions: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> datafusion::common::Result<Self> {
        let (Some(input), Some(time)) = (inputs.into_iter().next(), expressions.pop()) else {
            return plan_err!("Dedup has one input and a time");
        };
        let schema = input.schema().clone();
        Ok(Self { input: Arc::new(input), keys: expressions, time, schema, ..self.clone() })
    }

    fn necessary_children_exprs(&self, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        let mut needed = output.to_vec();
        for expression in self.expressions() {
            for column in expression.column_refs() {
                needed.push(self.schema.maybe_index_of_column(column)?);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// What the operator needs to know: keys and time as expressions over the rows.
#[derive(Debug)]
pub struct DedupSpec {
    /// The rows that come and go.
    pub schema: SchemaRef,
    /// As [`Dedup::time_is_key`].
    pub time_is_key: bool,
    /// As [`Dedup::lag`].
    pub lag: Micros,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    time: Arc<dyn PhysicalExpr>,
}

impl fmt::Display for DedupSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows that come once by")?;
        for key in &self.keys {
            key.data_type(&self.schema).iter().try_for_each(|kind| write!(f, " {kind}"))?;
            write!(f, " {key}")?;
        }
        write!(f, ", in time of {}", self.time)
    }
}

impl DedupSpec {
    /// From the node; `physical` makes a physical expression over its rows.
    ///
    /// # Errors
    /// When an expression cannot be planned.
    pub fn of(
        node: &Dedup,
        physical: impl Fn(&Expr, &DFSchema) -> Result<Arc<dyn PhysicalExpr>, DataFusionError>,
    ) -> Result<Self, DataFusionError> {
        let rows = node.input.schema();
        Ok(Self {
            schema: Arc::new(rows.as_arrow().clone()),
            time_is_key: node.time_is_key,
            lag: node.lag,
            keys: node.keys.iter().map(|key| physical(key, rows)).collect::<Result<_, _>>()?,
            time: physical(&node.time, rows)?,
        })
    }

    /// The keys as they are shown.
    pub fn key_names(&self) -> Vec<String> {
        self.keys.iter().map(ToString::to_string).collect()
    }

    /// All that is evaluated of each row.
    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.keys.iter().chain([&self.time])
    }

    /// The keys' and the time's column of rows.
    ///
    /// # Errors
    /// When an expression fails on a row.
    pub fn evaluate(&self, rows: &RecordBatch) -> Result<(Vec<ArrayRef>, ArrayRef), DataFusionError> {
        let column =
            |expression: &Arc<dyn PhysicalExpr>| expression.evaluate(rows)?.into_array(rows.num_rows());
        Ok((self.keys.iter().map(column).collect::<Result<_, _>>()?, column(&self.time)?))
    }

    /// The types of the keys.
    ///
    /// # Errors
    /// When an expression has none, which planning rules out.
    pub fn key_types(&self) -> Result<Vec<arrow::datatypes::DataType>, DataFusionError> {
        self.keys.iter().map(|key| key.data_type(&self.schema)).collect()
    }
}
