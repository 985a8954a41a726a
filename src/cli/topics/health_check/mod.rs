//! `ecap-topics health-check`

mod checks;

use super::session::{Session, counted};
use crate::cli::common::CommonArgs;
use crate::cli::interrupt;
use crate::cli::output::{self, Show, Table};
use crate::clock::{Clock, SystemClock};
use crate::error::Fault;
use crate::units::{format_rfc3339, parse_duration};
use crate::{Error, Result};
use checks::Check;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Check brokers, controller, the catalog's topics, partitions, answer times and lag
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit code 0: healthy. 3: degraded, and the table says by what. 4: no broker answers.\n\n\
    Examples:\n  ecap-topics health-check --max-lag 10000\n  \
    ecap-topics health-check --exit-when-healthy --timeout 2m\n  ecap-topics health-check --watch --format json",
    group = clap::ArgGroup::new("again").multiple(true).args(["watch", "exit_when_healthy"])
)]
pub struct Args {
    #[command(flatten)]
    limits: Limits,
    /// Look again and again, until ctrl-C; with JSON a line each time
    #[arg(long)]
    watch: bool,
    /// Look again and again, until it is healthy
    #[arg(long)]
    exit_when_healthy: bool,
    /// How long to wait between two looks
    #[arg(long, value_name = "TIME", default_value = "2s", requires = "again", value_parser = parse_duration)]
    interval: Duration,
    /// End after this time with what was found last
    #[arg(long, value_name = "TIME", requires = "again", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

/// What is still healthy.
#[derive(clap::Args, Debug)]
struct Limits {
    /// A group that has more records still to read is unhealthy
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(0..))]
    max_lag: Option<i64>,
    /// A cluster that takes longer to answer a question about all topics is unhealthy
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_latency: Option<Duration>,
    /// Fewer live brokers are unhealthy
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_brokers: usize,
    /// More partitions without a leader are unhealthy
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_offline: usize,
    /// More partitions with fewer copies in sync than they have are unhealthy
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_under_replicated: usize,
}

/// What was found, at one time.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    time: String,
    cluster: Option<String>,
    checks: Vec<Check>,
    /// What the command ends with if it ends now.
    #[serde(skip)]
    verdict: Result<()>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let again = args.watch || args.exit_when_healthy;
    let stop = if again { Some(interrupt::listen()?) } else { None };
    let (start, mut session) = (Instant::now(), None);
    loop {
        let health = look(&args.limits, common, &mut session)?;
        show(&health, common, args.watch)?;
        let Some(stop) = &stop else { return health.verdict };
        if args.exit_when_healthy && health.verdict.is_ok() {
            return Ok(());
        }
        let interval = args.interval.max(interrupt::SHORTEST);
        let left = args.timeout.map_or(interval, |timeout| timeout.saturating_sub(start.elapsed()));
        if left.is_zero() {
            return health.verdict;
        }
        if stop.wait(left.min(interval)) {
            return Ok(());
        }
    }
}

/// A cluster that does not answer is a finding, too; anything else that goes wrong ends the command.
fn look(limits: &Limits, common: &CommonArgs, session: &mut Option<Session>) -> Result<Health> {
    let found = open(common, session)
        .and_then(|session| Ok((session.cluster.id.clone(), checks::all(session, limits)?)));
    match found {
        Ok((cluster, checks)) => Ok(Health::of(cluster, checks)),
        Err(error) if error.fault() == Fault::Unreachable => {
            *session = None;
            Ok(Health::unreachable(error))
        }
        Err(error) => Err(error),
    }
}

/// A session that has just looked at the cluster.
fn open<'a>(common: &CommonArgs, session: &'a mut Option<Session>) -> Result<&'a Session> {
    Ok(match session {
        Some(session) => {
            session.look()?;
            session
        }
        none => none.insert(Session::open(common)?),
    })
}

/// For people there is nothing to show but the error where nobody answers; who watches is told the time.
fn show(health: &Health, common: &CommonArgs, watch: bool) -> Result<()> {
    let for_people = common.output.format.is_for_people();
    if watch && for_people {
        output::clear()?;
        output::print(&format!("{} {}\n", health.time, health.status))?;
    } else if for_people && health.status == UNREACHABLE {
        return Ok(());
    }
    output::show(health, &common.output)
}

const UNREACHABLE: &str = "unreachable";

impl Health {
    fn of(cluster: Option<String>, checks: Vec<Check>) -> Self {
        let failed = checks.iter().filter(|check| !check.healthy).count();
        let (status, verdict) = match failed {
            0 => ("healthy", Ok(())),
            failed => {
                let of = counted(checks.len(), "check");
                let error = Error::check(format!("degraded: {failed} of {of} did not pass"));
                ("degraded", Err(checks::hint(&checks).into_iter().fold(error, Error::hint)))
            }
        };
        Self { status, time: format_rfc3339(SystemClock.now()), cluster, checks, verdict }
    }

    fn unreachable(error: Error) -> Self {
        let checks = vec![Check::new("brokers", false, error.message())];
        Self { status: UNREACHABLE, verdict: Err(error), ..Self::of(None, checks) }
    }
}

impl Show for Health {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["check", "status", "detail"]);
        for Check { check, healthy, detail, .. } in &self.checks {
            table.row([check.as_str(), if *healthy { "ok" } else { "FAILED" }, detail]);
        }
        table
    }
}
