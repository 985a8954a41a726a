//! `customer-transactions`: a shop's history, one purchase a row, with everything known of the customer.

use super::World;
use super::customers::Customer;
use super::devices::Device;
use super::dice::{Dice, Stream};
use super::products::Product;
use super::purchase::{Payment, Purchase};
use super::text::{Cents, Padded};
use super::write::Fields;
use crate::clock::Micros;
use crate::units::format_time;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// The history covers 200 days; every [`HISTORY_ROWS`] rows it starts again.
pub const HISTORY: Micros = 200 * DAY;
/// One purchase in every four hours of the history.
pub const HISTORY_ROWS: u64 = 1_200;

/// One purchase of one customer.
pub struct CustomerTransaction {
    number: u64,
    date: String,
    since: String,
    customer: Customer,
    purchase: Purchase,
    payment: &'static Payment,
}

impl CustomerTransaction {
    /// The purchase in this row of the world.
    pub fn new(world: &World, row: u64) -> Self {
        let mut dice = Dice::new(world.seed, Stream::CustomerTransaction, row);
        let customer = Customer::new(world, dice.below(world.customers));
        let time = world.event_time(row).unwrap_or_else(|| historic(world.start, row, &mut dice));
        let since = format_time(world.start - customer.tenure_days as Micros * DAY);
        let product = Product::new(world.seed, dice.below(world.products));
        let device = Device::of(world.seed, customer.number);
        Self {
            number: row + 1,
            date: format_time(time - time.rem_euclid(SECOND)),
            since: since.split(' ').next().unwrap_or_default().to_owned(),
            customer,
            purchase: Purchase::new(&mut dice, product),
            payment: Payment::draw(&mut dice, device),
        }
    }

    /// The customer's number.
    pub fn customer(&self) -> u64 {
        self.customer.number
    }

    /// Writes the columns in the topic's order.
    pub fn write(&self, row: &mut impl Fields) {
        let (customer, purchase) = (&self.customer, &self.purchase);
        row.text("customer_id", ("CUST_", 10_001 + customer.number));
        row.text("transaction_id", ("TXN_", Padded(self.number, 6)));
        row.text("transaction_date", &self.date);
        self.write_person(row);
        row.text("product_category", purchase.product.category.name);
        row.number("quantity", purchase.quantity);
        row.number("unit_price", Cents(purchase.product.price));
        row.number("total_amount", Cents(purchase.total));
        row.number("discount", Cents(purchase.discount));
        row.number("final_amount", Cents(purchase.total - purchase.discount));
        row.text("payment_method", self.payment.name);
        row.flag("is_premium_customer", customer.is_premium);
        row.text("customer_since", &self.since);
        row.number("loyalty_points", customer.loyalty_points);
        row.number("record_id", self.number);
    }

    fn write_person(&self, row: &mut impl Fields) {
        let Customer { number, city, .. } = self.customer;
        row.text("first_name", self.customer.first_name);
        row.text("last_name", self.customer.last_name);
        row.text("email", (self.customer.mailbox(), number, "@example.com"));
        let (begins, digits) = city.phone;
        let line = self.customer.line_number % 10_u64.pow(digits as u32);
        row.text("phone", (begins, Padded(line, digits)));
        row.number("age", self.customer.age);
        row.text("gender", self.customer.gender);
        row.text("city", city.name);
        row.text("state", city.state);
        row.text("zip_code", self.customer.zip_code);
    }
}

/// How long one row is the last one to have come.
fn gap(world: &World) -> f64 {
    world.event_rate.map_or((HISTORY / HISTORY_ROWS as Micros) as f64, |rate| 1e6 / rate)
}

/// When a row comes: its own slot of the history, whatever its date, as the history begins again.
pub fn arrival(world: &World, row: u64) -> Micros {
    world.start + (row as f64 * gap(world)) as Micros
}

/// How many rows come before a time.
pub fn arrived_before(world: &World, time: Micros) -> u64 {
    let mut row = ((time - world.start).max(0) as f64 / gap(world)) as u64;
    row = row.saturating_sub(1);
    while arrival(world, row) < time {
        row += 1;
    }
    row
}

/// A moment in the row's own part of the history, so that rows come in the order of time.
fn historic(start: Micros, row: u64, dice: &mut Dice) -> Micros {
    let slot = HISTORY / HISTORY_ROWS as Micros;
    start + (row % HISTORY_ROWS) as Micros * slot + dice.below(slot as u64) as Micros
}
