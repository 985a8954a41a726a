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

impl<'a> Admitted<'a> {
    /// Checks a batch as Kafka does, and packs it anew if the topic wants another codec.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(batch: &'a [u8], rules: &Rules, now_ms: i64) -> Result<Self, ResponseError> {
        let header = check(batch, rules, now_ms)?;
        let Some(codec) = rules.codec.filter(|codec| codec.number != header.codec()) else {
            let records = Cow::Borrowed(batch.get(HEADER_SIZE..).unwrap_or_default());
            return Ok(Self { header, records });
        };
        let (header, records) = header.repack(batch, codec).map_err(|_| ResponseError::CorruptMessage)?;
        if header.size() > rules.max_batch_bytes {
            return Err(ResponseError::MessageTooLarge);
        }
        Ok(Self { header, records: Cow::Owned(records) })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

fn check(batch: &[u8], rules: &Rules, now_ms: i64) -> Result<Header, ResponseError> {
    let header = Header::read(batch).ok_or(ResponseError::CorruptMessage)?;
    if header.magic != 2 {
        return Err(ResponseError::UnsupportedForMessageFormat);
    }
    if batch.len() > rules.max_batch_bytes {
        return Err(ResponseError::MessageTooLarge);
    }
    if batch.len() != header.size() {
        // Exactly one batch per partition and request, or bytes are missing.
        let more = batch.len() > header.size();
        return Err(if more { ResponseError::InvalidRecord } else { ResponseError::CorruptMessage });
    }
    if !header.checks(batch) {
        return Err(ResponseError::CorruptMessage);
    }
    let unnumbered = header.is_idempotent() && header.base_sequence < 0;
    if !header.is_dense() || header.is_control() || header.codec() > 4 || unnumbered {
        return Err(ResponseError::InvalidRecord);
    }
    if rules.compaction.is_some()
        && !header.all_records(batch, |record| record.key.is_some()).unwrap_or(false)
    {
        return Err(ResponseError::InvalidRecord);
    }
    if header.is_stamped() || !(rules.stamps || is_timely(&header, batch, rules, now_ms)) {
        return Err(ResponseError::InvalidTimestamp);
    }
    Ok(header)
}

/// Whether its records' times are near enough to the broker's.
fn is_timely(header: &Header, batch: &[u8], rules: &Rules, now_ms: i64) -> bool {
    let earliest = now_ms.saturating_sub(rules.behind_ms);
    let since = |record: &Record<'_>| {
        let time = header.time_of(record);
        time == NO_TIME || time >= earliest
    };
    // The header knows the latest time, not the earliest: only a topic with this limit pays for it.
    header.max_timestamp <= now_ms.saturating_add(rules.ahead_ms)
        && (rules.behind_ms == i64::MAX || header.all_records(batch, since).unwrap_or(false))
}
