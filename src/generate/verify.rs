//! Whether a consumer's results are what a truth file says.

use crate::clock::Micros;
use crate::units::{format_time, parse_time};
use crate::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// How results are compared with the truth.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Whose results they are, where the truth is about several topics.
    pub topic: Option<String>,
    /// Whether late records must be missing in the results.
    pub without_late: bool,
    /// The column with the number of records; without it one of the usual names.
    pub records: Option<String>,
    /// The column with the sum of amounts; without it one of the usual names.
    pub amount: Option<String>,
}

/// The usual names of a number of records.
const RECORDS: &[&str] = &["record_count", "records", "n", "count", "transaction_count", "event_count"];
/// The usual names of a sum of amounts.
const AMOUNT: &[&str] = &["total_transaction_value", "revenue", "total_amount", "total", "amount"];
/// What results may be grouped by.
const GROUPS: &[&str] = &["category_id", "category_name", "event_category", "user_id"];

/// So many differences are kept to be shown.
const SHOWN: usize = 20;

/// What came out of a comparison. It is shown as JSON in this form.
#[derive(Debug, Default, Serialize)]
pub struct Comparison {
    /// How many windows and groups the results have.
    pub compared: u64,
    /// How many are not as the truth says, those included that are missing.
    pub different: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// A window, or a group in a window, that is not as the truth says.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where the window begins.
    pub window_start: String,
    /// Where it ends.
    pub window_end: String,
    /// The group's column and value; none where nothing is grouped.
    pub group: Option<String>,
    /// What it is about: `records`, `amount`, `missing`, `not expected`.
    pub what: &'static str,
    /// What the truth says.
    pub expected: String,
    /// What the results say.
    pub found: String,
}

