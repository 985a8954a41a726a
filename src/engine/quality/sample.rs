//! A fixed number of values that stand for all that came.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// A uniform sample without replacement of bounded size: algorithm L of Li, "Reservoir-Sampling Algorithms of
/// Time Complexity O(n(1+log(N/n)))", ACM TOMS 20(4), 1994. As long as no more came than it holds, it is all of them.
///
/// The same values in the same order give the same sample.
#[derive(Debug, Clone)]
pub struct Sample {
    capacity: usize,
    values: Vec<f64>,
    seen: u64,
    /// The number of the next value that takes the place of another one.
    next: u64,
    /// The largest of as many random numbers as the sample holds, were each value given one.
    bound: f64,
    drawn: u64,
    /// How many values came into the sample.
    changes: u64,
}

impl Sample {
    /// An empty sample of at most `capacity` values, which is at least 1.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, values: Vec::new(), seen: 0, next: 0, bound: 1.0, drawn: 0, changes: 0 }
    }

    /// Takes values into account, none of which is NaN.
    pub fn add(&mut self, values: &[f64]) {
        let room = self.capacity - self.values.len();
        let (first, rest) = values.split_at(room.min(values.len()));
        self.values.extend_from_slice(first);
        self.changes += first.len() as u64;
        if !first.is_empty() && self.values.len() == self.capacity {
            self.next = self.capacity as u64;
            self.skip();
        }
        let before = self.seen + first.len() as u64;
        self.seen += values.len() as u64;
        while self.values.len() == self.capacity && self.next < self.seen {
            let Some(value) = rest.get((self.next - before) as usize) else { return };
            let place = (self.random() * self.capacity as f64) as usize;
            self.values[place.min(self.capacity - 1)] = *value;
            self.changes += 1;
            self.next += 1;
            self.skip();
        }
    }

    /// Passes over the values that do not come into the sample.
    fn skip(&mut self) {
        self.bound *= (self.random().ln() / self.capacity as f64).exp();
        let passed = (self.random().ln() / (-self.bound).ln_1p()).floor();
        // A bound next to 0 passes over more than will ever come.
        self.next = self.next.saturating_add(passed as u64);
    }

    /// Between 0 and 1, neither of them.
    fn random(&mut self) -> f64 {
        self.drawn += 1;
        let bits = BuildHasherDefault::<DefaultHasher>::default().hash_one(self.drawn);
        ((bits >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// How many values came into the sample since it was made.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The values, in no order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// The median of values, whose order is changed; the mean of the middle two where they are even in number.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let (middle, odd) = (values.len() / 2, values.len() % 2 == 1);
    if values.is_empty() {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    match odd {
        true => Some(upper),
        false => below.iter().copied().max_by(f64::total_cmp).map(|lower| lower + (upper - lower) / 2.0),
    }
}

/// The smallest value that at least the share `part` of all does not exceed (nearest rank).
pub fn quantile(values: &mut [f64], part: f64) -> Option<f64> {
    let rank = (part * values.len() as f64).ceil().max(1.0) as usize;
    if values.is_empty() {
        return None;
    }
    let at = (rank - 1).min(values.len() - 1);
    Some(*values.select_nth_unstable_by(at, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn middles_are_those_of_paper_and_pencil() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(&mut [9.0, 1.0, 4.0, 5.0]), Some(4.5));
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((quantile(&mut hundred, 0.99), quantile(&mut hundred, 1.0)), (Some(99.0), Some(100.0)));
        assert_eq!((quantile(&mut [7.0, 2.0], 0.99), quantile(&mut [], 0.5)), (Some(7.0), None));
    }

    proptest! {
        #[test]
        fn it_is_everything_until_it_is_full_and_of_what_came_then(
            parts in prop::collection::vec(prop::collection::vec(0u32..1_000, 0..60), 0..12)
        ) {
            let mut sample = Sample::new(100);
            let mut all = Vec::new();
            for part in &parts {
                let part: Vec<f64> = part.iter().map(|value| f64::from(*value)).collect();
                sample.add(&part);
                all.extend(part);
                prop_assert_eq!(sample.values().len(), all.len().min(100));
                if all.len() <= 100 {
                    prop_assert_eq!(sample.values(), &all[..]);
                }
                prop_assert!(sample.values().iter().all(|value| all.contains(value)));
            }
            let mut whole = Sample::new(100);
            whole.add(&all);
            prop_assert_eq!(whole.values(), sample.values(), "how values are split into parts does not matter");
        }
    }

    #[test]
    fn each_value_has_the_same_chance() {
        // Of 20,000 values in order, the tenths of the sample's places are those of the values: each tenth
        // has 400 of 4,000, give or take 5 standard deviations (19 each).
        let mut sample = Sample::new(4_000);
        let values: Vec<f64> = (0..20_000).map(f64::from).collect();
        values.chunks(333).for_each(|part| sample.add(part));
        let mut tenths = [0; 10];
        sample.values().iter().for_each(|value| tenths[(*value / 2_000.0) as usize] += 1);
        assert!(tenths.iter().all(|count| (305..=495).contains(count)), "{tenths:?}");
    }
}
