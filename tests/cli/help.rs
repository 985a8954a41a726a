//! Every command explains itself, and its mistakes.

use super::{binaries, clean, run};
use crate::support::Ended;
use clap::{Arg, Command};
use tempfile::TempDir;

/// Every command with the words that call it, from the binary down.
fn all(command: &Command, words: &[String]) -> Vec<(Vec<String>, Command)> {
    let words = [words, &[command.get_name().to_string()]].concat();
    let below = command.get_subcommands().flat_map(|below| all(below, &words));
    below.chain([(words.clone(), command.clone())]).collect()
}

fn each(check: impl Fn(&str, &[&str], &Command)) {
    for binary in binaries() {
        for (words, command) in all(&binary, &[]) {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            check(words[0], &words[1..], &command);
        }
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let folder = TempDir::new().unwrap();
    each(|binary, words, command| {
        let help = run(binary, folder.path(), &[words, &["--help"]].concat()).ok();
        let call = [&[binary], words].concat().join(" ");
        assert!(help.contains("Example") && help.contains("Usage: "), "{call}: {help}");
        let examples = help.split("Example").last().unwrap_or_default();
        assert!(examples.contains(&call), "no example of `{call}`: {help}");
        assert!(command.get_about().is_some(), "{call} does not say what it does");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{call} does not say what {argument} is");
        }
    });
}

#[test]
fn every_binary_lists_its_exit_codes_and_version() {
    let folder = TempDir::new().unwrap();
    for binary in binaries() {
        let name = binary.get_name();
        let help = run(name, folder.path(), &["--help"]).ok();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("4 broker or service unreachable"), "{help}");
        let version = run(name, folder.path(), &["--version"]).ok();
        assert_eq!(version.trim(), format!("{name} {}", env!("CARGO_PKG_VERSION")));
        binary.debug_assert();
    }
}

#[test]
fn a_wrong_flag_is_wrong_usage() {
    let folder = TempDir::new().unwrap();
    each(|binary, words, command| {
        // Some commands hand on every word to another program.
        if command.get_arguments().any(Arg::is_trailing_var_arg_set) {
            return;
        }
        let ended = run(binary, folder.path(), &[words, &["--no-such-flag"]].concat());
        assert!(ended.out.is_empty(), "{ended:?}");
        ended.fails(2, &["--no-such-flag"]);
    });
}

#[test]
fn a_flag_s_mistake_names_the_nearest() {
    let folder = TempDir::new().unwrap();
    let ended = run("ecap-consume", folder.path(), &["--windw", "10s"]);
    assert!(ended.err.contains("'--window'"), "{ended:?}");
    ended.fails(2, &["--windw"]);
    run("ecap-topics", folder.path(), &["lst-topics"]).fails(2, &["lst-topics"]);
}

#[test]
fn completions_are_there_for_each_shell() {
    let folder = TempDir::new().unwrap();
    for binary in binaries() {
        let name = binary.get_name();
        for (shell, word) in [("bash", "complete "), ("zsh", "#compdef"), ("fish", "complete ")] {
            let script = run(name, folder.path(), &["completions", shell]).ok();
            assert!(script.contains(word) && script.contains(name), "{name} {shell}: {script}");
        }
        run(name, folder.path(), &["completions", "tcsh"]).fails(2, &["tcsh", "bash", "zsh", "fish"]);
        run(name, folder.path(), &["completions"]).fails(2, &["bash"]);
    }
}

#[test]
fn a_shell_is_given_flags_commands_and_topics() {
    let folder = TempDir::new().unwrap();
    let complete = |binary: &str, words: &[&str]| {
        let mut command = clean(binary, folder.path());
        command.env("COMPLETE", "fish").arg("--").arg(binary).args(words);
        Ended::of(&mut command).ok()
    };
    assert!(complete("ecap-topics", &["create"]).contains("create-topics"));
    assert!(complete("ecap-consume", &["--wind"]).contains("--window"));
    assert!(complete("ecap-consume", &["--topic", "cust"]).contains("customer-transactions"));
}

#[test]
fn manual_pages_are_written() {
    let folder = TempDir::new().unwrap();
    for binary in binaries() {
        let name = binary.get_name();
        let page = run(name, folder.path(), &["man"]).ok();
        assert!(page.contains(&format!(".TH {name}")), "{page}");
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", "bootstrap"] {
            assert!(page.contains(section), "{section}: {page}");
        }
    }
}
