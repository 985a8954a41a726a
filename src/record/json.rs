//! A strict JSON scanner over the bytes of one record. It validates everything, also what nobody wants.

mod number;
mod text;

pub use number::Number;
pub use text::Text;

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

/// The scanner's result. What is wrong is in a box, so that results fit into registers.
pub type Scanned<T> = Result<T, Box<Malformed>>;

/// Reads one document from its start to its end.
///
/// Whether texts are UTF-8 is not checked, only whether they could be anything but ASCII: see
/// [`Self::is_ascii`]. Bytes above 127 outside of texts are malformed in any case.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether no byte above 127 was seen in a text, or near it.
    ascii: bool,
}

impl<'a> Scan<'a> {
    /// A scanner at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, ascii: true }
    }

    /// Where it stands, in bytes from the start.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Whether all texts that were read are ASCII for certain. Otherwise UTF-8 is to be checked.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// The bytes from `start` to where it stands.
    pub fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// The next bytes, where so many are left.
    #[inline]
    pub fn chunk<const LENGTH: usize>(&self) -> Option<&'a [u8; LENGTH]> {
        self.bytes.get(self.at..)?.first_chunk()
    }

    /// Moves on by bytes that were seen in a [`Self::chunk`].
    #[inline]
    pub fn pass(&mut self, length: usize) {
        self.at += length;
    }

    /// What is wrong here.
    #[cold]
    pub fn wrong(&self, expected: &'static str) -> Box<Malformed> {
        Box::new(Malformed { at: self.at, expected })
    }

    /// The byte that comes next, blanks passed over; 0 at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => byte,
            _ => self.peek_behind_blanks(),
        }
    }

    #[inline(never)]
    fn peek_behind_blanks(&mut self) -> u8 {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Takes `byte` if it comes next, blanks passed over.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        if self.peek() != byte {
            return false;
        }
        self.at += 1;
        true
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
        let byte = self.peek();
        if byte != b',' && byte != close {
            return Err(self.wrong(expected));
        }
        self.at += 1;
        Ok(byte == b',')
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn valid(text: &str) -> bool {
        let mut scan = Scan::new(text.as_bytes());
        scan.skip(0).and_then(|()| scan.end()).is_ok()
    }

    /// Well-formed by the reference, which takes deep nesting differently.
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
    }
}
