//! Functions and operators of Spark that are others, in other words.

use super::aggregate_calls;
use super::scalar_calls::{self, field_name, int_literal};
use super::syntax::{arguments, function, renamed, text};
use crate::Result;
use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript, UnaryOperator};

/// Functions that have another name.
const OTHER_NAMES: [(&str, &str); 15] = [
    ("any", "bool_or"),
    ("array_join", "array_to_string"),
    ("char_length", "length"),
    ("character_length", "length"),
    ("datediff", "date_diff"),
    ("every", "bool_and"),
    ("lcase", "lower"),
    ("len", "length"),
    ("map", "make_map"),
    ("sha", "sha1"),
    ("sign", "signum"),
    ("some", "bool_or"),
    ("std", "stddev"),
    ("ucase", "upper"),
    ("variance", "var_samp"),
];

/// Functions that are something else in other words, and have no function of their name.
const IN_OTHER_WORDS: [&str; 32] = [
    "approx_count_distinct",
    "approx_percentile",
    "array_size",
    "bigint",
    "boolean",
    "cardinality",
    "count_if",
    "curdate",
    "current_date",
    "date",
    "dateadd",
    "dayname",
    "double",
    "equal_null",
    "first",
    "if",
    "iff",
    "int",
    "isnotnull",
    "isnull",
    "last",
    "log",
    "map_contains_key",
    "max_by",
    "median",
    "min_by",
    "mod",
    "percentile_approx",
    "sort_array",
    "string",
    "struct",
    "timestamp",
];

/// The names of functions that only exist here.
pub fn names() -> impl Iterator<Item = String> {
    let others = OTHER_NAMES.into_iter().map(|(name, _)| name);
    others.chain(IN_OTHER_WORDS).map(ToString::to_string)
}

/// Rewrites an expression whose parts are rewritten already.
///
/// # Errors
/// A usage error where a call asks for what is not given here.
pub fn resolve(expression: &mut Expr) -> Result<()> {
    let resolved = match expression {
        Expr::Function(call) => {
            let name = call.name.to_string().to_ascii_lowercase();
            let other = OTHER_NAMES.iter().find(|(known, _)| *known == name).map(|(_, other)| *other);
            let resolved = match arguments(call) {
                None => None,
                Some(arguments) => aggregate_calls::resolve(&name, call, &arguments)?
                    .or_else(|| scalar_calls::resolve(other.unwrap_or(&name), &arguments)),
            };
            resolved.or_else(|| other.map(|other| Expr::Function(renamed(call, other))))
        }
        Expr::RLike { negated, expr, pattern, .. } => {
            let test = function("rlike", vec![(**expr).clone(), (**pattern).clone()]);
            Some(if *negated { not(test) } else { test })
        }
        Expr::CompoundFieldAccess { access_chain, .. } => {
            // `f(x).a` is `f(x)['a']`.
            for access in access_chain {
                if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                    *access = AccessExpr::Subscript(Subscript::Index { index: text(&name.value) });
                }
            }
            None
        }
        Expr::UnaryOp { op: UnaryOperator::BangNot, expr } => Some(not((**expr).clone())),
        Expr::Struct { values, fields } if fields.is_empty() => {
            let own = |value: &Expr| int_literal(value).unwrap_or_else(|| value.clone());
            let parts = values.iter().enumerate().flat_map(|(index, value)| match value {
                Expr::Named { expr, name } => [text(&name.value), own(expr)],
                other => [text(&field_name(other, index)), own(other)],
            });
            Some(function("named_struct", parts.collect()))
        }
        Expr::Case { conditions, else_result, .. } => {
            // A whole number is an INT, as everywhere in Spark where the planner leaves the choice.
            let results = conditions.iter_mut().map(|when| &mut when.result);
            for result in results.chain(else_result.as_deref_mut()) {
                if let Some(narrow) = int_literal(result) {
                    *result = narrow;
                }
            }
            None
        }
        _ => None,
    };
    if let Some(resolved) = resolved {
        *expression = resolved;
    }
    Ok(())
}

fn not(expression: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expression) }
}
