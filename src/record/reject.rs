//! A record that cannot be used is a value with a reason.

use std::fmt;

/// Why a record was refused; the names are what dead letters, metrics and reject files show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The bytes are not one JSON object.
    MalformedJson,
    /// A NOT NULL column is absent or null.
    MissingField,
    /// A value cannot be its column's type.
    TypeMismatch,
    /// The amount is null.
    NullAmount,
    /// The amount is not above 0.
    InvalidAmount,
    /// The customer is null.
    NullCustomer,
    /// Another of the record's rules fails.
    InvalidValue,
    /// An expression of the query fails on the record.
    TransformFailed,
    /// Its event time is older than the freshness limit.
    Stale,
    /// All of its windows were final before it came.
    Late,
    /// Over the topic's maximum size on producing.
    TooLarge,
    /// A line of a CSV that is no row of it: too few or too many fields, or not UTF-8.
    MalformedRow,
    /// The broker did not acknowledge the record.
    NotDelivered,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::MalformedJson,
        Self::MissingField,
        Self::TypeMismatch,
        Self::NullAmount,
        Self::InvalidAmount,
        Self::NullCustomer,
        Self::InvalidValue,
        Self::TransformFailed,
        Self::Stale,
        Self::Late,
        Self::TooLarge,
        Self::MalformedRow,
        Self::NotDelivered,
    ];

    /// The code as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedJson => "MALFORMED_JSON",
            Self::MissingField => "MISSING_FIELD",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::NullAmount => "NULL_AMOUNT",
            Self::InvalidAmount => "INVALID_AMOUNT",
            Self::NullCustomer => "NULL_CUSTOMER",
            Self::InvalidValue => "INVALID_VALUE",
            Self::TransformFailed => "TRANSFORM_FAILED",
            Self::Stale => "STALE",
            Self::Late => "LATE",
            Self::TooLarge => "TOO_LARGE",
            Self::MalformedRow => "MALFORMED_ROW",
            Self::NotDelivered => "NOT_DELIVERED",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why one record was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The code.
    pub code: Code,
    /// A sentence with the column, the value or the position.
    pub reason: String,
    /// The column that is at fault, where it is one.
    pub column: Option<Box<str>>,
}

impl Reject {
    /// A refusal with its reason.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), column: None }
    }

    /// The same, where it is because of this column.
    #[must_use]
    pub fn about(self, column: &str) -> Self {
        Self { column: Some(column.into()), ..self }
    }

    /// The column that is absent or null, where that is why.
    pub fn missing(&self) -> Option<&str> {
        let is_missing = matches!(self.code, Code::MissingField | Code::NullAmount | Code::NullCustomer);
        self.column.as_deref().filter(|_| is_missing)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}
