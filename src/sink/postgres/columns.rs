//! Which type of PostgreSQL a column gets, and its values as a binary COPY has them.

use crate::Result;
use crate::record::zone;
use crate::sink::lines;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int16Array, Int32Array,
    Int64Array, LargeBinaryArray, LargeStringArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use bytes::{BufMut, BytesMut};
use tokio_postgres::types::Type;

/// PostgreSQL counts from the year 2000.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// The first day and the last that PostgreSQL has, and the first microsecond; its last is behind ours.
const FIRST_DAY: i32 = -2_451_545;
const LAST_DAY: i32 = 2_145_031_948;
const FIRST_MICRO: i64 = -211_813_488_000_000_000;

/// The types that columns get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    /// So many digits, so many of them behind the point; without them any number.
    Numeric(Option<(u8, i8)>),
    Text,
    Bytes,
    Date,
    /// A timestamp with time zone.
    Instant,
    /// Everything with parts.
    Json,
}

impl Kind {
    /// The type for values of an Arrow type.
    pub fn of(kind: &DataType) -> Self {
        match kind {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Integer,
            DataType::Int64 | DataType::UInt32 => Self::BigInt,
            DataType::UInt64 => Self::Numeric(Some((20, 0))),
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(digits, scale)
            | DataType::Decimal64(digits, scale)
            | DataType::Decimal128(digits, scale)
            | DataType::Decimal256(digits, scale) => {
                Self::Numeric((*scale >= 0).then_some((*digits, *scale)))
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(..) => Self::Instant,
            DataType::Dictionary(_, values) => Self::of(values),
            nested if nested.is_nested() => Self::Json,
            _ => Self::Text,
        }
    }

    /// Its name in SQL.
    pub fn sql(self) -> String {
        match self {
            Self::Boolean => "boolean",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Numeric(Some((digits, scale))) => return format!("numeric({digits}, {scale})"),
            Self::Numeric(None) => "numeric",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Date => "date",
            Self::Instant => "timestamp with time zone",
            Self::Json => "jsonb",
        }
        .into()
    }

    /// The same as the server tells of a column.
    pub fn column(self) -> Type {
        match self {
            Self::Boolean => Type::BOOL,
            Self::SmallInt => Type::INT2,
            Self::Integer => Type::INT4,
            Self::BigInt => Type::INT8,
            Self::Real => Type::FLOAT4,
            Self::Double => Type::FLOAT8,
            Self::Numeric(_) => Type::NUMERIC,
            Self::Text => Type::TEXT,
            Self::Bytes => Type::BYTEA,
            Self::Date => Type::DATE,
            Self::Instant => Type::TIMESTAMPTZ,
            Self::Json => Type::JSONB,
        }
    }

    /// The Arrow type in which its values are read.
    fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Bytes => DataType::LargeBinary,
            Self::Date => DataType::Date32,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Numeric(_) | Self::Text | Self::Json => DataType::LargeUtf8,
        }
    }
}

/// The rows of a batch, to be written one after the other.
pub struct Rows {
    columns: Vec<Values>,
}

impl Rows {
    /// Takes a batch apart.
    ///
    /// # Errors
    /// When a value has no form in its column's type.
    pub fn of(rows: &RecordBatch) -> Result<Self> {
        let schema = rows.schema();
        let values = schema.fields().iter().zip(rows.columns());
        let values = values.map(|(field, column)| Values::of(Kind::of(field.data_type()), column));
        Ok(Self { columns: values.collect::<Result<_>>()? })
    }

    /// Writes one.
    pub fn put(&self, row: usize, out: &mut BytesMut) {
        out.put_i16(self.columns.len() as i16);
        for column in &self.columns {
            column.put(row, out);
        }
    }
}

/// A column's values in one of few forms.
struct Values {
    nulls: Option<NullBuffer>,
    form: Form,
}

