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
    /// How it was paid.
    pub payment: &'static Payment,
    /// Who moved the money.
    pub provider: &'static str,
}

impl Purchase {
    /// Throws the dice for a purchase of one of `products` products.
    pub fn new(dice: &mut Dice, seed: u64, products: u64) -> Self {
        let product = Product::new(seed, dice.below(products));
        let quantity = dice.between(1, 10).min(dice.between(1, 10));
        let total = quantity * product.price;
        let discount = if dice.percent(30) { total * dice.between(1, 20) / 100 } else { 0 };
        let payment = dice.pick(PAYMENTS);
        Self { product, quantity, total, discount, payment, provider: *dice.pick(payment.providers) }
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
