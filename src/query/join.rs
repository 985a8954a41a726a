//! A join of two streams: which rows match, and how far apart in time they can be.

use super::bounds::{Bounds, Sides, in_micros};
use super::join_error as refused;
use super::provenance::with_places;
use crate::Result;
use crate::clock::Micros;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, JoinType, NullEquality, internal_err};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::PhysicalExpr;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The node of a plan that joins two streams: inner, left, right or full.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamJoin {
    /// The left and the right stream.
    pub inputs: [LogicalPlan; 2],
    /// How many columns of each are columns of the result.
    pub widths: [usize; 2],
    /// The topic of whose records the rows of a side are made that carry the places of these behind the columns of the result.
    topics: [Option<String>; 2],
    /// Pairs of a left and a right expression that are equal in rows that match; at least one.
    on: Vec<(Expr, Expr)>,
    /// The event time of each side.
    pub times: [Expr; 2],
    /// What each side's rows must fulfil by themselves to match.
    conditions: [Option<Expr>; 2],
    /// What else must hold for a pair of rows to match.
    filter: Option<Expr>,
    /// Which rows come out unmatched too.
    pub kind: JoinType,
    /// The least that the right time minus the left time can be, in microseconds.
    pub lower: Micros,
    /// The most that the right time minus the left time can be, in microseconds.
    pub upper: Micros,
    /// How far behind the watermark each side's future rows may be, in microseconds.
    pub lags: [Micros; 2],
    nulls_match: bool,
    schema: DFSchemaRef,
}

/// Takes a join of two streams out of an optimised plan. `lag_of` says how far behind the watermark the
/// future values of an expression over an input may be, in microseconds: they are later than the
/// watermark minus that. It is `None` for what is no event time.
///
/// # Errors
/// A usage error that names what is missing: a kind of join that gives rows of both sides, an equality,
/// a lower or an upper time bound.
pub fn stream_join(
    join: &Join,
    lag_of: impl Fn(&LogicalPlan, &Expr) -> Option<Micros>,
) -> Result<StreamJoin> {
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full) {
        return Err(refused::kind(join));
    }
    if join.on.is_empty() {
        return Err(refused::no_equality(join));
    }
    let inputs = [&*join.left, &*join.right];
    let sides = Sides {
        schemas: [join.left.schema(), join.right.schema()],
        is_time: |side: usize, time: &Expr| lag_of(inputs[side], time).is_some(),
    };
    let mut conjuncts: Vec<(&Expr, Option<Bounds>)> = Vec::new();
    for conjunct in join.filter.iter().flat_map(split_conjunction) {
        conjuncts.push((conjunct, sides.bounds(conjunct)?));
    }
    let mut all: Vec<Bounds> = conjuncts.iter().filter_map(|(_, bounds)| bounds.clone()).collect();
    for (left, right) in &join.on {
        all.extend(sides.bounds(&left.clone().eq(right.clone()))?);
    }
    let Some((bounds, (lower, upper))) = tightest(&all) else {
        return Err(refused::unbounded(join, all.first(), &lag_of));
    };
    if lower > upper {
        return Err(refused::never(join));
    }
    // What the bounds say exactly is not evaluated again.
    let said = |bound: &Option<Bounds>| bound.as_ref().is_some_and(|bound| bound.alike(&bounds));
    conjuncts.retain(|(_, bound)| !(said(bound) && sides.exact(&bounds)));
    let own = |side| {
        let own = conjuncts.iter().filter(|(conjunct, _)| sides.belongs(side, conjunct));
        conjunction(own.map(|(conjunct, _)| (*conjunct).clone()))
    };
    let both = conjuncts.iter().filter(|(conjunct, _)| (0..2).all(|side| !sides.belongs(side, conjunct)));
    let lag = |side: usize, time| lag_of(inputs[side], time).unwrap_or_default();
    Ok(StreamJoin {
        on: join.on.clone(),
        lags: [lag(0, &bounds.left), lag(1, &bounds.right)],
        conditions: [own(0), own(1)],
        filter: conjunction(both.map(|(conjunct, _)| (*conjunct).clone())),
        times: [bounds.left, bounds.right],
        kind: join.join_type,
        lower,
        upper,
        nulls_match: join.null_equality == NullEquality::NullEqualsNull,
        schema: join.schema.clone(),
        widths: inputs.map(|input| input.schema().fields().len()),
        topics: [None, None],
        inputs: [(*join.left).clone(), (*join.right).clone()],
    })
}

