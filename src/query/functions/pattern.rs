//! Patterns of dates and times as Java writes them: `yyyy-MM-dd HH:mm:ss`.

use crate::clock::Micros;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err};
use std::fmt::Write;

/// A pattern, ready to write and to read times with.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    /// A letter, so many times.
    Field(char, usize),
    Text(String),
    /// What stands in brackets: written always, read where it is there.
    Optional(Vec<Part>),
}

/// The letters that Spark knows, and how often each may stand in a row.
const LETTERS: [(char, usize); 24] = [
    ('G', 4),
    ('y', 6),
    ('M', 4),
    ('L', 4),
    ('d', 2),
    ('D', 3),
    ('E', 4),
    ('F', 1),
    ('a', 1),
    ('h', 2),
    ('H', 2),
    ('k', 2),
    ('K', 2),
    ('m', 2),
    ('s', 2),
    ('S', 9),
    ('Q', 4),
    ('q', 4),
    ('V', 2),
    ('z', 4),
    ('O', 4),
    ('X', 5),
    ('x', 5),
    ('Z', 5),
];

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where it has a letter that Spark does not know, or one too often; with the letter.
    pub fn compile(text: &str) -> Result<Self> {
        let mut letters = text.chars().peekable();
        let parts = parts(&mut letters, false)
            .map_err(|reason| exec_datafusion_err!("date pattern '{text}': {reason}"))?;
        Ok(Self { text: text.into(), parts })
    }

    /// Writes a time, in UTC.
    ///
    /// # Errors
    /// When the time is beyond what a calendar has.
    pub fn write(&self, time: Micros) -> Result<String> {
        let time = calendar(time)?;
        let mut out = String::new();
        write_parts(&self.parts, &time, &mut out);
        Ok(out)
    }

    /// Reads a time; what the pattern lacks is that of 1970-01-01 00:00:00 UTC.
    ///
    /// # Errors
    /// When the text does not have the form of the pattern, or is no time.
    pub fn read(&self, text: &str) -> Result<Micros> {
        let mut read = super::reading::Read::default();
        let wrong = || exec_datafusion_err!("'{text}' is not a time of the form '{}'", self.text);
        let rest = read_parts(&self.parts, text, &mut read)?.ok_or_else(wrong)?;
        if !rest.is_empty() {
            return Err(wrong());
        }
        read.time().ok_or_else(wrong)
    }
}

/// A time as a calendar has it.
///
/// # Errors
/// When it is beyond what a calendar has.
pub fn calendar(time: Micros) -> Result<NaiveDateTime> {
    let time = DateTime::from_timestamp_micros(time).map(|time| time.naive_utc());
    time.ok_or_else(|| exec_datafusion_err!("a time is beyond what a calendar has"))
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn parts(letters: &mut Letters<'_>, inside: bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    while let Some(letter) = letters.next() {
        match letter {
            ']' if inside => return Ok(parts),
            '[' if inside => return Err("brackets within brackets".into()),
            '[' => parts.push(Part::Optional(self::parts(letters, true)?)),
            '\'' => parts.push(Part::Text(quoted(letters)?)),
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while letters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                parts.push(field(letter, count)?);
            }
            ']' | '{' | '}' | '#' => return Err(format!("'{letter}' stands in quotes only")),
            other => parts.push(Part::Text(other.into())),
        }
    }
    if inside { Err("a '[' is not closed".into()) } else { Ok(parts) }
}

fn quoted(letters: &mut Letters<'_>) -> Result<String, String> {
    if letters.next_if_eq(&'\'').is_some() {
        return Ok("'".into());
    }
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' if letters.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => return Ok(text),
            other => text.push(other),
        }
    }
    Err("a quote is not closed".into())
}

fn field(letter: char, count: usize) -> Result<Part, String> {
    match LETTERS.iter().find(|(known, _)| *known == letter) {
        Some((_, most)) if count <= *most => Ok(Part::Field(letter, count)),
        Some((_, most)) => Err(format!("'{letter}' {count} times, {most} at most")),
        None if "YWweuc".contains(letter) => Err(format!("'{letter}' counts weeks, which Spark refuses too")),
        None => Err(format!("unknown letter '{letter}'")),
    }
}

fn write_parts(parts: &[Part], time: &NaiveDateTime, out: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Optional(parts) => write_parts(parts, time, out),
            Part::Field(letter, count) => write_field(*letter, *count, time, out),
        }
    }
}

fn write_field(letter: char, count: usize, time: &NaiveDateTime, out: &mut String) {
    let (month, quarter) = (time.month(), time.month().div_ceil(3));
    let number = match letter {
        'y' if count == 2 => time.year().rem_euclid(100) as u32,
        'y' => time.year().unsigned_abs(),
        'M' | 'L' if count < 3 => month,
        'd' => time.day(),
        'D' => time.ordinal(),
        'F' => (time.day() - 1) % 7 + 1,
        'h' => (time.hour() + 11) % 12 + 1,
        'H' => time.hour(),
        'k' => (time.hour() + 23) % 24 + 1,
        'K' => time.hour() % 12,
        'm' => time.minute(),
        's' => time.second(),
        'Q' | 'q' if count < 3 => quarter,
        'S' => {
            let nanos = format!("{:09}", time.nanosecond());
            return out.push_str(&nanos[..count]);
        }
        _ => return out.push_str(&name(letter, count, time)),
    };
    if letter == 'y' && time.year() < 0 {
        out.push('-');
    }
    let _ = write!(out, "{number:0count$}");
}

