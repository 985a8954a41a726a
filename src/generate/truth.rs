//! What is true about generated records: what was done to which of them, and what a correct consumer must find.

use super::faults::Fault;
use super::output::{self, Extent};
use super::products::CATEGORIES;
use super::records::Item;
use super::text::{Padded, Rfc3339, Text};
use super::transactions::Transaction;
use super::user_events::UserEvent;
use super::window::Window;
use super::write::{Fields, Json};
use super::{Generator, Kind, Timeline, customer_transactions, sessions};
use crate::clock::Micros;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a record adds to its windows.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// When it happened.
    pub time: Micros,
    /// Its amount in cents, where its kind has one.
    pub cents: Option<u64>,
    /// Its category, as its column has it.
    pub category: Category,
    /// Its user, where it has one.
    pub user: Option<u64>,
}

/// A category of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// One of products, by number.
    Product(u64),
    /// One of events, by name.
    Event(&'static str),
}

/// What is added up together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    All,
    Category(Category),
    User(u64),
}

/// The sums of a window and a group: all records, and those that were not late.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    records: u64,
    cents: u64,
    records_on_time: u64,
    cents_on_time: u64,
}

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    rows: u64,
    /// Good ones, each the first time.
    records: u64,
    /// Second copies.
    copies: u64,
    /// Those that a consumer has to refuse.
    refused: u64,
    tombstones: u64,
}

/// Windows that are being added up, by their start, their place in the list of windows, and the group.
type Open = BTreeMap<(Micros, usize, Group), Sums>;

/// Writes what is true of the rows of a generator, whatever number of bytes they have. Memory grows with what
/// happens within a window and the longest delay, and not with the number of rows.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    generator: &Generator,
    extent: &Extent,
    windows: &[Window],
    out: &mut dyn Write,
) -> io::Result<()> {
    // The event time of a history is its arrival.
    let windows = if generator.kind == Kind::CustomerTransactions { &[] } else { windows };
    let (counts, open, text) = (Counts::default(), Open::new(), Vec::new());
    let mut truth = Truth { generator, windows, counts, open, text };
    let rows = &extent.rows;
    truth.head(rows.start);
    let mut row = rows.start;
    output::each_batch(&Timeline::from(generator.clone()), extent, |items| {
        for item in items {
            truth.row(item, row);
            row += 1;
        }
        out.write_all(&truth.text)?;
        truth.text.clear();
        Ok(true)
    })?;
    truth.close(Micros::MAX);
    truth.foot();
    out.write_all(&truth.text)
}

struct Truth<'a> {
    generator: &'a Generator,
    windows: &'a [Window],
    counts: Counts,
    open: Open,
    text: Vec<u8>,
}

