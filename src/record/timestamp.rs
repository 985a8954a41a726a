//! Timestamps in JSON: RFC 3339 text, or epoch milliseconds.

use crate::clock::Micros;
use std::ops::RangeInclusive;

const DAY: i64 = 86_400_000_000;

/// The times that RFC 3339 can write: the years 0 to 9999. Whatever shows a time, or adds to it, has room beyond.
pub const SPAN: RangeInclusive<Micros> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// Reads epoch milliseconds; what is outside of [`SPAN`] is no time.
#[inline]
pub fn of_millis(millis: i64) -> Option<Micros> {
    millis.checked_mul(1_000).filter(|time| SPAN.contains(time))
}

/// A day: the texts of a stream are mostly of the same one.
#[derive(Debug, Clone, Default)]
pub struct Day {
    text: [u8; 10],
    start: Micros,
}

impl Day {
    /// Reads a text as [`parse`] does, faster where it has the common form `2025-07-27T10:08:09.123Z` and is
    /// of the same day as the last one.
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<Micros> {
        let common = self.common(text);
        if common.is_some() { common } else { self.remember(text) }
    }

    #[inline]
    fn common(&self, text: &[u8]) -> Option<Micros> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        let (&[b'T', time @ .., b'.', tenths, hundredths, thousandths, b'Z'], []) =
            rest.split_first_chunk::<14>()?
        else {
            return None;
        };
        if *date != self.text {
            return None;
        }
        let digit = |byte: u8| (byte.is_ascii_digit()).then(|| i64::from(byte - b'0'));
        let millis = (digit(tenths)? * 10 + digit(hundredths)?) * 10 + digit(thousandths)?;
        Some(self.start + clock_time(time)? * 1_000_000 + millis * 1_000)
    }

    #[cold]
    fn remember(&mut self, text: &[u8]) -> Option<Micros> {
        let time = parse(text)?;
        if let Some(date) = text.first_chunk::<10>() {
            let midnight = [date, b"T00:00:00Z".as_slice()].concat();
            (self.text, self.start) = (*date, parse(&midnight)?);
        }
        Some(time)
    }
}

/// The seconds of `HH:MM:SS`, all eight bytes looked at in one word.
#[inline]
fn clock_time(text: [u8; 8]) -> Option<i64> {
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(*b"00:00:00");
    // Digits are at most 9, and 5 where tens of minutes and seconds are; the colons are gone.
    let above = digits.wrapping_add(u64::from_le_bytes([0x7D, 0x76, 0x7F, 0x7A, 0x76, 0x7F, 0x7A, 0x76]));
    if (digits | above) & HIGHS != 0 {
        return None;
    }
    let [h, hours, _, m, minutes, _, s, seconds] = digits.to_le_bytes().map(i64::from);
    let hour = h * 10 + hours;
    (hour < 24).then_some((hour * 60 + m * 10 + minutes) * 60 + s * 10 + seconds)
}

/// Reads RFC 3339: `2025-07-27T10:08:09.123Z`, with any offset. A date and time without an offset is
/// UTC. Fractions beyond microseconds are cut; a leap second is no time.
pub fn parse(text: &[u8]) -> Option<Micros> {
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if text.len() < 19 || marks.iter().any(|(at, mark)| text[*at] != *mark) || !b"Tt ".contains(&text[10]) {
        return None;
    }
    let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = fraction(&text[19..])?;
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(days * DAY + seconds * 1_000_000 + fraction - offset(rest)?)
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Microseconds of `.123…`, and what is behind it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let kept = count.min(6);
    let value = digits(&rest[..kept])? * 10_i64.pow(6 - kept as u32);
    if count == 0 { None } else { Some((value, &rest[count..])) }
}

/// Microseconds that an offset from UTC is ahead.
fn offset(text: &[u8]) -> Option<i64> {
    let sign = match text {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, minutes) = match text.len() {
        6 if text[3] == b':' => (digits(&text[1..3])?, digits(&text[4..6])?),
        5 => (digits(&text[1..3])?, digits(&text[3..5])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

/// Days since 1970-01-01 in the Gregorian calendar, after Howard Hinnant's `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn milliseconds_are_read_as_far_as_rfc_3339_goes() {
        let (first, last) = (parse(b"0000-01-01T00:00:00Z"), parse(b"9999-12-31T23:59:59.999999Z"));
        assert_eq!((first, last), (Some(*SPAN.start()), Some(*SPAN.end())));
        assert_eq!(of_millis(1_753_610_889_123), Some(1_753_610_889_123_000));
        assert_eq!(of_millis(-62_167_219_200_000), first);
        assert_eq!(of_millis(253_402_300_799_999), Some(SPAN.end() - 999));
        for millis in [-62_167_219_200_001, 253_402_300_800_000, i64::MIN, i64::MAX, i64::MAX / 1_000] {
            assert_eq!(of_millis(millis), None, "{millis}");
        }
    }

    #[test]
    fn the_forms_of_rfc_3339_are_read() {
        let time = 1_753_610_889_123_000;
        for text in [
            "2025-07-27T10:08:09.123Z",
            "2025-07-27T10:08:09.123",
            "2025-07-27 10:08:09.1230009+00:00",
            "2025-07-27T12:08:09.123+02:00",
            "2025-07-27T08:38:09.123-0130",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(time), "{text}");
        }
        for text in [
            "",
            "2025-07-27",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-07-27T24:00:00Z",
            "2025-07-27T10:08:60Z",
            "2025-07-27T10:08:09.Z",
            "2025-07-27T10:08:09+2",
            "2025-07-27X10:08:09Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_near_another_is_read_as_alone(
            texts in prop::collection::vec(
                "20(25|26)-0[0-3]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,4})?(Z|z|\\+01:00)?x?", 1..8,
            ),
            at in 0usize..24,
            with in any::<u8>(),
        ) {
            let mut day = Day::default();
            for text in &texts {
                let mut bytes = text.clone().into_bytes();
                prop_assert_eq!(day.parse(&bytes), parse(&bytes), "{}", text);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = with;
                }
                prop_assert_eq!(day.parse(&bytes), parse(&bytes), "{:?}", bytes);
            }
        }

        #[test]
        fn the_calendar_agrees_with_chrono(time in -62_135_596_800_000_000i64..253_402_300_799_999_999) {
            let text = chrono::DateTime::from_timestamp_micros(time).expect("in range")
                .format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
            prop_assert_eq!(parse(text.as_bytes()), Some(time));
        }
    }
}
