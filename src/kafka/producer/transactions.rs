//! Batches as transactions, and how far their source has come, committed together with them.

use super::BRIEFLY;
use super::ledger::Ledger;
use crate::kafka::admin::{is_silence, refused};
use crate::kafka::committed::{Committed, committed};
use crate::kafka::config::{Connection, wrong_setting};
use crate::kafka::context::Context;
use crate::kafka::groups::Position;
use crate::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// A broker waits for the end of a transaction at least so long.
const SHORTEST: Duration = Duration::from_secs(60);

/// How far a source has come: kept by the broker as the offset of a consumer group at the topic's first
/// partition, with what is written beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// How many rows were read.
    pub rows: u64,
    /// What else has to be known to go on there.
    pub note: String,
}

/// What a producer hears that can commit nothing more.
pub const FENCED: [RDKafkaErrorCode; 3] =
    [RDKafkaErrorCode::Fenced, RDKafkaErrorCode::ProducerFenced, RDKafkaErrorCode::InvalidProducerEpoch];

const POSITION: &str = ".position";

/// A call is given at least so long: the client answers one that was given up before its thread saw it to the next call, and a
/// commit that goes on is then told as one that cannot be made.
const LEAST: Duration = Duration::from_secs(1);

/// The group that keeps how far the source of a producer with this transactional id has come.
pub fn position_group(id: &str) -> String {
    format!("{id}{POSITION}")
}

/// The transactional id of the producer whose position this is: such a group has one offset, in the first partition, with a
/// JSON object beside it.
pub fn positioned<'a>(group: &'a str, places: &[Position]) -> Option<&'a str> {
    match places {
        [Position { partition: 0, metadata, .. }] if metadata.starts_with('{') => {
            group.strip_suffix(POSITION)
        }
        _ => None,
    }
}

/// The transactions of one producer.
pub struct Transactions {
    id: String,
    patience: Duration,
    /// How long one may last.
    longest: Duration,
    marks: Option<Marks>,
}

/// Where marks are kept.
struct Marks {
    topic: String,
    /// Belongs to the group that keeps them, and never joins it.
    member: BaseConsumer<Context>,
}

impl Transactions {
    /// Transactions under this id. One has to end within `longest`, an answer to come within `patience`.
    pub fn new(id: &str, patience: Duration, longest: Duration) -> Self {
        Self { id: id.into(), patience, longest, marks: None }
    }

    /// The same with marks, which are kept by the group `ID.position`. A transaction has to end within `patience`,
    /// or a minute where that is longer.
    ///
    /// # Errors
    /// A usage error where a client setting is wrong.
    pub fn marking(connection: &Connection, topic: &str, id: &str, patience: Duration) -> Result<Self> {
        let mut config = connection.client();
        config
            .set("group.id", position_group(id))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed");
        let member =
            config.create_with_context(connection.context()).map_err(|error| wrong_setting(&error))?;
        let marks = Some(Marks { topic: topic.into(), member });
        Ok(Self { marks, ..Self::new(id, patience, patience.max(SHORTEST)) })
    }

    /// Adds what makes a producer transactional.
    pub fn configure(&self, config: &mut ClientConfig) {
        config
            .set("transactional.id", &self.id)
            .set("transaction.timeout.ms", self.longest.as_millis().to_string());
    }

