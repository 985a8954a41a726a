//! `plan` and `apply`: the registry as a file says that stands under version control.

use super::{load, registry};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, OutputArgs, Show, Table, counted};
use crate::consumers::process::owner;
use crate::consumers::registry::{self as consumers, Action, Change, Registry, Setting, Value, changes};
use crate::{Error, Result};
use serde::Serialize;
use std::path::PathBuf;

/// Which file, and what is compared with it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A file in the form of the registry, consumers.toml
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Unregister consumers that the file does not have
    #[arg(long)]
    prune: bool,
}

/// Show how a file of consumers differs from the registry, setting by setting; nothing is changed
#[derive(clap::Args, Debug)]
#[command(after_help = "Consumers that the file does not name are left alone (but see --prune).\n\n\
    Exit code 3 with --exit-code: the registry is not as the file says.\n\n\
    Examples:\n  ecap-consume plan consumers.toml\n  ecap-consume plan consumers.toml --exit-code --format json")]
pub struct PlanArgs {
    #[command(flatten)]
    scope: Args,
    /// End with 3 where anything differs
    #[arg(long)]
    exit_code: bool,
}

/// What has to be done, or was.
#[derive(Serialize)]
struct Document {
    applied: bool,
    changes: Vec<Change>,
}

impl Document {
    /// For people there is no table of nothing.
    fn show(&self, args: &OutputArgs) -> Result<()> {
        let is_nothing = args.format.is_for_people() && self.changes.is_empty();
        if is_nothing { Ok(()) } else { output::show(self, args) }
    }
}

impl Show for Document {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["consumer", "change", "is", "becomes"]);
        let text = |value: &Option<Value>| value.as_ref().map_or_else(String::new, ToString::to_string);
        for Change { name, action, settings } in &self.changes {
            if *action != Action::Alter {
                table.row([name.as_str(), action.name(), "", ""]);
            }
            for Setting { setting, from, to } in settings {
                table.row([name.clone(), setting.clone(), text(from), text(to)]);
            }
        }
        table
    }
}

/// How many changes of each kind there are, in a line.
fn in_line(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing to do: the registry is as the file says".into();
    }
    let kinds = [Action::Register, Action::Alter, Action::Unregister].map(|kind| {
        let count = changes.iter().filter(|change| change.action == kind).count();
        (count, kind.name())
    });
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
    kinds
        .map(|(count, fate)| format!("{} to {fate}", counted(count, "consumer")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The consumers of the file.
fn wanted(args: &Args) -> Result<Registry> {
    let file = &args.file;
    std::fs::metadata(file).map_err(|error| Error::usage(format!("{}: {error}", file.display())))?;
    load(file)
}

/// Shows what `apply` would do.
///
/// # Errors
/// A usage error where a definition is wrong; a check error where there is something to do, and that was asked for.
pub fn plan(args: &PlanArgs, common: &CommonArgs) -> Result<()> {
    let PlanArgs { scope, exit_code } = args;
    let changes = changes(&Registry::load(&registry())?, &wanted(scope)?, scope.prune)?;
    let changes = changes.into_iter().map(|(change, _)| change).collect();
    let document = Document { applied: false, changes };
    document.show(&common.output)?;
    output::note(&in_line(&document.changes));
    if document.changes.is_empty() || !exit_code {
        return Ok(());
    }
    let apply = format!("`ecap-consume apply {}` changes it", scope.file.display());
    Err(Error::check("the registry is not as the file says").hint(apply))
}

/// Registers the consumers of a file.
///
/// # Errors
/// A usage error where a definition is wrong, and nothing is done then; when the registry cannot be written.
pub fn apply(args: &Args, common: &CommonArgs) -> Result<()> {
    let changes = consumers::apply(&registry(), &wanted(args)?, args.prune)?;
    let document = Document { applied: true, changes };
    document.show(&common.output)?;
    let changes = &document.changes;
    output::note(&match changes.len() {
        0 => in_line(changes),
        done => format!("{} done", counted(done, "change")),
    });
    let altered = changes.iter().filter(|change| change.action == Action::Alter);
    let altered: Vec<_> = altered.map(|change| change.name.as_str()).collect();
    if !altered.is_empty() && owner(&registry())?.is_some() {
        output::note(&format!(
            "what runs goes on as it was: `ecap-consume restart-consumers --name {}`",
            altered.join(",")
        ));
    }
    Ok(())
}
