//! Tables that do not grow: what a stream is joined with. They are held in memory, and loaded again where
//! that is asked for.

mod delta;
mod file;
mod postgres;
mod same;

use crate::clock::Micros;
use crate::place::is_url;
use crate::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a table is called, and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The name in SQL.
    pub name: String,
    /// Where the rows come from.
    pub origin: Origin,
}

/// Where a table's rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file with a heading; types are taken from the values.
    Csv(PathBuf),
    /// A Parquet file.
    Parquet(PathBuf),
    /// A Delta table, by its path or URL.
    Delta(String),
    /// A table of a PostgreSQL database.
    Postgres(postgres::Address),
}

/// A table in memory.
#[derive(Debug)]
pub struct Table {
    definition: Definition,
    schema: SchemaRef,
    refresh: Option<Duration>,
    held: Mutex<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    rows: Vec<RecordBatch>,
    /// How often the rows were replaced.
    version: u64,
    loaded: Micros,
}

impl Definition {
    /// Reads `name=PATH.csv`, `name=PATH.parquet`, `name=delta:PATH_OR_URL` or `name=postgres://user@host/db?table=x`.
    /// A path is relative to `folder`.
    ///
    /// # Errors
    /// A usage error that says what is missing.
    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let form = "write name=PATH.csv, name=PATH.parquet, name=delta:PATH or \
            name=postgres://user@host/database?table=x";
        let wrong = |what: String| Error::usage(what).hint(form);
        let Some((name, place)) = text.split_once('=') else {
            return Err(wrong(format!("'{text}' names no table")));
        };
        let (name, place) = (name.trim(), place.trim().trim_matches('\''));
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(wrong(format!("'{name}' is no name of a table: it has a-z, 0-9 and _")));
        }
        let path = folder.join(place);
        let origin = match path.extension().and_then(|extension| extension.to_str()) {
            _ if place.starts_with("postgres://") || place.starts_with("postgresql://") => Origin::Postgres(
                postgres::Address::parse(place).map_err(|error| error.at(format!("table {name}")))?,
            ),
            _ if place.starts_with("delta:") => Origin::Delta(delta_place(&place["delta:".len()..], folder)),
            Some("csv") => Origin::Csv(path),
            Some("parquet") => Origin::Parquet(path),
            _ => {
                return Err(wrong(format!(
                    "table {name}: '{place}' is neither CSV nor Parquet nor Delta nor PostgreSQL"
                )));
            }
        };
        Ok(Self { name: name.into(), origin })
    }

    fn load(&self) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let loaded = match &self.origin {
            Origin::Csv(path) => file::csv(path),
            Origin::Parquet(path) => file::parquet(path),
            Origin::Delta(place) => delta::load(place),
            Origin::Postgres(address) => postgres::load(address),
        };
        loaded.and_then(same::same).map_err(|error| error.at(format!("table {}", self.name)))
    }
}

/// A URL as it is, a path from the folder on.
fn delta_place(place: &str, folder: &Path) -> String {
    if is_url(place) { place.into() } else { folder.join(place).to_string_lossy().into_owned() }
}

impl Table {
    /// Loads a table at the time `now`; `refresh` says after how long it is loaded again.
    ///
    /// # Errors
    /// A usage error when its file or its table is not there or cannot be read; an unreachable error when
    /// the database does not answer.
    pub fn load(definition: Definition, refresh: Option<Duration>, now: Micros) -> Result<Self> {
        let (schema, rows) = definition.load()?;
        let held = Mutex::new(Held { rows, version: 0, loaded: now });
        Ok(Self { definition, schema, refresh, held })
    }

    /// A table of these rows, which is never loaded again; for tests and measurements.
    pub fn of(name: &str, schema: SchemaRef, rows: Vec<RecordBatch>) -> Self {
        let definition = Definition { name: name.into(), origin: Origin::Csv(PathBuf::new()) };
        let held = Mutex::new(Held { rows, version: 0, loaded: 0 });
        Self { definition, schema, refresh: None, held }
    }

    /// The name in SQL.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of the moment.
    pub fn rows(&self) -> Vec<RecordBatch> {
        self.held().rows.clone()
    }

    /// How often the rows were replaced.
    pub fn version(&self) -> u64 {
        self.held().version
    }

    /// Puts other rows in the place of those of the moment, which it gives.
    pub fn swap(&self, rows: Vec<RecordBatch>) -> Vec<RecordBatch> {
        let mut held = self.held();
        held.version += 1;
        std::mem::replace(&mut held.rows, rows)
    }

    /// Loads the rows again when it is time. Where that fails, the old ones stay, and a warning says so.
    pub fn refresh(&self, now: Micros) {
        let due = |every: Duration| now - self.held().loaded >= every.as_micros() as Micros;
        if !self.refresh.is_some_and(due) {
            return;
        }
        let loaded = self.definition.load().and_then(|(schema, rows)| match schema == self.schema {
            true => Ok(rows),
            false => Err(Error::failed(format!("table {}: its columns changed", self.name()))),
        });
        let mut held = self.held();
        held.loaded = now;
        match loaded {
            Ok(rows) => {
                held.rows = rows;
                held.version += 1;
            }
            Err(error) => tracing::warn!("{error}: the rows of before stay"),
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
