//! What a file holds, by the ending of its name, and how it is opened.

use crate::catalog::Topic;
use crate::produce::{Checker, CsvSource, Header, NdjsonSource, ParquetSource, Source as Rows};
use crate::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// How much of a file is read at once.
const BUFFER: usize = 256 << 10;

/// The endings of files that are read.
pub const ENDINGS: &str = ".csv, .ndjson, .jsonl and .json, also with .gz or .zst behind them, and .parquet";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CSV with a header line.
    Csv(Packing),
    /// Lines of JSON.
    Ndjson(Packing),
    /// Parquet.
    Parquet,
}

/// How a text is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// It is not.
    Plain,
    /// By gzip.
    Gzip,
    /// By zstd.
    Zstd,
}

impl Kind {
    /// By the ending of a file's name, in small or large letters.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (name, packing) = match name.rsplit_once('.')? {
            (name, "gz") => (name, Packing::Gzip),
            (name, "zst") => (name, Packing::Zstd),
            _ => (name.as_str(), Packing::Plain),
        };
        match (name.rsplit_once('.')?.1, packing) {
            ("csv", _) => Some(Self::Csv(packing)),
            ("ndjson" | "jsonl" | "json", _) => Some(Self::Ndjson(packing)),
            ("parquet", Packing::Plain) => Some(Self::Parquet),
            _ => None,
        }
    }

    /// Opens a file of a topic's records. They are not checked; their keys are found where `wants_keys`.
    ///
    /// # Errors
    /// When the file cannot be read, or does not fit the topic.
    pub fn open(self, path: &Path, topic: &Topic, wants_keys: bool) -> Result<Box<dyn Rows>> {
        let record = topic.record.as_ref();
        let record = record.ok_or_else(|| Error::usage(format!("topic '{}' has no columns", topic.name)))?;
        let name = path.display().to_string();
        let checker = Checker::unchecked(record, wants_keys);
        let unreadable = |error| Error::failed(format!("cannot read {name}: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        Ok(match self {
            Self::Csv(packing) => {
                let text = packing.unpack(file).map_err(unreadable)?;
                Box::new(CsvSource::new(name, text, record, Header::Part, checker)?)
            }
            Self::Ndjson(packing) => {
                let text = packing.unpack(file).map_err(unreadable)?;
                Box::new(NdjsonSource::new(name, text, checker, topic.max_message_bytes()))
            }
            Self::Parquet => Box::new(ParquetSource::new(name, file, record, checker)?),
        })
    }
}

impl Packing {
    fn unpack(self, file: File) -> std::io::Result<Box<dyn BufRead>> {
        let text: Box<dyn Read> = match self {
            Self::Plain => Box::new(file),
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file))),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
        };
        Ok(Box::new(BufReader::with_capacity(BUFFER, text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_what_a_file_holds() {
        assert_eq!(Kind::of("a.csv"), Some(Kind::Csv(Packing::Plain)));
        assert_eq!(Kind::of("a.b.CSV.gz"), Some(Kind::Csv(Packing::Gzip)));
        assert_eq!(Kind::of("a.jsonl.zst"), Some(Kind::Ndjson(Packing::Zstd)));
        assert_eq!(Kind::of("a.parquet"), Some(Kind::Parquet));
        for other in ["a", "csv", "gz", ".gz", "a.parquet.gz", "a.txt", "a.csv.bz2", "a.csv."] {
            assert_eq!(Kind::of(other), None, "{other}");
        }
    }
}
