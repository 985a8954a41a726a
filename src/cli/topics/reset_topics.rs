//! `ecap-topics reset-topics`

use super::complete;
use super::create_topics::Summary;
use super::session::{Session, counted};
use super::unfinished::{Left, Unfinished};
use crate::Result;
use crate::catalog::plan::Action;
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output;

/// Delete the catalog's topics with all their records and create them anew, after asking
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Topics outside the catalog are not touched. A reset that was interrupted is finished by the next.\n\n\
    Examples:\n  ecap-topics reset-topics\n  ecap-topics reset-topics transactions --yes"
)]
pub struct Args {
    /// Topics of the catalog, each with its dead-letter topic; all of them without a name
    #[arg(value_name = "TOPIC", add = complete::catalog_topics())]
    topics: Vec<String>,
    /// Brokers that keep each partition, in place of the catalog's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1000))]
    replication_factor: Option<i32>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let mut reset = Unfinished::of(&session.declared(&args.topics, args.replication_factor)?);
    if let Some(earlier) = Unfinished::load(&session)? {
        output::note(&left_to_do(&session, &earlier));
        reset.topics.retain(|new| !earlier.topics.iter().any(|left| left.topic == new.topic));
        reset.topics.splice(0..0, earlier.topics);
    }
    session.enough_brokers(&reset.declared())?;
    let is_old = |left: &&Left| !left.deleted && session.cluster.topic(&left.topic).is_some();
    let old: Vec<_> = reset.topics.iter().filter(is_old).map(|left| left.topic.clone()).collect();
    let old: Vec<_> = old.iter().map(String::as_str).collect();
    if !old.is_empty() {
        let loss = format!("deleting {} with all their records, to create them anew", old.join(", "));
        confirm(&args.confirm, &loss, &format!("reset {}", counted(old.len(), "topic")))?;
    }
    reset.save(&session)?;
    session.delete("reset-topics", &old)?;
    reset.topics.iter_mut().for_each(|left| left.deleted = true);
    reset.save(&session)?;
    let is_missing = |name: &str| old.contains(&name) || session.cluster.topic(name).is_none();
    let topics = reset.declared();
    let missing: Vec<_> = topics.iter().filter(|topic| is_missing(&topic.name)).cloned().collect();
    session.create("reset-topics", &missing)?;
    Unfinished::forget(&session)?;
    let done = topics.into_iter().map(|topic| match is_missing(&topic.name) {
        true => (topic, Action::Create),
        false => (topic, Action::Keep),
    });
    let summary = Summary::of(done.collect(), false);
    output::show(&summary, &common.output)?;
    output::note(&summary.in_words());
    Ok(())
}

/// What an earlier reset has not done, in words.
fn left_to_do(session: &Session, earlier: &Unfinished) -> String {
    let is_there = |left: &&Left| session.cluster.topic(&left.topic).is_some();
    let names =
        |topics: Vec<&Left>| topics.iter().map(|left| left.topic.as_str()).collect::<Vec<_>>().join(", ");
    let delete = names(earlier.topics.iter().filter(|left| !left.deleted).filter(is_there).collect());
    let create = names(earlier.topics.iter().filter(|left| !left.deleted || !is_there(left)).collect());
    let steps = [("delete", delete), ("create", create)].into_iter().filter(|(_, names)| !names.is_empty());
    let steps: Vec<_> = steps.map(|(step, names)| format!("{step} {names}")).collect();
    let steps = if steps.is_empty() { "nothing".into() } else { steps.join("; ") };
    format!("a reset that began at {} was interrupted; left to do: {steps}", earlier.began)
}
