//! `ecap-gen world`: a file for each kind of record, consistent with one another.

use super::amount::{DEFAULT_ROWS, ThreadArgs};
use super::{WorldArgs, tell_seed, write_file};
use crate::Result;
use crate::clock::Micros;
use crate::generate::{END_OF_TIME, Extent, Generator, HISTORY, HISTORY_ROWS, Kind, MOST_ROWS, World};
use crate::units::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// What `ecap-gen world` is asked for.
#[derive(clap::Args, Debug)]
pub struct FolderArgs {
    /// About how many transactions, in whole orders [default: 1200]
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "event_span")]
    rows: Option<u64>,
    /// So much event time: 1h
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    event_span: Option<Duration>,
    /// The folder of the files: transactions.ndjson, user-events.ndjson, product-updates.ndjson and
    /// customer-transactions.csv, a history of 1,200 rows of the same customers
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Overwrite files that are there already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// Writes the files of a world.
///
/// # Errors
/// When a file is there already or cannot be written, or the world would not end.
pub fn run(args: &FolderArgs) -> Result<()> {
    let world = args.world.world(Kind::Transactions)?;
    let (seed, start) = (world.seed, world.start);
    let stream = Generator::new(Kind::Transactions, Kind::Transactions.default_format(), world.clone())?;
    let end = match args.event_span {
        Some(span) => start.saturating_add(span.as_micros() as Micros),
        None => {
            let rows = args.rows.unwrap_or(DEFAULT_ROWS);
            stream.check(rows)?;
            stream.end_of(rows)
        }
    };
    for &kind in Kind::ALL {
        let path = args.output.join(format!("{}.{}", kind.topic(), kind.default_format().ending()));
        let generator = Generator::new(kind, kind.default_format(), of_kind(kind, &world))?;
        let (rows, until) = match kind {
            Kind::CustomerTransactions => (HISTORY_ROWS, END_OF_TIME),
            _ => (MOST_ROWS, end),
        };
        let extent = Extent { rows: 0..rows, bytes: u64::MAX, until };
        write_file(&generator, kind, &extent, args.threads.count(), &path, args.force)?;
    }
    tell_seed(&args.world, seed);
    Ok(())
}

/// The history is that of the time before the streams.
fn of_kind(kind: Kind, world: &World) -> World {
    match kind {
        Kind::CustomerTransactions => {
            World { start: world.start - HISTORY, event_rate: None, ..world.clone() }
        }
        _ => world.clone(),
    }
}
