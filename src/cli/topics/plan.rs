//! `ecap-topics plan`

use super::complete;
use super::session::{Session, counted, readable, readable_or_default};
use crate::catalog::changes::{Change, Plan, Refusal};
use crate::cli::common::CommonArgs;
use crate::cli::output::{self, OutputArgs, Show, Table};
use crate::kafka::admin::may_not_see;
use crate::{Error, Result};
use serde::Serialize;

/// Show what has to be done for the cluster to be as the catalog says, setting by setting; nothing is changed
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Settings that the catalog does not name are left alone, and so are topics that it does not name \
    (but see --prune).\n\n\
    Exit code 3 with --exit-code: the cluster is not as the catalog says.\n\n\
    Examples:\n  ecap-topics plan\n  ecap-topics plan --exit-code --format json\n  ecap-topics plan --prune"
)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    /// End with 3 where anything differs
    #[arg(long)]
    exit_code: bool,
}

/// Which topics are compared, and with what.
#[derive(clap::Args, Debug)]
pub struct Scope {
    /// Topics of the catalog, each with its dead-letter topic; all of them without a name
    #[arg(value_name = "TOPIC", add = complete::catalog_topics())]
    topics: Vec<String>,
    /// Brokers that keep each partition, in place of the catalog's; min.insync.replicas becomes half of it, rounded up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1000))]
    replication_factor: Option<i32>,
    /// Delete topics that the catalog does not have; never Kafka's and ecap's own, and none without the prefix
    #[arg(long, conflicts_with = "topics")]
    prune: bool,
}

/// What has to be done, or was.
#[derive(Debug, Serialize)]
pub struct Document {
    pub cluster: Option<String>,
    pub applied: bool,
    #[serde(flatten)]
    pub plan: Plan,
}

pub fn run(args: &Args, common: &CommonArgs) -> Result<()> {
    let session = Session::open(common)?;
    let document = Document::of(&session, args.scope.plan(&session)?);
    document.show(&common.output)?;
    for refusal in &document.plan.refused {
        output::note(&format!("{}: {}", refusal.in_words(), refusal.reason));
    }
    output::note(&in_line(&document.plan));
    if document.plan.is_empty() || !args.exit_code {
        return Ok(());
    }
    Err(Error::check("the cluster is not as the catalog says").hint("`ecap-topics apply` changes it"))
}

impl Scope {
    /// What has to be done in this scope.
    ///
    /// # Errors
    /// A usage error where a topic or the replication factor is wrong; when the cluster does not answer.
    pub fn plan(&self, session: &Session) -> Result<Plan> {
        let factor = self.replication_factor;
        let (desired, actual) = session.compared(session.declared(&self.topics, factor)?, factor)?;
        let missing = desired.iter().filter(|topic| !actual.contains_key(&topic.name)).cloned();
        let missing: Vec<_> = missing.collect();
        let names: Vec<_> = missing.iter().map(|topic| topic.name.as_str()).collect();
        let unseen = session.admin.unseen(&names)?;
        if let Some(topic) = names.iter().find(|topic| unseen.contains(**topic)) {
            return Err(may_not_see("topic", topic));
        }
        session.enough_brokers(&missing)?;
        let plan = Plan::new(&desired, &actual);
        let all =
            session.cluster.topics.iter().map(|topic| (topic.name.as_str(), topic.partitions.len() as i32));
        Ok(if self.prune { plan.prune(&desired, all, &session.settings.prefix) } else { plan })
    }
}

impl Document {
    /// A plan for the session's cluster that is not applied yet.
    pub fn of(session: &Session, plan: Plan) -> Self {
        Self { cluster: session.cluster.id.clone(), applied: false, plan }
    }

    /// Shows it; for people there is no table of nothing.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn show(&self, args: &OutputArgs) -> Result<()> {
        if args.format.is_for_people() && self.plan.is_empty() { Ok(()) } else { output::show(self, args) }
    }
}

/// How many changes of each kind there are, in a line.
pub fn in_line(plan: &Plan) -> String {
    if plan.is_empty() {
        return "nothing to do: the cluster is as the catalog says".into();
    }
    let count = |is_one: fn(&Change) -> bool| plan.changes.iter().filter(|change| is_one(change)).count();
    let kinds = [
        (count(|change| matches!(change, Change::Create { .. })), "topic", "to create"),
        (count(|change| matches!(change, Change::AddPartitions { .. })), "topic", "to get more partitions"),
        (count(|change| matches!(change, Change::Alter { .. })), "setting", "to alter"),
        (count(|change| matches!(change, Change::Delete { .. })), "topic", "to delete"),
        (plan.refused.len(), "difference", "that apply leaves"),
    ];
    let kinds = kinds.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<_> = kinds.map(|(count, what, fate)| format!("{} {fate}", counted(count, what))).collect();
    parts.join(", ")
}

impl Show for Document {
    fn table(&self, _: bool) -> Table {
        let mut table = Table::new(["topic", "change", "is", "becomes", "lost"]);
        for change in &self.plan.changes {
            let lost = change.loss().unwrap_or_default();
            let mut row = |change: &str, topic: &str, is: &str, becomes: &str| {
                table.row([topic, change, is, becomes, lost]);
            };
            match change {
                Change::Create { topic, partitions, replication, config } => {
                    row("create", topic, "", &counted(*partitions as usize, "partition"));
                    row("replication", topic, "", &replication.to_string());
                    for (name, value) in config {
                        row(name, topic, "", &readable(name, value));
                    }
                }
                Change::AddPartitions { topic, from, to } => {
                    row("partitions", topic, &from.to_string(), &to.to_string());
                }
                Change::Alter { topic, setting, from, to, .. } => {
                    let [from, to] = [from, to].map(|value| readable_or_default(setting, value.as_deref()));
                    row(setting, topic, &from, &to);
                }
                Change::Delete { topic, partitions } => {
                    row("delete", topic, &counted(*partitions as usize, "partition"), "");
                }
            }
        }
        for Refusal { topic, drift, .. } in &self.plan.refused {
            let is = drift.cluster.clone().unwrap_or_default();
            table.row([
                topic.clone(),
                drift.setting.clone(),
                is.clone(),
                format!("{is} (stays)"),
                String::new(),
            ]);
        }
        table
    }
}
