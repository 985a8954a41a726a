//! DuckDB and pandas look at generated records: keys, ids, totals, distributions, faults.

use super::{cache, installed, run, script};
use crate::support::{Ended, binary_command, many};
use std::process::Command;
use tempfile::TempDir;

fn python(program: &str) -> Command {
    let mut python = installed(&cache().join("tools/generator/bin/python"));
    python.arg(script(program));
    python
}

#[test]
fn a_world_holds_what_it_promises() {
    let folder = TempDir::new().expect("a temporary folder");
    let ecap_gen = |args: &[&str]| {
        let same = ["--seed", "7", "--start", "2026-01-05", "--products", "1000", "--customers", "20000"];
        Ended::of(binary_command("ecap-gen", folder.path()).args(args).args(same)).ok();
    };
    // CI has no time for more rows; the numbers do not change what is checked.
    ecap_gen(&["world", "-n", "100000", "--event-rate", "20", "-o", "world"]);
    ecap_gen(
        &"transactions --event-span 10000s --event-rate 20 --traffic flat -o faulty.ndjson --late 5% --late-by 2m..20m --out-of-order 10% \
            --duplicates 1% --malformed 0.5% --missing 1% --wrong-type 1% --fraud 0.2% \
            --truth truth.ndjson --truth-window 1m"
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    let mut python = python("generator.py");
    python.args(["world", "faulty.ndjson", "truth.ndjson"]);
    assert_eq!(run(python.current_dir(folder.path())).trim(), "{}");
}

#[test]
fn ids_are_unique() {
    let folder = TempDir::new().expect("a temporary folder");
    let rows = many().to_string();
    for (kind, column) in [
        ("customer-transactions", "transaction_id"),
        ("customer-transactions", "record_id"),
        ("transactions", "transaction_id"),
        ("user-events", "event_id"),
    ] {
        let file = folder.path().join("rows.ndjson");
        let mut ecap_gen = binary_command("ecap-gen", folder.path());
        ecap_gen.args([kind, "-n", &rows, "--seed", "7", "--start", "2026-01-05", "-o"]).arg(&file);
        Ended::of(&mut ecap_gen).ok();
        assert_eq!(run(python("ids.py").arg(column).arg(&file)).trim(), format!("{rows} {rows}"), "{kind}");
        std::fs::remove_file(&file).expect("it was there");
    }
}
