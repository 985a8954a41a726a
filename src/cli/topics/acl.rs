//! `ecap-topics acl`

use super::complete;
use super::session::{Session, counted};
use crate::Result;
use crate::catalog::{Catalog, Topic};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, Show, Table};
use crate::kafka::native::acls::{Resource, Right};
use crate::kafka::producer::position_group;
use crate::sink::kafka::{COMMITS, IDS};
use serde::Serialize;

/// Show, grant and revoke the access rights of those who produce, consume and look after the catalog's topics
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  ecap-topics acl list\n  ecap-topics acl grant producer shop transactions\n  \
    ecap-topics acl grant consumer dashboard transactions --group dashboard\n  \
    ecap-topics acl grant producer loader transactions --transactional-id load-1\n  \
    ecap-topics acl grant producer alerts fraud-alerts --exactly-once\n  \
    ecap-topics acl revoke producer shop transactions"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Show the rights that the cluster keeps
    #[command(after_help = "Example: ecap-topics acl list --principal shop")]
    List {
        /// Of this user only
        #[arg(long, value_name = "USER")]
        principal: Option<String>,
    },
    /// Grant a user what a role needs
    #[command(
        after_help = "Example: ecap-topics acl grant consumer dashboard transactions --group dashboard"
    )]
    Grant(Role),
    /// Take from a user what a role needs
    #[command(after_help = "Example: ecap-topics acl revoke producer shop transactions")]
    Revoke(Role),
}

/// Who is to be what.
#[derive(clap::Args, Debug)]
struct Role {
    /// What the user does
    role: Kind,
    /// The user: a name, or Kafka's form such as User:CN=shop
    #[arg(value_name = "USER")]
    principal: String,
    /// Topics of the catalog, each with its dead-letter topic; all of them without a name
    #[arg(value_name = "TOPIC", add = complete::catalog_topics())]
    topics: Vec<String>,
    /// A group that a consumer commits to, or an admin looks after; without one every group with the prefix
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// A transactional id that a producer uses, with or without the prefix; with it go the group and the topics' READ that
    /// ecap-produce keeps its position with
    #[arg(long, value_name = "ID")]
    transactional_id: Vec<String>,
    /// With what a query needs to write to topics exactly once: the topic of commits, and all transactional ids of queries
    /// where none is named
    #[arg(long)]
    exactly_once: bool,
    /// From this address only
    #[arg(long, value_name = "ADDRESS", default_value = "*")]
    host: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Writes records
    Producer,
    /// Reads records, commits to groups, and keeps dead letters
    Consumer,
    /// Creates, alters and deletes the topics, and sees to their groups
    Admin,
}

#[derive(Debug, Serialize)]
struct Rights {
    rights: Vec<Right>,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    match &args.command {
        Command::List { principal } => {
            let principal = principal.as_deref().map(in_kafkas_form);
            let rights = session.admin.rights(principal.as_deref())?;
            if rights.is_empty() {
                // librdkafka says the same in each of these cases.
                output::note(
                    "there are no rights, or this user may not see them (DESCRIBE on the cluster), or the broker has no \
                     authorizer",
                );
            }
            output::show(&Rights { rights }, &common.output)
        }
        Command::Grant(role) => {
            let rights = rights(role, &session)?;
            let granted = session.admin.grant(&rights);
            session.remember("acl grant", &in_words(&rights), granted)?;
            output::show(&Rights { rights }, &common.output)
        }
        Command::Revoke(role) => {
            let rights = rights(role, &session)?;
            let revoked = session.admin.revoke(&rights);
            let rights = session.remember("acl revoke", &in_words(&rights), revoked)?;
            let revoked = counted(rights.len(), "right");
            output::show(&Rights { rights }, &common.output)?;
            output::note(&format!("{revoked} revoked"));
            Ok(())
        }
    }
}

fn in_kafkas_form(principal: &str) -> String {
    if principal.contains(':') { principal.into() } else { format!("User:{principal}") }
}

