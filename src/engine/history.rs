//! The last batches of a query, and how it goes on the whole.

use super::progress::Progress;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many reports are kept.
pub const KEPT: usize = 100;

/// The reports of the last [`KEPT`] batches, the newest last. Clones share them, so that others can look while
/// a query runs.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    reports: Arc<Vec<Arc<Progress>>>,
    positions: Option<Arc<Positions>>,
}

/// The next record of each partition, by topic.
pub type Positions = BTreeMap<String, BTreeMap<i32, i64>>;

/// Means over the batches that are kept; 0 where there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Trends {
    /// Records that came per second.
    pub avg_input_rate: f64,
    /// Records per second of work.
    pub avg_processing_rate: f64,
    /// The second by the first: below 1 a query falls behind. 0 without input.
    pub throughput_ratio: f64,
}

impl History {
    /// Adds the report of a batch, and forgets the oldest where there are too many.
    pub fn add(&self, report: Arc<Progress>) {
        let mut kept = self.kept();
        let reports = Arc::make_mut(&mut kept.reports);
        reports.push(report);
        reports.drain(..reports.len().saturating_sub(KEPT));
    }

    /// Notes where the query stands; also where nothing came, of which there is no report.
    pub fn stand(&self, positions: Positions) {
        self.kept().positions = Some(Arc::new(positions));
    }

    /// Where the query stood when it looked last; nothing before the first time.
    pub fn positions(&self) -> Option<Arc<Positions>> {
        self.kept().positions.clone()
    }

    /// The reports, the newest last.
    pub fn reports(&self) -> Arc<Vec<Arc<Progress>>> {
        self.kept().reports.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The report of the newest batch.
    pub fn last(&self) -> Option<Arc<Progress>> {
        self.kept().reports.last().cloned()
    }

    /// How it goes over the batches that are kept.
    pub fn trends(&self) -> Trends {
        Trends::of(&self.reports())
    }
}

impl Trends {
    /// How it went over these batches.
    pub fn of(reports: &[Arc<Progress>]) -> Self {
        let mean = |rate: fn(&Progress) -> f64| {
            reports.iter().map(|report| rate(report)).sum::<f64>() / reports.len().max(1) as f64
        };
        let avg_input_rate = mean(|report| report.input_rows_per_second);
        let avg_processing_rate = mean(|report| report.processed_rows_per_second);
        let throughput_ratio = if avg_input_rate > 0.0 { avg_processing_rate / avg_input_rate } else { 0.0 };
        Trends { avg_input_rate, avg_processing_rate, throughput_ratio }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(batch_id: u64, input_rows_per_second: f64, processed_rows_per_second: f64) -> Arc<Progress> {
        Arc::new(Progress {
            batch_id,
            input_rows_per_second,
            processed_rows_per_second,
            ..Progress::default()
        })
    }

    #[test]
    fn the_last_hundred_are_kept_and_trends_are_theirs() {
        let history = History::default();
        let seen_by_others = history.clone();
        assert_eq!(history.trends(), Trends::default());
        history.add(report(0, 0.0, 0.0));
        assert_eq!(history.trends().throughput_ratio, 0.0, "without input");
        for batch in 1..=100 {
            history.add(report(batch, if batch > 50 { 30.0 } else { 10.0 }, 50.0));
        }
        let reports = seen_by_others.reports();
        assert_eq!((reports.len(), reports[0].batch_id, reports[99].batch_id), (KEPT, 1, 100));
        let expected = Trends { avg_input_rate: 20.0, avg_processing_rate: 50.0, throughput_ratio: 2.5 };
        assert_eq!(seen_by_others.trends(), expected);
    }
}
