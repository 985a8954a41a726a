//! The records of several kinds in one order of time.

use super::output::{self, Extent, Lines};
use super::records::{Item, Records};
use super::window::Window;
use super::{END_OF_TIME, Format, Generator, Kind, World, truth};
use crate::Result;
use crate::clock::Micros;
use std::io::Write;

/// Generators of different kinds, and what they make in the order in which it comes.
#[derive(Debug, Clone)]
pub struct Timeline {
    parts: Vec<Part>,
}

/// One kind of a timeline.
#[derive(Debug, Clone)]
struct Part {
    generator: Generator,
    /// What happens at this time or later is not part of it.
    until: Micros,
}

impl From<Generator> for Timeline {
    fn from(generator: Generator) -> Self {
        Self { parts: vec![Part { generator, until: END_OF_TIME }] }
    }
}

impl Timeline {
    /// The kinds of a world. At the same moment a product is there before it is looked at, and looked at before
    /// it is sold.
    pub const KINDS: [Kind; 4] =
        [Kind::CustomerTransactions, Kind::ProductUpdates, Kind::UserEvents, Kind::Transactions];

    /// All kinds of a world, each in the format that is asked for: first the history of the 200 days before it.
    ///
    /// # Errors
    /// A usage error when a kind cannot be written in its format, or the faults do not fit together.
    pub fn of_world(world: &World, format: impl Fn(Kind) -> Format) -> Result<Self> {
        let part = |kind| {
            let (world, until) = match kind {
                Kind::CustomerTransactions => (world.history(), world.start),
                _ => (world.clone(), END_OF_TIME),
            };
            Ok(Part { generator: Generator::new(kind, format(kind), world)?, until })
        };
        Ok(Self { parts: Self::KINDS.into_iter().map(part).collect::<Result<_>>()? })
    }

    /// The same where each record begins with the name of its topic.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.parts.iter_mut().for_each(|part| part.generator.names_topic = true);
        self
    }

    /// The kinds, and what happens of each before a time at most.
    pub fn parts(&self, until: Micros) -> impl Iterator<Item = (&Generator, Micros)> {
        self.parts.iter().map(move |part| (&part.generator, until.min(part.until)))
    }

    /// The records of what happens before a time, in their order. From a row (from 0) on, where there is one kind.
    pub fn records(&self, row: u64, until: Micros) -> Merge {
        let part = |(generator, until): (&Generator, _)| generator.records(row, until);
        Merge {
            parts: self
                .parts(until)
                .map(|it| Ahead { records: part(it), items: Vec::new(), at: 0 })
                .collect(),
        }
    }

    /// Appends a record to `out`, with its faults and its line end.
    pub fn write_record(&self, item: &Item, out: &mut Vec<u8>) {
        if let Some(part) = self.parts.get(usize::from(item.part)) {
            part.generator.write_record(item, out);
        }
    }

    /// Writes records as lines of text by so many threads, and says how many.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, extent: &Extent, threads: usize, out: &mut (dyn Write + Send)) -> Result<u64> {
        let mut lines = Lines { out, left: extent.bytes, records: 0 };
        output::write(self, extent, threads, &mut lines)?;
        lines.out.flush()?;
        Ok(lines.records)
    }

    /// Writes what is true of the records of an extent, kind by kind: a line for each that has a fault, and what
    /// is in each window, in all, by category and by user.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write_truth(
        &self,
        extent: &Extent,
        windows: &[Window],
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        for (generator, until) in self.parts(extent.until) {
            truth::write(generator, &Extent { until, ..extent.clone() }, windows, out)?;
        }
        out.flush()
    }
}

/// Gives the records of a timeline: those of its kinds, merged.
pub struct Merge {
    parts: Vec<Ahead>,
}

/// The records of one kind, some of them read ahead.
struct Ahead {
    records: Records,
    items: Vec<Item>,
    at: usize,
}

/// So many records of a kind are read ahead.
const AHEAD: usize = 256;

impl Merge {
    /// Appends the next records, at most so many; none when there are no more.
    pub fn next(&mut self, most: usize, items: &mut Vec<Item>) {
        if let [only] = &mut self.parts[..] {
            return only.records.next(most, items);
        }
        items.extend((0..most).map_while(|_| self.first()));
    }

    /// The next record of all kinds; of two at the same time the one of the kind that stands first.
    fn first(&mut self) -> Option<Item> {
        let heads = self.parts.iter_mut().enumerate();
        let heads = heads.filter_map(|(part, ahead)| Some((ahead.head(part)?, ahead)));
        let (first, ahead) = heads.min_by_key(|(head, _)| head.time)?;
        ahead.at += 1;
        Some(first)
    }
}

impl Ahead {
    /// The next record, of the kind at this place.
    fn head(&mut self, part: usize) -> Option<Item> {
        if self.at == self.items.len() {
            self.at = 0;
            self.items.clear();
            self.records.next(AHEAD, &mut self.items);
            for item in &mut self.items {
                (item.time, item.part) = (self.records.time(item), part as u8);
            }
        }
        self.items.get(self.at).copied()
    }
}
