//! When products change, and how: each product once in a cycle, in an order that is another one each time.
//!
//! The order can be turned around, so what a product was at any time is known without what came before.

use super::dice::{Dice, Stream};
use super::layout::ROWS_BY_UPDATE;
use super::products::Product;
use super::traffic::{PARTS, Traffic};
use crate::clock::Micros;

/// How a product changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new, or sold again.
    New,
    /// It has another price.
    Price,
    /// There is more of it.
    Restock,
    /// It is described in another way.
    Attributes,
    /// It is not sold any more.
    Discontinued,
    /// It is forgotten: what follows is a tombstone.
    Gone,
}

impl Change {
    /// Its name in `update_type`, which a tombstone does not have.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new_product",
            Self::Price => "price_change",
            Self::Restock => "restock",
            Self::Attributes => "attribute_change",
            Self::Discontinued => "discontinued",
            Self::Gone => "",
        }
    }
}

/// One change of one product.
#[derive(Debug)]
pub struct Update {
    /// The product, at its new price.
    pub product: Product,
    /// What changed.
    pub change: Change,
    /// What it cost before, where that changed.
    pub previous_price: Option<u64>,
    /// How many there are.
    pub stock: u64,
    /// When, in whole milliseconds.
    pub time: Micros,
}

/// The cheapest and the dearest price, in cents.
const PRICES: (u64, u64) = (599, 49_999);

/// The order of changes.
#[derive(Debug, Clone)]
pub struct Schedule {
    seed: u64,
    products: u64,
    /// Neighbours in a cycle are so many products apart; there is no common factor.
    stride: u64,
    /// `stride` times this is 1, counted in products.
    inverse: u64,
}

impl Schedule {
    /// The changes of so many products: at least 1, and below 2^32.
    pub fn new(seed: u64, products: u64) -> Self {
        let mut stride = Dice::new(seed, Stream::Schedule, 0).below(products);
        let inverse = loop {
            match inverse(stride, products) {
                Some(inverse) => break inverse,
                None => stride += 1,
            }
        };
        Self { seed, products, stride, inverse }
    }

    /// The row of `product-updates` for an update: before the first, each product is new.
    pub fn update(&self, traffic: &Traffic, row: u64) -> Update {
        let Some(number) = row.checked_sub(self.products) else {
            let product = Product::new(self.seed, row);
            let stock = Dice::new(self.seed, Stream::Stock, row).between(50, 500);
            return Update {
                product,
                change: Change::New,
                previous_price: None,
                stock,
                time: self.row_time(traffic, row),
            };
        };
        let (product, cycle) = self.turn(number);
        let mut product = Product::new(self.seed, product);
        let change = self.change(product.number, cycle);
        let before = self.price(&product, cycle.checked_sub(1));
        product.price = self.price(&product, Some(cycle));
        let mut dice = self.dice(product.number, cycle);
        dice.bits();
        let stock = match change {
            Change::New | Change::Restock => dice.between(50, 500),
            Change::Price | Change::Attributes => dice.between(1, 200),
            Change::Discontinued | Change::Gone => 0,
        };
        let previous_price = (change == Change::Price).then_some(before);
        Update { product, change, previous_price, stock, time: self.time(traffic, number) }
    }

    /// When a row of `product-updates` happens.
    pub fn row_time(&self, traffic: &Traffic, row: u64) -> Micros {
        row.checked_sub(self.products).map_or(traffic.time(0), |number| self.time(traffic, number))
    }

    /// Whether a row of `product-updates` is a tombstone.
    pub fn is_tombstone(&self, row: u64) -> bool {
        row.checked_sub(self.products).is_some_and(|number| {
            let (product, cycle) = self.turn(number);
            self.change(product, cycle) == Change::Gone
        })
    }

    /// Whose turn an update is, and in which cycle.
    fn turn(&self, number: u64) -> (u64, u64) {
        let (cycle, index) = (number / self.products, number % self.products);
        ((index + self.offset(cycle)) % self.products * self.stride % self.products, cycle)
    }

    /// When an update happens, where the first rows of new products do not count.
    pub fn time(&self, traffic: &Traffic, number: u64) -> Micros {
        let slot = ROWS_BY_UPDATE * PARTS;
        traffic.time(number * slot + Dice::new(self.seed, Stream::Update, number).below(slot))
    }

    /// The cycle of the last change of a product until a time that lies at `place`; none before the first.
    pub fn last_cycle(&self, traffic: &Traffic, product: u64, place: u64, time: Micros) -> Option<u64> {
        let now = place / (ROWS_BY_UPDATE * PARTS);
        let mut cycle = now / self.products + 1;
        loop {
            let place = self.inverse * product % self.products + self.products - self.offset(cycle);
            let number = cycle * self.products + place % self.products;
            if number < now || self.time(traffic, number) <= time {
                return Some(cycle);
            }
            cycle = cycle.checked_sub(1)?;
        }
    }

