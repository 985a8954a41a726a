//! What is bought, how many, at what discount, and how it is paid. Money is in cents.

use super::devices::Device;
use super::dice::{Dice, Stream};
use super::locales::Locale;
use super::products::Product;

/// One purchase of one product.
#[derive(Debug)]
pub struct Purchase {
    /// What was bought.
    pub product: Product,
    /// How many, 1 to 10; one is the most frequent, the more so the dearer the product is.
    pub quantity: u64,
    /// Quantity × price.
    pub total: u64,
    /// Up to a fifth of the total, on three of ten purchases.
    pub discount: u64,
}

impl Purchase {
    /// Throws the dice for how much of a product is bought.
    pub fn new(dice: &mut Dice, product: Product) -> Self {
        let throws = (2 + product.price / 2_500).min(12);
        let quantity = (0..throws).map(|_| dice.between(1, 10)).min().unwrap_or(1);
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
    /// The operating systems that it is there for; empty for all.
    systems: &'static [&'static str],
    weight: u64,
}

const APPLE: &[&str] = &["iOS", "iPadOS", "macOS"];
const GOOGLE: &[&str] = &["Android", "Windows", "Linux"];

#[rustfmt::skip]
const PAYMENTS: &[Payment] = &[
    Payment { name: "Credit Card", id: "credit_card", providers: &["visa", "mastercard", "amex"], systems: &[], weight: 30 },
    Payment { name: "Debit Card", id: "debit_card", providers: &["visa", "mastercard"], systems: &[], weight: 20 },
    Payment { name: "PayPal", id: "paypal", providers: &["paypal"], systems: &[], weight: 20 },
    Payment { name: "Apple Pay", id: "apple_pay", providers: &["visa", "mastercard", "amex"], systems: APPLE, weight: 20 },
    Payment { name: "Google Pay", id: "google_pay", providers: &["visa", "mastercard"], systems: GOOGLE, weight: 20 },
    // The clearing of the country.
    Payment { name: "Bank Transfer", id: "bank_transfer", providers: &[], systems: &[], weight: 10 },
];

impl Payment {
    /// One of the ways to pay with a device.
    pub fn draw(dice: &mut Dice, device: &Device) -> &'static Self {
        let fits = |it: &Self| it.systems.is_empty() || it.systems.contains(&device.os);
        dice.pick_by(PAYMENTS, |it| if fits(it) { it.weight } else { 0 })
    }

    /// How the order of a session is paid, and who moves the money.
    pub fn of_session(
        seed: u64,
        session: u64,
        device: &Device,
        locale: &Locale,
    ) -> (&'static Self, &'static str) {
        let mut dice = Dice::new(seed, Stream::Payment, session);
        let payment = Self::draw(&mut dice, device);
        let provider = match payment.providers {
            [] => locale.clearing,
            providers => *dice.pick(providers),
        };
        (payment, provider)
    }
}

#[cfg(test)]
mod tests {
    use super::super::locales::EN_US;
    use super::super::tests::world;
    use super::*;

    #[test]
    fn a_wallet_is_on_devices_that_have_it() {
        for session in 0..5_000 {
            let device = Device::of(world().seed, session);
            let (payment, provider) = Payment::of_session(world().seed, session, device, &EN_US);
            assert!(payment.id != "apple_pay" || device.os.contains("OS"), "{device:?}");
            assert!(payment.id != "google_pay" || !device.os.contains("OS"), "{device:?}");
            assert_eq!(provider == "ach", payment.id == "bank_transfer");
        }
    }

    #[test]
    fn people_buy_few_of_what_is_dear() {
        let mean = |price| {
            let mut dice = Dice::new(7, Stream::Transaction, price);
            let quantities = (0..2_000).map(|number| {
                let product = Product { price, ..Product::new(7, number) };
                Purchase::new(&mut dice, product).quantity
            });
            quantities.inspect(|quantity| assert!((1..=10).contains(quantity))).sum::<u64>() as f64 / 2_000.0
        };
        let (cheap, dear) = (mean(999), mean(39_999));
        assert!(cheap > 3.0 && dear < 1.6, "{cheap} {dear}");
    }
}
