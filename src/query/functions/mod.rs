//! What Spark's SQL has under its names and with its meanings, where DataFusion lacks it or means
//! something else.

mod arithmetic;
mod cast;
mod collection;
mod from_json;
mod hash;
mod json;
mod kit;
mod math;
mod mode;
mod moments;
mod now;
mod pattern;
mod percentile;
mod reading;
mod sums;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod window;

pub use now::Now;
pub use window::{PaneFunction, SESSION_WINDOW, WINDOW, WINDOW_TIME, WindowTime, time_type, window_fields};

use super::rewrite;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::common::datatype::DataTypeExt;
use datafusion::config::{Dialect, SqlParserOptions};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, TypePlanner};
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast::DataType as SqlType;
use datafusion_spark::{all_default_aggregate_functions, all_default_scalar_functions};
use std::sync::Arc;

/// Gives a session Spark's functions, operators and types. Ours win over those of datafusion-spark, and
/// those over DataFusion's own.
///
/// # Errors
/// None in practice: the names are ours.
pub fn register(builder: SessionStateBuilder, now: &Now) -> Result<SessionState> {
    let mut builder = builder.with_default_features();
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(SparkCalls));
    planners.insert(0, Arc::new(arithmetic::SparkArithmetic));
    planners.insert(0, Arc::new(collection::SparkAccess));
    let mut state = builder.with_type_planner(Arc::new(SparkTypes)).build();
    for function in all_default_scalar_functions().into_iter().chain(functions(now).map(Arc::new)) {
        state.register_udf(function)?;
    }
    let aggregates = all_default_aggregate_functions().into_iter();
    // Its avg passes over FILTER; DataFusion's own gives the same otherwise.
    let aggregates = aggregates.filter(|function| function.name() != "avg");
    let own = moments::functions().into_iter().chain([mode::mode(), percentile::percentile()]);
    for function in aggregates.chain(own.map(Arc::new)) {
        state.register_udaf(function)?;
    }
    state.add_analyzer_rule(Arc::new(cast::SparkCasts));
    state.add_analyzer_rule(Arc::new(sums::WideSums));
    Ok(state)
}

fn functions(now: &Now) -> impl Iterator<Item = ScalarUDF> {
    std::iter::once(now.function())
        .chain(window::functions())
        .chain(arithmetic::functions())
        .chain(collection::functions())
        .chain([from_json::from_json()])
        .chain(hash::functions())
        .chain(json::functions())
        .chain(math::functions())
        .chain(text::functions())
        .chain(time::functions())
}

/// The names of all functions, for who misspelt one.
pub fn names() -> Vec<String> {
    let state = register(SessionStateBuilder::new(), &Now::default());
    let Ok(state) = state else { return vec![] };
    let known = state.scalar_functions().keys().chain(state.aggregate_functions().keys()).cloned();
    known.chain(rewrite::names()).filter(|name| !name.starts_with('_')).collect()
}

/// How Spark reads SQL, where DataFusion has a choice.
pub fn parser_options() -> SqlParserOptions {
    SqlParserOptions {
        dialect: Dialect::Spark,
        map_string_types_to_utf8view: false,
        default_null_ordering: "nulls_min".into(),
        ..SqlParserOptions::default()
    }
}

/// `EXTRACT(… FROM …)` and `SUBSTRING(… FROM …)` in Spark's meaning.
#[derive(Debug)]
struct SparkCalls;

impl ExprPlanner for SparkCalls {
    fn plan_extract(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(datafusion_spark::function::datetime::date_part().call(arguments)))
    }

    fn plan_substring(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(datafusion_spark::function::string::substring().call(arguments)))
    }
}

/// Types whose meaning differs: a TIMESTAMP has microseconds.
#[derive(Debug)]
struct SparkTypes;

impl TypePlanner for SparkTypes {
    fn plan_type_field(&self, kind: &SqlType) -> Result<Option<FieldRef>> {
        let kind = match kind {
            SqlType::Timestamp(..) | SqlType::Datetime(_) | SqlType::TimestampNtz(_) => time_type(),
            SqlType::Custom(name, _) => match name.to_string().to_ascii_uppercase().as_str() {
                "BYTE" => DataType::Int8,
                "SHORT" => DataType::Int16,
                "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" => time_type(),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(kind.into_nullable_field_ref()))
    }
}

/// A type in Spark's words.
pub fn spark_name(kind: &DataType) -> String {
    match kind {
        DataType::Int8 => "TINYINT".into(),
        DataType::Int16 => "SMALLINT".into(),
        DataType::Int32 => "INT".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::Float32 => "FLOAT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "STRING".into(),
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Timestamp(..) => "TIMESTAMP".into(),
        DataType::Null => "VOID".into(),
        other => other.to_string(),
    }
}
