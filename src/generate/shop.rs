//! The world made ready to be asked: who comes when, what is bought, and at what price.

use super::World;
use super::deck::Decks;
use super::dice::{Dice, Stream};
use super::layout::{self, ROWS};
use super::popularity::Popularity;
use super::products::{CATEGORIES, Product};
use super::purchase::Purchase;
use super::traffic::{PARTS, Traffic};
use super::updates::Schedule;
use crate::clock::Micros;
use std::ops::Range;

/// Everything that is worked out once for a world.
#[derive(Debug, Clone)]
pub struct Shop {
    /// What was asked for.
    pub world: World,
    /// When the rows of `transactions` happen.
    pub traffic: Traffic,
    /// When products change.
    pub schedule: Schedule,
    /// Which records have faults, where some have.
    pub decks: Option<Decks>,
    customers: Popularity,
    products: Popularity,
}

/// One shopper's way through the shop. It is told from its end, which is the purchase where there is one.
#[derive(Debug)]
pub struct Session {
    /// Its number, from 0.
    pub number: u64,
    /// Its name, 128 bits.
    pub id: (u64, u64),
    /// Its last moment, in whole milliseconds.
    pub end: Micros,
    /// Its end's place in the stream of `transactions`, in parts of a row.
    pub place: u64,
    /// The rows of `transactions` that it led to.
    pub rows: Range<u64>,
    /// Whose it is.
    pub customer: u64,
    /// What brought the shopper here.
    pub channel: &'static Channel,
    /// Which campaign, where the channel has some.
    pub campaign: Option<u64>,
    /// Whether it is part of a fraudulent burst.
    pub is_fraud: bool,
}

/// How a shopper came to the shop.
#[derive(Debug)]
pub struct Channel {
    /// Its name.
    pub name: &'static str,
    /// The first of its campaigns, where there are some.
    campaigns: Option<u64>,
    /// The page that it comes from.
    pub referrer: Option<&'static str>,
}

#[rustfmt::skip]
const CHANNELS: &[Channel] = &[
    Channel { name: "search", campaigns: Some(0), referrer: Some("https://search.example.com/") },
    Channel { name: "social", campaigns: Some(25), referrer: Some("https://social.example.com/feed") },
    Channel { name: "email", campaigns: Some(50), referrer: Some("https://mail.example.com/") },
    Channel { name: "affiliate", campaigns: Some(75), referrer: Some("https://deals.example.com/today") },
    Channel { name: "direct", campaigns: None, referrer: None },
];

/// So many campaigns are on a channel.
const CAMPAIGNS: u64 = 25;

/// A fraudster looks at so many products for the dearest of a category.
const LOOKS: u64 = 64;

impl Shop {
    /// The shop of a world.
    pub fn new(world: World) -> Self {
        Self {
            traffic: Traffic::new(
                world.start,
                world.rate(super::Kind::Transactions),
                world.shape,
                &world.scenario.sales,
            ),
            schedule: Schedule::new(world.seed, world.products),
            decks: (!world.faults.are_none()).then(|| Decks::new(world.seed, world.faults.shares())),
            // Customers differ less in how much they buy than products in how much they are bought.
            customers: Popularity::new(world.customers, world.skew / 2.0),
            products: Popularity::new(world.products, world.skew),
            world,
        }
    }

    /// The dice of a session, and the place and time of its end, which they throw first.
    pub fn session_end(&self, session: u64, rows: &Range<u64>) -> (Dice, u64, Micros) {
        let mut dice = Dice::new(self.world.seed, Stream::Session, session);
        let slot = if rows.is_empty() { rows.start..rows.start + ROWS } else { rows.clone() };
        let place = slot.start * PARTS + dice.below((slot.end - slot.start) * PARTS);
        (dice, place, self.traffic.time(place))
    }

    /// The session of this number.
    pub fn session(&self, number: u64) -> Session {
        let rows = layout::rows_of(self.world.seed, number);
        let (mut dice, place, end) = self.session_end(number, &rows);
        let fraudster = self.fraudster(number / layout::SESSIONS).filter(|_| !rows.is_empty());
        let customer = self.customers.draw(&mut dice);
        let id = (dice.bits(), dice.bits());
        let (channel, campaign) = (dice.pick(CHANNELS), dice.below(CAMPAIGNS));
        Session {
            number,
            id,
            end,
            place,
            rows,
            customer: fraudster.unwrap_or(customer),
            channel,
            campaign: channel.campaigns.map(|first| first + campaign),
            is_fraud: fraudster.is_some(),
        }
    }

