//! What all binaries share: help, completions, settings, logs, exit codes.

mod help;
mod logs;
mod settings;

use crate::support::{Ended, binary_command};
use clap::Command;
use ecap::cli::{broker, command, consume, r#gen, produce, topics};
use std::path::Path;

/// Each binary with its command line.
fn binaries() -> [Command; 5] {
    [
        command::<topics::TopicsCli>(),
        command::<r#gen::GenCli>(),
        command::<produce::ProduceCli>(),
        command::<consume::ConsumeCli>(),
        command::<broker::BrokerCli>(),
    ]
}

/// Runs a command in a folder, with a clean environment.
fn run(binary: &str, folder: &Path, args: &[&str]) -> Ended {
    Ended::of(clean(binary, folder).args(args))
}

/// A command in a folder, with a clean environment.
fn clean(binary: &str, folder: &Path) -> std::process::Command {
    let mut command = binary_command(binary, folder);
    for name in ["TOPIC_PREFIX", "KAFKA_CONFIG", "SECURITY_PROTOCOL"] {
        command.env_remove(format!("ECAP_{name}"));
    }
    command
}
