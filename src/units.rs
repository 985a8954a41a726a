//! Durations, sizes and instants as people write them.

use crate::clock::Micros;
use crate::{Error, Result};
use std::time::Duration;

/// Reads a duration: `10s`, `500ms`, `5m`, `1h30m`, `10 minutes`; a bare number is seconds.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::usage(format!("'{text}' is not a duration"))
            .hint("write 10s, 500ms, 5m, 1h30m or '10 minutes'; a bare number is seconds")
    };
    let mut total = 0f64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        total += number * unit_seconds(&rest[..letters].to_ascii_lowercase()).ok_or_else(wrong)?;
        rest = rest[letters..].trim_start();
    }
    // More than a thousand years is a typing error, and would overflow microseconds further on.
    if total > 32e9 {
        return Err(Error::usage(format!("'{text}' is longer than a thousand years")));
    }
    Duration::try_from_secs_f64(total).map_err(|_| wrong())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "us" | "microsecond" | "microseconds" => 1e-6,
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

/// Writes a duration the short way: `500ms`, `10s`, `1h30m`, `7d`.
pub fn format_duration(duration: Duration) -> String {
    let mut millis = duration.as_millis() as u64;
    if millis == 0 {
        return if duration.is_zero() { "0s".into() } else { format!("{}us", duration.as_micros()) };
    }
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= size {
            text += &format!("{}{unit}", millis / size);
            millis %= size;
        }
    }
    text
}

/// Writes an age in milliseconds as people read it: `120ms`, `5m10s`, `12h35m`, `3d7h`; 0 where it is negative.
pub fn format_age(millis: i64) -> String {
    let millis = u64::try_from(millis).unwrap_or(0);
    let unit = match millis {
        86_400_000.. => 3_600_000,
        3_600_000.. => 60_000,
        1_000.. => 1_000,
        _ => 1,
    };
    format_duration(Duration::from_millis(millis / unit * unit))
}

/// Reads how many there are: `1200`, `1_000_000`, `200k`, `2M`. Units are powers of 1000.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_count(text: &str) -> Result<u64> {
    let wrong = || Error::usage(format!("'{text}' is no number")).hint("write 1200, 1_000_000, 200k or 2M");
    let plain = text.trim().replace('_', "");
    let units = [('k', 1_000), ('m', 1_000_000), ('g', 1_000_000_000)];
    let unit = units.iter().find(|(unit, _)| plain.to_ascii_lowercase().ends_with(*unit));
    let (digits, factor) = unit.map_or((&*plain, 1), |(_, factor)| (&plain[..plain.len() - 1], *factor));
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

/// Reads a size in bytes: `512KB`, `1g`, `10MiB`, or bare bytes. Units are powers of 1024.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_size(text: &str) -> Result<u64> {
    let wrong = || Error::usage(format!("'{text}' is not a size")).hint("write 512KB, 10MiB, 1g, or bytes");
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let number: f64 = trimmed[..digits].parse().map_err(|_| wrong())?;
    let factor: u64 = match trimmed[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    let bytes = number * factor as f64;
    if bytes < 9e18 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// Writes a size the short way: `512 B`, `1.5 MiB`.
pub fn format_size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            let digits = usize::from(unit != "B" && value.fract() != 0.0);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Writes a count with thousands separated: `1,234,567`.
pub fn format_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes an instant for people: `YYYY-MM-DD HH:MM:SS`, UTC, with a fraction only where there is one.
pub fn format_time(time: Micros) -> String {
    instant(time, "%Y-%m-%d %H:%M:%S%.f")
}

/// Writes an instant for machines, as RFC 3339 in UTC with milliseconds: `2025-07-27T10:08:09.123Z`.
pub fn format_rfc3339(time: Micros) -> String {
    instant(time, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

fn instant(time: Micros, form: &str) -> String {
    chrono::DateTime::from_timestamp_micros(time)
        .map_or_else(|| format!("{time} us"), |time| time.format(form).to_string())
}

/// Reads an instant: RFC 3339, `YYYY-MM-DD HH:MM:SS`, `YYYY-MM-DD` (both UTC), or epoch milliseconds.
///
/// # Errors
/// A usage error that shows the accepted forms.
pub fn parse_time(text: &str) -> Result<Micros> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return millis.checked_mul(1_000).ok_or_else(|| not_a_time(text));
    }
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    let day = format!("{text} 00:00:00");
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .flat_map(|form| [text, &day].map(|text| chrono::NaiveDateTime::parse_from_str(text, form)))
        .find_map(|parsed| parsed.ok())
        .map(|time| time.and_utc().timestamp_micros())
        .ok_or_else(|| not_a_time(text))
}

fn not_a_time(text: &str) -> Error {
    Error::usage(format!("'{text}' is not a time"))
        .hint("write 2025-07-27T10:08:09Z, '2025-07-27 10:08:09' (UTC), or epoch milliseconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let cases = [
            ("10s", 10_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("10", 10_000),
            ("10 minutes", 600_000),
            ("1 minute", 60_000),
            ("0.5", 500),
            ("0s", 0),
            ("1d", 86_400_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "ten", "5 parsecs", "-1s", "1h30x", "99999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_written_duration_reads_back() {
        for millis in [1, 500, 1_000, 61_000, 5_400_000, 604_800_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn an_age_has_two_units() {
        let cases = [(-5, "0s"), (120, "120ms"), (5_999, "5s"), (310_500, "5m10s"), (45_310_000, "12h35m")];
        for (millis, text) in cases.into_iter().chain([(284_800_000, "3d7h")]) {
            assert_eq!(format_age(millis), text);
        }
    }

    #[test]
    fn counts_are_read() {
        for (text, count) in
            [("0", 0), ("1200", 1_200), ("1_000_000", 1_000_000), ("200k", 200_000), ("2M", 2_000_000)]
        {
            assert_eq!(parse_count(text), Ok(count), "{text}");
        }
        for text in ["", "k", "-5", "1.5", "1e6", "99999999999999999999", "99999999999999999g", "ten"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [("512KB", 524_288), ("1g", 1 << 30), ("10MiB", 10 << 20), ("7", 7)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert!(parse_size("a lot").is_err());
        assert_eq!(format_size(1_048_576), "1 MiB");
        assert_eq!(format_size(1_572_864), "1.5 MiB");
        assert_eq!(format_count(1_234_567), "1,234,567");
    }

    #[test]
    fn times_are_read_in_each_form() {
        let time = 1_753_610_889_123_000;
        for text in ["2025-07-27T10:08:09.123Z", "2025-07-27 10:08:09.123", "1753610889123"] {
            assert_eq!(parse_time(text), Ok(time), "{text}");
        }
        assert_eq!(format_rfc3339(time), "2025-07-27T10:08:09.123Z");
        assert_eq!(format_time(time - 123_000), "2025-07-27 10:08:09");
        assert!(parse_time("yesterday").is_err());
    }
}
