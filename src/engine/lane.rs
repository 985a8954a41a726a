//! The topics that a query reads, side by side: their sources, and what decodes their records.

use super::intake::{Counts, Decoded, Intake};
use super::source::{Allowance, Mark, Position, Source, SourceRecord};
use super::stopwatch::{Phase, Stopwatch};
use super::watermark::Lane;
use crate::clock::Micros;
use crate::query::plan::StreamPlan;
use crate::record::observed::Observed;
use crate::record::reject::{Code, Reject};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// So many bytes of records are read and processed at once.
const CHUNK: usize = 4 << 20;

/// The topics of a query, by the number of their scan.
pub struct Topics<'a> {
    each: Vec<(Box<dyn Source + 'a>, Intake)>,
}

impl<'a> Topics<'a> {
    /// The sources in the order of the plan's scans.
    ///
    /// # Errors
    /// When there are not as many as scans, which is a fault of the caller; a usage error when a topic has
    /// no columns.
    pub fn new(plan: &StreamPlan, sources: Vec<Box<dyn Source + 'a>>) -> Result<Self> {
        if sources.len() != plan.scans.len() {
            let (wanted, given) = (plan.scans.len(), sources.len());
            return Err(Error::failed(format!("the query reads {wanted} topics, {given} are given")));
        }
        let intake =
            |scan: &crate::query::plan::Scan| Intake::new(&scan.topic, scan.columns.clone(), &scan.time);
        let each = sources.into_iter().zip(&plan.scans);
        let each = each.map(|(source, scan)| Ok((source, intake(scan)?))).collect::<Result<_>>()?;
        Ok(Self { each })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// Every partition of every topic.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> + '_ {
        self.caught_up().map(|(lane, _)| lane)
    }

