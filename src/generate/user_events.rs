//! `user-events`: what shoppers do in their sessions, one step a record.

use super::customers::Customer;
use super::devices::Device;
use super::dice::{Dice, Stream};
use super::products::Product;
use super::purchase::Purchase;
use super::sessions::{self, Action, Steps};
use super::shop::{Session, Shop};
use super::text::{Cents, Hex, Padded, Rfc3339};
use super::truth::{Category, Facts};
use super::write::{Fields, Json};
use crate::clock::Micros;

/// One step of a session as the shop's pages report it.
pub struct UserEvent<'a> {
    shop: &'a Shop,
    session: Session,
    step: u64,
    time: Micros,
    /// Until the next step, in milliseconds; none for the last.
    stay: Option<u64>,
    action: Action,
}

/// Where a session's products come from.
enum Shown {
    Bought(u64, Purchase),
    LookedAt(Product),
}

impl<'a> UserEvent<'a> {
    /// The event of this number.
    pub fn new(shop: &'a Shop, number: u64) -> Self {
        let (session, step) = sessions::session_and_step(number);
        let session = shop.session(session);
        let rows = session.rows.end - session.rows.start;
        let (mut time, mut next) = (session.end, None);
        for (at, moment) in Steps::new(shop.world.seed, session.number, rows, session.end) {
            if at == step {
                time = moment;
                break;
            }
            next = Some(moment);
        }
        let stay = next.map(|next| ((next - time) / 1_000) as u64);
        Self { action: sessions::action(&session, step), shop, session, step, time, stay }
    }

    /// What it adds to its windows.
    pub fn facts(&self) -> Facts {
        let category = Category::Event(self.names().1);
        Facts { time: self.time, cents: None, category, user: Some(self.session.customer) }
    }

    /// Writes the columns in the topic's order.
    pub fn write(&self, row: &mut Json) {
        let shown = self.shown();
        row.text("event_id", ("evt_", Padded(self.session.number, 12), "_", Padded(self.step, 2)));
        row.text("user_id", ("user_", Padded(self.session.customer, 6)));
        row.text("session_id", (Hex(self.session.id.0), Hex(self.session.id.1)));
        let (kind, category) = self.names();
        row.text("event_type", kind);
        row.text("event_category", category);
        self.write_page(row, shown.as_ref());
        row.text("timestamp", Rfc3339(self.time));
        match self.stay {
            Some(millis) => row.number("duration_ms", millis),
            None => row.null("duration_ms"),
        }
        row.object("event_properties", |properties| self.write_properties(properties, shown.as_ref()));
        self.write_context(row);
    }

    /// The type and the category of the event.
    fn names(&self) -> (&'static str, &'static str) {
        match self.action {
            Action::Home => ("page_view", "navigation"),
            Action::Search => ("search", "navigation"),
            Action::View(_) => ("view", "product"),
            Action::Cart(_) => ("cart", "purchase"),
            Action::Checkout => ("checkout", "purchase"),
            Action::Purchase(_) => ("purchase", "purchase"),
        }
    }

    /// The product that the step is about.
    fn shown(&self) -> Option<Shown> {
        let index = match self.action {
            // The first product is what was searched for.
            Action::Search if self.session.rows.is_empty() => 2,
            Action::Search => 0,
            Action::View(index) | Action::Cart(index) | Action::Purchase(index) => index,
            Action::Home | Action::Checkout => return None,
        };
        if self.session.rows.is_empty() {
            return Some(Shown::LookedAt(self.shop.looked_at(&self.session, index)));
        }
        let row = self.session.rows.start + index;
        Some(Shown::Bought(row, self.shop.purchase(&self.session, row)))
    }

    fn write_page(&self, row: &mut Json, shown: Option<&Shown>) {
        const SITE: &str = "https://shop.example.com";
        match (self.action, shown.map(Shown::product)) {
            (Action::Search, Some(product)) => {
                row.text("page_url", (SITE, "/search?category=", Padded(product.category_number as u64, 2)));
                row.text("page_title", ("Search: ", product.article));
            }
            (Action::View(_), Some(product)) => {
                row.text("page_url", (SITE, "/product/prod_", Padded(product.number, 5)));
                row.text("page_title", product.name());
            }
            (Action::Cart(_), _) => {
                row.text("page_url", (SITE, "/cart"));
                row.text("page_title", "Your cart");
            }
            (Action::Checkout, _) => {
                row.text("page_url", (SITE, "/checkout"));
                row.text("page_title", "Checkout");
            }
            (Action::Purchase(_), _) => {
                row.text("page_url", (SITE, "/checkout/complete"));
                row.text("page_title", "Thank you for your order");
            }
            _ => {
                row.text("page_url", (SITE, "/"));
                row.text("page_title", "Home");
            }
        }
    }

    fn write_properties(&self, properties: &mut Json, shown: Option<&Shown>) {
        let Some(shown) = shown else {
            if self.action == Action::Home {
                properties.text("channel", self.session.channel.name);
            }
            return;
        };
        let product = shown.product();
        if self.action == Action::Search {
            return properties.text("query", product.article);
        }
        properties.text("product_id", ("prod_", Padded(product.number, 5)));
        properties.text("category_id", ("cat_", Padded(product.category_number as u64, 2)));
        properties.text("price", Cents(product.price));
        if let (Action::Cart(_) | Action::Purchase(_), Shown::Bought(row, purchase)) = (self.action, shown) {
            properties.text("quantity", purchase.quantity);
            if let Action::Purchase(_) = self.action {
                properties.text("transaction_id", ("txn_", Padded(row + 1, 12)));
            }
        }
    }

    fn write_context(&self, row: &mut Json) {
        let world = &self.shop.world;
        let city = Customer::new(world, self.session.customer).city;
        let device = Device::of(world.seed, self.session.customer);
        let mut dice = Dice::new(world.seed, Stream::Line, self.session.customer);
        row.object("user_location", |home| {
            home.text("country", world.locale.country);
            home.text("state", city.state);
            home.text("city", city.name);
            // 198.18.0.0/15 is for tests: it belongs to nobody.
            home.text(
                "ip_address",
                ("198.", dice.between(18, 19), (".", dice.below(256), ".", dice.below(256))),
            );
        });
        let (screen, viewport) = *dice.pick(device.screens);
        row.object("device_info", |info| {
            info.text("type", device.kind);
            info.text("os", device.os);
            info.text("browser", device.browser);
            info.text("screen_resolution", screen);
            info.text("viewport_size", viewport);
        });
    }
}

impl Shown {
    fn product(&self) -> &Product {
        match self {
            Self::Bought(_, Purchase { product, .. }) | Self::LookedAt(product) => product,
        }
    }
}