/// Of all pairs of times the first that is bounded on both sides, and its bounds.
fn tightest(all: &[Bounds]) -> Option<(Bounds, (Micros, Micros))> {
    all.iter().find_map(|first| {
        let mut bounds = first.clone();
        all.iter().filter(|other| other.alike(first)).for_each(|other| bounds.tighten(other));
        bounds.both().map(|both| (bounds, both))
    })
}

impl StreamJoin {
    /// Lets rows that may come out unmatched carry the places of their records, where these are known.
    #[must_use]
    pub fn with_places(mut self) -> Self {
        for side in (0..2).filter(|side| preserves(self.kind, *side)) {
            if let Some((input, topic)) = with_places(&self.inputs[side]) {
                (self.inputs[side], self.topics[side]) = (input, Some(topic));
            }
        }
        self
    }

    /// How far behind the watermark the times of future results may be, in microseconds.
    ///
    /// As in Spark it is the same for both sides, the largest that either needs. The microsecond is for
    /// the unmatched rows that come out just when their time has passed.
    pub fn lag(&self) -> Micros {
        let held = |reach: Micros, other: Micros| reach.saturating_add(other).saturating_add(1);
        let [left, right] = self.lags;
        let held = held(self.upper, right).max(held(self.lower.saturating_neg(), left));
        held.max(left).max(right).max(0)
    }
}

impl PartialOrd for StreamJoin {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for StreamJoin {
    fn name(&self) -> &str {
        "StreamJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let keys = self.on.iter().flat_map(|(left, right)| [left, right]);
        keys.chain(&self.times).chain(self.conditions.iter().flatten()).chain(&self.filter).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.on.iter().map(|(left, right)| format!("{left} = {right}")).collect();
        let [left, right] = &self.times;
        write!(f, "StreamJoin: {} on {}, ", self.kind, keys.join(", "))?;
        write!(f, "{right} - {left} from {} us to {} us", self.lower, self.upper)?;
        self.filter.as_ref().map_or(Ok(()), |filter| write!(f, ", filter {filter}"))
    }

    fn with_exprs_and_inputs(
        &self,
        expressions: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> datafusion::common::Result<Self> {
        let Ok(inputs) = <[LogicalPlan; 2]>::try_from(inputs) else {
            return internal_err!("a join of streams has two inputs");
        };
        let mut node = Self { inputs, ..self.clone() };
        let keys = node.on.iter_mut().flat_map(|(left, right)| [left, right]);
        let places = keys.chain(&mut node.times).chain(node.conditions.iter_mut().flatten());
        places.chain(&mut node.filter).zip(expressions).for_each(|(place, given)| *place = given);
        Ok(node)
    }
}

/// A join of two streams as the operator runs it.
#[derive(Debug)]
pub struct JoinSpec {
    /// Which rows come out unmatched too: inner none, left, right and full.
    pub kind: JoinType,
    /// The left and the right input.
    pub sides: [Side; 2],
    /// The least that the right time minus the left time is in rows that match, in microseconds.
    pub lower: Micros,
    /// The most that the right time minus the left time is in rows that match, in microseconds; not less
    /// than the least.
    pub upper: Micros,
    /// What else must hold, over left columns and right columns behind them.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// Whether null keys are equal (`<=>`).
    pub nulls_match: bool,
    /// The columns of a result: those of the left, and behind them those of the right.
    pub result: SchemaRef,
}

impl fmt::Display for JoinSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} join of streams, {} to {} microseconds apart", self.kind, self.lower, self.upper)?;
        for side in &self.sides {
            write!(f, "; rows of")?;
            let mut columns = side.schema.fields().iter();
            columns.try_for_each(|column| write!(f, " {} {}", column.data_type(), column.name()))?;
            write!(f, ", time {} keys", side.time)?;
            side.keys.iter().try_for_each(|key| write!(f, " {key}"))?;
            side.condition.iter().try_for_each(|condition| write!(f, " where {condition}"))?;
        }
        self.filter.iter().try_for_each(|filter| write!(f, "; where {filter}"))
    }
}

