//! Functions of JSON texts.

use super::kit::{Function, Prepared, each, texts};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType::{List, Map, Struct, Utf8};
use arrow::datatypes::Field;
use arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::common::{Result, exec_datafusion_err, plan_err};
use datafusion::logical_expr::ScalarUDF;
use serde_json::Value;
use std::sync::Arc;

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::of_any(
            "to_json",
            |types| match types {
                [Struct(_) | Map(..) | List(_)] => Ok(Utf8),
                _ => plan_err!("to_json takes a struct, a map or an array: to_json(struct(a, b))"),
            },
            |arguments| to_json(&arguments[0]),
        ),
        Function::judged(
            "get_json_object",
            [vec![Utf8, Utf8]],
            Utf8,
            get_json_object,
            (1, |text| path(text).map(|_| ())),
        ),
    ]
}

/// As Spark writes it: without the fields that are null, and times with milliseconds.
fn to_json(values: &ArrayRef) -> Result<ArrayRef> {
    let field = Arc::new(Field::new("value", values.data_type().clone(), true));
    let time = "%Y-%m-%dT%H:%M:%S%.3fZ".to_string();
    let options = EncoderOptions::default().with_timestamp_format(time);
    let mut encoder = make_encoder(&field, values, &options)?;
    let mut bytes = Vec::new();
    each(values.len(), |row| {
        if values.is_null(row) {
            return Ok(None);
        }
        bytes.clear();
        encoder.encode(row, &mut bytes);
        let text = String::from_utf8(bytes.clone());
        text.map(Some).map_err(|_| exec_datafusion_err!("to_json wrote what is not UTF-8"))
    })
}

/// A step into a document.
enum Step {
    Field(String),
    Item(usize),
}

fn get_json_object(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, paths) = (texts(&arguments[0])?, self::texts(&arguments[1])?);
    let mut prepared = Prepared::new(path);
    each(texts.len(), |row| {
        if texts.is_null(row) || paths.is_null(row) {
            return Ok(None);
        }
        let steps = prepared.of(paths.value(row))?;
        let Ok(document) = serde_json::from_str::<Value>(texts.value(row)) else { return Ok(None) };
        let found = steps.iter().try_fold(&document, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Item(index) => value.get(index),
        });
        Ok(match found {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        })
    })
}

/// Reads `$.a.b[0]['c']`.
fn path(text: &str) -> Result<Vec<Step>> {
    let wrong = || exec_datafusion_err!("'{text}' is no path into JSON: write it like $.a.b[0]");
    let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(named) = rest.strip_prefix('.') {
            let end = named.find(['.', '[']).unwrap_or(named.len());
            steps.push(Step::Field(named[..end].into()));
            rest = &named[end..];
        } else {
            let (inside, after) =
                rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(wrong)?;
            let quoted = inside.strip_prefix('\'').and_then(|inside| inside.strip_suffix('\''));
            steps.push(match quoted {
                Some(name) => Step::Field(name.into()),
                None => Step::Item(inside.parse().map_err(|_| wrong())?),
            });
            rest = after;
        }
    }
    Ok(steps)
}
