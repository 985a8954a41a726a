//! A query that goes on: from its checkpoint at the start, and a step further into it with each batch.

use super::checkpoint::{Checkpoint, Commit, Entry, HeldTable};
use super::{Engine, Running};
use crate::Result;
use crate::clock::{Micros, Stop};
use crate::tables::Table;
use arrow::array::RecordBatch;
use std::sync::Arc;

impl Engine<'_> {
    /// Goes on from the checkpoint, or begins it. Batches that began and were not done run again.
    pub(super) fn go_on(&mut self, stop: &Stop) -> Result<()> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        match checkpoint.take_last() {
            None => {
                self.totals = checkpoint.before().map(|(totals, _)| *totals).unwrap_or_default();
                return self.commit();
            }
            Some((commit, state)) => {
                self.totals = commit.totals;
                self.watermark.restore(commit.watermark, self.clock.now());
                self.topics.go_to(&commit.sources)?;
                if !state.is_empty() {
                    self.graph.restore(vec![state])?;
                }
            }
        }
        // What was given out at once is not given out again.
        if self.is_continuous() {
            return Ok(());
        }
        for entry in self.cut_off()? {
            if stop.requested() {
                break;
            }
            self.run_again(&entry, stop)?;
        }
        Ok(())
    }

    fn cut_off(&self) -> Result<Vec<Entry>> {
        let checkpoint = self.checkpoint.as_ref();
        checkpoint.map_or(Ok(vec![]), |checkpoint| checkpoint.cut_off(self.totals.batches))
    }

    /// Runs a batch that was cut off: the same records, at the same time.
    fn run_again(&mut self, entry: &Entry, stop: &Stop) -> Result<()> {
        tracing::info!("batch {} was cut off, and runs again", entry.batch);
        self.topics.stop_at(&entry.end)?;
        let fresh = self.swap_tables(&entry.tables)?;
        self.graph.watch.begin();
        self.graph.plan().begin(entry.clock);
        if let Some(before) = entry.before.filter(|before| Some(*before) > self.watermark.current()) {
            // Time went on without a batch, and closed what had no rows: it decides what is late.
            self.graph.advance(before, self.options.mode)?;
            self.graph.take_results();
            self.graph.take_lost();
        }
        let mut running = Running { closes: entry.closes, again: true, ..self.running(entry.clock) };
        while !self.topics.reached_ends() {
            if stop.requested() {
                return Ok(());
            }
            self.chunk(&mut running)?;
        }
        self.watermark.restore(entry.watermark.clone(), self.clock.now());
        let watermark = entry.watermark.current;
        let reached = if entry.closes { Some(Micros::MAX) } else { watermark };
        self.graph.advance(reached.unwrap_or(Micros::MIN), self.options.mode)?;
        self.refuse_lost(&mut running)?;
        let rows = self.graph.take_results();
        if let Some(checkpoint) = &mut self.checkpoint {
            // Whoever has lost the checkpoint cannot write it again.
            checkpoint.prepare(entry)?;
        }
        self.give_out(running, &rows, watermark)?;
        for (table, rows) in self.graph.plan().tables().iter().zip(fresh) {
            table.swap(rows);
        }
        self.topics.go_to(&entry.end)
    }

    /// Gives tables the rows that they had; gives those that they have now.
    fn swap_tables(&self, held: &[HeldTable]) -> Result<Vec<Vec<RecordBatch>>> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(vec![]) };
        let swap = |table: &Arc<Table>| {
            let had = held.iter().find(|held| held.name == table.name());
            Ok(table.swap(had.map_or_else(|| Ok(table.rows()), |held| checkpoint.table(held))?))
        };
        self.graph.plan().tables().iter().map(swap).collect()
    }

    /// Before a batch has any effect: keeps what it depends on.
    pub(super) fn prepare(&mut self, batch: u64, running: &Running) -> Result<()> {
        let is_continuous = self.is_continuous();
        let Some(checkpoint) = self.checkpoint.as_mut().filter(|_| !running.again && !is_continuous) else {
            return Ok(());
        };
        let tables = checkpoint.keep_tables(self.graph.plan().tables())?;
        checkpoint.prepare(&Entry {
            batch,
            clock: running.began,
            before: running.before,
            end: self.topics.marks(),
            watermark: self.watermark.save(),
            closes: running.closes,
            tables,
        })
    }

    /// The sinks have all batches so far: keeps what changed in the state.
    pub(super) fn commit(&mut self) -> Result<()> {
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        let commit = Commit {
            totals: self.totals,
            time: self.clock.now(),
            sources: self.topics.marks(),
            watermark: self.watermark.save(),
            operators: vec![],
            origins: vec![],
            made: None,
        };
        checkpoint.commit(commit, &self.graph.snapshot()?)
    }

    /// Sees to it that nobody took the checkpoint over.
    pub(super) fn check_owner(&self) -> Result<()> {
        self.checkpoint.as_ref().map_or(Ok(()), Checkpoint::check)
    }

    /// How many bytes the files of the checkpoint have.
    pub(super) fn checkpoint_bytes(&self) -> Option<u64> {
        self.checkpoint.as_ref().map(Checkpoint::size)
    }
}
