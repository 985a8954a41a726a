//! What stands in a record as text: JSON as it was written, other text, and bytes that are neither.

use serde::de::IgnoredAny;

/// JSON that is nested deeper is shown as text, as most readers do not take it.
const DEEPEST: usize = 128;

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// In one line without blanks.
    Line,
    /// Over several lines, indented.
    Pretty,
}

/// A record's bytes as people see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// A JSON document.
    Json(&'a str),
    /// Text that is none.
    Text(&'a str),
    /// Anything else.
    Binary(&'a [u8]),
}

impl<'a> Seen<'a> {
    /// Text is UTF-8 without control characters, which a terminal would obey.
    pub fn text(bytes: &'a [u8]) -> Self {
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) if !has_control(text) => Self::Text(text),
            _ => Self::Binary(bytes),
        }
    }

    /// The same, where JSON is told from other text.
    pub fn value(bytes: &'a [u8]) -> Self {
        match Self::text(bytes) {
            Self::Text(text) if is_json(text) => Self::Json(text),
            other => other,
        }
    }
}

fn has_control(text: &str) -> bool {
    let obeyed = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0x7f;
    let beyond_ascii = |letter: char| !letter.is_ascii() && letter.is_control();
    // Without an end within a piece it is looked at many bytes at a time.
    let among = |piece: &[u8]| piece.iter().fold(false, |found, byte| found | obeyed(*byte));
    text.as_bytes().chunks(64).any(among) || (!text.is_ascii() && text.chars().any(beyond_ascii))
}

fn is_json(text: &str) -> bool {
    let opening = || text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    serde_json::from_str::<IgnoredAny>(text).is_ok() && (opening() <= DEEPEST || depth(text) <= DEEPEST)
}

fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    each_part(json, |part| match part {
        b"{" | b"[" => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        b"}" | b"]" => depth = depth.saturating_sub(1),
        _ => {}
    });
    deepest
}

/// Bytes as hexadecimal digits: `0x00ff`.
pub fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"0x");
    for byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Writes JSON with another layout. Numbers and texts stay as they were written, so that no digit is lost.
pub fn write(json: &str, layout: Layout, out: &mut Vec<u8>) {
    let (mut depth, mut is_empty) = (0, false);
    let pretty = layout == Layout::Pretty;
    let line = |out: &mut Vec<u8>, depth: usize| {
        if pretty {
            out.push(b'\n');
            out.resize(out.len() + 2 * depth, b' ');
        }
    };
    each_part(json, |part| {
        let closes = matches!(part, b"}" | b"]");
        if closes {
            depth -= 1;
            if !is_empty {
                line(out, depth);
            }
        } else if is_empty {
            line(out, depth);
        }
        out.extend_from_slice(part);
        is_empty = matches!(part, b"{" | b"[");
        match part {
            b"{" | b"[" => depth += 1,
            b"," => line(out, depth),
            b":" if pretty => out.push(b' '),
            _ => {}
        }
    });
}

/// Goes through the parts of a valid document: brackets, commas, colons, texts, and other values.
fn each_part(json: &str, mut visit: impl FnMut(&[u8])) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => text_length(rest),
            _ => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                rest.iter().position(ends).unwrap_or(rest.len())
            }
        };
        visit(&rest[..length]);
        at += length;
    }
}

/// How long the text at the start is, its quotes with it.
fn text_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn laid_out(json: &str, layout: Layout) -> String {
        let mut out = Vec::new();
        write(json, layout, &mut out);
        String::from_utf8(out).expect("UTF-8 as before")
    }

    #[test]
    fn json_is_laid_out_without_a_change_to_its_values() {
        let json = " { \"a\" : [ 1.50 , {} , [ ] ] ,\n\"b\\\"}\": \"x, {\", \"c\":18446744073709551617} ";
        let line = "{\"a\":[1.50,{},[]],\"b\\\"}\":\"x, {\",\"c\":18446744073709551617}";
        assert_eq!(laid_out(json, Layout::Line), line);
        let pretty = "{\n  \"a\": [\n    1.50,\n    {},\n    []\n  ],\n  \"b\\\"}\": \"x, {\",\n  \
                      \"c\": 18446744073709551617\n}";
        assert_eq!(laid_out(json, Layout::Pretty), pretty);
        assert_eq!(laid_out("\"\\\\\"", Layout::Line), "\"\\\\\"");
    }

    #[test]
    fn what_a_terminal_would_obey_and_what_is_no_text_is_binary() {
        assert_eq!(Seen::value(b"{\"a\": 1}"), Seen::Json("{\"a\": 1}"));
        assert_eq!(Seen::value("caf\u{e9}\n".as_bytes()), Seen::Text("caf\u{e9}\n"));
        for bytes in [b"\x00\x01" as &[u8], b"\xff", b"\x1b[2J", "\u{9b}2J".as_bytes()] {
            assert_eq!(Seen::value(bytes), Seen::Binary(bytes));
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(Seen::value(deep.as_bytes()), Seen::Text(&deep));
        let mut digits = Vec::new();
        hex(b"\x00\xff\x1a", &mut digits);
        assert_eq!(digits, b"0x00ff1a");
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec((".*", inner), 0..4)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_layouts_are_those_of_serde(value in any_json()) {
            let (line, pretty) = (value.to_string(), format!("{value:#}"));
            prop_assert_eq!(laid_out(&pretty, Layout::Line), line.clone());
            prop_assert_eq!(laid_out(&line, Layout::Pretty), pretty);
        }
    }
}
