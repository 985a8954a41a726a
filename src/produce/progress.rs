//! How far a source has come, so that a run that was killed goes on behind what is committed.

use super::source::{Next, Row, Source};
use crate::kafka::producer::Mark;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Of a source's name so much is kept: a broker takes 4 KiB beside an offset.
const LONGEST_NAME: usize = 1_000;

/// What was read of a source, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Rows that were read, good and bad.
    #[serde(skip)]
    pub rows: u64,
    /// Records that were sent.
    pub sent: u64,
    /// Batches that were sent.
    pub batches: u64,
    /// CRC-32C of the rows, one behind the other.
    checksum: u32,
    /// Where they were read, for people.
    source: String,
}

impl Progress {
    /// A row was read.
    pub fn read(&mut self, row: &Row) {
        self.rows += 1;
        self.checksum = crc32c::crc32c_append(self.checksum, &row.value);
    }

    /// Reads the same rows of `source` again, so that what it gives next is what comes behind them.
    ///
    /// # Errors
    /// A usage error when it does not have the same rows.
    pub fn skip(&self, source: &mut dyn Source) -> Result<()> {
        let (mut again, mut row) = (Self::default(), Row::default());
        while again.rows < self.rows && source.next(&mut row)? != Next::End {
            again.read(&row);
        }
        let (name, rows, before) = (source.name(), self.rows, &self.source);
        let reason = match again {
            Self { rows: fewer, .. } if fewer < rows => format!("it has only {fewer} rows"),
            Self { checksum, .. } if checksum != self.checksum => "other rows stand there now".to_owned(),
            _ => return Ok(()),
        };
        Err(Error::usage(format!("{name} does not begin with the {rows} rows of {before} that were sent: {reason}"))
            .hint("give what was sent before (for generated rows the same --seed and --start), another --transactional-id, or begin anew without --resume"))
    }

    /// As the broker keeps it.
    pub fn to_mark(&self, source: &dyn Source) -> Mark {
        let source = source.name().chars().take(LONGEST_NAME).collect();
        let note = serde_json::to_string(&Self { source, ..self.clone() });
        Mark { rows: self.rows, note: note.unwrap_or_default() }
    }

    /// As it was when the broker got it.
    ///
    /// # Errors
    /// When somebody else wrote it.
    pub fn from_mark(mark: &Mark) -> Result<Self> {
        let read = serde_json::from_str::<Self>(&mark.note);
        read.map(|progress| Self { rows: mark.rows, ..progress }).map_err(|_| {
            Error::failed(format!("what is committed is no position of ecap-produce: '{}'", mark.note))
                .hint("choose another --transactional-id")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::produce::{Checker, NdjsonSource};

    fn source(text: &str) -> Result<NdjsonSource<&[u8]>> {
        let catalog = Catalog::built_in()?;
        let record = catalog.topic("transactions")?.record.as_ref();
        let checker = Checker::new(record.ok_or_else(|| Error::failed("no record"))?);
        Ok(NdjsonSource::new("new", text.as_bytes(), checker, 1_000))
    }

    #[test]
    fn the_same_rows_are_passed_over_and_others_are_refused() -> Result<()> {
        let (mut progress, mut row) = (Progress::default(), Row::default());
        let mut first = source("a\nb\n\nc\n")?;
        for _ in 0..2 {
            assert!(matches!(first.next(&mut row)?, Next::Bad(_)));
            progress.read(&row);
        }
        let kept = Progress::from_mark(&progress.to_mark(&first))?;
        assert_eq!((kept.rows, kept.checksum), (2, progress.checksum));

        let mut longer = source("a\nb\nother\n")?;
        kept.skip(&mut longer)?;
        assert!(matches!(longer.next(&mut row)?, Next::Bad(_)));
        assert_eq!((row.value.as_slice(), row.line), (b"other".as_slice(), 3));

        let refused = |text: &str| Ok(kept.skip(&mut source(text)?).expect_err("refused").to_string());
        let said: Result<String> = refused("a\n");
        assert!(said?.contains("2 rows of new that were sent: it has only 1 rows"));
        assert!(refused("a\nB\nc\n")?.contains("other rows stand there now"));
        assert!(Progress::from_mark(&Mark { rows: 7, note: "by hand".into() }).is_err());
        Ok(())
    }
}
