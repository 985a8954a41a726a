//! The options that say what the generated world is like.

use super::faults::FaultArgs;
use crate::clock::{Clock, Micros, SystemClock};
use crate::generate::{
    DEFAULT_PRODUCTS, DEFAULT_SKEW, HISTORY_START, Kind, Locale, Scenario, Shape, Share, World,
};
use crate::produce::parse_rate;
use crate::units::parse_time;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// What the generated world is like.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "World")]
pub struct WorldArgs {
    /// The same seed gives the same records [default: one is drawn and printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// When the first event happens [default: 2025-01-01 for customer-transactions, now for streams]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    start: Option<Micros>,
    /// Records of the kind (of a world: transactions) per second of event time, in the mean of a week [default:
    /// 500 transactions, and with them 10000 user-events and 15.625 product-updates; customer-transactions
    /// cover 200 days]
    #[arg(long, value_name = "N", value_parser = parse_event_rate)]
    event_rate: Option<f64>,
    /// How the rate changes with time [default: week; flat where ecap-produce sends at a rate]
    #[arg(long, value_enum, value_name = "SHAPE")]
    traffic: Option<Shape>,
    /// Where customers live: names, cities, telephone numbers, currency [default: en_US]
    #[arg(long, value_enum, value_name = "LOCALE", ignore_case = true)]
    locale: Option<&'static Locale>,
    /// How many customers there are [default: 100000; 500 for customer-transactions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    customers: Option<u64>,
    /// How many products there are
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PRODUCTS, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    products: u64,
    /// How much popular products are ahead: Zipf's exponent, 0 to 4; customers have half of it
    /// (customer-transactions are spread evenly)
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SKEW)]
    skew: f64,
    /// The share of transactions that are bursts of one user over many categories with large amounts, as 0.2%
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    fraud: Option<Share>,
    #[command(flatten)]
    faults: FaultArgs,
    /// What happens at certain times (sales, silent partitions, bursts of poison), as TOML
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
}

/// Rates per second of event time: a row in ten days, and more than there are milliseconds.
const RATES: std::ops::RangeInclusive<f64> = 1e-6..=1e7;

impl WorldArgs {
    /// The world for records of a kind. Without a seed one is drawn.
    ///
    /// # Errors
    /// A usage error when the rate or the skew is none.
    pub fn world(&self, kind: Kind) -> Result<World> {
        if !(0.0..=4.0).contains(&self.skew) {
            return Err(Error::usage(format!("--skew {} is not from 0 to 4", self.skew)));
        }
        let start = || match kind {
            Kind::CustomerTransactions => HISTORY_START,
            _ => SystemClock.now(),
        };
        let mut world = World {
            seed: self.seed.unwrap_or_else(draw),
            start: self.start.unwrap_or_else(start),
            event_rate: None,
            shape: self.traffic.unwrap_or_default(),
            locale: self.locale.unwrap_or(Locale::ALL[0]),
            customers: self.customers.unwrap_or(kind.default_customers()),
            products: self.products,
            skew: self.skew,
            fraud: self.fraud.unwrap_or_default(),
            faults: self.faults.faults(),
            scenario: self.scenario.as_deref().map_or(Ok(Scenario::default()), read)?,
        };
        if let Some(rate) = self.event_rate {
            world.event_rate = Some(kind.rate_of_transactions(checked(rate)?));
        }
        Ok(world)
    }

    /// The same, for records that are sent at a rate, with so many `transactions` a second: they happen at that
    /// rate where nothing else is asked for.
    ///
    /// # Errors
    /// As [`WorldArgs::world`].
    pub fn world_at(&self, kind: Kind, transactions: f64) -> Result<World> {
        let mut world = self.world(kind)?;
        if world.event_rate.is_none() {
            world.event_rate = Some(transactions.clamp(*RATES.start(), *RATES.end()));
            world.shape = self.traffic.unwrap_or(Shape::Flat);
        }
        Ok(world)
    }
}

fn read(path: &Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))?;
    Scenario::parse(&text).map_err(|error| error.at(path.display()))
}

/// Reads `500`, or `500/s` as ecap-produce has it. Whether there can be such a rate is said later.
fn parse_event_rate(text: &str) -> Result<f64> {
    text.parse().or_else(|_| parse_rate(text))
}

fn checked(rate: f64) -> Result<f64> {
    match rate {
        _ if rate <= 0.0 || rate.is_nan() => Err(Error::usage(format!("--event-rate {rate} is not above 0"))),
        _ if RATES.contains(&rate) => Ok(rate),
        _ => {
            Err(Error::usage(format!("--event-rate {rate} is not from {} to {}", RATES.start(), RATES.end())))
        }
    }
}

/// A seed that a person can type.
fn draw() -> u64 {
    uuid::Uuid::new_v4().as_u128() as u64 % 1_000_000
}