    /// Whether each partition was read to its end.
    pub fn caught_up(&self) -> impl Iterator<Item = (Lane, bool)> + '_ {
        let numbered = self.each.iter().enumerate();
        numbered.flat_map(|(topic, (source, _))| {
            source.positions().iter().map(move |(partition, at)| ((topic, *partition), at.caught_up))
        })
    }

    /// How far each partition of a topic was read.
    pub fn positions(&self, topic: usize) -> &BTreeMap<i32, Position> {
        self.each[topic].0.positions()
    }

    /// The next record to read, by topic and partition.
    pub fn next_offsets(&self) -> Vec<BTreeMap<i32, i64>> {
        let next = |source: &dyn Source| {
            source.positions().iter().map(|(partition, at)| (*partition, at.next)).collect()
        };
        self.each.iter().map(|(source, _)| next(source.as_ref())).collect()
    }

    /// Where each topic stands.
    pub fn marks(&self) -> Vec<Mark> {
        self.each.iter().map(|(source, _)| source.mark()).collect()
    }

    /// Goes on from these marks, one for each topic.
    ///
    /// # Errors
    /// As [`Source::go_to`]; when they are of another number of topics.
    pub fn go_to(&mut self, marks: &[Mark]) -> Result<()> {
        self.each_at(marks)?.try_for_each(|(source, mark)| source.go_to(mark))
    }

    /// Reads no further than these marks, one for each topic, until it is told where to go on.
    ///
    /// # Errors
    /// When they are of another number of topics.
    pub fn stop_at(&mut self, marks: &[Mark]) -> Result<()> {
        self.each_at(marks)?.for_each(|(source, mark)| source.stop_at(mark));
        Ok(())
    }

    fn each_at<'m>(
        &'m mut self,
        marks: &'m [Mark],
    ) -> Result<impl Iterator<Item = (&'m mut Box<dyn Source + 'a>, &'m Mark)>> {
        if marks.len() != self.each.len() {
            return Err(Error::failed("the checkpoint is of a query that reads other topics"));
        }
        Ok(self.each.iter_mut().map(|(source, _)| source).zip(marks))
    }

    /// Asks where all partitions end now.
    ///
    /// # Errors
    /// As [`Source::look_ahead`].
    pub fn look_ahead(&mut self) -> Result<()> {
        self.each.iter_mut().try_for_each(|(source, _)| source.look_ahead())
    }

    /// Sees to it that the topics are still there that were not read to their ends.
    ///
    /// # Errors
    /// As [`Source::check`].
    pub fn check(&mut self) -> Result<()> {
        for (source, _) in &mut self.each {
            if !source.positions().values().all(Position::is_at_end) {
                source.check()?;
            }
        }
        Ok(())
    }

    /// From now on nothing behind these ends is read.
    ///
    /// # Errors
    /// As [`Source::stop_at_ends`].
    pub fn stop_at_ends(&mut self) -> Result<()> {
        self.each.iter_mut().try_for_each(|(source, _)| source.stop_at_ends())
    }

    /// From now on each topic hands over at most so much.
    ///
    /// # Errors
    /// As [`Source::allow`].
    pub fn allow(&mut self, allowance: Allowance) -> Result<()> {
        self.each.iter_mut().try_for_each(|(source, _)| source.allow(allowance))
    }

    /// Lets these partitions wait, and the others go on.
    ///
    /// # Errors
    /// As [`Source::wait`].
    pub fn wait(&mut self, lanes: &BTreeSet<Lane>) -> Result<()> {
        self.each.iter_mut().enumerate().try_for_each(|(topic, (source, _))| {
            let own = lanes.iter().filter(|(of, _)| *of == topic);
            source.wait(&own.map(|(_, partition)| *partition).collect())
        })
    }

    /// Whether every topic has handed over all that it may.
    pub fn are_exhausted(&self) -> bool {
        self.each.iter().all(|(source, _)| source.is_exhausted())
    }

    /// How long a read waits for more records behind the first.
    pub fn linger(&mut self, pause: Duration) {
        self.each.iter_mut().for_each(|(source, _)| source.linger(pause));
    }

    /// How many records of a topic were deleted before they were read.
    pub fn lost_records(&self, topic: usize) -> u64 {
        self.each[topic].0.lost_records()
    }

    /// Whether every partition was read to where it ended when it was last asked.
    pub fn reached_ends(&self) -> bool {
        let mut positions = self.each.iter().flat_map(|(source, _)| source.positions().values());
        positions.all(Position::is_at_end)
    }

    /// From now on the bytes of records are kept until their rows have gone through the query.
    pub fn keep_originals(&mut self) {
        self.each.iter_mut().for_each(|(_, intake)| intake.keep_originals());
    }

    /// Reads and decodes a chunk of a topic, whose records arrive at `arrived`; waits up to `patience` for the first.
    /// What cannot be used goes to `refused`.
    ///
    /// # Errors
    /// When the topic cannot be read any more, or `refused` fails.
    pub fn read(
        &mut self,
        topic: usize,
        (patience, arrived): (Duration, Micros),
        watch: &mut Stopwatch,
        refused: &mut dyn FnMut(&SourceRecord<'_>, &Reject) -> Result<()>,
    ) -> Result<Vec<Decoded>> {
        let (source, intake) = &mut self.each[topic];
        let fetching = source.fetching();
        watch.enter(Phase::Decode);
        let mut failed = Ok(());
        source.read(CHUNK, patience, &mut |record| {
            if let Err(reject) = intake.take(&record)
                && failed.is_ok()
            {
                failed = refused(&record, &reject);
            }
        })?;
        watch.was_spent_on(Phase::Fetch, source.fetching().saturating_sub(fetching));
        failed?;
        intake.take_rows(arrived)
    }

    /// Hands over records of a partition that were read before, as far as they are there still.
    ///
    /// # Errors
    /// As [`Source::read_again`].
    pub fn read_again(
        &mut self,
        topic: usize,
        partition: i32,
        offsets: &BTreeSet<i64>,
        take: &mut dyn FnMut(SourceRecord<'_>),
    ) -> Result<()> {
        self.each[topic].0.read_again(partition, offsets, take)
    }

    /// What a topic's records had since the start that their schema does not say.
    pub fn observed(&self, topic: usize) -> Observed {
        self.each[topic].1.observed()
    }

    /// Counts a record of a topic that was refused after it was decoded.
    pub fn refused(&mut self, topic: usize, code: Code) {
        self.each[topic].1.refused(code);
    }

    /// What became of a topic's records since the last call.
    pub fn take_counts(&mut self, topic: usize) -> Counts {
        self.each[topic].1.take_counts()
    }

    /// Shows the positions to lag tools.
    ///
    /// # Errors
    /// As [`Source::mirror`].
    pub fn mirror(&mut self) -> Result<()> {
        self.each.iter_mut().try_for_each(|(source, _)| source.mirror())
    }
}
