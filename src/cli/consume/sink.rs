//! The flags that say where results go.

use super::show::Shown;
use crate::engine::options::OutputMode;
use crate::sink::Sink;
use crate::sink::file::{FileSink, Form};
use crate::{Error, Result};
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Where results go.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Results")]
pub struct SinkArgs {
    /// Where the rows go
    #[arg(long, value_enum, default_value_t)]
    sink: Kind,
    /// The file that the rows are added to, or the folder in which each batch becomes a file
    #[arg(long, value_name = "FILE_OR_DIR")]
    path: Option<PathBuf>,
}

/// The sinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Standard output, in the form that --format says
    #[default]
    Console,
    /// Lines of JSON in --path
    Ndjson,
    /// CSV in --path
    Csv,
    /// Parquet in the folder --path
    Parquet,
}

impl std::fmt::Display for SinkArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.sink.to_possible_value();
        write!(f, "{}", kind.as_ref().map_or("console", |kind| kind.get_name()))?;
        self.path.iter().try_for_each(|path| write!(f, " {}", path.display()))
    }
}

impl SinkArgs {
    /// Which rows are given out where nobody says: those that changed to people, final ones to what keeps them.
    pub fn output_mode(&self) -> OutputMode {
        if self.keeps() { OutputMode::Append } else { OutputMode::Update }
    }

    /// Whether somebody keeps what it gets.
    pub fn keeps(&self) -> bool {
        self.sink != Kind::Console
    }

    /// Opens what takes the rows; `read` are the folders that the query reads. A continuous query gives rows out
    /// before their batch is done.
    ///
    /// # Errors
    /// A usage error when the path cannot be written, is read by the query, or needs whole batches.
    pub fn open<'a>(
        &self,
        shown: &Shown,
        mut read: impl Iterator<Item = &'a Path>,
        is_continuous: bool,
    ) -> Result<Box<dyn Sink>> {
        let form = match self.sink {
            Kind::Console => None,
            Kind::Ndjson => Some(Form::Ndjson),
            Kind::Csv => Some(Form::Csv),
            Kind::Parquet => Some(Form::Parquet),
        };
        let (form, path) = match (form, &self.path) {
            (Some(form), Some(path)) => (form, path),
            (None, None) => return Ok(shown.sink()),
            (Some(_), None) => return Err(Error::usage("--sink needs a place").hint("--path ./results")),
            (None, Some(_)) => {
                let hint = "--sink ndjson, --sink csv or --sink parquet";
                return Err(Error::usage("--path needs a sink of files").hint(hint));
            }
        };
        let sink = FileSink::new(form, path)?;
        if let Some(folder) = read.find(|folder| sink.is_in(folder)) {
            let message = format!("the query reads {}, and would read its own results", folder.display());
            return Err(Error::usage(message).hint("name another --path"));
        }
        if is_continuous && sink.is_folder() {
            let message = "a file for each batch needs batches, which the continuous trigger has not";
            return Err(Error::usage(message).hint("--trigger 0s, or name a file with --path"));
        }
        Ok(Box::new(sink))
    }
}
