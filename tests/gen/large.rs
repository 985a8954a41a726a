//! However many rows there are, memory stays small.

use crate::support::{binary_command, many, peak};
use std::process::Stdio;
use tempfile::TempDir;

/// What all of it may take, in megabytes.
const MOST: u64 = 60;

#[test]
fn memory_stays_small() {
    let folder = TempDir::new().expect("a folder");
    let rows = many().to_string();
    let faults = ["--late", "5%", "--out-of-order", "10%", "--duplicates", "1%", "--missing", "1%"];
    for kind in ["customer-transactions", "transactions", "user-events", "product-updates"] {
        for (threads, faults) in [("1", &[][..]), ("2", &[]), ("7", &[]), ("2", &faults)] {
            if kind == "customer-transactions" && !faults.is_empty() {
                continue;
            }
            let mut command = binary_command("ecap-gen", folder.path());
            command.args([kind, "-n", &rows, "--seed", "7", "--start", "2026-01-05", "-o", "-"]);
            let most = peak(command.args(["--threads", threads]).args(faults).stdout(Stdio::null()));
            assert!(most < MOST, "{kind} by {threads} threads with {} faults: {most} MB", faults.len() / 2);
        }
    }
    let mut command = binary_command("ecap-gen", folder.path());
    command.args(["world", "-n", "10000", "--seed", "7", "-o", "-"]).args(faults).stdout(Stdio::null());
    let most = peak(&mut command);
    assert!(most < MOST, "a world: {most} MB");
}
