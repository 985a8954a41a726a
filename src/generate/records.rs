//! Records in the order in which they come, from any row on, by bounded work and memory.
//!
//! Where a row's number says when it comes, rows are counted. Events of sessions cross each other, and
//! faults make records late: there, time is cut into slices, and what happens in one is sorted; what comes
//! later than its slice waits.

use super::faults::Fault;
use super::layout::{EVENTS, ROWS, ROWS_BY_UPDATE};
use super::shop::Shop;
use super::traffic::{END_OF_TIME, PARTS};
use super::{Kind, customer_transactions, layout, sessions};
use crate::clock::Micros;
use std::ops::Range;
use std::sync::Arc;

/// A record that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// When it comes, where records are sorted or merged.
    pub time: Micros,
    /// Its number among those of its kind.
    pub number: u64,
    /// Whether it has come before.
    pub is_copy: bool,
    /// Its kind's place, where several kinds are merged.
    pub part: u8,
}

/// About so many records are sorted at once.
const SLICE: f64 = 262_144.0;

/// Gives the records of one kind in their order.
pub struct Records {
    shop: Arc<Shop>,
    kind: Kind,
    /// The next rows, where rows are counted.
    rows: Range<u64>,
    /// What happens at this time or later does not come.
    until: Micros,
    /// The next slice of time.
    slice: Range<Micros>,
    sorted: Vec<Item>,
    at: usize,
    /// What has happened and comes in a later slice.
    waiting: Vec<Item>,
}

impl Records {
    /// The records of a shop from a row on, of what happens before a time.
    pub fn new(shop: Arc<Shop>, kind: Kind, row: u64, until: Micros) -> Self {
        let start = shop.traffic.time(0);
        let slice = start..start + width(&shop, kind);
        let (sorted, waiting) = (Vec::new(), Vec::new());
        let mut records = Self { shop, kind, rows: row..u64::MAX, until, slice, sorted, at: 0, waiting };
        if records.is_sliced() {
            records.skip(row);
        } else if until < END_OF_TIME {
            records.rows.end = rows_before(&records.shop, kind, until);
        }
        records
    }

    /// Appends the next records, at most so many, and fewer where a slice ends; none when there are no more.
    pub fn next(&mut self, most: usize, items: &mut Vec<Item>) {
        if !self.is_sliced() {
            let rows = self.rows.start..self.rows.end.min(self.rows.start.saturating_add(most as u64));
            self.rows.start = self.rows.start.max(rows.end);
            return items.extend(rows.map(|number| Item { time: 0, number, is_copy: false, part: 0 }));
        }
        while self.at == self.sorted.len() && self.has_slices() {
            self.fill();
        }
        let end = self.sorted.len().min(self.at + most);
        items.extend_from_slice(&self.sorted[self.at..end]);
        self.at = end;
    }

    /// When a record of these comes.
    pub fn time(&self, item: &Item) -> Micros {
        if self.is_sliced() { item.time } else { self.shop.time(self.kind, item.number) }
    }

    fn is_sliced(&self) -> bool {
        self.kind == Kind::UserEvents || self.shop.moves_records()
    }

    fn has_slices(&self) -> bool {
        self.slice.start < self.until.min(END_OF_TIME) || !self.waiting.is_empty()
    }

    /// Sorts what comes in the next slice: what waited for it, and what happens there and is not late.
    fn fill(&mut self) {
        let Range { start, end } = self.slice;
        self.at = 0;
        self.sorted.clear();
        self.sorted.extend(self.waiting.extract_if(.., |item| item.time < end));
        self.look_through(start..end.min(self.until));
        self.sorted.sort_unstable();
        self.slice = end..end + (end - start);
    }

    /// Looks through what happens in a span of time.
    fn look_through(&mut self, span: Range<Micros>) {
        let Self { shop, kind, slice, sorted, waiting, .. } = self;
        let (shop, kind) = (&**shop, *kind);
        happen_in(shop, kind, span, |number, happened| {
            let mut push = |delay: Micros, is_copy| {
                let time = shop.comes(kind, number, happened, happened + delay);
                let item = Item { time, number, is_copy, part: 0 };
                if time >= slice.end {
                    waiting.push(item);
                } else if time >= slice.start {
                    sorted.push(item);
                }
            };
            match shop.fault(kind, number, happened) {
                Some(Fault::Duplicate(delay)) => {
                    push(0, false);
                    push(delay, true);
                }
                fault => push(fault.map_or(0, Fault::delay), false),
            }
        });
    }

