//! Aggregates of Spark that are other aggregates, in other words.

use super::syntax::{arguments, call, case, cast, double, number, renamed, with};
use crate::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArgumentClause, FunctionArguments, NullTreatment,
    OrderByExpr, OrderByOptions, Value,
};

/// What approx_count_distinct is off by: the standard error of a HyperLogLog of 2^14 registers, 1.04 / √16384.
const COUNT_ERROR: f64 = 0.008125;

/// So many centroids DataFusion keeps of a percentile, where it is not told.
const CENTROIDS: u32 = 100;

/// The largest centroid has 2 / centroids of the rows, and an answer lies between the means of its neighbours: its rank is
/// off by 3 / centroids at most. With as many for each unit of accuracy it is off by less than Spark's 1 / accuracy.
const CENTROIDS_EACH: u32 = 4;

/// Spark's own where it is not told. A centroid takes 16 bytes of each group.
const MOST_ACCURACY: u32 = 10_000;

/// What stands for an aggregate called `name`; none where it stands for itself.
///
/// # Errors
/// A usage error where it is to be more exact than it can be.
pub fn resolve(name: &str, function: &Function, arguments: &[Expr]) -> Result<Option<Expr>> {
    let resolved = match (name, arguments) {
        ("first" | "first_value" | "any_value", _) => Some(first(function, "first_value", arguments)),
        ("last" | "last_value", _) => Some(first(function, "last_value", arguments)),
        ("min_by", [value, by]) => Some(by_order(function, value, by, true)),
        ("max_by", [value, by]) => Some(by_order(function, value, by, false)),
        ("count_if", [condition]) => {
            Some(with(function, "count", vec![case(condition.clone(), number("1"), None)]))
        }
        ("approx_count_distinct", [value, rest @ ..]) if rest.len() < 2 => {
            rest.first().map_or(Ok(()), admit_error)?;
            let count = with(function, "approx_distinct", vec![value.clone()]);
            Some(cast(count, DataType::BigInt(None)))
        }
        ("approx_percentile" | "percentile_approx", [value, of, rest @ ..]) if rest.len() < 2 => {
            let centroids = rest.first().map(|accuracy| centroids(name, accuracy)).transpose()?;
            percentiles(of, |of| {
                let arguments = [value.clone(), of].into_iter().chain(centroids.clone());
                with(function, "approx_percentile_cont", arguments.collect())
            })
        }
        ("percentile", [value, of]) => {
            let value = cast(value.clone(), double());
            percentiles(of, |of| with(function, "percentile", vec![value.clone(), of]))
        }
        ("median", [value]) => Some(with(function, "median", vec![cast(value.clone(), double())])),
        _ => None,
    };
    Ok(resolved)
}

/// Takes a relative error that is not below ours.
fn admit_error(wanted: &Expr) -> Result<()> {
    let wrong = |message: String| Err(Error::usage(message).about("approx_count_distinct("));
    match literal::<f64>(wanted) {
        Some(error) if error >= COUNT_ERROR => Ok(()),
        Some(error) => {
            let message = format!(
                "approx_count_distinct has a relative error of {COUNT_ERROR}, and cannot have {error}"
            );
            wrong(format!("{message}: count(DISTINCT …) is exact"))
        }
        None => wrong("the relative error of approx_count_distinct is a number, such as 0.05".into()),
    }
}

/// How many centroids give an accuracy: never fewer than without one.
fn centroids(name: &str, accuracy: &Expr) -> Result<Expr> {
    match literal::<u32>(accuracy) {
        Some(accuracy @ 1..=MOST_ACCURACY) => {
            Ok(number(&(CENTROIDS_EACH * accuracy).max(CENTROIDS).to_string()))
        }
        _ => {
            let message = format!("the accuracy of {name} is a whole number from 1 to {MOST_ACCURACY}");
            Err(Error::usage(message).about(format!("{name}(")).hint("percentile(…) is exact"))
        }
    }
}

/// A number as it is written in the query.
fn literal<T: std::str::FromStr>(expression: &Expr) -> Option<T> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse().ok(),
            _ => None,
        },
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
