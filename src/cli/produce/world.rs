//! `ecap-produce --synthetic`: what is generated, and the topics of a whole world.

use super::ProduceCli;
use crate::catalog::Topic;
use crate::cli::common::Settings;
use crate::cli::output;
use crate::generate::{Format, Generator, Kind, Timeline};
use crate::produce::{Checker, GeneratedSource, Pace, Source};
use crate::{Error, Result};
use clap::ValueEnum;
use clap::builder::PossibleValue;

/// What is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synthetic {
    /// One kind of records.
    One(Kind),
    /// All kinds, each to its own topic, in one order of time.
    World,
}

impl ValueEnum for Synthetic {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::One(Kind::CustomerTransactions),
            Self::One(Kind::Transactions),
            Self::One(Kind::UserEvents),
            Self::One(Kind::ProductUpdates),
            Self::World,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::One(kind) => kind.to_possible_value(),
            Self::World => Some(
                PossibleValue::new("world").help("All of these, each to its own topic, in the order of time"),
            ),
        }
    }
}

impl Synthetic {
    /// The topics that it goes to when none is asked for, in the order of its timeline.
    fn kinds(self) -> Vec<Kind> {
        match self {
            Self::One(kind) => vec![kind],
            Self::World => Timeline::KINDS.to_vec(),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::One(kind) => kind.topic(),
            Self::World => "world",
        }
    }

    /// How many `transactions` there are when all of it comes at a rate.
    fn rate(self, rate: f64) -> f64 {
        match self {
            Self::One(kind) => kind.rate_of_transactions(rate),
            Self::World => Kind::rate_of_transactions_beside_all(rate),
        }
    }
}

impl ProduceCli {
    /// The topics that generated records go to.
    ///
    /// # Errors
    /// A usage error when there is none of that name, or the options do not fit to several.
    pub fn topics_of<'a>(&self, generated: Synthetic, settings: &'a Settings) -> Result<Vec<&'a Topic>> {
        if generated == Synthetic::World && self.topic.is_some() {
            return Err(Error::usage("the records of a world go to the topics of their kinds")
                .hint("leave out --topic, or name one kind with --synthetic"));
        }
        if generated == Synthetic::World && self.delivery.transactional_id.is_some() {
            return Err(Error::usage("a transaction holds records of one topic, and a world has several")
                .hint("leave out --transactional-id, or name one kind with --synthetic"));
        }
        let kinds = generated.kinds();
        kinds.iter().map(|kind| settings.topic(self.topic.as_deref().unwrap_or(kind.topic()))).collect()
    }

    /// A source of generated records, for these topics.
    ///
    /// # Errors
    /// A usage error when the options of the world do not fit together, or a topic is not one of records.
    pub fn generated(
        &self,
        what: Synthetic,
        rows: u64,
        seed: Option<u64>,
        topics: &[&Topic],
    ) -> Result<Box<dyn Source>> {
        let kind = if let Synthetic::One(kind) = what { kind } else { Kind::Transactions };
        // Records that are sent at a rate happen at that rate.
        let mut world = match self.pace() {
            Pace::Rate(rate) => self.world.world_at(kind, what.rate(rate))?,
            _ => self.world.world(kind)?,
        };
        match seed {
            Some(seed) => world.seed = seed,
            None if self.world.seed.is_none() => output::note(&format!("seed {}", world.seed)),
            None => {}
        }
        let timeline = match what {
            Synthetic::One(kind) => Generator::new(kind, Format::Ndjson, world)?.into(),
            Synthetic::World => Timeline::of_world(&world, |_| Format::Ndjson)?,
        };
        let checkers = topics.iter().map(|topic| self.checker(what, topic)).collect::<Result<_>>()?;
        Ok(Box::new(GeneratedSource::new(timeline, checkers, rows)))
    }

    /// What finds keys and times. What is generated is right, or wrong on purpose.
    fn checker(&self, what: Synthetic, topic: &Topic) -> Result<Checker> {
        let record = topic.record.as_ref();
        let record = record.ok_or_else(|| Error::usage(format!("topic '{}' has no columns", topic.name)))?;
        let time = match what {
            Synthetic::One(_) => self.time_column(topic)?,
            // The history comes at once, before the streams begin.
            Synthetic::World => record.schema.field(&record.time).map(|time| time.name.clone()),
        };
        Ok(Checker::unchecked(record, true).timed(time.filter(|_| self.pacing.replay)).tombstones(topic))
    }
}
