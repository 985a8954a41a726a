//! Randomness as a function of (seed, stream, number): any row can be made without the rows before it.

use rand::TryRng;
use std::convert::Infallible;

/// What a number stands for. Two streams never share their randomness.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    /// A customer by number.
    Customer = 1,
    /// A product by number.
    Product,
    /// A row of `customer-transactions`.
    CustomerTransaction,
    /// A row of `transactions`.
    Transaction,
    /// How a group's rows are divided into orders.
    Group,
    /// A session.
    Session,
    /// The pauses in a session.
    Pause,
    /// What is looked at in a step of a session.
    Look,
    /// Whether a group's purchases are a fraudulent burst.
    Fraud,
    /// The order of products in a cycle of changes.
    Schedule,
    /// A change of a product.
    Change,
    /// How many there are of a new product.
    Stock,
    /// When a change happens.
    Update,
    /// How long a product is sold.
    Life,
    /// A customer's connection and screen.
    Line,
    /// What a customer shops with.
    Device,
    /// How a session's order is paid.
    Payment,
    /// Which records have faults.
    Deck,
    /// How large a record's fault is.
    Fault,
    /// What a burst of poison does to a record.
    Poison,
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
/// It has no tables and no platform-sized integers: the same numbers on any machine.
#[derive(Debug, Clone)]
pub struct Dice(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Dice {
    /// The dice of one thing: always the same throws for the same three arguments.
    pub fn new(seed: u64, stream: Stream, number: u64) -> Self {
        let stream = mix(seed.wrapping_add(GOLDEN.wrapping_mul(stream as u64)));
        Self(mix(stream ^ mix(number.wrapping_add(GOLDEN))))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number in `0..n`, or 0 when `n` is 0. The bias is below n / 2^64.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A number from 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in `percent` of 100 throws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of a table's entries. The tables are this module's neighbours and never empty.
    pub fn pick<'a, T>(&mut self, table: &'a [T]) -> &'a T {
        &table[self.below(table.len() as u64) as usize]
    }

    /// One of a table's entries, each as often as its weight is of all; some weight is above 0.
    pub fn pick_by<'a, T>(&mut self, table: &'a [T], weight: impl Fn(&T) -> u64) -> &'a T {
        let mut throw = self.below(table.iter().map(&weight).sum());
        let found = table.iter().find(|entry| match throw.checked_sub(weight(entry)) {
            Some(rest) => {
                throw = rest;
                false
            }
            None => true,
        });
        found.unwrap_or(&table[0])
    }
}

/// For crates that want a generator of their kind: `fake` takes its names from it.
impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.bits() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_throws_the_same_dice() {
        let throw = |seed, stream, number| Dice::new(seed, stream, number).bits();
        assert_eq!(throw(1, Stream::Customer, 7), throw(1, Stream::Customer, 7));
        assert_ne!(throw(1, Stream::Customer, 7), throw(2, Stream::Customer, 7));
        assert_ne!(throw(1, Stream::Customer, 7), throw(1, Stream::Product, 7));
        assert_ne!(throw(1, Stream::Customer, 7), throw(1, Stream::Customer, 8));
    }

    #[test]
    fn throws_stay_in_their_range_and_reach_its_ends() {
        let mut dice = Dice::new(42, Stream::Product, 0);
        let throws: Vec<u64> = (0..1_000).map(|_| dice.between(3, 8)).collect();
        assert_eq!(throws.iter().min(), Some(&3));
        assert_eq!(throws.iter().max(), Some(&8));
        assert_eq!(dice.below(0), 0);
    }
}
