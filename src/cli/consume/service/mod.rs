//! Consumers that have names: `register-consumer`, `run`, `status` and the others.

mod apply;
mod ask;
mod definition;
mod monitor;
mod register;
mod run;
mod runner;
mod shown;
mod status;

use super::CommonArgs;
use crate::Result;
use crate::cli::common;
use crate::consumers::registry::{Definition, FILE, Registry};
use definition::Ready;
use std::path::{Path, PathBuf};

/// What can be done with consumers that have names.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Run registered consumers in one process: start them again when they fail, and show how they are
    #[command(
        after_help = "Examples:\n  ecap-consume run --setup-defaults\n  ecap-consume run --name my_consumer"
    )]
    Run(Box<run::Args>),
    /// Register a consumer, with every option of a query
    #[command(
        after_help = "Examples:\n  ecap-consume register-consumer --name my_consumer --topic transactions \
        --consumer-group my-group --consumer-type transaction\n  ecap-consume register-consumer --name revenue \
        --consumer-type query --query queries/revenue-by-category.sql --sink parquet --path revenue"
    )]
    RegisterConsumer(Box<register::Args>),
    /// Take a consumer out of the registry; where it runs, it ends
    #[command(after_help = "Example: ecap-consume unregister-consumer --name my_consumer")]
    UnregisterConsumer(register::NameArgs),
    /// List the registered consumers
    #[command(after_help = "Example: ecap-consume list-consumers --format json")]
    ListConsumers,
    Plan(apply::PlanArgs),
    /// Make the registry as a file of consumers says; those that it does not name stay (but see --prune)
    #[command(after_help = "Example: ecap-consume apply consumers.toml")]
    Apply(apply::Args),
    /// Start consumers of the process that runs
    #[command(after_help = "Example: ecap-consume start-consumers --name my_consumer")]
    StartConsumers(ask::Args),
    /// Stop consumers of the process that runs, each at the end of its batch
    #[command(after_help = "Example: ecap-consume stop-consumers --name my_consumer")]
    StopConsumers(ask::Args),
    /// Stop consumers of the process that runs, and start them again
    #[command(after_help = "Example: ecap-consume restart-consumers --name my_consumer")]
    RestartConsumers(ask::Args),
    /// Show how the consumers are: exit 3 where one is not healthy, 4 where no process runs them
    #[command(after_help = "Example: ecap-consume status --format json")]
    Status,
    Monitor(monitor::Args),
    /// Show the last batches of a consumer, and how it goes on
    #[command(after_help = "Example: ecap-consume progress --name my_consumer --format json")]
    Progress(register::NameArgs),
}

/// Runs a verb.
///
/// # Errors
/// A usage error with the nearest name; an unreachable error where no process runs the consumers that are asked for; a
/// check error where one is not healthy.
pub fn run(verb: &Verb, common: &CommonArgs) -> Result<()> {
    match verb {
        Verb::Run(args) => run::run(args, common),
        Verb::RegisterConsumer(args) => register::register(args, common),
        Verb::UnregisterConsumer(args) => register::unregister(args),
        Verb::ListConsumers => register::list(common),
        Verb::Plan(args) => apply::plan(args, common),
        Verb::Apply(args) => apply::apply(args, common),
        Verb::StartConsumers(args) => ask::ask(args, "start"),
        Verb::StopConsumers(args) => ask::ask(args, "stop"),
        Verb::RestartConsumers(args) => ask::ask(args, "restart"),
        Verb::Status => status::status(common),
        Verb::Monitor(args) => monitor::run(args, common),
        Verb::Progress(args) => status::progress(&args.name, common),
    }
}

/// The consumers of a file; one whose flags are wrong is wrong.
fn load(path: &Path) -> Result<Registry> {
    let check = |definition: &Definition| Ready::of(definition, str::to_string).map(drop);
    Registry::load(path).map(|registry| registry.checked(check))
}

/// The file in which consumers are registered.
fn registry() -> PathBuf {
    common::home().join(FILE)
}
