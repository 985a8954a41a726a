//! Numbers that are far from what a column usually has.

use super::sample::{Sample, median};

/// So many values stand for all that a column had.
const SAMPLE: usize = 1_024;

/// With fewer values nothing is judged.
const FEWEST: usize = 32;

/// So many robust deviations from the median are an anomaly.
const FAR: f64 = 4.0;

/// Makes the median absolute deviation an estimate of the standard deviation where values are normal: 1 / Φ⁻¹(3/4)
/// (Rousseeuw, Croux: "Alternatives to the Median Absolute Deviation", JASA 88, 1993).
const TO_DEVIATION: f64 = 1.4826;

/// What is usual in a numeric column, since the query began.
#[derive(Debug, Clone)]
pub struct Usual {
    sample: Sample,
    range: Option<Range>,
    /// The changes of the sample when the range was taken.
    taken_at: u64,
}

/// The values that are no anomaly.
#[derive(Debug, Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
}

impl Default for Usual {
    fn default() -> Self {
        Self { sample: Sample::new(SAMPLE), range: None, taken_at: 0 }
    }
}

impl Usual {
    /// How many of these values are anomalies, they themselves taken into account. Where more than half of all
    /// values are the same there is no deviation to speak of, and nothing is one.
    pub fn count(&mut self, values: &[f64]) -> u64 {
        self.sample.add(values);
        // A sixteenth of other values moves the median of normal ones by less than a tenth of a deviation.
        if self.sample.changes() - self.taken_at > (self.sample.values().len() / 16) as u64 {
            self.taken_at = self.sample.changes();
            self.range = range(self.sample.values());
        }
        let Some(Range { low, high }) = self.range else { return 0 };
        values.iter().filter(|value| !(low..=high).contains(*value)).count() as u64
    }
}

fn range(values: &[f64]) -> Option<Range> {
    if values.len() < FEWEST {
        return None;
    }
    let mut values = values.to_vec();
    let middle = median(&mut values)?;
    values.iter_mut().for_each(|value| *value = (*value - middle).abs());
    let deviation = TO_DEVIATION * median(&mut values)?;
    (deviation > 0.0).then_some(Range { low: middle - FAR * deviation, high: middle + FAR * deviation })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 to 39: the median is 20, the deviations are 0, 1, 1, 2, 2, … 19, 19, and their median is 10.
    fn usual() -> Usual {
        let mut usual = Usual::default();
        assert_eq!(usual.count(&(1..=39).map(f64::from).collect::<Vec<_>>()), 0);
        usual
    }

    #[test]
    fn an_anomaly_is_more_than_four_robust_deviations_from_the_median() {
        // 20 ± 4 × 1.4826 × 10 is -39.304 to 79.304.
        assert_eq!(usual().count(&[79.3, -39.3]), 0);
        assert_eq!(usual().count(&[79.31, -39.31]), 2);
    }

    #[test]
    fn little_and_always_the_same_is_not_judged() {
        let mut usual = Usual::default();
        assert_eq!(usual.count(&[1.0, 2.0, 1e9]), 0, "three values say nothing");
        let mut same = Usual::default();
        let values: Vec<f64> = (0..100).map(|n| if n % 3 == 0 { 1e9 } else { 0.0 }).collect();
        assert_eq!(same.count(&values), 0);
    }

    #[test]
    fn what_is_usual_moves_with_the_values() {
        let mut usual = usual();
        assert_eq!(usual.count(&[500.0; 1]), 1);
        let later: Vec<f64> = (0..4_000).map(|n| f64::from(480 + n % 40)).collect();
        usual.count(&later);
        assert_eq!(usual.count(&[500.0]), 0);
    }

    #[test]
    fn a_tenth_of_wild_values_does_not_hide_itself() {
        let values: Vec<f64> =
            (0..50_000).map(|n| if n % 10 == 7 { 1e6 } else { f64::from(n % 97) }).collect();
        let mut usual = Usual::default();
        let found: u64 = values.chunks(1_000).map(|part| usual.count(part)).sum();
        assert_eq!(found, 5_000);
    }
}
