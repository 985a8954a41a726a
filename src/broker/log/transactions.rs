//! Transactions in a partition: which are open, which were aborted, and how they end.

use super::{Aborted, CHECKPOINT_BYTES, LEADER_EPOCH, Log, Producer, Rules, Span, storage_error};
use crate::broker::batch::{HEADER_SIZE, Header};
use crate::broker::marker::Marker;
use kafka_protocol::ResponseError;

impl Log {
    /// The offset that readers of committed records may not pass: where the oldest open transaction
    /// begins, or the end.
    pub fn last_stable(&self) -> i64 {
        self.producers.first_unstable().map_or(self.end(), |first| first.max(self.start))
    }

    /// The aborted transactions that a reader of offsets `from` to `until` must skip; `until` may not
    /// be behind [`Self::last_stable`].
    ///
    /// # Errors
    /// `KafkaStorageError`.
    pub fn aborted_between(&self, from: i64, until: i64) -> Result<Vec<Aborted>, ResponseError> {
        self.aborted.between(from, until).map_err(storage_error)
    }

    /// Whether the producer of a batch has a transaction open here.
    pub fn has_open(&self, batch: &Header) -> bool {
        self.producers.has_open(batch)
    }

    /// The idempotent producers that are remembered, by id.
    pub fn producers(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.producers.all()
    }

    /// Stores a marker: the producer's transaction in this partition, if there is one, has ended.
    ///
    /// # Errors
    /// An older epoch of the producer or the coordinator; `KafkaStorageError`, and nothing has changed.
    pub fn end_transaction(
        &mut self,
        marker: &Marker,
        rules: &Rules,
        now_ms: i64,
    ) -> Result<(), ResponseError> {
        self.producers.check_marker(marker)?;
        let batch = marker.batch(now_ms);
        let header = Header::read(&batch).ok_or(ResponseError::CorruptMessage)?;
        let header = header.place(self.end(), LEADER_EPOCH);
        if let Some(aborted) = self.producers.aborts(&header, marker) {
            // Before the marker, so that nobody takes aborted records for committed ones. What is left
            // of a marker that could not be written goes first.
            let listed = self.aborted.cut(self.end());
            let listed = listed.and_then(|()| self.aborted.push(aborted, rules.sync));
            listed.map_err(|error| self.unwritable(error))?;
        }
        let records = batch.get(HEADER_SIZE..).unwrap_or_default();
        self.write(&header, records, rules).map_err(|error| self.unwritable(error))?;
        self.producers.note_marker(&header, marker);
        self.checkpoint_after(CHECKPOINT_BYTES);
        Ok(())
    }

    /// Where to read from `offset` on before the last stable offset: what readers of committed records
    /// may have.
    ///
    /// # Errors
    /// As [`Self::read_from`].
    pub fn read_stable_from(&self, offset: i64) -> Result<Option<(i64, Span)>, ResponseError> {
        let Some((base, span)) = self.read_from(offset)? else { return Ok(None) };
        let stable = self.last_stable();
        let segment = self.segments.iter().rfind(|segment| segment.base == base);
        let Some(segment) = segment.filter(|_| stable > offset) else { return Ok(None) };
        let span = segment.span_until(span, stable).map_err(storage_error)?;
        Ok((span.len() > 0).then_some((base, span)))
    }
}