/// One input of a join of streams.
#[derive(Debug)]
pub struct Side {
    /// Its columns.
    pub schema: SchemaRef,
    /// How many of them are columns of the result, the first ones.
    pub width: usize,
    /// The topic of whose records its rows are made, where the places of these are the columns behind.
    pub topic: Option<String>,
    /// What is compared for equality with the other side's, in the same order and of the same types.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
    /// The time of a row, a timestamp in microseconds.
    pub time: Arc<dyn PhysicalExpr>,
    /// What a row must fulfil to match anything.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
    /// Future rows are later than the watermark minus this, in microseconds.
    pub lag: Micros,
}

impl Side {
    /// All that is evaluated of each row.
    pub fn expressions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        [&self.time].into_iter().chain(&self.condition).chain(&self.keys)
    }
}

impl JoinSpec {
    /// From the node and the columns of its inputs; `physical` makes a physical expression.
    ///
    /// # Errors
    /// When an expression cannot be planned.
    pub fn of(
        node: &StreamJoin,
        inputs: [SchemaRef; 2],
        physical: impl Fn(&Expr, &DFSchema) -> Result<Arc<dyn PhysicalExpr>, DataFusionError>,
    ) -> Result<Self, DataFusionError> {
        let side = |side: usize, schema: SchemaRef| -> Result<Side, DataFusionError> {
            let columns = node.inputs[side].schema();
            let keys = node.on.iter().map(|(left, right)| if side == 0 { left } else { right });
            let time = in_micros(node.times[side].clone(), columns)?;
            Ok(Side {
                schema,
                width: node.widths[side],
                topic: node.topics[side].clone(),
                keys: keys.map(|key| physical(key, columns)).collect::<Result<_, _>>()?,
                time: physical(&time, columns)?,
                condition: node.conditions[side].as_ref().map(|own| physical(own, columns)).transpose()?,
                lag: node.lags[side],
            })
        };
        let [left, right] = inputs;
        Ok(Self {
            kind: node.kind,
            sides: [side(0, left)?, side(1, right)?],
            lower: node.lower,
            upper: node.upper,
            filter: node.filter.as_ref().map(|filter| physical(filter, &node.schema)).transpose()?,
            nulls_match: node.nulls_match,
            result: Arc::new(node.schema.as_arrow().clone()),
        })
    }

    /// Whether the unmatched rows of side 0 or 1 come out.
    pub fn preserves(&self, side: usize) -> bool {
        preserves(self.kind, side)
    }

    /// How much later, at least and at most, the rows of the other side are that match one of `side`.
    pub fn reach(&self, side: usize) -> (Micros, Micros) {
        match side {
            0 => (self.lower, self.upper),
            _ => (self.upper.saturating_neg(), self.lower.saturating_neg()),
        }
    }

    /// The time up to which rows of `side` are late at `watermark`, as in Spark: a row of just that time is.
    pub fn late_until(&self, side: usize, watermark: Micros) -> Micros {
        watermark.saturating_sub(self.sides[side].lag)
    }

    /// Rows of `side` before this time match nothing that still comes at `watermark`.
    pub fn dead_before(&self, side: usize, watermark: Micros) -> Micros {
        self.late_until(1 - side, watermark).saturating_sub(self.reach(side).1)
    }
}

fn preserves(kind: JoinType, side: usize) -> bool {
    matches!((kind, side), (JoinType::Full, _) | (JoinType::Left, 0) | (JoinType::Right, 1))
}
