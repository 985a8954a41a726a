//! Sending the records of dead letters back. They are sent in transactions, and the marks that they were are written
//! in the same ones: a record is sent back once, whatever ends a run.

use super::filter::Filter;
use super::marks::Marks;
use super::place::{self, Place, Visit};
use crate::Result;
use crate::catalog::Topic;
use crate::clock::Clock;
use crate::error::Fault;
use crate::kafka::config::Connection;
use crate::kafka::producer::{Outgoing, Producer};
use crate::record::letter::{Letter, Stage};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a record may wait for others to share its request.
const LINGER: Duration = Duration::from_millis(5);

/// How long a transaction may last.
const LONGEST: Duration = Duration::from_secs(60);

/// So many records, or bytes of them, are in a transaction.
const RECORDS: usize = 1_000;
const BYTES: usize = 4 << 20;

/// What is to be sent back, and where to.
pub struct Replay<'a> {
    /// How the cluster is reached.
    pub connection: &'a Connection,
    /// What stands before the names of topics and transactional ids.
    pub prefix: &'a str,
    /// Where the letters are.
    pub places: &'a [Place],
    /// Which of them.
    pub filter: &'a Filter,
    /// The topic that all go to, by its full name; without it, each goes to its own.
    pub to: Option<&'a str>,
    /// Whether those go that were sent back before.
    pub again: bool,
    /// The topic of a name, as far as it is known.
    pub topic: &'a dyn Fn(&str) -> Topic,
    /// How long the cluster may take to acknowledge a record, or to answer.
    pub patience: Duration,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What a run sends back, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// Records by topic that they go to and code.
    pub sent: BTreeMap<(String, String), u64>,
    /// Letters whose record was sent back before, or with another letter of it.
    pub before: u64,
    /// Letters of a file's rows, which are no records of a topic and go where they are told to only.
    pub of_files: u64,
    /// Letters that say only where their record stood, or are of a row of many records.
    pub without_record: u64,
}

impl Count {
    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.sent.values().sum()
    }

    /// The topics that they go to.
    pub fn topics(&self) -> Vec<String> {
        let mut topics: Vec<_> = self.sent.keys().map(|(topic, _)| topic.clone()).collect();
        topics.dedup();
        topics
    }
}

impl Replay<'_> {
    /// Counts what a run would send back now.
    ///
    /// # Errors
    /// When letters or marks cannot be read.
    pub fn plan(&self) -> Result<Count> {
        let (mut marks, mut count) = (self.marks()?, Count::default());
        self.each(&mut |letter| {
            self.judge(letter, &mut marks, &mut count);
            Ok(())
        })?;
        Ok(count)
    }

    /// Sends those back that go to the topics of a plan.
    ///
    /// # Errors
    /// When letters or marks cannot be read, a topic does not take a record, or another run has begun; what was
    /// committed stays, and is not sent again.
    pub fn run(&self, planned: &Count) -> Result<Count> {
        Marks::make(self.connection, self.prefix)?;
        let topics: Vec<_> = planned.topics().iter().map(|name| (self.topic)(name)).collect();
        // The client's limit is that of all its topics; which record is too large for its own is the broker's to say.
        let Some(first) = topics.iter().max_by_key(|topic| topic.max_message_bytes()) else {
            return Ok(Count::default());
        };
        let mut sending = self.sending(first, &topics)?;
        let mut count = Count::default();
        self.each(&mut |letter| {
            if !has_record(letter) {
                count.without_record += 1;
                return Ok(());
            }
            let Some(number) = self.target(letter).and_then(|name| sending.number(name)) else {
                count.of_files += u64::from(self.target(letter).is_none());
                return Ok(());
            };
            if self.judge(letter, &mut sending.marks, &mut count) {
                sending.send(number, letter)
            } else {
                Ok(())
            }
        })?;
        sending.commit()?;
        Ok(count)
    }

    fn sending(&self, first: &Topic, topics: &[Topic]) -> Result<Sending<'_>> {
        let id = format!("{}ecap-replay", self.prefix);
        let timing = (LINGER, self.patience);
        let mut producer = Producer::unmarked(self.connection, first, timing, &id, LONGEST)?;
        let mut names = vec![first.name.clone()];
        for topic in topics.iter().filter(|topic| topic.name != first.name) {
            producer.add(self.connection, &topic.name)?;
            names.push(topic.name.clone());
        }
        // Behind the producer, which has the id by now: nobody else can add a mark.
        let marks = self.marks()?;
        Ok(Sending { producer, marks, topics: names, clock: self.clock, sent: vec![], bytes: 0 })
    }

    fn marks(&self) -> Result<Marks> {
        Marks::read(self.connection, self.prefix)
    }

    fn each(&self, visit: Visit<'_>) -> Result<()> {
        place::each(self.connection, self.places, self.filter, visit)
    }

    /// The topic that the record of a letter goes to.
    fn target<'l>(&'l self, letter: &Letter<'l>) -> Option<&'l str> {
        self.to.or_else(|| letter.file.is_none().then_some(letter.topic))
    }

    /// Whether the record of a letter is to be sent; counts what becomes of it.
    fn judge(&self, letter: &Letter<'_>, marks: &mut Marks, count: &mut Count) -> bool {
        if !has_record(letter) {
            count.without_record += 1;
            return false;
        }
        let Some(topic) = self.target(letter) else {
            count.of_files += 1;
            return false;
        };
        if marks.has(letter, !self.again) {
            count.before += 1;
            return false;
        }
        marks.add(letter);
        *count.sent.entry((topic.into(), letter.code.into())).or_default() += 1;
        true
    }
}

