//! How long acknowledgements took: percentiles from counts, in a fixed 30 KB at any number of records.

use std::time::Duration;

/// Buckets of a power of two, so that a percentile is at most 1/64 above the truth.
const STEPS: u64 = 64;
const BUCKETS: usize = 3_776;

/// Counts of latencies by size.
#[derive(Debug, Clone)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Latencies {
    /// Counts one latency, in microseconds.
    pub fn add(&mut self, micros: u64) {
        if let Some(count) = self.counts.get_mut(bucket(micros)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
    }

    /// The latency that `percent` of all stay at or under; zero when there are none.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = (self.total as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        Duration::from_micros(found.map_or(0, upper_end))
    }
}

/// Small values have a bucket each; above, the seven leading bits choose it.
fn bucket(micros: u64) -> usize {
    let shift = (64 - u64::from(micros.leading_zeros())).saturating_sub(7);
    (shift * STEPS + (micros >> shift)) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / STEPS).saturating_sub(1);
    ((bucket - shift * STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_upper_end() {
        for micros in [0, 1, 63, 64, 127, 128, 129, 1_000, 65_535, 10_000_000, u64::MAX / 3] {
            let end = upper_end(bucket(micros));
            assert!(end >= micros && end <= micros + micros / STEPS + 1, "{micros} is in a bucket to {end}");
            assert_eq!(bucket(end), bucket(micros));
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn percentiles_are_near_the_truth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(99.0), Duration::ZERO);
        (1..=1_000).for_each(|millis| latencies.add(millis * 1_000));
        for (percent, millis) in [(50.0, 500), (95.0, 950), (99.0, 990), (100.0, 1_000)] {
            let found = latencies.percentile(percent).as_millis();
            assert!((millis..=millis + millis / 60 + 1).contains(&found), "p{percent} is {found} ms");
        }
    }
}
