//! What a batch costs when much state is open: 1,000 rows with 1,000,000 groups, sessions or keys kept,
//! against a state of the batch's own 1,000.
//!
//! `cargo bench --profile dev --bench state [-- FILTER]` prints medians in milliseconds and their ratios.
//! The "same" rows touch the same 1,000 groups batch after batch; the "any" rows touch 1,000 of all groups,
//! so that memory which is in no cache is paid as well.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark's result goes to standard output, and nobody but us gives it input"
)]

use arrow::array::RecordBatch;
use ecap::catalog::Catalog;
use ecap::engine::graph::Graph;
use ecap::engine::intake::Intake;
use ecap::engine::options::OutputMode;
use ecap::engine::source::SourceRecord;
use ecap::query::plan::StreamPlan;
use std::time::{Duration, Instant};

const GROUPS: usize = 1_000_000;
const ROWS: usize = 1_000;
const BATCHES: usize = 60;

const CASES: [(&str, &str); 7] = [
    ("count, sum, avg", "count(*) AS n, sum(final_amount) AS t, avg(final_amount) AS m"),
    ("count(DISTINCT)", "count(DISTINCT product_category) AS n"),
    ("min, max of a number", "min(final_amount) AS a, max(final_amount) AS z"),
    ("min, max of a text", "min(product_category) AS a, max(product_category) AS z"),
    (
        "first, last",
        "first_value(final_amount ORDER BY quantity) AS f, last_value(final_amount ORDER BY quantity) AS l",
    ),
    ("stddev", "stddev(final_amount) AS d"),
    ("first without an order", "first_value(final_amount) AS f"),
];

fn graph(sql: &str) -> Graph {
    let plan = StreamPlan::new(sql, &Catalog::built_in().expect("valid"), "", None).expect("plans");
    Graph::new(plan, Duration::from_secs(3_600)).expect("fits")
}

/// Rows of these customers, with the columns that the query needs.
fn rows(query: &Graph, customers: impl Iterator<Item = usize>, salt: usize) -> RecordBatch {
    let scan = &query.plan().scans[0];
    let mut intake = Intake::new(&scan.topic, scan.columns.clone(), &scan.time).expect("has columns");
    for (offset, customer) in (0i64..).zip(customers) {
        let value = format!(
            r#"{{"customer_id":"customer_{customer:08}","product_category":"category {}","final_amount":{}.25,"quantity":{}}}"#,
            (customer + salt) % 5,
            (customer + salt * 7_919) % 500,
            salt % 1_000,
        );
        let value = Some(value.as_bytes());
        let record =
            SourceRecord { partition: 0, offset, timestamp: 1_000_000, key: None, value, in_file: None };
        intake.take(&record).expect("valid");
    }
    let mut decoded = intake.take_rows(0).expect("decodes");
    assert_eq!(decoded.len(), 1, "one batch");
    decoded.remove(0).rows
}

/// Milliseconds of each batch: the median, and the longest.
fn run(query: &mut Graph, mode: OutputMode, batches: impl Iterator<Item = RecordBatch>) -> (f64, f64) {
    let mut times: Vec<f64> = batches
        .map(|batch| {
            let start = Instant::now();
            query.push(0, &batch).expect("aggregates");
            query.advance(0, mode).expect("shows");
            query.take_results();
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(BATCHES / 10)
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1])
}

fn measure(name: &str, sql: &str, mode: OutputMode) {
    let same = |query: &Graph| -> Vec<RecordBatch> {
        (1..=BATCHES).map(|salt| rows(query, (0..ROWS).map(|row| row * 997), salt)).collect()
    };
    let mut few = graph(sql);
    let batches = same(&few);
    let (alone, _) = run(&mut few, mode, batches.into_iter());

    let mut many = graph(sql);
    for part in 0..GROUPS / 50_000 {
        let batch = rows(&many, part * 50_000..(part + 1) * 50_000, 0);
        many.push(0, &batch).expect("aggregates");
        many.advance(0, mode).expect("shows");
        many.take_results();
    }
    assert_eq!(many.kept().sum::<usize>(), GROUPS, "all are open");
    let batches = same(&many);
    let (same, _) = run(&mut many, mode, batches.into_iter());
    let any = |salt: usize| (0..ROWS).map(move |row| (row * 7_919 + salt * 104_729) % GROUPS);
    let batches: Vec<_> = (1..=BATCHES).map(|salt| rows(&many, any(salt), salt + BATCHES)).collect();
    let (any, longest) = run(&mut many, mode, batches.into_iter());
    let mode = format!("{mode:?}").to_lowercase();
    println!(
        "{name:<22} {mode:<8} {alone:>8.2} {same:>8.2} {:>6.2} {any:>8.2} {:>6.2} {longest:>9.1}",
        same / alone,
        any / alone
    );
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!(
        "{:<22} {:<8} {:>8} {:>8} {:>6} {:>8} {:>6} {:>9}",
        "", "mode", "alone", "same", "×", "any", "×", "longest"
    );
    let windows =
        [("", "window(_timestamp, '1 hour')"), ("sessions: ", "session_window(_timestamp, '1 hour')")];
    for (kind, window) in windows {
        for (name, values) in CASES.iter().take(if kind.is_empty() { CASES.len() } else { 1 }) {
            let name = format!("{kind}{name}");
            let sql = format!(
                "SELECT customer_id, {values} FROM `customer-transactions` GROUP BY {window}, customer_id"
            );
            for mode in [OutputMode::Append, OutputMode::Update] {
                if name.contains(&filter) {
                    measure(&name, &sql, mode);
                }
            }
        }
    }
    if "deduplication".contains(&filter) {
        let sql = "SELECT DISTINCT ON (customer_id) customer_id, _timestamp FROM `customer-transactions`";
        measure("deduplication", sql, OutputMode::Append);
    }
}
