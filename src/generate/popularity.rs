//! Which of many is chosen: by Zipf's law, where the r-th most popular has a share of 1 / r^skew.

use super::dice::Dice;

/// Ranks below this have a bucket each.
const EXACT: u64 = 4_096;
/// Above, a bucket is at most this part of its first rank wide.
const PART: u64 = 512;

const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

/// Draws ranks. It keeps a few thousand buckets, however many ranks there are: within a bucket of the
/// long tail all ranks are drawn alike, which differs from the law by less than `skew` / 500.
#[derive(Debug, Clone)]
pub struct Popularity {
    buckets: Vec<Bucket>,
}

/// Ranks that are drawn together, with their cell of an alias table (Walker 1977, Vose 1991).
#[derive(Debug, Clone)]
struct Bucket {
    first: u64,
    count: u64,
    /// Of 2^64 throws that meet this cell, so many are for this bucket; the others are for `other`.
    own: u64,
    other: usize,
}

impl Popularity {
    /// Ranks from 0 to below `count` (which is not 0), where the skew is not negative.
    pub fn new(count: u64, skew: f64) -> Self {
        let (mut buckets, mut shares, mut first) = (Vec::new(), Vec::new(), 0);
        while first < count {
            let width = if first < EXACT { 1 } else { (first / PART).min(count - first) };
            let middle = first as f64 + (width as f64 + 1.0) / 2.0;
            shares.push(width as f64 / power(middle, skew));
            buckets.push(Bucket { first, count: width, own: u64::MAX, other: buckets.len() });
            first += width;
        }
        let mut popularity = Self { buckets };
        popularity.alias(shares);
        popularity
    }

    /// Fills the alias table: each cell is one bucket's share, or shared by two.
    fn alias(&mut self, mut shares: Vec<f64>) {
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        shares.iter_mut().for_each(|share| *share /= mean);
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..shares.len()).partition(|bucket| shares[*bucket] < 1.0);
        while let (Some(&under), Some(&over)) = (small.last(), large.last()) {
            small.pop();
            self.buckets[under].own = (shares[under] * TWO_TO_64) as u64;
            self.buckets[under].other = over;
            shares[over] -= 1.0 - shares[under];
            if shares[over] < 1.0 {
                large.pop();
                small.push(over);
            }
        }
    }

    /// Draws a rank.
    pub fn draw(&self, dice: &mut Dice) -> u64 {
        let throw = u128::from(dice.bits()) * self.buckets.len() as u128;
        let (cell, rest) = (&self.buckets[(throw >> 64) as usize], throw as u64);
        let bucket = if rest < cell.own { cell } else { &self.buckets[cell.other] };
        bucket.first + if bucket.count > 1 { dice.below(bucket.count) } else { 0 }
    }
}

/// `base` to the power of `exponent`, neither negative, by multiplications and square roots alone: they
/// are exact to the last bit on any machine, which the standard library's `powf` is not.
fn power(base: f64, exponent: f64) -> f64 {
    let (mut result, mut square, mut whole) = (1.0, base, exponent as u32);
    while whole > 0 {
        if whole % 2 == 1 {
            result *= square;
        }
        square *= square;
        whole /= 2;
    }
    let (mut root, mut rest) = (base, exponent - exponent.floor());
    for _ in 0..40 {
        root = root.sqrt();
        rest *= 2.0;
        if rest >= 1.0 {
            result *= root;
            rest -= 1.0;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::dice::Stream;
    use super::*;

    #[test]
    fn powers_are_powers() {
        for (base, exponent) in [(2.0, 10.0), (7.5, 0.8), (5_000.0, 1.37), (1e6, 0.0), (1.0, 3.3)] {
            let difference = power(base, exponent) / f64::powf(base, exponent) - 1.0;
            assert!(difference.abs() < 1e-9, "{base} ^ {exponent}");
        }
    }

    /// How often each group of ranks was drawn, and how often it should have been.
    fn drawn(count: u64, skew: f64, bounds: &[u64]) -> Vec<(f64, f64)> {
        let popularity = Popularity::new(count, skew);
        let mut dice = Dice::new(42, Stream::Product, 0);
        let mut drawn = vec![0.0; bounds.len()];
        for _ in 0..400_000 {
            let rank = popularity.draw(&mut dice);
            assert!(rank < count);
            drawn[bounds.partition_point(|bound| *bound <= rank)] += 1.0;
        }
        let share = |from: u64, to: u64| (from..to).map(|rank| (rank as f64 + 1.0).powf(-skew)).sum::<f64>();
        let from = std::iter::once(0).chain(bounds.iter().copied());
        let wanted = from.zip(bounds).map(|(from, to)| 400_000.0 * share(from, *to) / share(0, count));
        drawn.into_iter().zip(wanted).collect()
    }

    #[test]
    fn ranks_are_drawn_by_the_law() {
        for skew in [0.0, 0.4, 0.8, 1.2] {
            for (seen, wanted) in drawn(20_000, skew, &[1, 10, 100, 1_000, 4_096, 10_000, 20_000]) {
                let bound = 5.0 * f64::sqrt(wanted) + 0.002 * wanted;
                assert!((seen - wanted).abs() < bound, "skew {skew}: {seen}, not {wanted}");
            }
        }
    }

    #[test]
    fn a_table_is_small_however_many_ranks_there_are() {
        assert_eq!(Popularity::new(1, 0.8).draw(&mut Dice::new(1, Stream::Product, 0)), 0);
        assert!(Popularity::new(u64::MAX / 2, 0.8).buckets.len() < 40_000);
    }
}
