//! What a partition remembers of idempotent producers, so that no retry is stored twice.

use crate::broker::batch::{Header, advance_sequence};
use kafka_protocol::ResponseError;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// Batches per producer that a retry can still be recognised by; clients have at most five in flight.
const REMEMBERED: usize = 5;

/// Per producer id, its epoch and last batches.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Producers(HashMap<i64, Producer>);

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Producer {
    epoch: i16,
    last_timestamp: i64,
    batches: VecDeque<Appended>,
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

impl Producers {
    /// Whether a batch may be appended: `Ok(None)` if so, `Ok(Some(_))` if it is stored already.
    ///
    /// # Errors
    /// An older epoch, or a gap in the sequence.
    pub fn check(&self, batch: &Header) -> Result<Option<Appended>, ResponseError> {
        let Some(known) = self.0.get(&batch.producer_id) else { return Ok(None) };
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
        match known.batches.back() {
            Some(last) if batch.base_sequence != advance_sequence(last.last_sequence, 1) => {
                Err(ResponseError::OutOfOrderSequenceNumber)
            }
            _ => Ok(None),
        }
    }

    /// Takes a batch that was stored into the books.
    pub fn note(&mut self, batch: &Header) {
        let producer = self.0.entry(batch.producer_id).or_default();
        if producer.epoch != batch.producer_epoch {
            *producer = Producer { epoch: batch.producer_epoch, ..Producer::default() };
        }
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
    }

    /// Forgets batches from offset `end` on: a snapshot may know more than the index that it is used with.
    pub fn cut(&mut self, end: i64) {
        self.0.values_mut().for_each(|producer| producer.batches.retain(|batch| batch.offset < end));
        self.0.retain(|_, producer| !producer.batches.is_empty());
    }

    /// The base offset of each producer's last batch.
    pub fn last_batches(&self) -> HashMap<i64, i64> {
        let last = |(id, producer): (&i64, &Producer)| Some((*id, producer.batches.back()?.offset));
        self.0.iter().filter_map(last).collect()
    }

    /// Forgets producers whose last batch is older than `before` (milliseconds).
    pub fn forget(&mut self, before: i64) {
        self.0.retain(|_, producer| producer.last_timestamp >= before);
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
