//! Records in the order in which they come, from any row on, by bounded work and memory.
//!
//! Where a row's number says when it comes, rows are counted. Events of sessions cross each other, and
//! faults make records late: there, time is cut into slices, and for each all that can come in it is looked
//! through and sorted.

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
    /// When it comes, where records are sorted.
    pub time: Micros,
    /// Its number among those of its kind.
    pub number: u64,
    /// Whether it has come before.
    pub is_copy: bool,
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
}

impl Records {
    /// The records of a shop from a row on, of what happens before a time.
    pub fn new(shop: Arc<Shop>, kind: Kind, row: u64, until: Micros) -> Self {
        let start = shop.traffic.time(0);
        let seconds = SLICE / shop.world.rate(kind);
        // At least some milliseconds, and not so much that the days would end.
        let width = (seconds.clamp(0.01, 1e7) * 1e3) as Micros * 1_000;
        let slice = start..start + width;
        let mut records = Self { shop, kind, rows: row..u64::MAX, until, slice, sorted: Vec::new(), at: 0 };
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
            return items.extend(rows.map(|number| Item { time: 0, number, is_copy: false }));
        }
        while self.at == self.sorted.len() && self.has_slices() {
            self.fill();
        }
        let end = self.sorted.len().min(self.at + most);
        items.extend_from_slice(&self.sorted[self.at..end]);
        self.at = end;
    }

    fn is_sliced(&self) -> bool {
        self.kind == Kind::UserEvents || self.shop.moves_records()
    }

    fn has_slices(&self) -> bool {
        self.slice.start < self.until.saturating_add(self.shop.longest_delay()).min(END_OF_TIME)
    }

    /// Looks for what comes in the next slice: it happened there, or so much earlier as the longest delay is.
    fn fill(&mut self) {
        self.sorted.clear();
        self.at = 0;
        let (shop, kind, sorted, slice) = (&*self.shop, self.kind, &mut self.sorted, self.slice.clone());
        let delay = shop.longest_delay();
        let happened = (slice.start - delay).max(shop.traffic.time(0))..slice.end.min(self.until);
        happen_in(shop, kind, happened, |number, time| {
            let mut push = |comes: Micros, is_copy| {
                let comes = shop.comes(kind, number, time, comes);
                if slice.contains(&comes) {
                    sorted.push(Item { time: comes, number, is_copy });
                }
            };
            match shop.fault(kind, number, time) {
                Some(Fault::Duplicate(delay)) => {
                    push(time, false);
                    push(time + delay, true);
                }
                fault => push(time + fault.map_or(0, Fault::delay), false),
            }
        });
        self.sorted.sort_unstable();
        self.slice = slice.end..slice.end + (slice.end - slice.start);
    }

    /// Goes to a row. Where faults move records, it goes through all before it, about a microsecond for each;
    /// otherwise it finds the row's slice.
    fn skip(&mut self, row: u64) {
        let (start, width) = (self.slice.start, self.slice.end - self.slice.start);
        let (slice, before) = match self.shop.moves_records() {
            true => (0, 0),
            false => slice_of(&self.shop, row, start, width),
        };
        self.slice = start + slice * width..start + (slice + 1) * width;
        let mut rest = row - before;
        while rest > 0 && self.has_slices() {
            self.fill();
            self.at = rest.min(self.sorted.len() as u64) as usize;
            rest -= self.at as u64;
        }
    }
}

/// The slice of events in which a row is, or one a little before it, and the rows before the slice.
fn slice_of(shop: &Shop, row: u64, start: Micros, width: Micros) -> (Micros, u64) {
    // Sessions under way at the start began before it.
    let first = sessions::events_before(shop, start);
    let group = (row + first) / EVENTS;
    let [low, high] = [group, group + 1].map(|group| shop.traffic.time((group * ROWS).saturating_mul(PARTS)));
    // An event lies at most a session's length before the end of its group.
    let mut low = ((low - sessions::LONGEST - start) / width).max(0);
    let mut high = (high - start) / width + 2;
    let before = |slice: Micros| sessions::events_before(shop, start + slice * width) - first;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if before(middle) <= row { low = middle } else { high = middle }
    }
    (low, before(low))
}

/// Gives the number and the time of each record that happens in a span of time, in no order.
fn happen_in(shop: &Shop, kind: Kind, span: Range<Micros>, mut each: impl FnMut(u64, Micros)) {
    let rows = |kind| rows_before(shop, kind, span.start)..rows_before(shop, kind, span.end);
    match kind {
        Kind::CustomerTransactions => {
            rows(kind).for_each(|row| each(row, customer_transactions::arrival(&shop.world, row)));
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
        Kind::ProductUpdates => rows(kind).for_each(|row| {
            let update = row.checked_sub(shop.world.products);
            each(
                row,
                update.map_or(shop.traffic.time(0), |update| shop.schedule.time(&shop.traffic, update)),
            );
        }),
    }
}

/// How many rows of a kind happen before a time.
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
        Kind::UserEvents => sessions::events_before(shop, time) - sessions::events_before(shop, start),
        Kind::ProductUpdates => {
            let mut update = (place / (ROWS_BY_UPDATE * PARTS)).saturating_sub(1);
            while shop.schedule.time(&shop.traffic, update) < time {
                update += 1;
            }
            shop.world.products + update
        }
    }
}
