//! A record batch as producers send it: the header is read and patched, the records stay as they came.

use super::pack::{Codec, Packer};
use super::records::{Record, Records};
use super::unpack;
use bytes::{Buf, BufMut};
use std::io::{self, Read};

/// Bytes of a batch before its records.
pub const HEADER_SIZE: usize = 61;
/// Bytes of a batch that its length field does not count: base offset and the length itself.
const LENGTH_STARTS_AT: usize = 12;
/// Where the part that the checksum covers begins.
const CHECKED_FROM: usize = 21;
/// So many records that are at fault are named.
const MOST_FAULTS: usize = 1_000;

const COMPRESSION: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const DELETE_HORIZON: i16 = 1 << 6;

/// The fixed fields at the beginning of a batch (message format 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub base_offset: i64,
    length: i32,
    leader_epoch: i32,
    pub magic: i8,
    crc: u32,
    pub attributes: i16,
    last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub count: i32,
}

impl Header {
    /// A control batch of one record, which [`Self::with_records`] joins to it.
    pub fn control(producer_id: i64, producer_epoch: i16, now_ms: i64) -> Self {
        Self {
            base_offset: 0,
            length: 0,
            leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: TRANSACTIONAL | CONTROL,
            last_offset_delta: 0,
            base_timestamp: now_ms,
            max_timestamp: now_ms,
            producer_id,
            producer_epoch,
            base_sequence: -1,
            count: 1,
        }
    }

