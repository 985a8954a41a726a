//! `transactions`: the shop's live stream, one purchase a record, with home, device and campaign.

use super::World;
use super::customers::Customer;
use super::dice::{Dice, Stream};
use super::purchase::Purchase;
use super::write::{Cents, Degrees, Fields, Json, Rfc3339};
use crate::clock::Micros;

/// Event times when no rate is given, in events per second.
const EVENT_RATE: f64 = 500.0;

/// One purchase as the shop's service reports it.
pub struct Transaction {
    number: u64,
    session: (u64, u64),
    time: Micros,
    customer: Customer,
    purchase: Purchase,
    campaign: u64,
    channel: &'static Channel,
}

impl Transaction {
    /// The purchase in this row of the world.
    pub fn new(world: &World, row: u64) -> Self {
        let mut dice = Dice::new(world.seed, Stream::Transaction, row);
        Self {
            number: row + 1,
            session: (dice.bits(), dice.bits()),
            time: world.event_time(row).unwrap_or_else(|| world.time_at(row, EVENT_RATE)),
            customer: Customer::new(world.seed, dice.below(world.customers)),
            purchase: Purchase::new(&mut dice, world.seed, world.products),
            campaign: dice.below(100),
            channel: dice.pick(CHANNELS),
        }
    }

    /// Writes the columns in the topic's order.
    pub fn write(&self, row: &mut Json) {
        let Purchase { product, quantity, discount, payment, provider, .. } = &self.purchase;
        let category = product.category_number;
        row.text("transaction_id", format_args!("txn_{:012}", self.number));
        row.text("user_id", format_args!("user_{:06}", self.customer.number));
        row.text("session_id", format_args!("{:016x}{:016x}", self.session.0, self.session.1));
        row.text("product_id", format_args!("prod_{:05}", product.number));
        row.text("product_name", format_args!("{} {} {}", product.brand, product.line, product.article));
        row.text("category_id", format_args!("cat_{category:02}"));
        row.text("category_name", product.category.name);
        row.text("subcategory", product.subcategory);
        row.text("brand", product.brand);
        row.number("price", Cents(product.price));
        row.number("quantity", quantity);
        row.number("discount_applied", Cents(*discount));
        row.text("payment_method", payment.id);
        row.text("payment_provider", provider);
        row.text("currency", "USD");
        row.text("timestamp", Rfc3339(self.time));
        self.write_context(row);
    }

    fn write_context(&self, row: &mut Json) {
        let Customer { city, zip_code, latitude, longitude, device, .. } = self.customer;
        row.object("user_location", |home| {
            home.text("country", "US");
            home.text("state", city.state);
            home.text("city", city.name);
            home.text("zip_code", zip_code);
            home.number("latitude", Degrees(latitude));
            home.number("longitude", Degrees(longitude));
        });
        row.object("device_info", |info| {
            info.text("type", device.kind);
            info.text("os", device.os);
            info.text("browser", device.browser);
            info.text("user_agent", device.user_agent);
        });
        row.object("marketing_attribution", |marketing| {
            match self.channel.has_campaigns {
                true => marketing.text("campaign_id", format_args!("camp_{:02}", self.campaign)),
                false => marketing.null("campaign_id"),
            }
            marketing.text("channel", self.channel.name);
            match self.channel.referrer {
                Some(referrer) => marketing.text("referrer", referrer),
                None => marketing.null("referrer"),
            }
        });
    }
}

/// How a shopper came to the shop.
struct Channel {
    name: &'static str,
    has_campaigns: bool,
    referrer: Option<&'static str>,
}

#[rustfmt::skip]
const CHANNELS: &[Channel] = &[
    Channel { name: "search", has_campaigns: true, referrer: Some("https://search.example.com/") },
    Channel { name: "social", has_campaigns: true, referrer: Some("https://social.example.com/feed") },
    Channel { name: "email", has_campaigns: true, referrer: Some("https://mail.example.com/") },
    Channel { name: "affiliate", has_campaigns: true, referrer: Some("https://deals.example.com/today") },
    Channel { name: "direct", has_campaigns: false, referrer: None },
];
