//! A physical plan, cut into stages without state and the operators between them.

use super::aggregate::AggregateSpec;
use super::cut::{Cut, OperatorSpec};
use super::slot::{Origin, Slot, SlotExec};
use super::still::Kept;
use crate::Result;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// A plan without state: it reads slots, and its rows go to one place.
#[derive(Debug)]
pub struct Stage {
    /// Its leaves are over [`Stage::leaves`].
    pub plan: Arc<dyn ExecutionPlan>,
    /// What it reads.
    pub leaves: Vec<Leaf>,
    /// Where its rows go.
    pub target: Target,
    /// What is kept from run to run.
    pub kept: Kept,
    /// Whether nothing in it looks at several rows, so that they can go through it some at a time.
    pub by_row: bool,
}

/// One leaf of a stage.
#[derive(Debug)]
pub struct Leaf {
    /// Where the rows are put for the next run.
    pub slot: Arc<Slot>,
    /// Where they come from.
    pub feed: Feed,
}

/// Where the rows of a leaf come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// The topic of this name.
    Topic(String),
    /// The operator of this number.
    Operator(usize),
}

/// Where the rows of a stage go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To the input of this number of the operator of this number.
    Operator(usize, usize),
    /// They are the query's result.
    Result,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator(operator, input) => {
                write!(f, "To input {} of operator {}", input + 1, operator + 1)
            }
            Self::Result => write!(f, "To the result"),
        }
    }
}

/// The stages of a query, each after those that feed it, and the operators between them.
#[derive(Debug, Default)]
pub struct Stages {
    /// The last one gives the result.
    pub stages: Vec<Stage>,
    /// In the order in which rows go through them.
    pub operators: Vec<OperatorSpec>,
}

impl Stages {
    /// Cuts a plan.
    ///
    /// # Errors
    /// A usage error when an aggregate has a form that cannot be kept as a stream.
    pub fn of(plan: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let mut stages = Self::default();
        stages.add(plan)?;
        Ok(stages)
    }

    /// Adds the stage that ends in `plan`, and before it all that feed it; gives its number.
    fn add(&mut self, plan: Arc<dyn ExecutionPlan>) -> Result<usize> {
        let mut leaves = Vec::new();
        self.visit(&plan, &mut leaves)?;
        let plan = without_inputs(plan)?;
        let by_row = is_by_row(&plan);
        self.stages.push(Stage { plan, leaves, target: Target::Result, kept: Kept::default(), by_row });
        Ok(self.stages.len() - 1)
    }

    fn visit(&mut self, plan: &Arc<dyn ExecutionPlan>, leaves: &mut Vec<Leaf>) -> Result<()> {
        let Some(leaf) = plan.downcast_ref::<SlotExec>() else {
            return plan.children().into_iter().try_for_each(|child| self.visit(child, leaves));
        };
        let feed = match &leaf.origin {
            Origin::Topic(topic) => Feed::Topic(topic.clone()),
            Origin::Cut(cut) => Feed::Operator(self.operator(cut, leaf)?),
        };
        leaves.push(Leaf { slot: leaf.slot.clone(), feed });
        Ok(())
    }

    /// Adds the operator at a cut behind the stages that feed it; gives its number.
    fn operator(&mut self, cut: &Cut, leaf: &SlotExec) -> Result<usize> {
        let mut inputs = leaf.before.clone();
        let spec = match cut {
            Cut::Window(emit) => {
                let (spec, below) = AggregateSpec::of(&leaf.before, emit, leaf.slot.schema().clone())?;
                inputs = vec![below];
                OperatorSpec::Window(Arc::new(spec))
            }
            Cut::Dedup(spec) => OperatorSpec::Dedup(spec.clone()),
            Cut::Join(spec) => OperatorSpec::Join(spec.clone()),
        };
        let feeding: Vec<usize> = inputs.into_iter().map(|plan| self.add(plan)).collect::<Result<_>>()?;
        let number = self.operators.len();
        self.operators.push(spec);
        for (input, stage) in feeding.into_iter().enumerate() {
            self.stages[stage].target = Target::Operator(number, input);
        }
        Ok(number)
    }

    /// The columns of the result.
    pub fn result(&self) -> Option<SchemaRef> {
        self.stages.last().map(|stage| stage.plan.schema())
    }

    /// Whether an operator's rows go through no other operator.
    pub fn is_last(&self, operator: usize) -> bool {
        let reads = |stage: &&Stage| stage.leaves.iter().any(|leaf| leaf.feed == Feed::Operator(operator));
        self.stages.iter().find(reads).is_some_and(|stage| stage.target == Target::Result)
    }
}

/// The nodes of a plan that take row by row.
const BY_ROW: [&str; 7] = [
    "SlotExec",
    "ProjectionExec",
    "FilterExec",
    "UnionExec",
    "CoalesceBatchesExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
];

fn is_by_row(plan: &Arc<dyn ExecutionPlan>) -> bool {
    BY_ROW.contains(&plan.name()) && plan.children().into_iter().all(is_by_row)
}

/// The plan with its leaves cut off from what feeds them.
fn without_inputs(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let cut = |node: Arc<dyn ExecutionPlan>| {
        let leaf = node.downcast_ref::<SlotExec>().map(SlotExec::alone);
        Ok(leaf.map_or_else(|| Transformed::no(node), |leaf| Transformed::yes(Arc::new(leaf) as _)))
    };
    let cut = plan.transform_down(cut).map_err(super::error::of_planning)?;
    Ok(cut.data)
}
