//! `ecap-topics consumer-groups`

use super::complete;
use super::lag::{GroupRow, Trend, Trends, behind, find, next, oldest, rows, total};
use super::session::{Session, counted};
use crate::Result;
use crate::cli::common::CommonArgs;
use crate::cli::interrupt;
use crate::cli::output::{self, Show, Table};
use crate::clock::{Clock, SystemClock};
use crate::error::Fault;
use crate::kafka::admin::PATIENCE;
use crate::kafka::ages;
use crate::kafka::groups::{Group, Member, Position, all_positions, mirrored, positions};
use crate::kafka::mirror::Owner;
use crate::kafka::producer::positioned;
use crate::units::{format_age, parse_duration};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long records are waited for whose times are to be seen.
const LOOKING: Duration = Duration::from_secs(2);

/// Show consumer groups with their members and lag; one group by partition
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Lag is how many records are still to be read, counted by offsets. 'behind' is how old the next \
    record to read is. With --watch the second reading tells how the lag changes, and when nothing is left to read if \
    it goes on like this. A group that mirrors a query's progress names the query; it is not read back from there. One that keeps \
    the position of ecap-produce names its transactional id, and has no lag.\n\n\
    Examples:\n  ecap-topics consumer-groups\n  ecap-topics consumer-groups --group ecap-demo --format json\n  \
    ecap-topics consumer-groups --lag-time --watch 10s"
)]
pub struct Args {
    /// One group, partition by partition, with how old the next records are
    #[arg(short, long, value_name = "GROUP", add = complete::groups())]
    group: Option<String>,
    /// How old the next record of each group is: one record is read for each partition with a lag
    #[arg(long)]
    lag_time: bool,
    /// Again every INTERVAL until ctrl-C, with how the lag changes [default: 5s]
    #[arg(
        short,
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        default_missing_value = "5s",
        value_parser = parse_duration
    )]
    watch: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct Listing {
    groups: Vec<GroupRow>,
}

#[derive(Debug, Serialize)]
struct Detail {
    #[serde(flatten)]
    group: Group,
    lag: i64,
    behind_ms: Option<i64>,
    query: Option<Owner>,
    producer: Option<String>,
    #[serde(flatten)]
    trend: Option<Trend>,
    partitions: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    position: Position,
    behind_ms: Option<i64>,
    member: Option<Member>,
    #[serde(flatten)]
    trend: Option<Trend>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let mut session = Session::open(common)?;
    let mut trends = Trends::default();
    show(args, &session, common, &mut trends)?;
    let Some(interval) = args.watch else { return Ok(()) };
    let stop = interrupt::listen()?;
    while !stop.wait(interval.max(interrupt::SHORTEST)) {
        let looked = session.look();
        match looked.and_then(|_| show(args, &session, common, &mut trends)) {
            Err(error) if error.fault() == Fault::Unreachable => {
                output::note(&format!("{error}; it goes on when it passes"));
            }
            shown => shown?,
        }
    }
    Ok(())
}

/// One reading.
fn show(args: &Args, session: &Session, common: &CommonArgs, trends: &mut Trends) -> Result<()> {
    let groups = session.admin.groups(&session.cluster.brokers, PATIENCE)?;
    let for_people = common.output.format.is_for_people();
    let begin = || if args.watch.is_some() && for_people { output::clear() } else { Ok(()) };
    match &args.group {
        None => {
            let listing = list(args, session, groups, trends)?;
            begin()?;
            output::show(&listing, &common.output)?;
            if listing.groups.is_empty() {
                output::note("there is no consumer group");
            }
        }
        Some(name) => {
            let detail = detail(session, find(session, &groups, name)?.clone(), trends)?;
            begin()?;
            if for_people {
                output::print(&detail.heading())?;
            }
            output::show(&detail, &common.output)?;
        }
    }
    Ok(())
}

fn list(args: &Args, session: &Session, groups: Vec<Group>, trends: &mut Trends) -> Result<Listing> {
    let connection = &session.settings.connection;
    let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
    let positions = all_positions(connection, &session.cluster, &names)?;
    let now = SystemClock.now();
    let looks = if args.lag_time {
        ages::looks(connection, positions.values().flatten().filter_map(next), LOOKING)?
    } else {
        BTreeMap::new()
    };
    Ok(Listing { groups: rows(groups, positions, &looks, now, trends) })
}

fn detail(session: &Session, group: Group, trends: &mut Trends) -> Result<Detail> {
    let connection = &session.settings.connection;
    let positions = positions(connection, &session.cluster, &group.name)?;
    let now = SystemClock.now();
    let looks = ages::looks(connection, positions.iter().filter_map(next), LOOKING)?;
    let (lag, query) = (total(&positions), mirrored(&positions));
    let producer = positioned(&group.name, &positions).map(ToString::to_string);
    let behind_ms = oldest(&positions, &looks, now);
    let key = |position: &Position| format!("{}/{}", position.topic, position.partition);
    let mut lags: BTreeMap<_, _> = positions.iter().map(|position| (key(position), position.lag)).collect();
    lags.insert(String::new(), lag);
    let trends = trends.next(now, lags);
    let row = |position: Position| {
        let place = position.place();
        Row {
            behind_ms: behind(&position, &looks, now),
            member: group.members.iter().find(|member| member.partitions.contains(&place)).cloned(),
            trend: trends.get(&key(&position)).copied(),
            position,
        }
    };
    let partitions: Vec<_> = positions.into_iter().map(row).collect();
    Ok(Detail { lag, behind_ms, query, producer, trend: trends.get("").copied(), partitions, group })
}

