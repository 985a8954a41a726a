//! `ecap-topics export`

use super::complete;
use super::session::Session;
use crate::Result;
use crate::catalog::{Topic, to_toml};
use crate::cli::common::CommonArgs;
use crate::cli::output;
use std::collections::BTreeMap;

/// Write a catalog of the cluster's topics to standard output: partitions, replication and the settings of each
#[derive(clap::Args, Debug)]
#[command(
    after_help = "`ecap-topics plan --catalog FILE` with the file finds nothing to do. Kafka's own topics are left out, and so are \
    topics without the prefix; the prefix is not part of the names. What the catalog in use says of records is kept.\n\n\
    Examples:\n  ecap-topics export > catalog.toml\n  ecap-topics export orders payments > catalog.toml"
)]
pub struct Args {
    /// Topics of the cluster; all of them without a name
    #[arg(value_name = "TOPIC", add = complete::topics())]
    topics: Vec<String>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let named = args.topics.iter().map(|name| Ok(session.topic(name)?.name.as_str()));
    let mut names = named.collect::<Result<Vec<_>>>()?;
    if names.is_empty() {
        let prefix = session.settings.prefix.as_str();
        let all = session.cluster.topics.iter().filter(|topic| !topic.is_internal());
        names = all.map(|topic| topic.name.as_str()).filter(|name| name.starts_with(prefix)).collect();
    }
    let topics = described(&session, &names)?;
    output::print(&to_toml(&topics)?)?;
    if topics.is_empty() {
        output::note("there is no topic to export");
    }
    Ok(())
}

/// The topics as they are, without the prefix, and with what the catalog says of their records.
fn described(session: &Session, names: &[&str]) -> Result<Vec<Topic>> {
    let mut settings = session.admin.settings(names, &[])?;
    let topics = names.iter().filter_map(|name| {
        let state = session.cluster.topic(name)?;
        let own = settings.remove(*name)?.into_iter().filter(|setting| setting.origin == "topic");
        let config: BTreeMap<_, _> = own.map(|setting| (setting.name, setting.value)).collect();
        let (partitions, replication) = (state.partitions.len() as i32, state.replication());
        let plain = Topic::plain(session.settings.bare(name), partitions, replication, config);
        let declared = session.settings.catalog.topic(name).ok();
        Some(match declared {
            Some(declared) => Topic {
                record: declared.record.clone(),
                events_per_hour: declared.events_per_hour,
                used_for: declared.used_for.clone(),
                ..plain
            },
            None => plain,
        })
    });
    Ok(topics.collect())
}
