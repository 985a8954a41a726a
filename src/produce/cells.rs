//! The cells of a row of CSV, which is given line by line.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// Splits rows into cells, as leniently as most programs do.
#[derive(Debug)]
pub struct Cells {
    reader: Reader,
    /// The cells one behind the other, and where each ends; both are as long as they ever had to be.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    used: usize,
    count: usize,
    is_whole: bool,
}

impl Default for Cells {
    fn default() -> Self {
        // Of Windows line ends the first half is left in the last cell, or lines between quotes would lose it.
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { reader, bytes: vec![0; 1_024], ends: vec![0; 32], used: 0, count: 0, is_whole: false }
    }
}

impl Cells {
    /// Another row begins.
    pub fn clear(&mut self) {
        self.reader.reset();
        (self.used, self.count, self.is_whole) = (0, 0, false);
    }

    /// Adds a line of the row; whether the row ends with it.
    pub fn add(&mut self, mut line: &[u8]) -> bool {
        while !line.is_empty() && !self.is_whole {
            let (bytes, ends) = (&mut self.bytes[self.used..], &mut self.ends[self.count..]);
            let (result, read, written, ended) = self.reader.read_record(line, bytes, ends);
            line = &line[read..];
            self.used += written;
            self.count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.bytes.resize(self.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => self.is_whole = true,
            }
        }
        self.is_whole
    }

    /// Whether the row has ended.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// How many cells have ended.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The cells that have ended, without the first half of a Windows line end.
    pub fn all(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends[..self.count].iter().enumerate().map(move |(at, end)| {
            let cell = &self.bytes[start..*end];
            start = *end;
            if at + 1 == self.count { cell.strip_suffix(b"\r").unwrap_or(cell) } else { cell }
        })
    }
}

/// Whether a row is quoted as the standard (RFC 4180) has it: behind each closing quote the cell ends.
pub fn is_strict(row: &[u8]) -> bool {
    let mut rest = row;
    loop {
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            let Some(behind) = behind_quotes(quoted) else { return false };
            if !behind.is_empty() && !behind.starts_with(b",") && !behind.trim_ascii().is_empty() {
                return false;
            }
            rest = behind;
        }
        match rest.iter().position(|byte| *byte == b',') {
            Some(comma) => rest = &rest[comma + 1..],
            None => return true,
        }
    }
}

/// What comes behind the quote that ends a cell; two in a row stand for one.
fn behind_quotes(mut cell: &[u8]) -> Option<&[u8]> {
    loop {
        let quote = cell.iter().position(|byte| *byte == b'"')?;
        match cell[quote + 1..].strip_prefix(b"\"") {
            Some(rest) => cell = rest,
            None => return Some(&cell[quote + 1..]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_where_no_quote_is_open() {
        let mut cells = Cells::default();
        let mut split = |lines: &[&str]| {
            cells.clear();
            let ends: Vec<bool> = lines.iter().map(|line| cells.add(line.as_bytes())).collect();
            let all = cells.all().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect::<Vec<_>>();
            (ends, all.join("|"))
        };
        assert_eq!(split(&["a,,b\r\n"]), (vec![true], "a||b".into()));
        assert_eq!(split(&["a,\"b\r\n", "\"\"c\",d\n"]), (vec![false, true], "a|b\r\n\"c|d".into()));
        assert_eq!(split(&["a,\"b\n", "c\n"]), (vec![false, false], "a".into()));
        assert_eq!(split(&["5\" disk,b\n"]), (vec![true], "5\" disk|b".into()));
        let long = format!("{},b\n", "x".repeat(5_000)) + "";
        assert_eq!(split(&[&long]).1.len(), 5_002);
        assert_eq!(split(&[&("a,".repeat(99) + "b\n")]).1.len(), 199);
    }

    #[test]
    fn behind_a_closing_quote_the_cell_ends() {
        for row in ["a,b\n", "\"a\nb\",c\n", "\"a \"\"b\"\"\",\"\"\r\n", "5\" disk,\"x\"", ""] {
            assert!(is_strict(row.as_bytes()), "{row}");
        }
        for row in ["\"a\"b,c\n", "\"a\n", "x,\"a\" ,b\n", "x,\"a,\n\"b\",c\n"] {
            assert!(!is_strict(row.as_bytes()), "{row}");
        }
    }
}
