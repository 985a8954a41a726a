//! What a batch costs when much state is open: 1,000 rows with 1,000,000 groups, sessions or keys kept,
//! against a state of the batch's own 1,000.
//!
//! `cargo bench --profile dev --bench state [-- FILTER]` prints medians in milliseconds and their ratios.
//! Batches with few groups and with many take turns. The "same" rows touch the same 1,000 groups batch after
//! batch; the "any" rows touch 1,000 of all groups, so that memory which is in no cache is paid as well. The
//! "whole" ratios are of a batch with its decoding; "longest" is the longest of the batches with much state,
//! "bytes" what the state takes for a group.
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

/// Sales of these customers.
fn sales(customers: impl Iterator<Item = usize>, salt: usize) -> Vec<String> {
    let sale = |customer: usize| {
        format!(
            r#"{{"customer_id":"customer_{customer:08}","product_category":"category {}","final_amount":{}.25,"quantity":{}}}"#,
            (customer + salt) % 5,
            (customer + salt * 7_919) % 500,
            salt % 1_000,
        )
    };
    customers.map(sale).collect()
}

/// Events of these customers.
fn events(customers: impl Iterator<Item = usize>, salt: usize) -> Vec<String> {
    let event = |customer: usize| {
        format!(
            r#"{{"event_id":"{salt}","user_id":"customer_{customer:08}","session_id":"s","event_type":"view","timestamp":"1970-01-01T00:00:01Z"}}"#,
        )
    };
    customers.map(event).collect()
}

/// The records as rows, with the columns that the query needs of its topic number `scan`.
fn decode(query: &Graph, scan: usize, records: &[String]) -> RecordBatch {
    let scan = &query.plan().scans[scan];
    let mut intake = Intake::new(&scan.topic, scan.columns.clone(), &scan.time).expect("has columns");
    for (offset, record) in (0i64..).zip(records) {
        let value = Some(record.as_bytes());
        let record =
            SourceRecord { partition: 0, offset, timestamp: 1_000_000, key: None, value, in_file: None };
        intake.take(&record).expect("valid");
    }
    let mut decoded = intake.take_rows(0).expect("decodes");
    assert_eq!(decoded.len(), 1, "one batch");
    decoded.remove(0).rows
}

/// Opens a group for each of these customers.
fn fill(query: &mut Graph, mode: OutputMode, customers: impl Iterator<Item = usize>) {
    let customers: Vec<usize> = customers.collect();
    for customers in customers.chunks(50_000) {
        let batch = decode(query, 0, &sales(customers.iter().copied(), 0));
        query.push(0, &batch).expect("aggregates");
        query.advance(0, mode).expect("shows");
        query.take_results();
    }
    assert_eq!(query.kept().sum::<usize>(), customers.len(), "all are open");
}

/// Milliseconds of a batch: for decoding it, and for the rest. Medians, and the longest of the rest.
struct Cost {
    decoding: f64,
    rest: f64,
    longest: f64,
}

/// The customers of the batch of a number.
type Customers<'a> = &'a dyn Fn(usize) -> Vec<usize>;

/// Batches of the query's last topic: of a join, the one whose rows meet those that are kept. Each query in turn has a batch
/// of its own customers, so that what else the machine does comes to all of them.
fn run<const N: usize>(mut queries: [(&mut Graph, Customers<'_>); N], mode: OutputMode) -> [Cost; N] {
    let mut times = [const { (vec![], vec![]) }; N];
    for salt in 1..=BATCHES {
        for ((query, customers), (decoding, rest)) in queries.iter_mut().zip(&mut times) {
            let scan = query.plan().scans.len() - 1;
            let records = if scan == 0 { sales } else { events }(customers(salt).into_iter(), salt);
            let start = Instant::now();
            let batch = decode(query, scan, &records);
            let decoded = start.elapsed().as_secs_f64() * 1e3;
            query.push(scan, &batch).expect("aggregates");
            query.advance(0, mode).expect("shows");
            query.take_results();
            decoding.push(decoded);
            rest.push(start.elapsed().as_secs_f64() * 1e3 - decoded);
        }
    }
    times.map(|(mut decoding, mut rest)| {
        decoding.sort_by(f64::total_cmp);
        rest.sort_by(f64::total_cmp);
        let middle = rest.len() / 2;
        Cost { decoding: decoding[middle], rest: rest[middle], longest: rest[rest.len() - 1] }
    })
}

fn measure(name: &str, sql: &str, mode: OutputMode) {
    let own = |_| (0..ROWS).map(|row| row * 997).collect::<Vec<_>>();
    let any = |batch| (0..ROWS).map(|row| (row * 7_919 + batch * 104_729) % GROUPS).collect();
    let (mut few, mut many) = (graph(sql), graph(sql));
    fill(&mut few, mode, own(0).into_iter());
    fill(&mut many, mode, 0..GROUPS);
    let memory = many.memory().sum::<usize>() / GROUPS;
    let [alone, same] = run([(&mut few, &own), (&mut many, &own)], mode);
    let [beside, any] = run([(&mut few, &own), (&mut many, &any)], mode);
    let mode = format!("{mode:?}").to_lowercase();
    print!("{name:<22} {mode:<7} {:>8.2} {:>8.2} {:>8.2}", alone.decoding, alone.rest, same.rest);
    print!(" {:>6.2} {:>8.2} {:>6.2}", same.rest / alone.rest, any.rest, any.rest / beside.rest);
    let whole = |cost: &Cost, alone: &Cost| (cost.decoding + cost.rest) / (alone.decoding + alone.rest);
    print!(" {:>10.2} {:>10.2}", whole(&same, &alone), whole(&any, &beside));
    println!(" {:>9.1} {memory:>6}", same.longest.max(any.longest));
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    print!("{:<22} {:<7} {:>8} {:>8} {:>8} {:>6}", "", "mode", "decoding", "alone", "same", "×");
    print!(" {:>8} {:>6} {:>10} {:>10}", "any", "×", "whole same", "whole any");
    println!(" {:>9} {:>6}", "longest", "bytes");
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
    for kind in ["INNER", "LEFT"] {
        let name = format!("{} join", kind.to_lowercase());
        let sql = format!(
            "SELECT s.customer_id, s.final_amount, e.event_type FROM `customer-transactions` s {kind} JOIN \
             `user-events` e ON s.customer_id = e.user_id AND e.timestamp BETWEEN \
             s._timestamp - INTERVAL 1 HOUR AND s._timestamp + INTERVAL 1 HOUR"
        );
        if name.contains(&filter) {
            measure(&name, &sql, OutputMode::Append);
        }
    }
}
