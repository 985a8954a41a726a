//! A topic in memory, handed over in reads of given sizes.

use ecap::engine::source::{Mark, Position, Source, SourceRecord};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A record as it stands in a topic.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    pub partition: i32,
    pub offset: i64,
    /// Kafka's time, in microseconds since the epoch.
    pub timestamp: i64,
    pub key: Option<String>,
    pub value: Option<String>,
}

impl Stored {
    fn as_source(&self) -> SourceRecord<'_> {
        SourceRecord {
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_ref().map(String::as_bytes),
            value: self.value.as_ref().map(String::as_bytes),
            in_file: None,
        }
    }
}

/// Records in the order in which they arrive.
pub struct Listed {
    /// All that the topic has by now.
    all: Vec<Stored>,
    records: VecDeque<Stored>,
    /// The sizes of reads, in turn, again and again.
    pub reads: Vec<usize>,
    /// Hears of each read before it.
    pub hears: Option<Arc<dyn Fn() + Send + Sync>>,
    /// How long each read was to wait.
    pub waits: Arc<Mutex<Vec<Duration>>>,
    read: usize,
    positions: BTreeMap<i32, Position>,
    waiting: BTreeSet<i32>,
}

impl Listed {
    /// All these records, so many a read; offsets are by partition, in this order.
    pub fn all(records: impl IntoIterator<Item = Stored>, per_read: usize) -> Self {
        let mut ends = BTreeMap::<i32, i64>::new();
        let number = |record: Stored| {
            let end = ends.entry(record.partition).or_default();
            *end += 1;
            Stored { offset: *end - 1, ..record }
        };
        let records: Vec<_> = records.into_iter().map(number).collect();
        let count = records.len();
        Self::part(records, (0, count), &[per_read])
    }

    /// The records from `from` up to `to`; those before were read earlier, those behind are not there yet.
    pub fn part(mut records: Vec<Stored>, (from, to): (usize, usize), reads: &[usize]) -> Self {
        let mut positions: BTreeMap<i32, Position> = BTreeMap::new();
        for (number, record) in records.iter().enumerate() {
            let position = positions.entry(record.partition).or_default();
            position.next += i64::from(number < from);
            position.end += i64::from(number < to);
            position.start = position.next;
        }
        records.truncate(to);
        let all = records.clone();
        let (records, reads, waiting) = (records.split_off(from).into(), reads.to_vec(), BTreeSet::new());
        Self { all, records, reads, hears: None, waits: Arc::default(), read: 0, positions, waiting }
    }
}

fn next(mark: &Mark, partition: i32) -> i64 {
    mark.offsets.get(&partition).copied().unwrap_or_default()
}

impl Source for Listed {
    fn positions(&self) -> &BTreeMap<i32, Position> {
        &self.positions
    }

    /// To any place: all records of the topic are there, in the order in which they are stored.
    fn go_to(&mut self, mark: &Mark) -> ecap::Result<()> {
        let wanted = |record: &&Stored| record.offset >= next(mark, record.partition);
        self.records = self.all.iter().filter(wanted).cloned().collect();
        self.waiting.clear();
        for (partition, position) in &mut self.positions {
            let own = self.all.iter().filter(|record| record.partition == *partition);
            position.next = next(mark, *partition);
            position.end = own.map(|record| record.offset + 1).max().unwrap_or_default();
            position.caught_up = position.next == position.end;
        }
        Ok(())
    }

    fn stop_at(&mut self, mark: &Mark) {
        self.records.retain(|record| record.offset < next(mark, record.partition));
        for (partition, position) in &mut self.positions {
            position.end = next(mark, *partition);
            position.caught_up = position.next == position.end;
        }
    }

    fn look_ahead(&mut self) -> ecap::Result<()> {
        Ok(())
    }

    fn stop_at_ends(&mut self) -> ecap::Result<()> {
        Ok(())
    }

    fn read(
        &mut self,
        _: usize,
        patience: Duration,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> ecap::Result<()> {
        self.waits.lock().unwrap().push(patience);
        self.hears.iter().for_each(|hears| hears());
        let mut count = self.reads[self.read % self.reads.len()];
        self.read += 1;
        let mut passed = Vec::new();
        while count > 0
            && let Some(record) = self.records.pop_front()
        {
            if self.waiting.contains(&record.partition) {
                passed.push(record);
                continue;
            }
            count -= 1;
            let position = self.positions.get_mut(&record.partition).expect("known");
            position.next = record.offset + 1;
            position.caught_up = position.next == position.end;
            take(record.as_source());
        }
        passed.into_iter().rev().for_each(|record| self.records.push_front(record));
        Ok(())
    }

    fn read_again(
        &mut self,
        partition: i32,
        offsets: &BTreeSet<i64>,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> ecap::Result<()> {
        let wanted = |record: &&Stored| record.partition == partition && offsets.contains(&record.offset);
        self.all.iter().filter(wanted).for_each(|record| take(record.as_source()));
        Ok(())
    }

    fn wait(&mut self, partitions: &BTreeSet<i32>) -> ecap::Result<()> {
        self.waiting.clone_from(partitions);
        Ok(())
    }

    fn mirror(&mut self) -> ecap::Result<()> {
        Ok(())
    }
}
