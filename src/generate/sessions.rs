//! What shoppers do in a session, step by step, with the time that they take to think.

use super::dice::{Dice, Stream};
use super::shop::{Session, Shop};
use super::traffic::PARTS;
use super::{Kind, layout};
use crate::clock::Micros;
use std::ops::Range;

/// A session is shorter than this, in microseconds.
pub const LONGEST: Micros = 30 * 60 * 1_000_000;

/// The longest pause between two steps, in microseconds. With the most steps a session stays under
/// [`LONGEST`].
pub const MAX_PAUSE: Micros = 100_000_000;

/// A session's step has this number: the session's, and the step's in the lower bits.
const STEP_BITS: u32 = 5;

/// What a shopper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Opens the home page.
    Home,
    /// Searches for something.
    Search,
    /// Looks at the n-th product of the session.
    View(u64),
    /// Puts the n-th product of the session into the cart.
    Cart(u64),
    /// Goes to the checkout.
    Checkout,
    /// Buys the n-th product of the session.
    Purchase(u64),
}

/// The number of a session's step among all events.
pub fn event_number(session: u64, step: u64) -> u64 {
    session << STEP_BITS | step
}

/// The session and the step of an event.
pub fn session_and_step(event: u64) -> (u64, u64) {
    (event >> STEP_BITS, event & ((1 << STEP_BITS) - 1))
}

/// What a shopper does in a step of a session.
pub fn action(session: &Session, step: u64) -> Action {
    let rows = session.rows.end - session.rows.start;
    let events = layout::events_of(session.number, rows);
    match step {
        0 => Action::Home,
        1 => Action::Search,
        _ if rows > 0 && step >= 3 + 2 * rows => Action::Purchase(step - 3 - 2 * rows),
        _ if rows > 0 && step == 2 + 2 * rows => Action::Checkout,
        _ if rows > 0 && step.is_multiple_of(2) => Action::View(step / 2 - 1),
        _ if rows > 0 => Action::Cart(step / 2 - 1),
        // Who looks at much puts something into the cart, and some leave at the checkout.
        _ if events >= 14 && step + 1 == events => Action::Checkout,
        _ if events >= 6 && step == events / 2 + 1 => Action::Cart(step - 1),
        _ => Action::View(step),
    }
}

/// The steps of a session with their times, from the last to the first.
#[derive(Debug)]
pub struct Steps {
    pauses: Dice,
    /// The next step to give, plus 1.
    next: u64,
    /// Steps from here on have no pause before the next one: an order's products are bought at once.
    paid: u64,
    time: Micros,
}

impl Steps {
    /// The steps of a session that ended at `end` and led to so many rows.
    pub fn new(seed: u64, session: u64, rows: u64, end: Micros) -> Self {
        let events = layout::events_of(session, rows);
        let pauses = Dice::new(seed, Stream::Pause, session);
        Self { pauses, next: events, paid: events - rows.max(1), time: end }
    }
}

impl Iterator for Steps {
    type Item = (u64, Micros);

    fn next(&mut self) -> Option<(u64, Micros)> {
        let step = self.next.checked_sub(1)?;
        let given = (step, self.time);
        self.next = step;
        if step <= self.paid {
            // A product of two throws: most pauses are short, 25 seconds in the mean, some are long.
            let millis = 1_000 + self.pauses.below(315) * self.pauses.below(315);
            self.time -= millis as Micros * 1_000;
        }
        Some(given)
    }
}

/// When an event happens.
pub fn time(shop: &Shop, event: u64) -> Micros {
    let (session, step) = session_and_step(event);
    let rows = layout::rows_of(shop.world.seed, session);
    let (_, _, end) = shop.session_end(session, &rows);
    let mut steps = Steps::new(shop.world.seed, session, rows.end - rows.start, end);
    steps.find(|(at, _)| *at == step).map_or(end, |(_, time)| time)
}

