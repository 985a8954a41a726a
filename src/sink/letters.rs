//! What stands between a query's dead letters and the sinks that keep them: each goes to its place, in the form that
//! it has there.

use super::{Batch, Rows, Sink};
use crate::Result;
use crate::record::letter::Letter;
use crate::record::letter::rows::Letters;
use crate::record::letter::text::{columns, readable};
use crate::record::reject::Code;
use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;

/// Which letters go to a place of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that came from this topic; without it, from any.
    pub topic: Option<String>,
    /// Late ones, or the others; without it, both.
    pub late: Option<bool>,
}

impl Share {
    fn takes(&self, letter: &Letter<'_>) -> bool {
        let is_late = letter.code == Code::Late.as_str();
        self.topic.as_ref().is_none_or(|topic| topic == letter.topic)
            && self.late.is_none_or(|late| late == is_late)
    }
}

/// Gives a share of the letters to a sink.
pub struct Shared<'a> {
    /// Which ones.
    pub share: Share,
    /// The sink.
    pub sink: Box<dyn Sink + 'a>,
}

impl Sink for Shared<'_> {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let own = |rows: &RecordBatch| {
            let taken = Letters::of(rows)?.iter().map(|letter| self.share.takes(&letter)).collect::<Vec<_>>();
            Ok(filter_record_batch(rows, &BooleanArray::from(taken))?)
        };
        let rows = batch.rows.all()?.iter().map(own).collect::<Result<Vec<_>>>()?;
        self.sink.write(&Batch { columns: batch.columns.clone(), rows: Rows::Held(&rows), ..*batch })
    }
}

/// Gives letters to a sink of lines, as people can read them.
pub struct Readable<'a>(pub Box<dyn Sink + 'a>);

impl Sink for Readable<'_> {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        let columns = columns(&batch.columns);
        let rows =
            batch.rows.all()?.iter().map(|rows| readable(&columns, rows)).collect::<Result<Vec<_>>>()?;
        self.0.write(&Batch { columns, rows: Rows::Held(&rows), ..*batch })
    }
}
