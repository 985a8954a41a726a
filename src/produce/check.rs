//! Whether a line is a record of its topic: judged as on reading, so that both agree on what is valid.

use super::reject::Problem;
use super::source::Row;
use crate::catalog::{Record, Topic};
use crate::clock::Micros;
use crate::record::decode::Decoder;
use crate::record::json::{Scan, Scanned};
use crate::record::reject::Code;
use crate::record::schema::Type;
use crate::units;

/// After so many records the decoder's memory is given back.
const RECORDS: usize = 1_024;

/// Checks records of one topic, and finds their keys and their times.
#[derive(Debug)]
pub struct Checker {
    /// None where someone else checks, or nobody.
    judge: Option<Judge>,
    /// None where nobody wants keys.
    key: Option<String>,
    /// None where nobody wants times.
    time: Option<String>,
    /// No record may have more bytes.
    most: usize,
    /// The key's column, where a row with nothing else is a tombstone.
    tombstone: Option<String>,
}

/// Reads records for what is wrong with them.
#[derive(Debug)]
struct Judge {
    decoder: Decoder,
    /// The key is a text, so that the decoder has read it too.
    reads_key: bool,
}

impl Checker {
    /// A checker by what the catalog says of the records.
    pub fn new(record: &Record) -> Self {
        let key = record.columns().field(&record.key).map(|field| field.kind.clone());
        let judge = Judge {
            decoder: Decoder::strict(record, std::slice::from_ref(&record.key)),
            reads_key: matches!(key, Some(Type::String)),
        };
        Self { judge: Some(judge), ..Self::unchecked(record, true) }
    }

    /// One that checks nothing, for who decodes the records anyway or means them to be wrong, and finds keys
    /// where they are wanted.
    pub fn unchecked(record: &Record, wants_keys: bool) -> Self {
        let key = wants_keys.then(|| record.key.clone());
        Self { judge: None, key, time: None, most: usize::MAX, tombstone: None }
    }

    /// The same that also reads when a record happened from this column.
    #[must_use]
    pub fn timed(self, column: Option<String>) -> Self {
        Self { time: column, ..self }
    }

    /// The same that also refuses records of more than `most` bytes.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// The same that takes a row with its key and nothing else for a tombstone, where the topic is compacted.
    #[must_use]
    pub fn tombstones(self, topic: &Topic) -> Self {
        let key = topic.record.as_ref().map(|record| record.key.clone());
        Self { tombstone: key.filter(|_| topic.is_compacted()), ..self }
    }

    /// Checks the row's value, and gives the row its key and its time; none where the column is null.
    ///
    /// # Errors
    /// Why the record cannot be used.
    pub fn check(&mut self, row: &mut Row) -> Result<(), Problem> {
        if row.value.len() > self.most {
            let reason = format!("the record is larger than the topic's {} bytes", self.most);
            return Err(Problem::row(Code::TooLarge, reason));
        }
        if let Some(key) = self.tombstone.as_ref().and_then(|column| tombstone(&row.value, column)) {
            (row.key, row.time) = (Some(key), None);
            row.value.clear();
            return Ok(());
        }
        row.time = None;
        if let Some(judge) = &mut self.judge {
            judge.judge(&row.value)?;
            if judge.reads_key && self.time.is_none() {
                set(&mut row.key, judge.decoder.last_text(0));
                return Ok(());
            }
        }
        self.find(row);
        Ok(())
    }

    /// Looks for the key and the time.
    fn find(&self, row: &mut Row) {
        let mut key = row.key.take().unwrap_or_default();
        let mut has_key = false;
        // Of duplicates the last counts. What is not well formed has neither, where nobody checks.
        let read = members(&row.value, |name, scan| {
            if self.key.as_deref().is_some_and(|key| key.as_bytes() == name) {
                has_key = value(scan, &mut key)?;
            } else if self.time.as_deref().is_some_and(|time| time.as_bytes() == name) {
                row.time = time(scan)?;
            } else {
                scan.skip(1)?;
            }
            Ok(())
        });
        row.key = Some(key).filter(|_| has_key && read.is_ok());
    }
}

