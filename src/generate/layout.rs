//! How what happens is numbered: in groups that all have the same counts, so that numbers are arithmetic.
//!
//! A group is eight rows of `transactions` in five orders of one to three rows, and the sessions that end
//! while it lasts: those five, and thirty without a purchase. The sessions of a group have 160 events.

use super::dice::{Dice, Stream};
use std::ops::Range;

/// Rows of `transactions` in a group.
pub const ROWS: u64 = 8;
/// Orders in a group.
pub const ORDERS: u64 = 5;
/// Sessions that end in a group; those of the orders come first.
pub const SESSIONS: u64 = ORDERS + BROWSING.len() as u64;
/// Events of a group's sessions.
pub const EVENTS: u64 = 160;
/// For so many rows of `transactions` there is one change of a product.
pub const ROWS_BY_UPDATE: u64 = 32;

/// The numbers of events in the sessions without a purchase.
const BROWSING: [u64; 30] =
    [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6, 6, 14, 16, 18];

/// How many events the sessions before one have.
pub fn events_before(seed: u64, session: u64) -> u64 {
    let (group, index) = (session / SESSIONS, session % SESSIONS);
    let (orders, browsing) = (index.min(ORDERS) as usize, index.saturating_sub(ORDERS) as usize);
    let buying: u64 = sizes(seed, group)[..orders].iter().map(|rows| events_of(session, *rows)).sum();
    group * EVENTS + buying + BROWSING[..browsing].iter().sum::<u64>()
}

/// The most rows of an order.
const MAX_ROWS: u64 = 3;

/// How many rows each order of a group has: one has two rows, one three, and the others one.
fn sizes(seed: u64, group: u64) -> [u64; ORDERS as usize] {
    let arrangement = Dice::new(seed, Stream::Group, group).below(ORDERS * (ORDERS - 1));
    let three = arrangement / (ORDERS - 1);
    let two = arrangement % (ORDERS - 1);
    let two = if two < three { two } else { two + 1 };
    let mut sizes = [1; ORDERS as usize];
    sizes[three as usize] = 3;
    sizes[two as usize] = 2;
    sizes
}

/// The session that led to a row of `transactions`.
pub fn session_of(seed: u64, row: u64) -> u64 {
    let (group, mut rest) = (row / ROWS, row % ROWS);
    let mut order = 0;
    for size in sizes(seed, group) {
        if rest < size {
            break;
        }
        rest -= size;
        order += 1;
    }
    group * SESSIONS + order
}

/// The rows of `transactions` that a session led to; none where nothing was bought.
pub fn rows_of(seed: u64, session: u64) -> Range<u64> {
    let (group, index) = (session / SESSIONS, session % SESSIONS);
    let first = group * ROWS;
    if index >= ORDERS {
        return first..first;
    }
    let sizes = sizes(seed, group);
    let first = first + sizes[..index as usize].iter().sum::<u64>();
    first..first + sizes[index as usize]
}

/// How many events a session has that led to so many rows.
pub fn events_of(session: u64, rows: u64) -> u64 {
    match rows {
        // The home page, a search, the checkout; of each product the view, the cart, the purchase.
        1.. => 3 + 3 * rows,
        0 => BROWSING[((session % SESSIONS).saturating_sub(ORDERS) as usize).min(BROWSING.len() - 1)],
    }
}

/// How many pauses the sessions have at most that stand at this place of their group.
pub fn most_pauses(index: u64) -> u64 {
    let rows = if index < ORDERS { MAX_ROWS } else { 0 };
    // Purchases of one order have no pause between them.
    events_of(index, rows) - 1 - rows.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_the_same_counts() {
        for group in [0, 1, 2, 77, 1 << 40] {
            let sessions = group * SESSIONS..(group + 1) * SESSIONS;
            let rows: Vec<u64> = sessions.clone().flat_map(|session| rows_of(42, session)).collect();
            assert_eq!(rows, (group * ROWS..(group + 1) * ROWS).collect::<Vec<_>>());
            let mut events = 0;
            for session in sessions {
                let rows = rows_of(42, session);
                assert!(rows.clone().all(|row| session_of(42, row) == session));
                assert_eq!(events_before(42, session), group * EVENTS + events);
                events += events_of(session, rows.end - rows.start);
            }
            assert_eq!(events, EVENTS);
        }
    }

    #[test]
    fn orders_of_each_size_stand_anywhere() {
        let first = |group| sizes(42, group)[0];
        assert!((1..=3).all(|size| (0..50).any(|group| first(group) == size)));
    }
}
