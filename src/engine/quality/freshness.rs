//! How old records are when they are read.

use super::sample::{Sample, quantile};
use crate::clock::Micros;
use arrow::array::TimestampMicrosecondArray;
use serde::Serialize;

/// So many ages stand for all; of as many records or fewer the quantiles are exact, of more that of 99 % is one of
/// 98.5 % to 99.5 %.
const SAMPLE: usize = 4_096;

/// The ages of records: the clock minus the event time.
#[derive(Debug, Clone)]
pub struct Ages {
    limit: Option<Micros>,
    sample: Sample,
    /// Records with a time.
    pub all: u64,
    /// Those that are older than the limit.
    pub older: u64,
}

/// How old the records of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// Half of them are not older, in seconds.
    pub median_seconds: f64,
    /// 99 % of them are not older, in seconds.
    pub p99_seconds: f64,
    /// How many are older than the limit, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_limit: Option<u64>,
}

impl Ages {
    /// No records yet, of which none should be older than `limit`.
    pub fn new(limit: Option<Micros>) -> Self {
        Self { limit, sample: Sample::new(SAMPLE), all: 0, older: 0 }
    }

    /// Adds records that were read at `now`; those without a time have no age.
    pub fn add(&mut self, times: &TimestampMicrosecondArray, now: Micros) {
        let age = |time: Micros| now.saturating_sub(time);
        let ages: Vec<f64> = times.iter().flatten().map(|time| age(time) as f64 / 1e6).collect();
        self.sample.add(&ages);
        self.all += ages.len() as u64;
        if let Some(limit) = self.limit {
            self.older += times.iter().flatten().filter(|time| age(*time) > limit).count() as u64;
        }
    }

    /// How old they are; `None` where no record has a time.
    pub fn freshness(&self) -> Option<Freshness> {
        let mut ages = self.sample.values().to_vec();
        Some(Freshness {
            median_seconds: quantile(&mut ages, 0.5)?,
            p99_seconds: quantile(&mut ages, 0.99)?,
            older_than_limit: self.limit.map(|_| self.older),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_nearly_all_are_not_older() {
        let now = 1_000_000_000;
        let mut ages = Ages::new(Some(98_000_000));
        assert_eq!(ages.freshness(), None);
        // Ages of 1 s to 100 s, in two parts.
        for part in [1..=40, 41..=100] {
            ages.add(
                &TimestampMicrosecondArray::from_iter_values(part.map(|age: i64| now - age * 1_000_000)),
                now,
            );
        }
        ages.add(&TimestampMicrosecondArray::from(vec![None]), now);
        let expected = Freshness { median_seconds: 50.0, p99_seconds: 99.0, older_than_limit: Some(2) };
        assert_eq!((ages.freshness(), ages.all), (Some(expected), 100));
    }
}
