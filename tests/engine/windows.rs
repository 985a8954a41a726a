//! Each record is in exactly the windows that contain it, and streaming equals a plain batch query.

use crate::support::cases;
use crate::support::listed::{Listed, Stored};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use ecap::catalog::Catalog;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::graph::Graph;
use ecap::engine::intake::Intake;
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::source::SourceRecord;
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::sink::memory::Memory;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A record of the tests: event time in milliseconds, a group, a customer, an amount in cents.
#[derive(Debug, Clone)]
struct Sale {
    partition: i32,
    millis: i64,
    category: u8,
    customer: u8,
    cents: i64,
}

impl Sale {
    fn json(&self) -> String {
        format!(
            r#"{{"customer_id":"c{}","product_category":"k{}","final_amount":{}}}"#,
            self.customer,
            self.category,
            self.cents as f64 / 100.0
        )
    }
}

/// The sales as a topic that hands over so many of them a read.
fn listed(sales: &[Sale], per_read: usize) -> Listed {
    let stored = |sale: &Sale| Stored {
        partition: sale.partition,
        timestamp: sale.millis * 1_000,
        value: Some(sale.json()),
        ..Stored::default()
    };
    Listed::all(sales.iter().map(stored), per_read)
}

/// What a window shows of a group: count, sum in cents, distinct customers, count of large sales.
type Row = (i64, i64, i64, i64);
/// Window start in milliseconds and group, to what is shown.
type Rows = BTreeMap<(i64, String), Row>;

fn sql(size: i64, slide: i64) -> String {
    format!(
        "SELECT window.start AS s, window.end AS e, product_category AS k, count(*) AS n, sum(final_amount) AS t, \
         count(DISTINCT customer_id) AS u, count(*) FILTER (WHERE final_amount > 50) AS l \
         FROM `customer-transactions` \
         GROUP BY window(_timestamp, '{size} milliseconds', '{slide} milliseconds'), product_category"
    )
}

fn stream(
    sales: &[Sale],
    sql: &str,
    mode: OutputMode,
    delay: Duration,
    per_read: usize,
) -> (Vec<RecordBatch>, Totals) {
    let catalog = Catalog::built_in().expect("valid");
    let plan = StreamPlan::new(sql, &catalog, "", None).expect("plans");
    let options = Options {
        trigger: Trigger::AvailableNow,
        mode,
        delay: Some(delay),
        idle_timeout: None,
        flush_at_end: true,
        ..Options::default()
    };
    let memory = Memory::default();
    let around = Surroundings {
        sources: vec![Box::new(listed(sales, per_read))],
        sink: Box::new(memory.clone()),
        letters: None,
        checkpoint: None,
        listener: Box::new(|_| Ok(())),
        clock: Arc::new(ManualClock::at(0)),
    };
    let totals = Engine::new(plan, options, around).expect("fits").run(&Stop::default()).expect("runs");
    (memory.rows(), totals)
}

/// The rows by window and group; of several for one the last, as in update mode.
fn rows(batches: &[RecordBatch], size: i64) -> Rows {
    let mut rows = Rows::new();
    for batch in batches {
        let time = |column: usize| batch.column(column).as_primitive::<TimestampMicrosecondType>();
        let int = |column: usize, row: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
        for row in 0..batch.num_rows() {
            let start = time(0).value(row) / 1_000;
            assert_eq!(time(1).value(row) / 1_000, start + size, "a window's end is its start and its size");
            let sum = batch.column(4).as_primitive::<Float64Type>().value(row);
            let shown = (int(3, row), (sum * 100.0).round() as i64, int(5, row), int(6, row));
            rows.insert((start, batch.column(2).as_string::<i32>().value(row).to_string()), shown);
        }
    }
    rows
}

/// The same by going through all windows for each record.
fn brute_force(sales: &[Sale], size: i64, slide: i64) -> Rows {
    let mut rows = Rows::new();
    let mut customers: BTreeMap<(i64, String), BTreeSet<u8>> = BTreeMap::new();
    for sale in sales {
        let first = (sale.millis - size).div_euclid(slide) * slide;
        for start in (0..).map(|step| first + step * slide).take_while(|start| *start <= sale.millis) {
            if start + size <= sale.millis {
                continue;
            }
            let key = (start, format!("k{}", sale.category));
            customers.entry(key.clone()).or_default().insert(sale.customer);
            let distinct = customers[&key].len() as i64;
            let row = rows.entry(key).or_default();
            row.0 += 1;
            row.1 += sale.cents;
            row.2 = distinct;
            row.3 += i64::from(sale.cents > 5_000);
        }
    }
    rows
}

