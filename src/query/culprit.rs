//! Which expression of a query it is that fails on a row, as somebody would write it. Asked only for a row that is refused.

use super::cut::OperatorSpec;
use super::functions::spark_name;
use super::plan::StreamPlan;
use super::stage::Leaf;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr, CastExpr, Column, Literal};
use datafusion::physical_expr_common::physical_expr::fmt_sql;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The expression of a stage that fails on rows in one of its leaves.
pub fn in_stage(plan: &StreamPlan, stage: usize, leaf: usize, rows: &[RecordBatch]) -> Option<String> {
    let stage = plan.stages.stages.get(stage)?;
    below(plan, &stage.plan, &(stage.leaves.get(leaf)?, rows))
}

/// The expression of an operator that fails on rows of one of its inputs.
pub fn in_operator(spec: &OperatorSpec, input: usize, rows: &RecordBatch) -> Option<String> {
    match spec {
        OperatorSpec::Window(spec) => first(spec.expressions(), rows),
        OperatorSpec::Dedup(spec) => first(spec.expressions(), rows),
        // What is left is the condition on pairs, and those are not known here.
        OperatorSpec::Join(spec) => {
            let own = first(spec.sides.get(input)?.expressions(), rows);
            own.or_else(|| spec.filter.as_ref().map(|filter| written(filter, &spec.result)))
        }
    }
}

/// That of the lowest node of a plan that has one.
fn below(
    plan: &StreamPlan,
    node: &Arc<dyn ExecutionPlan>,
    given: &(&Leaf, &[RecordBatch]),
) -> Option<String> {
    let children = node.children();
    let found = children.iter().find_map(|child| below(plan, child, given));
    let ([input], None) = (&children[..], &found) else { return found };
    given.0.slot.put(given.1.to_vec());
    let rows = reset_plan_states(Arc::clone(input)).and_then(|input| plan.execute(input));
    given.0.slot.put(vec![]);
    let mut expressions = Vec::new();
    let mut collect = |expression: &Arc<dyn PhysicalExpr>| {
        expressions.push(expression.clone());
        Ok(TreeNodeRecursion::Continue)
    };
    node.apply_expressions(&mut collect).ok()?;
    rows.ok()?.iter().find_map(|rows| first(expressions.iter(), rows))
}

fn first<'a>(
    mut expressions: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    rows: &RecordBatch,
) -> Option<String> {
    expressions
        .find_map(|expression| innermost(expression, rows).map(|culprit| written(culprit, &rows.schema())))
}

/// The part of an expression that fails, and none of whose own parts does.
fn innermost<'a>(
    expression: &'a Arc<dyn PhysicalExpr>,
    rows: &RecordBatch,
) -> Option<&'a Arc<dyn PhysicalExpr>> {
    let evaluated: Result<_> = expression.evaluate(rows);
    evaluated.err()?;
    // The parts of a CASE are evaluated only for rows that come to them.
    let parts = if expression.is::<CaseExpr>() { vec![] } else { expression.children() };
    parts.into_iter().find_map(|part| innermost(part, rows)).or(Some(expression))
}

/// An expression over columns in SQL.
fn written(expression: &Arc<dyn PhysicalExpr>, columns: &Schema) -> String {
    let whole = |expression: &Arc<dyn PhysicalExpr>| written(expression, columns);
    let part = |expression: &Arc<dyn PhysicalExpr>| part(expression, columns);
    if let Some(column) = expression.downcast_ref::<Column>() {
        return column.name().into();
    }
    if let Some(literal) = expression.downcast_ref::<Literal>() {
        return match literal.value() {
            ScalarValue::Utf8(Some(text)) => format!("'{text}'"),
            value => value.to_string(),
        };
    }
    if let Some(cast) = expression.downcast_ref::<CastExpr>() {
        let kind = spark_name(cast.cast_type());
        return format!("CAST({} AS {kind})", whole(cast.expr()));
    }
    if let Some(binary) = expression.downcast_ref::<BinaryExpr>() {
        return format!("{} {} {}", part(binary.left()), binary.op(), part(binary.right()));
    }
    let Some(call) = expression.downcast_ref::<ScalarFunctionExpr>() else {
        return fmt_sql(expression.as_ref()).to_string();
    };
    match (call.name(), call.args()) {
        (name, [left, right]) if is_operator(name) => format!("{} {name} {}", part(left), part(right)),
        ("__item", [of, index]) => format!("{}[{}]", part(of), whole(index)),
        // The other functions of ours that no text names are casts.
        (name, [only]) if name.starts_with("__") => {
            format!("CAST({} AS {})", whole(only), spark_name(call.return_type()))
        }
        (name, arguments) => {
            format!("{name}({})", arguments.iter().map(whole).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A part of an expression with an operator.
fn part(expression: &Arc<dyn PhysicalExpr>, columns: &Schema) -> String {
    // Planning puts in casts to wider numbers, which never fail.
    if let Some(cast) = expression.downcast_ref::<CastExpr>()
        && cast.expr().data_type(columns).is_ok_and(|kind| kind.is_integer())
        && cast.cast_type().is_numeric()
    {
        return part(cast.expr(), columns);
    }
    let call = expression.downcast_ref::<ScalarFunctionExpr>();
    let nested = expression.is::<BinaryExpr>() || call.is_some_and(|call| is_operator(call.name()));
    let text = written(expression, columns);
    if nested { format!("({text})") } else { text }
}

fn is_operator(name: &str) -> bool {
    name == "div" || !name.starts_with(|first: char| first.is_alphabetic() || first == '_')
}