    /// Who makes all purchases of a group, where it is a fraudulent burst.
    pub fn fraudster(&self, group: u64) -> Option<u64> {
        if self.world.fraud.is_none() {
            return None;
        }
        let mut dice = Dice::new(self.world.seed, Stream::Fraud, group);
        self.world.fraud.meets(&mut dice).then(|| dice.below(self.world.customers))
    }

    /// The percent that everything is cheaper at a time.
    fn sale_percent(&self, time: Micros) -> u64 {
        let hour = (time.rem_euclid(86_400_000_000) / 3_600_000_000) as usize;
        let sales = self.world.scenario.sales.iter().filter(|sale| sale.hours.contains(&hour));
        sales.map(|sale| sale.discount).max().unwrap_or(0)
    }

    /// What was bought in a row of `transactions` that a session led to.
    pub fn purchase(&self, session: &Session, row: u64) -> Purchase {
        let mut dice = Dice::new(self.world.seed, Stream::Transaction, row);
        if session.is_fraud {
            let product = self.product(self.dear_product(&mut dice, row), session);
            return Purchase::of(product, dice.between(5, 10), 0);
        }
        let number = self.products.draw(&mut dice);
        let mut purchase = Purchase::new(&mut dice, self.product(number, session));
        let off = purchase.total * self.sale_percent(session.end) / 100;
        purchase.discount = purchase.discount.max(off);
        purchase
    }

    /// A dear product of a category that no other row of the group has.
    fn dear_product(&self, dice: &mut Dice, row: u64) -> u64 {
        let (group, index) = (row / ROWS, row % ROWS);
        let categories = CATEGORIES.len() as u64;
        // Five and fourteen have no common factor.
        let wanted = ((group + 5 * index) % categories) as usize;
        let products = (0..LOOKS).map(|_| Product::new(self.world.seed, dice.below(self.world.products)));
        let dearest = products.max_by_key(|product| (product.category_number == wanted, product.price));
        dearest.map_or(0, |product| product.number)
    }

    /// A product that a shopper looked at in a session without buying it.
    pub fn looked_at(&self, session: &Session, step: u64) -> Product {
        let mut dice = Dice::new(self.world.seed, Stream::Look, session.number * 32 + step);
        self.product(self.products.draw(&mut dice), session)
    }

    /// A product at the price of a session; where it is not sold any more, the one before it.
    fn product(&self, number: u64, session: &Session) -> Product {
        let (place, time) = (session.place, session.end);
        let mut product = Product::new(self.world.seed, number);
        let mut cycle = self.schedule.last_cycle(&self.traffic, number, place, time);
        if cycle.is_some_and(|cycle| !self.schedule.is_sold(number, cycle)) {
            // Only products with odd numbers are ever discontinued.
            product = Product::new(self.world.seed, number.saturating_sub(1));
            cycle = self.schedule.last_cycle(&self.traffic, product.number, place, time);
        }
        product.price = self.schedule.price(&product, cycle);
        product
    }
}

#[cfg(test)]
mod tests {
    use super::super::Share;
    use super::super::tests::world;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_of_an_order_have_one_session_and_times_never_go_back() {
        let shop = Shop::new(world());
        let mut before = 0;
        for row in 0..2_000 {
            let session = shop.session(layout::session_of(42, row));
            assert!(session.rows.contains(&row) && session.end >= before);
            before = session.end;
        }
    }

    #[test]
    fn fraud_is_one_customer_in_many_categories_with_large_amounts() {
        let shop = Shop::new(World { fraud: Share::parse("10%").unwrap_or_default(), ..world() });
        let bursts: Vec<u64> = (0..1_000).filter(|group| shop.fraudster(*group).is_some()).collect();
        assert!((50..150).contains(&bursts.len()), "{}", bursts.len());
        for group in bursts {
            let rows = group * ROWS..(group + 1) * ROWS;
            let seen: Vec<_> = rows
                .map(|row| {
                    let session = shop.session(layout::session_of(42, row));
                    (session.customer, shop.purchase(&session, row))
                })
                .collect();
            assert!(seen.iter().all(|(customer, _)| *customer == seen[0].0));
            let categories: HashSet<_> =
                seen.iter().map(|(_, bought)| bought.product.category_number).collect();
            assert!(categories.len() >= 7, "{categories:?}");
            assert!(seen.iter().map(|(_, bought)| bought.total).sum::<u64>() > 300_000);
        }
    }
}
