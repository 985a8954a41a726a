//! A record by a form such as `%k %p %s\n`: kcat's.

use super::print::View;
use std::io::Write;
use std::str::FromStr;

/// What is written for each record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    Value,
    ValueLength,
    Key,
    KeyLength,
    Headers,
    Partition,
    Offset,
    Time,
    Topic,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let piece = match letter {
                '%' => Self::field(letters.next())?,
                '\\' => Piece::Bytes(vec![Self::escaped(&mut letters)?]),
                other => Piece::Bytes(other.to_string().into_bytes()),
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Bytes(before)), Piece::Bytes(bytes)) => before.extend(bytes),
                (_, piece) => pieces.push(piece),
            }
        }
        Ok(Self(pieces))
    }
}

impl Template {
    /// The values as they are, each with a line end.
    pub fn raw() -> Self {
        Self(vec![Piece::Value, Piece::Bytes(b"\n".to_vec())])
    }

    /// Whether it shows headers.
    pub fn wants_headers(&self) -> bool {
        self.0.contains(&Piece::Headers)
    }

    fn field(letter: Option<char>) -> Result<Piece, String> {
        Ok(match letter {
            Some('s') => Piece::Value,
            Some('S') => Piece::ValueLength,
            Some('k') => Piece::Key,
            Some('K') => Piece::KeyLength,
            Some('h') => Piece::Headers,
            Some('p') => Piece::Partition,
            Some('o') => Piece::Offset,
            Some('T') => Piece::Time,
            Some('t') => Piece::Topic,
            Some('%') => Piece::Bytes(b"%".to_vec()),
            other => {
                let field = other.map_or_else(|| "%".into(), |letter| format!("%{letter}"));
                return Err(format!(
                    "'{field}' is no field: there are %s value, %S its length, %k key, %K its length, %h headers, \
                     %t topic, %p partition, %o offset, %T time in milliseconds, and %%"
                ));
            }
        })
    }

    fn escaped(letters: &mut std::str::Chars<'_>) -> Result<u8, String> {
        Ok(match letters.next() {
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('r') => b'\r',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                let number = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
                number.ok_or_else(|| "write \\x and two digits, as \\x1f".to_string())?
            }
            _ => return Err("there are \\n, \\t, \\r, \\0, \\\\ and \\x1f".into()),
        })
    }

    /// Writes a record; a null writes nothing, and its length is -1.
    pub fn write(&self, topic: &str, record: &View<'_>, out: &mut Vec<u8>) {
        let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        for piece in &self.0 {
            let number = match piece {
                Piece::Bytes(bytes) => {
                    out.extend_from_slice(bytes);
                    continue;
                }
                Piece::Value | Piece::Key => {
                    let bytes = if *piece == Piece::Value { record.value } else { record.key };
                    out.extend_from_slice(bytes.unwrap_or_default());
                    continue;
                }
                Piece::Topic => {
                    out.extend_from_slice(topic.as_bytes());
                    continue;
                }
                Piece::Headers => {
                    record.headers_into(out, ",");
                    continue;
                }
                Piece::ValueLength => length(record.value),
                Piece::KeyLength => length(record.key),
                Piece::Partition => i64::from(record.partition),
                Piece::Offset => record.offset,
                Piece::Time => record.millis.unwrap_or(-1),
            };
            // Writing to memory does not fail.
            let _ = write!(out, "{number}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(template: &str, record: &View<'_>) -> String {
        let mut out = Vec::new();
        template.parse::<Template>().expect("a template").write("t", record, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_record_is_written_by_a_form() {
        let headers = vec![("a".into(), Some(b"1" as &[u8])), ("b".into(), None)];
        let record =
            View { partition: 3, offset: 7, millis: Some(5), key: Some(b"k"), value: Some(b"vv"), headers };
        assert_eq!(
            written("%t/%p@%o %T %k:%K %s:%S %h 100%%\\n", &record),
            "t/3@7 5 k:1 vv:2 a=1,b=NULL 100%\n"
        );
        let tombstone = View { key: None, value: None, millis: None, headers: vec![], ..record };
        assert_eq!(written("[%k:%K][%s:%S][%T]\\x41\\t", &tombstone), "[:-1][:-1][-1]A\t");
        for wrong in ["%", "%x", "\\q", "\\x4", "\\"] {
            assert!(wrong.parse::<Template>().is_err(), "{wrong}");
        }
    }
}
