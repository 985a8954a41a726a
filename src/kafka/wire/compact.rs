//! The protocol's later form: a length takes as few bytes as it can and is one more than it counts, as 0 stands for nothing; and
//! behind each structure, the head of requests and answers among them, there is room for tags.

use super::Reader;
use std::borrow::Cow;

/// Where tags could stand, or a list.
pub const NONE: u8 = 0;

/// Writes how many elements or bytes follow.
pub fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let mut left = count + 1;
    while left > 0x7f {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

/// Writes a text.
pub fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_count(bytes, text.len());
    bytes.extend(text.as_bytes());
}

impl<'a> Reader<'a> {
    /// A list, with what reads an element; an empty one where there is none.
    pub fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.length()?.saturating_sub(1);
        (0..count).map(|_| element(self)).collect()
    }

    /// A text, in which what is not UTF-8 is replaced; an empty one where there is none.
    pub fn short_text(&mut self) -> Option<Cow<'a, str>> {
        let length = self.length()?.saturating_sub(1);
        self.take(length).map(String::from_utf8_lossy)
    }

    /// Goes over tags: nothing that was asked for stands there.
    pub fn tags(&mut self) -> Option<()> {
        for _ in 0..self.length()? {
            let _tag = self.length()?;
            let length = self.length()?;
            self.take(length)?;
        }
        Some(())
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = usize::try_from(self.number::<1>()? & 0xff).ok()?;
            length |= (byte & 0x7f) << shift;
            if byte <= 0x7f {
                return Some(length);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_any_size_are_read_as_they_were_written() {
        for count in [0, 1, 126, 127, 128, 16_382, 16_383, 5_000_000] {
            let mut bytes = Vec::new();
            put_count(&mut bytes, count);
            assert_eq!(Reader(&bytes).length(), Some(count + 1));
        }
        assert_eq!(Reader(&[0x80; 9]).length(), None);
    }

    #[test]
    fn tags_are_passed_over_and_what_is_cut_off_is_none() {
        let mut bytes = vec![2, 7, 3, b'a', b'b', b'c', 200, 1, 0];
        put_text(&mut bytes, "café");
        let read = |bytes: &[u8]| {
            let mut reader = Reader(bytes);
            reader.tags()?;
            reader.short_text().map(Cow::into_owned)
        };
        assert_eq!(read(&bytes).as_deref(), Some("café"));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff, 0x0f]).list(|reader| reader.number::<8>()), None);
    }
}
