//! Which decoded records go through the query, and what becomes of the others.

use super::halves::Halves;
use super::intake::Decoded;
use super::letters::{DeadLetter, Known};
use super::span::Span;
use super::stopwatch::Phase;
use super::{Engine, Running};
use crate::Result;
use crate::clock::Micros;
use crate::query::error::of_running;
use crate::record::letter::Stage;
use crate::record::reject::{Code, Reject};
use crate::record::timestamp::SPAN;
use crate::units::{format_duration, format_rfc3339};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use std::time::Duration;

/// The rows of a partition that are still in the race, and which records they were made from.
struct Admitted {
    rows: RecordBatch,
    records: Vec<usize>,
}

impl Engine<'_> {
    /// Takes the records of a partition through the query, which were read at `read_at`. Their times are held against
    /// that of the batch, so that it can run again with the same result.
    pub(super) fn admit(
        &mut self,
        topic: usize,
        decoded: &Decoded,
        read_at: Micros,
        running: &mut Running,
    ) -> Result<()> {
        let now = running.began;
        if let Some(quality) = self.quality.get_mut(topic) {
            self.graph.watch.enter(Phase::Quality);
            let measured = quality.measure(decoded, now, self.watermark.current());
            measured.map_err(|error| of_running(&error))?;
            self.graph.watch.enter(Phase::Other);
        }
        let lane = (topic, decoded.partition);
        let mut admitted = None;
        let mut span = decoded.span();
        decoded.event_times().into_iter().for_each(|times| running.sample.add(times));
        if span.is_some_and(|span| self.is_odd(topic, span, now)) {
            let kept = self.without_odd_times(topic, decoded, now, running)?;
            let times = decoded.event_times();
            let time =
                |row: &usize| times.filter(|times| times.is_valid(*row)).map(|times| times.value(*row));
            span = Span::of(kept.records.iter().filter_map(time));
            admitted = Some(kept);
        }
        running.times = Span::widest(running.times, span);
        self.watermark.observe(lane, span.map(|span| span.newest), read_at);
        self.watermark.passed(lane, decoded.rows.num_rows(), span.map(|span| span.oldest));
        let late = match admitted {
            None => self.pass(topic, decoded, &decoded.rows, &|row| row)?,
            Some(kept) => self.pass(topic, decoded, &kept.rows, &|row| kept.records[row])?,
        };
        if late > 0 {
            *running.late.entry(lane).or_default() += late;
        }
        Ok(())
    }

    /// Whether some time between the oldest and the newest has to be looked at.
    fn is_odd(&self, topic: usize, Span { oldest, newest, .. }: Span, now: Micros) -> bool {
        let ahead = self.options.max_future.is_some_and(|most| newest > now.saturating_add(micros(most)));
        let never = !SPAN.contains(&oldest) || !SPAN.contains(&newest);
        let stale = self.options.max_age.is_some_and(|most| oldest < now.saturating_sub(micros(most)));
        never || ahead || stale || (self.options.keep_late && oldest < self.graph.late_before(topic))
    }

    /// The rows whose time can be used.
    fn without_odd_times(
        &mut self,
        topic: usize,
        decoded: &Decoded,
        now: Micros,
        running: &mut Running,
    ) -> Result<Admitted> {
        let Some(times) = decoded.times.clone() else {
            let records = (0..decoded.rows.num_rows()).collect();
            return Ok(Admitted { rows: decoded.rows.clone(), records });
        };
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let (late_before, mut records) = (self.graph.late_before(topic), Vec::new());
        for row in 0..times.len() {
            let Some((stage, reject)) = self.odd(topic, times, row, now, late_before) else {
                records.push(row);
                continue;
            };
            if reject.code == Code::Late {
                *running.late.entry((topic, decoded.partition)).or_default() += 1;
            }
            self.refuse(topic, decoded, row, stage, &reject)?;
        }
        let mut kept = vec![false; times.len()];
        records.iter().for_each(|row| kept[*row] = true);
        Ok(Admitted { rows: filter_record_batch(&decoded.rows, &BooleanArray::from(kept))?, records })
    }

    /// What is wrong with the time of a row, if anything.
    fn odd(
        &self,
        topic: usize,
        times: &TimestampMicrosecondArray,
        row: usize,
        now: Micros,
        late_before: Micros,
    ) -> Option<(Stage, Reject)> {
        if times.is_null(row) {
            return None;
        }
        let (time, column) = (times.value(row), &self.graph.plan().scans[topic].time);
        let shown = || format!("{column} = {}", format_rfc3339(time));
        let apart = |a: Micros, b: Micros| format_duration(Duration::from_secs(a.abs_diff(b) / 1_000_000));
        if !SPAN.contains(&time) {
            let reason = format!("{} is not in the years 0 to 9999", shown());
            return Some((Stage::Time, Reject::new(Code::InvalidValue, reason)));
        }
        if self.options.max_future.is_some_and(|most| time > now.saturating_add(micros(most))) {
            let reason = format!("{} is {} ahead of the clock", shown(), apart(time, now));
            return Some((Stage::Time, Reject::new(Code::InvalidValue, reason)));
        }
        if self.options.max_age.is_some_and(|most| time < now.saturating_sub(micros(most))) {
            let reason = format!("{} is {} old", shown(), apart(now, time));
            return Some((Stage::Time, Reject::new(Code::Stale, reason)));
        }
        if self.options.keep_late && time < late_before {
            let reason =
                format!("{}: its windows were final before {}", shown(), format_rfc3339(late_before));
            return Some((Stage::Window, Reject::new(Code::Late, reason)));
        }
        None
    }

    /// Takes rows through the query; gives how many were late. Rows on which an expression fails are found
    /// by halving, and refused one by one.
    fn pass(
        &mut self,
        topic: usize,
        decoded: &Decoded,
        rows: &RecordBatch,
        record: &dyn Fn(usize) -> usize,
    ) -> Result<u64> {
        let mut late = 0;
        let mut parts = Halves::of(rows.num_rows());
        while let Some(part) = parts.next() {
            match self.graph.push(topic, &rows.slice(part.start, part.len())) {
                Ok(more) => late += more,
                Err(failed) if !failed.on_rows || part.is_empty() => return Err(failed.into()),
                Err(failed) if part.len() == 1 => {
                    let reject = Reject::new(Code::TransformFailed, self.graph.reason(&failed));
                    self.refuse(topic, decoded, record(part.start), Stage::Transform, &reject)?;
                }
                Err(_) => parts.halve(&part),
            }
        }
        Ok(late)
    }

    /// Counts a record that does not go through the query, and takes it to where such records go.
    fn refuse(
        &mut self,
        topic: usize,
        decoded: &Decoded,
        row: usize,
        stage: Stage,
        reject: &Reject,
    ) -> Result<()> {
        if reject.code != Code::Late {
            self.topics.refused(topic, reject.code);
        }
        let topic = &self.graph.plan().scans[topic].topic.name;
        self.refused.take(&DeadLetter { topic, record: Known::Record(decoded.record(row)), stage, reject })
    }
}

fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}