    /// Takes the id over: whoever has it is fenced, and what is open is aborted.
    ///
    /// # Errors
    /// When the broker does not give it.
    pub fn init(&self, client: &ThreadedProducer<Ledger>) -> Result<()> {
        self.again(|patience| client.init_transactions(patience))
            .map_err(|error| self.failed("cannot begin", &error))
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When another producer has the id.
    pub fn begin(&self, client: &ThreadedProducer<Ledger>) -> Result<()> {
        client.begin_transaction().map_err(|error| self.failed("cannot begin a batch", &error))
    }

    /// Commits what was sent, and a mark with it where there are marks.
    ///
    /// # Errors
    /// When another producer has the id, or the broker does not answer; then it is not known whether it
    /// is committed.
    pub fn commit(&self, client: &ThreadedProducer<Ledger>, mark: Option<&Mark>) -> Result<()> {
        if let (Some(marks), Some(mark)) = (&self.marks, mark) {
            self.send(client, marks, mark)?;
        }
        let committed = self.again(|patience| client.commit_transaction(patience));
        committed.map_err(|error| self.failed("cannot commit a batch", &error))
    }

    fn send(&self, client: &ThreadedProducer<Ledger>, marks: &Marks, mark: &Mark) -> Result<()> {
        let group = marks.member.group_metadata().ok_or_else(|| {
            Error::failed(format!("transactional id '{}': the client knows no group for it", self.id))
        })?;
        let sent = marks.list(Some(mark)).and_then(|offsets| {
            self.again(|patience| client.send_offsets_to_transaction(&offsets, &group, patience))
        });
        sent.map_err(|error| self.failed("cannot commit a batch", &error))
    }

    /// Aborts what is open, as far as the broker can be told.
    pub fn abort(&self, client: &ThreadedProducer<Ledger>) {
        if let Err(error) = client.abort_transaction(BRIEFLY) {
            tracing::debug!("transactional id '{}': cannot abort: {error}", self.id);
        }
    }

    /// The mark that was committed last.
    ///
    /// # Errors
    /// When the broker does not tell it.
    pub fn last(&self) -> Result<Option<Mark>> {
        let Some(marks) = &self.marks else { return Ok(None) };
        let asked = marks.list(None).and_then(|list| marks.member.committed_offsets(list, self.patience));
        let found = asked.and_then(|answer| committed(&answer));
        let found = found.map_err(|error| self.failed("cannot find where it was", &error))?;
        let mark = |at: Committed| Mark { rows: at.offset.unsigned_abs(), note: at.metadata };
        Ok(found.into_iter().next().map(mark))
    }

    /// Asks again as long as an answer may come.
    fn again(&self, ask: impl Fn(Duration) -> KafkaResult<()>) -> KafkaResult<()> {
        let start = Instant::now();
        loop {
            let left = self.patience.saturating_sub(start.elapsed());
            match ask(left.max(LEAST)) {
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && start.elapsed() < self.patience => {}
                answer => return answer,
            }
        }
    }

    fn failed(&self, doing: &str, error: &KafkaError) -> Error {
        let (reason, is_passing) = match error {
            KafkaError::Transaction(error) => (error.string(), error.is_retriable()),
            other => (other.to_string(), false),
        };
        let code = error.rdkafka_error_code();
        if is_passing && !code.is_some_and(is_silence) {
            return Error::unreachable(format!("transactional id '{}' {doing} yet: {reason}", self.id));
        }
        self.wrong(doing, code, &reason)
    }

    /// What an error means for whoever runs the producer.
    pub fn wrong(&self, doing: &str, code: Option<RDKafkaErrorCode>, reason: &str) -> Error {
        use RDKafkaErrorCode as Code;
        let id = &self.id;
        if let Some((code, right)) = code.and_then(|code| Some((code, self.right(code)?))) {
            return refused(&format!("transactional id '{id}' {doing}"), code, "", &right);
        }
        match code {
            Some(code) if FENCED.contains(&code) => Error::failed(format!(
                "another run with transactional id '{id}' has begun, and this one can commit nothing more"
            ))
            .hint("what it committed stays; runs at the same time need ids of their own"),
            Some(Code::InvalidTransactionTimeout) => Error::usage(format!(
                "transactional id '{id}': the broker allows no transaction of {} s",
                self.longest.as_secs()
            ))
            .hint(if self.marks.is_some() {
                "give a shorter --delivery-timeout"
            } else {
                "give a shorter timeout"
            }),
            // It forgets an id that nobody used for a week.
            Some(Code::InvalidProducerIdMapping | Code::UnknownProducerId) => {
                Error::unreachable(format!("the broker does not know transactional id '{id}' any more"))
            }
            Some(code) if is_silence(code) => {
                Error::unreachable(format!("the broker stopped answering: transactional id '{id}' {doing}"))
            }
            _ => Error::failed(format!("transactional id '{id}' {doing}: {reason}")),
        }
    }

    /// The right that is missing where a broker says this.
    fn right(&self, code: RDKafkaErrorCode) -> Option<String> {
        let id = &self.id;
        match code {
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed => {
                Some(format!("WRITE on transactional id '{id}'"))
            }
            RDKafkaErrorCode::GroupAuthorizationFailed => {
                Some(format!("READ on group '{}'", position_group(id)))
            }
            RDKafkaErrorCode::TopicAuthorizationFailed => {
                self.marks.as_ref().map(|marks| format!("WRITE and READ on topic '{}'", marks.topic))
            }
            _ => None,
        }
    }
}

impl Marks {
    /// The place of the mark.
    fn list(&self, mark: Option<&Mark>) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        let mut element = list.add_partition(&self.topic, 0);
        if let Some(mark) = mark {
            element.set_offset(Offset::Offset(i64::try_from(mark.rows).unwrap_or(i64::MAX)))?;
            element.set_metadata(&mark.note);
        }
        Ok(list)
    }
}
