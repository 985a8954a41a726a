//! Casts whose meaning differs: a time as a number is in seconds, and texts are written as Spark does.

use super::kit::{Function, each};
use super::pattern::calendar;
use super::time_type;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType::{self, Float64, Int64, Utf8};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::Timelike;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, exec_datafusion_err};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

/// Puts Spark's casts in the place of DataFusion's, those with them that nobody wrote.
#[derive(Debug, Default)]
pub struct SparkCasts;

impl AnalyzerRule for SparkCasts {
    fn name(&self) -> &str {
        "spark_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            let names = NamePreserver::new(&node);
            node.map_expressions(|expression| {
                let name = names.save(&expression);
                let cast = expression.transform_up(|expression| spark_cast(expression, &schema))?;
                Ok(cast.update_data(|expression| name.restore(expression)))
            })
        })
        .map(|transformed| transformed.data)
    }
}

fn spark_cast(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) = &expression else {
        return Ok(Transformed::no(expression));
    };
    let Ok(from) = expr.get_type(schema) else { return Ok(Transformed::no(expression)) };
    let to = field.data_type().clone();
    let inner = expr.as_ref().clone();
    let cast_to = |expression: Expr, kind: DataType| datafusion::logical_expr::cast(expression, kind);
    let cast = match (&from, &to) {
        (DataType::Timestamp(..), Utf8) => time_as_text().call(vec![cast_to(inner, time_type())]),
        (DataType::Float64, Utf8) => double_as_text().call(vec![inner]),
        (DataType::Timestamp(..), Float64 | DataType::Float32) => {
            cast_to(time_as_seconds().call(vec![cast_to(inner, time_type())]), to)
        }
        (DataType::Timestamp(..), number) if number.is_integer() => {
            let seconds = time_as_whole_seconds().call(vec![cast_to(inner, time_type())]);
            if *number == Int64 { seconds } else { cast_to(seconds, to) }
        }
        (number, DataType::Timestamp(..)) if number.is_integer() || number.is_floating() => {
            let time = seconds_as_time().call(vec![cast_to(inner, Float64)]);
            let time = match number.is_integer() {
                true => whole_seconds_as_time().call(vec![cast_to(expr.as_ref().clone(), Int64)]),
                false => time,
            };
            if to == time_type() { time } else { cast_to(time, to) }
        }
        _ => return Ok(Transformed::no(expression)),
    };
    Ok(Transformed::yes(cast))
}

fn time_as_text() -> ScalarUDF {
    Function::udf("__time_as_text", [vec![time_type()]], Utf8, |arguments| {
        let times = arguments[0].as_primitive::<TimestampMicrosecondType>();
        each(times.len(), |row| {
            if times.is_null(row) {
                return Ok(None);
            }
            let time = calendar(times.value(row))?;
            let text = time.format("%Y-%m-%d %H:%M:%S").to_string();
            let micros = time.nanosecond() / 1_000;
            Ok(Some(match micros {
                0 => text,
                _ => format!("{text}.{}", format!("{micros:06}").trim_end_matches('0')),
            }))
        })
    })
}

fn double_as_text() -> ScalarUDF {
    Function::udf("__double_as_text", [vec![Float64]], Utf8, |arguments| {
        let numbers = arguments[0].as_primitive::<Float64Type>();
        each(numbers.len(), |row| Ok(numbers.is_valid(row).then(|| java_text(numbers.value(row)))))
    })
}

/// A number as Java writes it: `1.0`, `1.0E10`, `1.5E-5`.
fn java_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

fn time_as_whole_seconds() -> ScalarUDF {
    Function::udf("__time_as_whole_seconds", [vec![time_type()]], Int64, |arguments| {
        let times = arguments[0].as_primitive::<TimestampMicrosecondType>();
        let seconds: Int64Array = times.unary(|time| time.div_euclid(1_000_000));
        Ok(Arc::new(seconds))
    })
}

fn time_as_seconds() -> ScalarUDF {
    Function::udf("__time_as_seconds", [vec![time_type()]], Float64, |arguments| {
        let times = arguments[0].as_primitive::<TimestampMicrosecondType>();
        let seconds: Float64Array = times.unary(|time| time as f64 / 1e6);
        Ok(Arc::new(seconds))
    })
}

fn whole_seconds_as_time() -> ScalarUDF {
    Function::udf("__whole_seconds_as_time", [vec![Int64]], time_type(), |arguments| {
        let seconds = arguments[0].as_primitive::<Int64Type>();
        times(seconds.iter().map(|seconds| seconds.map(|seconds| seconds.checked_mul(1_000_000))))
    })
}

fn seconds_as_time() -> ScalarUDF {
    Function::udf("__seconds_as_time", [vec![Float64]], time_type(), |arguments| {
        let seconds = cast(&arguments[0], &Float64)?;
        let seconds = seconds.as_primitive::<Float64Type>();
        times(seconds.iter().map(|seconds| {
            let micros = |seconds: f64| seconds * 1e6;
            seconds.map(|seconds| (micros(seconds).abs() < 9.2e18).then(|| micros(seconds) as i64))
        }))
    })
}

/// A column of times; an inner none is a number that no calendar has.
fn times(micros: impl Iterator<Item = Option<Option<i64>>>) -> Result<ArrayRef> {
    let beyond = || exec_datafusion_err!("a time is beyond what a calendar has");
    let times = micros.map(|time| time.map(|time| time.ok_or_else(beyond)).transpose());
    Ok(Arc::new(times.collect::<Result<TimestampMicrosecondArray>>()?))
}
