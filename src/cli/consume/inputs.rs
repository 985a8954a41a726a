//! What a query reads besides the catalog's topics: tables, and topics whose columns are given or inferred.

use crate::catalog::Topic;
use crate::cli::common::Settings;
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::engine::source::Source;
use crate::kafka::reader::Reader;
use crate::kafka::start::From;
use crate::query::{header::Header, parse};
use crate::record::infer::Seen;
use crate::record::schema::Schema;
use crate::tables::{Definition, Table};
use crate::units::parse_duration;
use crate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the client keeps of records while their columns are inferred, in bytes.
const READ_AHEAD: usize = 4 << 20;

/// Tables and schemas.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Inputs")]
pub struct InputArgs {
    /// A table to join with: NAME=PATH.csv, NAME=PATH.parquet, NAME=delta:PATH or NAME=postgres://user@host/db?table=x;
    /// repeatable
    #[arg(long = "table", value_name = "NAME=PLACE")]
    tables: Vec<String>,
    /// Load the tables again every so often
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    refresh: Option<Duration>,
    /// The columns of a topic that is not in the catalog, such as 'a STRING, ts TIMESTAMP'; repeatable
    #[arg(long = "schema", value_name = "[TOPIC=]COLUMNS")]
    schemas: Vec<String>,
    /// Infer the columns of topics that are not in the catalog from so many of their first records
    #[arg(long, value_name = "RECORDS", conflicts_with = "schemas")]
    infer_schema: Option<u64>,
}

impl InputArgs {
    /// The tables of the flags and of a query file's header, whose paths are relative to the file's `folder`.
    ///
    /// # Errors
    /// A usage error when one is defined wrongly, or cannot be read.
    pub fn tables(&self, header: &Header, folder: &Path) -> Result<Vec<Arc<Table>>> {
        let flags = self.tables.iter().map(|text| Definition::parse(text, Path::new("")));
        let header = header.tables.iter().map(|text| Definition::parse(text, folder));
        let load = |definition: Result<Definition>| {
            Table::load(definition?, self.refresh, SystemClock.now()).map(Arc::new)
        };
        flags.chain(header).map(load).collect()
    }

    /// Adds the topics that a query reads and the catalog does not have.
    ///
    /// # Errors
    /// A usage error when a schema is wrong, or says nothing of a topic that is read; otherwise when a topic
    /// whose schema is to be inferred cannot be read.
    pub fn declare(&self, settings: &mut Settings, header: &Header, topics: &[String]) -> Result<()> {
        let unknown: Vec<_> = topics.iter().filter(|name| settings.topic(name).is_err()).cloned().collect();
        for text in self.schemas.iter().chain(&header.schemas) {
            let (topic, columns) = match named(text) {
                Some((topic, columns)) => (topic.to_string(), columns),
                None => match &unknown[..] {
                    [only] => (only.clone(), text.as_str()),
                    [] => return Err(Error::usage("--schema: the catalog has the topics of this query")),
                    _ => {
                        let error = Error::usage("--schema: the query reads several topics without one");
                        return Err(error.hint(format!("write --schema '{}=…'", unknown[0])));
                    }
                },
            };
            let schema = Schema::parse(columns).map_err(|error| error.at(format!("topic '{topic}'")))?;
            add(settings, &topic, schema);
        }
        if let Some(most) = self.infer_schema {
            for topic in unknown.iter().filter(|name| !self.is_table(name)) {
                let schema = infer(settings, topic, most)?;
                add(settings, topic, schema);
            }
        }
        Ok(())
    }

    fn is_table(&self, name: &str) -> bool {
        self.tables.iter().any(|table| table.split_once('=').is_some_and(|(known, _)| known.trim() == name))
    }
}

/// The tables and topics that a query names; none where it is no SQL, which planning says better.
pub fn named_in(sql: &str, header: &Header) -> Vec<String> {
    let tables: Vec<_> =
        header.tables.iter().filter_map(|text| text.split_once('=')).map(|(name, _)| name.trim()).collect();
    let named = parse::statement(sql).map_or_else(|_| vec![], |statement| parse::tables(&statement));
    named.into_iter().filter(|name| !tables.contains(&name.as_str())).collect()
}

/// `topic = columns`, where a topic is named.
fn named(text: &str) -> Option<(&str, &str)> {
    let (topic, columns) = text.split_once('=')?;
    Some((topic.trim(), columns.trim()))
}

fn add(settings: &mut Settings, name: &str, schema: Schema) {
    let full = settings.full(name);
    settings.catalog = settings.catalog.clone().with(Topic::undeclared(&full, schema));
}

fn infer(settings: &Settings, name: &str, most: u64) -> Result<Schema> {
    let full = settings.full(name);
    settings.connection.check()?;
    let group = format!("{}ecap-infer", settings.prefix);
    let mut reader = Reader::new(&settings.connection, &full, &group, &From::Earliest, READ_AHEAD)?;
    reader.stop_at_ends()?;
    let mut seen = Seen::default();
    let done = |reader: &Reader| reader.positions().values().all(|position| position.next >= position.end);
    while seen.records() < most && !done(&reader) {
        let before: i64 = reader.positions().values().map(|position| position.next).sum();
        reader.read(READ_AHEAD, Duration::from_millis(500), &mut |record| {
            if seen.records() < most
                && let Some(value) = record.value
            {
                seen.add(value);
            }
        })?;
        let after: i64 = reader.positions().values().map(|position| position.next).sum();
        if before == after && reader.positions().values().all(|position| position.caught_up) {
            break;
        }
    }
    let (schema, left_out) = seen.schema();
    if schema.fields.is_empty() {
        let message = format!("topic '{name}' has no records with columns to infer its schema from");
        return Err(Error::usage(message).hint("--schema 'a STRING, …' says what they are"));
    }
    let records = seen.records();
    output::note(&format!("{name}: inferred from {records} records: --schema '{name}={schema}'"));
    if !left_out.is_empty() {
        output::note(&format!("{name}: left out, as they have no column type: {}", left_out.join(", ")));
    }
    Ok(schema)
}
