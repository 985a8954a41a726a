//! The records inside a batch, unpacked one by one: for what cannot be told by the batch's header.

use bytes::BufMut;
use std::io::{self, Read, Write};

/// The largest record that is looked into, in bytes.
const MOST_BYTES: u64 = 32 << 20;

/// A record, as deltas to its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    attributes: u8,
    /// Milliseconds after the batch's base timestamp.
    pub time_delta: i64,
    /// Offsets after the batch's base offset.
    pub offset_delta: i64,
    pub key: Option<&'a [u8]>,
    /// Whether it has a value; one without is a tombstone.
    pub has_value: bool,
    /// Everything from the key's length on.
    rest: &'a [u8],
}

/// Walks unpacked records; memory holds one at a time.
pub struct Records<R> {
    unpacked: R,
    left: i32,
    body: Vec<u8>,
}

impl<R: Read> Records<R> {
    /// The `count` records that `unpacked` holds.
    pub fn new(unpacked: R, count: i32) -> Self {
        Self { unpacked, left: count, body: Vec::new() }
    }

    /// The next record; `None` after the last.
    ///
    /// # Errors
    /// Bytes that are no record, too few of them, or a record of more than 32 MiB.
    pub fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        if self.left <= 0 {
            return Ok(None);
        }
        self.left -= 1;
        let length = u64::try_from(read_varint(&mut self.unpacked)?).map_err(io::Error::other)?;
        if length > MOST_BYTES {
            return Err(io::Error::other("a record is too large to be looked into"));
        }
        self.body.clear();
        if self.unpacked.by_ref().take(length).read_to_end(&mut self.body)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        record(&self.body).map(Some)
    }
}

fn record(body: &[u8]) -> io::Result<Record<'_>> {
    let mut rest = body;
    let mut attributes = [0];
    rest.read_exact(&mut attributes)?;
    let time_delta = read_varint(&mut rest)?;
    let offset_delta = read_varint(&mut rest)?;
    let after = rest;
    let key = match usize::try_from(read_varint(&mut rest)?) {
        Ok(length) => {
            let (key, value) = rest.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
            rest = value;
            Some(key)
        }
        Err(_) => None,
    };
    let has_value = read_varint(&mut rest)? >= 0;
    Ok(Record { attributes: attributes[0], time_delta, offset_delta, key, has_value, rest: after })
}

impl<'a> Record<'a> {
    /// The value.
    #[cfg(test)]
    pub fn value(&self) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        let key = read_varint(&mut rest).ok()?;
        rest = rest.get(usize::try_from(key).unwrap_or(0)..)?;
        let length = read_varint(&mut rest).ok()?;
        rest.get(..usize::try_from(length).ok()?)
    }

    /// Writes the record, its time told by another delta.
    pub fn write(&self, into: &mut impl Write, time_delta: i64) -> io::Result<()> {
        let mut head = Vec::with_capacity(21);
        head.put_u8(self.attributes);
        put_varint(&mut head, time_delta);
        put_varint(&mut head, self.offset_delta);
        let mut length = Vec::with_capacity(10);
        put_varint(&mut length, (head.len() + self.rest.len()) as i64);
        into.write_all(&length)?;
        into.write_all(&head)?;
        into.write_all(self.rest)
    }
}

fn read_varint(bytes: &mut impl Read) -> io::Result<i64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        bytes.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Appends `value` as Kafka writes signed numbers of varying length.
pub fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_come_back() {
        for value in [0, 1, -1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(read_varint(&mut &bytes[..]).unwrap(), value);
        }
    }
}
