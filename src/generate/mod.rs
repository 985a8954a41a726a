//! A small world of customers, products and sessions, and the records that it leaves behind.
//!
//! Everything is a function of the seed: a customer or product of its number, a record of its row. So
//! rows can be made in any order and in any number of pieces, and memory stays flat at any size. All
//! arithmetic is in whole numbers, or in those operations on floating-point numbers that are exact to the
//! last bit everywhere: the bytes are the same on any machine.

mod customer_transactions;
mod customers;
mod deck;
mod devices;
mod dice;
mod fate;
mod faults;
mod layout;
mod locales;
mod output;
mod parquet;
mod popularity;
mod product_updates;
mod products;
mod purchase;
mod records;
mod scenario;
mod sessions;
mod share;
mod shop;
mod text;
mod timeline;
mod traffic;
mod transactions;
mod truth;
mod updates;
mod user_events;
mod verify;
mod window;
mod write;

pub use customer_transactions::{HISTORY, HISTORY_ROWS};
pub use faults::Faults;
pub use locales::Locale;
pub use output::Extent;
pub use records::{Item, Records};
pub use scenario::Scenario;
pub use share::Share;
pub use timeline::{Merge, Timeline};
pub use traffic::{END_OF_TIME, Shape};
pub use verify::{Comparison, Difference, Terms, verify};
pub use window::Window;

use crate::clock::Micros;
use crate::{Error, Result};
use customer_transactions::CustomerTransaction;
use faults::Fault;
use parquet::Parquet;
use shop::Shop;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use transactions::Transaction;
use user_events::UserEvent;
use write::{Csv, Fields, Header, Json};

/// The kinds of records that can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The shop's history, for the batch demo: 23 columns.
    CustomerTransactions,
    /// The shop's live stream, with nested home, device and campaign.
    Transactions,
    /// What shoppers do on the way to a purchase, or to none.
    UserEvents,
    /// New products, and what changes about them.
    ProductUpdates,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header line and one line a record.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Columns with the catalog's types.
    Parquet,
}

impl Format {
    /// The format that a file's ending names.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// The format's own ending.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Self] =
        &[Self::CustomerTransactions, Self::Transactions, Self::UserEvents, Self::ProductUpdates];

    /// The topic that the records are for.
    pub fn topic(self) -> &'static str {
        match self {
            Self::CustomerTransactions => "customer-transactions",
            Self::Transactions => "transactions",
            Self::UserEvents => "user-events",
            Self::ProductUpdates => "product-updates",
        }
    }

    /// The format that the kind is written in when none is asked for.
    pub fn default_format(self) -> Format {
        match self {
            Self::CustomerTransactions => Format::Csv,
            _ => Format::Ndjson,
        }
    }

    /// How many customers there are when no number is asked for.
    pub fn default_customers(self) -> u64 {
        match self {
            Self::CustomerTransactions => 500,
            _ => 100_000,
        }
    }

    /// How many records of this kind there are for how many of `transactions`.
    fn by_transactions(self) -> (u64, u64) {
        match self {
            Self::CustomerTransactions | Self::Transactions => (1, 1),
            Self::UserEvents => (layout::EVENTS, layout::ROWS),
            Self::ProductUpdates => (1, layout::ROWS_BY_UPDATE),
        }
    }

    /// The rate of `transactions` in a world whose streams come at `rate` in all.
    pub fn rate_of_transactions_beside_all(rate: f64) -> f64 {
        let streams = [Self::Transactions, Self::UserEvents, Self::ProductUpdates];
        rate / streams.iter().map(|kind| kind.rate_beside(1.0)).sum::<f64>()
    }

    /// The rate of `transactions` in a world where this kind comes at `rate`.
    pub fn rate_of_transactions(self, rate: f64) -> f64 {
        let (records, transactions) = self.by_transactions();
        rate * transactions as f64 / records as f64
    }

    /// The rate of this kind in a world where `transactions` come at `rate`.
    pub fn rate_beside(self, rate: f64) -> f64 {
        let (records, transactions) = self.by_transactions();
        rate * records as f64 / transactions as f64
    }
}