fn sales() -> impl Strategy<Value = Vec<Sale>> {
    let sale = (0i32..3, -20_000i64..20_000, 0u8..3, 0u8..6, 1i64..10_000).prop_map(
        |(partition, millis, category, customer, cents)| Sale {
            partition,
            millis,
            category,
            customer,
            cents,
        },
    );
    prop::collection::vec(sale, 1..120)
}

/// Slides that divide the size and slides that do not.
fn size_and_slide() -> impl Strategy<Value = (i64, i64)> {
    (1i64..8_000)
        .prop_flat_map(|size| {
            (
                Just(size),
                prop_oneof![1i64..=size, Just(size), (1i64..=4).prop_map(move |n| (size / n).max(1))],
            )
        })
        .prop_map(|(size, slide)| (size, slide.max(size / 50).max(1)))
        .prop_filter("at most 10,000 panes", |(size, slide)| {
            ecap::query::window::WindowSpec::new(size * 1_000, slide * 1_000, 0).is_ok()
        })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_record_is_in_exactly_the_windows_that_contain_it(
        sales in sales(), (size, slide) in size_and_slide(), per_read in 1usize..40,
    ) {
        // The delay is longer than any disorder, so nothing is late, whatever order records arrive in.
        let delay = Duration::from_secs(60);
        let expected = brute_force(&sales, size, slide);
        let (append, totals) = stream(&sales, &sql(size, slide), OutputMode::Append, delay, per_read);
        prop_assert_eq!(append.iter().map(RecordBatch::num_rows).sum::<usize>(), expected.len(), "each row once");
        prop_assert_eq!(&rows(&append, size), &expected);
        prop_assert_eq!((totals.read, totals.late), (sales.len() as u64, 0));
        let (update, _) = stream(&sales, &sql(size, slide), OutputMode::Update, delay, per_read);
        prop_assert_eq!(&rows(&update, size), &expected, "update mode ends where append does");
        let (complete, _) = stream(&sales, &sql(size, slide), OutputMode::Complete, delay, per_read);
        prop_assert_eq!(&rows(&complete, size), &expected, "complete mode ends where append does");
    }

    #[test]
    fn a_record_is_counted_or_late_and_never_lost(
        sales in sales(), size in 100i64..5_000, per_read in 1usize..40, delay in 0u64..10_000,
    ) {
        let (tumbling, totals) =
            stream(&sales, &sql(size, size), OutputMode::Append, Duration::from_millis(delay), per_read);
        let counted: i64 = rows(&tumbling, size).values().map(|row| row.0).sum();
        prop_assert_eq!(counted as u64 + totals.late, sales.len() as u64);
        prop_assert_eq!(tumbling.iter().map(RecordBatch::num_rows).sum::<usize>(), rows(&tumbling, size).len(), "a final window comes once");
    }
}

/// Counts by window and late records, with windows final as soon as the batches before have come so far.
fn with_lateness(
    sales: &[Sale],
    size: i64,
    slide: i64,
    per_read: usize,
    delay: i64,
) -> (BTreeMap<i64, i64>, u64) {
    let (mut counts, mut late, mut newest, mut watermark) = (BTreeMap::new(), 0, i64::MIN, i64::MIN);
    for batch in sales.chunks(per_read) {
        for sale in batch {
            let first = (sale.millis - size).div_euclid(slide) * slide;
            let starts = (0..).map(|step| first + step * slide).take_while(|start| *start <= sale.millis);
            let open = |start: &i64| start + size > sale.millis && start + size > watermark;
            let open: Vec<_> = starts.filter(open).collect();
            late += u64::from(open.is_empty());
            for start in open {
                *counts.entry(start).or_default() += 1;
            }
            newest = newest.max(sale.millis);
        }
        watermark = newest - delay;
    }
    (counts, late)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_final_window_takes_nothing_more_and_an_open_one_everything(
        mut sales in sales(), (size, slide) in size_and_slide(), per_read in 1usize..40, delay in 0i64..15_000,
    ) {
        // With one partition the watermark is the newest time, and the reference needs no clock.
        sales.iter_mut().for_each(|sale| sale.partition = 0);
        let waits = Duration::from_millis(delay.unsigned_abs());
        let (batches, totals) = stream(&sales, &sql(size, slide), OutputMode::Append, waits, per_read);
        let mut counts = BTreeMap::new();
        for ((start, _), row) in rows(&batches, size) {
            *counts.entry(start).or_default() += row.0;
        }
        let (expected, late) = with_lateness(&sales, size, slide, per_read, delay);
        prop_assert_eq!(counts, expected);
        prop_assert_eq!(totals.late, late);
    }
}

