//! A topic in memory, handed over in reads of given sizes.

use super::records::Record;
use ecap::engine::source::{Position, Source, SourceRecord};
use std::collections::BTreeMap;
use std::time::Duration;

/// Records in the order in which they arrive.
pub struct Listed {
    records: Vec<Record>,
    at: usize,
    /// The sizes of reads, in turn, again and again.
    reads: Vec<usize>,
    read: usize,
    positions: BTreeMap<i32, Position>,
}

impl Listed {
    /// The records from `from` up to `to`; those before were read earlier, those behind are not there yet.
    pub fn new(records: &[Record], (from, to): (usize, usize), reads: &[usize]) -> Self {
        let mut positions: BTreeMap<i32, Position> = BTreeMap::new();
        for (number, record) in records.iter().enumerate() {
            let position = positions.entry(record.partition).or_default();
            position.next += i64::from(number < from);
            position.end += i64::from(number < to);
            position.start = position.next;
        }
        Self { records: records[from..to].to_vec(), at: 0, reads: reads.to_vec(), read: 0, positions }
    }
}

impl Source for Listed {
    fn positions(&self) -> &BTreeMap<i32, Position> {
        &self.positions
    }

    fn look_ahead(&mut self) -> ecap::Result<()> {
        Ok(())
    }

    fn stop_at_ends(&mut self) -> ecap::Result<()> {
        Ok(())
    }

    fn read(&mut self, _: usize, _: Duration, take: &mut dyn FnMut(SourceRecord<'_>)) -> ecap::Result<()> {
        let count = self.reads[self.read % self.reads.len()];
        self.read += 1;
        for record in self.records.iter().skip(self.at).take(count) {
            let position = self.positions.get_mut(&record.partition).expect("known");
            position.next = record.offset + 1;
            position.caught_up = position.next == position.end;
            take(SourceRecord {
                partition: record.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.as_ref().map(String::as_bytes),
                value: record.value.as_ref().map(String::as_bytes),
                in_file: None,
            });
        }
        self.at = self.records.len().min(self.at + count);
        Ok(())
    }

    fn mirror(&mut self) -> ecap::Result<()> {
        Ok(())
    }
}
