//! Values to text. Nothing here goes through `core::fmt`, and nothing allocates.

use crate::clock::Micros;

/// A value that knows its text.
pub trait Text {
    /// Appends the text.
    fn put(&self, out: &mut Vec<u8>);
}

impl Text for str {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl Text for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
}

impl Text for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_digits(out, *self, 1);
    }
}

impl<T: Text + ?Sized> Text for &T {
    fn put(&self, out: &mut Vec<u8>) {
        (*self).put(out);
    }
}

/// Texts one after the other.
impl<A: Text, B: Text> Text for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
}

impl<A: Text, B: Text, C: Text> Text for (A, B, C) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        (&self.1, &self.2).put(out);
    }
}

impl<A: Text, B: Text, C: Text, D: Text> Text for (A, B, C, D) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        (&self.1, &self.2, &self.3).put(out);
    }
}

impl<A: Text, B: Text, C: Text, D: Text, E: Text> Text for (A, B, C, D, E) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        (&self.1, &self.2, &self.3, &self.4).put(out);
    }
}

/// A number in at least so many digits, up to 20.
pub struct Padded(pub u64, pub usize);

impl Text for Padded {
    fn put(&self, out: &mut Vec<u8>) {
        put_digits(out, self.0, self.1);
    }
}

/// A number in 16 hexadecimal digits.
pub struct Hex(pub u64);

impl Text for Hex {
    fn put(&self, out: &mut Vec<u8>) {
        let mut text = [0; 16];
        for (index, digit) in text.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(self.0 >> (60 - 4 * index)) as usize & 15];
        }
        out.extend_from_slice(&text);
    }
}

/// Money in cents, shown in dollars: `19.99`.
pub struct Cents(pub u64);

impl Text for Cents {
    fn put(&self, out: &mut Vec<u8>) {
        (self.0 / 100, ".", Padded(self.0 % 100, 2)).put(out);
    }
}

/// Millionths of a degree, shown in degrees: `-74.006000`.
pub struct Degrees(pub i64);

impl Text for Degrees {
    fn put(&self, out: &mut Vec<u8>) {
        let degrees = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        (sign, degrees / 1_000_000, ".", Padded(degrees % 1_000_000, 6)).put(out);
    }
}

/// An instant as RFC 3339 with milliseconds, for the years 0 to 9999.
pub struct Rfc3339(pub Micros);

const DAY: Micros = 86_400_000_000;

impl Text for Rfc3339 {
    fn put(&self, out: &mut Vec<u8>) {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let millis = (self.0.rem_euclid(DAY) / 1_000) as u64;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (at, pair) in [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, millis / 3_600_000),
            (14, millis / 60_000 % 60),
            (17, millis / 1_000 % 60),
            (21, millis % 100),
        ] {
            text[at..at + 2].copy_from_slice(&two_digits(pair));
        }
        text[20] = b'0' + (millis / 100 % 10) as u8;
        out.extend_from_slice(&text);
    }
}

/// Year, month and day of a number of days since 1970-01-01, after Howard Hinnant's "chrono-compatible
/// low-level date algorithms": years that begin in March, in eras of 400.
fn date(days: i64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    ((year + era * 400 + next).clamp(0, 9_999) as u64, month as u64, day as u64)
}

/// `number` in at least `width` digits.
fn put_digits(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    while number >= 10 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&two_digits(number % 100));
        number /= 100;
    }
    if number > 0 || at == text.len() {
        at -= 1;
        text[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&text[at.min(text.len().saturating_sub(width))..]);
}

/// The last two digits of a number.
fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: impl Text) -> String {
        let mut out = Vec::new();
        value.put(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn values_are_written_as_people_read_them() {
        assert_eq!(shown(Cents(1_905)), "19.05");
        assert_eq!(shown(Degrees(-74_006_000)), "-74.006000");
        assert_eq!(shown(Degrees(-6)), "-0.000006");
        assert_eq!(shown(Hex(0x0123_4567_89ab_cdef)), "0123456789abcdef");
        assert_eq!(shown(("a", 7, "b")), "a7b");
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 7, 10, 99, 100, 101, 12_345, 123_456, u64::MAX] {
            assert_eq!(shown(number), number.to_string());
            assert_eq!(shown(Padded(number, 5)), format!("{number:05}"));
        }
    }

    #[test]
    fn times_are_written_as_chrono_writes_them() {
        let first = -62_135_596_800_000_000; // 0001-01-01
        for days in (0..3_000_000).step_by(97).chain([146_096, 146_097, 738_000]) {
            let time = first + days * DAY + (days * 7_919_003) % DAY;
            assert_eq!(shown(Rfc3339(time)), crate::units::format_rfc3339(time));
        }
    }
}
