//! `transactions`: the shop's live stream, one purchase a record, with home, device and campaign.

use super::customers::Customer;
use super::devices::Device;
use super::layout;
use super::locales::Locale;
use super::purchase::{Payment, Purchase};
use super::shop::{Session, Shop};
use super::text::{Cents, Degrees, Hex, Padded, Rfc3339};
use super::truth::{Category, Facts};
use super::write::{Fields, Json};

/// One purchase as the shop's service reports it.
pub struct Transaction {
    row: u64,
    session: Session,
    customer: Customer,
    device: &'static Device,
    purchase: Purchase,
    payment: &'static Payment,
    provider: &'static str,
    locale: &'static Locale,
}

impl Transaction {
    /// The purchase in this row.
    pub fn new(shop: &Shop, row: u64) -> Self {
        let (seed, locale) = (shop.world.seed, shop.world.locale);
        let session = shop.session(layout::session_of(seed, row));
        let customer = Customer::new(&shop.world, session.customer);
        let device = Device::of(seed, session.customer);
        let (payment, provider) = Payment::of_session(seed, session.number, device, locale);
        let purchase = shop.purchase(&session, row);
        Self { row, session, customer, device, purchase, payment, provider, locale }
    }

    /// What it adds to its windows.
    pub fn facts(&self) -> Facts {
        Facts {
            time: self.session.end,
            cents: Some(self.purchase.total - self.purchase.discount),
            category: Category::Product(self.purchase.product.category_number as u64),
            user: Some(self.customer.number),
        }
    }

    /// Writes the columns in the topic's order.
    pub fn write(&self, row: &mut Json) {
        let (session, Purchase { product, quantity, discount, .. }) = (&self.session, &self.purchase);
        row.text("transaction_id", ("txn_", Padded(self.row + 1, 12)));
        row.text("user_id", ("user_", Padded(self.customer.number, 6)));
        row.text("session_id", (Hex(session.id.0), Hex(session.id.1)));
        row.text("product_id", ("prod_", Padded(product.number, 5)));
        row.text("product_name", product.name());
        row.text("category_id", ("cat_", Padded(product.category_number as u64, 2)));
        row.text("category_name", product.category.name);
        row.text("subcategory", product.subcategory);
        row.text("brand", product.brand);
        row.number("price", Cents(product.price));
        row.number("quantity", quantity);
        row.number("discount_applied", Cents(*discount));
        row.text("payment_method", self.payment.id);
        row.text("payment_provider", self.provider);
        row.text("currency", self.locale.currency);
        row.text("timestamp", Rfc3339(session.end));
        self.write_context(row);
    }

    fn write_context(&self, row: &mut Json) {
        let Customer { city, zip_code, latitude, longitude, .. } = self.customer;
        let device = self.device;
        row.object("user_location", |home| {
            home.text("country", self.locale.country);
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
            let Session { channel, campaign, .. } = self.session;
            match campaign {
                Some(campaign) => marketing.text("campaign_id", ("camp_", Padded(campaign, 2))),
                None => marketing.null("campaign_id"),
            }
            marketing.text("channel", channel.name);
            match channel.referrer {
                Some(referrer) => marketing.text("referrer", referrer),
                None => marketing.null("referrer"),
            }
        });
    }
}
