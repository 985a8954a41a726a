//! Records, on their way and kept.

use crate::clock::Micros;

/// One record on its way.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The key, if it has one; it decides the partition.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a null.
    pub value: Option<&'a [u8]>,
    /// What stands beside them, by name.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The record's timestamp.
    pub time: Micros,
    /// Where it came from, given back when it fails.
    pub line: u64,
}

/// A record that is kept, to be sent again or to be shown; it has no headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its timestamp.
    pub time: Micros,
    /// Where it came from.
    pub line: u64,
}

impl From<&Outgoing<'_>> for Record {
    fn from(record: &Outgoing<'_>) -> Self {
        let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
        Self { key, value, time: record.time, line: record.line }
    }
}

impl<'a> From<&'a Record> for Outgoing<'a> {
    fn from(record: &'a Record) -> Self {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        Self { key, value, headers: &[], time: record.time, line: record.line }
    }
}
