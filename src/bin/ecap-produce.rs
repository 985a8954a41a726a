//! `ecap-produce`: sends records to a topic in paced batches.

use ecap::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(cli::produce::run)
}
