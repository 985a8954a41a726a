//! What is checked of a batch before it is stored, and in what codec it goes there. None of it needs
//! the log, so that nobody waits for it.

use super::Rules;
use crate::broker::batch::{HEADER_SIZE, Header};
use crate::broker::records::Record;
use kafka_protocol::ResponseError;
use std::borrow::Cow;

/// The time of a record that has none.
const NO_TIME: i64 = -1;

/// A batch that its topic takes.
#[derive(Debug)]
pub struct Admitted<'a> {
    pub(super) header: Header,
    /// What follows the header: as it came, or packed anew.
    pub(super) records: Cow<'a, [u8]>,
}

/// Why a batch is not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Kafka's error.
    pub error: ResponseError,
    /// The numbers of the records that are at fault, from 0 on, where single ones are.
    pub records: Vec<i32>,
}

impl From<ResponseError> for Refused {
    fn from(error: ResponseError) -> Self {
        Self { error, records: Vec::new() }
    }
}

impl<'a> Admitted<'a> {
    /// Checks a batch as Kafka does, and packs it anew if the topic wants another codec.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(batch: &'a [u8], rules: &Rules, now_ms: i64) -> Result<Self, Refused> {
        let header = check(batch, rules, now_ms)?;
        let Some(codec) = rules.codec.filter(|codec| codec.number != header.codec()) else {
            let records = Cow::Borrowed(batch.get(HEADER_SIZE..).unwrap_or_default());
            return Ok(Self { header, records });
        };
        let (header, records) = header.repack(batch, codec).map_err(|_| ResponseError::CorruptMessage)?;
        if header.size() > rules.max_batch_bytes {
            return Err(ResponseError::MessageTooLarge.into());
        }
        Ok(Self { header, records: Cow::Owned(records) })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

fn check(batch: &[u8], rules: &Rules, now_ms: i64) -> Result<Header, Refused> {
    let header = Header::read(batch).ok_or(ResponseError::CorruptMessage)?;
    if header.magic != 2 {
        return Err(ResponseError::CorruptMessage.into());
    }
    if batch.len() > rules.max_batch_bytes {
        return Err(ResponseError::MessageTooLarge.into());
    }
    if batch.len() != header.size() {
        // Exactly one batch per partition and request, and all of it.
        return Err(ResponseError::InvalidRecord.into());
    }
    if !header.checks(batch) {
        return Err(ResponseError::CorruptMessage.into());
    }
    let unnumbered = header.is_idempotent() && header.base_sequence < 0;
    if !header.is_dense() || header.is_control() || header.codec() > 4 || unnumbered {
        return Err(ResponseError::InvalidRecord.into());
    }
    if rules.compaction.is_some() {
        let faults = header.faults(batch, |record| record.key.is_some());
        let records = faults.map_err(|_| ResponseError::InvalidRecord)?;
        if !records.is_empty() {
            return Err(Refused { error: ResponseError::InvalidRecord, records });
        }
    }
    if header.is_stamped() {
        return Err(ResponseError::InvalidTimestamp.into());
    }
    if !rules.stamps {
        check_times(&header, batch, rules, now_ms)?;
    }
    Ok(header)
}

/// Whether its records' times are near enough to the broker's.
fn check_times(header: &Header, batch: &[u8], rules: &Rules, now_ms: i64) -> Result<(), Refused> {
    let latest = now_ms.saturating_add(rules.ahead_ms);
    let is_ahead = header.max_timestamp > latest;
    // The header knows the latest time, not the earliest: only a topic with this limit pays for it.
    if !is_ahead && rules.behind_ms == i64::MAX {
        return Ok(());
    }
    let near = now_ms.saturating_sub(rules.behind_ms)..=latest;
    let is_near = |record: &Record<'_>| {
        let time = header.time_of(record);
        time == NO_TIME || near.contains(&time)
    };
    let error = ResponseError::InvalidTimestamp;
    let records = header.faults(batch, is_near).map_err(|_| error)?;
    if is_ahead || !records.is_empty() { Err(Refused { error, records }) } else { Ok(()) }
}
