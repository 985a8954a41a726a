//! What a batch did, put together from what is known at its end.

use super::progress::{self, EventTime, Progress, SinkProgress, SourceProgress, StateOperator};
use super::{Engine, Running};
use crate::clock::Micros;
use crate::record::reject::Code;
use crate::units::format_rfc3339;
use std::collections::BTreeMap;

impl Engine<'_> {
    pub(super) fn report(
        &mut self,
        batch_id: u64,
        running: &Running,
        watermark: Option<Micros>,
        given: u64,
    ) -> Progress {
        let read = running.counts.iter().map(|counts| counts.read).sum();
        let mut rejected: BTreeMap<Code, u64> = BTreeMap::new();
        for (code, count) in running.counts.iter().flat_map(|counts| &counts.rejected) {
            *rejected.entry(*code).or_default() += count;
        }
        let dropped = self.graph.take_late();
        let state_operators = self.graph.kept().zip(dropped);
        let state_operators = state_operators
            .map(|(num_rows_total, late)| StateOperator {
                num_rows_total,
                num_rows_dropped_by_watermark: late,
            })
            .collect();
        Progress {
            batch_id,
            timestamp: format_rfc3339(running.began),
            num_input_rows: read,
            input_rows_per_second: rate(read, running.began - self.last_trigger),
            processed_rows_per_second: rate(read, running.durations.trigger_execution as Micros * 1_000),
            duration_ms: running.durations,
            event_time: EventTime::new(running.times, watermark),
            state_operators,
            sources: (0..self.topics.len()).map(|topic| self.source(topic, running)).collect(),
            sink: SinkProgress { num_output_rows: given },
            rejected: progress::by_name(&rejected),
            tombstones: running.counts.iter().map(|counts| counts.tombstones).sum(),
            total_rejected: self.totals.rejected,
            total_late: self.totals.late,
        }
    }

    fn source(&self, topic: usize, running: &Running) -> SourceProgress {
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
        }
    }
}

/// Per second; 0 where no time passed.
fn rate(count: u64, micros: Micros) -> f64 {
    if micros > 0 { count as f64 * 1e6 / micros as f64 } else { 0.0 }
}
