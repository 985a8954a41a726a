//! `ecap-gen`: writes generated records to a file or standard output.

mod world;

pub use world::WorldArgs;

use super::common::CommonArgs;
use super::{Cli, output};
use crate::generate::{Format, Generator, Kind};
use crate::new_file::NewFile;
use crate::units::format_count;
use crate::{Error, Result};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::path::{Path, PathBuf};

/// Generates e-commerce records: the same seed and options, the same bytes
#[derive(clap::Parser, Debug)]
#[command(name = "ecap-gen", after_help = EXAMPLES)]
pub struct GenCli {
    /// What to generate
    #[arg(value_enum, default_value_t = Kind::CustomerTransactions)]
    kind: Kind,
    /// How many records
    #[arg(short = 'n', long, default_value_t = 1_200, value_name = "N")]
    rows: u64,
    /// Where to; '-' is standard output [default: data/KIND_ROWS.csv or .ndjson]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The form of the records [default: by the file's ending; ndjson on standard output]
    #[arg(long, value_enum, value_name = "FORMAT")]
    file_format: Option<Format>,
    /// Overwrite a file that is there already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    world: WorldArgs,
    #[command(flatten)]
    common: CommonArgs,
}

const EXAMPLES: &str = "\
Examples:
  ecap-gen                                              1,200 rows to data/customer_transactions_1200.csv
  ecap-gen --seed 42 --force                            the same rows each time
  ecap-gen transactions -n 2000000 -o data/t.ndjson     2,000,000 records as JSON lines
  ecap-gen transactions -n 10 -o - | head -1            one record to look at";

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
        };
        Some(PossibleValue::new(self.topic()).help(help))
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Csv, Self::Ndjson]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.ending()))
    }
}

/// Runs `ecap-gen`.
///
/// # Errors
/// When the options do not fit together, or the file is there already or cannot be written.
pub fn run(cli: GenCli) -> Result<()> {
    let path = cli.output.clone().unwrap_or_else(|| default_path(cli.kind, cli.file_format, cli.rows));
    let to_stdout = path.as_os_str() == "-";
    let format = cli.file_format.or_else(|| Format::of(&path)).unwrap_or(match to_stdout {
        true => Format::Ndjson,
        false => cli.kind.default_format(),
    });
    let world = cli.world.world(cli.kind)?;
    let seed = world.seed;
    let generator = Generator::new(cli.kind, format, world)?;
    if to_stdout {
        generator.write(cli.rows, &mut std::io::stdout().lock())?;
    } else {
        write_file(&generator, cli.rows, &path, cli.force)?;
        let (rows, topic) = (format_count(cli.rows), cli.kind.topic());
        output::note(&format!("{rows} records for {topic} in {}", path.display()));
    }
    if cli.world.seed.is_none() {
        output::note(&format!("seed {seed}: give --seed {seed} for the same records again"));
    }
    Ok(())
}

fn default_path(kind: Kind, format: Option<Format>, rows: u64) -> PathBuf {
    let ending = format.unwrap_or(kind.default_format()).ending();
    format!("data/{}_{rows}.{ending}", kind.topic().replace('-', "_")).into()
}

fn write_file(generator: &Generator, rows: u64, path: &Path, overwrite: bool) -> Result<()> {
    let mut file = NewFile::create(path, overwrite)?;
    generator.write(rows, &mut file).map_err(|error| Error::from(error).at(path.display()))?;
    file.finish()
}
