//! `plan` and `apply`: the registry as a file says that stands under version control.

use super::{load, registry};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::consumers::registry::{self as consumers, Definition};
use crate::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;

/// Which file.
#[derive(clap::Args, Debug)]
pub struct FileArgs {
    /// A file in the form of the registry, consumers.toml
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

/// What becomes of the consumers of a registry.
#[derive(Serialize)]
#[serde(transparent)]
struct Changes(Vec<Change>);

#[derive(Serialize)]
struct Change {
    name: String,
    action: &'static str,
}

impl Show for Changes {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["consumer", "action"]);
        self.0.iter().for_each(|change| table.row([change.name.as_str(), change.action]));
        table
    }
}

/// The consumers of the file, whose query files are named for any folder, and what becomes of them.
fn changes(args: &FileArgs) -> Result<(Vec<Definition>, Changes)> {
    let file = &args.file;
    std::fs::metadata(file).map_err(|error| Error::usage(format!("{}: {error}", file.display())))?;
    let (wanted, own) = (load(file)?, load(&registry())?);
    wanted.all_right()?;
    let (mut definitions, mut changes) = (Vec::new(), Vec::new());
    let folder = file.parent().unwrap_or(std::path::Path::new(""));
    for definition in wanted.entries().iter().filter_map(|entry| entry.definition.as_ref().ok()) {
        let query = definition.query.as_ref().map(|query| std::path::absolute(folder.join(query)));
        let definition = Definition { query: query.transpose()?, ..definition.clone() };
        let there = own.entries().iter().find(|entry| entry.name == definition.name);
        let action = match there.map(|there| &there.definition) {
            None => "register",
            Some(Ok(there)) if there.is_same(&definition) => continue,
            Some(_) => "change",
        };
        changes.push(Change { name: definition.name.clone(), action });
        definitions.push(definition);
    }
    Ok((definitions, Changes(changes)))
}

/// Shows what `apply` would do.
///
/// # Errors
/// A usage error where a definition is wrong; a check error where there is something to do.
pub fn plan(args: &FileArgs, common: &CommonArgs) -> Result<()> {
    let (_, changes) = changes(args)?;
    output::show(&changes, &common.output)?;
    if changes.0.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = changes.0.iter().map(|change| change.name.as_str()).collect();
    let error = Error::check(format!("not as the registry has it: {}", names.join(", ")));
    Err(error.hint(format!("`ecap-consume apply {}` does it", args.file.display())))
}

/// Registers the consumers of a file; those that it does not name stay.
///
/// # Errors
/// A usage error where a definition is wrong, and nothing is done then; when the registry cannot be written.
pub fn apply(args: &FileArgs, common: &CommonArgs) -> Result<()> {
    let (definitions, changes) = changes(args)?;
    consumers::apply(&registry(), &definitions)?;
    output::show(&changes, &common.output)
}
