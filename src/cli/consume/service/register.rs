//! `register-consumer`, `unregister-consumer`, `list-consumers`.

use super::definition::{Given, OfTopic, Ready};
use super::shown::Listed;
use super::{load, registry};
use crate::cli::common::CommonArgs;
use crate::cli::consume::run;
use crate::cli::output;
use crate::consumers::process::owner;
use crate::consumers::registry::{self as consumers, Definition, Kind, Value, check_name};
use crate::{Error, Result};
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;

/// Which consumer is registered, and every option of a query.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What it does: sum up purchases by the minute, or what visitors do, or run the query of a file
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::name)))]
    consumer_type: String,
    /// The query file of a consumer of type query
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    query: Option<PathBuf>,
    #[command(flatten)]
    given: Given<OfTopic>,
}

/// Which consumer.
#[derive(clap::Args, Debug)]
pub struct NameArgs {
    /// What it is called
    #[arg(long, value_name = "NAME")]
    pub name: String,
}

impl Args {
    fn definition(&self) -> Result<Definition> {
        let mut definition = Definition {
            kind: Kind::ALL.into_iter().find(|kind| kind.name() == self.consumer_type).unwrap_or_default(),
            query: self.query.as_deref().map(std::path::absolute).transpose()?,
            ..Definition::default()
        };
        for (name, value) in &self.given.options {
            match (name.as_str(), value) {
                ("name", Value::One(name)) => definition.name.clone_from(name),
                ("topic", Value::One(topic)) => definition.topic = Some(topic.clone()),
                ("topic", Value::Many(topics)) => definition.topic = Some(topics.join(",")),
                ("consumer-group", Value::One(group)) => definition.group = Some(group.clone()),
                _ => definition.options.push((name.clone(), value.clone())),
            }
        }
        if definition.name.is_empty() {
            return Err(Error::usage("a consumer has a name").hint("--name my_consumer"));
        }
        check_name(&definition.name)?;
        definition.check()?;
        Ok(definition)
    }
}

/// Registers a consumer whose query can be planned.
///
/// # Errors
/// A usage error where a flag or the query is wrong, or there is a consumer of this name.
pub fn register(args: &Args, common: &CommonArgs) -> Result<()> {
    let (definition, path) = (args.definition()?, registry());
    let mut settings = common.settings()?;
    let ready = Ready::of(&definition, |group| settings.full(group))?;
    let text = ready.text(&mut settings)?;
    let tables = ready.run.inputs.tables(&text.header, &text.folder)?;
    run::plan((&text.sql, &text.header), tables, &ready.run, &settings).map_err(Error::without_place)?;
    consumers::register(&path, std::slice::from_ref(&definition))?;
    let name = &definition.name;
    let verb = if owner(&path)?.is_some() { "start-consumers" } else { "run" };
    output::note(&format!("{name} is registered: `ecap-consume {verb} --name {name}` runs it"));
    Ok(())
}

/// Takes a consumer out of the registry.
///
/// # Errors
/// A usage error with the nearest name where there is none.
pub fn unregister(args: &NameArgs) -> Result<()> {
    consumers::unregister(&registry(), &args.name)?;
    output::note(&format!("{} is not registered any more; its checkpoint is kept", args.name));
    Ok(())
}

/// Shows the registered consumers.
///
/// # Errors
/// When the registry cannot be read; the first mistake in it, when all were shown.
pub fn list(common: &CommonArgs) -> Result<()> {
    let registry = load(&registry())?;
    output::show(&Listed::of(&registry), &common.output)?;
    registry.all_right()
}
