//! `ecap-gen`: generates e-commerce records.

use ecap::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(cli::r#gen::run)
}
