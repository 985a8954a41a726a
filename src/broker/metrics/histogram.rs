//! How long requests took: numbers in buckets, each an eighth wider than where it begins at most.

use super::Counter;
use std::sync::atomic::{AtomicU32, Ordering};

/// Buckets between a power of two and the next.
const STEPS: u64 = 8;
/// Enough for an hour.
const BUCKETS: usize = 33 * STEPS as usize;

/// Times in microseconds.
#[derive(Debug)]
pub struct Histogram {
    /// How many there were.
    pub count: Counter,
    buckets: [AtomicU32; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { count: Counter::default(), buckets: std::array::from_fn(|_| AtomicU32::new(0)) }
    }
}

impl Histogram {
    /// Adds a time.
    pub fn note(&self, micros: u64) {
        self.count.add(1);
        if let Some(bucket) = self.buckets.get(bucket_of(micros).min(BUCKETS - 1)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets what was noted so far count half.
    pub fn halve(&self) {
        for bucket in &self.buckets {
            // What is noted in this very moment may be lost for the quantiles.
            bucket.store(bucket.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
        }
    }

    /// For each of these shares (between 0 and 1, growing) the time in microseconds that it took at
    /// most, to an eighth; zeros if there is nothing.
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [u64; N] {
        let counts: Vec<u64> =
            self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed).into()).collect();
        let all: u64 = counts.iter().sum();
        shares.map(|share| {
            let wanted = (all as f64 * share).ceil() as u64;
            let mut seen = 0;
            let reached = counts.iter().position(|count| {
                seen += count;
                seen >= wanted && seen > 0
            });
            reached.map_or(0, end_of)
        })
    }
}

fn bucket_of(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let power = micros.ilog2() - STEPS.ilog2();
    (u64::from(power) * STEPS + (micros >> power)) as usize
}

/// The largest time in a bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let power = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_time_is_in_the_bucket_that_ends_at_most_an_eighth_later(micros in 0u64..1 << 34) {
            let end = end_of(bucket_of(micros));
            prop_assert!(micros <= end && end <= micros + micros / 8, "{micros} {end}");
        }
    }

    #[test]
    fn quantiles_are_of_what_was_noted_lately() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantiles([0.5, 0.99]), [0, 0]);
        (1..=1_000).for_each(|micros| histogram.note(micros));
        let [median, last] = histogram.quantiles([0.5, 0.99]);
        assert!((500..=563).contains(&median) && (990..=1_114).contains(&last), "{median} {last}");
        (0..12).for_each(|_| histogram.halve());
        histogram.note(7);
        assert_eq!(histogram.quantiles([0.5]), [7]);
        assert_eq!(histogram.count.get(), 1_001);
    }
}
