//! How old records are when a batch has given out what they led to.

use crate::clock::Micros;
use arrow::array::{Array, TimestampMicrosecondArray};
use serde::{Deserialize, Serialize};

/// Of each piece of a batch so many times are looked at, evenly spread: all of them would cost what they tell.
const LOOKED_AT: usize = 128;

/// The event times of some records of a batch.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Micros>);

/// From a record's event time to the end of the batch that gave out what it led to, in milliseconds. Of an evenly spread
/// sample of the batch's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Latency {
    /// Half of the records took no longer.
    pub p50: i64,
    /// 99 % of the records took no longer.
    pub p99: i64,
}

impl Times {
    /// Adds the times of some records.
    pub fn add(&mut self, times: &TimestampMicrosecondArray) {
        let step = times.len().div_ceil(LOOKED_AT).max(1);
        let looked_at = (0..times.len()).step_by(step).filter(|row| times.is_valid(*row));
        self.0.extend(looked_at.map(|row| times.value(row)));
    }

    /// How old the records are at an instant; `None` where none has a time.
    pub fn latency(&self, at: Micros) -> Option<Latency> {
        let mut ages: Vec<_> = self.0.iter().map(|time| at.saturating_sub(*time)).collect();
        ages.sort_unstable();
        // The smallest age that so many per cent of them do not exceed (nearest rank).
        let rank = |percent: usize| Some(ages[(ages.len() * percent).div_ceil(100).checked_sub(1)?] / 1_000);
        Some(Latency { p50: rank(50)?, p99: rank(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_nearly_all_took_no_longer() {
        let mut times = Times::default();
        assert_eq!(times.latency(0), None);
        let at = 1_000_000_000;
        times.add(&(1..=100).rev().map(|age| Some(at - age * 1_000)).chain([None]).collect());
        assert_eq!(times.latency(at), Some(Latency { p50: 50, p99: 99 }));
        // Of many, few are looked at; they are spread over all of them.
        let mut times = Times::default();
        times.add(&TimestampMicrosecondArray::from_iter_values((0..100_000).map(|age| at - age * 1_000)));
        assert!(times.0.len() <= LOOKED_AT);
        let Latency { p50, p99 } = times.latency(at).expect("has times");
        assert!((49_000..51_000).contains(&p50) && (98_000..100_000).contains(&p99), "{p50} {p99}");
    }
}
