//! A leaf of a plan whose rows are handed over before each execution: plan once, run every batch.
//!
//! Leaves stand where a topic is read, and where a plan is cut because state is kept there.

use super::cut::Cut;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, StatisticsArgs,
};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// As how many rows a stream counts when a join decides which side to keep.
const MANY: usize = 1 << 40;

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

/// The leaf that reads a slot. At a cut it also keeps the plans that feed the operator there, which are
/// run on their own.
#[derive(Debug)]
pub struct SlotExec {
    /// The slot that it reads.
    pub slot: Arc<Slot>,
    /// Where its rows come from.
    pub origin: Origin,
    /// The plans that feed the operator of a cut; not executed by this node.
    pub before: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

/// Where the rows of a leaf come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The topic of this name.
    Topic(String),
    /// An operator that keeps state.
    Cut(Arc<Cut>),
}

impl SlotExec {
    /// A leaf over a new slot for rows of `schema`.
    pub fn new(schema: SchemaRef, origin: Origin, before: Vec<Arc<dyn ExecutionPlan>>) -> Self {
        Self::over(Slot::new(schema), origin, before)
    }

    /// The leaf without the plans that feed it.
    pub fn alone(&self) -> Self {
        Self::over(self.slot.clone(), self.origin.clone(), vec![])
    }

    fn over(slot: Arc<Slot>, origin: Origin, before: Vec<Arc<dyn ExecutionPlan>>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(slot.schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { slot, origin, before, properties: Arc::new(properties) }
    }
}

impl DisplayAs for SlotExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.slot.schema.fields().iter().map(|field| field.name().as_str()).collect();
        match &self.origin {
            Origin::Topic(topic) => write!(f, "Topic {topic}: columns=[{}]", names.join(", ")),
            Origin::Cut(cut) => write!(f, "{cut}: columns=[{}]", names.join(", ")),
        }
    }
}

impl ExecutionPlan for SlotExec {
    fn name(&self) -> &str {
        "SlotExec"
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
        Ok(Arc::new(Self::over(self.slot.clone(), self.origin.clone(), children)))
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.slot.stream()
    }

    /// More rows than any table, so that a join builds its hash table of the other side.
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let statistics = Statistics::new_unknown(&self.slot.schema);
        Ok(Arc::new(statistics.with_num_rows(Precision::Inexact(MANY))))
    }
}

/// The table of a topic: its columns, read from a slot that has just those which the query needs.
#[derive(Debug)]
pub struct SourceTable {
    /// The topic's name.
    pub topic: String,
    /// All that can be read of it.
    pub columns: SchemaRef,
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        self.columns.clone()
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
            Some(columns) => Arc::new(self.columns.project(columns)?),
            None => self.columns.clone(),
        };
        Ok(Arc::new(SlotExec::new(schema, Origin::Topic(self.topic.clone()), vec![])))
    }
}
