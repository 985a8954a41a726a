//! Every mistake in a catalog's file, each with its line and column.

mod keys;

use super::{Catalog, RECORD_TIME, Topic, in_kafkas_units, nearest};
use crate::record::schema::{Schema, Type};
use crate::units::parse_duration;
use keys::{DEAD_LETTERS, DEFAULTS, Key, Kind, OF_RECORDS, TOPIC};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Something that is wrong in a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what may be meant.
    pub message: String,
}

/// What others know of a catalog; each says what is wrong, and `None` where nothing is.
pub struct Checks<'a> {
    /// Of a setting of topics, by name and value.
    pub setting: &'a dyn Fn(&str, &str) -> Option<String>,
    /// Of a derived column of a topic, by its name.
    pub derived: &'a dyn Fn(&Topic, &str) -> Option<String>,
    /// Of an aggregate over a topic, by its SQL.
    pub windowed: &'a dyn Fn(&Topic, &str) -> Option<String>,
    /// What stands before every name in the cluster.
    pub prefix: &'a str,
}

/// Every mistake in the text of a catalog, in the text's order; none where [`Catalog::parse`] takes it and the checks have
/// nothing to say.
pub fn mistakes(text: &str, checks: &Checks<'_>) -> Vec<Mistake> {
    let (root, wrong) = DeTable::parse_recoverable(text);
    let mut walk = Walk { text, checks, found: Vec::new(), names: Vec::new() };
    for error in wrong {
        walk.note(error.span().unwrap_or(0..0).start, error.message().trim().replace('\n', ", "));
    }
    // What a broken text means is guessed; one mistake in its form would be told as many in its sense.
    if walk.found.is_empty() {
        walk.root(&root);
    }
    // SQL is over columns: it is looked at when these are right.
    if walk.found.is_empty() {
        match Catalog::parse(text) {
            Ok(catalog) => walk.sql(&root, &catalog),
            Err(error) => walk.note(0, error.to_string()),
        }
    }
    walk.found.sort();
    walk.found.into_iter().map(|(at, message)| placed(text, at, message)).collect()
}

fn placed(text: &str, at: usize, message: String) -> Mistake {
    let message = message.replace(['\r', '\n'], " ");
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    Mistake { line, column, message }
}

struct Walk<'a> {
    text: &'a str,
    checks: &'a Checks<'a>,
    /// Where in the text, in bytes, and what.
    found: Vec<(usize, String)>,
    /// The topics so far.
    names: Vec<Name>,
}

