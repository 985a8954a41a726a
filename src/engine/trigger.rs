//! When batches run: a way through the loop for each trigger.

use super::Engine;
use super::lane::Topics;
use super::options::Limits;
use crate::Result;
use crate::clock::{Micros, Stop};
use std::time::Duration;

/// What a rate by second allows is read in batches of a second, where the trigger names no interval.
const RATE_INTERVAL: Duration = Duration::from_secs(1);

/// How often the ends of partitions are asked for where no trigger does, in microseconds.
const LOOK_AHEAD: Micros = 5_000_000;

impl Engine<'_> {
    pub(super) fn run_always(&mut self, stop: &Stop) -> Result<()> {
        while !stop.requested() {
            let began = self.clock.now();
            self.look_ahead_at_times(began)?;
            self.topics.allow(self.options.limits.allowance(RATE_INTERVAL))?;
            self.batch(stop, |_| false)?;
            self.keep_to_rate(began, stop);
        }
        Ok(())
    }

    pub(super) fn run_every(&mut self, every: Duration, stop: &Stop) -> Result<()> {
        let (interval, clock) = (every.as_micros() as Micros, self.clock.clone());
        loop {
            self.topics.look_ahead()?;
            self.topics.allow(self.options.limits.allowance(every))?;
            // Triggers keep to a grid, so that they do not drift by the work of each batch.
            let due = (clock.now().div_euclid(interval) + 1).saturating_mul(interval);
            let due = if self.options.backpressure { due } else { Micros::MAX };
            let more =
                |topics: &Topics| !topics.reached_ends() && !topics.are_exhausted() && clock.now() < due;
            self.batch(stop, more)?;
            let rest = interval - clock.now().rem_euclid(interval);
            if stop.wait(Duration::from_micros(rest.unsigned_abs())) {
                return Ok(());
            }
        }
    }

    pub(super) fn run_once(&mut self, stop: &Stop) -> Result<()> {
        self.topics.look_ahead()?;
        self.topics.stop_at_ends()?;
        // Dead letters may end a batch before that.
        while !self.topics.reached_ends() && !stop.requested() {
            self.batch(stop, |topics| !topics.reached_ends())?;
        }
        self.end(stop)
    }

    pub(super) fn run_available(&mut self, stop: &Stop) -> Result<()> {
        self.topics.look_ahead()?;
        self.topics.stop_at_ends()?;
        let limited = self.options.limits != Limits::default();
        while !self.topics.reached_ends() && !stop.requested() {
            let began = self.clock.now();
            self.topics.allow(self.options.limits.allowance(RATE_INTERVAL))?;
            self.batch(stop, |topics| limited && !topics.reached_ends() && !topics.are_exhausted())?;
            self.keep_to_rate(began, stop);
        }
        self.end(stop)
    }

    /// Gives out each record at once, and says every so often how far it came.
    pub(super) fn run_continuous(&mut self, every: Duration, stop: &Stop) -> Result<()> {
        self.topics.linger(Duration::ZERO);
        while !stop.requested() {
            let (clock, began) = (self.clock.clone(), self.clock.now());
            let due = began.saturating_add(every.as_micros() as Micros);
            self.look_ahead_at_times(began)?;
            self.batch(stop, |_| clock.now() < due)?;
        }
        Ok(())
    }

    /// The end of a bounded run.
    fn end(&mut self, stop: &Stop) -> Result<()> {
        if self.options.flush_at_end && !stop.requested() { self.flush() } else { Ok(()) }
    }

    /// Where batches follow one another at once, the ends of partitions are asked for now and then.
    fn look_ahead_at_times(&mut self, now: Micros) -> Result<()> {
        if now.saturating_sub(self.looked_ahead) < LOOK_AHEAD {
            return Ok(());
        }
        self.looked_ahead = now;
        self.topics.look_ahead()
    }

    /// Where nothing comes although there is more, a topic may be gone: the client does not say so.
    pub(super) fn check_at_times(&mut self) -> Result<()> {
        let now = self.clock.now();
        if now.saturating_sub(self.checked) < LOOK_AHEAD {
            return Ok(());
        }
        self.checked = now;
        self.topics.check()
    }

    /// Waits for the second to end in which a batch has read what a rate allows.
    fn keep_to_rate(&self, began: Micros, stop: &Stop) {
        if self.options.limits.rate_per_partition.is_some() {
            let passed = Duration::from_micros(self.clock.now().abs_diff(began));
            stop.wait(RATE_INTERVAL.saturating_sub(passed));
        }
    }
}