impl Truth<'_> {
    /// The first line: what the lines are about.
    fn head(&mut self, from_row: u64) {
        let seed = self.generator.shop.world.seed;
        self.line(|line| {
            line.number("seed", seed);
            line.number("from_row", from_row);
        });
    }

    /// The last line: what the rows are.
    fn foot(&mut self) {
        let Counts { rows, records, copies, refused, tombstones } = self.counts;
        self.line(|line| {
            line.number("rows", rows);
            line.number("records", records);
            line.number("copies", copies);
            line.number("refused", refused);
            line.number("tombstones", tombstones);
        });
    }

    fn row(&mut self, item: &Item, row: u64) {
        let facts = self::facts(self.generator, item.number);
        self.counts.rows += 1;
        if item.is_copy {
            self.counts.copies += 1;
        } else {
            self.first(item.number, row, &facts);
        }
        self.close(item.time.max(facts.time) - self.generator.shop.longest_delay());
    }

    /// A record that has not come before.
    fn first(&mut self, number: u64, row: u64, facts: &Facts) {
        let (shop, kind) = (&self.generator.shop, self.generator.kind);
        let is_tombstone = shop.is_tombstone(kind, number);
        let fault = shop.fault(kind, number, facts.time);
        if let Some(fault) = fault {
            self.fault(number, row, fault, facts.time);
        }
        if fault.is_some_and(Fault::is_poison) {
            self.counts.refused += 1;
        } else if is_tombstone {
            self.counts.tombstones += 1;
        } else {
            self.counts.records += 1;
            self.add(facts, matches!(fault, Some(Fault::Late(_))));
        }
    }

    fn fault(&mut self, number: u64, row: u64, fault: Fault, time: Micros) {
        let kind = self.generator.kind;
        self.line(|line| {
            line.number("row", row);
            line.text("id", self::id(kind, number));
            line.text("fault", fault.name());
            if let Some(column) = fault.column() {
                line.text("column", column);
            }
            if fault.delay() > 0 {
                line.number("delay_ms", (fault.delay() / 1_000) as u64);
            }
            line.text("timestamp", Rfc3339(time));
        });
    }

    fn add(&mut self, facts: &Facts, is_late: bool) {
        let cents = facts.cents.unwrap_or_default();
        let groups = [Some(Group::All), Some(Group::Category(facts.category)), facts.user.map(Group::User)];
        for (index, window) in self.windows.iter().enumerate() {
            for start in window.starts(facts.time) {
                for group in groups.into_iter().flatten() {
                    let sums = self.open.entry((start, index, group)).or_default();
                    sums.records += 1;
                    sums.cents += cents;
                    sums.records_on_time += u64::from(!is_late);
                    sums.cents_on_time += if is_late { 0 } else { cents };
                }
            }
        }
    }

    /// Writes and forgets the windows to which no record can come after a time, in the order of their starts.
    fn close(&mut self, time: Micros) {
        while let Some(first) = self.open.first_entry() {
            let &(start, index, group) = first.key();
            let window = self.windows[index];
            if start.saturating_add(window.size) > time {
                return;
            }
            let sums = first.remove();
            self.window(window, start, group, sums);
        }
    }

    fn window(&mut self, window: Window, start: Micros, group: Group, sums: Sums) {
        let has_amounts = self.generator.kind == Kind::Transactions;
        self.line(|line| {
            line.text("window", window.name());
            line.text("window_start", Rfc3339(start));
            line.text("window_end", Rfc3339(start + window.size));
            match group {
                Group::All => {}
                Group::Category(Category::Product(number)) => {
                    line.text("category_id", ("cat_", Padded(number, 2)));
                    let category = CATEGORIES.get(number as usize);
                    line.text("category_name", category.map_or("", |category| category.name));
                }
                Group::Category(Category::Event(name)) => line.text("event_category", name),
                Group::User(number) => line.text("user_id", ("user_", Padded(number, 6))),
            }
            line.number("records", sums.records);
            line.number("records_on_time", sums.records_on_time);
            if has_amounts {
                line.number("cents", sums.cents);
                line.number("cents_on_time", sums.cents_on_time);
            }
        });
    }

    /// A line, which begins with whose records it is about.
    fn line(&mut self, fields: impl FnOnce(&mut Json)) {
        let topic = self.generator.kind.topic();
        Json::row(&mut self.text, None, |line| {
            line.text("kind", topic);
            fields(line);
        });
        self.text.push(b'\n');
    }
}

/// The id of a record, as its column has it.
pub enum Id {
    /// A text before a number.
    Number(&'static str, u64, usize),
    /// An event's session and step.
    Event(u64, u64),
}

impl Text for Id {
    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Number(prefix, number, width) => (prefix, Padded(number, width)).put(out),
            Self::Event(session, step) => ("evt_", Padded(session, 12), "_", Padded(step, 2)).put(out),
        }
    }
}

/// The id of a record.
fn id(kind: Kind, number: u64) -> Id {
    match kind {
        Kind::CustomerTransactions => Id::Number("TXN_", number + 1, 6),
        Kind::Transactions => Id::Number("txn_", number + 1, 12),
        Kind::UserEvents => {
            let (session, step) = sessions::session_and_step(number);
            Id::Event(session, step)
        }
        // These have none: the row of the file without faults.
        Kind::ProductUpdates => Id::Number("row_", number, 1),
    }
}

/// What a record adds to its windows.
fn facts(generator: &Generator, number: u64) -> Facts {
    let shop = &generator.shop;
    match generator.kind {
        Kind::CustomerTransactions => Facts {
            time: customer_transactions::arrival(&shop.world, number),
            cents: None,
            category: Category::Product(0),
            user: None,
        },
        Kind::Transactions => Transaction::new(shop, number).facts(),
        Kind::UserEvents => UserEvent::new(shop, number).facts(),
        Kind::ProductUpdates => {
            let update = shop.schedule.update(&shop.traffic, number);
            let category = Category::Product(update.product.category_number as u64);
            Facts { time: update.time, cents: None, category, user: None }
        }
    }
}