    /// What a product costs after its change in a cycle; in the beginning what it is worth.
    pub fn price(&self, product: &Product, cycle: Option<u64>) -> u64 {
        let worth = Product::new(self.seed, product.number).price;
        let mut changes = cycle.into_iter().flat_map(|cycle| (0..=cycle).rev());
        let last = changes.find(|cycle| self.change(product.number, *cycle) == Change::Price);
        last.map_or(worth, |cycle| {
            let percent = 75 + self.dice(product.number, cycle).below(51);
            (worth / 100 * percent / 100 * 100 + 99).clamp(PRICES.0, PRICES.1)
        })
    }

    /// Whether a product is sold after its change in a cycle.
    pub fn is_sold(&self, product: u64, cycle: u64) -> bool {
        !matches!(self.change(product, cycle), Change::Discontinued | Change::Gone)
    }

    /// How a product changes in a cycle. Every other product lives for some cycles, is discontinued,
    /// forgotten, and comes again.
    fn change(&self, product: u64, cycle: u64) -> Change {
        if product % 2 == 1 {
            let mut dice = Dice::new(self.seed, Stream::Life, product);
            let life = dice.between(24, 63);
            let age = (1 + dice.below(life - 3) + cycle) % life;
            match life - age {
                2 => return Change::Discontinued,
                1 => return Change::Gone,
                _ if age == 0 => return Change::New,
                _ => {}
            }
        }
        // At least one change in four is one of the price, so that the last one is never far.
        match self.dice(product, cycle).below(100) {
            _ if (product + cycle).is_multiple_of(4) => Change::Price,
            0..30 => Change::Price,
            30..75 => Change::Restock,
            _ => Change::Attributes,
        }
    }

    /// Where a cycle begins.
    fn offset(&self, cycle: u64) -> u64 {
        Dice::new(self.seed, Stream::Schedule, cycle + 1).below(self.products)
    }

    fn dice(&self, product: u64, cycle: u64) -> Dice {
        Dice::new(self.seed, Stream::Change, cycle * self.products + product)
    }
}

/// The number that gives 1 when it is multiplied with `number` modulo `modulus`, by Euclid's algorithm.
fn inverse(number: u64, modulus: u64) -> Option<u64> {
    let modulus = modulus as i64;
    let (mut before, mut rest) = (modulus, number as i64 % modulus);
    let (mut factor_before, mut factor) = (0, 1);
    while rest != 0 {
        let times = before / rest;
        (before, rest) = (rest, before - times * rest);
        (factor_before, factor) = (factor, factor_before - times * factor);
    }
    (before == 1).then_some(factor_before.rem_euclid(modulus) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::traffic::Shape;
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn each_product_changes_once_in_a_cycle() {
        for products in [1, 2, 10, 97, 1_000] {
            let (schedule, traffic) = (Schedule::new(7, products), Traffic::new(0, 10.0, Shape::Flat, &[]));
            for cycle in 0..4 {
                let first = (cycle + 1) * products;
                let rows = first..first + products;
                let mut changed: Vec<_> =
                    rows.map(|row| schedule.update(&traffic, row).product.number).collect();
                changed.sort_unstable();
                assert_eq!(changed, (0..products).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_a_product_is_at_a_time_is_what_its_last_update_said() {
        let (schedule, traffic) = (Schedule::new(7, 6), Traffic::new(0, 10.0, Shape::Week, &[]));
        let mut known: HashMap<u64, (u64, bool)> = HashMap::new();
        let mut gone = 0;
        for row in 0..3_000 {
            let update = schedule.update(&traffic, row);
            let is_sold = !matches!(update.change, Change::Discontinued | Change::Gone);
            gone += u64::from(update.change == Change::Gone);
            assert_eq!(schedule.is_tombstone(row), update.change == Change::Gone);
            assert_eq!(schedule.row_time(&traffic, row), update.time);
            if let (Change::Price, Some((price, _))) = (update.change, known.get(&update.product.number)) {
                assert_eq!(update.previous_price, Some(*price));
            }
            known.insert(update.product.number, (update.product.price, is_sold));
            let next = schedule.update(&traffic, row + 1).time;
            for time in [update.time, next - 1_000].into_iter().filter(|time| row >= 6 && *time < next) {
                for (&number, &known) in &known {
                    let cycle = schedule.last_cycle(&traffic, number, traffic.place(time), time);
                    let price = schedule.price(&Product::new(7, number), cycle);
                    let is_sold = cycle.is_none_or(|cycle| schedule.is_sold(number, cycle));
                    assert_eq!((price, is_sold), known, "product {number} after row {row}");
                }
            }
        }
        assert!(gone > 25, "{gone}");
    }
}
