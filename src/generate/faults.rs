//! What is done to records on purpose. Each record has at most one fault, which its number decides.

use super::deck::FAULTS;
use super::dice::{Dice, Stream};
use super::{Kind, Share};
use crate::clock::Micros;
use crate::{Error, Result};

/// How many records have which fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Come later than others of their time, by [`Faults::late_by`].
    pub late: Share,
    /// The shortest and the longest delay of late records, in microseconds.
    pub late_by: (Micros, Micros),
    /// Come a little later, by at most [`A_LITTLE`].
    pub out_of_order: Share,
    /// Come twice.
    pub duplicates: Share,
    /// Are cut off.
    pub malformed: Share,
    /// Lack a column that must be there.
    pub missing: Share,
    /// Have a text where another type should be.
    pub wrong_type: Share,
}

impl Default for Faults {
    fn default() -> Self {
        let none = Share::default();
        Self {
            late: none,
            late_by: (120_000_000, 1_200_000_000),
            out_of_order: none,
            duplicates: none,
            malformed: none,
            missing: none,
            wrong_type: none,
        }
    }
}

/// Records out of order, and second copies, come at most so much later: 30 seconds.
pub const A_LITTLE: Micros = 30_000_000;

/// What was done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It comes so much later, in microseconds.
    Late(Micros),
    /// It comes so much later, in microseconds, but only a little.
    OutOfOrder(Micros),
    /// It comes once more, so much later.
    Duplicate(Micros),
    /// Only so many thousandths of it are there.
    Malformed(u64),
    /// A column is not there.
    Missing(&'static str),
    /// A column has a text that is no value of its type.
    WrongType(&'static str),
    /// It is part of a fraudulent burst.
    Fraud,
}

impl Fault {
    /// Its name in a truth file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late(_) => "late",
            Self::OutOfOrder(_) => "out_of_order",
            Self::Duplicate(_) => "duplicate",
            Self::Malformed(_) => "malformed",
            Self::Missing(_) => "missing",
            Self::WrongType(_) => "wrong_type",
            Self::Fraud => "fraud",
        }
    }

    /// The column that it is about.
    pub fn column(self) -> Option<&'static str> {
        match self {
            Self::Missing(column) | Self::WrongType(column) => Some(column),
            _ => None,
        }
    }

    /// How much later the record comes than its time, in microseconds.
    pub fn delay(self) -> Micros {
        match self {
            Self::Late(delay) | Self::OutOfOrder(delay) => delay,
            _ => 0,
        }
    }

    /// Whether a consumer has to refuse the record.
    pub fn is_poison(self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Missing(_) | Self::WrongType(_))
    }
}

impl Faults {
    /// Sees to it that the shares fit together.
    ///
    /// # Errors
    /// A usage error when they are more than all records, or the delays are none.
    pub fn check(&self, kind: Kind) -> Result<()> {
        let sum: f64 = self.shares().iter().sum();
        if sum > 1.0 {
            return Err(Error::usage(format!("the faults are {:.1}% of all records", sum * 100.0))
                .hint("a record has at most one fault: give shares of 100% in all"));
        }
        if kind == Kind::CustomerTransactions && !(self.late.is_none() && self.out_of_order.is_none()) {
            return Err(Error::usage(
                "customer-transactions cannot be late or out of order: their event time is their arrival",
            )
            .hint("use these faults with transactions, user-events or product-updates"));
        }
        Ok(())
    }

    /// Whether there are none.
    pub fn are_none(&self) -> bool {
        self.shares().iter().all(|share| *share == 0.0)
    }

    /// Whether records come in another order than that of their time, or more than once.
    pub fn move_records(&self) -> bool {
        [self.late, self.out_of_order, self.duplicates].iter().any(|share| !share.is_none())
    }

    /// Whether there are records that a consumer has to refuse.
    pub fn has_poison(&self) -> bool {
        [self.malformed, self.missing, self.wrong_type].iter().any(|share| !share.is_none())
    }

    /// By how much a record is moved at most.
    pub fn longest_delay(&self) -> Micros {
        match (self.late.is_none(), self.move_records()) {
            (_, false) => 0,
            (true, true) => A_LITTLE,
            (false, true) => self.late_by.1.max(A_LITTLE),
        }
    }

    /// What a fault is in the record of this number, by its place in [`Faults::shares`].
    pub fn of(&self, seed: u64, kind: Kind, number: u64, fault: usize) -> Fault {
        // The kinds' numbers do not meet.
        let mut dice = Dice::new(seed, Stream::Fault, number << 2 | kind as u64);
        let mut millis = |low: Micros, high: Micros| {
            dice.between(low as u64 / 1_000, high as u64 / 1_000) as Micros * 1_000
        };
        match fault {
            0 => Fault::Duplicate(millis(0, A_LITTLE)),
            1 => Fault::Late(millis(self.late_by.0, self.late_by.1)),
            2 => Fault::OutOfOrder(millis(1_000, A_LITTLE)),
            3 => Fault::Malformed(dice.between(100, 900)),
            4 => Fault::Missing(dice.pick::<&str>(required(kind))),
            _ => Fault::WrongType(dice.pick::<&str>(typed(kind))),
        }
    }

    /// The shares of all faults. Second copies are the first, as they are counted.
    pub fn shares(&self) -> [f64; FAULTS] {
        [self.duplicates, self.late, self.out_of_order, self.malformed, self.missing, self.wrong_type]
            .map(Share::of_one)
    }
}

/// Columns without which a record is refused, whatever is asked of it.
fn required(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::CustomerTransactions => &["customer_id", "final_amount"],
        Kind::Transactions => &["user_id", "product_id", "price", "quantity", "timestamp"],
        Kind::UserEvents => &["session_id", "event_type", "timestamp"],
        Kind::ProductUpdates => &["product_id", "update_type", "timestamp"],
    }
}

/// Columns whose type is looked at, whatever is asked of a record.
fn typed(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::CustomerTransactions => &["final_amount"],
        Kind::Transactions => &["price", "quantity", "timestamp"],
        Kind::UserEvents | Kind::ProductUpdates => &["timestamp"],
    }
}

/// What stands in the place of a value of another type.
pub const WRONG: &str = "n/a";
