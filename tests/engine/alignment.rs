//! Partitions that are far ahead in event time wait for the others: nothing changes but what is kept meanwhile.

use crate::support::listed::{Listed, Stored};
use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use ecap::catalog::Catalog;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::sink::memory::Memory;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: i64 = 60_000_000;

/// Partitions by how far their records are apart in microseconds and how many there are; they come in runs.
fn backlog(partitions: &[(i64, usize)], run: usize) -> Vec<Stored> {
    let longest = partitions.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let mut stored = Vec::new();
    for start in (0..longest).step_by(run) {
        for (partition, (apart, count)) in partitions.iter().enumerate() {
            stored.extend((start..(start + run).min(*count)).map(|number| Stored {
                partition: partition as i32,
                timestamp: number as i64 * apart,
                value: Some(r#"{"customer_id":"c","final_amount":1}"#.into()),
                ..Stored::default()
            }));
        }
    }
    stored
}

/// What a query counted.
struct Counted {
    /// Records by start of the window.
    windows: BTreeMap<i64, i64>,
    totals: Totals,
    /// The most windows that were kept after a batch.
    kept: usize,
}

/// Counts by the minute.
fn count(backlog: Vec<Stored>, per_read: usize, max_skew: Option<Duration>) -> Counted {
    let sql =
        "SELECT window.start, count(*) FROM `customer-transactions` GROUP BY window(_timestamp, '1 minute')";
    let plan = StreamPlan::new(sql, &Catalog::built_in().expect("valid"), "", None).expect("plans");
    let options = Options {
        trigger: Trigger::AvailableNow,
        mode: OutputMode::Append,
        delay: Some(Duration::ZERO),
        max_skew,
        // Who was read to the end holds nothing back.
        idle_timeout: Some(Duration::ZERO),
        flush_at_end: true,
        ..Options::default()
    };
    let (memory, most) = (Memory::default(), Rc::new(Cell::new(0)));
    let seen = most.clone();
    let around = Surroundings {
        sources: vec![Box::new(Listed::all(backlog, per_read))],
        sink: Box::new(memory.clone()),
        letters: None,
        checkpoint: None,
        listener: Box::new(move |progress| {
            seen.set(seen.get().max(progress.state_operators[0].num_rows_total));
            Ok(())
        }),
        clock: Arc::new(ManualClock::at(0)),
    };
    let totals = Engine::new(plan, options, around).expect("fits").run(&Stop::default()).expect("runs");
    let mut windows = BTreeMap::new();
    for rows in memory.rows() {
        let starts = rows.column(0).as_primitive::<TimestampMicrosecondType>().values().iter();
        let counts = rows.column(1).as_primitive::<Int64Type>().values();
        windows.extend(starts.copied().zip(counts.iter().copied()));
    }
    Counted { windows, totals, kept: most.get() }
}

#[test]
fn what_is_kept_does_not_grow_with_the_backlog_of_the_slowest() {
    let partitions = [(MINUTE, 5_000), (MINUTE / 60, 5_000)];
    let free = count(backlog(&partitions, 50), 200, None);
    let aligned = count(backlog(&partitions, 50), 200, Some(Duration::from_secs(600)));
    assert_eq!((&aligned.windows, aligned.totals.late), (&free.windows, 0));
    // The first partition is 82 hours long, the second one 83 minutes.
    assert!(free.kept > 4_000, "{}", free.kept);
    assert!(aligned.kept < 300, "{}", aligned.kept);
}

#[test]
fn one_time_from_a_wrong_clock_makes_no_partition_wait() {
    let mut backlog = backlog(&[(MINUTE, 1_000), (MINUTE, 1_000)], 50);
    backlog[10].timestamp = 3_000 * MINUTE;
    let counted = count(backlog, 200, Some(Duration::from_secs(600)));
    assert_eq!((counted.totals.late, counted.totals.read), (0, 2_000));
}

proptest! {
    #[test]
    fn whoever_waits_every_record_is_counted(
        partitions in prop::collection::vec((1..MINUTE, 0usize..700), 1..4),
        run in 1usize..300,
        per_read in 1usize..300,
        skew in 0u64..3_600,
    ) {
        let counted = count(backlog(&partitions, run), per_read, Some(Duration::from_secs(skew)));
        let all: usize = partitions.iter().map(|(_, count)| *count).sum();
        prop_assert_eq!((counted.totals.read, counted.totals.late), (all as u64, 0));
        let mut windows = BTreeMap::new();
        for (apart, count) in &partitions {
            for number in 0..*count as i64 {
                *windows.entry(number * apart / MINUTE * MINUTE).or_insert(0) += 1;
            }
        }
        prop_assert_eq!(counted.windows, windows);
    }
}
