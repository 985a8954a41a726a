//! Functions of Spark that are other functions, or CASE, in other words.

use super::syntax::{call, case, cast, number, text};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, NullTreatment, OrderByExpr, OrderByOptions, UnaryOperator, Value,
};

/// Functions that have another name.
const OTHER_NAMES: [(&str, &str); 19] = [
    ("any", "bool_or"),
    ("array_join", "array_to_string"),
    ("array_size", "size"),
    ("cardinality", "size"),
    ("char_length", "length"),
    ("character_length", "length"),
    ("dateadd", "date_add"),
    ("datediff", "date_diff"),
    ("every", "bool_and"),
    ("lcase", "lower"),
    ("len", "length"),
    ("map", "make_map"),
    ("sha", "sha1"),
    ("sign", "signum"),
    ("some", "bool_or"),
    ("sort_array", "array_sort"),
    ("std", "stddev"),
    ("ucase", "upper"),
    ("variance", "var_samp"),
];

/// Functions that are something else in other words, and have no function of their name.
const IN_OTHER_WORDS: [&str; 19] = [
    "approx_count_distinct",
    "approx_percentile",
    "count_if",
    "curdate",
    "current_date",
    "first",
    "if",
    "iff",
    "isnotnull",
    "isnull",
    "last",
    "log",
    "max_by",
    "median",
    "min_by",
    "mod",
    "percentile",
    "percentile_approx",
    "struct",
];

/// The names of functions that only exist here.
pub fn names() -> impl Iterator<Item = String> {
    let others = OTHER_NAMES.into_iter().map(|(name, _)| name);
    others.chain(IN_OTHER_WORDS).map(ToString::to_string)
}

/// Rewrites an expression whose parts are rewritten already.
pub fn resolve(expression: &mut Expr) {
    let resolved = match expression {
        Expr::Function(function) => resolve_call(function),
        Expr::RLike { negated, expr, pattern, .. } => {
            let test = Expr::Function(call("rlike", vec![(**expr).clone(), (**pattern).clone()]));
            Some(if *negated { not(test) } else { test })
        }
        Expr::UnaryOp { op: UnaryOperator::BangNot, expr } => Some(not((**expr).clone())),
        Expr::Struct { values, fields } if fields.is_empty() => {
            let parts = values.iter().enumerate().flat_map(|(index, value)| match value {
                Expr::Named { expr, name } => [text(&name.value), (**expr).clone()],
                other => [text(&field_name(other, index)), other.clone()],
            });
            Some(Expr::Function(call("named_struct", parts.collect())))
        }
        _ => None,
    };
    if let Some(resolved) = resolved {
        *expression = resolved;
    }
}

fn not(expression: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expression) }
}

/// The name of a field of `struct(…)` that has none.
fn field_name(value: &Expr, index: usize) -> String {
    match value {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(path) => path.last().map_or(String::new(), |name| name.value.clone()),
        _ => format!("col{}", index + 1),
    }
}