/// How many products there are when no number is asked for.
pub const DEFAULT_PRODUCTS: u64 = 5_000;

/// The first day of the generated history: 2025-01-01.
pub const HISTORY_START: Micros = 1_735_689_600_000_000;

/// How many `transactions` there are in a second of event time when no rate is asked for.
pub const DEFAULT_RATE: f64 = 500.0;

/// Zipf's exponent for products when none is asked for.
pub const DEFAULT_SKEW: f64 = 0.8;

/// What the records are about.
#[derive(Debug, Clone)]
pub struct World {
    /// The same seed gives the same world.
    pub seed: u64,
    /// When the first event happens.
    pub start: Micros,
    /// `transactions` per second of event time (or rows of a history); without it, [`DEFAULT_RATE`].
    pub event_rate: Option<f64>,
    /// How the rate changes with time.
    pub shape: Shape,
    /// Where customers live.
    pub locale: &'static Locale,
    /// How many customers there are.
    pub customers: u64,
    /// How many products there are, below 2^32.
    pub products: u64,
    /// Zipf's exponent of how popular products are; customers have half of it.
    pub skew: f64,
    /// The share of `transactions` that are fraudulent bursts.
    pub fraud: Share,
    /// What is done to records on purpose.
    pub faults: Faults,
    /// What happens at certain times.
    pub scenario: Scenario,
}

impl World {
    /// The same customers and products before this world begins: its scenario and its fraud come later, and what
    /// is history cannot be late.
    fn history(&self) -> Self {
        let (late, out_of_order) = (Share::default(), Share::default());
        let faults = Faults { late, out_of_order, ..self.faults.clone() };
        let (start, fraud, scenario) = (self.start - HISTORY, Share::default(), Scenario::default());
        Self { start, event_rate: None, fraud, faults, scenario, ..self.clone() }
    }

    /// Records of a kind per second of event time.
    fn rate(&self, kind: Kind) -> f64 {
        kind.rate_beside(self.event_rate.unwrap_or(DEFAULT_RATE))
    }

    /// The time of a row of a history at the asked rate, if one is asked for.
    fn event_time(&self, row: u64) -> Option<Micros> {
        self.event_rate.map(|rate| self.start + (row as f64 * 1e6 / rate) as Micros)
    }
}

/// Makes the records of one kind, in one format.
#[derive(Debug, Clone)]
pub struct Generator {
    kind: Kind,
    format: Format,
    /// Whether records begin with the name of their topic.
    names_topic: bool,
    shop: Arc<Shop>,
}

/// Rows are below this.
pub const MOST_ROWS: u64 = 1 << 48;

impl Generator {
    /// A generator of `kind` records.
    ///
    /// # Errors
    /// A usage error when the kind cannot be written in the format.
    pub fn new(kind: Kind, format: Format, world: World) -> Result<Self> {
        if let (Kind::Transactions | Kind::UserEvents, Format::Csv) = (kind, format) {
            return Err(Error::usage(format!(
                "{} have nested columns, which CSV has no form for",
                kind.topic()
            ))
            .hint("use --file-format ndjson"));
        }
        world.faults.check(kind)?;
        if kind == Kind::CustomerTransactions && !world.fraud.is_none() {
            return Err(Error::usage("there is no fraud in customer-transactions")
                .hint("use --fraud with transactions, or with a world"));
        }
        let has_poison = world.faults.has_poison() || !world.scenario.poison.is_empty();
        if format == Format::Parquet && has_poison {
            return Err(Error::usage("Parquet has no form for records that are malformed").hint(
                "use --file-format ndjson with --malformed, --missing, --wrong-type and bursts of poison",
            ));
        }
        Ok(Self { kind, format, names_topic: false, shop: Arc::new(Shop::new(world)) })
    }

