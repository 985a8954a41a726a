//! `WHERE a <> 0 AND b / a > 1` divides only where the first condition holds, as in Spark: rows are judged
//! many at once here, so a condition that may fail is guarded by those before it.

use super::syntax::{case, cast, number};
use datafusion::sql::sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr, visit_expressions};
use std::ops::ControlFlow;

/// Functions that fail on some values.
const FALLIBLE: [&str; 5] = ["element_at", "to_date", "to_timestamp", "unix_timestamp", "mod"];

/// Guards what may fail among the conditions of a WHERE. Each condition stays one of its own,
/// so that planning can still move them.
pub fn guard(condition: &mut Option<Expr>) {
    let Some(whole) = condition else { return };
    let mut conditions = Vec::new();
    split(whole, &mut conditions);
    if !conditions.iter().skip(1).any(may_fail) {
        return;
    }
    let mut guarded: Option<Expr> = None;
    let mut before: Option<Expr> = None;
    for condition in conditions {
        let own = match &before {
            Some(before) if may_fail(&condition) => {
                // The optimizer makes an AND of a CASE over truth, and not of one over numbers.
                let held = cast(condition.clone(), DataType::Int(None));
                let held = case(before.clone(), held, Some(number("0")));
                Expr::BinaryOp { left: Box::new(held), op: BinaryOperator::Eq, right: Box::new(number("1")) }
            }
            _ => condition.clone(),
        };
        guarded = Some(and(guarded, own));
        before = Some(and(before, condition));
    }
    *condition = guarded;
}

fn and(left: Option<Expr>, right: Expr) -> Expr {
    let Some(left) = left else { return right };
    let bracketed = |expression| Box::new(Expr::Nested(Box::new(expression)));
    Expr::BinaryOp { left: bracketed(left), op: BinaryOperator::And, right: bracketed(right) }
}

fn split(condition: &Expr, conditions: &mut Vec<Expr>) {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            split(left, conditions);
            split(right, conditions);
        }
        Expr::Nested(inner) => split(inner, conditions),
        other => conditions.push(other.clone()),
    }
}

fn may_fail(condition: &Expr) -> bool {
    use BinaryOperator::{Divide, Modulo, MyIntegerDivide};
    let found = visit_expressions(condition, |expression: &Expr| {
        let fallible = match expression {
            Expr::BinaryOp { op: Divide | Modulo | MyIntegerDivide, .. } => true,
            Expr::Cast { kind: CastKind::Cast, .. } | Expr::CompoundFieldAccess { .. } => true,
            Expr::Function(call) => FALLIBLE.contains(&call.name.to_string().to_lowercase().as_str()),
            _ => false,
        };
        if fallible { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.is_break()
}
