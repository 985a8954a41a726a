//! Texts: found 16 bytes at a time, their escapes validated at once and resolved when somebody wants them.

use super::{Scan, Scanned};

/// The text between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// As it stands in the document.
    pub raw: &'a [u8],
    /// How many escapes there are; without one `raw` is the text. (Not a bool: a result with a bool in it is
    /// copied in parts, and waits for them.)
    pub escapes: usize,
}

impl<'a> Scan<'a> {
    /// Reads a text and validates its escapes.
    #[inline(always)]
    pub fn text(&mut self, expected: &'static str) -> Scanned<Text<'a>> {
        self.expect(b'"', expected)?;
        let start = self.at;
        self.pass_plain();
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(Text { raw: &self.bytes[start..self.at - 1], escapes: 0 });
        }
        self.escaped_text(start)
    }

    /// Reads on in a text that began at `start`, from a byte that is not plain.
    #[cold]
    #[inline(never)]
    fn escaped_text(&mut self, start: usize) -> Scanned<Text<'a>> {
        let mut escapes = 0;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Text { raw: &self.bytes[start..self.at - 1], escapes });
                }
                Some(b'\\') => {
                    escapes += 1;
                    self.escape()?;
                }
                Some(_) => return Err(self.wrong("no bare control character in a text")),
                None => return Err(self.wrong("a closing quote")),
            }
            self.pass_plain();
        }
    }

    /// Passes over bytes that are neither quote, backslash nor control.
    #[inline(always)]
    fn pass_plain(&mut self) {
        while let Some(chunk) = self.chunk() {
            let marks = marks(chunk);
            self.ascii &= marks.high == 0;
            if marks.special != 0 {
                self.at += marks.special.trailing_zeros() as usize;
                return;
            }
            self.at += chunk.len();
        }
        while let Some(byte) = self.bytes.get(self.at).filter(|byte| is_plain(**byte)) {
            self.ascii &= byte.is_ascii();
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

/// A bit per byte, the first byte's the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    /// Bytes that are a quote, a backslash or a control.
    special: u32,
    /// Bytes above 127.
    high: u32,
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn marks(chunk: &[u8; 16]) -> Marks {
    // SAFETY: SSE2 is part of every x86-64 processor.
    #[expect(unsafe_code, reason = "decoding takes a sixth less time than with words of eight bytes")]
    unsafe {
        marks_by_sse2(chunk)
    }
}

#[cfg(not(target_arch = "x86_64"))]
use marks_by_words as marks;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn marks_by_sse2(chunk: &[u8; 16]) -> Marks {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let word = u128::from_le_bytes(*chunk);
    let bytes = _mm_set_epi64x((word >> 64) as i64, word as i64);
    let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
    let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
    let controls = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1F)));
    let special = _mm_or_si128(_mm_or_si128(quotes, backslashes), controls);
    Marks { special: _mm_movemask_epi8(special) as u32, high: _mm_movemask_epi8(bytes) as u32 }
}

/// The same on any processor, eight bytes in a word.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline]
fn marks_by_words(chunk: &[u8; 16]) -> Marks {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOWS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    // The high bit of each byte that is `least` or more. No sum reaches the next byte.
    let at_least = |word: u64, least: u8| ((word & LOWS) + ONES * u64::from(0x80 - least)) | word;
    let is = |word: u64, byte: u8| !at_least(word ^ (ONES * u64::from(byte)), 1);
    let gather = |highs: u64| (((highs & !LOWS) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
    let (halves, _) = chunk.as_chunks();
    let [low, high] = std::array::from_fn(|half| {
        let word = u64::from_le_bytes(halves[half]);
        (gather(is(word, b'"') | is(word, b'\\') | !at_least(word, 0x20)), gather(word))
    });
    Marks { special: low.0 | high.0 << 8, high: low.1 | high.1 << 8 }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

impl Text<'_> {
    /// Appends the text itself, escapes resolved.
    #[inline]
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        if self.escapes == 0 {
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
        fn every_way_to_look_at_a_chunk_finds_the_same(chunk in any::<[u8; 16]>(), plain in 0usize..17) {
            let chunk = std::array::from_fn(|at| if at < plain { chunk[at] | 0x60 } else { chunk[at] });
            let bits = |holds: fn(u8) -> bool| (0..16).filter(|at| holds(chunk[*at])).map(|at| 1 << at).sum();
            let expected = Marks { special: bits(|byte| !is_plain(byte)), high: bits(|byte| byte > 127) };
            prop_assert_eq!(marks_by_words(&chunk), expected);
            prop_assert_eq!(marks(&chunk), expected);
        }
    }
}
