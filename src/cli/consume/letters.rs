//! The flags that say what becomes of records which cannot be used.

use super::services;
use crate::catalog::Topic;
use crate::cli::common::Settings;
use crate::clock::SystemClock;
use crate::engine::letters::LetterSink;
use crate::error::Fault;
use crate::place::{Place, is_url};
use crate::query::plan::StreamPlan;
use crate::record::letter::{rows, text};
use crate::sink::delta::{self, DeltaSink};
use crate::sink::file::{FileSink, Form, Layout, form_of, is_in};
use crate::sink::kafka::{Destination, Direct, KafkaSink};
use crate::sink::letters::{Readable, Share, Shared};
use crate::sink::several::Several;
use crate::sink::{Sink, Writer};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where dead letters go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// They are counted only.
    Off,
    /// To the dead-letter topic of each topic.
    Topic,
    /// To a file of lines, or a folder of such files.
    File(PathBuf),
    /// To a folder of Parquet files.
    Parquet(PathBuf),
    /// To a Delta table.
    Delta(String),
}

impl std::str::FromStr for Where {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "off" => Ok(Self::Off),
            "topic" => Ok(Self::Topic),
            text if let Some(folder) = text.strip_prefix("parquet:") => Ok(Self::Parquet(folder.into())),
            text if let Some(place) = text.strip_prefix("delta:") => Ok(Self::Delta(place.into())),
            file if file.contains(['/', '.']) => Ok(Self::File(file.into())),
            _ => Err(Error::usage(format!("'{text}' is no place for dead letters"))
                .hint("off, topic, ./dead-letters.ndjson, parquet:./dead-letters or delta:./dead-letters")),
        }
    }
}

/// What becomes of late records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Late {
    /// They are counted.
    Drop,
    /// They go where dead letters go.
    DeadLetter,
    /// They go to a topic of their own.
    Topic(String),
}

impl std::str::FromStr for Late {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "drop" => Self::Drop,
            "dead-letter" => Self::DeadLetter,
            "" => return Err(Error::usage("a topic has a name").hint("drop, dead-letter, or a topic")),
            topic => Self::Topic(topic.into()),
        })
    }
}

/// Makes the sink of a name one that is waited for.
pub type Insist<'a> = dyn Fn(&str, Box<dyn Sink>) -> Box<dyn Sink> + 'a;

/// Which query's dead letters are kept, and how.
pub struct Around<'a> {
    /// How the cluster is reached.
    pub settings: &'a Settings,
    /// What is read.
    pub plan: &'a StreamPlan,
    /// The folders that are read.
    pub folders: Vec<&'a Path>,
    /// The identity of the query, where a batch that runs again has the number that it had; letters are then kept once.
    pub query: Option<&'a str>,
    /// Makes a sink one that is waited for.
    pub insist: &'a Insist<'a>,
}

impl Around<'_> {
    fn topics(&self) -> Vec<&str> {
        self.plan.scans.iter().map(|scan| scan.topic.name.as_str()).collect()
    }

    /// Opens a topic for a share of the letters.
    fn topic(&self, topic: &Topic, share: Share, query: &str) -> Result<Box<dyn Sink>> {
        let destination = Destination {
            connection: self.settings.connection.clone(),
            prefix: self.settings.prefix.clone(),
            topic: topic.clone(),
            key: vec![],
            patience: services::PATIENCE,
            longest: services::LONGEST,
            clock: Arc::new(SystemClock),
        };
        let kind = if share.late == Some(true) { "late" } else { "dead" };
        let writer = writer(query, &format!("{kind}.{}", topic.name));
        let sink: Box<dyn Sink> = match self.query {
            Some(_) => Box::new(KafkaSink::of_letters(destination, &writer)?),
            None => Box::new(Direct::of_letters(&destination)?),
        };
        Ok(Box::new(Shared { share, sink: self.patient(sink) }))
    }

    fn files(&self, path: &Path, form: Form, query: &str) -> Result<Box<dyn Sink>> {
        if let Some(folder) = self.folders.iter().find(|folder| is_in(path, folder)) {
            let message =
                format!("the query reads {}, and would read its own dead letters", folder.display());
            return Err(Error::usage(message).hint("name another place"));
        }
        if path.to_str().is_some_and(is_url) {
            let error = Error::usage(format!("--dead-letters: no files are kept at {}", path.display()));
            return Err(error.hint("delta:s3://bucket/table keeps a table there"));
        }
        if form == Form::Csv {
            let error = Error::usage("--dead-letters: bytes have no place in CSV");
            return Err(error.hint("name a file that ends in .ndjson"));
        }
        let is_text = form != Form::Parquet;
        let columns = if is_text { text::columns(&rows::columns()) } else { rows::columns() };
        let (writer, clock) = (writer(query, NAME), Arc::new(SystemClock));
        let sink = FileSink::open(path, Layout::new(form), &columns, writer, clock)
            .map_err(|error| error.at("--dead-letters"))?;
        let sink = self.patient(Box::new(sink));
        Ok(if is_text { Box::new(Readable(sink)) } else { sink })
    }

    fn delta(&self, place: &str, query: &str) -> Result<Box<dyn Sink>> {
        let (place, options) = (Place::open(place, &[])?, delta::Options::default());
        let (writer, clock) = (writer(query, NAME), Arc::new(SystemClock));
        let sink = DeltaSink::open(place, options, &rows::columns(), writer, clock);
        Ok(self.patient(Box::new(sink.map_err(|error| error.at("--dead-letters"))?)))
    }

    fn patient(&self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        (self.insist)("of dead letters", sink)
    }
}

