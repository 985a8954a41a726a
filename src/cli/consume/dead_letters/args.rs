//! Which dead letters are meant, and where they are.

use crate::catalog::suggest;
use crate::cli::common::Settings;
use crate::cli::output;
use crate::cli::topics::complete;
use crate::dead_letters::Filter;
use crate::dead_letters::place::{self, Place, Visit};
use crate::kafka::admin::{Admin, PATIENCE};
use crate::record::letter::Stage;
use crate::record::reject::Code;
use crate::{Error, Result};

/// Which dead letters are meant.
#[derive(clap::Args, Debug)]
pub struct Which {
    /// Topics, files of lines, folders and Delta tables that keep them (delta:s3://bucket/table) [default: the
    /// dead-letter topics of the catalog]
    #[arg(value_name = "WHERE", add = complete::topics())]
    places: Vec<String>,
    /// Those with this code (several, comma separated)
    #[arg(long, visible_alias = "reason", value_name = "CODE", value_delimiter = ',')]
    code: Vec<String>,
    /// Those that came from this topic (several, comma separated)
    #[arg(long, value_name = "TOPIC", value_delimiter = ',', add = complete::topics())]
    topic: Vec<String>,
    #[arg(long, value_name = "STAGE", value_delimiter = ',', help = of_stages())]
    stage: Vec<String>,
    /// Those that came from this partition
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// The one that came from this offset
    #[arg(long, value_name = "N")]
    offset: Option<i64>,
}

impl Which {
    /// The places.
    ///
    /// # Errors
    /// When the cluster does not answer, where it has to be asked.
    pub fn places(&self, settings: &Settings) -> Result<Vec<Place>> {
        let named =
            |text: &String| Place::of_files(text).unwrap_or_else(|| Place::Topic(settings.full(text)));
        let places: Vec<_> = self.places.iter().map(named).collect();
        if places.iter().all(|place| !matches!(place, Place::Topic(_))) && !places.is_empty() {
            return Ok(places);
        }
        settings.connection.check()?;
        if !places.is_empty() {
            return Ok(places);
        }
        let cluster = Admin::new(&settings.connection)?.cluster(PATIENCE)?;
        let catalog = &settings.catalog;
        let declared = catalog.topics().iter().filter(|topic| catalog.source(topic).is_some());
        let there = declared.filter(|topic| cluster.topic(&topic.name).is_some());
        let there: Vec<_> = there.map(|topic| Place::Topic(topic.name.clone())).collect();
        if there.is_empty() {
            output::note("the cluster has no dead-letter topic: `ecap-topics create-topics` makes them");
        }
        Ok(there)
    }

    /// Which letters there.
    ///
    /// # Errors
    /// A usage error with the nearest name, where there is no such code or stage.
    pub fn filter(&self, settings: &Settings) -> Result<Filter> {
        let (codes, stages) = (Code::ALL.map(Code::as_str), Stage::ALL.map(Stage::as_str));
        self.code.iter().try_for_each(|code| known("code", code, &codes))?;
        self.stage.iter().try_for_each(|stage| known("stage", stage, &stages))?;
        let topics = self.topic.iter().map(|topic| settings.full(topic)).collect();
        let (codes, stages) = (self.code.clone(), self.stage.clone());
        Ok(Filter { codes, topics, stages, partition: self.partition, offset: self.offset })
    }

    /// Gives each letter that is meant.
    ///
    /// # Errors
    /// As the others, and when a place cannot be read.
    pub fn each(&self, settings: &Settings, visit: Visit<'_>) -> Result<()> {
        let filter = self.filter(settings)?;
        place::each(&settings.connection, &self.places(settings)?, &filter, visit)
    }
}

fn of_stages() -> String {
    let stages = Stage::ALL.map(Stage::as_str).join(", ");
    format!("Those that one of these stages refused (several, comma separated): {stages}")
}

fn known(what: &str, name: &str, names: &[&str]) -> Result<()> {
    if names.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let error = Error::usage(format!("there is no {what} '{name}'"));
    Err(suggest(error, name, names.iter().copied()))
}
