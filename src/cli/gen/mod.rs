//! `ecap-gen`: writes generated records to a file or standard output.

mod amount;
mod describe;
mod faults;
mod folder;
mod truth;
mod verify;
mod world;

pub use world::WorldArgs;

use super::common::CommonArgs;
use super::{Cli, output};
use crate::generate::{Format, Generator, Kind, Locale, Shape, Timeline};
use crate::new_file::NewFile;
use crate::units::format_count;
use crate::{Error, Result};
use amount::{AmountArgs, ThreadArgs};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::path::{Path, PathBuf};
use truth::TruthArgs;

/// Generates e-commerce records: the same seed and options, the same bytes
#[derive(clap::Parser, Debug)]
#[command(
    name = "ecap-gen",
    args_conflicts_with_subcommands = true,
    allow_negative_numbers = true,
    after_help = EXAMPLES
)]
pub struct GenCli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    make: MakeArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// All kinds of records, consistent with one another: in a file each, or in one stream in the order of time
    #[command(after_help = WORLD, allow_negative_numbers = true)]
    World(Box<folder::FolderArgs>),
    /// Show what a file of records holds: rows, times, rate, nulls, categories
    #[command(after_help = "Example: ecap-gen describe data/customer_transactions_1200.csv")]
    Describe(describe::DescribeArgs),
    /// Compare a consumer's results with a truth file; exit 3 where they differ
    #[command(after_help = VERIFY)]
    Verify(verify::VerifyArgs),
}

const WORLD: &str = "\
Examples:
  ecap-gen world -n 100000 --seed 42 -o data/world      a file for each kind
  ecap-gen world --event-span 1h -o data/world.ndjson   all records in the order of time
  ecap-gen world -o - | grep '\"topic\":\"transactions\"' | head -3
  ecap-produce --synthetic world --replay               straight into Kafka, each record to its topic";

const VERIFY: &str = "\
Example:
  ecap-gen transactions -n 100000 --late 5% --malformed 1% --truth truth.ndjson --truth-window 1m -o t.ndjson
  ecap-consume --topic transactions --window 1m --from earliest --trigger available-now --output-mode append \\
      --flush-at-end --format csv > results.csv
  ecap-gen verify --truth truth.ndjson --results results.csv";

/// What to generate, and where to.
#[derive(clap::Args, Debug)]
struct MakeArgs {
    /// What to generate
    #[arg(value_enum, default_value_t = Kind::CustomerTransactions)]
    kind: Kind,
    #[command(flatten)]
    amount: AmountArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    /// Where to; '-' is standard output [default: data/KIND_ROWS.csv, .ndjson or .parquet]
    #[arg(short, long, value_name = "FILE", help_heading = "Result")]
    output: Option<PathBuf>,
    /// The form of the records [default: by the file's ending; where that says nothing, csv for
    /// customer-transactions and ndjson for streams; ndjson on standard output]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Result")]
    file_format: Option<Format>,
    /// Overwrite a file that is there already
    #[arg(long, help_heading = "Result")]
    force: bool,
    #[command(flatten)]
    truth: TruthArgs,
    #[command(flatten)]
    world: WorldArgs,
}

const EXAMPLES: &str = "\
Examples:
  ecap-gen                                              1,200 rows to data/customer_transactions_1200.csv
  ecap-gen --seed 42 --force                            the same rows each time
  ecap-gen transactions -n 2000000 -o data/t.ndjson     2,000,000 records as JSON lines
  ecap-gen user-events --event-span 1h -o data/e.ndjson an hour of what shoppers do
  ecap-gen transactions -n 10 -o - | head -1            one record to look at
  ecap-gen --locale de_DE -n 5 -o -                     customers in Germany
  ecap-gen world -n 100000 -o data/world                a file for each kind";

