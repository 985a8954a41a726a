//! Rows to text, straight into one reused buffer.

use crate::clock::Micros;
use chrono::{Datelike, Timelike};
use std::fmt::{self, Display, Write};

/// Where a row's fields go, in their order. Texts come from the generator's own tables and numbers,
/// which hold nothing that CSV or JSON would have to escape; a test reads every form back.
pub trait Fields {
    /// A text.
    fn text(&mut self, name: &str, value: impl Display);
    /// A number.
    fn number(&mut self, name: &str, value: impl Display);
    /// A yes or no.
    fn flag(&mut self, name: &str, value: bool);
}

/// A row as CSV, with Python's `True` and `False`.
pub struct Csv<'a> {
    out: &'a mut String,
    row_start: usize,
}

impl<'a> Csv<'a> {
    /// Writes one row, line end included.
    pub fn row(out: &'a mut String, fields: impl FnOnce(&mut Self)) {
        let row_start = out.len();
        let mut row = Self { out, row_start };
        fields(&mut row);
        row.out.push('\n');
    }
}

impl Fields for Csv<'_> {
    fn text(&mut self, _name: &str, value: impl Display) {
        if self.out.len() > self.row_start {
            self.out.push(',');
        }
        put(self.out, value);
    }

    fn number(&mut self, name: &str, value: impl Display) {
        self.text(name, value);
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "True" } else { "False" });
    }
}

/// A row's names: the header line of a CSV.
pub struct Header<'a>(Csv<'a>);

impl<'a> Header<'a> {
    /// Writes the header line, line end included.
    pub fn row(out: &'a mut String, fields: impl FnOnce(&mut Self)) {
        let row_start = out.len();
        let mut header = Self(Csv { out, row_start });
        fields(&mut header);
        header.0.out.push('\n');
    }
}

impl Fields for Header<'_> {
    fn text(&mut self, name: &str, _value: impl Display) {
        self.0.text(name, name);
    }

    fn number(&mut self, name: &str, _value: impl Display) {
        self.0.text(name, name);
    }

    fn flag(&mut self, name: &str, _value: bool) {
        self.0.text(name, name);
    }
}

/// A row as one JSON object.
pub struct Json<'a>(&'a mut String);

impl<'a> Json<'a> {
    /// Writes one object, without a line end.
    pub fn row(out: &'a mut String, fields: impl FnOnce(&mut Json)) {
        out.push('{');
        fields(&mut Json(out));
        out.push('}');
    }

    /// A nested object.
    pub fn object(&mut self, name: &str, fields: impl FnOnce(&mut Json)) {
        self.name(name);
        Json::row(self.0, fields);
    }

    /// A null.
    pub fn null(&mut self, name: &str) {
        self.name(name);
        self.0.push_str("null");
    }

    fn name(&mut self, name: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
    }
}

impl Fields for Json<'_> {
    fn text(&mut self, name: &str, value: impl Display) {
        self.name(name);
        self.0.push('"');
        put(self.0, value);
        self.0.push('"');
    }

    fn number(&mut self, name: &str, value: impl Display) {
        self.name(name);
        put(self.0, value);
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.number(name, value);
    }
}

/// Writing into a string cannot fail.
fn put(out: &mut String, value: impl Display) {
    let _ = write!(out, "{value}");
}

/// Money in cents, shown in dollars: `19.99`.
pub struct Cents(pub u64);

impl Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Millionths of a degree, shown in degrees: `-74.006`.
pub struct Degrees(pub i64);

impl Display for Degrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let degrees = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:06}", degrees / 1_000_000, degrees % 1_000_000)
    }
}

/// An instant as RFC 3339 with milliseconds. It allocates nothing, unlike [`crate::units::format_rfc3339`].
pub struct Rfc3339(pub Micros);

impl Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = chrono::DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        let (date, millis) = (time.date_naive(), time.timestamp_subsec_millis());
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())?;
        write!(f, "T{:02}:{:02}:{:02}.{millis:03}Z", time.hour(), time.minute(), time.second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_people_read_them() {
        assert_eq!(Cents(1_905).to_string(), "19.05");
        assert_eq!(Degrees(-74_006_000).to_string(), "-74.006000");
        assert_eq!(Degrees(-6).to_string(), "-0.000006");
        let time = 1_753_610_889_123_456;
        assert_eq!(Rfc3339(time).to_string(), crate::units::format_rfc3339(time));
    }

    #[test]
    fn both_forms_hold_the_same_fields() {
        fn fields(row: &mut impl Fields) {
            row.text("name", "Ann");
            row.number("price", Cents(100));
            row.flag("new", true);
        }
        let (mut header, mut csv, mut json) = (String::new(), String::new(), String::new());
        Header::row(&mut header, fields);
        Csv::row(&mut csv, fields);
        Json::row(&mut json, |row| {
            fields(row);
            row.object("home", |home| home.null("city"));
        });
        assert_eq!(header, "name,price,new\n");
        assert_eq!(csv, "Ann,1.00,True\n");
        assert_eq!(json, r#"{"name":"Ann","price":1.00,"new":true,"home":{"city":null}}"#);
    }
}
