//! Functions of arrays and maps.

use super::kit::Function;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, Scalar, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, kernels::cmp, take};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DFSchema, Result, exec_err, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{ExprSchemable, GetFieldAccess, ScalarUDF};
use std::sync::Arc;

/// Plans `values[index]`, which counts from 0 in Spark, and `map[key]`.
#[derive(Debug, Default)]
pub struct SparkAccess;

impl ExprPlanner for SparkAccess {
    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { field_access, expr } = raw;
        let function = match expr.get_type(schema) {
            Ok(DataType::Map(..)) => element_at(),
            Ok(DataType::List(_)) => item(),
            _ => return Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, expr })),
        };
        match field_access {
            GetFieldAccess::ListIndex { key } => Ok(PlannerResult::Planned(function.call(vec![expr, *key]))),
            other => Ok(PlannerResult::Original(RawFieldAccessExpr { field_access: other, expr })),
        }
    }
}

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    let lenient = Function::of_any("try_element_at", element, |a| at(a, |index| index, true));
    let get = Function::of_any("get", element, |a| at(a, from_zero, true));
    vec![element_at(), item(), lenient, get, Function::of_any("reverse", of_reverse, reverse)]
}

fn element_at() -> ScalarUDF {
    Function::of_any("element_at", element, |a| at(a, |index| index, false))
}

/// `values[index]`: the first has index 0.
fn item() -> ScalarUDF {
    Function::of_any("__item", element, |a| {
        at(a, |index| if index < 0 { i64::MAX } else { index + 1 }, false)
    })
}

/// An index from 0 as one from 1; what is below 0 is no index.
fn from_zero(index: i64) -> i64 {
    if index < 0 { i64::MAX } else { index + 1 }
}

fn of_reverse(types: &[DataType]) -> Result<DataType> {
    match types {
        [DataType::List(_)] => Ok(types[0].clone()),
        [DataType::Utf8 | DataType::Null] => Ok(DataType::Utf8),
        _ => plan_err!("reverse takes an array or a STRING"),
    }
}

/// The letters of texts, or the elements of arrays, from the last to the first.
fn reverse(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(lists) = arguments[0].as_list_opt::<i32>() else {
        let texts = cast(&arguments[0], &DataType::Utf8)?;
        let texts = super::kit::texts(&texts)?;
        return super::kit::each(texts.len(), |row| {
            Ok(texts.is_valid(row).then(|| texts.value(row).chars().rev().collect()))
        });
    };
    let offsets = lists.value_offsets().windows(2);
    let backwards: UInt32Array =
        offsets.flat_map(|pair| (pair[0]..pair[1]).rev()).map(|row| row as u32).collect();
    let DataType::List(field) = lists.data_type() else { return plan_err!("reverse takes an array") };
    let lengths = lists.value_offsets().windows(2).map(|pair| (pair[1] - pair[0]) as usize);
    let values = take(lists.values(), &backwards, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, lists.nulls().cloned())?))
}

fn element(types: &[DataType]) -> Result<DataType> {
    match types {
        [DataType::List(field), index] if index.is_integer() => Ok(field.data_type().clone()),
        [DataType::Map(entries, _), _] => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Ok(fields[1].data_type().clone()),
            other => plan_err!("a map of {other} has no values"),
        },
        _ => plan_err!("element_at takes an array and an index from 1, or a map and a key"),
    }
}

/// The element of each row; where an array has none, an error, or null.
fn at(arguments: &[ArrayRef], from_one: fn(i64) -> i64, lenient: bool) -> Result<ArrayRef> {
    if let Some(maps) = arguments[0].as_map_opt() {
        let keys = cast(&arguments[1], maps.key_type())?;
        let rows: UInt32Array = (0..maps.len())
            .map(|row| {
                if maps.is_null(row) || keys.is_null(row) {
                    return Ok(None);
                }
                let (from, count) = (maps.value_offsets()[row], maps.value_length(row));
                let own = maps.keys().slice(from as usize, count as usize);
                let equal = cmp::eq(&own, &Scalar::new(keys.slice(row, 1)))?;
                Ok((0..equal.len()).rev().find(|key| equal.value(*key)).map(|key| from as u32 + key as u32))
            })
            .collect::<Result<_>>()?;
        return Ok(take(maps.values(), &rows, None)?);
    }
    let lists = arguments[0].as_list::<i32>();
    let indices = cast(&arguments[1], &DataType::Int64)?;
    let indices = indices.as_primitive::<Int64Type>();
    let rows: UInt32Array = (0..lists.len())
        .map(|row| {
            if lists.is_null(row) || indices.is_null(row) {
                return Ok(None);
            }
            let (from, count) = (i64::from(lists.value_offsets()[row]), i64::from(lists.value_length(row)));
            match from_one(indices.value(row)) {
                index if 0 < index && index <= count => Ok(Some((from + index - 1) as u32)),
                index if index < 0 && -index <= count => Ok(Some((from + count + index) as u32)),
                _ if lenient => Ok(None),
                _ => {
                    let index = indices.value(row);
                    exec_err!("an array of {count} has no element {index}: try_element_at gives null instead")
                }
            }
        })
        .collect::<Result<_>>()?;
    Ok(take(lists.values(), &rows, None)?)
}
