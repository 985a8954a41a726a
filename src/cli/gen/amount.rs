//! The options that say how much is generated, and by how many threads.

use crate::clock::Micros;
use crate::generate::{END_OF_TIME, Extent, Format, Generator, MOST_ROWS};
use crate::units::{parse_count, parse_duration, parse_size};
use crate::{Error, Result};
use std::time::Duration;

/// How much is generated.
#[derive(clap::Args, Debug, Clone)]
#[command(next_help_heading = "Amount")]
pub struct AmountArgs {
    /// How many records, as 1200, 200k or 2M [default: 1200, where neither --bytes nor --event-span says it]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count)]
    pub rows: Option<u64>,
    /// As many whole records as fit into so many bytes: 1g, 512KB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    bytes: Option<u64>,
    /// The records of so much event time: 1h
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub event_span: Option<Duration>,
    /// Begin at this row, counted from 0: a file that ended before it is continued
    #[arg(long, value_name = "K", default_value = "0", value_parser = parse_count)]
    from_row: u64,
}

/// By how many threads.
#[derive(clap::Args, Debug, Clone)]
pub struct ThreadArgs {
    /// How many threads; the bytes are the same [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512), help_heading = "Amount")]
    threads: Option<u16>,
}

/// How many records there are when nothing is said.
pub const DEFAULT_ROWS: u64 = 1_200;

impl AmountArgs {
    /// The rows to write; where several options say how many, the fewest.
    ///
    /// # Errors
    /// A usage error when they are too many.
    pub fn extent(&self, generator: &Generator, start: Micros) -> Result<Extent> {
        let rows = match (self.rows, self.bytes, self.event_span) {
            (None, None, None) => DEFAULT_ROWS,
            // Bytes or time end it.
            (None, ..) => MOST_ROWS - self.from_row.min(MOST_ROWS),
            (Some(rows), ..) => rows,
        };
        let end = self.from_row.saturating_add(rows);
        generator.check(if self.rows.is_some() { end } else { self.from_row })?;
        let until =
            self.event_span.map_or(END_OF_TIME, |span| start.saturating_add(span.as_micros() as Micros));
        Ok(Extent { rows: self.from_row..end, bytes: self.bytes.unwrap_or(u64::MAX), until })
    }

    /// Sees to it that a format has a size that can be asked for.
    ///
    /// # Errors
    /// A usage error when it has none.
    pub fn check(&self, format: Format) -> Result<()> {
        match (self.bytes, format) {
            (Some(_), Format::Parquet) => {
                Err(Error::usage("how many bytes a Parquet file has is not known before it is written")
                    .hint("say how much with --rows or --event-span"))
            }
            _ => Ok(()),
        }
    }

    /// How many rows there are, where nothing but their number says so.
    pub fn default_rows(&self) -> Option<u64> {
        match (self.bytes, self.event_span) {
            (None, None) => Some(self.rows.unwrap_or(DEFAULT_ROWS)),
            _ => None,
        }
    }
}

impl ThreadArgs {
    /// How many threads.
    pub fn count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}
