//! What a file holds, by the ending of its name, and how it is opened.

use super::{Checker, CsvSource, Header, NdjsonSource, ParquetSource, Source};
use crate::catalog::{Record, Topic};
use crate::generate::Format;
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
pub enum FileKind {
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

impl FileKind {
    /// By the ending of a file's name, in small or large letters.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let packing = Packing::of(&name);
        let name = packing.ending().and_then(|ending| name.strip_suffix(ending)).unwrap_or(&name);
        match (name.rsplit_once('.')?.1, packing) {
            ("csv", _) => Some(Self::Csv(packing)),
            ("ndjson" | "jsonl" | "json", _) => Some(Self::Ndjson(packing)),
            ("parquet", Packing::Plain) => Some(Self::Parquet),
            _ => None,
        }
    }

    /// What the file at `path` holds: as it is asked for, or by its name.
    ///
    /// # Errors
    /// A usage error when neither says it.
    pub fn asked(path: &Path, format: Option<Format>) -> Result<Self> {
        let name = path.to_string_lossy();
        let kind = match format {
            Some(Format::Csv) => Some(Self::Csv(Packing::of(&name))),
            Some(Format::Ndjson) => Some(Self::Ndjson(Packing::of(&name))),
            Some(Format::Parquet) => Some(Self::Parquet),
            None => Self::of(&name),
        };
        kind.ok_or_else(|| {
            let what = match &*name {
                "-" => "standard input has no name that says what it holds".to_owned(),
                name => format!("what {name} holds does not show in its name ({ENDINGS})"),
            };
            Error::usage(what).hint("say it with --file-format csv, ndjson or parquet")
        })
    }

    /// Opens a file of a topic's records; `-` is standard input. Records are checked as `checker` says.
    ///
    /// # Errors
    /// When the file cannot be read, or does not fit the topic.
    pub fn open(
        self,
        path: &Path,
        topic: &Topic,
        header: Header,
        checker: impl FnOnce(&Record) -> Checker,
    ) -> Result<Box<dyn Source>> {
        let record = topic.record.as_ref().ok_or_else(|| {
            Error::usage(format!("topic '{}' has no schema that its rows could have", topic.name))
                .hint("a dead-letter topic is written by consumers alone")
        })?;
        let checker = checker(record).at_most(topic.max_message_bytes()).tombstones(topic);
        let is_stdin = path.as_os_str() == "-";
        let name = if is_stdin { "standard input".into() } else { path.display().to_string() };
        let unreadable = |error| Error::failed(format!("cannot read {name}: {error}"));
        let text = |packing: Packing| -> std::io::Result<Box<dyn BufRead>> {
            match is_stdin {
                true => packing.unpack(std::io::stdin()),
                false => packing.unpack(File::open(path)?),
            }
        };
        Ok(match self {
            Self::Csv(packing) => {
                let text = text(packing).map_err(unreadable)?;
                Box::new(CsvSource::new(name, text, record, header, checker)?)
            }
            Self::Ndjson(packing) => {
                let text = text(packing).map_err(unreadable)?;
                Box::new(NdjsonSource::new(name, text, checker, topic.max_message_bytes()))
            }
            Self::Parquet if is_stdin => {
                return Err(Error::usage("Parquet is not read from standard input")
                    .hint("its directory is at its end: give a file"));
            }
            Self::Parquet => {
                let file = File::open(path).map_err(unreadable)?;
                Box::new(ParquetSource::new(name, file, record, checker)?)
            }
        })
    }
}

impl Packing {
    /// By the ending of a file's name.
    pub fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let has_ending = |packing: &Self| packing.ending().is_some_and(|ending| name.ends_with(ending));
        [Self::Gzip, Self::Zstd].into_iter().find(has_ending).unwrap_or(Self::Plain)
    }

    fn ending(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some(".gz"),
            Self::Zstd => Some(".zst"),
        }
    }

    fn unpack(self, file: impl Read + 'static) -> std::io::Result<Box<dyn BufRead>> {
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
        assert_eq!(FileKind::of("a.csv"), Some(FileKind::Csv(Packing::Plain)));
        assert_eq!(FileKind::of("a.b.CSV.gz"), Some(FileKind::Csv(Packing::Gzip)));
        assert_eq!(FileKind::of("a.jsonl.zst"), Some(FileKind::Ndjson(Packing::Zstd)));
        assert_eq!(FileKind::of("a.parquet"), Some(FileKind::Parquet));
        for other in ["a", "csv", "gz", ".gz", "a.parquet.gz", "a.txt", "a.csv.bz2", "a.csv."] {
            assert_eq!(FileKind::of(other), None, "{other}");
        }
    }
}
