//! Functions of numbers whose edges differ: what has no result is not a number, or null, and no error.

use super::kit::Function;
use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::DataType::Float64;
use arrow::datatypes::Float64Type;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    let number = |name, body| Function::udf(name, [vec![Float64]], Float64, body);
    vec![
        number("sqrt", |a| each(a, |x| Some(x.sqrt()))),
        number("ln", |a| each(a, |x| (x > 0.0 || x.is_nan()).then(|| x.ln()))),
        number("log10", |a| each(a, |x| (x > 0.0 || x.is_nan()).then(|| x.log10()))),
        number("log2", |a| each(a, |x| (x > 0.0 || x.is_nan()).then(|| x.log2()))),
        number("log1p", |a| each(a, |x| (x > -1.0 || x.is_nan()).then(|| x.ln_1p()))),
        number("bround", |a| each(a, |x| Some(x.round_ties_even()))),
    ]
}

fn each(arguments: &[ArrayRef], compute: fn(f64) -> Option<f64>) -> Result<ArrayRef> {
    let numbers = arguments[0].as_primitive::<Float64Type>();
    Ok(Arc::new(numbers.iter().map(|number| number.and_then(compute)).collect::<Float64Array>()))
}
