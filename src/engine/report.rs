//! What a batch did, put together from what is known at its end.

use super::history::History;
use super::options::Options;
use super::progress::{self, EventTime, Progress, SinkProgress, SourceProgress, StateOperator};
use super::quality::{self, Quality};
use super::{Engine, Running};
use crate::catalog::Topic;
use crate::clock::Micros;
use crate::query::plan::{Scan, StreamPlan};
use crate::record::observed::Observed;
use crate::record::reject::Code;
use crate::units::format_rfc3339;
use std::collections::BTreeMap;

/// So many unknown fields and columns of another type a report names.
const SHOWN: usize = 20;

/// What measures the quality of each topic's records; the plan reads what that needs.
pub(super) fn measure(plan: &mut StreamPlan, options: &Options) -> Vec<Quality> {
    let of = |scan: &mut Scan| {
        let record = scan.topic.record.clone()?;
        scan.deliver(&quality::columns(&record));
        Some(Quality::new(&record, options.delay_of(&scan.topic), options.max_age))
    };
    plan.scans.iter_mut().filter_map(of).collect()
}

impl Engine<'_> {
    /// The last batches; it can be looked at while the query runs.
    pub fn history(&self) -> History {
        self.history.clone()
    }

    /// What the records of each topic had so far that their schema does not say.
    pub fn observed(&self) -> impl Iterator<Item = (&Topic, Observed)> + '_ {
        let scans = self.graph.plan().scans.iter().enumerate();
        scans.map(|(topic, scan)| (&scan.topic, self.topics.observed(topic)))
    }

    /// What the records of each topic were worth so far, where that is measured and there were any.
    pub fn quality(&self) -> impl Iterator<Item = (&Topic, quality::Report)> + '_ {
        let scans = self.graph.plan().scans.iter().zip(&self.quality);
        scans.filter_map(|(scan, quality)| Some((&scan.topic, quality.total()?)))
    }

    /// Shows where each topic stands, also where a batch found nothing.
    pub(super) fn stand(&self) {
        let names = self.graph.plan().scans.iter().map(|scan| scan.topic.name.clone());
        self.history.stand(names.zip(self.topics.next_offsets()).collect());
    }

    pub(super) fn report(
        &mut self,
        batch_id: u64,
        running: &Running,
        watermark: Option<Micros>,
        given: u64,
        ended: Micros,
    ) -> Progress {
        let read = running.counts.iter().map(|counts| counts.read).sum();
        let mut rejected: BTreeMap<Code, u64> = BTreeMap::new();
        for (code, count) in running.counts.iter().flat_map(|counts| &counts.rejected) {
            *rejected.entry(*code).or_default() += count;
        }
        let sources = (0..self.topics.len()).map(|topic| self.source(topic, running)).collect();
        let dropped = self.graph.take_late();
        let rows = self.graph.kept().zip(self.graph.updated());
        let bytes = self.graph.memory().zip(self.graph.spilled());
        let state_operators = rows
            .zip(bytes)
            .zip(dropped)
            .map(|(((num_rows_total, num_rows_updated), (memory, disk)), late)| StateOperator {
                num_rows_total,
                num_rows_updated,
                memory_used_bytes: memory,
                disk_used_bytes: disk,
                num_rows_dropped_by_watermark: late,
            })
            .collect();
        Progress {
            batch_id,
            timestamp: format_rfc3339(running.began),
            num_input_rows: read,
            input_rows_per_second: self.last_trigger.map_or(0.0, |last| rate(read, running.began - last)),
            processed_rows_per_second: rate(read, ended - running.began),
            duration_ms: self.graph.watch.durations(),
            event_time: EventTime::new(running.times, watermark),
            latency_ms: running.sample.latency(ended),
            state_operators,
            sources,
            sink: SinkProgress { num_output_rows: given },
            checkpoint_bytes: self.checkpoint_bytes(),
            rejected: progress::by_name(&rejected),
            tombstones: running.counts.iter().map(|counts| counts.tombstones).sum(),
            total_rejected: self.totals.rejected,
            total_late: self.totals.late,
        }
    }

    fn source(&mut self, topic: usize, running: &Running) -> SourceProgress {
        let quality = self.quality.get_mut(topic).and_then(|quality| quality.finish(&running.counts[topic]));
        let positions = self.topics.positions(topic);
        let own = running.late.iter().filter(|((of, _), _)| *of == topic);
        SourceProgress {
            description: self.graph.plan().scans[topic].topic.name.clone(),
            start_offset: running.start.get(topic).cloned().unwrap_or_default(),
            end_offset: positions.iter().map(|(partition, at)| (*partition, at.next)).collect(),
            latest_offset: positions.iter().map(|(partition, at)| (*partition, at.end)).collect(),
            num_input_rows: running.counts[topic].read,
            lost_records: self.topics.lost_records(topic),
            late_by_partition: own.map(|((_, partition), late)| (*partition, *late)).collect(),
            schema_report: self.topics.observed(topic).most_frequent(SHOWN),
            quality,
        }
    }
}

/// Per second; 0 where no time passed.
fn rate(count: u64, micros: Micros) -> f64 {
    if micros > 0 { count as f64 * 1e6 / micros as f64 } else { 0.0 }
}
