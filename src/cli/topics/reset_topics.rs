//! `ecap-topics reset-topics`

use super::complete;
use super::create_topics::Summary;
use super::session::{Session, counted};
use crate::Result;
use crate::catalog::plan::Action;
use crate::cli::common::CommonArgs;
use crate::cli::confirm::{ConfirmArgs, confirm};
use crate::cli::output;

/// Delete the catalog's topics with all their records and create them anew, after asking
#[derive(clap::Args, Debug)]
#[command(after_help = "Topics outside the catalog are not touched.\n\n\
    Examples:\n  ecap-topics reset-topics\n  ecap-topics reset-topics transactions --yes")]
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
    let topics = session.declared(&args.topics, args.replication_factor)?;
    let present = topics.iter().map(|topic| topic.name.as_str());
    let present: Vec<_> = present.filter(|name| session.cluster.topic(name).is_some()).collect();
    if !present.is_empty() {
        let loss = format!("deleting {} with all their records, to create them anew", present.join(", "));
        confirm(&args.confirm, &loss, &format!("reset {}", counted(present.len(), "topic")))?;
        session.delete("reset-topics", &present)?;
    }
    let plan: Vec<_> = topics.into_iter().map(|topic| (topic, Action::Create)).collect();
    session.create("reset-topics", &plan)?;
    let summary = Summary::of(plan, false);
    output::show(&summary, &common.output)?;
    output::note(&summary.in_words());
    Ok(())
}
