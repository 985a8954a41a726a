//! What a partition remembers of idempotent producers, so that no retry is stored twice, and of their
//! open transactions.

use super::aborted::Aborted;
use crate::broker::batch::{Header, advance_sequence};
use crate::broker::marker::{Marker, Outcome};
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Batches per producer that a retry can still be recognised by; clients have at most five in flight.
const REMEMBERED: usize = 5;

/// Per producer id, its epoch, last batches and open transaction.
#[derive(Debug, Default, Clone)]
pub struct Producers {
    all: HashMap<i64, Producer>,
    /// The first offsets of open transactions.
    open: BTreeSet<i64>,
}

/// What is known of one producer.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Producer {
    pub epoch: i16,
    /// The largest record time of its last batch, milliseconds.
    pub last_timestamp: i64,
    batches: VecDeque<Appended>,
    /// Where its open transaction begins in this partition.
    #[serde(default)]
    pub transaction: Option<i64>,
    /// The epoch of the coordinator that wrote its last marker.
    #[serde(default)]
    pub coordinator_epoch: Option<i32>,
}

/// A batch of an idempotent producer that is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appended {
    first_sequence: i32,
    last_sequence: i32,
    /// Where it was stored.
    pub offset: i64,
    /// Its largest record time, milliseconds.
    pub timestamp: i64,
}

impl Producer {
    /// The sequence number of its last record.
    pub fn last_sequence(&self) -> Option<i32> {
        self.batches.back().map(|last| last.last_sequence)
    }
}

impl Producers {
    /// What a snapshot says, but for batches from offset `end` on: it may know more than the index that
    /// it is used with.
    pub fn load(snapshot: &[u8], end: i64) -> serde_json::Result<Self> {
        let mut all: HashMap<i64, Producer> = serde_json::from_slice(snapshot)?;
        for producer in all.values_mut() {
            producer.batches.retain(|batch| batch.offset < end);
            producer.transaction = producer.transaction.filter(|first| *first < end);
        }
        all.retain(|_, known| !known.batches.is_empty() || known.coordinator_epoch.is_some());
        let open = all.values().filter_map(|producer| producer.transaction).collect();
        Ok(Self { all, open })
    }

