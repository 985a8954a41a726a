//! What a person has chosen to see: which list, in which order, with which filter, and which row.

use super::draw;
use super::sample::{Snapshot, TopicRow};
use crate::cli::screen::{Common, Key, Position, View};
use crate::cli::topics::lag::GroupRow;
use ratatui::Frame;

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Topics,
    Groups,
}

/// By what topics can be sorted.
pub const TOPIC_ORDERS: [&str; 5] = ["msg/s", "name", "messages", "bytes/s", "skew"];

/// By what groups can be sorted.
pub const GROUP_ORDERS: [&str; 4] = ["lag", "name", "behind", "trend"];

/// What is chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub common: Common,
    pub pane: Pane,
    pub topics: Position,
    pub groups: Position,
}

impl Chosen {
    pub fn new(colour: bool) -> Self {
        Self {
            common: Common::new(colour),
            pane: Pane::Topics,
            topics: Position::default(),
            groups: Position::default(),
        }
    }

    /// The topics that the filter leaves, in order.
    pub fn topics<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TopicRow> {
        let mut rows: Vec<_> =
            snapshot.topics.iter().filter(|row| row.topic.contains(&self.common.filter)).collect();
        let by = |a: Option<f64>, b: Option<f64>| b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0));
        rows.sort_by(|a, b| {
            let order = match self.topics.order {
                1 => a.topic.cmp(&b.topic),
                2 => b.messages.cmp(&a.messages),
                3 => by(a.bytes_per_second, b.bytes_per_second),
                4 => by(a.skew, b.skew),
                _ => by(a.messages_per_second, b.messages_per_second),
            };
            self.topics.turned(order).then_with(|| a.topic.cmp(&b.topic))
        });
        rows
    }

    /// The groups that the filter leaves, in order; of the topic that is looked into, those that read it.
    pub fn groups<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a GroupRow> {
        let wanted = |row: &&GroupRow| match &self.common.inside {
            Some(topic) => row.topics.contains_key(topic),
            None => row.group.contains(&self.common.filter),
        };
        let mut rows: Vec<_> = snapshot.groups.iter().filter(wanted).collect();
        let trend = |row: &GroupRow| row.trend.map_or(f64::MIN, |trend| trend.trend);
        rows.sort_by(|a, b| {
            let order = match self.groups.order {
                1 => a.group.cmp(&b.group),
                2 => b.behind_ms.cmp(&a.behind_ms),
                3 => trend(b).total_cmp(&trend(a)),
                _ => b.lag.cmp(&a.lag),
            };
            self.groups.turned(order).then_with(|| a.group.cmp(&b.group))
        });
        rows
    }

    fn position(&mut self) -> &mut Position {
        match self.pane {
            Pane::Topics => &mut self.topics,
            Pane::Groups => &mut self.groups,
        }
    }

    fn next_order(&mut self) {
        match self.pane {
            Pane::Topics => self.topics.next_order(&TOPIC_ORDERS),
            Pane::Groups => self.groups.next_order(&GROUP_ORDERS),
        }
    }
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
        match key {
            Key::Tab => self.pane = if self.pane == Pane::Topics { Pane::Groups } else { Pane::Topics },
            Key::Letter('s') => self.next_order(),
            Key::Letter('r') => self.position().reversed ^= true,
            Key::Enter if self.pane == Pane::Topics && self.common.inside.is_none() => {
                let rows = self.topics(snapshot);
                self.common.inside = rows.get(self.topics.selected).map(|row| row.topic.clone());
            }
            _ => self.position().go(key),
        }
    }

    fn stay_inside(&mut self, snapshot: &Snapshot) {
        let (topics, groups) = (self.topics(snapshot).len(), self.groups(snapshot).len());
        self.topics.stay_inside(topics);
        self.groups.stay_inside(groups);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Memory;
    use super::super::sample::tests::reading;
    use super::*;

    fn names(view: &Chosen, snapshot: &Snapshot) -> Vec<String> {
        view.topics(snapshot).iter().map(|row| row.topic.clone()).collect()
    }

    #[test]
    fn keys_sort_filter_look_into_a_topic_and_leave() {
        let mut memory = Memory::default();
        memory.compare(0, reading([[100, 50], [0, 0]]));
        let snapshot = memory.compare(1_000_000, reading([[100, 50], [20, 0]]));
        let mut view = Chosen::new(false);
        let mut press = |keys: &str| {
            for letter in keys.chars() {
                let key = match letter {
                    '\n' => Key::Enter,
                    '\x1b' => Key::Escape,
                    '\t' => Key::Tab,
                    letter => Key::Letter(letter),
                };
                if !view.key(key, &snapshot) {
                    return (view.clone(), false);
                }
            }
            (view.clone(), true)
        };
        assert_eq!(names(&press("").0, &snapshot), ["views", "orders"]);
        assert_eq!(names(&press("s").0, &snapshot), ["orders", "views"]);
        assert_eq!(names(&press("r").0, &snapshot), ["views", "orders"]);
        assert_eq!(press("jjj").0.topics.selected, 1);
        assert_eq!(press("\n").0.common.inside.as_deref(), Some("orders"));
        assert_eq!(press("\x1b").0.common.inside, None);
        let filtered = press("/view\n").0;
        assert_eq!((names(&filtered, &snapshot), filtered.topics.selected), (vec!["views".to_string()], 0));
        assert_eq!(press("\x1b").0.common.filter, "");
        assert_eq!(press("\ts").0.groups.order, 1);
        assert!(press("?q").1, "any key closes the help");
        assert!(!press("q").1);
    }
}