/// The name of a topic.
struct Name {
    text: String,
    /// Where it stands.
    at: usize,
    /// Whether there are records that can become dead letters.
    has_records: bool,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Walk<'_> {
    fn note(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    fn root(&mut self, root: &Spanned<DeTable<'_>>) {
        for (key, value) in root.get_ref() {
            match (&**key.get_ref(), value.get_ref()) {
                ("defaults", DeValue::Table(table)) => {
                    self.table("[defaults]", &value.span(), table, DEFAULTS)
                }
                ("dead_letters", DeValue::Table(table)) => {
                    self.table("[dead_letters]", &value.span(), table, DEAD_LETTERS);
                }
                ("topic", DeValue::Array(topics)) => topics.iter().for_each(|topic| self.topic(topic)),
                ("defaults" | "dead_letters", _) => {
                    self.note(key.span().start, format!("'{}' is a table", key.get_ref()))
                }
                ("topic", _) => self.note(key.span().start, "topics are written as [[topic]]"),
                (other, _) => self.unknown(
                    key.span().start,
                    "key",
                    other,
                    ["defaults", "dead_letters", "topic"].into_iter(),
                ),
            }
        }
        let dead_letters = root.get_ref().iter().find(|(key, _)| key.get_ref() == "dead_letters");
        let suffix = dead_letters.and_then(|(_, table)| table.get_ref().get("suffix")?.get_ref().as_str());
        self.check_names(suffix);
    }

    /// Names are legal with the prefix, and Kafka can tell them apart; also those of dead-letter topics.
    fn check_names(&mut self, suffix: Option<&str>) {
        let own = std::mem::take(&mut self.names);
        let sources = own.iter().filter(|name| name.has_records);
        let receivers = sources.filter_map(|name| Some((format!("{}{}", name.text, suffix?), name.at)));
        let is_own = |(receiver, _): &(String, usize)| own.iter().any(|name| name.text == *receiver);
        let (twice, receivers): (Vec<_>, Vec<_>) = receivers.partition(is_own);
        let mut alike: BTreeMap<String, String> = BTreeMap::new();
        for Name { text: name, at, .. } in own {
            if twice.iter().any(|(receiver, _)| *receiver == name) {
                self.note(at, format!("topic '{name}' is there twice: it takes the dead letters of another"));
            }
            self.check_name(name, at, &mut alike);
        }
        for (name, at) in receivers {
            // What is wrong with a source is wrong with what takes its dead letters.
            if self.found.iter().all(|(other, _)| *other != at) {
                self.check_name(name, at, &mut alike);
            }
        }
    }

    /// `alike` has the names so far, by what Kafka makes of them where it names metrics.
    fn check_name(&mut self, name: String, at: usize, alike: &mut BTreeMap<String, String>) {
        if let Err(error) = super::check_name(&format!("{}{name}", self.checks.prefix)) {
            self.note(at, error.to_string());
        }
        match alike.get(&name.replace('.', "_")) {
            Some(other) if *other == name => self.note(at, format!("topic '{name}' is there twice")),
            Some(other) => {
                let message =
                    format!("topic '{name}' collides with '{other}': Kafka takes '.' and '_' for the same");
                self.note(at, message);
            }
            None => drop(alike.insert(name.replace('.', "_"), name)),
        }
    }

    /// The SQL of each topic, once everything else is right.
    fn sql(&mut self, root: &Spanned<DeTable<'_>>, catalog: &Catalog) {
        let tables = root.get_ref().get("topic").and_then(|topics| topics.get_ref().as_array());
        let tables = tables.into_iter().flat_map(|topics| topics.iter());
        for (table, topic) in tables.filter_map(|table| table.get_ref().as_table()).zip(catalog.topics()) {
            let before = self.found.len();
            for (name, sql) in table_of(table, "derived").into_iter().flatten() {
                if let Some(wrong) = (self.checks.derived)(topic, name.get_ref()) {
                    self.note(sql.span().start, wrong);
                }
            }
            let windowed = table.get("windowed").and_then(|value| value.get_ref().as_array());
            // Aggregates are over derived columns, too.
            for sql in
                windowed.filter(|_| self.found.len() == before).into_iter().flat_map(|items| items.iter())
            {
                let wrong = sql.get_ref().as_str().and_then(|text| (self.checks.windowed)(topic, text));
                self.found.extend(wrong.map(|wrong| (sql.span().start, wrong)));
            }
        }
    }

    fn unknown<'k>(&mut self, at: usize, what: &str, name: &str, known: impl Iterator<Item = &'k str>) {
        let meant = nearest(name, known).map_or_else(String::new, |near| format!(": did you mean '{near}'?"));
        self.note(at, format!("there is no {what} '{name}'{meant}"));
    }

    /// The keys of a table, and their values.
    fn table(&mut self, what: &str, place: &Range<usize>, table: &DeTable<'_>, keys: &[Key]) {
        for (key, value) in table {
            match keys.iter().find(|(name, ..)| name == key.get_ref()) {
                Some((name, kind, _)) => self.value(name, value, *kind),
                None => self.unknown(
                    key.span().start,
                    &format!("key of {what}"),
                    key.get_ref(),
                    keys.iter().map(|(name, ..)| *name),
                ),
            }
        }
        for (name, _, needed) in keys {
            if *needed && table.iter().all(|(key, _)| key.get_ref() != name) {
                self.note(place.start, format!("'{name}' is missing in {what}"));
            }
        }
    }

