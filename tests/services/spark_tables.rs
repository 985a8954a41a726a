//! Spark reads our Delta tables and folders of Parquet: the rows that it makes of the records itself, and no more files than
//! a filter needs.

use super::{cache, installed, run, script};
use crate::support::{Ended, binary_command};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// How many records each of the files has that are read, a batch each.
const RECORDS: usize = 1_000;

#[test]
fn spark_reads_the_rows_of_tables_and_folders_and_passes_files_over() {
    let folder = TempDir::new().unwrap();
    records(folder.path());
    let consume = |args: &[&str]| Ended::of(binary_command("ecap-consume", folder.path()).args(args)).ok();
    let write = |args: &[&str]| {
        let all = ["--source", "in", "--topic", "transactions", "--trigger", "available-now"];
        consume(&[&all[..], &["--max-files-per-trigger", "1"], args].concat())
    };
    for table in ["appended", "tidied"] {
        let sink = ["--sink", "delta", "--path", table, "--sink-option", "delta.checkpointInterval=2"];
        write(&[&["--name", table][..], &sink].concat());
    }
    // Files become larger, but not one.
    consume(&["delta", "optimize", "tidied", "--file-size", "200k"]);
    consume(&["delta", "vacuum", "tidied", "--keep", "0s", "--force"]);
    consume(&["delta", "checkpoint", "tidied"]);
    let windows = ["--window", "1m", "--group-by", "category_name", "--agg", "count(*) AS n"];
    let merged =
        ["--agg", "sum(quantity) AS items", "--watermark", "1d", "--sink", "delta", "--path", "merged"];
    let keys = ["--merge-on", "window_start,category_name", "--partition-by", "category_name"];
    write(&[&windows[..], &merged, &keys].concat());
    write(&["--name", "files", "--sink", "parquet", "--path", "files", "--partition-by", "payment_method"]);

    let mut python = installed(&cache().join("spark-4.0.0/bin/python"));
    let said = run(python.arg(script("spark_tables.py")).arg(folder.path()));
    let mut seen: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).expect("JSON");
    let windows = seen["merged"]["rows"].take();
    let same = |rows: Value| json!({ "rows": rows, "missing": 0, "more": 0, "prunes": true });
    let all = same(json!(4 * RECORDS));
    assert_eq!(
        seen,
        json!({ "appended": all, "tidied": all, "merged": same(Value::Null), "files": all }),
        "{said}"
    );
    assert!(windows.as_u64() > Some(10), "{windows} windows");
}

/// Four files of transactions, in the order of their times.
fn records(folder: &Path) {
    let count = (4 * RECORDS).to_string();
    let mut generator = binary_command("ecap-gen", folder);
    generator.args([
        "transactions",
        "-n",
        &count,
        "--seed",
        "7",
        "--start",
        "2025-07-27T00:00:00Z",
        "-o",
        "-",
    ]);
    let text = Ended::of(&mut generator).ok();
    let lines: Vec<_> = text.lines().collect();
    std::fs::create_dir(folder.join("in")).unwrap();
    for (number, lines) in lines.chunks(RECORDS).enumerate() {
        std::fs::write(folder.join(format!("in/{number}.ndjson")), lines.join("\n") + "\n").unwrap();
    }
}
