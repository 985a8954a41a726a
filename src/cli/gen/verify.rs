//! `ecap-gen verify`: whether a consumer's results are what a truth file says.

use crate::cli::output::{self, OutputArgs, Show, Table};
use crate::generate::{Comparison, Terms, verify};
use crate::units::format_count;
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What `ecap-gen verify` is asked for.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// A file that ecap-gen --truth wrote
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Results of ecap-consume with window_start and window_end, as CSV or lines of JSON; '-' is standard input
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// Whose results they are, where the truth is about several topics
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Late records must be missing in the results
    #[arg(long)]
    without_late: bool,
    /// The column with the number of records [default: record_count, or another usual name]
    #[arg(long, value_name = "NAME")]
    records_column: Option<String>,
    /// The column with the sum of amounts [default: total_transaction_value, or another usual name]
    #[arg(long, value_name = "NAME")]
    amount_column: Option<String>,
}

impl Show for Comparison {
    fn table(&self, _wide: bool) -> Table {
        let headings = ["window_start", "window_end", "group", "what", "expected", "found"];
        let mut table = Table::new(headings);
        for it in &self.differences {
            let group = it.group.as_deref().unwrap_or_default();
            table.row([&it.window_start, &it.window_end, group, it.what, &it.expected, &it.found]);
        }
        table
    }
}

/// Compares results with the truth.
///
/// # Errors
/// A check error with the number of differences where there are some; a usage error where a file is none.
pub fn run(args: &VerifyArgs, shown: &OutputArgs) -> Result<()> {
    let terms = Terms {
        topic: args.topic.clone(),
        without_late: args.without_late,
        records: args.records_column.clone(),
        amount: args.amount_column.clone(),
    };
    let comparison = verify(&mut *open(&args.truth)?, &mut *open(&args.results)?, &terms)?;
    let compared = format_count(comparison.compared);
    if comparison.different == 0 {
        if shown.format != output::Format::Table {
            output::show(&comparison, shown)?;
        }
        output::note(&format!("{compared} windows and groups are as the truth says"));
        return Ok(());
    }
    output::show(&comparison, shown)?;
    let different = format_count(comparison.different);
    Err(Error::check(format!(
        "{different} windows or groups are not as the truth says, of {compared} in the results"
    ))
    .hint("windows that are not final yet are missing in results without --flush-at-end"))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file =
        File::open(path).map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))?;
    Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
}
