//! `ecap-topics reset-offsets`

mod plan;

use self::plan::{Target, Wanted};
use super::complete;
use super::lag::{find, refuse_active};
use super::session::Session;
use crate::cli::common::CommonArgs;
use crate::cli::consume::rewind_command;
use crate::cli::output::{self, Show, Table};
use crate::clock::{Clock, SystemClock};
use crate::kafka::admin::{PATIENCE, TopicState};
use crate::kafka::groups::{Position, mirrored, positions, set_offsets};
use crate::kafka::offsets::{Offsets, Partition, Span};
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// Set where a consumer group goes on: shown partition by partition, and done with --execute
#[derive(clap::Args, Debug)]
#[command(after_help = "WHERE is earliest, latest, an offset, -10 for ten before the end, a time (UTC) as \
    2025-07-27T10:08:09Z or @1753610889000, 2h for two hours ago, or a CSV file with topic, partition and offset in each \
    line: what --format csv shows is one. Offsets outside of what is there are put to the nearest end.\n\n\
    Nothing is changed while the group has members. The group of a query shows its progress and does not decide it: \
    `ecap-consume checkpoint rewind` does.\n\n\
    Examples:\n  ecap-topics reset-offsets readers --to earliest\n  \
    ecap-topics reset-offsets readers --topic transactions --to 2h --execute\n  \
    ecap-topics reset-offsets readers --to latest --format csv > plan.csv\n  \
    ecap-topics reset-offsets readers --to plan.csv --execute")]
pub struct Args {
    /// The group; it need not exist where --topic or a file says what it will read
    #[arg(add = complete::groups())]
    group: String,
    /// Where it goes on
    #[arg(long, value_name = "WHERE", allow_hyphen_values = true)]
    to: Target,
    /// Only this topic, with all its partitions; else what the group has committed; repeatable
    #[arg(short, long = "topic", value_name = "TOPIC", add = complete::topics())]
    topics: Vec<String>,
    /// Only this partition; repeatable
    #[arg(short, long = "partition", value_name = "P", allow_negative_numbers = true)]
    partitions: Vec<i32>,
    /// Do it
    #[arg(long)]
    execute: bool,
}

#[derive(Debug, Serialize)]
struct Reset {
    group: String,
    executed: bool,
    partitions: Vec<Move>,
}

/// Where a partition goes on, before and after.
#[derive(Debug, Serialize)]
struct Move {
    topic: String,
    partition: i32,
    /// None where the group had committed nothing.
    before: Option<i64>,
    offset: i64,
    lag: i64,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let groups = session.admin.groups(&session.cluster.brokers, PATIENCE)?;
    let names_topics = !args.topics.is_empty() || matches!(args.to, Target::Plan(_));
    let name = match find(&session, &groups, &args.group) {
        Ok(group) => {
            refuse_active(group)?;
            group.name.clone()
        }
        Err(_) if names_topics => session.settings.full(&args.group),
        Err(error) => return Err(error),
    };
    let offsets = Offsets::new(&session.settings.connection)?;
    let before = positions(&session.settings.connection, &session.cluster, &name)?;
    let moves = moves(args, &session, &offsets, &before)?;
    if let Some(owner) = mirrored(&before) {
        let targets = moves.iter().map(|(place, step)| (place.clone(), step.offset)).collect();
        let message = format!("group '{name}' mirrors the progress of a query, which does not read it back");
        return Err(Error::failed(message).hint(rewind_command(owner.query.as_deref(), &targets)));
    }
    if moves.is_empty() {
        return Err(Error::failed(format!("group '{name}' has committed nothing of that"))
            .hint("--topic says what it will read"));
    }
    let reset = Reset { group: name, executed: args.execute, partitions: moves.into_values().collect() };
    if args.execute {
        reset.execute(&session)?;
    }
    output::show(&reset, &common.output)?;
    if !args.execute {
        output::note("nothing was changed: --execute does it");
    }
    Ok(())
}

/// Where each partition that is meant goes on.
fn moves(
    args: &Args,
    session: &Session,
    offsets: &Offsets,
    before: &[Position],
) -> Result<BTreeMap<Partition, Move>> {
    let committed: BTreeMap<Partition, i64> =
        before.iter().map(|position| (position.place(), position.committed)).collect();
    let named = args.topics.iter().map(|name| session.topic(name)).collect::<Result<Vec<_>>>()?;
    let plan = match &args.to {
        Target::Plan(path) => Some(plan::load(path)?),
        Target::Place(_) => None,
    };
    let topics: Vec<&TopicState> = match &plan {
        _ if !named.is_empty() => named.clone(),
        Some(plan) => plan.topics().map(|name| session.topic(name)).collect::<Result<_>>()?,
        None => {
            let read = |topic: &&TopicState| committed.keys().any(|(name, _)| *name == topic.name);
            session.cluster.topics.iter().filter(read).collect()
        }
    };
    let spans = offsets.spans(topics.iter().copied())?;
    let now = SystemClock.now();
    let mut moves = BTreeMap::new();
    for topic in topics {
        let is_meant = |(name, partition): &Partition| {
            *name == topic.name
                && (args.partitions.is_empty() || args.partitions.contains(partition))
                && (plan.is_some()
                    || !named.is_empty()
                    || committed.contains_key(&(name.clone(), *partition)))
        };
        let own: BTreeMap<Partition, Span> = spans
            .iter()
            .filter(|(place, _)| is_meant(place))
            .map(|(place, span)| (place.clone(), *span))
            .collect();
        let wanted = match (&args.to, &plan) {
            (Target::Place(place), _) => place.offsets(offsets, topic, &own, now)?,
            (_, Some(plan)) => plan.offsets(session.settings.bare(&topic.name), &topic.name, &own)?,
            _ => Wanted::new(),
        };
        for (place, offset) in wanted {
            let lag = own.get(&place).map_or(0, |span| span.next - offset);
            let (topic, partition) = place.clone();
            let before = committed.get(&place).copied();
            moves.insert(place, Move { topic, partition, before, offset, lag });
        }
    }
    if let Some(missing) = args.partitions.iter().find(|number| !moves.keys().any(|(_, own)| own == *number))
    {
        return Err(Error::failed(format!("there is no partition {missing} to reset")));
    }
    Ok(moves)
}

impl Reset {
    fn execute(&self, session: &Session) -> Result<()> {
        let place = |step: &Move| ((step.topic.clone(), step.partition), step.offset);
        let places = self.partitions.iter().map(place).collect();
        let steps: Vec<_> = self.partitions.iter().map(Move::to_string).collect();
        let change = format!("set offsets of group {}: {}", self.group, steps.join(", "));
        let done = set_offsets(&session.settings.connection, &self.group, &places);
        session.remember("reset-offsets", &change, done)
    }
}

impl std::fmt::Display for Move {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let before = self.before.map_or_else(|| "none".into(), |before| before.to_string());
        write!(f, "{}/{} {before} -> {}", self.topic, self.partition, self.offset)
    }
}

impl Show for Reset {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "partition", "before", "offset", "lag"]);
        for Move { topic, partition, before, offset, lag } in &self.partitions {
            let before = before.map(|before| before.to_string()).unwrap_or_default();
            table.row([topic.clone(), partition.to_string(), before, offset.to_string(), lag.to_string()]);
        }
        table
    }
}