    fn value(&mut self, name: &str, value: &Value<'_>, kind: Kind) {
        let at = value.span().start;
        match (kind, value.get_ref()) {
            (Kind::Text, DeValue::String(_)) => {}
            (Kind::Duration, DeValue::String(text)) => {
                if let Err(error) = parse_duration(text) {
                    self.note(at, format!("{name}: {error}"));
                }
            }
            (Kind::Schema, DeValue::String(text)) => self.schema(name, value, text),
            (Kind::Count, DeValue::Integer(_)) => {
                if !whole(value).is_some_and(|count| (1..=i64::from(i32::MAX)).contains(&count)) {
                    self.note(at, format!("{name} is at least 1"));
                }
            }
            (Kind::Counts, DeValue::Array(items)) => {
                if items.len() != 2 || !items.iter().all(|item| whole(item).is_some_and(|count| count >= 0)) {
                    self.note(at, format!("{name} is two whole numbers, such as [100, 1000]"));
                }
            }
            (Kind::Texts, DeValue::Array(items)) => {
                items.iter().for_each(|item| self.value(name, item, Kind::Text))
            }
            (Kind::TextTable, DeValue::Table(table)) => {
                table.iter().for_each(|(key, value)| self.value(key.get_ref(), value, Kind::Text))
            }
            (Kind::Table(keys), DeValue::Table(table)) => {
                self.table(&format!("'{name}'"), &value.span(), table, keys)
            }
            (Kind::Rules, DeValue::Table(table)) => {
                table.iter().for_each(|(key, value)| self.rule(key.get_ref(), value))
            }
            (Kind::Config, DeValue::Table(table)) => {
                table.iter().for_each(|(key, value)| self.setting(key, value))
            }
            (kind, other) => self.note(
                at,
                format!("{name} is {}, and not a value of type {}", kind.in_words(), other.type_str()),
            ),
        }
    }

    /// A schema's mistake has a place inside the text.
    fn schema(&mut self, name: &str, value: &Value<'_>, text: &str) {
        if name == "added" && text.trim().is_empty() {
            return;
        }
        let Err(error) = Schema::parse(text) else { return };
        let place = error.message().strip_prefix("schema, character ").and_then(|rest| {
            let (number, rest) = rest.split_once(": ")?;
            Some((number.parse::<usize>().ok()?, rest.to_string()))
        });
        match place {
            Some((character, message)) => {
                self.note(self.inside(value, character - 1), format!("{name}: {message}"))
            }
            None => self.note(value.span().start, format!("{name}: {}", error.message())),
        }
    }

    /// Where the character with this number, from 0, of a text without escapes stands.
    fn inside(&self, value: &Value<'_>, character: usize) -> usize {
        let span = value.span();
        let written = self.text.get(span.clone()).unwrap_or_default();
        if written.contains('\\') {
            return span.start;
        }
        let quotes = if written.starts_with("\"\"\"") || written.starts_with("'''") { 3 } else { 1 };
        let body = written.get(quotes..).unwrap_or_default();
        let first = if quotes == 3 {
            body.len() - body.strip_prefix("\r\n").or(body.strip_prefix('\n')).unwrap_or(body).len()
        } else {
            0
        };
        let body = body.get(first..).unwrap_or_default();
        let within = body.char_indices().nth(character).map_or(body.len(), |(index, _)| index);
        span.start + quotes + first + within
    }

    fn rule(&mut self, column: &str, value: &Value<'_>) {
        let bound =
            value.get_ref().as_table().filter(|table| table.len() == 1).and_then(|table| table.iter().next());
        let is_bound = bound.is_some_and(|(key, value)| {
            let number = value.get_ref();
            matches!(&**key.get_ref(), "above" | "at_least") && (number.is_integer() || number.is_float())
        });
        if !is_bound {
            self.note(
                value.span().start,
                format!("the rule of '{column}' is {{ above = NUMBER }} or {{ at_least = NUMBER }}"),
            );
        }
    }

