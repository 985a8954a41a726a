//! The text of the file, consumer by consumer: what is wrong with one is no mistake of the others.

use super::Entry;
use super::definition::{Definition, Kind, Value, check_name};
use crate::catalog::suggest;
use crate::{Error, Result};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The fields of a consumer.
const FIELDS: [&str; 6] = ["name", "type", "topic", "group", "query", "options"];

/// The consumers of a text.
pub fn entries(path: &Path, text: &str) -> Result<Vec<Entry>> {
    let line = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    let place = |at: usize, error: Error| error.at(format!("{}, line {}", path.display(), line(at)));
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut entries: Vec<(usize, Entry)> = Vec::new();
    for (key, value) in table.get_ref() {
        if key.get_ref() != "consumer" {
            let error = Error::usage(format!("there is no '{}'", key.get_ref()));
            let error = suggest(error, key.get_ref(), ["consumer"].into_iter());
            return Err(place(key.span().start, error));
        }
        let Some(tables) = value.get_ref().as_array() else {
            let error = Error::usage("a consumer begins with [[consumer]], in two brackets");
            return Err(place(key.span().start, error));
        };
        for (number, table) in tables.iter().enumerate() {
            let at = table.span().start;
            let entry = entry(path, number, table, &line, &entries);
            entries.push((at, entry));
        }
    }
    // What cannot be read belongs to the consumer above it.
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let message = place(at, Error::usage(error.message().trim().replace('\n', ", ")));
        let Some((_, own)) = entries.iter_mut().rev().find(|(start, _)| *start <= at) else {
            return Err(message);
        };
        if own.definition.is_ok() {
            own.definition = Err(message.at(format!("consumer '{}'", own.name)));
        }
    }
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn entry(
    path: &Path,
    number: usize,
    value: &Spanned<DeValue<'_>>,
    line: &dyn Fn(usize) -> usize,
    before: &[(usize, Entry)],
) -> Entry {
    let start = line(value.span().start);
    let Some(table) = value.get_ref().as_table() else {
        let error = Error::usage("a consumer is a table").at(format!("{}, line {start}", path.display()));
        return Entry { name: format!("#{}", number + 1), definition: Err(error) };
    };
    let name = table.get("name").and_then(|name| name.get_ref().as_str());
    let mut definition = Definition {
        name: name.map_or_else(|| format!("#{}", number + 1), str::to_string),
        file: path.into(),
        line: start,
        ..Definition::default()
    };
    let read = read(&mut definition, table, line).and_then(|()| {
        let is_there = before.iter().any(|(_, other)| other.name == definition.name);
        if is_there {
            let error = Error::usage("there is one of this name above");
            return Err(definition.wrong(Some("name"), error));
        }
        Ok(())
    });
    Entry { name: definition.name.clone(), definition: read.map(|()| definition) }
}

fn read(definition: &mut Definition, table: &DeTable<'_>, line: &dyn Fn(usize) -> usize) -> Result<()> {
    for key in table.keys() {
        definition.lines.insert(key.get_ref().to_string(), line(key.span().start));
    }
    if let Some(key) = table.keys().find(|key| !FIELDS.contains(&key.get_ref().as_ref())) {
        let error = suggest(Error::usage("there is no such field"), key.get_ref(), FIELDS.into_iter());
        return Err(definition.wrong(Some(key.get_ref()), error));
    }
    let text = |definition: &Definition, field: &str| match table.get(field).map(Spanned::get_ref) {
        None => Ok(None),
        Some(DeValue::String(text)) => Ok(Some(text.to_string())),
        Some(other) => {
            let error = Error::usage(format!("this is a text, and not a {}", other.type_str()));
            Err(definition.wrong(Some(field), error))
        }
    };
    let Some(name) = text(definition, "name")? else {
        return Err(definition.wrong(None, Error::usage("it has no name").hint("name = \"my_consumer\"")));
    };
    check_name(&name).map_err(|error| definition.wrong(Some("name"), error))?;
    let names = Kind::ALL.map(Kind::name);
    let kind = text(definition, "type")?
        .ok_or_else(|| definition.wrong(None, Error::usage("it has no type").hint(names.join(", "))))?;
    definition.kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(|| {
        let error = suggest(Error::usage(format!("there is no type '{kind}'")), &kind, names.into_iter());
        definition.wrong(Some("type"), error)
    })?;
    definition.topic = text(definition, "topic")?;
    definition.group = text(definition, "group")?;
    definition.query = text(definition, "query")?.map(Into::into);
    options(definition, table, line)?;
    definition.check()
}

