//! `ecap-topics validate`

use crate::broker::settings::{self, SETTINGS, Settings};
use crate::catalog::nearest;
use crate::catalog::validate::{Mistake, mistakes};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Format, Show, Table};
use crate::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;

use super::session::counted;

/// Check a catalog file: every mistake, with its line and column; no broker is asked
#[derive(clap::Args, Debug)]
#[command(after_help = "Exit code 2: there are mistakes.\n\n\
    Examples:\n  ecap-topics validate catalog.toml\n  ecap-topics validate catalog.toml --format json")]
pub struct Args {
    /// The file
    file: PathBuf,
}

#[derive(Debug, Serialize)]
struct Verdict {
    file: String,
    valid: bool,
    mistakes: Vec<Mistake>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let file = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file);
    let text = text.map_err(|error| Error::usage(format!("cannot read {file}: {error}")))?;
    let mistakes = mistakes(&text, &wrong_setting);
    let verdict = Verdict { valid: mistakes.is_empty(), file, mistakes };
    match common.output.format {
        Format::Table => {
            for Mistake { line, column, message } in &verdict.mistakes {
                output::print(&format!("{}:{line}:{column}: {message}\n", verdict.file))?;
            }
        }
        _ => output::show(&verdict, &common.output)?,
    }
    if verdict.valid {
        output::note(&format!("{}: no mistake", verdict.file));
        return Ok(());
    }
    Err(Error::usage(format!("{}: {}", verdict.file, counted(verdict.mistakes.len(), "mistake"))))
}

/// What Kafka would say to a setting of a topic.
fn wrong_setting(name: &str, value: &str) -> Option<String> {
    if settings::find(name).is_none() {
        let names = SETTINGS.iter().map(|setting| setting.name);
        let meant = nearest(name, names).map_or_else(String::new, |near| format!(": did you mean '{near}'?"));
        return Some(format!("Kafka has no setting '{name}' of topics{meant}"));
    }
    settings::check(&Settings::from([(name.to_string(), value.to_string())])).err()
}

impl Show for Verdict {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["line", "column", "mistake"]);
        for Mistake { line, column, message } in &self.mistakes {
            table.row([line.to_string(), column.to_string(), message.clone()]);
        }
        table
    }
}
