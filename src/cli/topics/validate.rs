//! `ecap-topics validate`

use crate::broker::settings::{self, SETTINGS, Settings};
use crate::catalog::validate::{Checks, Mistake, mistakes};
use crate::catalog::{Catalog, Topic, nearest};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Format, Show, Table};
use crate::query::flags::{Flags, quoted};
use crate::query::plan::StreamPlan;
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
    let checks = Checks {
        setting: &wrong_setting,
        derived: &wrong_column,
        windowed: &wrong_aggregate,
        prefix: &common.prefix()?,
    };
    let mistakes = mistakes(&text, &checks);
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

/// What a query would say to a derived column.
fn wrong_column(topic: &Topic, name: &str) -> Option<String> {
    let mut only = topic.clone();
    only.record.iter_mut().for_each(|record| record.derived.retain(|(derived, _)| derived == name));
    let sql = format!("SELECT {} FROM {}", quoted(name), quoted(&topic.name));
    refused(only, &sql)
}

/// What a query would say to an aggregate that a window shows.
fn wrong_aggregate(topic: &Topic, aggregate: &str) -> Option<String> {
    let flags = Flags { aggregates: vec![aggregate.into()], ..Flags::default() };
    match flags.to_sql(&[(topic.name.as_str(), topic)], true) {
        Ok(sql) => refused(topic.clone(), &sql),
        Err(error) => Some(error.to_string()),
    }
}

/// Why a query over a topic cannot be planned; the place in it means nothing to who did not write it.
fn refused(topic: Topic, sql: &str) -> Option<String> {
    let planned = Catalog::parse("").and_then(|none| StreamPlan::new(sql, &none.with(topic), "", None));
    planned.err().map(|error| error.without_place().to_string())
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
