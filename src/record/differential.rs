//! The decoder held against serde_json, on generated documents and on what is left of them when bytes are
//! changed: one and the same judgement, one and the same value, whatever was read before.

use super::decode::Decoder;
use super::reject::Code;
use super::schema::{Field, Schema, Type};
use super::timestamp;
use crate::catalog::{Record, Roles};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::time::Duration;

const SCHEMA: &str = "id STRING NOT NULL, n INT, big BIGINT, x DOUBLE, ok BOOLEAN, at TIMESTAMP, größe STRING, \
    place STRUCT<city: STRING, point: STRUCT<x: DOUBLE, y: DOUBLE>>, tags MAP<STRING, STRING>, \
    a_name_that_is_longer_than_thirty_two_bytes STRING";

fn record() -> Record {
    Record {
        schema: Schema::parse(SCHEMA).expect("valid"),
        added: Schema::default(),
        key: "id".into(),
        time: "at".into(),
        watermark: Duration::ZERO,
        roles: Roles::default(),
        rules: vec![],
        critical: vec![],
        derived: vec![],
        windowed: vec![],
    }
}

/// What the decoder must say of one document: its values, or a code. None where the reference cannot say:
/// it takes no number beyond a float's range, and -0 is a float to it.
fn expected(bytes: &[u8], schema: &Schema, wanted: &[String]) -> Option<Result<Vec<Value>, Code>> {
    let members = match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => members,
        Err(error) if error.to_string().contains("out of range") => return None,
        _ => return Some(Err(Code::MalformedJson)),
    };
    if Value::Object(members.clone()).to_string().contains("-0.0") {
        return None;
    }
    let mut values = Vec::new();
    for field in &schema.fields {
        let read = wanted.contains(&field.name);
        if !read && field.nullable {
            continue;
        }
        let Some(value) = as_type(members.get(&field.name).unwrap_or(&Value::Null), &field.kind) else {
            return Some(Err(Code::TypeMismatch));
        };
        if value.is_null() && !field.nullable {
            return Some(Err(Code::MissingField));
        }
        values.extend(read.then_some(value));
    }
    Some(Ok(values))
}

/// A value as a column gives it, or nothing where it cannot be of that type.
fn as_type(value: &Value, kind: &Type) -> Option<Value> {
    if value.is_null() {
        return Some(Value::Null);
    }
    match kind {
        Type::String => value.is_string().then(|| value.clone()),
        Type::Boolean => value.is_boolean().then(|| value.clone()),
        Type::Int => i32::try_from(value.as_i64()?).ok().map(Value::from),
        Type::BigInt => value.as_i64().map(Value::from),
        Type::Double => value.as_f64().map(Value::from),
        Type::Timestamp => match value {
            Value::String(text) => timestamp::parse(text.as_bytes()).map(Value::from),
            _ => timestamp::of_millis(value.as_i64()?).map(Value::from),
        },
        Type::Struct(fields) => {
            let members = value.as_object()?;
            let of = |field: &Field| {
                let value = members.get(&field.name).unwrap_or(&Value::Null);
                Some((field.name.clone(), as_type(value, &field.kind)?))
            };
            fields.iter().map(of).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Type::Map(kind) => {
            let of = |(key, value): (&String, &Value)| Some((key.clone(), as_type(value, kind)?));
            value.as_object()?.iter().map(of).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}

/// The value that a column has in a row.
fn at(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Timestamp(..) => column.as_primitive::<TimestampMicrosecondType>().value(row).into(),
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(column.as_struct().columns());
            Value::Object(columns.map(|(field, column)| (field.name().clone(), at(column, row))).collect())
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let entry = |row| (keys.as_string::<i32>().value(row).to_string(), at(values, row));
            Value::Object((0..entries.len()).map(entry).collect())
        }
        other => panic!("no column is {other}"),
    }
}

/// The same, floats to the last digits: the reference does not round them as well as the decoder.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() => {
            let (one, other) = (one.as_f64().expect("a float"), other.as_f64().expect("a float"));
            (one - other).abs() <= one.abs() * 1e-14
        }
        _ => one == other,
    }
}

