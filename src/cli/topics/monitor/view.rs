//! What a person has chosen to see: which list, in which order, with which filter, and which row.

use super::sample::{GroupRow, Snapshot, TopicRow};
use std::cmp::Ordering;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Tab,
    Backspace,
    Quit,
    Letter(char),
}

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

/// So many rows are gone with a page.
const PAGE: usize = 10;

/// Order and place in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    pub order: usize,
    pub reversed: bool,
    pub selected: usize,
}

/// What is chosen.
#[derive(Debug, Clone)]
pub struct View {
    pub pane: Pane,
    pub topics: Position,
    pub groups: Position,
    pub filter: String,
    /// Whether letters go to the filter.
    pub typing: bool,
    /// The topic that is looked into.
    pub topic: Option<String>,
    /// Why there is nothing new.
    pub trouble: Option<String>,
    pub colour: bool,
}

impl View {
    pub fn new(colour: bool) -> Self {
        Self {
            pane: Pane::Topics,
            topics: Position::default(),
            groups: Position::default(),
            filter: String::new(),
            typing: false,
            topic: None,
            trouble: None,
            colour,
        }
    }

    /// The topics that the filter leaves, in order.
    pub fn topics<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TopicRow> {
        let mut rows: Vec<_> =
            snapshot.topics.iter().filter(|row| row.topic.contains(&self.filter)).collect();
        let by = |a: Option<f64>, b: Option<f64>| b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0));
        rows.sort_by(|a, b| {
            let order = match self.topics.order {
                1 => a.topic.cmp(&b.topic),
                2 => b.messages.cmp(&a.messages),
                3 => by(a.bytes_per_second, b.bytes_per_second),
                4 => by(a.skew, b.skew),
                _ => by(a.messages_per_second, b.messages_per_second),
            };
            turned(order, self.topics.reversed).then_with(|| a.topic.cmp(&b.topic))
        });
        rows
    }

    /// The groups that the filter leaves, in order; of the topic that is looked into, those that read it.
    pub fn groups<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a GroupRow> {
        let wanted = |row: &&GroupRow| match &self.topic {
            Some(topic) => row.topics.contains_key(topic),
            None => row.group.contains(&self.filter),
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
            turned(order, self.groups.reversed).then_with(|| a.group.cmp(&b.group))
        });
        rows
    }

    /// Does what a key says; whether to go on.
    pub fn press(&mut self, key: Key, snapshot: &Snapshot) -> bool {
        match key {
            Key::Quit => return false,
            Key::Letter(letter) if self.typing => self.filter.push(letter),
            Key::Backspace if self.typing => drop(self.filter.pop()),
            Key::Enter if self.typing => self.typing = false,
            Key::Escape if self.typing => {
                self.typing = false;
                self.filter.clear();
            }
            Key::Letter('q') => return false,
            Key::Escape | Key::Backspace if self.topic.is_some() => self.topic = None,
            Key::Escape if !self.filter.is_empty() => self.filter.clear(),
            Key::Escape => return false,
            Key::Letter('/') => (self.typing, self.topic) = (true, None),
            Key::Tab => self.pane = if self.pane == Pane::Topics { Pane::Groups } else { Pane::Topics },
            Key::Letter('s') => self.next_order(),
            Key::Letter('r') => self.position().reversed ^= true,
            Key::Enter if self.pane == Pane::Topics && self.topic.is_none() => {
                let rows = self.topics(snapshot);
                self.topic = rows.get(self.topics.selected).map(|row| row.topic.clone());
            }
            _ => self.go(key),
        }
        self.stay_inside(snapshot);
        true
    }

    /// Keeps the selection on a row that there is.
    pub fn stay_inside(&mut self, snapshot: &Snapshot) {
        let (topics, groups) = (self.topics(snapshot).len(), self.groups(snapshot).len());
        self.topics.selected = self.topics.selected.min(topics.saturating_sub(1));
        self.groups.selected = self.groups.selected.min(groups.saturating_sub(1));
    }

    fn position(&mut self) -> &mut Position {
        match self.pane {
            Pane::Topics => &mut self.topics,
            Pane::Groups => &mut self.groups,
        }
    }

    fn next_order(&mut self) {
        let orders = match self.pane {
            Pane::Topics => TOPIC_ORDERS.len(),
            Pane::Groups => GROUP_ORDERS.len(),
        };
        let position = self.position();
        position.order = (position.order + 1) % orders;
    }

    fn go(&mut self, key: Key) {
        let selected = &mut self.position().selected;
        *selected = match key {
            Key::Up | Key::Letter('k') => selected.saturating_sub(1),
            Key::Down | Key::Letter('j') => *selected + 1,
            Key::PageUp => selected.saturating_sub(PAGE),
            Key::PageDown => *selected + PAGE,
            Key::Home | Key::Letter('g') => 0,
            Key::End | Key::Letter('G') => usize::MAX / 2,
            _ => *selected,
        };
    }
}

fn turned(order: Ordering, reversed: bool) -> Ordering {
    if reversed { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Memory;
    use super::super::sample::tests::reading;
    use super::*;

    fn names(view: &View, snapshot: &Snapshot) -> Vec<String> {
        view.topics(snapshot).iter().map(|row| row.topic.clone()).collect()
    }

    #[test]
    fn keys_sort_filter_look_into_a_topic_and_leave() {
        let mut memory = Memory::default();
        memory.compare(0, reading([[100, 50], [0, 0]]));
        let snapshot = memory.compare(1_000_000, reading([[100, 50], [20, 0]]));
        let mut view = View::new(false);
        let mut press = |keys: &str| {
            for letter in keys.chars() {
                let key = match letter {
                    '\n' => Key::Enter,
                    '\x1b' => Key::Escape,
                    '\t' => Key::Tab,
                    letter => Key::Letter(letter),
                };
                if !view.press(key, &snapshot) {
                    return (view.clone(), false);
                }
            }
            (view.clone(), true)
        };
        assert_eq!(names(&press("").0, &snapshot), ["views", "orders"]);
        assert_eq!(names(&press("s").0, &snapshot), ["orders", "views"]);
        assert_eq!(names(&press("r").0, &snapshot), ["views", "orders"]);
        assert_eq!(press("jjj").0.topics.selected, 1);
        assert_eq!(press("\n").0.topic.as_deref(), Some("orders"));
        assert_eq!(press("\x1b").0.topic, None);
        let filtered = press("/view\n").0;
        assert_eq!((names(&filtered, &snapshot), filtered.topics.selected), (vec!["views".to_string()], 0));
        assert_eq!(press("\x1b").0.filter, "");
        assert_eq!(press("\ts").0.groups.order, 1);
        assert!(!press("q").1);
    }
}
