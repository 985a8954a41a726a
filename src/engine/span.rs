//! The event times of some records: the oldest, the newest, and their mean.

use crate::clock::Micros;
use arrow::array::{Array, TimestampMicrosecondArray};

/// What is known of the event times of at least one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The smallest.
    pub oldest: Micros,
    /// The largest.
    pub newest: Micros,
    sum: i128,
    count: u64,
}

impl Span {
    /// Of these times; `None` where there are none.
    pub fn of(mut times: impl Iterator<Item = Micros>) -> Option<Self> {
        let first = times.next()?;
        let mut span = Self { oldest: first, newest: first, sum: first.into(), count: 1 };
        for time in times {
            span.oldest = span.oldest.min(time);
            span.newest = span.newest.max(time);
            span.sum += i128::from(time);
            span.count += 1;
        }
        Some(span)
    }

    /// Of a column; `None` where it has no time.
    pub fn of_column(times: &TimestampMicrosecondArray) -> Option<Self> {
        match times.null_count() {
            0 => Self::of(times.values().iter().copied()),
            _ => Self::of(times.iter().flatten()),
        }
    }

    /// Of both together.
    pub fn widest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        Some(Self {
            oldest: one.oldest.min(other.oldest),
            newest: one.newest.max(other.newest),
            sum: one.sum + other.sum,
            count: one.count + other.count,
        })
    }

    /// The mean, rounded down.
    pub fn mean(&self) -> Micros {
        // It is between the oldest and the newest.
        Micros::try_from(self.sum.div_euclid(self.count.into())).unwrap_or(self.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_the_mean_of_all_its_times() {
        let one = Span::of_column(&TimestampMicrosecondArray::from(vec![Some(30), None, Some(-10)]));
        let other = Span::of([41].into_iter());
        let both = Span::widest(Span::widest(None, one), other).expect("has times");
        assert_eq!((both.oldest, both.newest, both.mean()), (-10, 41, 20));
        assert_eq!(Span::of_column(&TimestampMicrosecondArray::from(vec![None])), None);
        let far = Span::of([Micros::MAX, Micros::MAX].into_iter()).expect("has times");
        assert_eq!(far.mean(), Micros::MAX);
    }
}
