//! Markers: the control batches that say how a transaction ended.

use super::batch::{HEADER_SIZE, Header};
use bytes::{Buf, BufMut};

/// The coordinator's epoch: it never changes hands.
pub const COORDINATOR_EPOCH: i32 = 0;

/// How a transaction ended. The numbers are those that a marker's key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Abort = 0,
    Commit = 1,
}

/// A marker as it is stored, but for its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub outcome: Outcome,
    pub coordinator_epoch: i32,
}

impl Marker {
    /// The control batch.
    pub fn batch(&self, now_ms: i64) -> Vec<u8> {
        // Length, attributes, time and offset; lengths are zigzag numbers, twice what they mean.
        let mut record = vec![32, 0, 0, 0];
        record.put_u8(8);
        record.put_i16(0);
        record.put_i16(self.outcome as i16);
        record.put_u8(12);
        record.put_i16(0);
        record.put_i32(self.coordinator_epoch);
        record.put_u8(0);
        Header::control(self.producer_id, self.producer_epoch, now_ms).with_records(&record)
    }

    /// Reads the marker that a control batch holds; `None` if it is of another kind.
    pub fn read(header: &Header, batch: &[u8]) -> Option<Self> {
        if !header.is_control() {
            return None;
        }
        let mut record = batch.get(HEADER_SIZE..)?.strip_prefix(&[32, 0, 0, 0, 8])?;
        let _version = record.try_get_i16().ok()?;
        let outcome = match record.try_get_i16().ok()? {
            0 => Outcome::Abort,
            1 => Outcome::Commit,
            _ => return None,
        };
        let mut value = record.strip_prefix(&[12])?;
        let _version = value.try_get_i16().ok()?;
        let coordinator_epoch = value.try_get_i32().ok()?;
        let Header { producer_id, producer_epoch, .. } = *header;
        Some(Self { producer_id, producer_epoch, outcome, coordinator_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_reads_back_and_is_the_batch_that_apache_kafka_writes() {
        for outcome in [Outcome::Abort, Outcome::Commit] {
            let marker = Marker { producer_id: 7, producer_epoch: 3, outcome, coordinator_epoch: 5 };
            let batch = marker.batch(1_000);
            let header = Header::read(&batch).unwrap();
            assert!(header.checks(&batch) && header.is_dense());
            assert!(header.is_control() && header.is_transactional());
            assert_eq!((batch.len(), header.base_sequence), (78, -1));
            assert_eq!(Marker::read(&header, &batch), Some(marker));
        }
    }
}
