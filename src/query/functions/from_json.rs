//! `from_json(text, 'a INT, b STRUCT<c: STRING>')`: the values that a JSON text has for a schema, as Spark's
//! PERMISSIVE mode reads them: what does not fit is null, and nothing is an error.

use super::kit::texts;
use super::time::time_of;
use crate::record::schema::{Field, Schema, Type};
use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, MapArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field as ArrowField, FieldRef};
use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::Value;
use std::sync::Arc;

/// The function.
pub fn from_json() -> ScalarUDF {
    let takes = vec![DataType::Utf8, DataType::Utf8];
    ScalarUDF::from(FromJson(Signature::exact(takes, Volatility::Immutable)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FromJson(Signature);

impl ScalarUDFImpl for FromJson {
    fn name(&self) -> &str {
        "from_json"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type of from_json is in its second argument")
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let text = arguments.scalar_arguments.get(1).copied().flatten().and_then(|text| text.try_as_str());
        let Some(Some(text)) = text else {
            return plan_err!("from_json takes its schema as a text: from_json(value, 'a INT, b STRING')");
        };
        Ok(Arc::new(ArrowField::new(self.name(), kind(text)?.to_arrow(), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [values, ColumnarValue::Scalar(schema)] = arguments.args.as_slice() else {
            return plan_err!("from_json takes a text and a schema");
        };
        let kind = kind(schema.try_as_str().flatten().unwrap_or_default())?;
        let values = values.to_array(arguments.number_rows)?;
        Ok(ColumnarValue::Array(read(texts(&values)?, &kind)?))
    }
}

/// What a schema says: columns, which are those of a struct, or a STRUCT or a MAP itself.
fn kind(text: &str) -> Result<Type> {
    let start = text.trim_start().to_ascii_uppercase();
    let is_type = start.starts_with("STRUCT<") || start.starts_with("MAP<");
    let schema = if is_type { Schema::parse(&format!("value {text}")) } else { Schema::parse(text) };
    let mut fields = schema.map_err(|error| plan_datafusion_err!("from_json: {error}"))?.fields;
    match is_type.then(|| fields.pop()).flatten() {
        Some(Field { kind, .. }) => Ok(kind),
        None => Ok(Type::Struct(fields)),
    }
}

fn read(texts: &StringArray, kind: &Type) -> Result<ArrayRef> {
    let values: Vec<Value> = texts.iter().map(|text| document(text, kind)).collect();
    column(&values.iter().collect::<Vec<_>>(), kind)
}

/// The first value of a text. A text that is none has no fields; a text of blanks is nothing.
fn document(text: Option<&str>, kind: &Type) -> Value {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Value::Null };
    let first = serde_json::Deserializer::from_str(text).into_iter().next();
    match (first, kind) {
        (Some(Ok(value @ Value::Object(_))), _) => value,
        (_, Type::Struct(_)) => Value::Object(serde_json::Map::new()),
        _ => Value::Null,
    }
}

/// The values as a column, null where they are of another type.
fn column(values: &[&Value], kind: &Type) -> Result<ArrayRef> {
    let all = values.iter();
    Ok(match kind {
        Type::String => Arc::new(all.map(|value| text(value)).collect::<StringArray>()),
        Type::Int => Arc::new(all.map(|value| value.as_i64()?.try_into().ok()).collect::<Int32Array>()),
        Type::BigInt => Arc::new(all.map(|value| value.as_i64()).collect::<Int64Array>()),
        Type::Double => Arc::new(all.map(|value| double(value)).collect::<Float64Array>()),
        Type::Boolean => Arc::new(all.map(|value| value.as_bool()).collect::<BooleanArray>()),
        Type::Timestamp => Arc::new(all.map(|value| time(value)).collect::<TimestampMicrosecondArray>()),
        Type::Struct(fields) => {
            let nulls: NullBuffer = all.map(|value| value.is_object()).collect();
            let own = |field: &Field| {
                let parts = values.iter().map(|value| value.get(&field.name).unwrap_or(&Value::Null));
                column(&parts.collect::<Vec<_>>(), &field.kind)
            };
            let columns = fields.iter().map(own).collect::<Result<_>>()?;
            let fields = fields.iter().map(|field| Arc::new(field.to_arrow())).collect();
            Arc::new(StructArray::try_new_with_length(fields, columns, Some(nulls), values.len())?)
        }
        Type::Map(of) => Arc::new(map(values, of, &kind.to_arrow())?),
    })
}

/// Maps; one with a value of another type is null.
fn map(values: &[&Value], of: &Type, kind: &DataType) -> Result<MapArray> {
    let (mut keys, mut parts, mut lengths, mut valid) = (vec![], vec![], vec![], vec![]);
    for value in values {
        let entries: Vec<_> = value.as_object().into_iter().flatten().collect();
        let own: Vec<_> = entries.iter().map(|(_, part)| *part).collect();
        let column = column(&own, of)?;
        let fits = value.is_object()
            && own.iter().enumerate().all(|(row, part)| part.is_null() || column.is_valid(row));
        valid.push(fits);
        lengths.push(if fits { entries.len() } else { 0 });
        if fits {
            keys.extend(entries.iter().map(|(key, _)| key.as_str()));
            parts.extend(own);
        }
    }
    let DataType::Map(entries, sorted) = kind else { return Err(exec_datafusion_err!("not a map")) };
    let DataType::Struct(fields) = entries.data_type() else { return Err(exec_datafusion_err!("not a map")) };
    let columns = vec![Arc::new(StringArray::from(keys)) as ArrayRef, column(&parts, of)?];
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(MapArray::try_new(entries.clone(), offsets, rows, Some(valid.into()), *sorted)?)
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn double(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity" | "+Infinity" | "INF" | "+INF") => Some(f64::INFINITY),
        Some("-Infinity" | "-INF") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    }
}

/// A time as text, or seconds since the epoch; in microseconds.
fn time(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => time_of(text).ok(),
        other => other.as_i64()?.checked_mul(1_000_000),
    }
}
