//! Sending records back.

use super::args::Which;
use crate::cli::common::{CommonArgs, Settings};
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::consume::services;
use crate::cli::output::{self, Show, Table};
use crate::cli::topics::complete;
use crate::clock::SystemClock;
use crate::dead_letters::place::Place;
use crate::dead_letters::replay::{Count, Replay};
use crate::units::format_count;
use crate::{Error, Result};
use serde::Serialize;

/// What is sent back, and where to.
#[derive(clap::Args, Debug)]
pub struct ReplayArgs {
    #[command(flatten)]
    which: Which,
    /// The topic that they go to, in place of the one that each came from
    #[arg(long, value_name = "TOPIC", add = complete::topics())]
    to: Option<String>,
    /// Send them; without it only what would be sent is shown
    #[arg(long)]
    execute: bool,
    /// Only show what would be sent, as without --execute
    #[arg(long, conflicts_with = "execute")]
    dry_run: bool,
    /// Send those, too, whose record was sent back before
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Sends them, or says what would be sent.
///
/// # Errors
/// As the other verbs; a usage error where records would go to where the letters are; when a topic does not take them.
pub fn run(args: &ReplayArgs, common: &CommonArgs, settings: &Settings) -> Result<()> {
    settings.connection.check()?;
    let (places, filter) = (args.which.places(settings)?, args.which.filter(settings)?);
    let to = args.to.as_deref().map(|name| settings.full(name));
    let replay = Replay {
        connection: &settings.connection,
        prefix: &settings.prefix,
        places: &places,
        filter: &filter,
        to: to.as_deref(),
        again: args.again,
        topic: &|name| settings.any_topic(name),
        patience: services::PATIENCE,
        clock: &SystemClock,
    };
    let planned = replay.plan()?;
    refuse_circles(&planned, &places)?;
    let done = match args.execute && planned.records() > 0 {
        true => {
            let (records, topics) = (format_count(planned.records()), planned.topics());
            let what = format!("{records} records go to {}", topics.join(", "));
            confirm(&args.confirm, &what, if topics.len() == 1 { &topics[0] } else { "replay" })?;
            replay.run(&planned)?
        }
        false => planned,
    };
    let sent = Sent::new(done, args.execute);
    output::show(&sent, &common.output)?;
    sent.notes().iter().for_each(|line| output::note(line));
    Ok(())
}

/// A record that goes to where dead letters are is no dead letter any more, and is in the way of those that are.
fn refuse_circles(planned: &Count, places: &[Place]) -> Result<()> {
    let is_place = |topic: &&String| places.iter().any(|place| *place == Place::Topic((*topic).clone()));
    match planned.topics().iter().find(is_place) {
        Some(topic) => {
            let error = Error::usage(format!("topic '{topic}' keeps these dead letters"));
            Err(error.hint("name another topic with --to"))
        }
        None => Ok(()),
    }
}

#[derive(Debug, Serialize)]
struct Sent {
    executed: bool,
    records: u64,
    topics: Vec<Of>,
    replayed_before: u64,
    rows_of_files: u64,
    without_record: u64,
}

#[derive(Debug, Serialize)]
struct Of {
    topic: String,
    code: String,
    records: u64,
}

impl Sent {
    fn new(count: Count, executed: bool) -> Self {
        let (records, replayed_before, rows_of_files) = (count.records(), count.before, count.of_files);
        let without_record = count.without_record;
        let of = |((topic, code), records)| Of { topic, code, records };
        let topics = count.sent.into_iter().map(of).collect();
        Self { executed, records, topics, replayed_before, rows_of_files, without_record }
    }

    fn notes(&self) -> Vec<String> {
        let records = format_count(self.records);
        let mut notes = vec![match (self.executed, self.records) {
            (true, _) => format!("{records} records were sent back"),
            (false, 0) => "nothing is to be sent back".into(),
            (false, _) => format!("{records} records would be sent back: --execute sends them"),
        }];
        let mut passed = |count: u64, why: &str| {
            if count > 0 {
                notes.push(format!("{} letters were passed over: {why}", format_count(count)));
            }
        };
        passed(self.replayed_before, "their record was sent back before (--again sends it once more)");
        passed(
            self.without_record,
            "they do not have their record, which was gone by then or is one of many",
        );
        passed(self.rows_of_files, "they are rows of a file, which belong to no topic (--to names one)");
        notes
    }
}

impl Show for Sent {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "code", if self.executed { "sent" } else { "to send" }]);
        for of in &self.topics {
            table.row([of.topic.clone(), of.code.clone(), format_count(of.records)]);
        }
        table
    }
}
