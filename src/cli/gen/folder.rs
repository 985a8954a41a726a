//! `ecap-gen world`: all kinds of records, consistent with one another, in a file each or in one stream.

use super::amount::{DEFAULT_ROWS, ThreadArgs};
use super::truth::TruthArgs;
use super::{WorldArgs, tell_seed, write_file};
use crate::generate::{Extent, Format, Generator, Kind, MOST_ROWS, Timeline, World};
use crate::units::{parse_count, parse_duration};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `ecap-gen world` is asked for.
#[derive(clap::Args, Debug)]
pub struct FolderArgs {
    /// About how many transactions, in whole orders [default: 1200]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count, conflicts_with = "event_span")]
    rows: Option<u64>,
    /// So much event time: 1h
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    event_span: Option<Duration>,
    /// The folder of the files: transactions.ndjson, user-events.ndjson, product-updates.ndjson and
    /// customer-transactions.csv, a history of 1,200 rows of the same customers. Or FILE.ndjson, or '-' for
    /// standard output: all records in the order of time, as lines of JSON that begin with their topic
    #[arg(short, long, value_name = "DIR|FILE")]
    output: PathBuf,
    /// Overwrite files that are there already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    truth: TruthArgs,
    #[command(flatten)]
    world: WorldArgs,
}

/// Writes the records of a world.
///
/// # Errors
/// When a file is there already or cannot be written, or the world would not end.
pub fn run(args: &FolderArgs) -> Result<()> {
    let world = args.world.world(Kind::Transactions)?;
    let extent = args.extent(&world)?;
    let truth = args.truth.begin(args.force)?;
    let timeline = match (args.output.to_str(), Format::of(&args.output)) {
        (Some("-"), _) | (_, Some(Format::Ndjson)) => args.stream(&world, &extent)?,
        (_, None) => args.files(&world, &extent)?,
        (_, Some(format)) => {
            return Err(Error::usage(format!(
                "the records of a world have no form in one {} file",
                format.ending()
            ))
            .hint("name a folder, or a file that ends in .ndjson"));
        }
    };
    args.truth.end(truth, &timeline, &extent)?;
    tell_seed(&args.world, world.seed);
    Ok(())
}

impl FolderArgs {
    fn extent(&self, world: &World) -> Result<Extent> {
        let until = match self.event_span {
            Some(span) => world.start.saturating_add(span.as_micros() as i64),
            None => {
                let rows = self.rows.unwrap_or(DEFAULT_ROWS);
                let stream = Generator::new(Kind::Transactions, Format::Ndjson, world.clone())?;
                stream.check(rows)?;
                stream.end_of(rows)
            }
        };
        Ok(Extent { rows: 0..MOST_ROWS, bytes: u64::MAX, until })
    }

    /// Writes a file for each kind.
    fn files(&self, world: &World, extent: &Extent) -> Result<Timeline> {
        let timeline = Timeline::of_world(world, Kind::default_format)?;
        for (generator, until) in timeline.parts(extent.until) {
            let name = format!("{}.{}", generator.kind().topic(), generator.format().ending());
            let (extent, path) = (Extent { until, ..extent.clone() }, self.output.join(name));
            let (whose, threads) = (format!("for {}", generator.kind().topic()), self.threads.count());
            write_file(&path, self.force, &whose, |file| generator.write(&extent, threads, file))?;
        }
        Ok(timeline)
    }

    /// Writes all records into one file, or to standard output.
    fn stream(&self, world: &World, extent: &Extent) -> Result<Timeline> {
        let timeline = Timeline::of_world(world, |_| Format::Ndjson)?.named();
        let threads = self.threads.count();
        if self.output == Path::new("-") {
            timeline.write(extent, threads, &mut std::io::stdout())?;
            return Ok(timeline);
        }
        write_file(&self.output, self.force, "of all topics", |file| timeline.write(extent, threads, file))?;
        Ok(timeline)
    }
}
