//! Whether a line is a record of its topic: judged as on reading, so that both agree on what is valid.

use super::reject::Problem;
use crate::catalog::Record;
use crate::record::decode::Decoder;
use crate::record::json::{Scan, Scanned};

/// After so many records the decoder's memory is given back.
const RECORDS: usize = 1_024;

/// Checks records of one topic, and finds their keys.
#[derive(Debug)]
pub struct Checker {
    /// None where someone else checks.
    decoder: Option<Decoder>,
    /// None where nobody wants keys.
    key: Option<String>,
}

impl Checker {
    /// A checker by what the catalog says of the records.
    pub fn new(record: &Record) -> Self {
        let all: Vec<String> = record.columns().fields.into_iter().map(|field| field.name).collect();
        Self { decoder: Some(Decoder::new(record, &all)), key: Some(record.key.clone()) }
    }

    /// One that checks nothing, for who decodes the records anyway, and finds keys where they are wanted.
    pub fn unchecked(record: &Record, wants_keys: bool) -> Self {
        Self { decoder: None, key: wants_keys.then(|| record.key.clone()) }
    }

    /// The key of a record; none where its key column is null.
    ///
    /// # Errors
    /// Why the record cannot be used.
    pub fn check(&mut self, json: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
        if let Some(decoder) = &mut self.decoder {
            decoder.push(Some(json))?;
            if decoder.rows() >= RECORDS {
                // Only its judgement was wanted, and a column that Arrow refuses would show on reading.
                drop(decoder.finish());
            }
        }
        let key = self.key.as_ref();
        Ok(key.and_then(|key| member(json, key.as_bytes()).ok().flatten()))
    }
}

/// The value of a member of a JSON object; of duplicates the last counts.
fn member(object: &[u8], name: &[u8]) -> Scanned<Option<Vec<u8>>> {
    let mut scan = Scan::new(object);
    let mut found = None;
    scan.expect(b'{', "'{'")?;
    if scan.take(b'}') {
        return Ok(None);
    }
    loop {
        let key = scan.key()?;
        if key.raw == name || key.escapes > 0 && key.to_bytes() == name {
            found = value(&mut scan)?;
        } else {
            scan.skip(1)?;
        }
        if !scan.more(b'}', "',' or '}'")? {
            return Ok(found);
        }
    }
}

/// A text without its quotes, a number as it stands; none for null.
fn value(scan: &mut Scan) -> Scanned<Option<Vec<u8>>> {
    if scan.peek() == b'"' {
        return Ok(Some(scan.text("a text")?.to_bytes()));
    }
    let start = scan.position();
    scan.skip(1)?;
    Ok(Some(scan.since(start).to_vec()).filter(|value| value != b"null"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::record::reject::Code;
    use crate::{Error, Result};

    #[test]
    fn the_key_is_the_value_of_the_key_column() {
        let key = |object: &str| {
            member(object.as_bytes(), b"id")
                .map(|key| key.map(|key| String::from_utf8_lossy(&key).into_owned()))
        };
        assert_eq!(key(r#"{"a":{"id":1},"id":"u\"1","b":[]}"#), Ok(Some("u\"1".into())));
        assert_eq!(key(r#"{"id":1,"\u0069d":2}"#), Ok(Some("2".into())));
        assert_eq!(key(r#"{"id":null}"#), Ok(None));
        assert_eq!(key("{}"), Ok(None));
    }

    #[test]
    fn every_column_is_checked_however_many_records_there_are() -> Result<()> {
        let catalog = Catalog::built_in()?;
        let record = catalog.topic("customer-transactions")?.record.as_ref();
        let mut checker = Checker::new(record.ok_or_else(|| Error::failed("no record"))?);
        for _ in 0..2 * RECORDS + 1 {
            let key = checker.check(br#"{"customer_id":"c","final_amount":1,"new_field":{}}"#);
            assert_eq!(key, Ok(Some(b"c".to_vec())));
        }
        let problem = checker.check(br#"{"customer_id":"c","final_amount":1,"city":7}"#);
        assert_eq!(problem.map_err(|problem| problem.code), Err(Code::TypeMismatch));
        Ok(())
    }
}