enum Form {
    Boolean(BooleanArray),
    SmallInt(Int16Array),
    Integer(Int32Array),
    BigInt(Int64Array),
    Real(Float32Array),
    Double(Float64Array),
    /// As decimal digits.
    Numeric(LargeStringArray),
    Text(LargeStringArray),
    Bytes(LargeBinaryArray),
    Date(Date32Array),
    Instant(TimestampMicrosecondArray),
    Json(Vec<Vec<u8>>),
}

impl Values {
    fn of(kind: Kind, column: &ArrayRef) -> Result<Self> {
        if kind == Kind::Json {
            return Ok(Self { nulls: column.logical_nulls(), form: Form::Json(documents(column)?) });
        }
        let column = cast(&zone::label(column, None)?, &kind.arrow())?;
        let form = match kind {
            Kind::Boolean => Form::Boolean(column.as_boolean().clone()),
            Kind::SmallInt => Form::SmallInt(column.as_primitive().clone()),
            Kind::Integer => Form::Integer(column.as_primitive().clone()),
            Kind::BigInt => Form::BigInt(column.as_primitive().clone()),
            Kind::Real => Form::Real(column.as_primitive().clone()),
            Kind::Double => Form::Double(column.as_primitive().clone()),
            Kind::Numeric(_) => Form::Numeric(column.as_string().clone()),
            Kind::Text | Kind::Json => Form::Text(column.as_string().clone()),
            Kind::Bytes => Form::Bytes(column.as_binary().clone()),
            Kind::Date => Form::Date(column.as_primitive().clone()),
            Kind::Instant => Form::Instant(column.as_primitive().clone()),
        };
        Ok(Self { nulls: column.logical_nulls(), form })
    }

    fn put(&self, row: usize, out: &mut BytesMut) {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return out.put_i32(-1);
        }
        match &self.form {
            Form::Boolean(values) => sized(out, &[u8::from(values.value(row))]),
            Form::SmallInt(values) => sized(out, &values.value(row).to_be_bytes()),
            Form::Integer(values) => sized(out, &values.value(row).to_be_bytes()),
            Form::BigInt(values) => sized(out, &values.value(row).to_be_bytes()),
            Form::Real(values) => sized(out, &values.value(row).to_be_bytes()),
            Form::Double(values) => sized(out, &values.value(row).to_be_bytes()),
            Form::Numeric(values) => put_numeric(out, values.value(row)),
            Form::Text(values) => put_text(out, values.value(row)),
            Form::Bytes(values) => sized(out, values.value(row)),
            Form::Date(values) => sized(out, &date(values.value(row)).to_be_bytes()),
            Form::Instant(values) => sized(out, &instant(values.value(row)).to_be_bytes()),
            Form::Json(documents) => put_json(out, &documents[row]),
        }
    }
}

/// A day as PostgreSQL counts; infinity where it has none so early or so late.
fn date(days: i32) -> i32 {
    match days.saturating_sub(EPOCH_DAYS) {
        early if early < FIRST_DAY => i32::MIN,
        late if late > LAST_DAY => i32::MAX,
        day => day,
    }
}

/// An instant as PostgreSQL counts; minus infinity where it has none so early.
fn instant(micros: i64) -> i64 {
    match micros.saturating_sub(EPOCH_MICROS) {
        early if early < FIRST_MICRO => i64::MIN,
        micro => micro,
    }
}

/// A text. PostgreSQL's cannot have the character 0.
fn put_text(out: &mut BytesMut, text: &str) {
    if text.contains('\0') {
        sized(out, text.replace('\0', "\u{FFFD}").as_bytes());
    } else {
        sized(out, text.as_bytes());
    }
}

fn sized(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(bytes.len() as i32);
    out.put_slice(bytes);
}

/// The documents of a column, in the form that lines of JSON have.
fn documents(column: &ArrayRef) -> Result<Vec<Vec<u8>>> {
    const BEFORE: usize = r#"{"v":"#.len();
    let alone = RecordBatch::try_from_iter_with_nullable([("v", column.clone(), true)])?;
    let text = lines::ndjson(&[alone])?;
    let inner = |line: &[u8]| without_zeros(line.get(BEFORE..line.len() - 1).unwrap_or_default());
    Ok(lines::split(&text).map(inner).collect())
}

