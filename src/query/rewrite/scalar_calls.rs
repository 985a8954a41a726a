//! Functions of Spark that are operators, CASE, casts or other functions, in other words.

use super::syntax::{boolean, case, cast, double, function, null, text};
use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, TimezoneInfo, Value};

/// Those that take INT, where a whole number in the text is BIGINT.
const TAKE_INT: [&str; 3] = ["factorial", "space", "repeat"];

/// Those that give the type of what they are given.
const KEEP_TYPES: [&str; 16] = [
    "abs",
    "array",
    "array_append",
    "array_except",
    "array_intersect",
    "array_remove",
    "array_union",
    "coalesce",
    "greatest",
    "hash",
    "ifnull",
    "least",
    "named_struct",
    "nullif",
    "nvl",
    "xxhash64",
];

/// What stands for a function called `name`; none where it stands for itself.
pub fn resolve(name: &str, arguments: &[Expr]) -> Option<Expr> {
    of_values(name, arguments)
        .or_else(|| of_times(name, arguments))
        .or_else(|| as_cast(name, arguments))
        .or_else(|| {
            let narrowed: Vec<_> = arguments.iter().map(int_literal).collect();
            let changed = KEEP_TYPES.contains(&name) && narrowed.iter().any(Option::is_some);
            let each =
                narrowed.into_iter().zip(arguments).map(|(new, old)| new.unwrap_or_else(|| old.clone()));
            changed.then(|| function(name, each.collect()))
        })
}

fn of_values(name: &str, arguments: &[Expr]) -> Option<Expr> {
    let binary = |left: &Expr, op, right: &Expr| {
        let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
        Some(Expr::BinaryOp { left, op, right })
    };
    let narrow = |value: &Expr| int_literal(value).unwrap_or_else(|| value.clone());
    match (name, arguments) {
        ("if" | "iff", [condition, yes, no]) => Some(case(condition.clone(), narrow(yes), Some(narrow(no)))),
        ("nvl2", [value, yes, no]) => {
            Some(case(Expr::IsNotNull(Box::new(value.clone())), narrow(yes), Some(narrow(no))))
        }
        ("isnull", [value]) => Some(Expr::IsNull(Box::new(value.clone()))),
        ("isnotnull", [value]) => Some(Expr::IsNotNull(Box::new(value.clone()))),
        ("equal_null", [left, right]) => binary(left, BinaryOperator::Spaceship, right),
        ("mod", [left, right]) => binary(left, BinaryOperator::Modulo, right),
        ("log", [value]) => Some(function("ln", vec![value.clone()])),
        // The size of nothing is not known.
        ("size" | "cardinality" | "array_size", [value]) => {
            let size = function("size", vec![value.clone()]);
            Some(case(Expr::IsNull(Box::new(value.clone())), null(), Some(size)))
        }
        ("sort_array", [_] | [_, _]) => {
            let down = arguments.get(1).is_some_and(|up| *up == boolean(false));
            let [order, nulls] = if down { ["DESC", "NULLS LAST"] } else { ["ASC", "NULLS FIRST"] };
            Some(function("array_sort", vec![arguments[0].clone(), text(order), text(nulls)]))
        }
        ("array_sort", [values]) => {
            Some(function("array_sort", vec![values.clone(), text("ASC"), text("NULLS LAST")]))
        }
        ("map_contains_key", [map, key]) => {
            Some(function("array_contains", vec![function("map_keys", vec![map.clone()]), key.clone()]))
        }
        ("struct", _) => {
            let parts = arguments.iter().enumerate();
            let parts = parts.flat_map(|(index, value)| [text(&field_name(value, index)), narrow(value)]);
            Some(function("named_struct", parts.collect()))
        }
        (name, _) if TAKE_INT.contains(&name) => {
            let (count, others) = arguments.split_last()?;
            let all = others.iter().cloned().chain([cast(count.clone(), int())]);
            Some(function(name, all.collect()))
        }
        _ => None,
    }
}

fn of_times(name: &str, arguments: &[Expr]) -> Option<Expr> {
    let now = || function("current_timestamp", vec![]);
    match (name, arguments) {
        ("current_date" | "curdate", []) => Some(cast(now(), DataType::Date)),
        ("unix_timestamp", []) => Some(function("unix_timestamp", vec![now()])),
        ("dayname", [time]) => Some(function("date_format", vec![time.clone(), text("EEE")])),
        ("last_day", [date]) => Some(function("last_day", vec![cast(date.clone(), DataType::Date)])),
        ("next_day", [date, day]) => {
            Some(function("next_day", vec![cast(date.clone(), DataType::Date), day.clone()]))
        }
        ("timestampdiff" | "datediff" | "date_diff", [unit, from, to]) => {
            Some(function("timestampdiff", vec![unit_text(unit), from.clone(), to.clone()]))
        }
        ("timestampadd" | "dateadd" | "date_add", [unit, count, to]) => {
            Some(function("timestampadd", vec![unit_text(unit), count.clone(), to.clone()]))
        }
        ("date_add" | "dateadd" | "date_sub" | "add_months", [date, count]) => {
            let name = if name == "dateadd" { "date_add" } else { name };
            let arguments = vec![cast(date.clone(), DataType::Date), cast(count.clone(), int())];
            Some(function(name, arguments))
        }
        _ => None,
    }
}

/// `int(x)` is `CAST(x AS INT)`.
fn as_cast(name: &str, arguments: &[Expr]) -> Option<Expr> {
    let kind = match name {
        "bigint" => DataType::BigInt(None),
        "boolean" => DataType::Boolean,
        "date" => DataType::Date,
        "double" => double(),
        "int" => int(),
        "string" => DataType::String(None),
        "timestamp" => DataType::Timestamp(None, TimezoneInfo::None),
        _ => return None,
    };
    let [value] = arguments else { return None };
    Some(cast(value.clone(), kind))
}

fn int() -> DataType {
    DataType::Int(None)
}

/// A whole number in the text as an INT, if it is one that fits.
pub fn int_literal(expression: &Expr) -> Option<Expr> {
    let Expr::Value(value) = expression else { return None };
    let Value::Number(number, _) = &value.value else { return None };
    number.to_string().parse::<i32>().ok().map(|_| cast(expression.clone(), int()))
}

/// The name of a field of `struct(…)` that has none.
pub fn field_name(value: &Expr, index: usize) -> String {
    match value {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(path) => path.last().map_or(String::new(), |name| name.value.clone()),
        _ => format!("col{}", index + 1),
    }
}

/// A unit of time is written without quotes.
fn unit_text(unit: &Expr) -> Expr {
    match unit {
        Expr::Identifier(name) => text(&name.value),
        other => other.clone(),
    }
}
