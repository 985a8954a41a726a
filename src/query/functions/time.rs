//! Functions of dates and times.

use super::kit::{Function, Judge, Prepared, each, texts, times};
use super::pattern::{Pattern, calendar, days};
use super::time_type;
use crate::clock::Micros;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, TimestampMicrosecondArray};
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::DataType::{Date32, Float64, Int32, Int64, Utf8};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};
use chrono::{Months, NaiveDateTime, Utc};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// How a time is written where nobody says how.
const PLAIN: &str = "yyyy-MM-dd HH:mm:ss";

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    parts().into_iter().chain(readings()).chain(differences()).collect()
}

/// The parts of a time.
fn parts() -> Vec<ScalarUDF> {
    let part = |name, body| Function::udf(name, [vec![time_type()], vec![Date32]], Int32, body);
    vec![
        part("year", |a| Ok(date_part(&a[0], DatePart::Year)?)),
        part("quarter", |a| Ok(date_part(&a[0], DatePart::Quarter)?)),
        part("month", |a| Ok(date_part(&a[0], DatePart::Month)?)),
        part("weekofyear", |a| Ok(date_part(&a[0], DatePart::WeekISO)?)),
        part("day", |a| Ok(date_part(&a[0], DatePart::Day)?)).with_aliases(["dayofmonth"]),
        part("dayofyear", |a| Ok(date_part(&a[0], DatePart::DayOfYear)?)),
        part("dayofweek", |a| {
            let from_sunday = date_part(&a[0], DatePart::DayOfWeekSunday0)?;
            Ok(Arc::new(from_sunday.as_primitive::<Int32Type>().unary::<_, Int32Type>(|day| day + 1)))
        }),
    ]
}

/// From and to texts and numbers.
fn readings() -> Vec<ScalarUDF> {
    let pattern: (usize, Judge) = (1, |text| Pattern::compile(text).map(|_| ()));
    let read = |name, body| {
        let takes = [vec![time_type()], vec![Utf8], vec![Utf8, Utf8], vec![Int64], vec![Float64]];
        Function::judged(name, takes, time_type(), body, pattern)
    };
    let seconds = |name| {
        let takes = [vec![time_type()], vec![Utf8], vec![Utf8, Utf8], vec![time_type(), Utf8]];
        Function::judged(name, takes, Int64, unix_seconds, pattern)
    };
    let of_epoch = |name, body| Function::udf(name, [vec![Int64]], time_type(), body);
    let dates = [vec![Date32], vec![Utf8], vec![Utf8, Utf8]];
    vec![
        Function::judged(
            "date_format",
            [vec![time_type(), Utf8], vec![Date32, Utf8], vec![Utf8, Utf8]],
            Utf8,
            |a| write(times(&read_times(&a[..1], false)?)?, &a[1]),
            pattern,
        ),
        read("to_timestamp", |a| read_times(a, false)),
        read("try_to_timestamp", |a| read_times(a, true)),
        Function::judged("to_date", dates, Date32, to_date, pattern),
        seconds("unix_timestamp"),
        seconds("to_unix_timestamp"),
        Function::judged("from_unixtime", [vec![Int64], vec![Int64, Utf8]], Utf8, from_unixtime, pattern),
        of_epoch("timestamp_seconds", |a| scaled(&a[0], SECOND)),
        of_epoch("timestamp_millis", |a| scaled(&a[0], 1_000)),
        of_epoch("timestamp_micros", |a| scaled(&a[0], 1)),
    ]
}

/// Differences by a unit.
fn differences() -> Vec<ScalarUDF> {
    let known: (usize, Judge) = (0, |text| unit(text).map(|_| ()));
    let (between, to) = ([vec![Utf8, time_type(), time_type()]], [vec![Utf8, Int64, time_type()]]);
    vec![
        Function::judged("timestampdiff", between, Int64, difference, known),
        Function::judged("timestampadd", to, time_type(), add, known),
    ]
}

fn write(times: &TimestampMicrosecondArray, patterns: &ArrayRef) -> Result<ArrayRef> {
    let patterns = texts(patterns)?;
    let mut prepared = Prepared::new(Pattern::compile);
    each(times.len(), |row| match times.is_valid(row) && patterns.is_valid(row) {
        true => prepared.of(patterns.value(row))?.write(times.value(row)).map(Some),
        false => Ok(None),
    })
}

/// A text without a pattern, as a cast reads it; microseconds since the epoch.
///
/// # Errors
/// When it is no time.
pub fn time_of(text: &str) -> Result<Micros> {
    let time = string_to_datetime(&Utc, text.trim());
    time.map(|time| time.timestamp_micros()).map_err(|_| {
        exec_datafusion_err!("'{text}' is no time: write it like 2025-07-27 10:08:09, or name its pattern")
    })
}

