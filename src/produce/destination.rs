//! The topics that a run sends to: one, or one for each kind of a world's records.

use super::{Plan, Stamp, Target};
use crate::catalog::Topic;
use crate::kafka::producer::{Mark, Outgoing, Producer, Receipts, Undelivered};
use crate::{Error, Result};

/// A topic, and what is added to each record for it.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The topic's name.
    pub topic: String,
    /// What is added.
    pub stamp: Stamp,
}

impl Destination {
    /// A topic as the catalog has it.
    ///
    /// # Errors
    /// A usage error when the catalog asks for what the producer does not know.
    pub fn new(topic: &Topic) -> Result<Self> {
        let stamp = topic.record.as_ref().map_or(Ok(Stamp::default()), Stamp::new)?;
        Ok(Self { topic: topic.name.clone(), stamp })
    }
}

impl Plan {
    /// The name of one of its topics.
    pub fn topic(&self, destination: usize) -> &str {
        self.destinations.get(destination).map_or("", |it| &it.topic)
    }

    /// Where the run goes, in words.
    pub fn topics(&self) -> String {
        match &self.destinations[..] {
            [only] => only.topic.clone(),
            several => format!("{} topics", several.len()),
        }
    }
}

/// A target for each topic. Where there are several, no transaction holds them together.
pub struct Fan<T>(pub Vec<T>);

impl<T: Target> Target for Fan<T> {
    fn send(&mut self, destination: usize, record: Outgoing) -> Result<()> {
        let target = self.0.get_mut(destination);
        target.ok_or_else(|| Error::failed("a record has no topic"))?.send(0, record)
    }

    fn settle(&mut self) -> Result<()> {
        // All of them, whatever becomes of one.
        self.0.iter_mut().map(Target::settle).fold(Ok(()), Result::and)
    }

    fn begin(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(Target::begin)
    }

    fn commit(&mut self, mark: &Mark) -> Result<()> {
        self.0.iter_mut().try_for_each(|target| target.commit(mark))
    }

    fn abort(&mut self) -> Vec<Undelivered> {
        self.of_each(Target::abort)
    }

    fn take_undelivered(&mut self) -> Vec<Undelivered> {
        self.of_each(Target::take_undelivered)
    }
}

impl<T> Fan<T> {
    /// What each topic has not got, with the topic's place.
    fn of_each(&mut self, take: impl Fn(&mut T) -> Vec<Undelivered>) -> Vec<Undelivered> {
        let targets = self.0.iter_mut().enumerate();
        let records = targets.flat_map(|(destination, target)| {
            take(target).into_iter().map(move |record| Undelivered { destination, ..record })
        });
        records.collect()
    }
}

impl Fan<Producer> {
    /// What became of the records so far, and how many of each topic are acknowledged.
    pub fn receipts(&self) -> (Receipts, Vec<u64>) {
        let (mut sum, mut acknowledged) = (Receipts::default(), Vec::new());
        for receipts in self.0.iter().map(Producer::receipts) {
            acknowledged.push(receipts.acknowledged);
            sum.add(&receipts);
        }
        (sum, acknowledged)
    }
}