fn resolve_call(function: &mut Function) -> Option<Expr> {
    let name = function.name.to_string().to_ascii_lowercase();
    if let Some((_, other)) = OTHER_NAMES.iter().find(|(known, _)| *known == name) {
        rename(function, other);
    }
    let arguments = arguments(function)?;
    match (name.as_str(), &arguments[..]) {
        ("first" | "first_value" | "any_value", _) => first(function, "first_value", arguments),
        ("last" | "last_value", _) => first(function, "last_value", arguments),
        ("min_by", [value, by]) => by_order(function, value, by, true),
        ("max_by", [value, by]) => by_order(function, value, by, false),
        ("count_if", [condition]) => {
            let counted = case(condition.clone(), number("1"), None);
            Some(Expr::Function(Function { args: call("", vec![counted]).args, ..named(function, "count") }))
        }
        ("approx_count_distinct", [value] | [value, _]) => {
            let args = call("", vec![value.clone()]).args;
            let count = Expr::Function(Function { args, ..named(function, "approx_distinct") });
            Some(cast(count, DataType::BigInt(None)))
        }
        ("approx_percentile" | "percentile_approx", [value, of] | [value, of, _]) => percentiles(of, |of| {
            let args = call("", vec![value.clone(), of]).args;
            Expr::Function(Function { args, ..named(function, "approx_percentile_cont") })
        }),
        ("percentile", [value, of]) => percentiles(of, |of| {
            let args = call("", vec![cast(value.clone(), double()), of]).args;
            Expr::Function(Function { args, ..named(function, "percentile_cont") })
        }),
        ("median", [value]) => {
            let args = call("", vec![cast(value.clone(), double())]).args;
            Some(Expr::Function(Function { args, ..named(function, "median") }))
        }
        ("if" | "iff", [condition, yes, no]) => Some(case(condition.clone(), yes.clone(), Some(no.clone()))),
        ("isnull", [value]) => Some(Expr::IsNull(Box::new(value.clone()))),
        ("isnotnull", [value]) => Some(Expr::IsNotNull(Box::new(value.clone()))),
        ("log", [value]) => Some(Expr::Function(call("ln", vec![value.clone()]))),
        ("mod", [left, right]) => Some(Expr::BinaryOp {
            left: Box::new(left.clone()),
            op: BinaryOperator::Modulo,
            right: Box::new(right.clone()),
        }),
        ("current_date" | "curdate", []) => {
            Some(cast(Expr::Function(call("current_timestamp", vec![])), DataType::Date))
        }
        ("unix_timestamp", []) => {
            let now = Expr::Function(call("current_timestamp", vec![]));
            Some(Expr::Function(call("unix_timestamp", vec![now])))
        }
        ("timestampdiff" | "datediff" | "date_diff", [unit, from, to]) => {
            Some(Expr::Function(call("timestampdiff", vec![unit_text(unit), from.clone(), to.clone()])))
        }
        ("timestampadd" | "dateadd" | "date_add", [unit, count, to]) => {
            Some(Expr::Function(call("timestampadd", vec![unit_text(unit), count.clone(), to.clone()])))
        }
        // These take INT, and a number in the text is BIGINT.
        ("date_add" | "date_sub" | "add_months", [date, count]) => {
            let count = cast(count.clone(), DataType::Int(None));
            Some(Expr::Function(call(&name, vec![date.clone(), count])))
        }
        ("struct", _) => {
            let parts = arguments.iter().enumerate();
            let parts = parts.flat_map(|(index, value)| [text(&field_name(value, index)), value.clone()]);
            Some(Expr::Function(call("named_struct", parts.collect())))
        }
        _ => None,
    }
}

fn double() -> DataType {
    DataType::Double(datafusion::sql::sqlparser::ast::ExactNumberInfo::None)
}

fn rename(function: &mut Function, name: &str) {
    function.name = call(name, vec![]).name;
}

fn named(function: &Function, name: &str) -> Function {
    Function { name: call(name, vec![]).name, ..function.clone() }
}

/// The arguments, where they are plain expressions.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return Some(vec![]) };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

/// A unit of time is written without quotes.
fn unit_text(unit: &Expr) -> Expr {
    match unit {
        Expr::Identifier(name) => text(&name.value),
        other => other.clone(),
    }
}

/// `first(x, true)` is `first_value(x) IGNORE NULLS`.
fn first(function: &mut Function, name: &str, mut arguments: Vec<Expr>) -> Option<Expr> {
    rename(function, name);
    if let [_, Expr::Value(flag)] = &arguments[..]
        && let Value::Boolean(ignore) = flag.value
    {
        arguments.truncate(1);
        function.args = call("", arguments).args;
        function.null_treatment = ignore.then_some(NullTreatment::IgnoreNulls);
    }
    None
}

/// `min_by(x, y)` is `first_value(x ORDER BY y)` of the rows that have a y.
fn by_order(function: &Function, value: &Expr, by: &Expr, ascending: bool) -> Option<Expr> {
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
    Some(Expr::Function(ordered))
}

/// One percentile, or an array of them.
fn percentiles(of: &Expr, percentile: impl Fn(Expr) -> Expr) -> Option<Expr> {
    match of {
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("array") => {
            let all = arguments(function)?.into_iter().map(percentile).collect();
            Some(Expr::Function(call("array", all)))
        }
        one => Some(percentile(one.clone())),
    }
}
