//! `ecap-topics reset-topics`

use super::complete;
use super::create_topics::Summary;
use super::session::{Session, counted};
use super::unfinished::{Left, Unfinished};
use crate::Result;
use crate::catalog::Topic;
use crate::catalog::plan::Action;
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output;
use crate::kafka::native::configs::Alterations;

/// Delete the catalog's topics with all their records and create them anew, after asking
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Topics outside the catalog are not touched. The cluster is asked first whether it takes the settings. A reset \
    that was interrupted is finished by the next, as the catalog says then.\n\n\
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
        reset = reset.after(earlier, &session.declared(&[], args.replication_factor)?);
    }
    let is_there = |left: &Left| session.cluster.topic(&left.topic).is_some();
    let declared = |meant: &dyn Fn(&&Left) -> bool| -> Vec<_> {
        reset.topics.iter().filter(meant).map(Left::declared).collect()
    };
    let old = declared(&|left| is_there(left) && !left.deleted);
    let missing = declared(&|left| !is_there(left));
    let kept = declared(&|left| is_there(left) && left.deleted);
    let new = [&old[..], &missing[..]].concat();
    session.enough_brokers(&new)?;
    session.admin.create(&missing, true)?;
    session.admin.alter(&wanted(&old), true)?;
    let names: Vec<_> = old.iter().map(|topic| topic.name.as_str()).collect();
    if !old.is_empty() {
        let loss = format!("deleting {} with all their records, to create them anew", names.join(", "));
        confirm(&args.confirm, &loss, &format!("reset {}", counted(old.len(), "topic")))?;
    }
    reset.save(&session)?;
    session.delete("reset-topics", &names)?;
    reset.topics.iter_mut().for_each(|left| left.deleted = true);
    reset.save(&session)?;
    session.create("reset-topics", &new)?;
    Unfinished::forget(&session)?;
    let mut done: Vec<_> = new.into_iter().map(|topic| (topic, Action::Create)).collect();
    done.extend(session.plan(kept, args.replication_factor)?);
    let summary = Summary::of(done, false);
    output::show(&summary, &common.output)?;
    output::note(&summary.in_words());
    Ok(())
}

/// The settings that topics are to have. Of a topic that exists the cluster says only this way whether it would take them.
fn wanted(topics: &[Topic]) -> Alterations {
    let settings = |topic: &Topic| {
        topic.config.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
    };
    topics.iter().map(|topic| (topic.name.clone(), settings(topic))).collect()
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
