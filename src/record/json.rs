//! A strict JSON scanner over the bytes of one record. It validates everything, also what nobody wants.

/// Deeper nesting is refused, so that no record can exhaust the stack.
pub const MAX_DEPTH: usize = 128;

/// What is wrong with the bytes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The byte position in the record, from 0.
    pub at: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

/// The scanner's result.
pub type Scanned<T> = Result<T, Malformed>;

/// Reads one document from its start to its end. The bytes are valid UTF-8.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The text between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// As it stands in the document.
    pub raw: &'a [u8],
    /// Whether there is a backslash in it; if not, `raw` is the text.
    pub escaped: bool,
}

/// A number as it stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    /// ASCII text that follows JSON's grammar.
    pub raw: &'a str,
    /// Whether it has neither a fraction nor an exponent.
    pub integer: bool,
}

impl<'a> Scan<'a> {
    /// A scanner at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    /// Where it stands, in bytes from the start.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The bytes from `start` to where it stands.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// What is wrong here.
    pub fn wrong(&self, expected: &'static str) -> Malformed {
        Malformed { at: self.at, expected }
    }

    /// The byte that comes next, blanks passed over; 0 at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    /// Takes `byte` if it comes next, blanks passed over.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Scanned<()> {
        if self.take(byte) { Ok(()) } else { Err(self.wrong(expected)) }
    }

    /// Sees to it that nothing but blanks is left.
    pub fn end(&mut self) -> Scanned<()> {
        self.peek();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.wrong("the end of the record")) }
    }

    /// Reads a key and its colon.
    #[inline]
    pub fn key(&mut self) -> Scanned<Text<'a>> {
        let key = self.text("a key in quotes")?;
        self.expect(b':', "':'")?;
        Ok(key)
    }

    /// After a member: whether another one follows, or `close` ends the list.
    #[inline]
    pub fn more(&mut self, close: u8, expected: &'static str) -> Scanned<bool> {
        match self.peek() {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.wrong(expected)),
        }
    }

    /// Reads a text and validates its escapes.
    #[inline]
    pub fn text(&mut self, expected: &'static str) -> Scanned<Text<'a>> {
        self.expect(b'"', expected)?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_length(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.wrong("no bare control character in a text")),
                None => return Err(self.wrong("a closing quote")),
            }
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
        let digits = self.bytes.get(self.at..self.at + 6).filter(|unit| unit.starts_with(b"\\u"));
        let unit = digits.and_then(|digits| hex(&digits[2..]));
        let unit = unit.ok_or_else(|| self.wrong("\\u and four hexadecimal digits"))?;
        self.at += 6;
        Ok(unit)
    }

    /// Reads a number by JSON's grammar.
    #[inline]
    pub fn number(&mut self) -> Scanned<Number<'a>> {
        let start = self.at;
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return Err(self.wrong("no leading zero in a number"));
        }
        let mut integer = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        let raw = std::str::from_utf8(&self.bytes[start..self.at]).map_err(|_| self.wrong("a number"))?;
        Ok(Number { raw, integer })
    }

    fn digits(&mut self) -> Scanned<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        if count == 0 { Err(self.wrong("a digit")) } else { Ok(count) }
    }

    /// Reads `true`, `false` or `null` as a whole word.
    #[inline]
    pub fn word(&mut self, word: &'static str) -> Scanned<()> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.wrong("a value"))
        }
    }

    /// Passes over a value and validates it; `depth` is how many objects and arrays are around it.
    pub fn skip(&mut self, depth: usize) -> Scanned<()> {
        match self.peek() {
            b'"' => self.text("a text").map(drop),
            b'{' | b'[' if depth >= MAX_DEPTH => Err(self.wrong("at most 128 levels of nesting")),
            b'{' => {
                self.at += 1;
                if self.take(b'}') {
                    return Ok(());
                }
                loop {
                    self.key()?;
                    self.skip(depth + 1)?;
                    if !self.more(b'}', "',' or '}'")? {
                        return Ok(());
                    }
                }
            }
            b'[' => {
                self.at += 1;
                if self.take(b']') {
                    return Ok(());
                }
                loop {
                    self.skip(depth + 1)?;
                    if !self.more(b']', "',' or ']'")? {
                        return Ok(());
                    }
                }
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => Err(self.wrong("a value")),
        }
    }
}

/// How many bytes from the start are neither quote, backslash nor control: eight at a time.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // A byte is zero where `byte - 1` borrows into a high bit that the byte itself had not set.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut length = 0;
    for chunk in bytes.chunks_exact(8) {
        let Ok(chunk) = chunk.try_into() else { break };
        let word = u64::from_le_bytes(chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let stop = zero(word ^ (ONES * u64::from(b'"'))) | zero(word ^ (ONES * u64::from(b'\\'))) | control;
        if stop != 0 {
            // Borrows only run upward, so the lowest mark is always a true one.
            return length + stop.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = &bytes[length..];
    let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    length + rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len())
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

impl Text<'_> {
    /// Appends the text itself, escapes resolved.
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

    fn valid(text: &str) -> bool {
        let mut scan = Scan::new(text);
        scan.skip(0).and_then(|()| scan.end()).is_ok()
    }

    /// Well-formed by the reference, which takes lone surrogates and deep nesting differently.
    fn reference(text: &str) -> bool {
        serde_json::from_str::<serde_json::Value>(text).is_ok()
    }

    #[test]
    fn only_json_is_json() {
        for text in ["{}", "[1, -0.5e+3, true, null]", r#"{"a":{"b":["\u00e9\ud83d\ude00\n"]}}"#, " 0 "] {
            assert!(valid(text) && reference(text), "{text}");
        }
        for text in [
            "",
            "{",
            "{}{}",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "nul",
            "tru",
            "\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\u12g4\"",
            "'a'",
            "{a:1}",
            "\"a\nb\"",
            "[1 2]",
            "-",
            "NaN",
        ] {
            assert!(!valid(text) && !reference(text), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(valid(&nested(MAX_DEPTH)));
        assert!(!valid(&nested(MAX_DEPTH + 1)));
        assert!(!valid(&"[".repeat(1_000_000)));
    }

    #[test]
    fn escapes_are_resolved() {
        let mut scan = Scan::new(r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#);
        let text = scan.text("a text").expect("valid").to_bytes();
        assert_eq!(String::from_utf8_lossy(&text), "a\"\\/\u{8}\u{c}\n\r\té😀z");
    }

    proptest! {
        #[test]
        fn mutated_documents_are_judged_as_the_reference_does(
            at in 0usize..120, with in prop::sample::select(b"{}[]\",:\\0123456789eE+-.tfnu \n\x01aA/".to_vec()), cut in 0usize..120,
        ) {
            let mut bytes = br#"{"id":"tx\u00e9_1","n":-12.5e3,"ok":true,"no":null,"list":[1,"two",{}],"s":"a\\b\nc","deep":{"x":{"y":0}}}"#.to_vec();
            let length = bytes.len();
            bytes[at % length] = with;
            bytes.truncate(if cut < 60 { length } else { cut % length });
            let text = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert_eq!(valid(&text), reference(&text), "{}", text);
        }

        #[test]
        fn any_text_survives(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("a text");
            let mut scan = Scan::new(&json);
            prop_assert_eq!(scan.text("a text").expect("valid").to_bytes(), text.as_bytes());
        }
    }
}
