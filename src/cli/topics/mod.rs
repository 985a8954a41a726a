//! `ecap-topics`: the topics, groups and health of a cluster. A file per subcommand.

mod acl;
mod alter_config;
mod apply;
pub(super) mod complete;
mod config;
mod consumer_groups;
mod create_topics;
mod delete_group;
mod delete_offsets;
mod delete_topic;
mod describe_topic;
mod export;
mod health_check;
mod kafka_cli;
mod lag;
mod list_topics;
mod monitor;
mod place;
mod plan;
mod reset_offsets;
mod reset_topics;
mod session;
mod tail;
mod test_produce;
mod unfinished;
mod validate;

use super::Cli;
use super::common::CommonArgs;
use crate::Result;

/// Create, look at, test and watch the topics of the platform.
#[derive(clap::Parser, Debug)]
#[command(name = "ecap-topics", after_help = "Example: ecap-topics create-topics && ecap-topics list-topics")]
pub struct TopicsCli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    CreateTopics(create_topics::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    AlterConfig(alter_config::Args),
    Export(export::Args),
    Validate(validate::Args),
    Acl(acl::Args),
    ListTopics(list_topics::Args),
    DescribeTopic(describe_topic::Args),
    DeleteTopic(delete_topic::Args),
    ResetTopics(reset_topics::Args),
    TestProduce(test_produce::Args),
    Tail(tail::Args),
    ConsumerGroups(consumer_groups::Args),
    ResetOffsets(reset_offsets::Args),
    DeleteGroup(delete_group::Args),
    DeleteOffsets(delete_offsets::Args),
    Monitor(monitor::Args),
    HealthCheck(health_check::Args),
    Config(config::Args),
    KafkaCli(kafka_cli::Args),
}

impl Cli for TopicsCli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// Runs the subcommand.
///
/// # Errors
/// As the subcommand says in its help.
pub fn run(cli: TopicsCli) -> Result<()> {
    let common = &cli.common;
    match cli.command {
        Command::CreateTopics(args) => create_topics::run(&args, common),
        Command::Plan(args) => plan::run(&args, common),
        Command::Apply(args) => apply::run(&args, common),
        Command::AlterConfig(args) => alter_config::run(&args, common),
        Command::Export(args) => export::run(&args, common),
        Command::Validate(args) => validate::run(&args, common),
        Command::Acl(args) => acl::run(&args, common),
        Command::ListTopics(args) => list_topics::run(&args, common),
        Command::DescribeTopic(args) => describe_topic::run(&args, common),
        Command::DeleteTopic(args) => delete_topic::run(&args, common),
        Command::ResetTopics(args) => reset_topics::run(&args, common),
        Command::TestProduce(args) => test_produce::run(&args, common),
        Command::Tail(args) => tail::run(&args, common),
        Command::ConsumerGroups(args) => consumer_groups::run(&args, common),
        Command::ResetOffsets(args) => reset_offsets::run(&args, common),
        Command::DeleteGroup(args) => delete_group::run(&args, common),
        Command::DeleteOffsets(args) => delete_offsets::run(&args, common),
        Command::Monitor(args) => monitor::run(&args, common),
        Command::HealthCheck(args) => health_check::run(&args, common),
        Command::Config(args) => config::run(&args, common),
        Command::KafkaCli(args) => kafka_cli::run(&args, common),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_help_with_an_example() {
        let command = crate::cli::command::<TopicsCli>();
        command.clone().debug_assert();
        for command in command.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let call = format!("ecap-topics {}", command.get_name());
            assert!(help.contains("Example") && help.contains(&call), "{call}: {help}");
            assert!(command.get_about().is_some(), "{call}");
        }
    }
}
