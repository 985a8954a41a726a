//! Functions of texts.

use super::kit::{Function, Judge, Prepared, each, texts};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListBuilder, StringBuilder};
use arrow::datatypes::DataType::{Boolean, Int32, Int64, List, Utf8};
use arrow::datatypes::{Field, Int64Type};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::ScalarUDF;
use regex::Regex;
use std::sync::Arc;

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    let regex: (usize, Judge) = (1, |text| pattern(text).map(|_| ()));
    let test = |name, body| Function::udf(name, [vec![Utf8, Utf8]], Boolean, body);
    let pieces = List(Arc::new(Field::new_list_field(Utf8, true)));
    let two_or_three = || [vec![Utf8, Utf8], vec![Utf8, Utf8, Int64]];
    vec![
        test("startswith", |a| holds(a, |text, start| Ok(text.starts_with(start)))),
        test("endswith", |a| holds(a, |text, end| Ok(text.ends_with(end)))),
        Function::judged("rlike", [vec![Utf8, Utf8]], Boolean, rlike, regex)
            .with_aliases(["regexp_like", "regexp"]),
        Function::udf("initcap", [vec![Utf8]], Utf8, initcap),
        Function::udf("locate", [vec![Utf8, Utf8], vec![Utf8, Utf8, Int64]], Int32, locate),
        Function::judged("split", two_or_three(), pieces, split, regex),
        Function::judged("regexp_extract", two_or_three(), Utf8, extract, regex),
        Function::judged("regexp_replace", [vec![Utf8, Utf8, Utf8]], Utf8, replace, regex),
    ]
}

/// Words are what blanks stand between.
fn initcap(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = texts(&arguments[0])?;
    each(texts.len(), |row| {
        if texts.is_null(row) {
            return Ok(None);
        }
        let mut text = String::with_capacity(texts.value(row).len());
        for letter in texts.value(row).chars() {
            match text.chars().last() {
                None | Some(' ') => text.extend(letter.to_uppercase()),
                Some(_) => text.extend(letter.to_lowercase()),
            }
        }
        Ok(Some(text))
    })
}

/// The place of a text in another, in letters from 1; 0 where it is not there.
fn locate(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (parts, texts) = (texts(&arguments[0])?, self::texts(&arguments[1])?);
    let from = arguments.get(2).map(|from| from.as_primitive::<Int64Type>());
    let place = |row: usize| {
        if parts.is_null(row) || texts.is_null(row) || from.is_some_and(|from| from.is_null(row)) {
            return None;
        }
        let (text, from) = (texts.value(row), from.map_or(1, |from| from.value(row)));
        let Some(skipped) = usize::try_from(from).ok().and_then(|from| from.checked_sub(1)) else {
            return Some(0);
        };
        let start = text.char_indices().nth(skipped).map_or(text.len(), |(start, _)| start);
        let found = text[start..].find(parts.value(row));
        Some(found.map_or(0, |found| text[..start + found].chars().count() as i32 + 1))
    };
    Ok(Arc::new((0..texts.len()).map(place).collect::<Int32Array>()))
}

fn rlike(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let mut prepared = Prepared::new(pattern);
    holds(arguments, |text, regex| Ok(prepared.of(regex)?.is_match(text)))
}

fn pattern(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| {
        let reason = match error {
            regex::Error::Syntax(text) => text.lines().last().unwrap_or_default().trim().to_string(),
            other => other.to_string(),
        };
        exec_datafusion_err!("'{text}' is no regular expression: {reason}")
    })
}

fn holds(arguments: &[ArrayRef], mut test: impl FnMut(&str, &str) -> Result<bool>) -> Result<ArrayRef> {
    let (texts, others) = (texts(&arguments[0])?, self::texts(&arguments[1])?);
    let results = texts.iter().zip(others).map(|pair| match pair {
        (Some(text), Some(other)) => test(text, other).map(Some),
        _ => Ok(None),
    });
    Ok(Arc::new(results.collect::<Result<BooleanArray>>()?))
}

fn split(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (texts(&arguments[0])?, self::texts(&arguments[1])?);
    let limits = arguments.get(2).map(|limits| limits.as_primitive::<Int64Type>());
    let mut prepared = Prepared::new(pattern);
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..texts.len() {
        let valid = texts.is_valid(row) && patterns.is_valid(row);
        if valid {
            let limit = limits.map_or(0, |limits| limits.value(row));
            let most = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
            for piece in pieces(texts.value(row), prepared.of(patterns.value(row))?, most) {
                lists.values().append_value(piece);
            }
        }
        lists.append(valid);
    }
    Ok(Arc::new(lists.finish()))
}

/// At most so many pieces. A match of nothing splits between letters only, as in Java.
fn pieces<'a>(text: &'a str, pattern: &Regex, most: usize) -> Vec<&'a str> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    for found in pattern.find_iter(text) {
        if pieces.len() + 1 >= most {
            break;
        }
        let between = 0 < found.start() && found.start() < text.len();
        if found.is_empty() && !between {
            continue;
        }
        pieces.push(&text[from..found.start()]);
        from = found.end();
    }
    pieces.push(&text[from..]);
    pieces
}

fn extract(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (texts(&arguments[0])?, self::texts(&arguments[1])?);
    let groups = arguments.get(2).map(|groups| groups.as_primitive::<Int64Type>());
    let mut prepared = Prepared::new(pattern);
    each(texts.len(), |row| {
        let known = groups.is_none_or(|groups| groups.is_valid(row));
        if texts.is_null(row) || patterns.is_null(row) || !known {
            return Ok(None);
        }
        let regex = prepared.of(patterns.value(row))?;
        let group = groups.map_or(1, |groups| groups.value(row));
        let Some(index) = usize::try_from(group).ok().filter(|group| *group < regex.captures_len()) else {
            return exec_err!("'{regex}' has {} groups, and no group {group}", regex.captures_len() - 1);
        };
        let found = regex.captures(texts.value(row)).and_then(|captures| captures.get(index));
        Ok(Some(found.map_or(String::new(), |found| found.as_str().into())))
    })
}

fn replace(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (texts(&arguments[0])?, self::texts(&arguments[1])?);
    let replacements = self::texts(&arguments[2])?;
    let mut prepared = Prepared::new(pattern);
    let mut template = Prepared::new(|text| Ok(replacement(text)));
    each(texts.len(), |row| {
        if texts.is_null(row) || patterns.is_null(row) || replacements.is_null(row) {
            return Ok(None);
        }
        let (regex, template) = (prepared.of(patterns.value(row))?, template.of(replacements.value(row))?);
        Ok(Some(regex.replace_all(texts.value(row), template.as_str()).into_owned()))
    })
}

/// Java's replacement text (`$1`, `\$`) as this library writes it (`${1}`, `$$`).
fn replacement(java: &str) -> String {
    let mut out = String::new();
    let mut letters = java.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => {}
            },
            '$' => {
                out.push_str("${");
                while let Some(digit) = letters.next_if(char::is_ascii_digit) {
                    out.push(digit);
                }
                out.push('}');
            }
            other => out.push(other),
        }
    }
    out
}
