//! The options that say what the generated world is like.

use crate::clock::{Clock, Micros, SystemClock};
use crate::generate::{DEFAULT_PRODUCTS, HISTORY_START, Kind, World};
use crate::units::parse_time;
use crate::{Error, Result};

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
    /// Events per second of event time [default: 500; customer-transactions covers 200 days]
    #[arg(long, value_name = "N")]
    event_rate: Option<f64>,
    /// How many customers there are [default: 100000; 500 for customer-transactions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    customers: Option<u64>,
    /// How many products there are
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PRODUCTS, value_parser = clap::value_parser!(u64).range(1..))]
    products: u64,
}

impl WorldArgs {
    /// The world for records of a kind. Without a seed one is drawn.
    ///
    /// # Errors
    /// A usage error when the rate is no rate.
    pub fn world(&self, kind: Kind) -> Result<World> {
        if let Some(rate) = self.event_rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return Err(Error::usage(format!("--event-rate {rate} is not above 0")));
        }
        Ok(World {
            seed: self.seed.unwrap_or_else(draw),
            start: self.start.unwrap_or_else(|| match kind {
                Kind::CustomerTransactions => HISTORY_START,
                Kind::Transactions => SystemClock.now(),
            }),
            event_rate: self.event_rate,
            customers: self.customers.unwrap_or(kind.default_customers()),
            products: self.products,
        })
    }
}

/// A seed that a person can type.
fn draw() -> u64 {
    uuid::Uuid::new_v4().as_u128() as u64 % 1_000_000
}