/// The sales as rows with the columns that the plan wants.
fn decoded(plan: &StreamPlan, sales: &[Sale]) -> Vec<RecordBatch> {
    let mut intake =
        Intake::new(&plan.scans[0].topic, plan.scans[0].columns.clone(), "_timestamp").expect("has columns");
    for (offset, sale) in (0i64..).zip(sales) {
        let (value, timestamp) = (sale.json(), sale.millis * 1_000);
        let value = Some(value.as_bytes());
        intake
            .take(&SourceRecord { partition: 0, offset, timestamp, key: None, value, in_file: None })
            .expect("valid");
    }
    intake.take_rows(0).expect("decodes").into_iter().map(|decoded| decoded.rows).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_operator_that_is_restored_from_its_snapshots_goes_on_as_if_nothing_had_been(
        sales in sales(), (size, slide) in size_and_slide(), per_batch in 1usize..20, every in 1usize..4,
    ) {
        let catalog = Catalog::built_in().expect("valid");
        let plan = StreamPlan::new(&sql(size, slide), &catalog, "", None).expect("plans");
        let (mut query, mut snapshots) = (Graph::new(plan, Duration::ZERO).expect("fits"), vec![]);
        for (number, batch) in sales.chunks(per_batch).enumerate() {
            for rows in decoded(query.plan(), batch) {
                prop_assert_eq!(query.push(0, &rows).expect("aggregates"), 0);
            }
            // Update mode freezes and compacts, which a snapshot must not notice.
            if number % 2 == 0 {
                query.advance(i64::MIN, OutputMode::Update).expect("shows");
                query.take_results();
            }
            if number % every == 0 {
                snapshots.push(query.snapshot().expect("saves"));
                query = Graph::new(query.into_plan(), Duration::ZERO).expect("fits");
                query.restore(snapshots.clone()).expect("its own state");
            }
        }
        query.advance(i64::MAX, OutputMode::Append).expect("closes");
        prop_assert_eq!(&rows(&query.take_results().all().expect("are there"), size), &brute_force(&sales, size, slide));
    }
}

#[test]
fn a_late_record_is_one_whose_windows_are_all_final() {
    let sale = |millis| Sale { partition: 0, millis, category: 1, customer: 1, cents: 100 };
    // One record a batch; the watermark is 5 s behind the newest. [0, 10) is final from 15 s on.
    let sales = [sale(1_000), sale(14_999), sale(2_000), sale(15_000), sale(9_999), sale(10_000)];
    let (batches, totals) =
        stream(&sales, &sql(10_000, 10_000), OutputMode::Append, Duration::from_secs(5), 1);
    assert_eq!(totals.late, 1, "only 9.999 s came after its window was final");
    let counts: Vec<_> = rows(&batches, 10_000).into_iter().map(|((start, _), row)| (start, row.0)).collect();
    assert_eq!(counts, [(0, 2), (10_000, 3)]);
}

#[test]
fn a_record_that_several_windows_miss_is_late_once() {
    let sale = |millis| Sale { partition: 0, millis, category: 1, customer: 1, cents: 100 };
    let windows = |size: &str| {
        let from = "FROM `customer-transactions` GROUP BY window(_timestamp";
        format!("SELECT window.start AS s, count(*) AS n {from}, '{size}')")
    };
    let raw = "SELECT _timestamp AS s, CAST(1 AS BIGINT) AS n FROM `customer-transactions`";
    // One record a batch; the watermark is at 30 s when the last two come: [0, 60) is open.
    let sales = [sale(1_000), sale(30_000), sale(2_000), sale(3_000)];
    for (sql, late) in [
        (windows("10 seconds"), 2),
        (format!("{} UNION ALL {}", windows("10 seconds"), windows("15 seconds")), 2),
        (format!("{} UNION ALL {}", windows("10 seconds"), windows("1 minute")), 0),
        (format!("{} UNION ALL {}", windows("1 minute"), windows("10 seconds")), 0),
        (format!("{raw} UNION ALL {}", windows("10 seconds")), 0),
    ] {
        let (_, totals) = stream(&sales, &sql, OutputMode::Append, Duration::ZERO, 1);
        assert_eq!(totals.late, late, "{sql}");
    }
}

#[test]
fn a_query_may_filter_windows_and_records() {
    let sale = |millis, cents| Sale { partition: 0, millis, category: 1, customer: 1, cents };
    let sales = [sale(1_000, 100), sale(2_000, 900), sale(12_000, 100)];
    let sql = "SELECT window.start AS s, count(*) AS n FROM `customer-transactions` WHERE final_amount < 5 \
               GROUP BY window(_timestamp, '10 seconds') HAVING window.start >= timestamp '1970-01-01 00:00:10'";
    let (batches, _) = stream(&sales, sql, OutputMode::Append, Duration::ZERO, 10);
    let counts: Vec<_> = batches
        .iter()
        .flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    assert_eq!(counts, [1]);
}
