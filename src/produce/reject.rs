//! Rows that are not sent, each with its reason, in a file of one JSON object a line.

use crate::clock::Micros;
use crate::record::letter::Stage;
use crate::record::letter::text::hex;
use crate::record::reject::{self, Code};
use crate::units::format_rfc3339;
use crate::{Error, Result};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The column, where a cell is no value of its column.
    pub column: Option<String>,
    /// The kind of reason.
    pub code: Code,
    /// The reason in a sentence.
    pub reason: String,
}

impl Problem {
    /// A problem of the whole row.
    pub fn row(code: Code, reason: impl Into<String>) -> Self {
        Self { column: None, code, reason: reason.into() }
    }

    /// A problem of one column.
    pub fn column(column: &str, code: Code, reason: impl Into<String>) -> Self {
        Self { column: Some(column.to_owned()), code, reason: reason.into() }
    }
}

impl From<reject::Reject> for Problem {
    fn from(reject: reject::Reject) -> Self {
        Self { column: reject.column.map(String::from), code: reject.code, reason: reject.reason }
    }
}

/// A row that is not sent: the fields of a dead letter, as far as a file has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The topic it was meant for.
    pub topic: String,
    /// The file it came from.
    pub file: String,
    /// The line in the file, from 1.
    pub line: u64,
    /// The column, where a cell is no value of its column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The kind of reason.
    pub code: &'static str,
    /// The reason in a sentence.
    pub reason: String,
    /// The stage: always that of producers.
    pub stage: &'static str,
    /// When it was refused, RFC 3339.
    pub timestamp: String,
    /// The original text, or
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// the original bytes in hexadecimal, where they are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_hex: Option<String>,
}

impl Reject {
    /// The reject of a row with these original bytes.
    pub fn new(topic: &str, file: &str, line: u64, problem: Problem, bytes: &[u8], now: Micros) -> Self {
        let value = std::str::from_utf8(bytes).ok().map(str::to_owned);
        Self {
            topic: topic.to_owned(),
            file: file.to_owned(),
            line,
            column: problem.column,
            code: problem.code.as_str(),
            reason: problem.reason,
            stage: Stage::Produce.as_str(),
            timestamp: format_rfc3339(now),
            value_hex: value.is_none().then(|| hex(bytes)),
            value,
        }
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        // Most reasons begin with it.
        if let Some(column) = self.column.as_ref().filter(|column| !self.reason.starts_with(*column)) {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A file of rejects: made when the first one comes, and appended to.
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: Option<File>,
}

impl RejectFile {
    /// A file that is not touched yet.
    ///
    /// # Errors
    /// A usage error where a folder has its name.
    pub fn new(path: PathBuf) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::usage(format!("reject file {} is a folder", path.display()))
                .hint("name a file, which is made when it is needed"));
        }
        Ok(Self { path, file: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a reject.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, reject: &Reject) -> Result<()> {
        self.append(reject).map_err(|error| error.at(format!("reject file {}", self.path.display())))
    }

    fn append(&mut self, reject: &Reject) -> Result<()> {
        let mut line = serde_json::to_string(reject).map_err(|error| Error::failed(error.to_string()))?;
        line.push('\n');
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                self.file.insert(OpenOptions::new().create(true).append(true).open(&self.path)?)
            }
        };
        Ok(file.write_all(line.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_says_where_and_why_and_keeps_the_text() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut file = RejectFile::new(folder.path().join("rejects/t.ndjson"))?;
        assert!(RejectFile::new(folder.path().into()).is_err());
        let problem = Problem::column("age", Code::TypeMismatch, "'x' is not an INT");
        let reject = Reject::new("t", "a.csv", 7, problem, b"1,x", 0);
        assert_eq!(reject.to_string(), "a.csv, line 7, column age: 'x' is not an INT");
        file.add(&reject)?;
        file.add(&Reject::new("t", "a.csv", 8, Problem::row(Code::MalformedRow, "not UTF-8"), b"\xff", 0))?;
        let text = std::fs::read_to_string(file.path())?;
        assert_eq!(
            text.lines().next(),
            Some(
                r#"{"topic":"t","file":"a.csv","line":7,"column":"age","code":"TYPE_MISMATCH","reason":"'x' is not an INT","stage":"produce","timestamp":"1970-01-01T00:00:00.000Z","value":"1,x"}"#
            )
        );
        assert!(text.contains(r#""value_hex":"ff""#), "{text}");
        Ok(())
    }
}
