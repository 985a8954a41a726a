//! Where log lines go, and what happens when nobody reads the output.

use super::{clean, run};
use crate::support::{Cluster, Ended};
use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A call that logs: no broker is there.
fn lonely(folder: &Path, args: &[&str]) -> Ended {
    run("ecap-topics", folder, &[&["list-topics", "-b", "127.0.0.1:1"], args].concat())
}

#[test]
fn log_lines_go_to_a_file_as_text_or_json() {
    let folder = TempDir::new().unwrap();
    let log = |format: &str| {
        let args = ["--window", "10s", "-b", "127.0.0.1:1", "-v", "--log-file", "ecap.log", "--log-format"];
        let ended = run("ecap-consume", folder.path(), &[&args[..], &[format]].concat());
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        ended.fails(4, &["127.0.0.1:1"]);
        std::fs::read_to_string(folder.path().join("ecap.log")).unwrap()
    };
    let text = log("text");
    assert!(text.contains("INFO"), "{text}");
    let both = log("json");
    assert!(both.starts_with(&text), "a log file is appended to");
    let lines: Vec<serde_json::Value> =
        both[text.len()..].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
}

#[test]
fn a_log_file_that_cannot_be_and_a_wrong_filter_are_wrong_usage() {
    let folder = TempDir::new().unwrap();
    lonely(folder.path(), &["--log-file", "no/such/folder/log"]).fails(2, &["no/such/folder/log"]);
    lonely(folder.path(), &["--log-format", "xml"]).fails(2, &["xml"]);
    let mut command = clean("ecap-topics", folder.path());
    Ended::of(command.arg("config").env("ECAP_LOG", "ecap=loud")).fails(2, &["ECAP_LOG"]);
}

#[test]
fn an_error_is_one_line_however_quiet() {
    let folder = TempDir::new().unwrap();
    for flags in [&[][..], &["-q"]] {
        let ended = lonely(folder.path(), flags);
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        ended.fails(4, &["127.0.0.1:1"]);
    }
}

#[test]
fn log_lines_that_nobody_reads_end_nothing() {
    let (folder, (reader, writer)) = (TempDir::new().unwrap(), std::io::pipe().unwrap());
    drop(reader);
    let mut command = clean("ecap-consume", folder.path());
    command.args(["--window", "10s", "-b", "127.0.0.1:1", "-vv"]).stderr(writer);
    assert_eq!(Ended::of(&mut command).code, 4, "nobody answers; a panic would be 101");
}

/// Runs a command whose standard output nobody reads.
fn unread(command: &mut Command) -> Ended {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Ended::of(command.stdout(writer))
}

#[test]
fn output_that_nobody_reads_is_success() {
    let cluster = Cluster::start();
    cluster.create_topics(&["customer-transactions"]);
    for (binary, args) in [
        ("ecap-topics", &["config"][..]),
        ("ecap-topics", &["list-topics", "--format", "json"]),
        ("ecap-topics", &["describe-topic", "customer-transactions"]),
        ("ecap-topics", &["--help"]),
        ("ecap-gen", &["-o", "-", "-n", "10000"]),
        ("ecap-gen", &["man"]),
        ("ecap-broker", &["completions", "bash"]),
        ("ecap-consume", &["--window", "10s", "--print-sql"]),
    ] {
        let ended = unread(cluster.command(binary).args(args));
        assert_eq!(ended.code, 0, "{binary} {args:?}: {ended:?}");
        assert!(!ended.err.contains("panicked") && !ended.err.contains("error"), "{ended:?}");
    }
}

#[test]
fn output_that_does_not_fit_is_a_failure() {
    let folder = TempDir::new().unwrap();
    for (binary, args) in [
        ("ecap-topics", &["config"][..]),
        ("ecap-gen", &["-o", "-", "-n", "10000"]),
        ("ecap-consume", &["--window", "10s", "--print-sql"]),
        ("ecap-broker", &["man"]),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        Ended::of(clean(binary, folder.path()).args(args).stdout(full)).fails(1, &["space"]);
    }
}
