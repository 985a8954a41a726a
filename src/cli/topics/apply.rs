//! `ecap-topics apply`

use super::place::Place;
use super::plan::{Document, Scope, in_line};
use super::session::{Session, counted, readable_or_default, word};
use crate::catalog::Topic;
use crate::catalog::changes::{Change, Plan};
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::kafka::admin::TopicState;
use crate::kafka::native::configs::Alterations;
use crate::kafka::offsets::{Offsets, Span};
use crate::units::format_count;
use crate::{Error, Result};
use std::time::Duration;

/// Make the cluster as the catalog says: create topics, add partitions, alter settings; asks before anything is lost
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Partitions are never taken away, and copies never moved: such differences stay, are named, and the exit \
    code is 3. Without a terminal nothing that loses records is done without --yes.\n\n\
    Examples:\n  ecap-topics apply\n  ecap-topics apply transactions --replication-factor 3\n  \
    ecap-topics apply --prune --yes"
)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let mut document = Document::of(&session, args.scope.plan(&session)?);
    let requests = Requests::of(&document.plan.changes);
    requests.check(&session)?;
    agree(&session, &args.confirm, &document.plan.changes)?;
    requests.carry_out(&session)?;
    document.applied = true;
    document.show(&common.output)?;
    let Plan { changes, refused } = &document.plan;
    output::note(&match changes.len() {
        0 if refused.is_empty() => in_line(&document.plan),
        done => format!("{} done", counted(done, "change")),
    });
    match refused.first() {
        None => Ok(()),
        Some(first) => {
            let others = refused.len() - 1;
            let others = if others > 0 { format!(" ({others} more like this)") } else { String::new() };
            Err(Error::check(format!("{}{others}", first.in_words())).hint(first.reason))
        }
    }
}

/// Says what the changes lose, and goes on only where that is meant.
pub fn agree(session: &Session, args: &ConfirmArgs, changes: &[Change]) -> Result<()> {
    let lossy: Vec<_> = changes.iter().filter(|change| change.loss().is_some()).collect();
    // Only who is asked hears how many records are lost.
    if args.yes || lossy.is_empty() {
        return Ok(());
    }
    let mut topics: Vec<_> = lossy.iter().map(|change| change.topic()).collect();
    topics.sort_unstable();
    topics.dedup();
    let losses = lossy.iter().map(|change| in_words(session, change)).collect::<Result<Vec<_>>>()?;
    confirm(args, &losses.join("; "), &word(&topics, "topic"))
}

/// What a change loses, with how many records that is now, where it can be counted.
fn in_words(session: &Session, change: &Change) -> Result<String> {
    let loss = change.loss().unwrap_or_default();
    let state = session.cluster.topic(change.topic());
    let now = |records: u64| format!(" ({} now)", counted_records(records));
    Ok(match change {
        Change::Alter { topic, setting, from, to, .. } => {
            let [old, new] = [from, to].map(|value| readable_or_default(setting, value.as_deref()));
            let millis = to.as_ref().and_then(|to| to.parse().ok());
            let records = match (setting.as_str(), state, millis) {
                ("retention.ms", Some(state), Some(millis)) => now(older(session, state, millis)?),
                _ => String::new(),
            };
            format!("{setting} of '{topic}' from {old} to {new} loses {loss}{records}")
        }
        other => {
            let records = state.map_or(Ok(0), |state| kept(session, state))?;
            format!("deleting '{}' loses {loss}{}", other.topic(), now(records))
        }
    })
}

fn counted_records(records: u64) -> String {
    format!("{} {}", format_count(records), if records == 1 { "record" } else { "records" })
}

/// How many records a topic has.
fn kept(session: &Session, topic: &TopicState) -> Result<u64> {
    let spans = Offsets::new(&session.settings.connection)?.spans([topic])?;
    Ok(spans.values().map(|span| span.records()).sum())
}

/// How many records of a topic are older than so many milliseconds.
fn older(session: &Session, topic: &TopicState, millis: u64) -> Result<u64> {
    let offsets = Offsets::new(&session.settings.connection)?;
    let spans = offsets.spans([topic])?;
    let newer =
        Place::Ago(Duration::from_millis(millis)).offsets(&offsets, topic, &spans, SystemClock.now())?;
    let count =
        |(partition, span): (_, &Span)| Some(Span { next: *newer.get(partition)?, ..*span }.records());
    Ok(spans.iter().filter_map(count).sum())
}

/// What changes ask of the cluster: each kind of them is one request.
struct Requests<'a> {
    created: Vec<Topic>,
    grown: Vec<(&'a str, i32, i32)>,
    altered: &'a [Change],
    deleted: Vec<&'a str>,
}

impl<'a> Requests<'a> {
    fn of(changes: &'a [Change]) -> Self {
        let (mut created, mut grown, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Create { topic, partitions, replication, config } => {
                    created.push(Topic::plain(topic, *partitions, *replication, config.clone()));
                }
                Change::AddPartitions { topic, from, to } => grown.push((topic.as_str(), *from, *to)),
                Change::Alter { .. } => {}
                Change::Delete { topic, .. } => deleted.push(topic.as_str()),
            }
        }
        Self { created, grown, altered: changes, deleted }
    }

    /// Has the cluster say what it would refuse, before anything is done.
    fn check(&self, session: &Session) -> Result<()> {
        session.admin.create(&self.created, true)?;
        session.admin.add_partitions(&self.counts(), true)?;
        session.admin.alter(&alterations(self.altered), true)
    }

    /// Does it; each kind of change is remembered.
    fn carry_out(&self, session: &Session) -> Result<()> {
        session.create("apply", &self.created)?;
        self.grow(session)?;
        alter(session, "apply", self.altered)?;
        session.delete("apply", &self.deleted)
    }

    fn grow(&self, session: &Session) -> Result<()> {
        if self.grown.is_empty() {
            return Ok(());
        }
        let told = self.grown.iter().map(|(topic, from, to)| format!("{topic} from {from} to {to}"));
        let change = format!("partitions of {}", told.collect::<Vec<_>>().join(", "));
        session.remember("apply", &change, session.admin.add_partitions(&self.counts(), false))
    }

    fn counts(&self) -> Vec<(&'a str, i32)> {
        self.grown.iter().map(|(topic, _, to)| (*topic, *to)).collect()
    }
}

/// Alters the settings that are among the changes.
pub fn alter(session: &Session, command: &str, changes: &[Change]) -> Result<()> {
    let told = changes.iter().filter_map(|change| {
        let Change::Alter { topic, setting, from, to, .. } = change else { return None };
        let [old, new] = [from, to].map(|value| value.as_deref().unwrap_or("default"));
        Some(format!("{topic} {setting} from {old} to {new}"))
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() {
        return Ok(());
    }
    let change = format!("alter {}", told.join(", "));
    session.remember(command, &change, session.admin.alter(&alterations(changes), false))
}

/// The settings that are among the changes, with their new values.
pub fn alterations(changes: &[Change]) -> Alterations {
    let mut alterations = Alterations::new();
    for change in changes {
        if let Change::Alter { topic, setting, to, .. } = change {
            alterations.entry(topic.clone()).or_default().insert(setting.clone(), to.clone());
        }
    }
    alterations
}