/// Texts of values, right and wrong ones, for a column.
fn value(kind: &'static str) -> BoxedStrategy<String> {
    let texts = prop_oneof![
        "[a-z ]{0,40}",
        any::<String>(),
        Just("2025-07-27T10:08:09.123Z".into()),
        Just("2025-07-28T23:59:60Z".into()),
        "2025-07-2[0-9]T[0-2][0-9]:08:09.[0-9]{3}Z",
    ];
    let texts = (texts, any::<bool>()).prop_map(|(text, escaped)| match escaped {
        true => {
            format!("\"{}\"", text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>())
        }
        false => Value::from(text).to_string(),
    });
    let numbers = "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?";
    let integers = "-?[1-9][0-9]{0,10}";
    let place =
        "\\{( \"city\" : \"[a-zé]{0,20}\"|\"point\":\\{\"x\":1.5,\"y\":(2|null|-7e3)\\}|\"z\":\\[\\])?\\}";
    let tags = "\\{(\"alpha\":(\"1\"|null|1)(,\"omega\" :\"[a-z]{0,20}\")?)?\\}";
    let others =
        prop::sample::select(vec!["null", "true", "false", "[]", "{}", "[1,{\"a\":[null]}]", "{\"a\":{}}"]);
    let right = match kind {
        "text" => texts.clone().boxed(),
        "integer" => integers.boxed(),
        "number" => numbers.boxed(),
        "boolean" => prop::sample::select(vec!["true", "false"]).prop_map(str::to_string).boxed(),
        "place" => place.boxed(),
        _ => tags.boxed(),
    };
    prop_oneof![12 => right, 1 => texts, 1 => numbers, 1 => others.prop_map(str::to_string)].boxed()
}

/// A document: members in one order mostly, some missing, some twice, some unknown, with odd blanks.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let member = |key: &'static str, kind| {
        (value(kind), 0..20).prop_map(move |(value, odd)| match odd {
            0 => String::new(),
            1 => format!("\"\\u{:04x}{}\":{value},", key.as_bytes()[0], &key[1..]),
            2 => format!(" \"{key}\" : {value} ,\n"),
            3 => format!("\"{key}\":{value},\"{key}\":{value},"),
            _ => format!("\"{key}\":{value},"),
        })
    };
    let members = [
        member("id", "text"),
        member("n", "integer"),
        member("big", "integer"),
        member("x", "number"),
        member("unknown", "text"),
        member("ok", "boolean"),
        member("at", "text"),
        member("place", "place"),
        member("tags", "tags"),
        member("a_name_that_is_longer_than_thirty_two_bytes", "text"),
    ];
    let names = "(,\"größe\":\"[a-zß]{0,20}\")?(,\"[a-zé]{1,3}\":[0-9])?";
    (members, names, any::<bool>(), 0usize..10).prop_map(|(mut members, more, usual, turn)| {
        if !usual {
            members.rotate_left(turn);
        }
        format!("{{{}\"last\":1{more}}}", members.concat()).into_bytes()
    })
}

/// A document, perhaps with a few bytes changed, or cut off.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let with = prop::sample::select(b"{}[]\",:\\0123456789eE+-.tfnul \n\x01\x00aA/\xff\xc3\xa9\xed".to_vec());
    let changes = prop::collection::vec((any::<prop::sample::Index>(), with), 0..4);
    (document(), changes, 0usize..20, any::<prop::sample::Index>()).prop_map(
        |(mut bytes, changes, cut, end)| {
            for (at, with) in changes.into_iter().skip(1) {
                let at = at.index(bytes.len());
                bytes[at] = with;
            }
            bytes.truncate(if cut == 0 { end.index(bytes.len()) } else { bytes.len() });
            bytes
        },
    )
}

proptest! {
    #[test]
    fn documents_are_judged_and_read_as_the_reference_does(
        inputs in prop::collection::vec(input(), 1..12), all in any::<bool>(),
    ) {
        let record = record();
        let schema = record.columns();
        let names = schema.fields.iter().map(|field| field.name.clone());
        let wanted: Vec<_> = names.filter(|name| all || ["id", "x", "at"].contains(&name.as_str())).collect();
        let mut decoder = Decoder::new(&record, &wanted);
        let mut strict = Decoder::strict(&record, std::slice::from_ref(&record.key));
        let mut rows = Vec::new();
        for bytes in &inputs {
            let text = String::from_utf8_lossy(bytes);
            let Some(expected) = expected(bytes, &schema, &wanted) else { continue };
            let judged = decoder.push(Some(bytes)).map_err(|reject| reject.code);
            prop_assert_eq!(judged, expected.as_ref().map(drop).map_err(|code| *code), "{}", text);
            if all {
                let strictly = strict.push(Some(bytes)).map_err(|reject| reject.code);
                prop_assert_eq!(strictly, judged, "{}", text);
                let key = judged.is_ok().then(|| strict.last_text(0)).flatten().map(String::from_utf8_lossy);
                prop_assert_eq!(key.as_deref(), expected.as_ref().ok().and_then(|values| values[0].as_str()));
            }
            rows.extend(expected.ok().map(|values| (text.into_owned(), values)));
        }
        prop_assert!(strict.finish().is_ok());
        let columns = decoder.finish().expect("columns");
        for (row, (text, values)) in rows.iter().enumerate() {
            for ((column, value), name) in columns.iter().zip(values).zip(&wanted) {
                let found = at(column, row);
                prop_assert!(same(&found, value), "{}: {} but {}\n{}", name, found, value, text);
            }
        }
    }
}
