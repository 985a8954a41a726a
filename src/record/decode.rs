//! JSON records into Arrow columns: only those that are wanted, and a reason for each record refused.

use super::checks::{Checks, checked_by_value};
use super::column::excerpt;
use super::columns::{Columns, Use};
use super::json::{Malformed, Scan};
use super::observed::Observed;
use super::reject::{Code, Reject};
use super::schema::{Field, Schema};
use crate::catalog::Record;
use arrow::array::ArrayRef;
use arrow::error::ArrowError;

/// Decodes the records of one topic, one after the other, into columns.
///
/// Whether a record is valid does not depend on which columns are wanted: the whole document must be
/// well formed, and the NOT NULL columns, the roles and the rules are checked always.
#[derive(Debug)]
pub struct Decoder {
    columns: Columns,
    wanted: Vec<usize>,
    checks: Checks,
}

impl Decoder {
    /// A decoder of a topic's records that gives the columns named in `wanted`, in that order.
    pub fn new(record: &Record, wanted: &[String]) -> Self {
        Self::with(record, wanted, Use::Nothing)
    }

    /// One for which the types of the other columns matter too, though their values are not kept.
    pub fn strict(record: &Record, wanted: &[String]) -> Self {
        Self::with(record, wanted, Use::Presence)
    }

    fn with(record: &Record, wanted: &[String], others: Use) -> Self {
        let all = record.columns();
        let by_value = checked_by_value(record);
        let used = |field: &Field| {
            if wanted.contains(&field.name) || by_value.contains(&field.name) {
                Use::Values
            } else if !field.nullable || record.roles.customer.as_ref() == Some(&field.name) {
                Use::Presence
            } else {
                others
            }
        };
        let read = all.fields.iter().filter(|field| used(field) != Use::Nothing).cloned().collect();
        let read = Schema { fields: read };
        let position = |name: &String| read.fields.iter().position(|field| field.name == *name);
        Self {
            columns: Columns::new(&all.fields, used),
            wanted: wanted.iter().filter_map(position).collect(),
            checks: Checks::new(record, &read),
        }
    }

    /// How many records were accepted since the last [`Self::finish`].
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    /// Reads one record's value.
    ///
    /// # Errors
    /// Why the record cannot be used; the decoder is as it was before it.
    #[inline]
    pub fn push(&mut self, value: Option<&[u8]>) -> Result<(), Reject> {
        let judged = match value {
            None => Err(Reject::new(Code::MalformedJson, "the value is null")),
            Some(bytes) => self.read(bytes).and_then(|()| self.checks.check(&self.columns.columns)),
        };
        match judged {
            Ok(()) => self.columns.accept(),
            Err(_) => self.columns.refuse(),
        }
        judged
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Reject> {
        let mut scan = Scan::new(bytes);
        scan.peek();
        match self.columns.read(&mut scan, 1).and_then(|()| scan.end()) {
            Ok(()) if scan.is_ascii() => Ok(()),
            Ok(()) => utf8(bytes),
            Err(wrong) => Err(malformed(&wrong, bytes)),
        }
    }

    /// The wanted columns of the accepted records; the decoder is empty again.
    ///
    /// # Errors
    /// When Arrow refuses a column, which is a fault of this module.
    pub fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let columns = self.columns.finish()?;
        Ok(self.wanted.iter().map(|index| columns[*index].clone()).collect())
    }

    /// The text that the last accepted record has in the wanted column with this number; none where it is null
    /// or no text.
    #[inline]
    pub fn last_text(&self, number: usize) -> Option<&[u8]> {
        let column = self.wanted.get(number).and_then(|index| self.columns.columns.get(*index))?;
        column.text(self.rows().checked_sub(1)?)
    }

    /// Forgets the accepted records, for whom only their judgement was wanted.
    pub fn clear(&mut self) {
        self.columns.truncate(0);
    }

    /// What all records so far had that the schema does not say.
    pub fn observed(&self) -> Observed {
        let mut observed = Observed::default();
        self.columns.observe("", &mut observed);
        observed
    }
}

