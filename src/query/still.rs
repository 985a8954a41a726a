//! Tables that do not grow, as DataFusion sees them, and joins with them, which keep their hash table from
//! batch to batch.

use super::slot::SlotExec;
use crate::tables::Table;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions, reset_plan_states,
};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, StatisticsArgs,
};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A table that does not grow, for SQL.
#[derive(Debug)]
pub struct StillTable(pub Arc<Table>);

#[async_trait]
impl TableProvider for StillTable {
    fn schema(&self) -> SchemaRef {
        self.0.schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(StillExec::new(self.0.clone(), projection.cloned())?))
    }
}

/// Reads the rows that a table has at the moment.
#[derive(Debug)]
struct StillExec {
    table: Arc<Table>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl StillExec {
    fn new(table: Arc<Table>, projection: Option<Vec<usize>>) -> Result<Self> {
        let schema = match &projection {
            Some(columns) => Arc::new(table.schema().project(columns)?),
            None => table.schema().clone(),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self { table, projection, properties: Arc::new(properties) })
    }
}

impl DisplayAs for StillExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "Table {}: columns=[{}]", self.table.name(), names.join(", "))
    }
}

impl ExecutionPlan for StillExec {
    fn name(&self) -> &str {
        "StillExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(MemoryStream::try_new(self.table.rows(), self.schema(), self.projection.clone())?))
    }

    /// Fewer rows than any topic, so that a join builds its hash table of this side.
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = self.table.rows().iter().map(|rows| rows.num_rows()).sum();
        let statistics = Statistics::new_unknown(&self.schema());
        Ok(Arc::new(statistics.with_num_rows(Precision::Inexact(rows))))
    }
}

/// A plan keeps metrics of each execution: a copy runs so often, and then a fresh one.
const RUNS: u32 = 1_000;

/// The copy of a plan that runs next. What a join has built of a table is kept while the table is the same.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<Copy>>);

#[derive(Debug)]
struct Copy {
    plan: Arc<dyn ExecutionPlan>,
    versions: u64,
    runs: u32,
}

impl Kept {
    /// A copy of `plan` that was not executed yet, but for the sides of joins that do not change.
    ///
    /// # Errors
    /// When a node cannot be copied, which is a fault of DataFusion.
    pub fn next(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(versions) = versions(plan) else { return reset_plan_states(plan.clone()) };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = match &mut *kept {
            Some(copy) if copy.versions == versions && copy.runs < RUNS => copy,
            none => none.insert(Copy { plan: reset_plan_states(plan.clone())?, versions, runs: 0 }),
        };
        copy.runs += 1;
        fresh(&copy.plan)
    }
}

/// How often the tables of a plan were replaced; none where it reads none.
fn versions(plan: &Arc<dyn ExecutionPlan>) -> Option<u64> {
    if let Some(still) = plan.downcast_ref::<StillExec>() {
        return Some(still.table.version());
    }
    let versions = plan.children().into_iter().filter_map(versions);
    versions.reduce(|one, other| one + other)
}

/// Whether a plan reads tables and nothing else.
fn is_still(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if plan.is::<SlotExec>() {
        return false;
    }
    plan.is::<StillExec>() || (!plan.children().is_empty() && plan.children().into_iter().all(is_still))
}

fn fresh(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let children = plan.children();
    if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && is_still(join.left())
    {
        // A join that is given other children keeps what it has built of the first of them.
        return over(plan, vec![join.left().clone(), fresh(join.right())?]);
    }
    if children.is_empty() {
        return plan.clone().reset_state();
    }
    let children = children.into_iter().map(fresh).collect::<Result<_>>()?;
    over(plan, children)?.reset_state()
}

/// The node over copies of its inputs.
fn over(
    plan: &Arc<dyn ExecutionPlan>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.clone().replace_children(inputs, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
}