    fn setting(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, value: &Value<'_>) {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Float(number) => number.as_str().to_string(),
            DeValue::Integer(_) => whole(value).map_or_else(String::new, |number| number.to_string()),
            other => {
                let kind = other.type_str();
                return self.note(
                    value.span().start,
                    format!("a setting is a text, a number, true or false, and not of type {kind}"),
                );
            }
        };
        let wrong = match in_kafkas_units(key.get_ref(), &text) {
            Ok(text) => (self.checks.setting)(key.get_ref(), &text),
            Err(error) => Some(error.to_string()),
        };
        self.found.extend(wrong.map(|wrong| (key.span().start, wrong)));
    }

    fn topic(&mut self, topic: &Value<'_>) {
        let DeValue::Table(table) = topic.get_ref() else {
            return self.note(topic.span().start, "topics are written as [[topic]]");
        };
        self.table("[[topic]]", &topic.span(), table, TOPIC);
        if let Some((name, at)) = text_of(table, "name") {
            let has_records = text_of(table, "schema").is_some();
            self.names.push(Name { text: name.into(), at, has_records });
        }
        match text_of(table, "schema") {
            None => {
                for (key, _) in table {
                    if OF_RECORDS.contains(&&**key.get_ref()) {
                        self.note(
                            key.span().start,
                            format!("'{}' is about records, and there is no schema", key.get_ref()),
                        );
                    }
                }
            }
            Some((schema, at)) => {
                for missing in
                    OF_RECORDS.iter().filter(|name| table.iter().all(|(key, _)| key.get_ref() != **name))
                {
                    self.note(at, format!("there is a schema, and '{missing}' is missing"));
                }
                if let Ok(schema) = Schema::parse(schema) {
                    self.columns(table, schema);
                }
            }
        }
    }

    /// Columns that are named have to be there.
    fn columns(&mut self, table: &DeTable<'_>, mut columns: Schema) {
        let added = text_of(table, "added").and_then(|(added, _)| Schema::parse(added).ok());
        columns.fields.extend(added.unwrap_or_default().fields);
        let derived =
            table_of(table, "derived").into_iter().flatten().map(|(key, _)| key.get_ref().to_string());
        let derived: Vec<_> = derived.collect();
        let mut named: Vec<(String, usize, bool)> = Vec::new();
        named.extend(text_of(table, "key").map(|(name, at)| (name.to_string(), at, true)));
        for (role, column) in table_of(table, "roles").into_iter().flatten() {
            let may_be_derived = !matches!(&**role.get_ref(), "id" | "happened");
            named.extend(
                column.get_ref().as_str().map(|name| (name.to_string(), column.span().start, may_be_derived)),
            );
        }
        for (column, _) in table_of(table, "rules").into_iter().flatten() {
            named.push((column.get_ref().to_string(), column.span().start, true));
        }
        let critical = table.get("critical").and_then(|value| value.get_ref().as_array());
        for column in critical.into_iter().flat_map(|items| items.iter()) {
            named
                .extend(column.get_ref().as_str().map(|name| (name.to_string(), column.span().start, false)));
        }
        for (name, at, may_be_derived) in named {
            let is_derived = may_be_derived && derived.contains(&name);
            if columns.field(&name).is_none() && !is_derived {
                let known = columns.fields.iter().map(|field| field.name.as_str());
                let known = known.chain(derived.iter().filter(|_| may_be_derived).map(String::as_str));
                self.unknown(at, "column", &name, known);
            }
        }
        if let Some((time, at)) = text_of(table, "time").filter(|(time, _)| *time != RECORD_TIME) {
            let times = || columns.fields.iter().filter(|field| field.kind == Type::Timestamp);
            if !times().any(|field| field.name == time) {
                let known = times().map(|field| field.name.as_str()).chain([RECORD_TIME]);
                self.unknown(at, "column of type TIMESTAMP", time, known);
            }
        }
    }
}

fn whole(value: &Value<'_>) -> Option<i64> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn text_of<'t>(table: &'t DeTable<'_>, name: &str) -> Option<(&'t str, usize)> {
    let value = table.get(name)?;
    Some((value.get_ref().as_str()?, value.span().start))
}

fn table_of<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t DeTable<'i>> {
    table.get(name)?.get_ref().as_table()
}