/// A window and its group's column and value.
type Key = (Micros, Micros, Option<(&'static str, String)>);

/// The number of records, and the amount in cents where there is one.
type Sums = (u64, Option<i64>);

/// Compares results (CSV with a header, or lines of JSON) with a truth file. Where results show a window
/// more than once, the last time counts. The truth is kept in memory.
///
/// # Errors
/// A usage error when one of them cannot be read, or the results have no window or no number of records.
pub fn verify(truth: &mut dyn BufRead, results: &mut dyn BufRead, terms: &Terms) -> Result<Comparison> {
    let results = self::results(results, terms).map_err(|error| error.at("results"))?;
    let columns: BTreeSet<_> =
        results.keys().map(|(.., group)| group.as_ref().map(|(name, _)| *name)).collect();
    let sizes: BTreeSet<Micros> = results.keys().map(|(start, end, _)| end - start).collect();
    let truth = self::truth(truth, terms, &columns, &sizes).map_err(|error| error.at("truth"))?;
    if truth.is_empty() {
        return Err(Error::usage("the truth file has no such windows and groups as the results").hint(
            "write it with the same --truth-window; groups are category_id, category_name and user_id",
        ));
    }
    let mut comparison = Comparison { compared: results.len() as u64, ..Comparison::default() };
    for (key, sums) in &truth {
        comparison.compare(key, Some(*sums), results.get(key).copied());
    }
    for (key, sums) in results.iter().filter(|(key, _)| !truth.contains_key(*key)) {
        comparison.compare(key, None, Some(*sums));
    }
    Ok(comparison)
}

impl Comparison {
    fn compare(&mut self, key: &Key, expected: Option<Sums>, found: Option<Sums>) {
        let records = |sums: Sums| format!("{} records", sums.0);
        let (what, expected, found) = match (expected, found) {
            (Some(expected), None) => ("missing", records(expected), "nothing".to_owned()),
            (None, Some(found)) => ("not expected", "nothing".to_owned(), records(found)),
            (Some(expected), Some(found)) if expected.0 != found.0 => {
                ("records", expected.0.to_string(), found.0.to_string())
            }
            (Some((_, Some(expected))), Some((_, Some(found)))) if expected != found => {
                ("amount", dollars(expected), dollars(found))
            }
            _ => return,
        };
        self.different += 1;
        if self.differences.len() < SHOWN {
            let group = key.2.as_ref().map(|(column, value)| format!("{column} {value}"));
            let (window_start, window_end) = (format_time(key.0), format_time(key.1));
            self.differences.push(Difference { window_start, window_end, group, what, expected, found });
        }
    }
}

fn dollars(cents: i64) -> String {
    format!("{}{}.{:02}", if cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
}

/// What the truth says of windows of these sizes, grouped by these columns.
fn truth(
    lines: &mut dyn BufRead,
    terms: &Terms,
    columns: &BTreeSet<Option<&'static str>>,
    sizes: &BTreeSet<Micros>,
) -> Result<BTreeMap<Key, Sums>> {
    let (mut truth, mut topics) = (BTreeMap::new(), BTreeSet::new());
    let (records, cents) = match terms.without_late {
        true => ("records_on_time", "cents_on_time"),
        false => ("records", "cents"),
    };
    each_object(lines, |object| {
        let Some((start, end)) = window(&object)? else { return Ok(()) };
        let topic = text(object.get("kind"));
        if terms.topic.as_ref().is_some_and(|wanted| *wanted != topic) {
            return Ok(());
        }
        topics.insert(topic);
        let number = |name: &str| object.get(name).and_then(Value::as_u64);
        let count = number(records).ok_or_else(|| Error::usage(format!("a window has no '{records}'")))?;
        // A window in which all are late is no window without them.
        if !sizes.contains(&(end - start)) || count == 0 {
            return Ok(());
        }
        let sums = (count, number(cents).map(|cents| cents as i64));
        let groups: Vec<_> = GROUPS.iter().filter(|group| object.contains_key(**group)).collect();
        if groups.is_empty() && columns.contains(&None) {
            truth.insert((start, end, None), sums);
        }
        for group in groups.into_iter().filter(|group| columns.contains(&Some(**group))) {
            truth.insert((start, end, Some((*group, text(object.get(*group))))), sums);
        }
        Ok(())
    })?;
    match topics.len() {
        0 | 1 => Ok(truth),
        _ => {
            let topics = topics.into_iter().collect::<Vec<_>>().join(", ");
            Err(Error::usage(format!("it is about several topics: {topics}"))
                .hint("say with --topic whose results they are"))
        }
    }
}

/// The windows of results.
fn results(lines: &mut dyn BufRead, terms: &Terms) -> Result<BTreeMap<Key, Sums>> {
    let mut results = BTreeMap::new();
    let mut add = |object: Map<String, Value>| -> Result<()> {
        let (start, end) = window(&object)?.ok_or_else(|| {
            Error::usage("a row has no window").hint("results need the columns window_start and window_end")
        })?;
        let find = |wanted: &Option<String>, usual: &[&str]| match wanted {
            Some(name) => object.get(name.as_str()).map(Some).ok_or_else(|| no_column(name)),
            None => Ok(usual.iter().find_map(|name| object.get(*name))),
        };
        let records = find(&terms.records, RECORDS)?.ok_or_else(|| no_column(RECORDS[0]))?;
        let records = number(records)?.round() as u64;
        let amount = find(&terms.amount, AMOUNT)?.map(number).transpose()?;
        let group = GROUPS.iter().find(|group| object.contains_key(**group));
        let group = group.map(|group| (*group, text(object.get(*group))));
        results.insert((start, end, group), (records, amount.map(|amount| (amount * 100.0).round() as i64)));
        Ok(())
    };
    if lines.fill_buf()?.trim_ascii_start().starts_with(b"{") {
        each_object(lines, add)?;
    } else {
        let mut rows = csv::Reader::from_reader(lines);
        for row in rows.deserialize::<Map<String, Value>>() {
            add(row.map_err(|error| Error::usage(error.to_string()))?)?;
        }
    }
    Ok(results)
}

fn no_column(name: &str) -> Error {
    Error::usage(format!("there is no column '{name}'"))
        .hint("name the columns with --records-column and --amount-column")
}

fn window(object: &Map<String, Value>) -> Result<Option<(Micros, Micros)>> {
    let time = |name: &str| object.get(name).map(|value| parse_time(&text(Some(value)))).transpose();
    Ok(time("window_start")?.zip(time("window_end")?))
}

fn each_object(
    lines: &mut dyn BufRead,
    mut each: impl FnMut(Map<String, Value>) -> Result<()>,
) -> Result<()> {
    for (number, line) in lines.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let place = || format!("line {}", number + 1);
        let object = serde_json::from_str(&line)
            .map_err(|error| Error::usage(format!("no JSON object ({error})")).at(place()))?;
        each(object).map_err(|error| error.at(place()))?;
    }
    Ok(())
}

/// A value as text, without quotes.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

fn number(value: &Value) -> Result<f64> {
    let text = text(Some(value));
    text.parse().map_err(|_| Error::usage(format!("'{text}' is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: &str = r#"{"kind":"transactions","seed":7,"from_row":0}
{"kind":"transactions","row":3,"id":"txn_000000000004","fault":"late","delay_ms":9,"timestamp":"2026-01-05T00:00:10.000Z"}
{"kind":"transactions","window":"1m","window_start":"2026-01-05T00:00:00.000Z","window_end":"2026-01-05T00:01:00.000Z","records":3,"records_on_time":2,"cents":305,"cents_on_time":205}
{"kind":"transactions","window":"1m","window_start":"2026-01-05T00:00:00.000Z","window_end":"2026-01-05T00:01:00.000Z","category_id":"cat_01","category_name":"Books","records":3,"records_on_time":2,"cents":305,"cents_on_time":205}
{"kind":"transactions","window":"1m","window_start":"2026-01-05T00:01:00.000Z","window_end":"2026-01-05T00:02:00.000Z","records":1,"records_on_time":0,"cents":100,"cents_on_time":0}
{"kind":"transactions","rows":9,"records":4,"copies":1,"refused":4,"tombstones":0}
"#;
    const CSV: &str = "window_start,window_end,record_count,total_transaction_value\n\
        2026-01-05 00:00:00,2026-01-05 00:01:00,1,1\n2026-01-05 00:00:00,2026-01-05 00:01:00,3,3.05\n";

    /// What a difference is about, what was expected, what was found.
    type Shown = (&'static str, String, String);

    fn compared(results: &str, terms: &Terms) -> Result<(u64, Vec<Shown>)> {
        let comparison = verify(&mut TRUTH.as_bytes(), &mut results.as_bytes(), terms)?;
        let shown = comparison.differences.into_iter().map(|it| (it.what, it.expected, it.found)).collect();
        Ok((comparison.different, shown))
    }

    #[test]
    fn the_last_rows_of_results_are_compared() -> Result<()> {
        let missing = vec![("missing", "1 records".to_owned(), "nothing".to_owned())];
        assert_eq!(compared(CSV, &Terms::default())?, (1, missing));
        let whole = format!("{CSV}2026-01-05 00:01:00,2026-01-05 00:02:00,1,1.00\n");
        assert_eq!(compared(&whole, &Terms::default())?, (0, vec![]));
        let json = r#"{"window_start":"2026-01-05T00:00:00Z","window_end":"2026-01-05T00:01:00Z","category_name":"Books","n":3,"revenue":3.04}"#;
        let wrong = vec![("amount", "3.05".to_owned(), "3.04".to_owned())];
        assert_eq!(compared(json, &Terms::default())?, (1, wrong));
        Ok(())
    }

    #[test]
    fn results_can_be_held_against_the_records_that_were_not_late() -> Result<()> {
        let terms = Terms { without_late: true, ..Terms::default() };
        let wrong = vec![("records", "2".to_owned(), "3".to_owned())];
        assert_eq!(compared(CSV, &terms)?, (1, wrong));
        Ok(())
    }

    #[test]
    fn truth_about_several_topics_is_compared_with_one() -> Result<()> {
        let other = TRUTH.replace("transactions", "user-events").replace("305", "0");
        let both = format!("{TRUTH}{other}");
        let compare = |topic: Option<&str>| {
            let terms = Terms { topic: topic.map(str::to_owned), ..Terms::default() };
            verify(&mut both.as_bytes(), &mut CSV.as_bytes(), &terms)
        };
        let error = compare(None).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("transactions, user-events"), "{error}");
        assert_eq!(compare(Some("transactions"))?.different, 1);
        assert_eq!(compare(Some("user-events"))?.different, 2);
        assert!(compare(Some("product-updates")).is_err());
        Ok(())
    }

    #[test]
    fn what_is_no_result_is_named() {
        for (results, word) in [("a,b\n1,2\n", "window_start"), ("{\n", "line 1"), ("", "no such windows")] {
            let error = compared(results, &Terms::default()).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(word)), "{error:?}");
        }
    }
}
