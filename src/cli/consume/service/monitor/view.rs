//! What a person has chosen to see: the order, the filter, which consumer, and which of its lists.

use super::draw;
use super::inside::SECTIONS;
use super::sample::{Consumer, Snapshot};
use crate::cli::screen::{Common, Key, Position, View};
use ratatui::Frame;

/// By what consumers can be sorted.
pub const ORDERS: [&str; 9] =
    ["status", "name", "in/s", "lag", "behind", "batch", "kept", "late", "dead letters"];

/// What a consumer does, what needs somebody first.
const STATUSES: [&str; 9] =
    ["failed", "backing-off", "degraded", "stalled", "pending", "starting", "stopping", "running", "stopped"];

/// What is chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub common: Common,
    pub list: Position,
    /// Which list of the consumer that is looked into.
    pub section: usize,
    /// The place in each of them.
    pub sections: [Position; SECTIONS],
}

impl Chosen {
    pub fn new(colour: bool) -> Self {
        Self {
            common: Common::new(colour),
            list: Position::default(),
            section: 0,
            sections: [Position::default(); SECTIONS],
        }
    }

    /// The consumers that the filter leaves, in order.
    pub fn consumers<'a>(&self, snapshot: &'a Snapshot) -> Vec<Consumer<'a>> {
        let mut rows: Vec<_> =
            snapshot.consumers().filter(|row| row.name.contains(&self.common.filter)).collect();
        rows.sort_by(|a, b| {
            let (x, y) = (&a.details.metrics, &b.details.metrics);
            let order = match self.list.order {
                1 => a.name.cmp(b.name),
                2 => y.input_rows_per_second.total_cmp(&x.input_rows_per_second),
                3 => y.lag.cmp(&x.lag),
                4 => b.behind.cmp(&a.behind),
                5 => y.batch_duration_ms.cmp(&x.batch_duration_ms),
                6 => y.state_rows.cmp(&x.state_rows),
                7 => y.late_rows.cmp(&x.late_rows),
                8 => y.dead_letters.cmp(&x.dead_letters),
                _ => need(a).cmp(&need(b)),
            };
            self.list.turned(order).then_with(|| a.name.cmp(b.name))
        });
        rows
    }

    /// The consumer that is selected.
    pub fn selected<'a>(&self, snapshot: &'a Snapshot) -> Option<Consumer<'a>> {
        self.consumers(snapshot).get(self.list.selected).copied()
    }
}

fn need(row: &Consumer<'_>) -> usize {
    STATUSES.iter().position(|status| *status == row.details.status).unwrap_or(STATUSES.len())
}

impl View for Chosen {
    type Reading = Snapshot;

    fn common(&mut self) -> &mut Common {
        &mut self.common
    }

    fn draw(&self, frame: &mut Frame<'_>, snapshot: Option<&Snapshot>) {
        draw::draw(frame, snapshot, self);
    }

    fn press(&mut self, key: Key, snapshot: &Snapshot) {
        match (key, &self.common.inside) {
            (Key::Tab, Some(_)) => self.section = (self.section + 1) % SECTIONS,
            (key, Some(_)) => self.sections[self.section].go(key),
            (Key::Letter('s'), None) => self.list.next_order(&ORDERS),
            (Key::Letter('r'), None) => self.list.reversed ^= true,
            (Key::Enter, None) => {
                self.common.inside = self.selected(snapshot).map(|row| row.name.into());
                (self.section, self.sections) = (0, Default::default());
            }
            (key, None) => self.list.go(key),
        }
    }

    fn stay_inside(&mut self, snapshot: &Snapshot) {
        let rows = self.consumers(snapshot).len();
        self.list.stay_inside(rows);
        let Some(consumer) = self.common.inside.as_deref().and_then(|name| snapshot.consumer(name)) else {
            return;
        };
        let lengths = super::inside::lengths(&consumer, snapshot);
        self.sections.iter_mut().zip(lengths).for_each(|(position, rows)| position.stay_inside(rows));
    }

    fn wanted(&self) -> Option<&str> {
        self.common.inside.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::snapshot;
    use super::*;

    fn names(view: &Chosen, snapshot: &Snapshot) -> Vec<String> {
        view.consumers(snapshot).iter().take(3).map(|row| row.name.to_string()).collect()
    }

    fn press(view: &mut Chosen, snapshot: &Snapshot, keys: &str) -> bool {
        keys.chars().all(|letter| {
            let key = match letter {
                '\n' => Key::Enter,
                '\x1b' => Key::Escape,
                '\t' => Key::Tab,
                letter => Key::Letter(letter),
            };
            view.key(key, snapshot)
        })
    }

    #[test]
    fn what_needs_somebody_is_first_and_keys_sort_and_filter() {
        let (snapshot, mut view) = (snapshot(20), Chosen::new(false));
        assert_eq!(names(&view, &snapshot), ["consumer-03", "consumer-10", "consumer-17"]);
        assert!(press(&mut view, &snapshot, "s"));
        assert_eq!(names(&view, &snapshot), ["consumer-00", "consumer-01", "consumer-02"]);
        assert!(press(&mut view, &snapshot, "ss"));
        assert_eq!(names(&view, &snapshot), ["consumer-19", "consumer-18", "consumer-17"], "by lag");
        assert!(press(&mut view, &snapshot, "r"));
        assert_eq!(names(&view, &snapshot), ["consumer-00", "consumer-01", "consumer-02"]);
        assert!(press(&mut view, &snapshot, "G/-1\n"));
        assert_eq!((view.consumers(&snapshot).len(), view.list.selected), (10, 9));
        assert!(press(&mut view, &snapshot, "\x1b"));
        assert_eq!(view.consumers(&snapshot).len(), 20);
        assert!(!press(&mut view, &snapshot, "\x1b"));
    }

    #[test]
    fn a_consumer_is_looked_into_and_left() {
        let (snapshot, mut view) = (snapshot(2), Chosen::new(false));
        assert!(press(&mut view, &snapshot, "\n"));
        assert_eq!(view.wanted(), Some("consumer-00"));
        assert!(press(&mut view, &snapshot, "G\tjj"));
        let selected = view.sections.map(|position| position.selected);
        assert_eq!((view.section, selected), (1, [11, 2, 0, 0, 0]), "no further than there are rows");
        assert!(press(&mut view, &snapshot, "\t\t\t\t"));
        assert_eq!(view.section, 0);
        assert!(press(&mut view, &snapshot, "\x1bj\n"));
        assert_eq!(view.wanted(), Some("consumer-01"));
        assert_eq!(view.sections, [Position::default(); SECTIONS], "from the top");
        assert!(!press(&mut view, &snapshot, "q"));
    }
}
