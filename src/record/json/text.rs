//! Texts: found 16 bytes at a time, their escapes validated at once and resolved when somebody wants them.

use super::{Scan, Scanned};

/// The text between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// As it stands in the document.
    pub raw: &'a [u8],
    /// Whether there is a backslash in it; if not, `raw` is the text.
    pub escaped: bool,
}

impl<'a> Scan<'a> {
    /// Reads a text and validates its escapes.
    #[inline]
    pub fn text(&mut self, expected: &'static str) -> Scanned<Text<'a>> {
        self.expect(b'"', expected)?;
        let start = self.at;
        self.pass_plain();
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(Text { raw: &self.bytes[start..self.at - 1], escaped: false });
        }
        self.escaped_text(start)
    }

    /// Reads on in a text that began at `start`, from a byte that is not plain.
    #[cold]
    #[inline(never)]
    fn escaped_text(&mut self, start: usize) -> Scanned<Text<'a>> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text { raw: &self.bytes[start..self.at - 1], escaped: true });
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.wrong("no bare control character in a text")),
                None => return Err(self.wrong("a closing quote")),
            }
            self.pass_plain();
        }
    }

    /// Passes over bytes that are neither quote, backslash nor control.
    #[inline]
    fn pass_plain(&mut self) {
        while let Some(chunk) = self.chunk() {
            self.seen |= u128::from_le_bytes(*chunk);
            if let Some(length) = first_special(chunk) {
                self.at += length;
                return;
            }
            self.at += chunk.len();
        }
        while let Some(byte) = self.bytes.get(self.at).filter(|byte| is_plain(**byte)) {
            self.seen |= u128::from(*byte);
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Scanned<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let unit = self.unit()?;
                match unit {
                    0xD800..=0xDBFF => match self.unit()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(self.wrong("the second half of a surrogate pair before this")),
                    },
                    0xDC00..=0xDFFF => Err(self.wrong("the first half of a surrogate pair before this")),
                    _ => Ok(()),
                }
            }
            _ => Err(self.wrong("a valid escape")),
        }
    }

    /// Reads `\uXXXX`.
    fn unit(&mut self) -> Scanned<u32> {
        let digits = self.chunk::<6>().filter(|unit| unit.starts_with(b"\\u"));
        let unit = digits.and_then(|digits| hex(&digits[2..]));
        let unit = unit.ok_or_else(|| self.wrong("\\u and four hexadecimal digits"))?;
        self.at += 6;
        Ok(unit)
    }
}

fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Where the first byte is that is not plain. The compiler makes a few wide instructions of it, on every
/// processor that has some.
#[inline]
fn first_special(chunk: &[u8; 16]) -> Option<usize> {
    let special: [u8; 16] = std::array::from_fn(|at| {
        let byte = chunk[at];
        if (byte == b'"') | (byte == b'\\') | (byte < 0x20) { 0xFF } else { 0 }
    });
    let special = u128::from_le_bytes(special);
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

impl Text<'_> {
    /// Appends the text itself, escapes resolved.
    #[inline]
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        if !self.escaped {
            bytes.extend_from_slice(self.raw);
            return;
        }
        let mut rest = self.raw;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            bytes.extend_from_slice(&rest[..at]);
            rest = append_escape(&rest[at..], bytes);
        }
        bytes.extend_from_slice(rest);
    }

    /// The text itself, escapes resolved.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.raw.len());
        self.append_to(&mut bytes);
        bytes
    }
}

/// Appends what the valid escape at the start of `rest` stands for; gives what is behind it.
fn append_escape<'a>(rest: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let simple = match rest.get(1) {
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => return append_unicode(rest, bytes),
        Some(&same) => same,
        None => return &[],
    };
    bytes.push(simple);
    rest.get(2..).unwrap_or_default()
}

fn append_unicode<'a>(rest: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let unit = |from: usize| rest.get(from..from + 4).and_then(hex);
    let first = unit(2).unwrap_or(0xFFFD);
    let (code, used) = match (first, unit(8)) {
        (0xD800..=0xDBFF, Some(second)) => {
            (0x10000 + ((first - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF), 12)
        }
        _ => (first, 6),
    };
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest.get(used..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_resolved() {
        let mut scan = Scan::new(br#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#);
        let text = scan.text("a text").expect("valid").to_bytes();
        assert_eq!(String::from_utf8_lossy(&text), "a\"\\/\u{8}\u{c}\n\r\té😀z");
    }

    proptest! {
        #[test]
        fn any_text_survives(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("a text");
            let mut scan = Scan::new(json.as_bytes());
            prop_assert_eq!(scan.text("a text").expect("valid").to_bytes(), text.as_bytes());
            prop_assert!(!scan.is_ascii() || text.is_ascii());
        }

        #[test]
        fn the_first_special_byte_of_a_chunk_is_found(chunk in any::<[u8; 16]>(), plain in 0usize..17) {
            let chunk = std::array::from_fn(|at| if at < plain { chunk[at] | 0x60 } else { chunk[at] });
            let expected = chunk.iter().position(|byte| !is_plain(*byte));
            prop_assert_eq!(first_special(&chunk), expected);
        }
    }
}
