//! A leaf of a plan whose rows are handed over before each execution: plan once, run every batch.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The rows that the next execution reads.
#[derive(Debug)]
pub struct Slot {
    schema: SchemaRef,
    rows: Mutex<Vec<RecordBatch>>,
}

impl Slot {
    /// An empty slot for rows of `schema`.
    pub fn new(schema: SchemaRef) -> Arc<Self> {
        Arc::new(Self { schema, rows: Mutex::default() })
    }

    /// What the rows must be.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Hands over the rows for the next execution.
    pub fn put(&self, rows: Vec<RecordBatch>) {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
    }

    fn stream(&self) -> Result<SendableRecordBatchStream> {
        let rows = std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Box::pin(MemoryStream::try_new(rows, self.schema.clone(), None)?))
    }
}

/// The leaf that reads a slot. Under a window aggregate it also keeps the plan that feeds the operator,
/// which is run on its own.
#[derive(Debug)]
pub struct SlotExec {
    /// The slot that it reads.
    pub slot: Arc<Slot>,
    name: &'static str,
    /// The plan that stood here before; not executed by this node.
    pub before: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

impl SlotExec {
    /// A leaf over `slot`, called `name` when the plan is shown.
    pub fn new(slot: Arc<Slot>, name: &'static str, before: Option<Arc<dyn ExecutionPlan>>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(slot.schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { slot, name, before, properties: Arc::new(properties) }
    }
}

impl DisplayAs for SlotExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.slot.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "{}: columns=[{}]", self.name, names.join(", "))
    }
}

impl ExecutionPlan for SlotExec {
    fn name(&self) -> &str {
        self.name
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.before.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(self.slot.clone(), self.name, children.into_iter().next())))
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.slot.stream()
    }
}

/// The table of a topic: its columns, read from a slot that has just those which the query needs.
#[derive(Debug)]
pub struct SourceTable(pub SchemaRef);

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
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
        let schema = match projection {
            Some(columns) => Arc::new(self.0.project(columns)?),
            None => self.0.clone(),
        };
        Ok(Arc::new(SlotExec::new(Slot::new(schema), "Source", None)))
    }
}
