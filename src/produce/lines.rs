//! Lines of a text, however long they are; some may be given back, to be read once more.

use memchr::memchr;
use std::io::{self, BufRead, Cursor};

/// A byte-order mark, which some editors put before the first line.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads a text line by line.
#[derive(Debug)]
pub struct Lines<R> {
    inner: R,
    /// What was given back.
    again: Cursor<Vec<u8>>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, again: Cursor::default(), number: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Appends the next line with its end, also where the last one has none; false at the end of the text. Of
    /// a line of more than `most` bytes a few more than so many are appended, and no end.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn append(&mut self, text: &mut Vec<u8>, most: usize) -> io::Result<bool> {
        let start = text.len();
        let is_there = append(&mut self.again, text, most)? || append(&mut self.inner, text, most)?;
        self.number += u64::from(is_there);
        if self.number == 1 && text[start..].starts_with(BOM) {
            text.drain(start..start + BOM.len());
        }
        Ok(is_there)
    }

    /// The next lines are these, which were the last ones.
    pub fn give_back(&mut self, lines: &[u8]) {
        let read = self.again.position() as usize;
        let rest = self.again.get_ref().get(read..).unwrap_or_default();
        self.again = Cursor::new([lines, rest].concat());
        self.number -= lines.split_inclusive(|byte| *byte == b'\n').count() as u64;
    }
}

fn append(lines: &mut impl BufRead, text: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    let start = text.len();
    // Room for a Windows line end, and a byte that is too much.
    let limit = start.saturating_add(most).saturating_add(3);
    let mut ended = false;
    while !ended {
        let chunk = match lines.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let end = memchr(b'\n', chunk);
        ended = end.is_some() || chunk.is_empty();
        let length = end.map_or(chunk.len(), |end| end + 1);
        text.extend_from_slice(&chunk[..length.min(limit - text.len())]);
        lines.consume(length);
    }
    let is_there = text.len() > start;
    if is_there && text.len() < limit && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    Ok(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_read_again_when_they_are_given_back() -> io::Result<()> {
        let mut lines = Lines::new("\u{feff}a\nb\r\n\nlonger than that\nc".as_bytes());
        let next = |lines: &mut Lines<&[u8]>| {
            let mut text = Vec::new();
            let is_there = lines.append(&mut text, 5)?;
            io::Result::Ok((is_there, lines.number(), String::from_utf8_lossy(&text).into_owned()))
        };
        assert_eq!(next(&mut lines)?, (true, 1, "a\n".into()));
        assert_eq!(next(&mut lines)?, (true, 2, "b\r\n".into()));
        assert_eq!(next(&mut lines)?, (true, 3, "\n".into()));
        lines.give_back(b"b\r\n\n");
        assert_eq!(next(&mut lines)?, (true, 2, "b\r\n".into()));
        lines.give_back(b"b\r\n");
        assert_eq!(next(&mut lines)?, (true, 2, "b\r\n".into()));
        assert_eq!(next(&mut lines)?, (true, 3, "\n".into()));
        assert_eq!(next(&mut lines)?, (true, 4, "longer t".into()));
        assert_eq!(next(&mut lines)?, (true, 5, "c\n".into()));
        assert_eq!(next(&mut lines)?, (false, 5, String::new()));
        Ok(())
    }
}
