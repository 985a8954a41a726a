//! Rows in a topic of Kafka, a JSON object each.
//!
//! A batch is one transaction, which also writes its number to the topic `ecap-commits`. The transactional id is that of
//! the query and sink, so a new run fences an older one before it reads which batch was committed last. Any error gives
//! the producer up: the next one takes the id over, which decides what is open, and looks again.

mod commits;
mod records;

use super::{Batch, Sink, Writer, at_start, looking_again};
use crate::catalog::Topic;
use crate::clock::Clock;
use crate::error::Fault;
use crate::kafka::config::Connection;
use crate::kafka::producer::Producer;
use crate::units::format_duration;
use crate::{Error, Result, failpoint};
use arrow::datatypes::SchemaRef;
use commits::Commits;
use records::{Letters, Records, ToRecords};
use std::sync::Arc;
use std::time::Duration;

pub use commits::TOPIC as COMMITS;

/// How transactional ids begin, behind the prefix of the environment.
pub const IDS: &str = "ecap-";

/// How long a row may wait for others to share its request.
const LINGER: Duration = Duration::from_millis(5);

/// Where rows go.
#[derive(Clone)]
pub struct Destination {
    /// The cluster.
    pub connection: Connection,
    /// What stands before the transactional id and the name of the topic of commits.
    pub prefix: String,
    /// The topic.
    pub topic: Topic,
    /// The columns of the key; without any, records have none.
    pub key: Vec<String>,
    /// How long the cluster may take to acknowledge a row, or to answer.
    pub patience: Duration,
    /// How long a batch's transaction may last.
    pub longest: Duration,
    /// The time of the records.
    pub clock: Arc<dyn Clock>,
}

/// Writes each batch that has rows, exactly once.
pub struct KafkaSink {
    destination: Destination,
    id: String,
    form: Box<dyn ToRecords>,
    commits: Commits,
    open: Option<Open>,
}

/// A producer that has the transactional id.
struct Open {
    producer: Producer,
    /// The batch that was committed last, once that was read.
    committed: Option<Option<u64>>,
}

impl KafkaSink {
    /// Takes over from whoever wrote for the same query and sink before.
    ///
    /// # Errors
    /// An unreachable error when the cluster does not answer; a usage error when a topic or a column is not there, or
    /// the cluster allows no such transactions.
    pub fn new(destination: Destination, columns: &SchemaRef, writer: &Writer) -> Result<Self> {
        let Destination { topic, key, clock, .. } = &destination;
        let records = Records::new(&topic.name, &writer.query, columns, key, clock.clone())?;
        Self::closed(destination, Box::new(records), writer)?.opened().map_err(at_start)
    }

    /// The same for rows of dead letters, each of which becomes the record that it was, with the rest in headers.
    ///
    /// # Errors
    /// As with rows; a topic that is not there is no usage error.
    pub fn of_letters(destination: Destination, writer: &Writer) -> Result<Self> {
        let topic = destination.topic.name.clone();
        Self::closed(destination, Box::new(Letters { topic }), writer)?.opened()
    }

    fn closed(destination: Destination, form: Box<dyn ToRecords>, writer: &Writer) -> Result<Self> {
        let Destination { connection, prefix, patience, .. } = &destination;
        let commits = Commits::new(connection, format!("{prefix}{COMMITS}"), writer, *patience)?;
        let id = format!("{prefix}{IDS}{}.{}", writer.query, writer.sink);
        Ok(Self { destination, id, form, commits, open: None })
    }

    fn opened(mut self) -> Result<Self> {
        self.open = Some(self.begin()?);
        Ok(self)
    }

    fn begin(&mut self) -> Result<Open> {
        let Destination { connection, topic, patience, longest, clock, .. } = &self.destination;
        connection.check()?;
        self.commits.check()?;
        // No row is waited for longer than the transaction may last.
        let timing = (LINGER, *patience.min(longest));
        let mut producer = Producer::unmarked(connection, topic, timing, &self.id, *longest)?;
        failpoint::pass("kafka claim");
        self.commits.claim(&mut producer, clock.now())?;
        Ok(Open { producer, committed: None })
    }

    fn attempt(&mut self, batch: &Batch<'_>) -> Result<()> {
        let mut open = self.open.take().map_or_else(|| self.begin(), Ok)?;
        let committed = open.committed.map_or_else(|| self.commits.last(), Ok)?;
        open.committed = Some(committed);
        if committed.is_none_or(|last| last < batch.id) {
            if let Err(error) = self.commit(&mut open.producer, batch) {
                // Who does not answer cannot be told; the next producer with the id tells it first of all.
                if error.fault() != Fault::Unreachable {
                    open.producer.abort();
                }
                return Err(self.explained(error, &open.producer));
            }
            open.committed = Some(Some(batch.id));
        }
        self.open = Some(open);
        Ok(())
    }

    fn commit(&self, producer: &mut Producer, batch: &Batch<'_>) -> Result<()> {
        producer.begin()?;
        self.commits.add(producer, batch.id, batch.count(), self.destination.clock.now())?;
        self.form.send(batch, producer)?;
        failpoint::pass("kafka commit");
        producer.commit(None)?;
        failpoint::pass("kafka committed");
        Ok(())
    }

    /// A producer that was fenced does not know by whom.
    fn explained(&self, error: Error, producer: &Producer) -> Error {
        if !producer.is_fenced() {
            return error;
        }
        self.commits.check().err().unwrap_or_else(|| {
            let longest = format_duration(self.destination.longest);
            let message = format!("the transaction took longer than {longest}, and the broker took it back");
            Error::unreachable(message).hint("give smaller batches, or a longer --sink-option timeout")
        })
    }
}

impl Sink for KafkaSink {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        looking_again(|| self.attempt(batch))
    }
}

/// Writes rows as they come, without batches: at least once.
pub struct Direct {
    producer: Producer,
    form: Box<dyn ToRecords>,
}

impl Direct {
    /// Writes to the destination's topic.
    ///
    /// # Errors
    /// When the cluster does not answer; a usage error when the topic or a column is not there.
    pub fn new(destination: &Destination, columns: &SchemaRef, query: &str) -> Result<Self> {
        let Destination { topic, key, clock, .. } = destination;
        let records = Records::new(&topic.name, query, columns, key, clock.clone())?;
        Self::open(destination, Box::new(records), Duration::ZERO).map_err(at_start)
    }

    /// The same for rows of dead letters.
    ///
    /// # Errors
    /// When the cluster does not answer, or has no such topic.
    pub fn of_letters(destination: &Destination) -> Result<Self> {
        let topic = destination.topic.name.clone();
        Self::open(destination, Box::new(Letters { topic }), LINGER)
    }

    fn open(destination: &Destination, form: Box<dyn ToRecords>, linger: Duration) -> Result<Self> {
        let Destination { connection, topic, patience, .. } = destination;
        Ok(Self { producer: Producer::new(connection, topic, linger, *patience)?, form })
    }
}

impl Sink for Direct {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        // What failed of an earlier attempt is no failure of this one.
        self.producer.settle();
        drop(self.producer.take_undelivered());
        self.form.send(batch, &mut self.producer)
    }
}
