//! Places in a topic as people write them: kcat's words for offsets, times, and how long ago.

use crate::Result;
use crate::clock::Micros;
use crate::kafka::admin::TopicState;
use crate::kafka::offsets::{Offsets, Partition, Span};
use crate::units::{parse_duration, parse_time};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

/// What may be written for a place.
const FORMS: &str = "write earliest, latest, an offset, -10 for ten before the end, a time as 2025-07-27T10:08:09Z \
    or @1753610889000, or 2h for two hours ago";

/// A place in each partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first record that is there.
    Earliest,
    /// Behind the last record that is there.
    Latest,
    /// An offset.
    Offset(i64),
    /// So many records before the end.
    Last(i64),
    /// The first record at or after a time.
    Time(Micros),
    /// The first record that is no older.
    Ago(Duration),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || FORMS.to_string();
        match text {
            "earliest" | "beginning" => return Ok(Self::Earliest),
            "latest" | "end" => return Ok(Self::Latest),
            _ => {}
        }
        if let Some(time) = text.strip_prefix('@') {
            return parse_time(time).map(Self::Time).map_err(|_| wrong());
        }
        match text.parse::<i64>() {
            Ok(offset @ 0..) => Ok(Self::Offset(offset)),
            Ok(before) => Ok(Self::Last(before.saturating_neg())),
            Err(_) => parse_duration(text.strip_prefix('-').unwrap_or(text))
                .map(Self::Ago)
                .or_else(|_| parse_time(text).map(Self::Time))
                .map_err(|_| wrong()),
        }
    }
}

impl Place {
    /// The offset in each partition; what is deleted already or not written yet is put to the nearest end of its
    /// span.
    ///
    /// # Errors
    /// When the cluster does not tell where a time is.
    pub fn offsets(
        self,
        offsets: &Offsets,
        topic: &TopicState,
        spans: &BTreeMap<Partition, Span>,
        now: Micros,
    ) -> Result<BTreeMap<Partition, i64>> {
        let ago =
            |age: Duration| now.saturating_sub(Micros::try_from(age.as_micros()).unwrap_or(Micros::MAX));
        let times = match self {
            Self::Time(time) => offsets.at_time(topic, time)?,
            Self::Ago(age) => offsets.at_time(topic, ago(age))?,
            _ => BTreeMap::new(),
        };
        let place = |(partition, span): (&Partition, &Span)| {
            let offset = match self {
                Self::Earliest => span.first,
                Self::Latest => span.next,
                Self::Offset(offset) => offset,
                Self::Last(count) => span.next.saturating_sub(count),
                Self::Time(_) | Self::Ago(_) => times.get(partition).copied().unwrap_or(span.next),
            };
            (partition.clone(), span.nearest(offset))
        };
        Ok(spans.iter().map(place).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_word_an_offset_a_time_or_an_age() {
        for (text, place) in [
            ("earliest", Place::Earliest),
            ("beginning", Place::Earliest),
            ("latest", Place::Latest),
            ("end", Place::Latest),
            ("42", Place::Offset(42)),
            ("-5", Place::Last(5)),
            ("@1753610889000", Place::Time(1_753_610_889_000_000)),
            ("@2025-07-27 10:08:09", Place::Time(1_753_610_889_000_000)),
            ("2025-07-27T10:08:09Z", Place::Time(1_753_610_889_000_000)),
            ("2025-07-27 10:08:09", Place::Time(1_753_610_889_000_000)),
            ("2h", Place::Ago(Duration::from_secs(7_200))),
            ("-30m", Place::Ago(Duration::from_secs(1_800))),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for text in ["", "yesterday", "@", "@soon", "--5", "99999999999999999999"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
