//! The command line: the only room that knows clap, bars, tables and the standard streams.
//!
//! Each binary is a door: it names its arguments and a function, and [`main`] does what all share:
//! help, completions, man pages, logs, and the exit code.

pub mod broker;
pub mod common;
pub mod confirm;
pub mod consume;
pub mod exit_code;
pub mod r#gen;
pub mod interrupt;
pub mod logs;
pub mod output;
pub mod produce;
pub mod profile;
pub mod progress;
pub mod screen;
pub mod secrets;
pub mod topics;

use crate::Result;
use clap::{Command, Parser};
use common::CommonArgs;
use std::process::ExitCode;

/// The arguments of a binary.
pub trait Cli: Parser {
    /// The arguments that every binary has.
    fn common(&self) -> &CommonArgs;
}

/// Runs a binary: parses its arguments, runs it, and turns the result into an exit code.
pub fn main<C: Cli>(run: impl FnOnce(C) -> Result<()>) -> ExitCode {
    clap_complete::CompleteEnv::with_factory(command::<C>).complete();
    let parsed = match asked_for_itself::<C>() {
        Some(text) => return finish(text.and_then(|text| output::print(&text))),
        None => {
            command::<C>().try_get_matches().and_then(|mut matches| C::from_arg_matches_mut(&mut matches))
        }
    };
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe under `--help | head` is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit_code::USAGE } else { exit_code::DONE });
        }
    };
    finish(logs::start(&cli.common().logs).and_then(|()| run(cli)))
}

/// The full command of a binary, as help, completions, man pages and tests see it.
pub fn command<C: Cli>() -> Command {
    let command = C::command().version(env!("CARGO_PKG_VERSION"));
    let name = command.get_name().to_string();
    let own = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    command.after_help(format!(
        "{own}\n\nExit codes: {}\n\nShell completions: `{name} completions bash|zsh|fish`. Manual page: `{name} man`.",
        exit_code::HELP
    ))
}

/// The text of `completions SHELL` and `man`, which every binary understands in first place.
fn asked_for_itself<C: Cli>() -> Option<Result<String>> {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["completions", shell] => Some(completions::<C>(shell)),
        ["completions"] => Some(completions::<C>("")),
        ["man"] => {
            let mut page = Vec::new();
            let written = clap_mangen::Man::new(command::<C>()).render(&mut page);
            Some(written.map(|()| String::from_utf8_lossy(&page).into_owned()).map_err(Into::into))
        }
        _ => None,
    }
}

fn completions<C: Cli>(shell: &str) -> Result<String> {
    let shells = clap_complete::env::Shells::builtins();
    let completer = shells.completer(shell).ok_or_else(|| {
        let known: Vec<_> = shells.names().collect();
        crate::Error::usage(format!("no completions for shell '{shell}'"))
            .hint(format!("there are {}", known.join(", ")))
    })?;
    let name = C::command().get_name().to_string();
    let mut script = Vec::new();
    completer.write_registration("COMPLETE", &name, &name, &name, &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if exit_code::of(error.fault()) != ExitCode::SUCCESS {
                output::note(&format!("error: {error}"));
            }
            exit_code::of(error.fault())
        }
    }
}
