//! `ecap-broker`: an embedded single-node broker for laptops, demos, courses and tests.

use ecap::cli::{self, broker};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(broker::run)
}
