//! `ecap-consume dead-letters …`

mod args;
mod replay;
mod shown;

use crate::Result;
use crate::cli::common::{CommonArgs, Settings};
use crate::cli::output::{self, Show};
use crate::dead_letters::Summary;
use crate::units::format_count;
use args::Which;
use shown::{Letters, Listing, Stats};

/// What can be done with dead letters.
#[derive(clap::Subcommand, Debug)]
pub enum Verb {
    /// Count dead letters by topic, stage and code, with the first and the last
    #[command(after_help = "Examples:\n  ecap-consume dead-letters list\n  \
        ecap-consume dead-letters list ./dead-letters.ndjson --topic transactions")]
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Show dead letters in full; bytes that are no text in hexadecimal digits
    #[command(after_help = "Examples:\n  ecap-consume dead-letters show --code TYPE_MISMATCH --limit 5\n  \
        ecap-consume dead-letters show --topic transactions --partition 0 --offset 1200 --format json")]
    Show {
        #[command(flatten)]
        which: Which,
        /// Show at most so many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u64,
    },
    /// Count dead letters by code and hour, with the share of each code
    #[command(after_help = "Example: ecap-consume dead-letters stats transactions.dlq --format csv")]
    Stats {
        #[command(flatten)]
        which: Which,
    },
    /// Send the records of dead letters back to their topics, each once; a dry run without --execute
    #[command(
        after_help = "Key, value and time are as they were; a header 'ecap.replayed' says where the record stood.\n\n\
        Examples:\n  ecap-consume dead-letters replay --code TRANSFORM_FAILED\n  \
        ecap-consume dead-letters replay transactions.dlq --code TRANSFORM_FAILED --execute\n  \
        ecap-consume dead-letters replay ./dead-letters.ndjson --to transactions --execute --yes"
    )]
    Replay(replay::ReplayArgs),
}

/// Runs a verb.
///
/// # Errors
/// A usage error where nothing is at a place, or a condition is of nothing; a data error where it keeps something else;
/// when it cannot be read.
pub fn run(verb: &Verb, common: &CommonArgs, settings: &Settings) -> Result<()> {
    match verb {
        Verb::List { which } => show(&Listing::from(summary(which, settings)?), common),
        Verb::Stats { which } => show(&Stats::from(summary(which, settings)?), common),
        Verb::Show { which, limit } => {
            let mut letters = Letters::default();
            which.each(settings, &mut |letter| {
                letters.add(letter, *limit);
                Ok(())
            })?;
            output::show(&letters, &common.output)?;
            if letters.more > 0 {
                output::note(&format!("{} more: --limit shows them", format_count(letters.more)));
            }
            Ok(())
        }
        Verb::Replay(args) => replay::run(args, common, settings),
    }
}

fn summary(which: &Which, settings: &Settings) -> Result<Summary> {
    let mut summary = Summary::default();
    which.each(settings, &mut |letter| {
        summary.add(letter);
        Ok(())
    })?;
    Ok(summary)
}

fn show(result: &impl Show, common: &CommonArgs) -> Result<()> {
    output::show(result, &common.output)
}
