//! `run`: the process that runs registered consumers.

use super::registry;
use super::runner::Queries;
use crate::cli::common::CommonArgs;
use crate::cli::{interrupt, output};
use crate::clock::{Stop, SystemClock, Timer};
use crate::consumers::alerts::{Alerts, Changes, To};
use crate::consumers::brokers;
use crate::consumers::health::Thresholds;
use crate::consumers::http::{Access, Api, PREFIX, Server, token_of};
use crate::consumers::lifecycle::Event;
use crate::consumers::process::Held;
use crate::consumers::registry as consumers;
use crate::consumers::supervisor::{Supervisor, TICK};
use crate::units::{parse_duration, parse_size};
use crate::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Which consumers run, and how they are looked after.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Register transaction_consumer and user_behavior_consumer first, where they are not
    #[arg(long)]
    setup_defaults: bool,
    /// Start only these of the registered consumers, comma separated or one after the other; the others can be started
    /// later
    #[arg(long = "name", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    names: Vec<String>,
    /// How many consumers run at once; the others wait
    #[arg(long, default_value = "4", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    max_concurrent: u16,
    /// How much memory the state of all consumers may take together, such as 1g: each of --max-concurrent has an equal part
    /// of it, but those that say themselves; beyond that it goes to the disk [default: however much]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    state_memory: Option<u64>,
    /// How long consumers may take to finish their batches at the end
    #[arg(long, default_value = "30s", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    shutdown_timeout: Duration,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    alerts: AlertArgs,
    #[command(flatten)]
    health: HealthArgs,
}

/// Where the API is, and who may use it.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "API")]
struct ApiArgs {
    /// Where status, metrics and the API are served; port 0 is any that is free
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// A file with the token that whoever starts, stops or restarts a consumer has to know [env: ECAP_TOKEN]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,
    /// A name under which the API may be asked, besides localhost and addresses; repeatable
    #[arg(long = "allowed-host", value_name = "NAME")]
    hosts: Vec<String>,
}

/// Who is told when the status of a consumer changes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Alerts")]
struct AlertArgs {
    /// A command that is run when the status of a consumer changes; it gets JSON on standard input
    #[arg(long, value_name = "COMMAND")]
    alert_command: Option<String>,
    /// An address to which the same JSON is posted
    #[arg(long, value_name = "URL")]
    alert_webhook: Option<String>,
}

/// What is unhealthy, and what is warned of.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Health")]
struct HealthArgs {
    /// A consumer is unhealthy when it does not go on for so many triggers although there is more to read
    #[arg(long, default_value_t = Thresholds::default().triggers, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    stalled_after: u32,
    /// Warn where records processed per second are below this part of those that come
    #[arg(long, default_value_t = Thresholds::default().processing, value_name = "RATIO", value_parser = ratio)]
    warn_processing: f64,
    /// Warn where records that come per second are above so many times those that are processed
    #[arg(long, default_value_t = Thresholds::default().input, value_name = "RATIO", value_parser = ratio)]
    warn_input: f64,
    /// Warn where a batch takes longer
    #[arg(long, default_value = "10s", value_name = "DURATION", allow_hyphen_values = true, value_parser = parse_duration)]
    warn_batch: Duration,
    /// Warn where there are more rows of state
    #[arg(long, default_value_t = Thresholds::default().state_rows, value_name = "N")]
    warn_state_rows: u64,
    /// Warn where dead letters are above this part of the records
    #[arg(long, default_value_t = Thresholds::default().dead_letters, value_name = "RATIO", value_parser = ratio)]
    warn_dead_letters: f64,
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio: &f64| ratio.is_finite() && *ratio >= 0.0);
    ratio.ok_or_else(|| "a number from 0, such as 0.8".into())
}

impl HealthArgs {
    fn thresholds(&self) -> Thresholds {
        Thresholds {
            triggers: self.stalled_after,
            processing: self.warn_processing,
            input: self.warn_input,
            batch: self.warn_batch,
            state_rows: self.warn_state_rows,
            dead_letters: self.warn_dead_letters,
        }
    }
}

impl AlertArgs {
    fn to(&self) -> Result<To> {
        if let Some(url) = &self.alert_webhook {
            let known = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !known {
                let error = Error::usage("--alert-webhook is no address");
                return Err(error.hint("http://host/path or https://host/path"));
            }
        }
        Ok(To { command: self.alert_command.clone(), webhook: self.alert_webhook.clone() })
    }
}

/// Runs consumers until the end is asked for.
///
/// # Errors
/// A usage error where another process runs them, the address is in use, or a name is not registered; when some do not end
/// in time.
pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let settings = common.settings()?;
    let (path, to, clock) = (registry(), args.alerts.to()?, Arc::new(SystemClock));
    let token = token_of(args.api.token_file.as_deref(), std::env::var("ECAP_TOKEN").ok())?;
    let access = Access::new(args.api.listen, token, args.api.hosts.clone());
    let mut held = Held::take(&path)?;
    if args.setup_defaults {
        consumers::set_up_defaults(&path)?;
    }
    let connection = settings.connection.clone();
    let most = usize::from(args.max_concurrent);
    let state_memory = args.state_memory.map(|all| all / u64::from(args.max_concurrent));
    let queries = Arc::new(Queries { settings, output: common.output.clone(), state_memory });
    let supervisor = Arc::new(Supervisor::new(queries, clock.clone(), &path, most)?);
    let stop = interrupt::listen()?;
    let thresholds = args.health.thresholds();
    let can_change = access.can_change();
    let api = Arc::new(Api::new(supervisor.clone(), thresholds, access));
    let server = Server::start(args.api.listen, api)?;
    let address = reachable(server.address());
    supervisor.ask(&Event::Start, &args.names)?;
    held.say(Some(address.clone()))?;
    output::note(&format!("consumers of {}: {address}{PREFIX}/status", path.display()));
    if !can_change {
        output::note("nothing can be started or stopped there without --token-file");
    }
    let watched = (supervisor.clone(), stop.clone());
    thread::Builder::new()
        .name("brokers".into())
        .spawn(move || brokers::watch(&watched.0, &connection, &SystemClock, &watched.1))?;
    let timer: Arc<dyn Timer> = clock.clone();
    let alerts = Alerts::start(to, &timer, &stop)?;
    supervise(&supervisor, &alerts, &thresholds, &stop);
    supervisor.shut_down(clock.as_ref(), args.shutdown_timeout)
}

fn supervise(supervisor: &Supervisor, alerts: &Alerts, thresholds: &Thresholds, stop: &Stop) {
    let mut changes = Changes::default();
    while !SystemClock.wait(TICK, stop) {
        supervisor.tick();
        // Each time: a pause between two starts is longer than a tick, and so is seen.
        let found = changes.of(&supervisor.snapshot(), thresholds);
        found.into_iter().for_each(|alert| alerts.add(alert));
    }
}

/// Where this machine reaches an address that is listened at.
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
