//! Rows as records of a topic: a JSON object each, under the key that is chosen.

use crate::catalog::suggest;
use crate::clock::Clock;
use crate::kafka::producer::{Outgoing, Producer};
use crate::record::letter;
use crate::sink::{Batch, lines};
use crate::{Error, Result};
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use std::slice;
use std::sync::Arc;

/// How the rows of a batch become records of a topic.
pub trait ToRecords {
    /// Hands all rows of a batch over, and waits until the topic has them.
    ///
    /// # Errors
    /// When it does not take one.
    fn send(&self, batch: &Batch<'_>, producer: &mut Producer) -> Result<()>;
}

/// How rows become records.
pub struct Records {
    topic: String,
    query: String,
    key: Key,
    clock: Arc<dyn Clock>,
}

/// What a record's key is made of.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    None,
    /// The text of a plain column; no key where it is null.
    Text(usize),
    /// A JSON object of these columns.
    Json(Vec<usize>),
}

impl Key {
    fn of(columns: &SchemaRef, names: &[String]) -> Result<Self> {
        let place = |name: &String| {
            columns.index_of(name).map_err(|_| {
                let error = Error::usage(format!("the result has no column '{name}' for the key"));
                suggest(error, name, columns.fields().iter().map(|field| field.name().as_str()))
            })
        };
        let places = names.iter().map(place).collect::<Result<Vec<_>>>()?;
        Ok(match places[..] {
            [] => Self::None,
            [only] if !columns.field(only).data_type().is_nested() => Self::Text(only),
            _ => Self::Json(places),
        })
    }

    /// The key of each row.
    fn read(&self, rows: &RecordBatch) -> Result<Vec<Option<Vec<u8>>>> {
        match self {
            Self::None => Ok(vec![None; rows.num_rows()]),
            Self::Text(column) => {
                let column = rows.column(*column);
                let mut texts = lines::Texts::new(column)?;
                let mut text = |row| Ok(texts.at(row)?.as_bytes().to_vec());
                let key = |row| if column.is_null(row) { Ok(None) } else { text(row).map(Some) };
                (0..rows.num_rows()).map(key).collect()
            }
            Self::Json(columns) => {
                let text = lines::ndjson(&[rows.project(columns)?])?;
                Ok(lines::split(&text).map(|line| Some(line.to_vec())).collect())
            }
        }
    }
}

impl Records {
    /// Records for `topic` from the query of that name, keyed by these columns of the result.
    ///
    /// # Errors
    /// A usage error when the result has no such column.
    pub fn new(
        topic: &str,
        query: &str,
        columns: &SchemaRef,
        key: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self { topic: topic.into(), query: query.into(), key: Key::of(columns, key)?, clock })
    }
}

impl ToRecords for Records {
    fn send(&self, batch: &Batch<'_>, producer: &mut Producer) -> Result<()> {
        let id = batch.id.to_string();
        let headers = [("ecap.query", self.query.as_bytes()), ("ecap.batch", id.as_bytes())];
        let mut line = 0;
        for rows in batch.rows.slices() {
            let rows = rows?;
            let (text, time) = (lines::ndjson(slice::from_ref(&rows))?, self.clock.now());
            for (key, value) in self.key.read(&rows)?.iter().zip(lines::split(&text)) {
                line += 1;
                let (key, value) = (key.as_deref(), Some(value));
                producer.send(Outgoing { key, value, headers: &headers, time, line })?;
            }
            // A broker that takes nothing is not waited for once more with each queue of rows.
            lost(producer, &self.topic, &ROW)?;
        }
        delivered(producer, &self.topic, &ROW)
    }
}

/// Rows of dead letters as the records that they were.
pub struct Letters {
    /// The topic.
    pub topic: String,
}

impl ToRecords for Letters {
    fn send(&self, batch: &Batch<'_>, producer: &mut Producer) -> Result<()> {
        let mut line = 0;
        for rows in batch.rows.pieces() {
            for letter in letter::rows::Letters::of(&rows?)?.iter() {
                line += 1;
                crate::kafka::letter::send(producer, &letter, line)?;
            }
            lost(producer, &self.topic, &LETTER)?;
        }
        delivered(producer, &self.topic, &LETTER)
    }
}

/// Waits until a topic has everything that was sent.
///
/// # Errors
/// When it has not.
pub fn delivered(producer: &Producer, topic: &str, large: &Large) -> Result<()> {
    producer.settle();
    lost(producer, topic, large)?;
    producer.check()
}

/// What is said of a record that a topic is too small for.
pub struct Large {
    what: &'static str,
    form: &'static str,
    hint: &'static str,
}

/// A row of a result.
pub const ROW: Large = Large {
    what: "row",
    form: " as JSON",
    hint: "raise the topic's max.message.bytes, or select fewer columns",
};

/// A dead letter.
const LETTER: Large = Large {
    what: "dead letter",
    form: "",
    hint: "raise the topic's max.message.bytes, or keep dead letters in files",
};

fn lost(producer: &Producer, topic: &str, large: &Large) -> Result<()> {
    let undelivered = producer.take_undelivered();
    let Some(lost) = undelivered.first() else { return Ok(()) };
    let (row, bytes) = (lost.record.line, lost.record.value.as_ref().map_or(0, Vec::len));
    if lost.too_large {
        let Large { what, form, hint } = large;
        let message = format!("topic '{topic}': {what} {row} of the batch is too large, {bytes} bytes{form}");
        return Err(Error::failed(message).hint(*hint));
    }
    Err(lost.error(topic, "the rows"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};

    fn rows() -> RecordBatch {
        let users: ArrayRef = Arc::new(StringArray::from(vec![Some("u1"), None]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        RecordBatch::try_from_iter([("user", users), ("n", numbers)]).expect("columns of one length")
    }

    fn keys(names: &[&str]) -> Result<Vec<Option<String>>> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let keys = Key::of(&rows().schema(), &names)?.read(&rows())?;
        let text = |key: Vec<u8>| String::from_utf8(key).expect("UTF-8");
        Ok(keys.into_iter().map(|key| key.map(text)).collect())
    }

    #[test]
    fn a_key_is_a_text_or_an_object() -> Result<()> {
        assert_eq!(keys(&[])?, [None, None]);
        assert_eq!(keys(&["user"])?, [Some("u1".into()), None]);
        let both = [Some(r#"{"user":"u1","n":1}"#.into()), Some(r#"{"user":null,"n":2}"#.into())];
        assert_eq!(keys(&["user", "n"])?, both);
        let error = keys(&["usr"]).expect_err("unknown").to_string();
        assert_eq!(error, "the result has no column 'usr' for the key: did you mean 'user'?");
        Ok(())
    }
}
