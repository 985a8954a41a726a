use ecap::cli::{self, broker};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(broker::run)
}
