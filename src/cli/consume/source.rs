//! The flags that say where a query's topics are read from: the broker, or folders of files.

use crate::catalog::is_topic_name;
use crate::clock::SystemClock;
use crate::engine::source::Source;
use crate::folder::{Clean, Folder, Options};
use crate::query::plan::{Scan, StreamPlan};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which topics are folders, and how these are read.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Folders of files")]
pub struct SourceArgs {
    /// Read files (CSV, lines of JSON, Parquet) from a folder in place of the topic, new ones as they appear;
    /// TOPIC=DIR where the query reads several topics; repeatable
    #[arg(long = "source", value_name = "[TOPIC=]DIR")]
    sources: Vec<FromFolder>,
    /// Begin at most so many files of a folder in a trigger
    #[arg(long, default_value = "1000", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_files_per_trigger: u64,
    /// Begin with the file that was changed last
    #[arg(long)]
    latest_first: bool,
    /// What becomes of a file when the batch that read it is done: off (it stays), delete, or archive=DIR
    #[arg(long, default_value = "off", value_name = "HOW")]
    clean_source: Clean,
}

/// A folder, and the topic whose records it holds.
#[derive(Debug, Clone)]
struct FromFolder {
    topic: Option<String>,
    folder: PathBuf,
}

impl std::str::FromStr for FromFolder {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((topic, folder)) if is_topic_name(topic) => {
                Self { topic: Some(topic.into()), folder: folder.into() }
            }
            _ => Self { topic: None, folder: text.into() },
        })
    }
}

impl SourceArgs {
    /// The folders that are read.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(|source| source.folder.as_path())
    }

    /// Opens the folders; where a topic of the plan has none it is read from the broker, and its place in the
    /// answer is empty. `bare` takes the prefix off a topic's name; dead letters carry keys where `keys`.
    ///
    /// # Errors
    /// A usage error when a folder is none, or is not of one topic of the query.
    pub fn open(
        &self,
        plan: &StreamPlan,
        bare: impl Fn(&str) -> String,
        fail_fast: bool,
        keys: bool,
    ) -> Result<Vec<Option<Box<dyn Source>>>> {
        let names: Vec<_> = plan.scans.iter().map(|scan| bare(&scan.topic.name)).collect();
        for source in &self.sources {
            match &source.topic {
                Some(topic) if !names.contains(topic) => {
                    let message = format!("--source {topic}=…: the query does not read topic '{topic}'");
                    return Err(Error::usage(message).hint(format!("it reads {}", names.join(", "))));
                }
                None if names.len() > 1 => {
                    let message =
                        format!("--source {}: which topic's records are these?", source.folder.display());
                    let hint = format!("--source {}={}", names.join("=… or "), source.folder.display());
                    return Err(Error::usage(message).hint(hint));
                }
                _ => {}
            }
        }
        let own = |name: &String| {
            let mut own =
                self.sources.iter().filter(|source| source.topic.as_ref().is_none_or(|of| of == name));
            match (own.next(), own.next()) {
                (_, Some(_)) => Err(Error::usage(format!("topic '{name}' has two sources"))),
                (own, None) => Ok(own.map(|own| own.folder.as_path())),
            }
        };
        let open = |(name, scan): (&String, &Scan)| {
            own(name)?.map(|folder| self.folder(folder, scan, fail_fast, keys)).transpose()
        };
        names.iter().zip(&plan.scans).map(open).collect()
    }

    fn folder(&self, folder: &Path, scan: &Scan, fail_fast: bool, keys: bool) -> Result<Box<dyn Source>> {
        let options = Options {
            max_files: usize::try_from(self.max_files_per_trigger).unwrap_or(usize::MAX),
            latest_first: self.latest_first,
            clean: self.clean_source.clone(),
            fail_fast,
            wants_keys: keys || scan.columns.field_with_name("_key").is_ok(),
        };
        Ok(Box::new(Folder::new(folder, &scan.topic, options, Arc::new(SystemClock))?))
    }
}