    /// Reads a header from the first bytes of a batch; `None` if they are too few or the length
    /// cannot be one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest: &[u8] = bytes.first_chunk::<HEADER_SIZE>()?;
        let header = Self {
            base_offset: rest.get_i64(),
            length: rest.get_i32(),
            leader_epoch: rest.get_i32(),
            magic: rest.get_i8(),
            crc: rest.get_u32(),
            attributes: rest.get_i16(),
            last_offset_delta: rest.get_i32(),
            base_timestamp: rest.get_i64(),
            max_timestamp: rest.get_i64(),
            producer_id: rest.get_i64(),
            producer_epoch: rest.get_i16(),
            base_sequence: rest.get_i32(),
            count: rest.get_i32(),
        };
        (header.length as i64 >= (HEADER_SIZE - LENGTH_STARTS_AT) as i64).then_some(header)
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        LENGTH_STARTS_AT + self.length as usize
    }

    /// The offset after the batch's last record.
    pub fn next_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta)).saturating_add(1)
    }

    /// The sequence number of the last record; sequences wrap after `i32::MAX`.
    pub fn last_sequence(&self) -> i32 {
        advance_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// Whether an idempotent producer wrote it.
    pub fn is_idempotent(&self) -> bool {
        self.producer_id >= 0
    }

    /// Whether it belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether it holds markers and not records.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether offsets and count agree, as they do in every batch that a producer makes.
    pub fn is_dense(&self) -> bool {
        self.count > 0 && self.last_offset_delta == self.count - 1
    }

    /// Whether the checksum fits the batch's bytes.
    pub fn checks(&self, batch: &[u8]) -> bool {
        batch.get(CHECKED_FROM..self.size()).is_some_and(|checked| crc32c::crc32c(checked) == self.crc)
    }

    /// The batch at its place in the log. Base offset and leader epoch are outside the checksum.
    pub fn place(mut self, offset: i64, leader_epoch: i32) -> Self {
        self.base_offset = offset;
        self.leader_epoch = leader_epoch;
        self
    }

    /// The batch of this header and `records`, with its length and checksum.
    pub fn with_records(mut self, records: &[u8]) -> Vec<u8> {
        self.length = (HEADER_SIZE - LENGTH_STARTS_AT + records.len()) as i32;
        [&self.seal(records).bytes(), records].concat()
    }

    /// Replaces the records' times by the broker's; `records` is what follows the header.
    pub fn stamp(mut self, now_ms: i64, records: &[u8]) -> Self {
        self.attributes |= LOG_APPEND_TIME;
        self.max_timestamp = now_ms;
        self.seal(records)
    }

    fn seal(mut self, records: &[u8]) -> Self {
        let head = self.bytes();
        let checked = head.get(CHECKED_FROM..).unwrap_or_default();
        self.crc = crc32c::crc32c_append(crc32c::crc32c(checked), records);
        self
    }

    /// The number of the codec that its records are packed by.
    pub fn codec(&self) -> i16 {
        self.attributes & COMPRESSION
    }

    /// Whether its time is the broker's, and not that of its records.
    pub fn is_stamped(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// The same records packed by `codec`, with the header that belongs to them.
    ///
    /// # Errors
    /// Records that cannot be read.
    pub fn repack(self, batch: &[u8], codec: Codec) -> io::Result<(Self, Vec<u8>)> {
        self.rewrite(batch, codec, self.base_timestamp, |_| true)
    }

    /// The batch with only those records that `keeps`; all have the offsets and times that they had.
    /// From `horizon` on (milliseconds), if one is given, its tombstones may go.
    ///
    /// # Errors
    /// Records that cannot be read.
    pub fn retain(
        mut self,
        batch: &[u8],
        horizon: Option<i64>,
        keeps: impl Fn(&Record<'_>) -> bool,
    ) -> io::Result<(Self, Vec<u8>)> {
        if horizon.is_some() {
            self.attributes |= DELETE_HORIZON;
        }
        self.rewrite(batch, Codec::usual(self.codec()), horizon.unwrap_or(self.base_timestamp), keeps)
    }

    fn rewrite(
        mut self,
        batch: &[u8],
        codec: Codec,
        base_timestamp: i64,
        keeps: impl Fn(&Record<'_>) -> bool,
    ) -> io::Result<(Self, Vec<u8>)> {
        let mut packer = Packer::new(codec)?;
        let (mut count, mut latest) = (0, None);
        let mut records = self.records(batch)?;
        while let Some(record) = records.next()? {
            if keeps(&record) {
                let time = self.time_of(&record);
                record.write(&mut packer, time.saturating_sub(base_timestamp))?;
                count += 1;
                latest = latest.max(Some(time));
            }
        }
        let packed = packer.finish()?;
        (self.count, self.base_timestamp) = (count, base_timestamp);
        if !self.is_stamped() {
            self.max_timestamp = latest.unwrap_or(self.max_timestamp);
        }
        self.attributes = self.attributes & !COMPRESSION | codec.number;
        self.length =
            i32::try_from(HEADER_SIZE - LENGTH_STARTS_AT + packed.len()).map_err(io::Error::other)?;
        Ok((self.seal(&packed), packed))
    }

    /// The batch without any record: what its offsets and its producer's sequences were.
    pub fn emptied(mut self) -> Self {
        (self.count, self.base_timestamp) = (0, self.max_timestamp);
        self.length = (HEADER_SIZE - LENGTH_STARTS_AT) as i32;
        self.attributes &= !(COMPRESSION | DELETE_HORIZON);
        self.seal(&[])
    }

    /// When its tombstones may go, milliseconds, if compaction has seen them.
    pub fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// The header's bytes.
    pub fn bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let mut rest = &mut bytes[..];
        rest.put_i64(self.base_offset);
        rest.put_i32(self.length);
        rest.put_i32(self.leader_epoch);
        rest.put_i8(self.magic);
        rest.put_u32(self.crc);
        rest.put_i16(self.attributes);
        rest.put_i32(self.last_offset_delta);
        rest.put_i64(self.base_timestamp);
        rest.put_i64(self.max_timestamp);
        rest.put_i64(self.producer_id);
        rest.put_i16(self.producer_epoch);
        rest.put_i32(self.base_sequence);
        rest.put_i32(self.count);
        bytes
    }

    /// The first record of `batch` whose time is at least `timestamp` (milliseconds), as
    /// (offset, time). Unpacks the batch as far as it must, so it is for searches by time, not for
    /// the hot path.
    pub fn first_record_since(&self, timestamp: i64, batch: &[u8]) -> Option<(i64, i64)> {
        if self.is_stamped() {
            return (self.max_timestamp >= timestamp).then_some((self.base_offset, self.max_timestamp));
        }
        let mut records = self.records(batch).ok()?;
        while let Some(record) = records.next().ok()? {
            let time = self.time_of(&record);
            if time >= timestamp {
                return Some((self.base_offset.saturating_add(record.offset_delta), time));
            }
        }
        None
    }

    /// The numbers of its records that are not `good`, from 0 on; of very many the first. Unpacks the batch.
    ///
    /// # Errors
    /// Bytes that are not of its codec, or no records.
    pub fn faults(&self, batch: &[u8], good: impl Fn(&Record<'_>) -> bool) -> io::Result<Vec<i32>> {
        let (mut records, mut faults) = (self.records(batch)?, Vec::new());
        for number in 0.. {
            match records.next()? {
                Some(record) if !good(&record) && faults.len() < MOST_FAULTS => faults.push(number),
                Some(_) => {}
                None => break,
            }
        }
        Ok(faults)
    }

    /// The time of one of its records, milliseconds.
    pub fn time_of(&self, record: &Record<'_>) -> i64 {
        self.base_timestamp.saturating_add(record.time_delta)
    }

    /// Its records, unpacked one by one.
    ///
    /// # Errors
    /// Bytes that are not of its codec.
    pub fn records<'a>(&self, batch: &'a [u8]) -> io::Result<Records<impl Read + use<'a>>> {
        let packed = batch.get(HEADER_SIZE..).unwrap_or_default();
        Ok(Records::new(unpack::reader(self.codec(), packed)?, self.count))
    }
}

/// `sequence` moved on by `count`; after `i32::MAX` comes 0.
pub fn advance_sequence(sequence: i32, count: i32) -> i32 {
    ((i64::from(sequence) + i64::from(count)) % (i64::from(i32::MAX) + 1)) as i32
}

/// Builds batches as a producer would, for the unit tests of this room.
#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::broker::records::put_varint;
    use bytes::Bytes;

    /// A batch of `count` records of about `size` bytes, one millisecond apart from `time`.
    pub fn batch(count: i32, size: usize, time: i64) -> Bytes {
        produced(count, size, time, -1, -1, -1)
    }

    /// The same from an idempotent producer.
    pub fn produced(count: i32, size: usize, time: i64, id: i64, epoch: i16, sequence: i32) -> Bytes {
        built(count, size, time, id, epoch, sequence, 0)
    }

    /// The same in a transaction.
    pub fn transacted(count: i32, time: i64, id: i64, epoch: i16, sequence: i32) -> Bytes {
        built(count, 10, time, id, epoch, sequence, TRANSACTIONAL)
    }

    fn built(
        count: i32,
        size: usize,
        time: i64,
        id: i64,
        epoch: i16,
        sequence: i32,
        attributes: i16,
    ) -> Bytes {
        let mut records = Vec::new();
        for delta in 0..count {
            let mut record = vec![0, (delta * 2) as u8, (delta * 2) as u8, 1];
            put_varint(&mut record, size as i64);
            record.resize(record.len() + size, b'x');
            record.push(0);
            put_varint(&mut records, record.len() as i64);
            records.extend_from_slice(&record);
        }
        let header = Header {
            attributes,
            last_offset_delta: count - 1,
            max_timestamp: time + i64::from(count) - 1,
            base_sequence: sequence,
            count,
            ..Header::control(id, epoch, time)
        };
        Bytes::from(header.with_records(&records))
    }

    /// A key and its value, or a tombstone.
    pub type Line<'a> = (&'a str, Option<&'a str>);

    /// A batch of `lines`, a millisecond apart from `time`, packed by `codec`.
    pub fn keyed(lines: &[Line<'_>], time: i64, codec: i16) -> Bytes {
        let mut records = Vec::new();
        for (delta, (key, value)) in (0..).zip(lines) {
            let mut record = vec![0, delta * 2, delta * 2];
            put_varint(&mut record, key.len() as i64);
            record.extend_from_slice(key.as_bytes());
            put_varint(&mut record, value.map_or(-1, |value| value.len() as i64));
            record.extend_from_slice(value.unwrap_or_default().as_bytes());
            record.push(0);
            put_varint(&mut records, record.len() as i64);
            records.extend_from_slice(&record);
        }
        let header = Header::read(&batch(lines.len() as i32, 1, time)).unwrap();
        let whole = [&header.bytes()[..], &records].concat();
        let (header, packed) = header.repack(&whole, Codec::usual(codec)).unwrap();
        Bytes::from([&header.bytes()[..], &packed].concat())
    }

    #[test]
    fn a_header_reads_back_and_its_checksum_holds() {
        let bytes = batch(3, 100, 1_000);
        let header = Header::read(&bytes).unwrap();
        assert_eq!(header.bytes(), bytes[..HEADER_SIZE]);
        assert!(header.checks(&bytes) && header.is_dense());
        assert_eq!(header.size(), bytes.len());
        assert!(!header.checks(&bytes[..bytes.len() - 1]));
        assert!(
            !header.faults(&bytes, |record| record.key.is_some()).unwrap().is_empty(),
            "these records have none"
        );
        let moved = header.place(7, 3);
        assert!(moved.checks(&bytes), "offset and epoch are outside the checksum");
        assert_eq!(moved.next_offset(), 10);
    }

    #[test]
    fn a_stamped_batch_has_the_brokers_time_and_a_checksum_that_fits() {
        let bytes = batch(2, 10, 5);
        let stamped = Header::read(&bytes).unwrap().stamp(99, &bytes[HEADER_SIZE..]);
        let whole = [&stamped.bytes()[..], &bytes[HEADER_SIZE..]].concat();
        assert!(stamped.checks(&whole));
        assert_eq!(stamped.first_record_since(50, &whole), Some((0, 99)));
    }

    #[test]
    fn records_are_found_by_their_own_time() {
        let bytes = batch(5, 300, 1_000);
        let header = Header::read(&bytes).unwrap().place(40, 0);
        assert_eq!(header.first_record_since(1_003, &bytes), Some((43, 1_003)));
        assert_eq!(header.first_record_since(0, &bytes), Some((40, 1_000)));
        assert_eq!(header.first_record_since(1_005, &bytes), None);
    }

    #[test]
    fn a_batch_that_is_packed_anew_has_the_same_records() {
        let bytes = batch(5, 300, 1_000);
        let plain = Header::read(&bytes).unwrap().place(40, 0);
        for number in 1..=4 {
            let (header, packed) = plain.repack(&bytes, Codec { number, level: 1 }).unwrap();
            let whole = [&header.bytes()[..], &packed].concat();
            assert!(header.checks(&whole) && header.size() == whole.len() && header.codec() == number);
            assert_eq!(header.first_record_since(1_003, &whole), Some((43, 1_003)));
            let (again, unpacked) = header.repack(&whole, Codec { number: 0, level: 0 }).unwrap();
            assert_eq!([&again.place(0, -1).bytes()[..], &unpacked].concat(), bytes[..]);
        }
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance_sequence(i32::MAX, 1), 0);
        assert_eq!(advance_sequence(i32::MAX - 1, 3), 1);
    }
}