/// Records on their way into topics.
struct Sending<'a> {
    producer: Producer,
    marks: Marks,
    /// By their numbers for the producer.
    topics: Vec<String>,
    clock: &'a dyn Clock,
    /// The number of the topic of each record in the transaction.
    sent: Vec<usize>,
    bytes: usize,
}

impl Sending<'_> {
    fn number(&self, topic: &str) -> Option<usize> {
        self.topics.iter().position(|own| own == topic)
    }

    fn send(&mut self, topic: usize, letter: &Letter<'_>) -> Result<()> {
        if self.sent.is_empty() {
            self.producer.begin()?;
        }
        let line = self.sent.len() as u64;
        self.sent.push(topic);
        self.bytes += letter.value.map_or(0, <[u8]>::len);
        let origin = origin(letter);
        let headers = [("ecap.replayed", origin.as_bytes())];
        let time = letter.timestamp.unwrap_or_else(|| self.clock.now());
        let (key, value) = (letter.key, letter.value);
        self.producer.send_to(topic, Outgoing { key, value, headers: &headers, time, line })?;
        if self.sent.len() >= RECORDS || self.bytes >= BYTES { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<()> {
        if self.sent.is_empty() {
            return Ok(());
        }
        self.marks.write(&mut self.producer, self.clock.now())?;
        self.producer.settle();
        if let Some(lost) = self.producer.take_undelivered().first() {
            let number = usize::try_from(lost.record.line).ok().and_then(|line| self.sent.get(line));
            let topic = number.map_or(self.marks.topic(), |number| &self.topics[*number]);
            let error = lost.error(topic, "a record");
            // Who does not answer cannot be told; the next run with the id tells it first of all.
            if error.fault() != Fault::Unreachable {
                self.producer.abort();
            }
            return Err(error.hint("what was sent before stays, and is not sent again"));
        }
        self.producer.check()?;
        self.producer.commit(None)?;
        self.sent.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Whether a letter has the record itself. That of a row that an operator gave may not: a record without a value never comes so
/// far.
fn has_record(letter: &Letter<'_>) -> bool {
    letter.stage != Stage::Result.as_str() || letter.value.is_some()
}

/// Where the record of a letter stood, in the header of what is sent back.
fn origin(letter: &Letter<'_>) -> String {
    let number = |number: Option<i64>| number.map_or_else(|| "?".into(), |number| number.to_string());
    match letter.file {
        Some(file) => format!("{file}:{}", number(letter.line)),
        None => {
            let (partition, offset) = (number(letter.partition.map(i64::from)), number(letter.offset));
            format!("{}/{partition}/{offset}", letter.topic)
        }
    }
}
