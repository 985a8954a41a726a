//! The flags that say what a query is; they become SQL.

use crate::cli::common::Settings;
use crate::query::flags::Flags;
use crate::units::parse_duration;
use crate::{Error, Result};
use std::time::Duration;

/// What the query is.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Query")]
pub struct QueryArgs {
    /// The topics to read, comma separated; several are united by the columns that they share
    #[arg(long, default_value = "customer-transactions", value_delimiter = ',', add = crate::cli::topics::complete::catalog_topics())]
    topic: Vec<String>,
    /// How long a window is, such as 10s or '5 minutes'
    #[arg(long, visible_alias = "window-duration", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    window: Option<Duration>,
    /// How far windows are apart; as long as the window where it is not given
    #[arg(long, visible_alias = "slide-duration", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    slide: Option<Duration>,
    /// Windows that last as long as records come: one ends so long after its last record
    #[arg(long, value_name = "GAP", allow_hyphen_values = true, value_parser = parse_duration)]
    session: Option<Duration>,
    /// Take only the first record with the same value of this column (several, comma separated), as long as
    /// the watermark lets another one come
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    dedup: Vec<String>,
    /// Columns to group by besides the window, comma separated
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    group_by: Vec<String>,
    /// An aggregate as SQL, such as 'sum(final_amount) AS revenue'; repeatable
    #[arg(long = "agg", value_name = "SQL")]
    aggregates: Vec<String>,
    /// A condition on records as SQL
    #[arg(long = "where", value_name = "SQL")]
    condition: Option<String>,
    /// The topic's default aggregates, over windows of a minute where --window does not say
    #[arg(long)]
    aggregated: bool,
}

impl QueryArgs {
    /// The topics to read.
    pub fn topics(&self) -> &[String] {
        &self.topic
    }

    /// The query as SQL text.
    ///
    /// # Errors
    /// A usage error where flags do not go together, or the catalog has no such topic.
    pub fn to_sql(&self, settings: &Settings, time: Option<&str>) -> Result<String> {
        let mut topics = Vec::new();
        for name in &self.topic {
            let topic = settings.topic(name.trim())?;
            let name = settings.bare(&topic.name);
            if topic.record.is_none() {
                return Err(Error::usage(format!(
                    "topic '{name}' keeps any bytes, as dead letters: the catalog has no columns of it"
                )));
            }
            topics.push((name, topic));
        }
        let flags = Flags {
            window: self.window,
            slide: self.slide,
            session: self.session,
            dedup: self.dedup.clone(),
            group_by: self.group_by.iter().map(|column| column.trim().to_string()).collect(),
            aggregates: self.aggregates.clone(),
            condition: self.condition.clone(),
            time: time.map(ToString::to_string),
        };
        flags.to_sql(&topics, self.aggregated)
    }
}
