//! Ids that come again while the watermark lets them.

use crate::clock::Micros;
use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// So many ids are remembered at most; beyond, those that would be forgotten first are.
const MOST: usize = 1_000_000;

/// Ids are forgotten a second at a time.
const SECOND: Micros = 1_000_000;

/// The ids inside the watermark, as hashes of 64 bits: two of a million ids are taken for one with a chance of
/// one in thirty million.
pub struct Duplicates {
    seen: HashSet<u64>,
    /// The same ids by the time at which they are forgotten.
    expiring: BTreeMap<Micros, Vec<u64>>,
    delay: Micros,
    most: usize,
}

impl Duplicates {
    /// No ids yet. One is remembered until the watermark has passed its record's time and the delay, as where
    /// rows come once.
    pub fn new(delay: Duration) -> Self {
        let delay = Micros::try_from(delay.as_micros()).unwrap_or(Micros::MAX);
        Self { seen: HashSet::new(), expiring: BTreeMap::new(), delay, most: MOST }
    }

    /// How many of these ids are there again, in the first place, and how many there are. Records without an id
    /// are not counted; one without a time counts as of the watermark.
    ///
    /// # Errors
    /// When ids are of a type that cannot be compared.
    pub fn count(
        &mut self,
        ids: &ArrayRef,
        times: Option<&TimestampMicrosecondArray>,
        watermark: Micros,
    ) -> Result<(u64, u64)> {
        self.forget(watermark);
        let mut hashes = vec![0; ids.len()];
        create_hashes([ids], &RandomState::default(), &mut hashes)?;
        let (mut again, mut all) = (0, 0);
        for (row, hash) in hashes.into_iter().enumerate().filter(|(row, _)| ids.is_valid(*row)) {
            all += 1;
            if !self.seen.insert(hash) {
                again += 1;
                continue;
            }
            let time = times.filter(|times| times.is_valid(row)).map(|times| times.value(row));
            let until = time.unwrap_or(watermark).saturating_add(self.delay);
            let until = until.div_euclid(SECOND).saturating_add(1).saturating_mul(SECOND);
            self.expiring.entry(until).or_default().push(hash);
        }
        while self.seen.len() > self.most {
            self.forget_first();
        }
        Ok((again, all))
    }

    fn forget(&mut self, watermark: Micros) {
        while self.expiring.first_key_value().is_some_and(|(until, _)| *until <= watermark) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        for hash in self.expiring.pop_first().into_iter().flat_map(|(_, hashes)| hashes) {
            self.seen.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;
    use std::sync::Arc;

    fn count(duplicates: &mut Duplicates, ids: &[Option<&str>], times: &[i64], watermark: i64) -> (u64, u64) {
        let ids: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
        let times = TimestampMicrosecondArray::from_iter_values(times.iter().map(|seconds| seconds * SECOND));
        duplicates.count(&ids, Some(&times), watermark * SECOND).expect("ids")
    }

    #[test]
    fn an_id_is_remembered_until_the_watermark_has_passed_it_and_the_delay() {
        let mut duplicates = Duplicates::new(Duration::from_secs(10));
        let none = i64::MIN / SECOND;
        assert_eq!(
            count(&mut duplicates, &[Some("a"), Some("b"), Some("a"), None], &[1, 1, 2, 3], none),
            (1, 3)
        );
        assert_eq!(count(&mut duplicates, &[Some("a")], &[5], 11), (1, 1), "1 s and 10 s are not passed yet");
        assert_eq!(count(&mut duplicates, &[Some("a")], &[15], 12), (0, 1), "they are, and a second more");
        assert_eq!(count(&mut duplicates, &[Some("a")], &[15], 24), (1, 1), "it is there again since");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut duplicates = Duplicates { most: 2, ..Duplicates::new(Duration::ZERO) };
        assert_eq!(count(&mut duplicates, &[Some("a"), Some("b"), Some("c")], &[1, 2, 3], 0), (0, 3));
        assert_eq!(count(&mut duplicates, &[Some("c"), Some("b")], &[4, 4], 0), (2, 2));
        assert_eq!(count(&mut duplicates, &[Some("a")], &[4], 0), (0, 1), "the oldest is forgotten");
    }
}