fn in_words(rights: &[Right]) -> String {
    let mut words: Vec<_> =
        rights.iter().map(|right| format!("{} on {}", right.operation, right.name)).collect();
    words.dedup();
    let who = rights.first().map_or("", |right| right.principal.as_str());
    format!("{who}: {}", words.join(", "))
}

/// What a role needs.
fn rights(role: &Role, session: &Session) -> Result<Vec<Right>> {
    let topics = session.declared(&role.topics, None)?;
    let prefix = &session.settings.prefix;
    let made = |resource, name: &str, prefixed, operation: &&str| Right {
        principal: in_kafkas_form(&role.principal),
        host: role.host.clone(),
        resource,
        name: name.into(),
        prefixed,
        operation: (*operation).into(),
        allowed: true,
    };
    let mut rights = Vec::new();
    for topic in &topics {
        let operations = on_topic(role.role, &session.settings.catalog, topic);
        rights
            .extend(operations.iter().map(|operation| made(Resource::Topic, &topic.name, false, operation)));
    }
    let on_groups: &[&str] = match role.role {
        Kind::Producer => &[],
        Kind::Consumer => &["READ", "DESCRIBE"],
        Kind::Admin => &["READ", "DESCRIBE", "DELETE"],
    };
    let mut groups: Vec<_> = role.group.iter().map(|group| (session.settings.full(group), false)).collect();
    if groups.is_empty() {
        groups.push(if prefix.is_empty() { ("*".into(), false) } else { (prefix.clone(), true) });
    }
    for (group, prefixed) in &groups {
        rights.extend(on_groups.iter().map(|operation| made(Resource::Group, group, *prefixed, operation)));
    }
    let mut ids: Vec<_> = role.transactional_id.iter().map(|id| (session.settings.full(id), false)).collect();
    if role.role == Kind::Producer && !role.exactly_once && !ids.is_empty() {
        // A transaction of `ecap-produce` commits how far its rows were read, as a consumer commits what it has read.
        for group in ids.iter().map(|(id, _)| position_group(id)) {
            let operations = ["READ", "DESCRIBE"].iter();
            rights.extend(operations.map(|operation| made(Resource::Group, &group, false, operation)));
        }
        let own = topics.iter().filter(|topic| session.settings.catalog.source(topic).is_none());
        rights.extend(own.map(|topic| made(Resource::Topic, &topic.name, false, &"READ")));
    }
    if role.exactly_once {
        let commits = format!("{prefix}{COMMITS}");
        let operations = ["READ", "WRITE", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS"].iter();
        rights.extend(operations.map(|operation| made(Resource::Topic, &commits, false, operation)));
        if ids.is_empty() {
            ids.push((format!("{prefix}{IDS}"), true));
        }
    }
    for (id, prefixed) in ids {
        let operations = ["WRITE", "DESCRIBE"].iter();
        rights.extend(operations.map(|operation| made(Resource::TransactionalId, &id, prefixed, operation)));
    }
    if role.role == Kind::Admin {
        rights.push(made(Resource::Cluster, "kafka-cluster", false, &"DESCRIBE"));
    }
    Ok(rights)
}

fn on_topic(role: Kind, catalog: &Catalog, topic: &Topic) -> &'static [&'static str] {
    match (role, catalog.source(topic)) {
        (Kind::Producer, None) => &["WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"],
        (Kind::Producer, Some(_)) => &[],
        (Kind::Consumer, None) => &["READ", "DESCRIBE", "DESCRIBE_CONFIGS"],
        (Kind::Consumer, Some(_)) => &["READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"],
        (Kind::Admin, _) => &["ALL"],
    }
}

impl Show for Rights {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["user", "from", "may", "operation", "on", "name"]);
        for Right { principal, host, resource, name, prefixed, operation, allowed } in &self.rights {
            let on = match resource {
                Resource::Topic => "topic",
                Resource::Group => "group",
                Resource::Cluster => "cluster",
                Resource::TransactionalId => "transactional id",
                Resource::Other => "other",
            };
            let name = if *prefixed { format!("{name}…") } else { name.clone() };
            let may = if *allowed { "yes" } else { "no" };
            table.row([principal.as_str(), host, may, operation, on, &name]);
        }
        table
    }
}
