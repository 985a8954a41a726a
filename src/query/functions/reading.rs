//! What was read of a time so far, field by field.

use super::pattern::MONTHS;
use crate::clock::Micros;
use chrono::NaiveDate;

/// The fields of a time that a text had.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: u32,
    /// Whether the hour is one of twelve, and then whether after noon.
    half: Option<bool>,
    minute: u32,
    second: u32,
    nanos: u32,
    /// Seconds east of UTC.
    offset: i64,
}

impl Read {
    /// Takes the field of this letter off the text; `adjacent` where another field follows at once.
    pub fn field<'a>(
        &mut self,
        letter: char,
        count: usize,
        adjacent: bool,
        text: &'a str,
    ) -> Option<&'a str> {
        match (letter, count) {
            ('M' | 'L', 3 | 4) => return self.month_name(count, text),
            ('a', _) => return self.half_of_day(text),
            ('S', _) => return self.fraction(count, text),
            ('X' | 'x' | 'Z' | 'z' | 'V' | 'O', _) => return self.zone(text),
            _ => {}
        }
        let most = match (letter, count) {
            ('y', 2) => 2,
            ('y', _) if adjacent => count,
            ('y', _) => 6,
            _ if adjacent => count,
            _ => 2,
        };
        let (number, rest) = digits(text, count, most)?;
        match letter {
            'y' if count == 2 => self.year = Some(2000 + number as i32),
            'y' => self.year = Some(number as i32),
            'M' | 'L' => self.month = Some(number),
            'd' => self.day = Some(number),
            'H' => self.hour = number,
            'h' | 'k' if number == 0 => return None,
            'h' if number > 12 => return None,
            'K' if number > 11 => return None,
            'h' => self.hour = number % 12,
            'K' => self.hour = number,
            'k' => self.hour = number % 24,
            'm' => self.minute = number,
            's' => self.second = number,
            _ => return None,
        }
        if matches!(letter, 'h' | 'K') {
            self.half.get_or_insert(false);
        }
        Some(rest)
    }

    fn month_name<'a>(&mut self, count: usize, text: &'a str) -> Option<&'a str> {
        for (month, name) in (1..).zip(MONTHS) {
            let name = if count == 3 { &name[..3] } else { name };
            if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
                self.month = Some(month);
                return text.get(name.len()..);
            }
        }
        None
    }

    fn half_of_day<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let start = text.get(..2)?.to_ascii_uppercase();
        self.half = Some(match start.as_str() {
            "AM" => false,
            "PM" => true,
            _ => return None,
        });
        text.get(2..)
    }

    fn fraction<'a>(&mut self, count: usize, text: &'a str) -> Option<&'a str> {
        let (number, rest) = digits(text, 1, count)?;
        let length = text.len() - rest.len();
        self.nanos = number * 10u32.pow(9 - length as u32);
        Some(rest)
    }

    /// `Z`, `UTC`, `GMT`, `+02`, `+0200` or `+02:00`.
    fn zone<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        for name in ["UTC", "GMT", "Z"] {
            if let Some(rest) = text.strip_prefix(name) {
                return Some(rest);
            }
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, rest) = digits(&text[1..], 2, 2)?;
        let after = rest.strip_prefix(':').unwrap_or(rest);
        let (minutes, rest) = digits(after, 2, 2).unwrap_or((0, rest));
        self.offset = sign * i64::from(hours * 3600 + minutes * 60);
        (hours <= 18 && minutes < 60).then_some(rest)
    }

    /// The time, if there is one of these fields; microseconds since the epoch.
    pub fn time(self) -> Option<Micros> {
        let date = NaiveDate::from_ymd_opt(
            self.year.unwrap_or(1970),
            self.month.unwrap_or(1),
            self.day.unwrap_or(1),
        )?;
        let hour = self.hour + if self.half == Some(true) { 12 } else { 0 };
        let time = date.and_hms_nano_opt(hour, self.minute, self.second, self.nanos)?;
        Some(time.and_utc().timestamp_micros() - self.offset * 1_000_000)
    }
}

/// A number of at least and at most so many digits, and what follows it.
fn digits(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}
