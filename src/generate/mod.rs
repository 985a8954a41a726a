//! A small world of customers and products, and the records that it leaves behind.
//!
//! Everything is a function of the seed: a customer or product of its number, a record of its row. So
//! rows can be made in any order and in any number of pieces, and memory stays flat at any size.

mod customer_transactions;
mod customers;
mod dice;
mod places;
mod products;
mod purchase;
mod transactions;
mod write;

use crate::clock::Micros;
use crate::{Error, Result};
use customer_transactions::CustomerTransaction;
use std::io::Write;
use std::path::Path;
use transactions::Transaction;
use write::{Csv, Header, Json};

/// The kinds of records that can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The shop's history, for the batch demo: 23 columns.
    CustomerTransactions,
    /// The shop's live stream, with nested home, device and campaign.
    Transactions,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line and one line a record.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The format that a file's ending names.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            _ => None,
        }
    }

    /// The format's own ending.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::CustomerTransactions, Self::Transactions];

    /// The topic that the records are for.
    pub fn topic(self) -> &'static str {
        match self {
            Self::CustomerTransactions => "customer-transactions",
            Self::Transactions => "transactions",
        }
    }

    /// The format that the kind is written in when none is asked for.
    pub fn default_format(self) -> Format {
        match self {
            Self::CustomerTransactions => Format::Csv,
            Self::Transactions => Format::Ndjson,
        }
    }

    /// How many customers there are when no number is asked for.
    pub fn default_customers(self) -> u64 {
        match self {
            Self::CustomerTransactions => 500,
            Self::Transactions => 100_000,
        }
    }
}

/// How many products there are when no number is asked for.
pub const DEFAULT_PRODUCTS: u64 = 5_000;

/// The first day of the generated history: 2025-01-01.
pub const HISTORY_START: Micros = 1_735_689_600_000_000;

/// What the records are about.
#[derive(Debug, Clone)]
pub struct World {
    /// The same seed gives the same world.
    pub seed: u64,
    /// When the first event happens.
    pub start: Micros,
    /// Events per second of event time; without it, each kind's own.
    pub event_rate: Option<f64>,
    /// How many customers there are.
    pub customers: u64,
    /// How many products there are.
    pub products: u64,
}

impl World {
    /// The time of a row at the asked rate, if one is asked for.
    fn event_time(&self, row: u64) -> Option<Micros> {
        self.event_rate.map(|rate| self.time_at(row, rate))
    }

    fn time_at(&self, row: u64, rate: f64) -> Micros {
        self.start + (row as f64 * 1e6 / rate) as Micros
    }
}

/// Makes the records of one kind, in one format.
#[derive(Debug, Clone)]
pub struct Generator {
    kind: Kind,
    format: Format,
    world: World,
}

/// How much text is collected before it is written.
const CHUNK: usize = 256 * 1024;

impl Generator {
    /// A generator of `kind` records.
    ///
    /// # Errors
    /// A usage error when the kind cannot be written in the format.
    pub fn new(kind: Kind, format: Format, world: World) -> Result<Self> {
        if (kind, format) == (Kind::Transactions, Format::Csv) {
            return Err(Error::usage("transactions have nested columns, which CSV has no form for")
                .hint("use --file-format ndjson"));
        }
        Ok(Self { kind, format, world })
    }

    /// Appends the record of a row (from 0) to `out`, with its line end.
    pub fn write_row(&self, row: u64, out: &mut String) {
        match self.kind {
            Kind::CustomerTransactions => {
                let record = CustomerTransaction::new(&self.world, row);
                match self.format {
                    Format::Csv => return Csv::row(out, |row| record.write(row)),
                    Format::Ndjson => Json::row(out, |row| record.write(row)),
                }
            }
            Kind::Transactions => {
                let record = Transaction::new(&self.world, row);
                Json::row(out, |row| record.write(row));
            }
        }
        out.push('\n');
    }

    /// Writes `rows` records; a CSV begins with its header line.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, rows: u64, out: &mut dyn Write) -> std::io::Result<()> {
        let mut text = String::with_capacity(CHUNK + 4_096);
        if self.format == Format::Csv {
            Header::row(&mut text, |row| CustomerTransaction::new(&self.world, 0).write(row));
        }
        for row in 0..rows {
            self.write_row(row, &mut text);
            if text.len() >= CHUNK {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(kind: Kind, format: Format) -> Result<Generator> {
        let customers = kind.default_customers();
        let world =
            World { seed: 42, start: HISTORY_START, event_rate: None, customers, products: DEFAULT_PRODUCTS };
        Generator::new(kind, format, world)
    }

    fn text(kind: Kind, format: Format, rows: u64) -> Result<String> {
        let mut out = Vec::new();
        generator(kind, format)?.write(rows, &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// These change on purpose only: whoever has a seed expects the same bytes from it.
    #[test]
    fn a_seed_gives_the_same_bytes() -> Result<()> {
        let golden = [
            (Kind::CustomerTransactions, Format::Csv, 1_249_047_543),
            (Kind::CustomerTransactions, Format::Ndjson, 250_087_252),
            (Kind::Transactions, Format::Ndjson, 998_561_468),
        ];
        let hash = |(kind, format, _)| text(kind, format, 1_200).map(|text| crc32c::crc32c(text.as_bytes()));
        let hashes = golden.into_iter().map(hash).collect::<Result<Vec<u32>>>()?;
        assert_eq!(hashes, golden.map(|(.., hash)| hash));
        Ok(())
    }

    #[test]
    fn a_row_needs_no_rows_before_it() -> Result<()> {
        let whole = text(Kind::Transactions, Format::Ndjson, 100)?;
        let mut row = String::new();
        generator(Kind::Transactions, Format::Ndjson)?.write_row(99, &mut row);
        assert!(whole.ends_with(&row));
        Ok(())
    }

    #[test]
    fn event_times_follow_the_rate() -> Result<()> {
        let mut generator = generator(Kind::Transactions, Format::Ndjson)?;
        generator.world.event_rate = Some(4.0);
        let mut row = String::new();
        generator.write_row(5, &mut row);
        assert!(row.contains(r#""timestamp":"2025-01-01T00:00:01.250Z""#), "{row}");
        Ok(())
    }

    #[test]
    fn every_row_has_its_topic_s_columns_in_their_order() -> Result<()> {
        let catalog = crate::catalog::Catalog::built_in()?;
        for &kind in Kind::ALL {
            let record = catalog.topic(kind.topic())?.record.as_ref();
            let columns: Vec<&str> = record
                .iter()
                .flat_map(|record| &record.schema.fields)
                .map(|field| field.name.as_str())
                .collect();
            for line in text(kind, Format::Ndjson, 2_000)?.lines() {
                let row: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(line).map_err(|error| Error::failed(error.to_string()))?;
                assert_eq!(row.keys().collect::<Vec<_>>(), columns, "{line}");
            }
        }
        let csv = text(Kind::CustomerTransactions, Format::Csv, 1)?;
        let json = text(Kind::CustomerTransactions, Format::Ndjson, 1)?;
        let in_json = |name: &&str| json.contains(&format!("\"{name}\":"));
        assert!(
            csv.lines().next().is_some_and(|header| header
                .split(',')
                .collect::<Vec<_>>()
                .iter()
                .all(in_json))
        );
        Ok(())
    }

    #[test]
    fn nested_columns_do_not_fit_into_csv() {
        assert!(generator(Kind::Transactions, Format::Csv).is_err());
    }
}