impl Judge {
    fn judge(&mut self, record: &[u8]) -> Result<(), Problem> {
        if self.decoder.rows() >= RECORDS {
            self.decoder.clear();
        }
        Ok(self.decoder.push(Some(record))?)
    }
}

/// Puts a text, or nothing, in the place of another one.
fn set(place: &mut Option<Vec<u8>>, text: Option<&[u8]>) {
    match text {
        Some(text) => {
            let place = place.get_or_insert_default();
            place.clear();
            place.extend_from_slice(text);
        }
        None => *place = None,
    }
}

/// The key of an object in which nothing but its column is there.
fn tombstone(object: &[u8], column: &str) -> Option<Vec<u8>> {
    let (mut key, mut other, mut others) = (None, Vec::new(), false);
    let read = members(object, |name, scan| {
        let is_there = value(scan, &mut other)?;
        match name == column.as_bytes() {
            true => key = is_there.then(|| other.clone()),
            false => others |= is_there,
        }
        Ok(())
    });
    key.filter(|_| read.is_ok() && !others)
}

/// Gives the name of each member of a JSON object to `take`, which reads its value.
fn members<'a>(object: &'a [u8], mut take: impl FnMut(&[u8], &mut Scan<'a>) -> Scanned<()>) -> Scanned<()> {
    let mut scan = Scan::new(object);
    scan.expect(b'{', "'{'")?;
    if scan.take(b'}') {
        return Ok(());
    }
    loop {
        let key = scan.key()?;
        match key.escapes {
            0 => take(key.raw, &mut scan)?,
            _ => take(&key.to_bytes(), &mut scan)?,
        }
        if !scan.more(b'}', "',' or '}'")? {
            return Ok(());
        }
    }
}

/// Reads a text without its quotes, or a number as it stands; whether it is not null.
fn value(scan: &mut Scan, into: &mut Vec<u8>) -> Scanned<bool> {
    into.clear();
    if scan.peek() == b'"' {
        let text = scan.text("a text")?;
        match text.escapes {
            0 => into.extend_from_slice(text.raw),
            _ => into.extend_from_slice(&text.to_bytes()),
        }
        return Ok(true);
    }
    let start = scan.position();
    scan.skip(1)?;
    into.extend_from_slice(scan.since(start));
    Ok(into != b"null")
}