/// What the sink of dead letters is called among those of a query; no other can have a name with a '.'.
const NAME: &str = "dead.letters";

fn writer(query: &str, sink: &str) -> Writer {
    Writer { query: query.into(), sink: sink.into() }
}

impl Late {
    /// Opens the topic of late records, if they have one of their own.
    fn open(&self, around: &Around<'_>, query: &str) -> Result<Option<Box<dyn Sink>>> {
        let Self::Topic(name) = self else { return Ok(None) };
        let settings = around.settings;
        let topic = settings.any_topic(name);
        if around.topics().contains(&topic.name.as_str()) {
            let message =
                format!("--late {name}: the query reads this topic, and late records would come again");
            return Err(Error::usage(message).hint("name another topic"));
        }
        match around.topic(&topic, Share { topic: None, late: Some(true) }, query) {
            Err(error) if error.fault() == Fault::Failed && settings.topic(name).is_err() => {
                let error = Error::usage(format!("--late {name}: the cluster has no such topic"));
                Err(error.hint("drop, dead-letter, or a topic that is there"))
            }
            opened => opened.map(Some),
        }
    }
}

impl Where {
    /// Opens the places for the dead letters of a query and its late records.
    ///
    /// # Errors
    /// A usage error when late records are to be kept nowhere; when a place cannot be opened.
    pub fn open(&self, late: &Late, around: &Around<'_>) -> Result<Option<LetterSink<'static>>> {
        let query = around.query.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_string);
        // Late ones have a place of their own.
        let others = matches!(late, Late::Topic(_)).then_some(false);
        let mut sinks = match self {
            Self::Off if *late == Late::DeadLetter => {
                return Err(Error::usage("--late dead-letter needs a place")
                    .hint("add --dead-letters topic, or --dead-letters ./dead-letters.ndjson"));
            }
            Self::Off => vec![],
            Self::Topic => {
                let mut topics = around.topics();
                topics.sort_unstable();
                topics.dedup();
                let own = |topic: &&str| {
                    let share = Share { topic: Some(topic.to_string()), late: others };
                    around.topic(around.settings.topic(&format!("{topic}.dlq"))?, share, &query)
                };
                topics.iter().map(own).collect::<Result<_>>()?
            }
            Self::File(path) => vec![around.files(path, form_of(path), &query)?],
            Self::Parquet(path) => vec![around.files(path, Form::Parquet, &query)?],
            Self::Delta(place) => vec![around.delta(place, &query)?],
        };
        if others.is_some() && !matches!(self, Self::Topic) {
            let share = || Share { topic: None, late: others };
            sinks = sinks.into_iter().map(|sink| Box::new(Shared { share: share(), sink }) as _).collect();
        }
        sinks.extend(late.open(around, &query)?);
        let first = around.topics().first().copied().unwrap_or_default();
        let consumer = format!("ecap-{}", around.settings.bare(first));
        let sink = (!sinks.is_empty()).then(|| Box::new(Several::new(sinks)));
        Ok(sink.map(|sink| LetterSink { sink, consumer, query }))
    }
}
