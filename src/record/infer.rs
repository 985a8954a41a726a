//! What the records of a topic are, judged by some of them.

use super::schema::{Field, Schema, Type};
use super::timestamp;
use serde_json::Value;

/// What was seen of the records so far.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    records: u64,
    fields: Vec<(String, Option<Kind>)>,
}

/// What all values of a field were; with nulls left out.
#[derive(Debug, Clone)]
enum Kind {
    Boolean,
    Integer,
    Number,
    Time,
    Text,
    Object(Seen),
    /// What has no type here: arrays, and values of several kinds.
    Mixed,
}

impl Seen {
    /// Looks at a record. What is no JSON object says nothing.
    pub fn add(&mut self, value: &[u8]) {
        if let Ok(Value::Object(object)) = serde_json::from_slice(value) {
            self.add_object(&object);
        }
    }

    /// How many records were looked at.
    pub fn records(&self) -> u64 {
        self.records
    }

    fn add_object(&mut self, object: &serde_json::Map<String, Value>) {
        self.records += 1;
        for (name, value) in object {
            let known = self.fields.iter().position(|(known, _)| known == name);
            let field = known.unwrap_or_else(|| {
                self.fields.push((name.clone(), None));
                self.fields.len() - 1
            });
            let kind = self.fields[field].1.take();
            self.fields[field].1 = merged(kind, value);
        }
    }

    /// The columns, and the names of fields that cannot be columns: arrays, mixed values, odd names.
    pub fn schema(&self) -> (Schema, Vec<String>) {
        let mut left_out = Vec::new();
        let fields = self.columns("", &mut left_out);
        (Schema { fields }, left_out)
    }

    fn columns(&self, within: &str, left_out: &mut Vec<String>) -> Vec<Field> {
        let mut columns = Vec::new();
        for (name, kind) in &self.fields {
            let path = format!("{within}{name}");
            let plain =
                !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
            let kind = match kind {
                None | Some(Kind::Text) => Type::String,
                Some(Kind::Boolean) => Type::Boolean,
                Some(Kind::Integer) => Type::BigInt,
                Some(Kind::Number) => Type::Double,
                Some(Kind::Time) => Type::Timestamp,
                Some(Kind::Object(seen)) => Type::Struct(seen.columns(&format!("{path}."), left_out)),
                Some(Kind::Mixed) => {
                    left_out.push(path);
                    continue;
                }
            };
            if !plain || kind == Type::Struct(vec![]) {
                left_out.push(path);
                continue;
            }
            columns.push(Field { name: name.clone(), kind, nullable: true });
        }
        columns
    }
}

/// What values of a kind and one more value are together.
fn merged(kind: Option<Kind>, value: &Value) -> Option<Kind> {
    let new = match value {
        Value::Null => return kind,
        Value::Bool(_) => Kind::Boolean,
        Value::Number(number) if number.is_i64() => Kind::Integer,
        Value::Number(_) => Kind::Number,
        Value::String(text) if timestamp::parse(text.as_bytes()).is_some() => Kind::Time,
        Value::String(_) => Kind::Text,
        Value::Array(_) => Kind::Mixed,
        Value::Object(object) => {
            let mut seen = match kind {
                None => Seen::default(),
                Some(Kind::Object(seen)) => seen,
                Some(_) => return Some(Kind::Mixed),
            };
            seen.add_object(object);
            return Some(Kind::Object(seen));
        }
    };
    Some(match (kind, new) {
        (None, new) => new,
        (Some(Kind::Boolean), Kind::Boolean) => Kind::Boolean,
        (Some(Kind::Integer), Kind::Integer) => Kind::Integer,
        (Some(Kind::Integer | Kind::Number), Kind::Integer | Kind::Number) => Kind::Number,
        (Some(Kind::Time), Kind::Time) => Kind::Time,
        (Some(Kind::Time | Kind::Text), Kind::Time | Kind::Text) => Kind::Text,
        _ => Kind::Mixed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_that_all_values_have_is_taken() {
        let mut seen = Seen::default();
        for record in [
            r#"{"id":"a","n":1,"x":1,"at":"2025-07-27T10:08:09Z","who":{"name":"b","age":1},"ok":true,"odd-name":1}"#,
            r#"{"id":"2025-07-27T10:08:09Z","n":2,"x":1.5,"at":null,"who":{"age":2},"tags":[],"none":null,"mixed":1}"#,
            r#"{"mixed":"a"}"#,
            "not JSON",
        ] {
            seen.add(record.as_bytes());
        }
        let (schema, left_out) = seen.schema();
        assert_eq!(
            schema.to_string(),
            "id STRING, n BIGINT, x DOUBLE, at TIMESTAMP, who STRUCT<name: STRING, age: BIGINT>, ok BOOLEAN, \
             none STRING"
        );
        assert_eq!(left_out, ["odd-name", "tags", "mixed"]);
        assert_eq!(seen.records(), 3);
        assert_eq!(Schema::parse(&schema.to_string()), Ok(schema));
    }
}