    /// A snapshot.
    pub fn save(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&self.all)
    }

    /// Every producer with its id.
    pub fn all(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.all.iter().map(|(id, producer)| (*id, producer))
    }

    /// The first offset of the oldest open transaction.
    pub fn first_unstable(&self) -> Option<i64> {
        self.open.first().copied()
    }

    /// Whether the batch's producer has a transaction open here.
    pub fn has_open(&self, batch: &Header) -> bool {
        let known = self.all.get(&batch.producer_id);
        known.is_some_and(|known| known.transaction.is_some() && known.epoch == batch.producer_epoch)
    }

    /// Whether a batch may be appended: `Ok(None)` if so, `Ok(Some(_))` if it is stored already.
    ///
    /// # Errors
    /// An older epoch, a gap in the sequence, or a batch without a transaction while one is open.
    pub fn check(&self, batch: &Header) -> Result<Option<Appended>, ResponseError> {
        let Some(known) = self.all.get(&batch.producer_id) else { return Ok(None) };
        if batch.producer_epoch < known.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if batch.producer_epoch > known.epoch {
            let restarts = batch.base_sequence == 0;
            return if restarts { Ok(None) } else { Err(ResponseError::OutOfOrderSequenceNumber) };
        }
        let same = |stored: &&Appended| {
            (stored.first_sequence, stored.last_sequence) == (batch.base_sequence, batch.last_sequence())
        };
        if let Some(stored) = known.batches.iter().find(same) {
            return Ok(Some(*stored));
        }
        let next = known.last_sequence().map_or(0, |last| advance_sequence(last, 1));
        if batch.base_sequence != next {
            return Err(ResponseError::OutOfOrderSequenceNumber);
        }
        if known.transaction.is_some() && !batch.is_transactional() {
            return Err(ResponseError::InvalidTxnState);
        }
        Ok(None)
    }

    /// Whether a marker may be appended.
    ///
    /// # Errors
    /// An older epoch of the producer or of the coordinator.
    pub fn check_marker(&self, marker: &Marker) -> Result<(), ResponseError> {
        let Some(known) = self.all.get(&marker.producer_id) else { return Ok(()) };
        if marker.producer_epoch < known.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if known.coordinator_epoch.is_some_and(|epoch| marker.coordinator_epoch < epoch) {
            return Err(ResponseError::TransactionCoordinatorFenced);
        }
        Ok(())
    }

    /// Takes a batch that was stored into the books.
    pub fn note(&mut self, batch: &Header) {
        let producer = self.at_epoch(batch);
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.last_timestamp = batch.max_timestamp;
        producer.batches.push_back(Appended {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            offset: batch.base_offset,
            timestamp: batch.max_timestamp,
        });
        if batch.is_transactional() && producer.transaction.is_none() {
            producer.transaction = Some(batch.base_offset);
            self.open.insert(batch.base_offset);
        }
    }

    /// The transaction that a marker aborts, if one is open; `batch` is the marker at its place.
    pub fn aborts(&self, batch: &Header, marker: &Marker) -> Option<Aborted> {
        let first = self.all.get(&marker.producer_id)?.transaction?;
        let others = self.open.iter().find(|other| **other != first);
        let stable = others.copied().unwrap_or(batch.next_offset());
        let aborted = Aborted { producer_id: marker.producer_id, first, marker: batch.base_offset, stable };
        (marker.outcome == Outcome::Abort).then_some(aborted)
    }

    /// The base offset of each producer's last batch.
    pub fn last_batches(&self) -> HashMap<i64, i64> {
        let last = |(id, producer): (&i64, &Producer)| Some((*id, producer.batches.back()?.offset));
        self.all.iter().filter_map(last).collect()
    }

    /// Takes a marker that was stored into the books: the producer's transaction has ended.
    pub fn note_marker(&mut self, batch: &Header, marker: &Marker) {
        let producer = self.at_epoch(batch);
        producer.last_timestamp = batch.max_timestamp;
        producer.coordinator_epoch = Some(marker.coordinator_epoch);
        if let Some(first) = producer.transaction.take() {
            self.open.remove(&first);
        }
    }

    /// The batch's producer. A new epoch forgets the batches of the old one, but not its transaction.
    fn at_epoch(&mut self, batch: &Header) -> &mut Producer {
        let producer = self.all.entry(batch.producer_id).or_default();
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
        }
        producer
    }

    /// Forgets producers whose last batch is older than `before` (milliseconds) and that have no open
    /// transaction.
    pub fn forget(&mut self, before: i64) {
        self.all.retain(|_, known| known.last_timestamp >= before || known.transaction.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::batch::tests::produced;

    fn header(sequence: i32, count: i32, epoch: i16) -> Header {
        Header::read(&produced(count, 1, 0, 7, epoch, sequence)).unwrap()
    }

    #[test]
    fn a_repeated_batch_is_known_and_a_gap_is_refused() {
        let mut producers = Producers::default();
        for (at, sequence) in [0, 2, 4, 6].into_iter().enumerate() {
            let batch = header(sequence, 2, 0).place(at as i64 * 2, 0);
            assert_eq!(producers.check(&batch), Ok(None));
            producers.note(&batch);
        }
        let repeated = producers.check(&header(2, 2, 0)).unwrap().unwrap();
        assert_eq!(repeated.offset, 2);
        assert_eq!(producers.check(&header(9, 1, 0)), Err(ResponseError::OutOfOrderSequenceNumber));
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
        let mut producers = Producers::default();
        producers.note(&header(0, 1, 3));
        assert_eq!(producers.check(&header(1, 1, 2)), Err(ResponseError::InvalidProducerEpoch));
        assert_eq!(producers.check(&header(1, 1, 4)), Err(ResponseError::OutOfOrderSequenceNumber));
        assert_eq!(producers.check(&header(0, 1, 4)), Ok(None));
        producers.note(&header(0, 1, 4).place(1, 0));
        assert_eq!(producers.check(&header(1, 1, 4)), Ok(None));
    }
}