/// A document without the character 0, which PostgreSQL's cannot have.
fn without_zeros(document: &[u8]) -> Vec<u8> {
    const ZERO: &[u8] = b"\\u0000";
    let mut out = Vec::with_capacity(document.len());
    let mut rest = document;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        // What is behind a backslash belongs to it, another backslash too.
        let (escape, behind) =
            rest.split_at(if rest.starts_with(ZERO) { ZERO.len() } else { 2.min(rest.len()) });
        out.extend_from_slice(if escape == ZERO { b"\\ufffd" } else { escape });
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

fn put_json(out: &mut BytesMut, document: &[u8]) {
    out.put_i32(document.len() as i32 + 1);
    // The version of the form.
    out.put_u8(1);
    out.put_slice(document);
}

/// A decimal number: groups of four digits, where the first one stands, the sign, and the digits behind the point.
fn put_numeric(out: &mut BytesMut, text: &str) {
    let (sign, digits) = text.strip_prefix('-').map_or((0, text), |digits| (0x4000, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (before, behind) = (whole.len().div_ceil(4), fraction.len().div_ceil(4));
    let padded = format!("{whole:0>before$}{fraction:0<behind$}", before = before * 4, behind = behind * 4);
    out.put_i32(8 + 2 * (before + behind) as i32);
    out.put_i16((before + behind) as i16);
    out.put_i16(before as i16 - 1);
    out.put_i16(sign);
    out.put_i16(fraction.len() as i16);
    let group = |group: &[u8]| group.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'));
    padded.as_bytes().chunks(4).for_each(|digits| out.put_i16(group(digits)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_cannot_keep_is_as_near_as_it_gets() {
        let mut out = BytesMut::new();
        put_text(&mut out, "a\0b");
        assert_eq!(&out[4..], "a\u{FFFD}b".as_bytes());
        for (document, kept) in [
            (r#"{"a":"x\u0000y\u0000"}"#, r#"{"a":"x\ufffdy\ufffd"}"#),
            (r#"{"a":"\\u0000","b":"\n\\\u0000"}"#, r#"{"a":"\\u0000","b":"\n\\\ufffd"}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&without_zeros(document.as_bytes())), kept);
        }
        for (micros, kept) in [
            (i64::MIN, i64::MIN),
            (FIRST_MICRO + EPOCH_MICROS - 1, i64::MIN),
            (FIRST_MICRO + EPOCH_MICROS, FIRST_MICRO),
            (EPOCH_MICROS, 0),
            (i64::MAX, i64::MAX - EPOCH_MICROS),
        ] {
            assert_eq!(instant(micros), kept, "{micros}");
        }
        assert_eq!([i32::MIN, EPOCH_DAYS, i32::MAX].map(date), [i32::MIN, 0, i32::MAX]);
    }

    #[test]
    fn a_number_is_groups_of_four_digits() {
        let numeric = |text: &str| {
            let mut out = BytesMut::new();
            put_numeric(&mut out, text);
            let words = out[4..].chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
            (i32::from_be_bytes([out[0], out[1], out[2], out[3]]), words.collect::<Vec<_>>())
        };
        assert_eq!(numeric("12345.678"), (14, vec![3, 1, 0, 3, 1, 2345, 6780]));
        assert_eq!(numeric("-0.05"), (12, vec![2, 0, 0x4000, 2, 0, 500]));
        assert_eq!(numeric("7"), (10, vec![1, 0, 0, 0, 7]));
    }

    #[test]
    fn every_type_has_one_of_postgresql() {
        let sql = |kind: &DataType| Kind::of(kind).sql();
        assert_eq!(sql(&DataType::Decimal128(12, 2)), "numeric(12, 2)");
        assert_eq!(sql(&DataType::Timestamp(TimeUnit::Nanosecond, None)), "timestamp with time zone");
        assert_eq!(sql(&DataType::new_list(DataType::Int32, true)), "jsonb");
        assert_eq!(sql(&DataType::Duration(TimeUnit::Second)), "text");
        let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert_eq!(sql(&words), "text");
    }
}
