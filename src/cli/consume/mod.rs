//! `ecap-consume`: windowed SQL over topics, from flags or from a file.

mod checkpoint;
mod compact;
mod dead_letters;
mod delta;
mod explain;
mod flags;
mod inputs;
mod letters;
mod places;
mod run;
mod service;
mod services;
mod show;
mod sink;
mod sink_options;
mod source;
mod told;

pub use self::checkpoint::rewind_command;

use super::common::{CommonArgs, Settings};
use super::{Cli, output};
use crate::query::header::Header;
use crate::query::locate;
use crate::{Error, Result};
use explain::Explained;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Windowed SQL over topics: counts, sums and averages while the records come in.
///
/// Flags are shorthand for SQL (--print-sql shows it). A window is half open, aligned to the epoch in UTC,
/// and a record is in every window that contains its time.
#[derive(clap::Parser, Debug)]
#[command(
    name = "ecap-consume",
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        ecap-consume --window 10s --slide 5s\n  \
        ecap-consume --window 1m --group-by product_category --agg 'sum(final_amount) AS revenue'\n  \
        ecap-consume --topic transactions --window 5m --slide 1m --from earliest --trigger available-now \
        --output-mode append --flush-at-end\n  \
        ecap-consume query queries/revenue-by-category.sql --from earliest\n  \
        ecap-consume --source ./sales --window 1h --trigger available-now --flush-at-end --sink csv --path out.csv"
)]
pub struct ConsumeCli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    query: flags::QueryArgs,
    #[command(flatten)]
    run: run::RunArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Run the query of a SQL file
    #[command(after_help = "Example: ecap-consume query queries/revenue-by-category.sql --from earliest")]
    Query {
        /// A file with one SELECT
        file: PathBuf,
        #[command(flatten)]
        run: run::RunArgs,
    },
    /// Show what the query of a SQL file reads, what state it keeps and what that costs, and its plan
    #[command(after_help = "Example: ecap-consume explain queries/fraud-alerts.sql")]
    Explain {
        /// A file with one SELECT
        file: PathBuf,
        #[command(flatten)]
        run: run::RunArgs,
    },
    /// Look after what queries go on from
    #[command(subcommand, after_help = "Example: ecap-consume checkpoint list")]
    Checkpoint(checkpoint::Verb),
    /// Check the queries of SQL files: exit 2, and the line and column, where one cannot run
    #[command(after_help = "Example: ecap-consume validate queries/*.sql")]
    Validate {
        /// Files with one SELECT each
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        run: run::RunArgs,
    },
    /// Look at the records that queries could not use, and send them back
    #[command(subcommand, after_help = "Example: ecap-consume dead-letters list")]
    DeadLetters(dead_letters::Verb),
    /// Merge small files of results (--sink parquet, ndjson, csv) into large ones
    #[command(after_help = "Example: ecap-consume compact ./revenue --min-age 1h")]
    Compact(compact::CompactArgs),
    #[command(flatten)]
    Service(service::Verb),
    /// What a Delta table needs from time to time: optimize, vacuum, checkpoint
    #[command(subcommand, after_help = "Example: ecap-consume delta optimize ./bronze")]
    Delta(delta::DeltaCommand),
}

impl Cli for ConsumeCli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// Plans the query, then connects, then runs it until its trigger ends or the user does.
///
/// # Errors
/// A usage error with the nearest name where the query or a flag is wrong; an unreachable error where no
/// broker answers; otherwise what ended the query.
pub fn run(cli: ConsumeCli) -> Result<()> {
    let mut settings = cli.common.settings()?;
    match &cli.command {
        Some(Command::Query { file, run }) => {
            let sql = read(file)?;
            let header = header_of(&sql)?;
            run.inputs.declare(&mut settings, &header, &inputs::named_in(&sql, &header))?;
            let folder = file.parent().unwrap_or(Path::new(""));
            let tables = || run.inputs.tables(&header, folder);
            let own = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            let query = run::Query { sql: &sql, header: &header, own: &own };
            run::run(query, tables, run, &cli.common, &settings).inspect_err(|error| point_at(error, &sql))
        }
        Some(Command::Checkpoint(verb)) => checkpoint::run(verb, &cli.common),
        Some(Command::Explain { file, run }) => {
            let (_, explained) = plan(file, run, settings)?;
            explain::show(&explained, &cli.common.output)
        }
        Some(Command::Validate { files, run }) => validate(files, run, &settings),
        Some(Command::DeadLetters(verb)) => dead_letters::run(verb, &cli.common, &settings),
        Some(Command::Compact(args)) => compact::run(args),
        Some(Command::Service(verb)) => service::run(verb, &cli.common),
        Some(Command::Delta(command)) => delta::run(command),
        None => {
            let header = Header::default();
            cli.run.inputs.declare(&mut settings, &header, cli.query.topics())?;
            let sql = cli.query.to_sql(&settings, cli.run.time_column())?;
            let tables = || cli.run.inputs.tables(&header, Path::new(""));
            let own = cli.run.name_of(cli.query.topics(), &sql);
            let query = run::Query { sql: &sql, header: &header, own: &own };
            run::run(query, tables, &cli.run, &cli.common, &settings).map_err(Error::without_place)
        }
    }
}

/// Plans the query of a file, without a broker where no schema has to be inferred; gives what the file says of it, too.
fn plan(file: &Path, run: &run::RunArgs, mut settings: Settings) -> Result<(Header, Explained)> {
    let sql = read(file)?;
    let header = header_of(&sql)?;
    run.inputs.declare(&mut settings, &header, &inputs::named_in(&sql, &header))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let plan = || {
        let tables = run.inputs.tables(&header, folder)?;
        run::plan((&sql, &header), tables, run, &settings)
    };
    let (plan, options) = plan().inspect_err(|error| point_at(error, &sql))?;
    Ok((header, Explained::new(&plan, &options)))
}

/// Plans each query; the first error is the command's, once all have been looked at.
fn validate(files: &[PathBuf], run: &run::RunArgs, settings: &Settings) -> Result<()> {
    let mut wrong = Vec::new();
    for file in files {
        match plan(file, run, settings.clone()) {
            Ok((header, _)) => {
                let said = header.to_string();
                let said = if said.is_empty() { said } else { format!(" ({said})") };
                output::print(&format!("{}{said}: valid\n", file.display()))?;
            }
            Err(error) => wrong.push(error.at(file.display())),
        }
    }
    let mut wrong = wrong.into_iter();
    let Some(first) = wrong.next() else { return Ok(()) };
    wrong.for_each(|error| output::note(&format!("error: {error}")));
    Err(first)
}

fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::usage(format!("cannot read the query {}: {error}", file.display())))?;
    Ok(text.trim_end().trim_end_matches(';').to_string())
}

/// What a query file says of itself.
fn header_of(sql: &str) -> Result<Header> {
    Header::of(sql).inspect_err(|error| point_at(error, sql))
}

/// Shows the line of the query in which an error lies, to a person.
fn point_at(error: &Error, sql: &str) {
    if std::io::stderr().is_terminal()
        && let Some(line) = locate::shown(error, sql)
    {
        output::note(&line);
    }
}