fn options(definition: &mut Definition, table: &DeTable<'_>, line: &dyn Fn(usize) -> usize) -> Result<()> {
    let Some(options) = table.get("options") else { return Ok(()) };
    let Some(options) = options.get_ref().as_table() else {
        let error = Error::usage("options are a table").hint("[consumer.options]");
        return Err(definition.wrong(Some("options"), error));
    };
    for (key, value) in options {
        let name = format!("option '{}'", key.get_ref());
        definition.lines.insert(name.clone(), line(key.span().start));
        let value = match value.get_ref() {
            DeValue::Boolean(given) => Value::Flag(*given),
            DeValue::Array(values) => {
                let values = values.iter().map(|value| scalar(value.get_ref()));
                Value::Many(
                    values.collect::<Result<_>>().map_err(|error| definition.wrong(Some(&name), error))?,
                )
            }
            value => Value::One(scalar(value).map_err(|error| definition.wrong(Some(&name), error))?),
        };
        definition.options.push((key.get_ref().to_string(), value));
    }
    definition.options.sort_by_key(|(name, _)| definition.lines.get(&format!("option '{name}'")).copied());
    Ok(())
}

fn scalar(value: &DeValue<'_>) -> Result<String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_string()),
        DeValue::Float(number) => Ok(number.as_str().to_string()),
        DeValue::Datetime(time) => Ok(time.to_string()),
        other => {
            let error = Error::usage(format!("an option is no {}", other.type_str()));
            Err(error.hint("a text, a number, true, or a list of texts"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, Result<Definition, String>)> {
        let entries = entries(Path::new("consumers.toml"), text).unwrap();
        let text = |error: Error| error.to_string();
        entries.into_iter().map(|entry| (entry.name, entry.definition.map_err(text))).collect()
    }

    #[test]
    fn a_mistake_names_file_line_and_field_and_the_others_are_there() {
        let good = "[[consumer]]\nname = 'good'\ntype = 'transaction'\n";
        for (bad, expected) in [
            (
                "name = 'b'\ntype = 'transation'",
                "line 3: consumer 'b', type: there is no type 'transation': did you mean 'transaction'?",
            ),
            (
                "name = 'b'\ntopik = 'x'\ntype = 'transaction'",
                "line 3: consumer 'b', topik: there is no such field: did you mean 'topic'?",
            ),
            ("name = '../b'\ntype = 'transaction'", "line 2: consumer '../b', name: '../b' is no name"),
            ("name = 'b'", "line 1: consumer 'b': it has no type"),
            ("type = 'query'", "line 1: consumer '#1': it has no name"),
            ("name = 'b'\ntype = 'query'", "line 3: consumer 'b', type: a consumer of type query has a file"),
            (
                "name = 'b'\ntype = 'query'\nquery = 'x.sql'\ntopic = 't'",
                "line 5: consumer 'b', topic: a query file names",
            ),
            ("name = 'b'\ntype = 7", "line 3: consumer 'b', type: this is a text, and not a integer"),
            (
                "name = 'b'\ntype = 'transaction'\n[consumer.options]\nsink = [[1]]",
                "line 5: consumer 'b', option 'sink': an option is no array",
            ),
            ("name = 'b'\ntype = 'transaction'\ngroup = 'x", "line 4"),
        ] {
            let found = parsed(&format!("[[consumer]]\n{bad}\n\n{good}"));
            let error = found[0].1.as_ref().unwrap_err();
            assert!(error.contains("consumers.toml, ") && error.contains(expected), "{error}\n{expected}");
            assert!(found.last().is_some_and(|(name, good)| name == "good" && good.is_ok()), "{found:?}");
        }
        let twice = parsed(&good.repeat(2));
        assert!(twice[0].1.is_ok());
        assert!(twice[1].1.as_ref().unwrap_err().contains("line 5: consumer 'good', name: there is one"));
    }

    #[test]
    fn what_is_no_consumer_is_a_mistake_of_the_file() {
        for (text, expected) in [
            (
                "[[consumers]]\nname = 'x'",
                "consumers.toml, line 1: there is no 'consumers': did you mean 'consumer'?",
            ),
            ("[consumer]\nname = 'x'", "in two brackets"),
            ("= 3", "line 1"),
        ] {
            let error = entries(Path::new("consumers.toml"), text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn options_have_their_values_in_the_order_of_the_file() {
        let found = parsed(
            "[[consumer]]\nname = 'x'\ntype = 'transaction'\n[consumer.options]\nwindow = '10s'\nrows = 5\n\
             quality = true\nagg = ['a', 'b']\n",
        );
        let options = &found[0].1.as_ref().unwrap().options;
        let one = |text: &str| Value::One(text.into());
        let expected = [
            ("window".to_string(), one("10s")),
            ("rows".into(), one("5")),
            ("quality".into(), Value::Flag(true)),
            ("agg".into(), Value::Many(vec!["a".into(), "b".into()])),
        ];
        assert_eq!(options, &expected);
    }
}
