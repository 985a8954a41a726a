//! What becomes of a record: when it happens, what is done to it, and when it comes.

use super::customer_transactions::{self, CustomerTransaction};
use super::dice::{Dice, Stream};
use super::faults::Fault;
use super::layout::{self, ROWS};
use super::shop::Shop;
use super::text::{Hex, Padded, Text};
use super::{Kind, sessions};
use crate::clock::Micros;
use crate::partitioner;

impl Shop {
    /// What is done to a record of a kind that happens at a time.
    pub fn fault(&self, kind: Kind, number: u64, time: Micros) -> Option<Fault> {
        let dealt = self.dealt(kind, number);
        // Second copies are counted, so that nothing goes before them.
        if let Some(Fault::Duplicate(_)) = dealt {
            return dealt;
        }
        if kind == Kind::Transactions && self.fraudster(number / ROWS).is_some() {
            return Some(Fault::Fraud);
        }
        let fault = self.burst(kind, number, time).or(dealt);
        // A tombstone has nothing that could be wrong.
        fault.filter(|it| !(it.is_poison() && self.is_tombstone(kind, number)))
    }

    /// What is done to a record whatever happens at its time.
    fn dealt(&self, kind: Kind, number: u64) -> Option<Fault> {
        let fault = self.decks.as_ref()?.fault(kind, self.place(kind, number))?;
        Some(self.world.faults.of(self.world.seed, kind, number, fault))
    }

    /// What a burst of poison does to a record.
    fn burst(&self, kind: Kind, number: u64, time: Micros) -> Option<Fault> {
        let since = time - self.traffic.time(0);
        let mut bursts = self.world.scenario.poison.iter().filter(|burst| burst.span.contains(&since));
        bursts.find_map(|burst| {
            let mut dice = Dice::new(self.world.seed, Stream::Poison, number << 2 | kind as u64);
            burst.share.meets(&mut dice).then(|| Fault::Malformed(dice.between(100, 900)))
        })
    }

    /// A record's place among those of its kind.
    fn place(&self, kind: Kind, number: u64) -> u64 {
        match kind {
            Kind::UserEvents => {
                let (session, step) = sessions::session_and_step(number);
                layout::events_before(self.world.seed, session) + step
            }
            _ => number,
        }
    }

    /// Whether a record comes a second time.
    pub fn has_copy(&self, kind: Kind, number: u64) -> bool {
        let place = || self.place(kind, number);
        self.decks.as_ref().is_some_and(|decks| decks.fault(kind, place()) == Some(0))
    }

    /// How many records of a kind come a second time, of those before a place.
    pub fn copies_before(&self, kind: Kind, place: u64) -> u64 {
        self.decks.as_ref().map_or(0, |decks| decks.first_before(kind, place))
    }

    /// Whether a record has a key and no value.
    pub fn is_tombstone(&self, kind: Kind, number: u64) -> bool {
        kind == Kind::ProductUpdates && self.schedule.is_tombstone(number)
    }

    /// When a record happens.
    pub fn time(&self, kind: Kind, number: u64) -> Micros {
        match kind {
            Kind::CustomerTransactions => customer_transactions::arrival(&self.world, number),
            Kind::Transactions => {
                let session = layout::session_of(self.world.seed, number);
                self.session_end(session, &layout::rows_of(self.world.seed, session)).2
            }
            Kind::UserEvents => sessions::time(self, number),
            Kind::ProductUpdates => self.schedule.row_time(&self.traffic, number),
        }
    }

    /// When a record comes that would come at `time`: later where its partition is silent when it happens.
    pub fn comes(&self, kind: Kind, number: u64, happened: Micros, time: Micros) -> Micros {
        let (start, mut comes) = (self.traffic.time(0), time);
        for silence in &self.world.scenario.silences {
            if silence.span.contains(&(happened - start))
                && partitioner::of_key(&self.key(kind, number), silence.of) == silence.partition
            {
                comes = comes.max(start + silence.span.end);
            }
        }
        comes
    }

    /// Whether records come in another order than that of their time, or more than once.
    pub fn moves_records(&self) -> bool {
        self.world.faults.move_records() || !self.world.scenario.silences.is_empty()
    }

    /// How much later than its time a record comes at most.
    pub fn longest_delay(&self) -> Micros {
        let silences =
            self.world.scenario.silences.iter().map(|silence| silence.span.end - silence.span.start);
        silences.max().unwrap_or(0).max(self.world.faults.longest_delay())
    }

    /// The key of a record.
    fn key(&self, kind: Kind, number: u64) -> Vec<u8> {
        let mut key = Vec::with_capacity(32);
        match kind {
            Kind::CustomerTransactions => {
                let customer = CustomerTransaction::new(&self.world, number).customer();
                ("CUST_", 10_001 + customer).put(&mut key);
            }
            Kind::Transactions => {
                let session = self.session(layout::session_of(self.world.seed, number));
                ("user_", Padded(session.customer, 6)).put(&mut key);
            }
            Kind::UserEvents => {
                let (session, _) = sessions::session_and_step(number);
                let id = self.session(session).id;
                (Hex(id.0), Hex(id.1)).put(&mut key);
            }
            Kind::ProductUpdates => {
                let product = self.schedule.update(&self.traffic, number).product;
                ("prod_", Padded(product.number, 5)).put(&mut key);
            }
        }
        key
    }
}
