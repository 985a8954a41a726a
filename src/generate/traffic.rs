//! When things happen: a rate that follows the hours of the day and the days of the week.
//!
//! Everything is whole numbers, so that a time is the same on any machine.

use super::scenario::Sale;
use crate::clock::Micros;

/// How a rate changes with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// Quiet nights, busy evenings, busier weekends; the rate is the week's average.
    #[default]
    Week,
    /// The same at any time.
    Flat,
}

/// A row is divided into so many parts, for moments between one row and the next.
pub const PARTS: u64 = 256;

/// What is after this is not generated: the last second of the year 9999.
pub const END_OF_TIME: Micros = 253_402_300_799_000_000;

const MILLI: Micros = 1_000;
const HOUR: Micros = 3_600_000_000;
const WEEK: Micros = 168 * HOUR;
/// The first Monday of the epoch, 1970-01-05.
const MONDAY: Micros = 4 * 24 * HOUR;

/// How busy each hour of a day is; their mean is 100.
const HOURS: [u64; 24] = [
    40, 28, 20, 16, 16, 24, 44, 72, 100, 130, 138, 132, 136, 132, 128, 124, 124, 128, 150, 166, 174, 162,
    136, 80,
];
/// How busy each day of a week is, from Monday on; their mean is 100.
const DAYS: [u64; 7] = [92, 90, 92, 94, 104, 114, 114];
/// How busy an hour of a week is in the mean.
const MEAN: u64 = 10_000;

/// Fraction bits of the busy time of a part.
const FRACTION: u32 = 32;

/// Turns places in the stream of `transactions` into times, and back. Busy time is time weighted by how
/// busy it is: the stream runs through it at a constant rate.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// How busy each hour of a week is.
    weights: [u64; 168],
    /// The busy time from Monday to each hour, and to the next Monday.
    sums: [u64; 169],
    /// The busy time from [`MONDAY`] to the first row.
    start: i128,
    /// The busy time of a part, in units of 2^-32.
    step: u128,
}

impl Traffic {
    /// Rows from `start` on, `rate` of them in a second; the rate is above 0.
    pub fn new(start: Micros, rate: f64, shape: Shape, sales: &[Sale]) -> Self {
        let mut weights = [MEAN; 168];
        if shape == Shape::Week {
            for (hour, weight) in weights.iter_mut().enumerate() {
                *weight = HOURS[hour % 24] * DAYS[hour / 24];
            }
        }
        for (hour, weight) in weights.iter_mut().enumerate() {
            let sales = sales.iter().filter(|sale| sale.hours.contains(&(hour % 24)));
            sales.for_each(|sale| *weight *= sale.traffic);
        }
        let mut sums = [0; 169];
        for (hour, weight) in weights.iter().enumerate() {
            sums[hour + 1] = sums[hour] + weight * HOUR as u64;
        }
        let mean = sums[168] as f64 / WEEK as f64;
        let part = mean * 1e6 / (rate * PARTS as f64);
        let step = (part * (1_u64 << FRACTION) as f64) as u128;
        let mut traffic = Self { weights, sums, start: 0, step: step.max(1) };
        traffic.start = traffic.busy_time(start);
        traffic
    }

    /// When a place in the stream is reached, in whole milliseconds. Later places have no earlier times.
    pub fn time(&self, parts: u64) -> Micros {
        let busy = self.start + (u128::from(parts).saturating_mul(self.step) >> FRACTION) as i128;
        let week = i128::from(self.sums[168]);
        let (weeks, rest) = (busy.div_euclid(week), busy.rem_euclid(week) as u64);
        let hour = self.sums.partition_point(|sum| *sum <= rest) - 1;
        let in_hour = (rest - self.sums[hour]) / self.weights[hour];
        let weeks = weeks.min((END_OF_TIME / WEEK) as i128) as i64;
        let time = MONDAY + weeks * WEEK + hour as i64 * HOUR + in_hour as i64;
        time.min(END_OF_TIME).div_euclid(MILLI) * MILLI
    }

    /// The place that is reached at a time, to within a few parts; 0 before the start.
    pub fn place(&self, time: Micros) -> u64 {
        let busy = (self.busy_time(time) - self.start).max(0) as u128;
        ((busy << FRACTION) / self.step).min(u128::from(u64::MAX)) as u64
    }

    fn busy_time(&self, time: Micros) -> i128 {
        let since = time - MONDAY;
        let (weeks, rest) = (since.div_euclid(WEEK), since.rem_euclid(WEEK));
        let hour = (rest / HOUR) as usize;
        let in_week = self.sums[hour] + (rest % HOUR) as u64 * self.weights[hour];
        i128::from(weeks) * i128::from(self.sums[168]) + i128::from(in_week)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::units::parse_time;

    const SECOND: Micros = 1_000_000;

    fn start() -> Result<Micros> {
        parse_time("2025-01-01T09:30:00Z")
    }

    #[test]
    fn flat_traffic_is_the_rate() -> Result<()> {
        let traffic = Traffic::new(start()?, 4.0, Shape::Flat, &[]);
        assert_eq!(traffic.time(0), start()?);
        assert_eq!(traffic.time(5 * PARTS), start()? + SECOND * 5 / 4);
        assert_eq!(traffic.time(4_000_000_000 * PARTS), start()? + 1_000_000_000 * SECOND);
        Ok(())
    }

    #[test]
    fn a_week_has_its_rate_and_nights_are_quiet() -> Result<()> {
        let traffic = Traffic::new(start()?, 10.0, Shape::Week, &[]);
        assert_eq!(traffic.time(10 * 604_800 * PARTS), start()? + WEEK);
        let rows = |from: &str, to: &str| -> Result<u64> {
            Ok((traffic.place(parse_time(to)?) - traffic.place(parse_time(from)?)) / PARTS)
        };
        let night = rows("2025-01-05 03:00:00", "2025-01-05 04:00:00")?;
        let evening = rows("2025-01-05 20:00:00", "2025-01-05 21:00:00")?;
        let weekday = rows("2025-01-06 20:00:00", "2025-01-06 21:00:00")?;
        assert!(night * 5 < weekday && weekday < evening, "{night} {weekday} {evening}");
        Ok(())
    }

    #[test]
    fn time_never_goes_back_and_a_place_is_found_again() -> Result<()> {
        for (rate, shape) in [(0.01, Shape::Week), (3.7, Shape::Week), (5_000.0, Shape::Flat)] {
            let traffic = Traffic::new(start()?, rate, shape, &[]);
            let mut before = traffic.time(0);
            for place in (0..2_000_000).step_by(997) {
                let time = traffic.time(place);
                assert!(time >= before, "{place} at {rate}/s");
                before = time;
                let found = traffic.time(traffic.place(time));
                let part = (1e6 / rate / PARTS as f64) as Micros;
                assert!((time - found).abs() <= MILLI + 10 * part, "{place} at {rate}/s: {time}, {found}");
            }
        }
        Ok(())
    }

    #[test]
    fn there_is_an_end_of_time() {
        let traffic = Traffic::new(0, 1e-6, Shape::Week, &[]);
        assert_eq!(traffic.time(u64::MAX), END_OF_TIME);
        assert!(traffic.place(Micros::MAX / 2) > 0);
    }
}