/// What is written as a word.
fn name(letter: char, count: usize, time: &NaiveDateTime) -> String {
    let quarter = time.month().div_ceil(3);
    let shortened = |name: &str, whole: bool| if whole { name.into() } else { name[..3].to_string() };
    match (letter, count) {
        ('G', 4) => if time.year() > 0 { "Anno Domini" } else { "Before Christ" }.into(),
        ('G', _) => if time.year() > 0 { "AD" } else { "BC" }.into(),
        ('M' | 'L', _) => shortened(MONTHS[time.month0() as usize], count == 4),
        ('E', _) => shortened(DAYS[time.weekday().num_days_from_monday() as usize], count == 4),
        ('a', _) => if time.hour() < 12 { "AM" } else { "PM" }.into(),
        ('Q' | 'q', 3) => format!("Q{quarter}"),
        ('Q' | 'q', _) => format!("{quarter}{} quarter", ["st", "nd", "rd", "th"][quarter as usize - 1]),
        ('O', _) | ('Z', 4) => "GMT".into(),
        ('z', 4) => "Coordinated Universal Time".into(),
        ('X', _) | ('Z', 5) => "Z".into(),
        ('x', 1) => "+00".into(),
        ('x', 3 | 5) => "+00:00".into(),
        ('x' | 'Z', _) => "+0000".into(),
        _ => "UTC".into(),
    }
}

/// What is left of the text, if it begins as the parts say.
fn read_parts<'a>(
    parts: &[Part],
    text: &'a str,
    read: &mut super::reading::Read,
) -> Result<Option<&'a str>, DataFusionError> {
    let mut rest = text;
    for (index, part) in parts.iter().enumerate() {
        let next = match part {
            Part::Text(text) => rest.strip_prefix(text.as_str()),
            Part::Optional(parts) => {
                let before = *read;
                let found = read_parts(parts, rest, read)?;
                if found.is_none() {
                    *read = before;
                }
                found.or(Some(rest))
            }
            Part::Field(letter, _) if "EFQqDG".contains(*letter) => {
                return exec_err!("'{letter}' writes times, it cannot read them");
            }
            Part::Field(letter, count) => {
                let adjacent = matches!(parts.get(index + 1), Some(Part::Field(..)));
                read.field(*letter, *count, adjacent, rest)
            }
        };
        match next {
            Some(next) => rest = next,
            None => return Ok(None),
        }
    }
    Ok(Some(rest))
}

/// The days from the epoch to a date.
pub fn days(date: NaiveDate) -> i32 {
    (date - NaiveDate::default()).num_days() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Micros = 1_753_610_889_012_345; // 2025-07-27 10:08:09.012345, a Sunday

    fn write(pattern: &str) -> String {
        Pattern::compile(pattern)
            .and_then(|pattern| pattern.write(TIME))
            .unwrap_or_else(|error| error.to_string())
    }

    fn read(pattern: &str, text: &str) -> String {
        let time = Pattern::compile(pattern).and_then(|pattern| pattern.read(text));
        time.and_then(calendar).map_or_else(|error| error.to_string(), |time| time.to_string())
    }

    #[test]
    fn times_are_written_as_java_does() {
        for (pattern, expected) in [
            ("yyyy-MM-dd HH:mm:ss", "2025-07-27 10:08:09"),
            ("yy-M-d H:m:s.SSS", "25-7-27 10:8:9.012"),
            ("EEE, EEEE, d MMM, MMMM y", "Sun, Sunday, 27 Jul, July 2025"),
            ("hh:mm a KK kk D", "10:08 AM 10 10 208"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "2025-07-27T10:08:09.012345Z"),
            ("'o''clock' '' QQQ QQQQ q", "o'clock ' Q3 3rd quarter 3"),
            ("xxx Z z VV O G", "+00:00 +0000 UTC UTC GMT AD"),
            ("yyyyyy[ HH]", "002025 10"),
        ] {
            assert_eq!(write(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_wrong_pattern_names_the_letter() {
        for (pattern, part) in [
            ("yyyy-ww", "'w' counts weeks"),
            ("YYYY", "'Y' counts weeks"),
            ("bb", "unknown letter 'b'"),
            ("HHH", "'H' 3 times, 2 at most"),
            ("'open", "a quote is not closed"),
            ("[yyyy", "a '[' is not closed"),
            ("yyyy]", "in quotes only"),
        ] {
            assert!(write(pattern).contains(part), "{pattern}: {}", write(pattern));
        }
    }

    #[test]
    fn times_are_read_as_java_does() {
        for (pattern, text, expected) in [
            ("yyyy-MM-dd HH:mm:ss", "2025-07-27 10:08:09", "2025-07-27 10:08:09"),
            ("yyyyMMddHHmmss", "20250727100809", "2025-07-27 10:08:09"),
            ("d/M/yy h:mm a", "7/12/24 1:05 pm", "2024-12-07 13:05:00"),
            ("dd MMM yyyy", "09 Mar 2025", "2025-03-09 00:00:00"),
            ("d MMMM yyyy", "9 March 2025", "2025-03-09 00:00:00"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSX", "2025-07-27T10:08:09.5+02:00", "2025-07-27 08:08:09.500"),
            ("yyyy-MM-dd[ HH:mm]", "2025-07-27", "2025-07-27 00:00:00"),
            ("yyyy-MM-dd[ HH:mm]", "2025-07-27 10:08", "2025-07-27 10:08:00"),
            ("HH:mm", "24:00", "'24:00' is not a time of the form 'HH:mm'"),
        ] {
            let found = read(pattern, text);
            assert!(found.ends_with(expected), "{pattern} of {text}: {found}");
        }
        for (pattern, text) in [("yyyy-MM-dd", "2025-02-30"), ("yyyy-MM-dd", "2025-2-3"), ("yyyy", "2025!")] {
            assert!(read(pattern, text).contains("is not a time of the form"), "{pattern}");
        }
        assert!(read("EEE", "Sun").contains("cannot read"));
    }
}