/// Reads an instant as a text or in epoch milliseconds.
fn time(scan: &mut Scan) -> Scanned<Option<Micros>> {
    let mut text = Vec::new();
    let is_there = value(scan, &mut text)?;
    let text = std::str::from_utf8(&text).ok().filter(|_| is_there);
    Ok(text.and_then(|text| units::parse_time(text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::{Error, Result};

    fn checker() -> Result<(Checker, Record)> {
        let catalog = Catalog::built_in()?;
        let record = catalog.topic("customer-transactions")?.record.clone();
        let record = record.ok_or_else(|| Error::failed("no record"))?;
        Ok((Checker::new(&record), record))
    }

    #[test]
    fn the_key_is_the_value_of_the_key_column() -> Result<()> {
        let record = Record { key: "id".into(), ..checker()?.1 };
        let mut checker = Checker::unchecked(&record, true).timed(Some("at".into()));
        let mut row = Row::default();
        let mut found = |object: &str| {
            row.value = object.into();
            checker.check(&mut row).map(|()| {
                let key = row.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
                (key, row.time)
            })
        };
        assert_eq!(found(r#"{"a":{"id":1},"id":"u\"1","b":[]}"#), Ok((Some("u\"1".into()), None)));
        assert_eq!(found(r#"{"id":1,"\u0069d":2,"at":1}"#), Ok((Some("2".into()), Some(1_000))));
        let time = Some(1_753_610_889_500_000);
        assert_eq!(found(r#"{"id":null,"at":"2025-07-27 10:08:09.5"}"#), Ok((None, time)));
        assert_eq!(found(r#"{"at":"2025-07-27T12:08:09.5+02:00"}"#), Ok((None, time)));
        assert_eq!(found("{\"at\":\"soon\"}"), Ok((None, None)));
        assert_eq!(found("{}"), Ok((None, None)));
        assert_eq!(found(r#"{"id":7,"cut"#), Ok((None, None)));
        Ok(())
    }

    #[test]
    fn a_row_with_its_key_alone_is_a_tombstone_where_the_topic_is_compacted() -> Result<()> {
        let catalog = Catalog::built_in()?;
        let check = |topic: &str, object: &str| -> Result<(bool, Option<Vec<u8>>)> {
            let topic = catalog.topic(topic)?;
            let record = topic.record.as_ref().ok_or_else(|| Error::failed("no record"))?;
            let mut row = Row { value: object.into(), ..Row::default() };
            let checked = Checker::new(record).tombstones(topic).check(&mut row);
            Ok((checked.is_ok() && row.is_tombstone(), row.key))
        };
        for object in [r#"{"product_id":"p"}"#, r#"{"product_id":"p","price":null,"timestamp":null}"#] {
            assert_eq!(check("product-updates", object)?, (true, Some(b"p".to_vec())), "{object}");
        }
        for object in
            [r#"{"product_id":null}"#, "{}", r#"{"product_id":"p","price":1.5}"#, r#"{"product_id":"p""#]
        {
            assert!(!check("product-updates", object)?.0, "{object}");
        }
        assert!(!check("customer-transactions", r#"{"customer_id":"c"}"#)?.0);
        Ok(())
    }

    #[test]
    fn every_column_is_checked_however_many_records_there_are() -> Result<()> {
        let mut checker = checker()?.0;
        let mut row = Row::default();
        for _ in 0..2 * RECORDS + 1 {
            row.value = br#"{"customer_id":"c","final_amount":1,"new_field":{}}"#.to_vec();
            assert_eq!(checker.check(&mut row), Ok(()));
            assert_eq!(row.key.as_deref(), Some(b"c".as_slice()));
        }
        row.value = br#"{"customer_id":"c","final_amount":1,"city":7}"#.to_vec();
        let problem = checker.check(&mut row);
        assert_eq!(problem.map_err(|problem| problem.code), Err(Code::TypeMismatch));
        Ok(())
    }

    #[test]
    fn the_key_is_found_on_the_way_or_looked_for() -> Result<()> {
        let (mut checker, mut record) = checker()?;
        let mut row = Row::default();
        let mut key = |checker: &mut Checker, object: &str| {
            row.value = object.into();
            checker
                .check(&mut row)
                .map(|()| row.key.as_deref().map(|key| String::from_utf8_lossy(key).into()))
        };
        let twice = r#"{"customer_id":"a","final_amount":1,"customer_id":"\u0062"}"#;
        assert_eq!(key(&mut checker, twice), Ok(Some("b".to_owned())));
        record.key = "city".into();
        let nullable = r#"{"customer_id":"a","final_amount":1,"city":null}"#;
        assert_eq!(key(&mut Checker::new(&record), nullable), Ok(None));
        assert_eq!(
            key(&mut Checker::new(&record), &nullable.replace("null", "\"\"")),
            Ok(Some(String::new()))
        );
        record.key = "age".into();
        let number = r#"{"customer_id":"a","final_amount":1,"age":7}"#;
        assert_eq!(key(&mut Checker::new(&record), number), Ok(Some("7".to_owned())));
        let refused = key(&mut Checker::new(&record).at_most(10), number);
        assert_eq!(refused.map_err(|problem| problem.code), Err(Code::TooLarge));
        Ok(())
    }
}
