//! Aggregates of Spark that are other aggregates, in other words.

use super::syntax::{arguments, call, case, cast, double, number, renamed, with};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArgumentClause, FunctionArguments, NullTreatment,
    OrderByExpr, OrderByOptions, Value,
};

/// What stands for an aggregate called `name`; none where it stands for itself.
pub fn resolve(name: &str, function: &Function, arguments: &[Expr]) -> Option<Expr> {
    match (name, arguments) {
        ("first" | "first_value" | "any_value", _) => Some(first(function, "first_value", arguments)),
        ("last" | "last_value", _) => Some(first(function, "last_value", arguments)),
        ("min_by", [value, by]) => Some(by_order(function, value, by, true)),
        ("max_by", [value, by]) => Some(by_order(function, value, by, false)),
        ("count_if", [condition]) => {
            Some(with(function, "count", vec![case(condition.clone(), number("1"), None)]))
        }
        ("approx_count_distinct", [value] | [value, _]) => {
            let count = with(function, "approx_distinct", vec![value.clone()]);
            Some(cast(count, DataType::BigInt(None)))
        }
        ("approx_percentile" | "percentile_approx", [value, of] | [value, of, _]) => {
            percentiles(of, |of| with(function, "approx_percentile_cont", vec![value.clone(), of]))
        }
        ("percentile", [value, of]) => {
            let value = cast(value.clone(), double());
            percentiles(of, |of| with(function, "percentile", vec![value.clone(), of]))
        }
        ("median", [value]) => Some(with(function, "median", vec![cast(value.clone(), double())])),
        _ => None,
    }
}

/// `first(x, true)` is `first_value(x) IGNORE NULLS`.
fn first(function: &Function, name: &str, arguments: &[Expr]) -> Expr {
    let mut first = renamed(function, name);
    if let [value, Expr::Value(flag)] = arguments
        && let Value::Boolean(ignore) = flag.value
    {
        first.args = call("", vec![value.clone()]).args;
        first.null_treatment = ignore.then_some(NullTreatment::IgnoreNulls);
    }
    Expr::Function(first)
}

/// `min_by(x, y)` is `first_value(x ORDER BY y)` of the rows that have a y.
fn by_order(function: &Function, value: &Expr, by: &Expr, ascending: bool) -> Expr {
    let mut ordered = call("first_value", vec![value.clone()]);
    if let FunctionArguments::List(list) = &mut ordered.args {
        let options = OrderByOptions { asc: Some(ascending), nulls_first: Some(false) };
        let order = OrderByExpr { expr: by.clone(), options, with_fill: None };
        list.clauses = vec![FunctionArgumentClause::OrderBy(vec![order])];
    }
    let known = Expr::IsNotNull(Box::new(by.clone()));
    ordered.filter = Some(Box::new(match &function.filter {
        None => known,
        Some(filter) => Expr::BinaryOp {
            left: Box::new(Expr::Nested(filter.clone())),
            op: BinaryOperator::And,
            right: Box::new(known),
        },
    }));
    Expr::Function(ordered)
}

/// One percentile, or an array of them.
fn percentiles(of: &Expr, percentile: impl Fn(Expr) -> Expr) -> Option<Expr> {
    match of {
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("array") => {
            let all = arguments(function)?.into_iter().map(uncast).map(percentile).collect();
            Some(Expr::Function(call("array", all)))
        }
        one => Some(percentile(one.clone())),
    }
}

/// A whole number as it was written.
fn uncast(expression: Expr) -> Expr {
    match expression {
        Expr::Cast { expr, .. } => *expr,
        other => other,
    }
}
