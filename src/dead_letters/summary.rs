//! Dead letters counted: by where they came from and why, and by the hour.

use crate::clock::Micros;
use crate::record::letter::Letter;
use std::collections::BTreeMap;

/// An hour, in microseconds.
const HOUR: Micros = 3_600_000_000;

/// Letters of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Group {
    /// How many there are.
    pub letters: u64,
    /// When the first of them became one, in microseconds since the epoch.
    pub first: Option<Micros>,
    /// When the last of them did.
    pub last: Option<Micros>,
}

impl Group {
    fn add(&mut self, time: Option<Micros>) {
        self.letters += 1;
        self.first = [self.first, time].into_iter().flatten().min();
        self.last = self.last.max(time);
    }
}

/// Letters counted.
#[derive(Debug, Default)]
pub struct Summary {
    /// By topic, stage and code.
    pub groups: BTreeMap<(String, String, String), Group>,
    /// By hour and code: the hour's begin, in microseconds since the epoch; none where no time is known.
    pub hours: BTreeMap<(Option<Micros>, String), u64>,
    /// By code.
    pub codes: BTreeMap<String, u64>,
    /// All of them.
    pub letters: u64,
}

impl Summary {
    /// Counts a letter.
    pub fn add(&mut self, letter: &Letter<'_>) {
        let (time, code) = (letter.time(), letter.code.to_string());
        let hour = time.map(|time| time - time.rem_euclid(HOUR));
        let group = (letter.topic.to_string(), letter.stage.to_string(), code.clone());
        self.groups.entry(group).or_default().add(time);
        *self.hours.entry((hour, code.clone())).or_default() += 1;
        *self.codes.entry(code).or_default() += 1;
        self.letters += 1;
    }

    /// How many became letters in an hour.
    pub fn of_hour(&self, hour: Option<Micros>) -> u64 {
        let own = self.hours.range((hour, String::new())..).take_while(|((of, _), _)| *of == hour);
        own.map(|(_, letters)| letters).sum()
    }
}