    /// Goes to a row, by way of the last slice before which no more records happened.
    fn skip(&mut self, row: u64) {
        let (start, width) = (self.slice.start, self.slice.end - self.slice.start);
        let (slice, happened) = self.slice_of(row, start, width);
        let begins = start + slice * width;
        // All that happened before has come, but for what is so late.
        self.slice = begins..begins;
        self.look_through((begins - self.shop.longest_delay()).max(start)..begins.min(self.until));
        self.slice.end += width;
        let mut rest = row - (happened - self.waiting.len() as u64);
        while rest > 0 && self.has_slices() {
            self.fill();
            self.at = rest.min(self.sorted.len() as u64) as usize;
            rest -= self.at as u64;
        }
    }

    /// The last slice before which no more than so many records happened, or one a little before it, and how
    /// many did.
    fn slice_of(&self, row: u64, start: Micros, width: Micros) -> (Micros, u64) {
        // Sessions under way at the start began before it.
        let first =
            if self.kind == Kind::UserEvents { sessions::events_before(&self.shop, start) } else { (0, 0) };
        let before = |slice: Micros| {
            let (rows, copies) = before(&self.shop, self.kind, (start + slice * width).min(self.until));
            rows + copies - first.0 - first.1
        };
        let Range { start: earliest, end: latest } = self.around(row, first.0);
        let (mut low, mut high) = (((earliest - start) / width - 1).max(0), (latest - start) / width + 2);
        let mut happened = before(low);
        while low > 0 && happened > row {
            low -= 1;
            happened = before(low);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match before(middle) {
                count if count <= row => (low, happened) = (middle, count),
                _ => high = middle,
            }
        }
        (low, happened)
    }

    /// About when a row happens, where copies are rows too and so many events came before the start.
    fn around(&self, row: u64, first: u64) -> Range<Micros> {
        let (shop, kind) = (&*self.shop, self.kind);
        let original = (row as f64 / (1.0 + shop.world.faults.duplicates.of_one())) as u64;
        if kind != Kind::UserEvents {
            let time = shop.time(kind, original);
            return time..time;
        }
        let group = (original + first) / EVENTS;
        let time = |group: u64| shop.traffic.time((group * ROWS).saturating_mul(PARTS));
        // An event lies at most a session's length before the end of its group.
        time(group) - sessions::LONGEST..time(group + 1)
    }
}

/// How long a slice is.
fn width(shop: &Shop, kind: Kind) -> Micros {
    let seconds = SLICE / shop.world.rate(kind);
    // At least some milliseconds, and not so much that the days would end.
    (seconds.clamp(0.01, 1e7) * 1e3) as Micros * 1_000
}

/// Gives the number and the time of each record that happens in a span of time, in no order.
fn happen_in(shop: &Shop, kind: Kind, span: Range<Micros>, mut each: impl FnMut(u64, Micros)) {
    let rows = |kind| rows_before(shop, kind, span.start)..rows_before(shop, kind, span.end);
    match kind {
        Kind::CustomerTransactions | Kind::ProductUpdates => {
            rows(kind).for_each(|row| each(row, shop.time(kind, row)));
        }
        Kind::Transactions => {
            let mut row = rows(kind);
            while !row.is_empty() {
                let session = layout::session_of(shop.world.seed, row.start);
                let order = layout::rows_of(shop.world.seed, session);
                let (_, _, time) = shop.session_end(session, &order);
                order.clone().for_each(|row| each(row, time));
                row.start = order.end;
            }
        }
        Kind::UserEvents => sessions::events_in(shop, span, each),
    }
}

/// How many rows of a kind happen before a time, copies not counted.
pub fn rows_before(shop: &Shop, kind: Kind, time: Micros) -> u64 {
    let start = shop.traffic.time(0);
    if time <= start {
        return 0;
    }
    let place = shop.traffic.place(time);
    match kind {
        Kind::CustomerTransactions => customer_transactions::arrived_before(&shop.world, time),
        Kind::Transactions => {
            let group = (place / (ROWS * PARTS)).saturating_sub(1);
            let mut row = group * ROWS;
            loop {
                let session = layout::session_of(shop.world.seed, row);
                let rows = layout::rows_of(shop.world.seed, session);
                if shop.session_end(session, &rows).2 >= time {
                    return row;
                }
                row = rows.end;
            }
        }
        Kind::UserEvents => sessions::events_before(shop, time).0 - sessions::events_before(shop, start).0,
        Kind::ProductUpdates => {
            let mut update = (place / (ROWS_BY_UPDATE * PARTS)).saturating_sub(1);
            while shop.schedule.time(&shop.traffic, update) < time {
                update += 1;
            }
            shop.world.products + update
        }
    }
}

/// How many records happen before a time, and how many of them have second copies; of events those before the
/// start, too.
fn before(shop: &Shop, kind: Kind, time: Micros) -> (u64, u64) {
    if kind == Kind::UserEvents {
        return sessions::events_before(shop, time.max(shop.traffic.time(0)));
    }
    let rows = rows_before(shop, kind, time);
    (rows, shop.copies_before(kind, rows))
}
