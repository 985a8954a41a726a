//! What every live view has: lists with an order and a row that is selected, a filter, help, and what is amiss.

use super::Key;
use ratatui::Frame;
use serde::Serialize;
use std::cmp::Ordering;

/// So many rows are gone with a page.
const PAGE: usize = 10;

/// What is seen of readings, and what keys change of it.
pub trait View {
    /// What is read; its serialised form is what programs get.
    type Reading: Serialize + Send + 'static;

    /// What every view has.
    fn common(&mut self) -> &mut Common;

    /// Draws a reading; there is none at first.
    fn draw(&self, frame: &mut Frame<'_>, reading: Option<&Self::Reading>);

    /// Does what a key says that means something of its own here.
    fn press(&mut self, key: Key, reading: &Self::Reading);

    /// Keeps what is selected on rows that there are.
    fn stay_inside(&mut self, reading: &Self::Reading);

    /// What is looked into: readings are to have more of it.
    fn wanted(&self) -> Option<&str> {
        None
    }

    /// Does what a key says; whether to go on.
    fn key(&mut self, key: Key, reading: &Self::Reading) -> bool {
        match self.common().press(key) {
            Pressed::Leave => return false,
            Pressed::Done => {}
            Pressed::Own => self.press(key, reading),
        }
        self.stay_inside(reading);
        true
    }
}

/// What became of a key that may mean the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// The view ends.
    Leave,
    /// It did something.
    Done,
    /// It means what it means in this view.
    Own,
}

/// What every view has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    /// What names have to contain.
    pub filter: String,
    /// Whether letters go to the filter.
    pub typing: bool,
    /// Whether the keys are explained.
    pub help: bool,
    /// What of the list is looked into.
    pub inside: Option<String>,
    /// Why there is nothing new.
    pub trouble: Option<String>,
    /// Whether there may be colour.
    pub colour: bool,
}

impl Common {
    /// Nothing is chosen yet.
    pub fn new(colour: bool) -> Self {
        Self { colour, ..Self::default() }
    }

    /// Does what a key says where it says the same in every view.
    pub fn press(&mut self, key: Key) -> Pressed {
        match key {
            Key::Quit => return Pressed::Leave,
            _ if self.help => self.help = false,
            Key::Letter(letter) if self.typing => self.filter.push(letter),
            Key::Backspace if self.typing => drop(self.filter.pop()),
            Key::Enter if self.typing => self.typing = false,
            Key::Escape if self.typing => {
                self.typing = false;
                self.filter.clear();
            }
            Key::Letter('q') => return Pressed::Leave,
            Key::Letter('?') => self.help = true,
            Key::Letter('/') => (self.typing, self.inside) = (true, None),
            Key::Escape | Key::Backspace if self.inside.is_some() => self.inside = None,
            Key::Escape if !self.filter.is_empty() => self.filter.clear(),
            Key::Escape => return Pressed::Leave,
            _ => return Pressed::Own,
        }
        Pressed::Done
    }

    /// What stands behind a title where the filter leaves something out.
    pub fn only(&self) -> String {
        if self.filter.is_empty() { String::new() } else { format!(" · only '{}'", self.filter) }
    }
}

/// Order and place in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// By which of its orders it is sorted.
    pub order: usize,
    /// Whether that is turned.
    pub reversed: bool,
    /// The row that is selected.
    pub selected: usize,
}

impl Position {
    /// Selects another row.
    pub fn go(&mut self, key: Key) {
        self.selected = match key {
            Key::Up | Key::Letter('k') => self.selected.saturating_sub(1),
            Key::Down | Key::Letter('j') => self.selected + 1,
            Key::PageUp => self.selected.saturating_sub(PAGE),
            Key::PageDown => self.selected + PAGE,
            Key::Home | Key::Letter('g') => 0,
            Key::End | Key::Letter('G') => usize::MAX / 2,
            _ => self.selected,
        };
    }

    /// Sorts by the next of its orders.
    pub fn next_order(&mut self, orders: &[&str]) {
        self.order = (self.order + 1) % orders.len().max(1);
    }

    /// Keeps to a list of so many rows.
    pub fn stay_inside(&mut self, rows: usize) {
        self.selected = self.selected.min(rows.saturating_sub(1));
    }

    /// An order as it stands here.
    pub fn turned(&self, order: Ordering) -> Ordering {
        if self.reversed { order.reverse() } else { order }
    }

    /// By what a list is sorted, of these names.
    pub fn sorted(&self, orders: &[&str]) -> String {
        let turned = if self.reversed { ", turned" } else { "" };
        format!("by {}{turned}", orders.get(self.order).unwrap_or(&""))
    }
}
