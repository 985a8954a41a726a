//! Rows to text, straight into one reused buffer. Nothing here allocates.

use super::faults::{Fault, WRONG};
use super::text::Text;

/// Where a row's fields go, in their order. Texts come from the generator's own tables and numbers,
/// which hold nothing that CSV or JSON would have to escape; a test reads every form back.
pub trait Fields {
    /// A text.
    fn text(&mut self, name: &str, value: impl Text);
    /// A number.
    fn number(&mut self, name: &str, value: impl Text) {
        self.text(name, value);
    }
    /// A yes or no, by itself in Python's words.
    fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "True" } else { "False" });
    }
    /// Nothing.
    fn null(&mut self, name: &str) {
        self.text(name, "");
    }
}

/// A row as CSV, with Python's `True` and `False`; a null is an empty cell.
pub struct Csv<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
    fault: Option<Fault>,
}

impl<'a> Csv<'a> {
    /// Writes one row without its line end, and with the fault of its columns.
    pub fn row(out: &'a mut Vec<u8>, fault: Option<Fault>, fields: impl FnOnce(&mut Self)) {
        fields(&mut Self { out, is_first: true, fault });
    }
}

impl Fields for Csv<'_> {
    fn text(&mut self, name: &str, value: impl Text) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        match self.fault {
            Some(Fault::Missing(column)) if column == name => {}
            Some(Fault::WrongType(column)) if column == name => WRONG.put(self.out),
            _ => value.put(self.out),
        }
    }
}

/// A row's names: the header line of a CSV.
pub struct Header<'a>(Csv<'a>);

impl<'a> Header<'a> {
    /// Writes the header line, line end included.
    pub fn row(out: &'a mut Vec<u8>, fields: impl FnOnce(&mut Self)) {
        let mut header = Self(Csv { out, is_first: true, fault: None });
        fields(&mut header);
        header.0.out.push(b'\n');
    }
}

impl Fields for Header<'_> {
    fn text(&mut self, name: &str, _value: impl Text) {
        self.0.text(name, name);
    }
}

/// A row of nulls, whatever its fields are.
pub struct Nulls<'a, F>(pub &'a mut F);

impl<F: Fields> Fields for Nulls<'_, F> {
    fn text(&mut self, name: &str, _value: impl Text) {
        self.0.null(name);
    }
}

/// A row as one JSON object.
pub struct Json<'a> {
    out: &'a mut Vec<u8>,
    fault: Option<Fault>,
}

impl<'a> Json<'a> {
    /// Writes one object without a line end, and with the fault of its columns.
    pub fn row(out: &'a mut Vec<u8>, fault: Option<Fault>, fields: impl FnOnce(&mut Json)) {
        out.push(b'{');
        fields(&mut Json { out, fault });
        out.push(b'}');
    }

    /// A nested object.
    pub fn object(&mut self, name: &str, fields: impl FnOnce(&mut Json)) {
        self.name(name);
        Json::row(self.out, None, fields);
    }

    fn name(&mut self, name: &str) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// Writes what a fault puts in the place of a field; false where the field is as it should be.
    fn is_spoilt(&mut self, name: &str) -> bool {
        match self.fault {
            Some(Fault::Missing(column)) if column == name => true,
            Some(Fault::WrongType(column)) if column == name => {
                self.name(name);
                ("\"", WRONG, "\"").put(self.out);
                true
            }
            _ => false,
        }
    }
}

impl Fields for Json<'_> {
    fn text(&mut self, name: &str, value: impl Text) {
        if !self.is_spoilt(name) {
            self.name(name);
            self.out.push(b'"');
            value.put(self.out);
            self.out.push(b'"');
        }
    }

    fn number(&mut self, name: &str, value: impl Text) {
        if !self.is_spoilt(name) {
            self.name(name);
            value.put(self.out);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.number(name, if value { "true" } else { "false" });
    }

    fn null(&mut self, name: &str) {
        self.number(name, "null");
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Cents;
    use super::*;

    #[test]
    fn both_forms_hold_the_same_fields() {
        fn fields(row: &mut impl Fields) {
            row.text("name", "Ann");
            row.number("price", Cents(100));
            row.flag("new", true);
            row.null("city");
        }
        let mut out = Vec::new();
        Header::row(&mut out, fields);
        for fault in [None, Some(Fault::Missing("name")), Some(Fault::WrongType("price"))] {
            Csv::row(&mut out, fault, fields);
            Json::row(&mut out, fault, |row| {
                fields(row);
                row.object("home", |home| home.null("city"));
            });
            out.push(b'\n');
        }
        Csv::row(&mut out, None, |row| fields(&mut Nulls(row)));
        Json::row(&mut out, None, |row| fields(&mut Nulls(row)));
        let expected = r#"name,price,new,city
Ann,1.00,True,{"name":"Ann","price":1.00,"new":true,"city":null,"home":{"city":null}}
,1.00,True,{"price":1.00,"new":true,"city":null,"home":{"city":null}}
Ann,n/a,True,{"name":"Ann","price":"n/a","new":true,"city":null,"home":{"city":null}}
,,,{"name":null,"price":null,"new":null,"city":null}"#;
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
