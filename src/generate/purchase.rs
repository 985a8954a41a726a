//! What is bought, how many, at what discount, and how it is paid. Money is in cents.

use super::dice::Dice;
use super::products::Product;

/// One purchase of one product.
#[derive(Debug)]
pub struct Purchase {
    /// What was bought.
    pub product: Product,
    /// How many, 1 to 10; one is the most frequent.
    pub quantity: u64,
    /// Quantity × price.
    pub total: u64,
    /// Up to a fifth of the total, on three of ten purchases.
    pub discount: u64,
}

impl Purchase {
    /// Throws the dice for how much of a product is bought.
    pub fn new(dice: &mut Dice, product: Product) -> Self {
        let quantity = dice.between(1, 10).min(dice.between(1, 10));
        let percent = if dice.percent(30) { dice.between(1, 20) } else { 0 };
        Self::of(product, quantity, percent)
    }

    /// So many of a product, at so many percent of discount.
    pub fn of(product: Product, quantity: u64, percent: u64) -> Self {
        let total = quantity * product.price;
        Self { product, quantity, total, discount: total * percent / 100 }
    }
}

/// A way to pay.
#[derive(Debug)]
pub struct Payment {
    /// As people write it.
    pub name: &'static str,
    /// As machines write it.
    pub id: &'static str,
    providers: &'static [&'static str],
}

#[rustfmt::skip]
const PAYMENTS: &[Payment] = &[
    Payment { name: "Credit Card", id: "credit_card", providers: &["visa", "mastercard", "amex"] },
    Payment { name: "Debit Card", id: "debit_card", providers: &["visa", "mastercard"] },
    Payment { name: "PayPal", id: "paypal", providers: &["paypal"] },
    Payment { name: "Apple Pay", id: "apple_pay", providers: &["visa", "mastercard", "amex"] },
    Payment { name: "Google Pay", id: "google_pay", providers: &["visa", "mastercard"] },
    Payment { name: "Bank Transfer", id: "bank_transfer", providers: &["ach"] },
];

impl Payment {
    /// One of the ways to pay.
    pub fn draw(dice: &mut Dice) -> &'static Self {
        dice.pick(PAYMENTS)
    }

    /// One of those who move the money.
    pub fn provider(&self, dice: &mut Dice) -> &'static str {
        dice.pick::<&str>(self.providers)
    }
}