/// Texts that are not UTF-8 are malformed, wherever they are.
fn utf8(bytes: &[u8]) -> Result<(), Reject> {
    simdutf8::compat::from_utf8(bytes).map(drop).map_err(|error| {
        Reject::new(Code::MalformedJson, format!("at byte {}: not UTF-8", error.valid_up_to()))
    })
}

#[cold]
fn malformed(wrong: &Malformed, bytes: &[u8]) -> Reject {
    let found = bytes.get(wrong.at..).filter(|rest| !rest.is_empty());
    let found = found.map_or("the end".into(), |rest| format!("'{}'", excerpt(&rest[..rest.len().min(12)])));
    let reason = format!("at byte {}: expected {}, found {found}", wrong.at, wrong.expected);
    utf8(bytes).err().unwrap_or_else(|| Reject::new(Code::MalformedJson, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int32Type, TimestampMicrosecondType};

    const GOOD: &str = r#"{"transaction_id":"t1","user_id":"u1","product_id":"p1","price":9.5,"quantity":2,
        "timestamp":"2025-07-27T10:08:09.123Z","user_location":{"city":"Rome","latitude":41.9},"unknown":[{}]}"#;

    fn decoder(wanted: &[&str]) -> Decoder {
        let catalog = Catalog::built_in().expect("valid");
        let record = catalog.topic("transactions").expect("declared").record.clone().expect("records");
        let wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        Decoder::new(&record, &wanted)
    }

    fn refusal(decoder: &mut Decoder, text: &str) -> String {
        decoder.push(Some(text.as_bytes())).expect_err(text).to_string()
    }

    #[test]
    fn wanted_columns_come_in_the_wanted_order() {
        let mut decoder = decoder(&["quantity", "price", "timestamp", "brand"]);
        decoder.push(Some(GOOD.as_bytes())).expect("good");
        decoder
            .push(Some(GOOD.replace("9.5", "1,\"price\":7").as_bytes()))
            .expect("the last duplicate counts");
        let columns = decoder.finish().expect("columns");
        assert_eq!(columns[0].as_primitive::<Int32Type>().values(), &[2, 2]);
        assert_eq!(columns[1].as_primitive::<Float64Type>().values(), &[9.5, 7.0]);
        assert_eq!(columns[2].as_primitive::<TimestampMicrosecondType>().value(0), 1_753_610_889_123_000);
        assert_eq!(columns[3].null_count(), 2);
        assert_eq!(decoder.rows(), 0);
    }

    #[test]
    fn nested_columns_are_decoded() {
        let mut decoder = decoder(&["user_location"]);
        decoder.push(Some(GOOD.as_bytes())).expect("good");
        decoder
            .push(Some(GOOD.replace(r#","unknown""#, r#","user_location":{},"unknown""#).as_bytes()))
            .expect("good");
        let columns = decoder.finish().expect("columns");
        let place = columns[0].as_struct();
        assert_eq!(place.column_by_name("city").expect("declared").as_string::<i32>().value(0), "Rome");
        assert!(
            place.column_by_name("city").expect("declared").is_null(1),
            "a second object clears the first"
        );
    }

    #[test]
    fn each_kind_of_bad_record_has_its_code() {
        let mut decoder = decoder(&["brand", "user_location"]);
        for (bad, expected) in [
            (
                GOOD.replace("9.5", "9.5.5"),
                "MALFORMED_JSON: at byte 67: expected ',' or '}', found '.5,\"quantity'",
            ),
            (GOOD.replace("\"u1\"", "null"), "NULL_CUSTOMER: user_id is null"),
            (GOOD.replace("\"product_id\"", "\"nobody\""), "MISSING_FIELD: product_id is missing or null"),
            (GOOD.replace("9.5", "\"dear\""), "TYPE_MISMATCH: price = \"dear\" is not DOUBLE"),
            (GOOD.replace("9.5", "1e400"), "TYPE_MISMATCH: price = 1e400 is not DOUBLE"),
            (GOOD.replace(":2,", ":2.0,"), "TYPE_MISMATCH: quantity = 2.0 is not INT"),
            (GOOD.replace("9.5", "0"), "INVALID_AMOUNT: total_amount = 0 is not above 0"),
            (
                GOOD.replace("9.5", "1,\"discount_applied\":2"),
                "INVALID_AMOUNT: total_amount = 0 is not above 0",
            ),
            (GOOD.replace("9.5", "null"), "NULL_AMOUNT: total_amount is null, as price is"),
            (
                GOOD.replace(":2,", ":null,").replace("\"u1\"", "null"),
                "NULL_AMOUNT: total_amount is null, as quantity is",
            ),
            (
                GOOD.replace("9.5", "-9.5").replace(":2,", ":-2,"),
                "INVALID_VALUE: price = -9.5 is not above 0",
            ),
            (
                GOOD.replace("\"unknown\"", "\"brand\":7,\"unknown\""),
                "TYPE_MISMATCH: brand = 7 is not STRING",
            ),
            (GOOD.replace("41.9", "[]"), "TYPE_MISMATCH: user_location.latitude = [] is not STRUCT"),
            (GOOD.replace("\"unknown\":[{}]}", ""), "MALFORMED_JSON"),
            ("[]".into(), "MALFORMED_JSON: at byte 0: expected '{', found '[]'"),
            ("{} {}".into(), "MALFORMED_JSON: at byte 3: expected the end of the record, found '{}'"),
        ] {
            let reason = refusal(&mut decoder, &bad);
            assert!(reason.starts_with(expected), "{reason}\n{expected}");
        }
        assert_eq!(decoder.push(None).expect_err("null").code, Code::MalformedJson);
        assert_eq!(decoder.push(Some(b"{\"a\":\"\xff\"}")).expect_err("not UTF-8").code, Code::MalformedJson);
        decoder.push(Some(GOOD.as_bytes())).expect("a refused record leaves nothing behind");
        assert_eq!(decoder.finish().expect("columns")[0].len(), 1);
    }

    #[test]
    fn the_type_of_a_column_that_nobody_wants_does_not_matter() {
        decoder(&["price"])
            .push(Some(GOOD.replace("\"unknown\"", "\"brand\":7,\"x\"").as_bytes()))
            .expect("good");
    }

    #[test]
    fn what_the_schema_does_not_say_is_counted() {
        let mut decoder = decoder(&["price"]);
        let odd =
            GOOD.replace("\"city\":\"Rome\"", "\"planet\":3,\"city\":[4]").replace("9.5", "9.5,\"brand\":{}");
        for text in [GOOD, &odd, &GOOD.replace("9.5", "\"9.5\""), &odd] {
            let _ = decoder.push(Some(text.as_bytes()));
        }
        let observed = decoder.observed();
        let counts: Vec<_> = observed.unknown.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(counts, [("unknown", 4), ("user_location.planet", 2)]);
        let drifts: Vec<_> = observed.drift.iter().map(|(name, drift)| (name.as_str(), &drift.0)).collect();
        let found = |kind, count| std::collections::BTreeMap::from([(kind, count)]);
        assert_eq!(
            drifts,
            [
                ("brand", &found("object", 2)),
                ("price", &found("text", 1)),
                ("user_location.city", &found("array", 2))
            ]
        );
    }

    #[test]
    fn maps_are_decoded() {
        let catalog = Catalog::built_in().expect("valid");
        let record = catalog.topic("user-events").expect("declared").record.clone().expect("records");
        let mut decoder = Decoder::new(&record, &["event_properties".to_string()]);
        let event = |properties: &str| {
            format!(
                r#"{{"event_id":"e","user_id":"u","session_id":"s","event_type":"view",
                "timestamp":1753610889123,"event_properties":{properties}}}"#
            )
        };
        for properties in [r#"{"a":"1","b":null}"#, "null", "{}"] {
            decoder.push(Some(event(properties).as_bytes())).expect(properties);
        }
        assert!(decoder.push(Some(event(r#"{"a":1}"#).as_bytes())).is_err());
        let columns = decoder.finish().expect("columns");
        let maps = columns[0].as_map();
        assert_eq!(
            (maps.len(), maps.value_length(0), maps.is_null(1), maps.value_length(2)),
            (3, 2, true, 0)
        );
    }
}
