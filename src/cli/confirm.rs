//! Asking before something is lost.

use crate::cli::output::{self, Stream};
use crate::{Error, Result};
use std::io::{BufRead, IsTerminal};

/// How to say yes beforehand.
#[derive(clap::Args, Debug)]
pub struct ConfirmArgs {
    /// Do not ask; without a terminal nothing is done without this
    #[arg(short, long)]
    pub yes: bool,
}

/// Says what will be lost and goes on only when a person types `word`, or said `--yes` before.
pub fn confirm(args: &ConfirmArgs, loss: &str, word: &str) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !Stream::Err.is_terminal() {
        return Err(Error::usage(format!("{loss}: this has to be confirmed, and there is no terminal"))
            .hint("say --yes if it is meant"));
    }
    output::note(&format!("{loss}.\nType '{word}' to go on:"));
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    match typed.trim() {
        typed if typed == word => Ok(()),
        typed => Err(Error::failed(format!("'{typed}' is not '{word}', so nothing was done"))),
    }
}