impl Cli for GenCli {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

impl ValueEnum for Kind {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::CustomerTransactions => {
                "A shop's history with all that is known of the customer, 23 columns"
            }
            Self::Transactions => "A shop's live stream, 19 columns with nested home, device and campaign",
            Self::UserEvents => {
                "What shoppers look at, search for, put into the cart and buy, session by session"
            }
            Self::ProductUpdates => {
                "Each product when it is new, then its prices, its stock, its end and its tombstone"
            }
        };
        Some(PossibleValue::new(self.topic()).help(help))
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Csv, Self::Ndjson, Self::Parquet]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.ending()))
    }
}

impl ValueEnum for &'static Locale {
    fn value_variants<'a>() -> &'a [Self] {
        Locale::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let language = self.name.split('_').next().unwrap_or_default();
        Some(PossibleValue::new(self.name).alias(language).alias(self.name.replace('_', "-")))
    }
}

impl ValueEnum for Shape {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Week, Self::Flat]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Week => {
                PossibleValue::new("week").help("Quiet nights, busy evenings, busier weekends (UTC)")
            }
            Self::Flat => PossibleValue::new("flat").help("The same at any time"),
        })
    }
}

/// Runs `ecap-gen`.
///
/// # Errors
/// When the options do not fit together, or the file is there already or cannot be written.
pub fn run(cli: GenCli) -> Result<()> {
    match cli.command {
        Some(Command::World(world)) => folder::run(&world),
        Some(Command::Describe(describe)) => {
            describe::run(&describe, &cli.common.settings()?.catalog, &cli.common.output)
        }
        Some(Command::Verify(verify)) => verify::run(&verify, &cli.common.output),
        None => make(&cli.make),
    }
}

fn make(args: &MakeArgs) -> Result<()> {
    let path = args.output.clone().unwrap_or_else(|| default_path(args));
    let to_stdout = path.as_os_str() == "-";
    let format = args.file_format.or_else(|| Format::of(&path)).unwrap_or(match to_stdout {
        true => Format::Ndjson,
        false => args.kind.default_format(),
    });
    args.amount.check(format)?;
    if args.kind == Kind::CustomerTransactions && args.truth.has_windows() {
        return Err(Error::usage(
            "customer-transactions have no windows to add up: their event time is their arrival",
        )
        .hint("leave out --truth-window, or generate transactions"));
    }
    let world = args.world.world(args.kind)?;
    let (seed, start) = (world.seed, world.start);
    let generator = Generator::new(args.kind, format, world)?;
    let mut extent = args.amount.extent(&generator, start)?;
    let truth = args.truth.begin(args.force)?;
    let threads = args.threads.count();
    let rows = match to_stdout {
        true => generator.write(&extent, threads, &mut std::io::stdout())?,
        false => {
            let whose = format!("for {}", args.kind.topic());
            write_file(&path, args.force, &whose, |file| generator.write(&extent, threads, file))?
        }
    };
    extent.rows.end = extent.rows.start + rows;
    args.truth.end(truth, &Timeline::from(generator), &extent)?;
    tell_seed(&args.world, seed);
    Ok(())
}

fn tell_seed(world: &WorldArgs, seed: u64) {
    if world.seed.is_none() {
        output::note(&format!("seed {seed}: give --seed {seed} for the same records again"));
    }
}

fn default_path(args: &MakeArgs) -> PathBuf {
    let ending = args.file_format.unwrap_or(args.kind.default_format()).ending();
    let name = args.kind.topic().replace('-', "_");
    match args.amount.default_rows() {
        Some(rows) => format!("data/{name}_{rows}.{ending}").into(),
        None => format!("data/{name}.{ending}").into(),
    }
}

/// Writes a file whole or not at all, and says how many records it has, and whose.
fn write_file(
    path: &Path,
    overwrite: bool,
    whose: &str,
    write: impl FnOnce(&mut NewFile) -> Result<u64>,
) -> Result<u64> {
    let mut file = NewFile::create(path, overwrite)?;
    let records = write(&mut file).map_err(|error| error.at(path.display()))?;
    file.finish()?;
    output::note(&format!("{} records {whose} in {}", format_count(records), path.display()));
    Ok(records)
}
