//! Numbers by JSON's grammar. Those of up to 15 digits, which are nearly all, are read exactly on the way;
//! the others by the standard library.

use super::{Scan, Scanned};

/// So many digits fit into a float without loss, and so into its quotient with a power of ten.
const EXACT: usize = 15;

const TENS: [f64; EXACT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

const WHOLE_TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// A number as it stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    raw: &'a [u8],
    /// The digits before the exponent, the point left out; wrong where there are more than fit.
    digits: u64,
    /// How many digits there are before the exponent; more than can be where there is an exponent.
    count: usize,
    /// How many of them are behind the point.
    fraction: usize,
}

impl<'a> Scan<'a> {
    /// Reads a number by JSON's grammar.
    #[inline]
    pub fn number(&mut self) -> Scanned<Number<'a>> {
        let start = self.at;
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let leading_zero = self.bytes.get(self.at) == Some(&b'0');
        let (mut digits, mut count) = self.digits(0)?;
        if leading_zero && count > 1 {
            return Err(self.wrong("no leading zero in a number"));
        }
        let mut fraction = 0;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            (digits, fraction) = self.digits(digits)?;
            count += fraction;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.exponent()?;
            count = usize::MAX;
        }
        Ok(Number { raw: &self.bytes[start..self.at], digits, count, fraction })
    }

    #[cold]
    fn exponent(&mut self) -> Scanned<()> {
        self.at += 1;
        self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
        self.digits(0).map(drop)
    }

    /// Reads digits behind those of `value`; gives both together, and how many it read.
    #[inline]
    fn digits(&mut self, mut value: u64) -> Scanned<(u64, usize)> {
        let start = self.at;
        while let Some(chunk) = self.chunk() {
            let (digits, count) = leading_digits(chunk);
            value = value.wrapping_mul(WHOLE_TENS[count]).wrapping_add(digits);
            self.at += count;
            if count < chunk.len() {
                break;
            }
        }
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("a digit")) } else { Ok((value, self.at - start)) }
    }
}

/// The number that the digits at the start are, and how many they are; all eight at once.
#[inline]
fn leading_digits(chunk: &[u8; 8]) -> (u64, usize) {
    let digits = u64::from_le_bytes(*chunk) ^ u64::from_le_bytes(*b"00000000");
    // The high bit of each byte that is no digit, or behind one that is none.
    let others =
        (digits | digits.wrapping_add(u64::from_le_bytes([0x76; 8]))) & u64::from_le_bytes([0x80; 8]);
    let count = others.trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    // The last digit goes to the highest byte, and zeros stand before the first. Then neighbours are put
    // together: to pairs, to fours, to eight.
    let digits = digits << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10 * 256 + 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100 * 65_536 + 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    (fours.wrapping_mul(10_000 * 4_294_967_296 + 1) >> 32, count)
}

impl Number<'_> {
    fn is_negative(&self) -> bool {
        self.raw.first() == Some(&b'-')
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.raw).ok()
    }

    /// The number, if it has neither a fraction nor an exponent, and fits.
    #[inline]
    pub fn integer(&self) -> Option<i64> {
        if self.fraction > 0 {
            return None;
        }
        if self.count > EXACT {
            return self.text()?.parse().ok();
        }
        let value = self.digits as i64;
        Some(if self.is_negative() { -value } else { value })
    }

    /// The nearest float, unless that is infinite.
    #[inline]
    pub fn float(&self) -> Option<f64> {
        if self.count > EXACT {
            return self.text()?.parse().ok().filter(|value: &f64| value.is_finite());
        }
        // Both are exact, so the quotient is rounded once: it is the nearest float.
        let value = self.digits as f64 / TENS[self.fraction];
        Some(if self.is_negative() { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> (Option<i64>, Option<f64>) {
        let mut scan = Scan::new(text.as_bytes());
        let number = scan.number().expect("a number");
        scan.end().expect("nothing behind it");
        (number.integer(), number.float())
    }

    #[test]
    fn numbers_at_the_edges_are_right() {
        assert_eq!(number("9223372036854775807"), (Some(i64::MAX), Some(i64::MAX as f64)));
        assert_eq!(number("-9223372036854775808"), (Some(i64::MIN), Some(i64::MIN as f64)));
        assert_eq!(number("9223372036854775808").0, None);
        assert_eq!(number("1.0"), (None, Some(1.0)));
        assert_eq!(number("1e2"), (None, Some(100.0)));
        assert_eq!(number("1e400"), (None, None));
        assert_eq!(number("-0").1.map(f64::to_bits), Some((-0.0_f64).to_bits()));
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_the_standard_library_reads_them(
            text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        ) {
            let float = text.parse::<f64>().ok().filter(|value| value.is_finite());
            let (integer, read) = number(&text);
            prop_assert_eq!(read.map(f64::to_bits), float.map(f64::to_bits));
            prop_assert_eq!(integer, text.parse::<i64>().ok());
        }
    }
}
