//! Every exit code, and which fault leads to it.

use crate::error::Fault;
use std::process::ExitCode;

/// Done.
pub const DONE: u8 = 0;
/// It failed.
pub const FAILED: u8 = 1;
/// A flag, a configuration, a catalog or a query is wrong.
pub const USAGE: u8 = 2;
/// A check found drift, or something degraded or unhealthy.
pub const CHECK: u8 = 3;
/// A broker or another service does not answer.
pub const UNREACHABLE: u8 = 4;
/// Stopped by bad data, as asked with `--fail-fast` or `--fail-on-data-loss`.
pub const DATA: u8 = 5;
/// Interrupted a second time.
pub const INTERRUPTED: u8 = 130;

/// The same, for `--help`.
pub const HELP: &str = "0 done · 1 failed · 2 wrong usage · 3 a check found drift or something unhealthy · \
     4 broker or service unreachable · 5 stopped by bad data · 130 interrupted a second time";

/// The exit code for a fault.
pub fn of(fault: Fault) -> ExitCode {
    ExitCode::from(match fault {
        Fault::ClosedPipe => DONE,
        Fault::Failed | Fault::NoSpace => FAILED,
        Fault::Usage => USAGE,
        Fault::Check => CHECK,
        Fault::Unreachable => UNREACHABLE,
        Fault::Data => DATA,
    })
}
