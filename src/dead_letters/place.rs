//! Where dead letters are kept, and reading them there.

use super::Filter;
use crate::clock::SystemClock;
use crate::delta::{self, table};
use crate::error::Fault;
use crate::kafka::admin::{Admin, PATIENCE};
use crate::kafka::config::Connection;
use crate::kafka::letter::letter;
use crate::kafka::tail::read_to_end;
use crate::record::letter::Letter;
use crate::record::letter::rows::Letters;
use crate::record::letter::text;
use crate::sink::file::{Committed, Form, committed, form_of};
use crate::{Error, Result};
use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place that keeps dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A topic, by its full name.
    Topic(String),
    /// A file of lines, or a folder of files with a manifest.
    Files(PathBuf),
    /// A Delta table.
    Delta(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic '{topic}'"),
            Self::Files(path) => write!(f, "{}", path.display()),
            Self::Delta(table) => f.write_str(table),
        }
    }
}

/// Hears of each letter.
pub type Visit<'v> = &'v mut dyn FnMut(&Letter<'_>) -> Result<()>;

impl Place {
    /// Whether a text is the place of files or of a table, and not the name of a topic.
    pub fn of_files(text: &str) -> Option<Self> {
        let path = Path::new(text);
        if let Some(table) = text.strip_prefix("delta:") {
            return Some(Self::Delta(table.into()));
        }
        if let Some(folder) = text.strip_prefix("parquet:") {
            return Some(Self::Files(folder.into()));
        }
        if crate::place::is_url(text) || path.join("_delta_log").is_dir() {
            return Some(Self::Delta(text.into()));
        }
        let has_manifest = || path.join("_manifest").is_file();
        let is_of_files = text.contains('/') || text.ends_with(".ndjson") || path.is_file() || has_manifest();
        is_of_files.then(|| Self::Files(path.into()))
    }

    /// Gives each letter in the place at this moment, in the order in which it is kept; a table has none.
    ///
    /// # Errors
    /// A usage error where nothing is there; a data error where something else is; when it cannot be read; what `visit`
    /// says.
    pub fn read(&self, connection: &Connection, visit: Visit<'_>) -> Result<()> {
        match self {
            Self::Topic(topic) => in_topic(connection, topic, visit),
            Self::Files(path) => in_files(path, visit).map_err(|error| error.at(path.display())),
            Self::Delta(place) => in_table(place, visit).map_err(|error| error.at(place)),
        }
    }
}

/// Gives each letter in these places that is meant.
///
/// # Errors
/// As [`Place::read`].
pub fn each(connection: &Connection, places: &[Place], filter: &Filter, visit: Visit<'_>) -> Result<()> {
    let mut meant = |letter: &Letter<'_>| if filter.takes(letter) { visit(letter) } else { Ok(()) };
    places.iter().try_for_each(|place| place.read(connection, &mut meant))
}

/// Other records of the topic are passed over.
fn in_topic(connection: &Connection, name: &str, visit: Visit<'_>) -> Result<()> {
    let cluster = Admin::new(connection)?.cluster(PATIENCE)?;
    let topic = cluster.topic(name).ok_or_else(|| {
        let error = Error::usage(format!("topic '{name}' is not there"));
        error.hint("name a topic of dead letters, a file, a folder or a Delta table")
    })?;
    read_to_end(connection, topic, &mut |record| letter(record).map_or(Ok(()), |letter| visit(&letter)))
}

fn in_files(path: &Path, visit: Visit<'_>) -> Result<()> {
    for Committed { path, bytes } in committed(path)? {
        let file = File::open(&path)?;
        match form_of(&path) {
            Form::Ndjson => lines(file.take(bytes), visit),
            Form::Parquet => parquet(file, visit),
            Form::Csv => {
                Err(Error::usage("dead letters are kept as lines of JSON or as Parquet, not as CSV"))
            }
        }
        .map_err(|error| error.at(path.file_name().unwrap_or_default().display()))?;
    }
    Ok(())
}

fn lines(file: impl Read, visit: Visit<'_>) -> Result<()> {
    let (mut file, mut line, mut number) = (BufReader::new(file), Vec::new(), 0_u64);
    while file.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        if !line.trim_ascii().is_empty() {
            let read = text::read(&line, visit);
            // What the visitor says is not about the line.
            read.map_err(|error| match error.fault() {
                Fault::Data | Fault::Usage => error.at(format!("line {number}")),
                _ => error,
            })?;
        }
        line.clear();
    }
    Ok(())
}

fn parquet(file: File, visit: Visit<'_>) -> Result<()> {
    let wrong = |error: parquet::errors::ParquetError| Error::data(format!("this is no Parquet: {error}"));
    let rows = ParquetRecordBatchReaderBuilder::try_new(file).map_err(wrong)?.build().map_err(wrong)?;
    for rows in rows {
        in_rows(&rows?, visit)?;
    }
    Ok(())
}

fn in_table(place: &str, visit: Visit<'_>) -> Result<()> {
    let place = crate::place::Place::open(place, &[])?;
    let runtime = delta::runtime()?;
    let interest = table::Interest { app: None, files: true };
    let table = runtime.block_on(table::Table::existing(place, interest, Arc::new(SystemClock)))?;
    let mut files: Vec<_> = table.files.values().collect();
    files.sort_by_key(|add| (add.modification_time, &add.path));
    for add in files {
        let file = runtime.block_on(delta::read::open(&table, add))?;
        for rows in file.rows(&table.columns)? {
            in_rows(&rows?, visit)?;
        }
    }
    Ok(())
}

fn in_rows(rows: &RecordBatch, visit: Visit<'_>) -> Result<()> {
    let letters = Letters::of(rows)?;
    letters.iter().try_for_each(|letter| visit(&letter))
}
