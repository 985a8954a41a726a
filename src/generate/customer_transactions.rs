//! `customer-transactions`: a shop's history, one purchase a row, with everything known of the customer.

use super::World;
use super::customers::Customer;
use super::dice::{Dice, Stream};
use super::purchase::Purchase;
use super::write::{Cents, Fields};
use crate::clock::Micros;
use crate::units::format_time;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// The history covers 200 days; every [`HISTORY_ROWS`] rows it starts again.
const HISTORY: Micros = 200 * DAY;
/// One purchase in every four hours of the history.
const HISTORY_ROWS: u64 = 1_200;

/// One purchase of one customer.
pub struct CustomerTransaction {
    number: u64,
    date: String,
    since: String,
    customer: Customer,
    purchase: Purchase,
}

impl CustomerTransaction {
    /// The purchase in this row of the world.
    pub fn new(world: &World, row: u64) -> Self {
        let mut dice = Dice::new(world.seed, Stream::CustomerTransaction, row);
        let customer = Customer::new(world.seed, dice.below(world.customers));
        let time = world.event_time(row).unwrap_or_else(|| historic(world.start, row, &mut dice));
        let since = format_time(world.start - customer.tenure_days as Micros * DAY);
        Self {
            number: row + 1,
            date: format_time(time - time.rem_euclid(SECOND)),
            since: since.split(' ').next().unwrap_or_default().to_owned(),
            customer,
            purchase: Purchase::new(&mut dice, world.seed, world.products),
        }
    }

    /// Writes the columns in the topic's order.
    pub fn write(&self, row: &mut impl Fields) {
        let (customer, purchase) = (&self.customer, &self.purchase);
        row.text("customer_id", format_args!("CUST_{}", 10_001 + customer.number));
        row.text("transaction_id", format_args!("TXN_{:06}", self.number));
        row.text("transaction_date", &self.date);
        self.write_person(row);
        row.text("product_category", purchase.product.category.name);
        row.number("quantity", purchase.quantity);
        row.number("unit_price", Cents(purchase.product.price));
        row.number("total_amount", Cents(purchase.total));
        row.number("discount", Cents(purchase.discount));
        row.number("final_amount", Cents(purchase.total - purchase.discount));
        row.text("payment_method", purchase.payment.name);
        row.flag("is_premium_customer", customer.is_premium);
        row.text("customer_since", &self.since);
        row.number("loyalty_points", customer.loyalty_points);
        row.number("record_id", self.number);
    }

    fn write_person(&self, row: &mut impl Fields) {
        let Customer { number, city, .. } = self.customer;
        row.text("first_name", self.customer.first_name);
        row.text("last_name", self.customer.last_name);
        row.text("email", format_args!("{}{number}@example.com", self.customer.mailbox()));
        row.text("phone", format_args!("+1-{}-555-{:04}", city.area_code, self.customer.line_number));
        row.number("age", self.customer.age);
        row.text("gender", self.customer.gender);
        row.text("city", city.name);
        row.text("state", city.state);
        row.text("zip_code", self.customer.zip_code);
    }
}

/// A moment in the row's own part of the history, so that rows come in the order of time.
fn historic(start: Micros, row: u64, dice: &mut Dice) -> Micros {
    let slot = HISTORY / HISTORY_ROWS as Micros;
    start + (row % HISTORY_ROWS) as Micros * slot + dice.below(slot as u64) as Micros
}
