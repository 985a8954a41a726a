//! `ecap-consume`: windowed SQL over topics.

fn main() -> std::process::ExitCode {
    ecap::cli::main(ecap::cli::consume::run)
}
