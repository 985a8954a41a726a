//! `ecap-topics delete-topic`

use super::complete;
use super::session::{Session, word};
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::TopicState;
use crate::kafka::offsets::Offsets;
use crate::units::format_count;
use crate::{Error, Result};
use serde::Serialize;

/// Delete topics with all their records, after asking
#[derive(clap::Args, Debug)]
#[command(
    after_help = "On a terminal the name must be typed; without one nothing is deleted without --yes.\n\n\
    Examples:\n  ecap-topics delete-topic transactions\n  ecap-topics delete-topic --all --yes"
)]
pub struct Args {
    /// The topics
    #[arg(value_name = "TOPIC", required_unless_present = "all", add = complete::topics())]
    topics: Vec<String>,
    /// Every topic of the catalog that exists, and no other
    #[arg(long, conflicts_with = "topics")]
    all: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Serialize)]
struct Deleted {
    deleted: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    topic: String,
    messages: u64,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let topics = chosen(args, &session)?;
    if topics.is_empty() {
        output::note("no topic of the catalog exists");
        return Ok(());
    }
    let deleted = Deleted { deleted: with_messages(&session, &topics)? };
    let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
    confirm(&args.confirm, &deleted.loss(), &word(&names, "topic"))?;
    session.delete("delete-topic", &names)?;
    output::show(&deleted, &common.output)
}

/// The topics that are meant, each once; all of them exist, and none is Kafka's own.
fn chosen<'a>(args: &Args, session: &'a Session) -> Result<Vec<&'a TopicState>> {
    if args.all {
        return Ok(existing(session));
    }
    let mut topics: Vec<&TopicState> = Vec::new();
    for name in &args.topics {
        if name.starts_with("__") {
            return Err(Error::usage(format!("topic '{name}' is Kafka's own and stays")));
        }
        let topic = session.topic(name)?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    Ok(topics)
}

/// The catalog's topics that exist.
fn existing(session: &Session) -> Vec<&TopicState> {
    let declared = session.settings.catalog.topics().iter();
    declared.filter_map(|topic| session.cluster.topic(&topic.name)).collect()
}

fn with_messages(session: &Session, topics: &[&TopicState]) -> Result<Vec<Entry>> {
    let spans = Offsets::new(&session.settings.connection)?.spans(topics.iter().copied())?;
    let messages = |topic: &str| {
        spans.iter().filter(|((name, _), _)| name == topic).map(|(_, span)| span.records()).sum()
    };
    let entries =
        topics.iter().map(|topic| Entry { topic: topic.name.clone(), messages: messages(&topic.name) });
    Ok(entries.collect())
}

impl Deleted {
    fn loss(&self) -> String {
        let messages = format_count(self.deleted.iter().map(|entry| entry.messages).sum());
        let names: Vec<_> = self.deleted.iter().map(|entry| entry.topic.as_str()).collect();
        format!("deleting {} and {messages} messages", names.join(", "))
    }
}

impl Show for Deleted {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["deleted topic", "messages"]);
        for entry in &self.deleted {
            table.row([entry.topic.clone(), format_count(entry.messages)]);
        }
        table
    }
}
