//! The records of an open transaction, so that they can be sent again without one that the broker refused.

use crate::kafka::producer::{Outgoing, Record};

/// No more bytes of keys and values are kept.
const MOST: usize = 64 << 20;

/// Keeps the records of a batch, as long as they are not too many for the memory.
#[derive(Debug, Default)]
pub struct Held {
    records: Vec<Record>,
    bytes: usize,
}

impl Held {
    /// Another batch begins.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Keeps a record.
    pub fn push(&mut self, record: &Outgoing) {
        self.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if self.is_whole() {
            self.records.push(record.into());
        } else {
            self.records = Vec::new();
        }
    }

    /// Whether all records of the batch are there.
    pub fn is_whole(&self) -> bool {
        self.bytes <= MOST
    }

    /// Lets go of a record, the first one that came from this line.
    pub fn remove(&mut self, line: u64) {
        if let Some(at) = self.records.iter().position(|record| record.line == line) {
            self.records.remove(at);
        }
    }

    /// What is kept.
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_kept_whole_or_not_at_all() {
        let record = |line| Outgoing { key: Some(b"k"), value: Some(b"value"), headers: &[], time: 7, line };
        let mut held = Held::default();
        [1, 2, 2, 3].iter().for_each(|line| held.push(&record(*line)));
        held.remove(2);
        held.remove(9);
        let lines: Vec<u64> = held.records().iter().map(|record| record.line).collect();
        assert_eq!((lines, held.is_whole()), (vec![1, 2, 3], true));
        let large = vec![0; MOST];
        held.push(&Outgoing { value: Some(&large), ..record(4) });
        held.push(&record(5));
        assert_eq!((held.records().len(), held.is_whole()), (0, false));
        held.clear();
        held.push(&record(6));
        assert_eq!((held.records().len(), held.is_whole()), (1, true));
    }
}