    /// What it makes.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How it is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The records of what happens before a time, in their order, from a row (from 0) on.
    pub fn records(&self, row: u64, until: Micros) -> Records {
        Records::new(Arc::clone(&self.shop), self.kind, row, until)
    }

    /// When so many rows of `transactions` have happened.
    pub fn end_of(&self, rows: u64) -> Micros {
        self.shop.traffic.time(rows.min(MOST_ROWS) * traffic::PARTS)
    }

    /// Whether there are so many rows before the end of time.
    ///
    /// # Errors
    /// A usage error when there are not.
    pub fn check(&self, rows: u64) -> Result<()> {
        let (records, transactions) = self.kind.by_transactions();
        let place = (rows.min(MOST_ROWS) / records).saturating_mul(transactions * traffic::PARTS);
        if rows > MOST_ROWS || self.shop.traffic.time(place) >= END_OF_TIME {
            return Err(Error::usage(format!("{rows} rows at this rate would last beyond the year 9999"))
                .hint("ask for fewer --rows, or a higher --event-rate"));
        }
        Ok(())
    }

    /// Appends a record to `out`, with its faults and its line end.
    pub fn write_record(&self, item: &Item, out: &mut Vec<u8>) {
        // Only a scenario asks when it happened.
        let has_bursts = !self.shop.world.scenario.poison.is_empty();
        let time = if has_bursts { self.shop.time(self.kind, item.number) } else { 0 };
        let fault = self.shop.fault(self.kind, item.number, time);
        let start = out.len();
        match self.format {
            Format::Csv => self.write_csv(item.number, fault, out),
            Format::Ndjson | Format::Parquet => self.write_json(item.number, fault, out),
        }
        if let Some(Fault::Malformed(thousandths)) = fault {
            out.truncate(start + (out.len() - start) * thousandths as usize / 1_000);
        }
        out.push(b'\n');
    }

    fn write_json(&self, number: u64, fault: Option<Fault>, out: &mut Vec<u8>) {
        let shop = &*self.shop;
        Json::row(out, fault, |row| {
            if self.names_topic {
                row.text("topic", self.kind.topic());
            }
            match self.kind {
                Kind::CustomerTransactions => CustomerTransaction::new(&shop.world, number).write(row),
                Kind::Transactions => Transaction::new(shop, number).write(row),
                Kind::UserEvents => UserEvent::new(shop, number).write(row),
                Kind::ProductUpdates => product_updates::write(shop, number, row),
            }
        });
    }

    fn write_csv(&self, number: u64, fault: Option<Fault>, out: &mut Vec<u8>) {
        let shop = &*self.shop;
        if self.kind == Kind::ProductUpdates {
            return Csv::row(out, fault, |row| product_updates::write(shop, number, row));
        }
        let record = CustomerTransaction::new(&shop.world, number);
        Csv::row(out, fault, |row| record.write(row));
    }

    /// Writes records by so many threads, and says how many; a CSV begins with its header line if its first
    /// row is row 0.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, extent: &Extent, threads: usize, out: &mut (dyn Write + Send)) -> Result<u64> {
        let timeline = Timeline::from(self.clone());
        if self.format == Format::Parquet {
            let mut file = Parquet::new(self.kind, out)?;
            output::write(&timeline, extent, threads, &mut file)?;
            return Ok(file.finish()?);
        }
        if self.format == Format::Csv && extent.rows.start == 0 {
            out.write_all(&self.header())?;
        }
        timeline.write(extent, threads, out)
    }

    /// The header line of a CSV.
    fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        if self.kind == Kind::ProductUpdates {
            Header::row(&mut header, |row| product_updates::write(&self.shop, 0, row));
        } else {
            let record = CustomerTransaction::new(&self.shop.world, 0);
            Header::row(&mut header, |row| record.write(row));
        }
        header
    }
}

#[cfg(test)]
mod tests;