fn mirrors(query: Option<&Owner>) -> String {
    let name = |owner: &Owner| {
        owner.query.clone().unwrap_or_else(|| format!("process {} on {}", owner.process, owner.host))
    };
    query.map(name).unwrap_or_default()
}

/// The columns that have something to say.
fn columns<'a>(cells: impl IntoIterator<Item = (&'a str, bool, Vec<String>)>, rows: usize) -> Table {
    let shown: Vec<_> = cells.into_iter().filter(|(_, wanted, _)| *wanted).collect();
    let mut table = Table::new(shown.iter().map(|(heading, _, _)| *heading));
    for row in 0..rows {
        table.row(shown.iter().map(|(_, _, cells)| cells.get(row).cloned().unwrap_or_default()));
    }
    table
}

impl Show for Listing {
    fn table(&self, wide: bool) -> Table {
        let groups = &self.groups;
        let column = |cell: &dyn Fn(&GroupRow) -> String| groups.iter().map(cell).collect::<Vec<_>>();
        let aged = groups.iter().any(|entry| entry.behind_ms.is_some_and(|behind| behind > 0));
        let moving = groups.iter().any(|entry| entry.trend.is_some());
        let mirroring = groups.iter().any(|entry| entry.query.is_some());
        let positioning = groups.iter().any(|entry| entry.producer.is_some());
        let [trend, ends] = [0, 1].map(|part| column(&|entry| Trend::cells(entry.trend)[part].clone()));
        columns(
            [
                ("group", true, column(&|entry| entry.group.clone())),
                ("state", true, column(&|entry| entry.state.clone())),
                ("members", true, column(&|entry| entry.members.to_string())),
                ("lag", true, column(&|entry| entry.lag.to_string())),
                (
                    "behind",
                    wide || aged,
                    column(&|entry| entry.behind_ms.map(format_age).unwrap_or_default()),
                ),
                ("trend", moving, trend),
                ("caught up in", moving, ends),
                ("mirrors query", wide || mirroring, column(&|entry| mirrors(entry.query.as_ref()))),
                (
                    "position of producer",
                    wide || positioning,
                    column(&|entry| entry.producer.clone().unwrap_or_default()),
                ),
            ],
            groups.len(),
        )
    }
}

impl Detail {
    /// For people the group's state stands before the partitions.
    fn heading(&self) -> String {
        let Group { name, state, members } = &self.group;
        let mut text = format!("{name} · {state} · {} · lag {}", counted(members.len(), "member"), self.lag);
        if let Some(behind) = self.behind_ms.filter(|behind| *behind > 0) {
            text += &format!(" · {} behind", format_age(behind));
        }
        if let [trend, ends] = Trend::cells(self.trend)
            && !trend.is_empty()
        {
            text += &format!(
                " · {trend}{}",
                if ends.is_empty() { ends } else { format!(" · caught up in {ends}") }
            );
        }
        text.push('\n');
        if let Some(owner) = &self.query {
            let query = owner.query.as_ref().map_or_else(String::new, |query| format!(" '{query}'"));
            let Owner { process, host, .. } = owner;
            text += &format!("  mirrors the progress of query{query}, process {process} on {host}\n");
        }
        if let Some(id) = &self.producer {
            text += &format!("  keeps how many rows the producer with transactional id '{id}' has read\n");
        }
        for Member { client, host, partitions, .. } in members {
            text += &format!("  {client} from {host} · {}\n", counted(partitions.len(), "partition"));
        }
        text
    }
}

impl Show for Detail {
    fn table(&self, wide: bool) -> Table {
        let rows = &self.partitions;
        let column = |cell: &dyn Fn(&Row) -> String| rows.iter().map(cell).collect::<Vec<_>>();
        let of_member = |part: fn(&Member) -> &str| {
            column(&move |row: &Row| row.member.as_ref().map(part).unwrap_or_default().to_string())
        };
        let told = rows.iter().any(|row| !row.position.metadata.is_empty());
        let active = rows.iter().any(|row| row.member.is_some());
        let moving = rows.iter().any(|row| row.trend.is_some());
        let [trend, ends] = [0, 1].map(|part| column(&|row| Trend::cells(row.trend)[part].clone()));
        columns(
            [
                ("topic", true, column(&|row| row.position.topic.clone())),
                ("partition", true, column(&|row| row.position.partition.to_string())),
                ("committed", true, column(&|row| row.position.committed.to_string())),
                ("end", true, column(&|row| row.position.end.to_string())),
                ("lag", true, column(&|row| row.position.lag.to_string())),
                ("behind", true, column(&|row| row.behind_ms.map(format_age).unwrap_or_default())),
                ("trend", moving, trend),
                ("caught up in", moving, ends),
                ("client", wide || active, of_member(|member| &member.client)),
                ("host", wide || active, of_member(|member| &member.host)),
                ("member", wide, of_member(|member| &member.id)),
                ("metadata", wide || told, column(&|row| row.position.metadata.clone())),
            ],
            rows.len(),
        )
    }
}
