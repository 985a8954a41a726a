//! `ecap-topics`: create, look at, test and watch the topics of the platform.

fn main() -> std::process::ExitCode {
    ecap::cli::main(ecap::cli::topics::run)
}