fn read_times(arguments: &[ArrayRef], lenient: bool) -> Result<ArrayRef> {
    match arguments[0].data_type() {
        Utf8 => {}
        Int64 => return scaled(&arguments[0], SECOND),
        Float64 => {
            let micros = |seconds: f64| (seconds * 1e6) as Micros;
            let times: TimestampMicrosecondArray = arguments[0].as_primitive::<Float64Type>().unary(micros);
            return Ok(Arc::new(times));
        }
        _ => return Ok(cast(&arguments[0], &time_type())?),
    }
    let texts = texts(&arguments[0])?;
    let patterns = arguments.get(1).map(self::texts).transpose()?;
    let mut prepared = Prepared::new(Pattern::compile);
    let mut read = |row: usize| {
        if texts.is_null(row) || patterns.is_some_and(|patterns| patterns.is_null(row)) {
            return Ok(None);
        }
        let text = texts.value(row);
        let time = match patterns {
            Some(patterns) => prepared.of(patterns.value(row))?.read(text),
            None => time_of(text),
        };
        if lenient { Ok(time.ok()) } else { time.map(Some) }
    };
    let read: TimestampMicrosecondArray = (0..texts.len()).map(&mut read).collect::<Result<_>>()?;
    Ok(Arc::new(read))
}

fn to_date(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    if *arguments[0].data_type() == Date32 {
        return Ok(arguments[0].clone());
    }
    let times = read_times(arguments, false)?;
    let dates = self::times(&times)?.iter().map(|time| match time {
        Some(time) => calendar(time).map(|time| Some(days(time.date()))),
        None => Ok(None),
    });
    Ok(Arc::new(dates.collect::<Result<Date32Array>>()?))
}

fn unix_seconds(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let times = read_times(arguments, false)?;
    let seconds: Int64Array = self::times(&times)?.unary(|time| time.div_euclid(SECOND));
    Ok(Arc::new(seconds))
}

fn from_unixtime(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let times = scaled(&arguments[0], SECOND)?;
    let patterns = match arguments.get(1) {
        Some(patterns) => patterns.clone(),
        None => each(times.len(), |_| Ok(Some(PLAIN.into())))?,
    };
    write(self::times(&times)?, &patterns)
}

fn scaled(numbers: &ArrayRef, unit: Micros) -> Result<ArrayRef> {
    let numbers = numbers.as_primitive::<Int64Type>();
    let beyond = || exec_datafusion_err!("a time is beyond what a calendar has");
    let times = numbers.iter().map(|number| match number {
        Some(number) => number.checked_mul(unit).map(Some).ok_or_else(beyond),
        None => Ok(None),
    });
    Ok(Arc::new(times.collect::<Result<TimestampMicrosecondArray>>()?))
}

/// A unit of time: a stretch of always the same length, or some months.
#[derive(Clone, Copy)]
enum Unit {
    Micros(Micros),
    Months(i64),
}

fn unit(name: &str) -> Result<Unit> {
    Ok(match name.to_ascii_uppercase().as_str() {
        "MICROSECOND" => Unit::Micros(1),
        "MILLISECOND" => Unit::Micros(1_000),
        "SECOND" => Unit::Micros(SECOND),
        "MINUTE" => Unit::Micros(60 * SECOND),
        "HOUR" => Unit::Micros(3_600 * SECOND),
        "DAY" | "DAYOFYEAR" => Unit::Micros(DAY),
        "WEEK" => Unit::Micros(7 * DAY),
        "MONTH" => Unit::Months(1),
        "QUARTER" => Unit::Months(3),
        "YEAR" => Unit::Months(12),
        other => return exec_err!("unknown unit '{other}': write MICROSECOND, … SECOND, … DAY, … YEAR"),
    })
}

fn difference(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (units, from, to) = (texts(&arguments[0])?, times(&arguments[1])?, times(&arguments[2])?);
    let mut prepared = Prepared::new(unit);
    let mut between = |row: usize| {
        if units.is_null(row) || from.is_null(row) || to.is_null(row) {
            return Ok(None);
        }
        let (from, to) = (from.value(row), to.value(row));
        Ok(Some(match *prepared.of(units.value(row))? {
            Unit::Micros(unit) => (to - from) / unit,
            Unit::Months(unit) => months(calendar(from)?, calendar(to)?) / unit,
        }))
    };
    Ok(Arc::new((0..from.len()).map(&mut between).collect::<Result<Int64Array>>()?))
}

/// Whole months from one time to another; negative where the other is before it.
fn months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    use chrono::Datelike;
    if to < from {
        return -months(to, from);
    }
    let all = i64::from(to.year() - from.year()) * 12 + i64::from(to.month0()) - i64::from(from.month0());
    all - i64::from((to.day(), to.time()) < (from.day(), from.time()))
}

fn add(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (units, counts) = (texts(&arguments[0])?, arguments[1].as_primitive::<Int64Type>());
    let times = times(&arguments[2])?;
    let beyond = || exec_datafusion_err!("a time is beyond what a calendar has");
    let mut prepared = Prepared::new(unit);
    let mut add = |row: usize| {
        if units.is_null(row) || counts.is_null(row) || times.is_null(row) {
            return Ok(None);
        }
        let (count, time) = (counts.value(row), times.value(row));
        let later = match *prepared.of(units.value(row))? {
            Unit::Micros(unit) => count.checked_mul(unit).and_then(|more| time.checked_add(more)),
            Unit::Months(unit) => {
                let months = u32::try_from(count.saturating_mul(unit).unsigned_abs()).map(Months::new);
                let (time, months) = (calendar(time)?, months.map_err(|_| beyond())?);
                let later = match count < 0 {
                    true => time.checked_sub_months(months),
                    false => time.checked_add_months(months),
                };
                later.map(|later| later.and_utc().timestamp_micros())
            }
        };
        later.map(Some).ok_or_else(beyond)
    };
    Ok(Arc::new((0..times.len()).map(&mut add).collect::<Result<TimestampMicrosecondArray>>()?))
}
