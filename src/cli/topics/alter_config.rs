//! `ecap-topics alter-config`

use super::apply::{agree, alter};
use super::complete;
use super::session::{Session, counted, readable_or_default};
use crate::catalog::changes::{Change, loss};
use crate::catalog::plan::same;
use crate::catalog::{in_kafkas_units, suggest};
use crate::cli::common::CommonArgs;
use crate::cli::confirm::ConfirmArgs;
use crate::cli::output::{self, Show, Table};
use crate::kafka::admin::Setting;
use crate::{Error, Result};
use serde::Serialize;

/// Alter single settings of a topic, with the old and the new value shown; asks before anything is lost
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Settings that are not named stay as they are. A time may be written as 7d, a size as 10MiB.\n\n\
    Examples:\n  ecap-topics alter-config transactions retention.ms=7d\n  \
    ecap-topics alter-config transactions compression.type=zstd --delete segment.ms"
)]
pub struct Args {
    /// The topic
    #[arg(add = complete::topics())]
    topic: String,
    /// New values, by Kafka's names
    #[arg(value_name = "SETTING=VALUE", required_unless_present = "delete", add = complete::values())]
    settings: Vec<String>,
    /// Take a setting back to the broker's default; repeatable
    #[arg(long, value_name = "SETTING", add = complete::settings())]
    delete: Vec<String>,
    /// Show what would be altered, have the broker check it, and alter nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Serialize)]
struct Altered {
    topic: String,
    dry_run: bool,
    settings: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    setting: String,
    old: Option<String>,
    new: Option<String>,
    changed: bool,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let wanted = wanted(args)?;
    let session = Session::open(common)?;
    let topic = session.topic(&args.topic)?.name.clone();
    let known = settings(&session, &topic)?;
    let changes = wanted.iter().map(|(name, value)| change(&topic, name, value.as_deref(), &known));
    let changes = changes.collect::<Result<Vec<_>>>()?;
    let changes: Vec<_> = changes.into_iter().flatten().collect();
    if args.dry_run {
        session.admin.alter(&super::apply::alterations(&changes), true)?;
    } else {
        agree(&session, &args.confirm, &changes)?;
        alter(&session, "alter-config", &changes)?;
    }
    let after = if args.dry_run || changes.is_empty() { None } else { Some(settings(&session, &topic)?) };
    let entries = wanted.into_iter().map(|(setting, new)| {
        let value = |settings: &[Setting]| find(settings, &setting).map(|setting| setting.value.clone());
        let changed = changes
            .iter()
            .any(|change| matches!(change, Change::Alter { setting: name, .. } if *name == setting));
        let old = value(&known);
        let new = match &after {
            _ if !changed => old.clone(),
            Some(after) => value(after),
            None => new,
        };
        Entry { old, new, changed, setting }
    });
    let altered = Altered { topic, dry_run: args.dry_run, settings: entries.collect() };
    output::show(&altered, &common.output)?;
    let count = altered.settings.iter().filter(|entry| entry.changed).count();
    let done = if args.dry_run { "to alter" } else { "altered" };
    output::note(&format!("{} {done}", counted(count, "setting")));
    Ok(())
}

/// What is to become of each setting that is named; `None` is the broker's default.
fn wanted(args: &Args) -> Result<Vec<(String, Option<String>)>> {
    let mut wanted: Vec<(String, Option<String>)> = Vec::new();
    for setting in &args.settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| {
            Error::usage(format!("'{setting}': there is no '='"))
                .hint("write retention.ms=604800000, or --delete retention.ms")
        })?;
        wanted.push((name.trim().into(), Some(in_kafkas_units(name.trim(), value)?)));
    }
    wanted.extend(args.delete.iter().map(|name| (name.trim().to_string(), None)));
    for (index, (name, _)) in wanted.iter().enumerate() {
        if wanted.iter().take(index).any(|(earlier, _)| earlier == name) {
            return Err(Error::usage(format!("setting '{name}' is named twice")));
        }
    }
    Ok(wanted)
}

fn settings(session: &Session, topic: &str) -> Result<Vec<Setting>> {
    Ok(session.admin.settings(&[topic], &[])?.remove(topic).unwrap_or_default())
}

fn find<'a>(settings: &'a [Setting], name: &str) -> Option<&'a Setting> {
    settings.iter().find(|setting| setting.name == name)
}

/// What has to be done for a setting to have a value; nothing where it has it already.
fn change(topic: &str, name: &str, value: Option<&str>, known: &[Setting]) -> Result<Option<Change>> {
    let Some(now) = find(known, name) else {
        let error = Error::usage(format!("there is no setting '{name}' of topics"));
        return Err(suggest(error, name, known.iter().map(|setting| setting.name.as_str())));
    };
    let own = now.origin == "topic";
    let is_there = value.map_or(!own, |value| own && same(&now.value, value));
    if is_there {
        return Ok(None);
    }
    let policy = if name == "cleanup.policy" {
        value
    } else {
        find(known, "cleanup.policy").map(|s| s.value.as_str())
    };
    let lost = loss(name, Some(&now.value), value, policy.unwrap_or("delete"));
    let (topic, setting) = (topic.to_string(), name.to_string());
    Ok(Some(Change::Alter {
        topic,
        setting,
        from: Some(now.value.clone()),
        to: value.map(Into::into),
        loss: lost,
    }))
}

impl Show for Altered {
    fn table(&self, wide: bool) -> Table {
        let mut table = Table::new(["topic", "setting", "old", "new", "changed"]);
        for Entry { setting, old, new, changed } in &self.settings {
            let [old, new] = [old, new].map(|value| match value {
                Some(value) if wide => value.clone(),
                value => readable_or_default(setting, value.as_deref()),
            });
            let changed = if *changed { "yes" } else { "no" };
            table.row([self.topic.as_str(), setting, &old, &new, changed]);
        }
        table
    }
}
