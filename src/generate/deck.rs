//! Which record has which fault: every so many records are a shuffled deck with so many cards of each fault.
//!
//! So shares are kept closely at any size, a record has at most one fault, and how many of a fault lie before a
//! record is counted without looking at all of them.

use super::Kind;
use super::dice::{Dice, Stream};

/// Records in a deck.
const SIZE: u64 = 1 << BITS;
const BITS: u32 = 12;

/// Rounds of a shuffle, each with its own part of 64 random bits.
const ROUNDS: u32 = 4;

/// How many faults there are.
pub const FAULTS: usize = 6;

/// The decks of all records.
#[derive(Debug, Clone)]
pub struct Decks {
    seed: u64,
    /// How many cards of a fault a deck has in the mean.
    cards: [f64; FAULTS],
    /// What a first deck has of the next card, so that rare faults are not always late.
    phases: [f64; FAULTS],
}

impl Decks {
    /// Decks in which faults have these shares, 1 at most in all.
    pub fn new(seed: u64, shares: [f64; FAULTS]) -> Self {
        let mut dice = Dice::new(seed, Stream::Deck, 0);
        Self { seed, cards: shares.map(|share| share * SIZE as f64), phases: shares.map(|_| dice.fraction()) }
    }

    /// The fault of a record, by its place among those of its kind.
    pub fn fault(&self, kind: Kind, place: u64) -> Option<usize> {
        let deck = place / SIZE;
        let mut card = self.shuffled(kind, deck, place % SIZE);
        (0..FAULTS).find(|fault| {
            let cards = self.before(*fault, deck + 1) - self.before(*fault, deck);
            let is_of_it = card < cards;
            card = card.wrapping_sub(cards);
            is_of_it
        })
    }

    /// How many records of a kind have the first fault, of those before a place.
    pub fn first_before(&self, kind: Kind, place: u64) -> u64 {
        let deck = place / SIZE;
        let rest = (deck * SIZE..place).filter(|place| self.fault(kind, *place) == Some(0));
        self.before(0, deck) + rest.count() as u64
    }

    /// How many cards of a fault the decks before one have.
    fn before(&self, fault: usize, deck: u64) -> u64 {
        (deck as f64 * self.cards[fault] + self.phases[fault]) as u64
    }

    /// The card at a place of a deck, by steps that can each be turned around, so that there is each card once.
    fn shuffled(&self, kind: Kind, deck: u64, place: u64) -> u64 {
        let mut bits = Dice::new(self.seed, Stream::Deck, (deck + 1) << 2 | kind as u64).bits();
        let mut card = place;
        for _ in 0..ROUNDS {
            card = (card * (bits | 1) + (bits >> 1)) % SIZE;
            card ^= card >> (BITS / 2);
            bits = bits.rotate_right(u64::BITS / ROUNDS);
        }
        card
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const SHARES: [f64; FAULTS] = [0.01, 0.05, 0.1, 0.0001, 0.0, 0.005];

    #[test]
    fn a_deck_has_each_card_once_in_another_order_each_time() {
        let decks = Decks::new(7, SHARES);
        let shuffled =
            |deck| (0..SIZE).map(|place| decks.shuffled(Kind::Transactions, deck, place)).collect();
        let all: [Vec<u64>; 3] = [0, 1, 1 << 36].map(shuffled);
        for cards in &all {
            assert_eq!(cards.iter().collect::<HashSet<_>>().len() as u64, SIZE);
            assert!(cards.iter().all(|card| *card < SIZE));
        }
        let same = |a: &[u64], b: &[u64]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        assert!(same(&all[0], &all[1]) < 10 && same(&all[1], &all[2]) < 10);
    }

    #[test]
    fn faults_have_their_shares_and_lie_anywhere() {
        let decks = Decks::new(7, SHARES);
        let places = 1_000_000;
        let found: Vec<_> = (0..places).map(|place| decks.fault(Kind::UserEvents, place)).collect();
        for (fault, share) in SHARES.iter().enumerate() {
            let count = found.iter().filter(|found| **found == Some(fault)).count() as f64;
            // A deck that is not full has more or less.
            assert!((count - share * places as f64).abs() < 40.0, "{count} of {fault}");
        }
        // As far apart as throws of dice are: 1.0 is the standard deviation of the distances in means.
        let late: Vec<usize> = (0..found.len()).filter(|place| found[*place] == Some(1)).collect();
        let apart: Vec<f64> = late.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * SHARES[1]).collect();
        let variance = apart.iter().map(|apart| (apart - 1.0).powi(2)).sum::<f64>() / apart.len() as f64;
        assert!((0.9..1.1).contains(&variance.sqrt()), "{variance}");
    }

    #[test]
    fn what_lies_before_a_place_is_counted() {
        let decks = Decks::new(42, SHARES);
        let mut count = 0;
        for place in 0..50_000 {
            if place % 997 == 0 {
                assert_eq!(decks.first_before(Kind::Transactions, place), count);
            }
            count += u64::from(decks.fault(Kind::Transactions, place) == Some(0));
        }
    }

    #[test]
    fn a_deck_can_be_of_one_fault_alone() {
        let decks = Decks::new(1, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!((0..10_000).all(|place| decks.fault(Kind::ProductUpdates, place) == Some(0)));
    }
}