/// Gives the number and the time of each event in a span of time, in no order.
pub fn events_in(shop: &Shop, span: Range<Micros>, mut each: impl FnMut(u64, Micros)) {
    let first = group(shop, span.start).saturating_sub(1);
    let each_session = |session, end, steps: Steps| {
        if end >= span.start {
            steps
                .skip_while(|(_, time)| *time >= span.end)
                .take_while(|(_, time)| *time >= span.start)
                .for_each(|(step, time)| each(event_number(session, step), time));
        }
    };
    sessions(shop, first, span.end, each_session);
}

/// How many events come before a time, and how many of them have a second copy, where those before the
/// world's start count too.
pub fn events_before(shop: &Shop, time: Micros) -> (u64, u64) {
    let whole = group(shop, time).saturating_sub(1);
    let mut events = whole * layout::EVENTS;
    let mut copies = shop.copies_before(Kind::UserEvents, events);
    sessions(shop, whole, time, |session, _, steps| {
        for (step, _) in steps.filter(|(_, at)| *at < time) {
            events += 1;
            copies += u64::from(shop.has_copy(Kind::UserEvents, event_number(session, step)));
        }
    });
    (events, copies)
}

/// The group that is under way at a time, or one beside it.
fn group(shop: &Shop, time: Micros) -> u64 {
    shop.traffic.place(time) / (layout::ROWS * PARTS)
}

/// Gives the sessions from a group on that can have begun before a time, each with its end and steps.
fn sessions(shop: &Shop, first: u64, time: Micros, mut each: impl FnMut(u64, Micros, Steps)) {
    for index in 0..layout::SESSIONS {
        let last = group(shop, time + layout::most_pauses(index) as Micros * MAX_PAUSE) + 1;
        for session in (first..=last).map(|group| group * layout::SESSIONS + index) {
            let rows = layout::rows_of(shop.world.seed, session);
            let (_, _, end) = shop.session_end(session, &rows);
            each(session, end, Steps::new(shop.world.seed, session, rows.end - rows.start, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::World;
    use super::super::tests::world;
    use super::*;

    #[test]
    fn a_session_is_told_in_order_and_stays_under_half_an_hour() {
        let shop = Shop::new(world());
        for number in 0..2_000 {
            let session = shop.session(number);
            let rows = session.rows.end - session.rows.start;
            let steps: Vec<_> = Steps::new(42, number, rows, session.end).collect();
            assert_eq!(steps.len() as u64, layout::events_of(number, rows));
            assert!(steps.is_sorted_by(|(_, later), (_, earlier)| earlier <= later));
            assert!(steps[0].1 == session.end && session.end - steps[steps.len() - 1].1 < LONGEST);
            let bought =
                (0..steps.len() as u64).filter(|step| matches!(action(&session, *step), Action::Purchase(_)));
            assert_eq!(bought.count() as u64, rows);
        }
    }

    #[test]
    fn spans_hold_each_event_once() {
        for rate in [0.05, 3.0, 400.0] {
            let shop = Shop::new(World { event_rate: Some(rate), ..world() });
            let width = (1_000.0 / rate) as Micros * 1_000_000;
            let start = shop.traffic.time(0) + 7 * width;
            let mut whole = Vec::new();
            events_in(&shop, start..start + 3 * width, |number, time| whole.push((time, number)));
            let mut parts = Vec::new();
            for part in 0..9 {
                let from = start + part * width / 3;
                events_in(&shop, from..from + width / 3, |number, time| parts.push((time, number)));
                let before = events_before(&shop, from).0 - events_before(&shop, start).0;
                assert_eq!(before, whole.iter().filter(|(time, _)| *time < from).count() as u64);
            }
            whole.sort_unstable();
            parts.sort_unstable();
            assert_eq!(whole, parts);
            assert!(whole.len() > 10_000, "{} events at {rate}/s", whole.len());
        }
    }
}
