//! What a record costs inside the engine: decoding it, and counting it in tumbling and sliding windows.
//!
//! `cargo bench --profile dev` prints nanoseconds a record and their ratios; the records are generated
//! from a fixed seed. Reading from a broker is measured by `make bench`.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark's result goes to standard output, and nobody but us gives it input"
)]

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use ecap::catalog::Catalog;
use ecap::engine::graph::Graph;
use ecap::engine::intake::Intake;
use ecap::engine::options::OutputMode;
use ecap::engine::source::SourceRecord;
use ecap::query::plan::StreamPlan;
use ecap::tables::Table;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECORDS: i64 = 200_000;
const BATCH: i64 = 10_000;
const ROUNDS: usize = 5;

fn query(window: &str) -> String {
    format!(
        "SELECT window.start, window.end, category_name, count(*) AS n, sum(price) AS t, avg(price) AS m, \
         count(DISTINCT user_id) AS u FROM transactions GROUP BY window(timestamp, {window}), category_name"
    )
}

/// A sale of about 850 bytes, 2 ms after the one before it.
fn sale(number: i64) -> String {
    let (user, category) = (number * 7_919 % 100_000, number % 14);
    let time = ecap::units::format_rfc3339(1_767_225_600_000_000 + number * 2_000);
    let filler =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36";
    format!(
        r#"{{"transaction_id":"txn_{number:012}","user_id":"user_{user:06}","session_id":"{number:032x}","product_id":"prod_{category:05}","product_name":"Acme Home & Garden {category}","category_id":"cat_{category:02}","category_name":"Category {category}","subcategory":"General","brand":"Globex","price":{}.25,"quantity":2,"discount_applied":1.5,"payment_method":"credit_card","payment_provider":"visa","currency":"USD","timestamp":"{time}","user_location":{{"country":"US","state":"CA","city":"Springfield","zip_code":"01234","latitude":41.123456,"longitude":-81.123456}},"device_info":{{"type":"mobile","os":"Windows","browser":"Chrome","user_agent":"{filler}"}},"marketing_attribution":{{"campaign_id":"camp_42","channel":"email","referrer":"https://www.example.com/"}}}}"#,
        number % 500 + 1
    )
}

fn decode(plan: &StreamPlan, sales: &[String]) -> Vec<RecordBatch> {
    let mut intake =
        Intake::new(&plan.scans[0].topic, plan.scans[0].columns.clone(), "timestamp").expect("a time column");
    let mut batches = Vec::new();
    for (offset, sale) in (0i64..).zip(sales) {
        let value = Some(sale.as_bytes());
        intake
            .take(&SourceRecord { partition: 0, offset, timestamp: 0, key: None, value, in_file: None })
            .expect("valid");
        if (offset + 1) % BATCH == 0 {
            let decoded = intake.take_rows(0).expect("decodes");
            batches.extend(decoded.into_iter().map(|decoded| decoded.rows));
        }
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, sales.len(), "every sale is a valid record");
    batches
}

/// Seconds to aggregate, with windows closed as time goes on.
fn aggregate(plan: StreamPlan, batches: &[RecordBatch]) -> f64 {
    let mut query = Graph::new(plan, Duration::ZERO).expect("fits");
    let start = Instant::now();
    for (number, batch) in (1i64..).zip(batches) {
        query.push(0, batch).expect("aggregates");
        let watermark = 1_767_225_600_000_000 + number * BATCH * 2_000 - 10_000_000;
        query.advance(watermark, OutputMode::Append).expect("closes");
        query.take_results();
    }
    query.advance(i64::MAX, OutputMode::Append).expect("closes");
    start.elapsed().as_secs_f64()
}

/// The best of some rounds, in nanoseconds a record.
fn best(mut round: impl FnMut() -> f64) -> f64 {
    (0..ROUNDS).map(|_| round()).fold(Duration::MAX.as_secs_f64(), f64::min) * 1e9 / RECORDS as f64
}

/// Milliseconds of the first batch of a join with a table of so many rows, and of each other.
fn join(catalog: &Catalog, rows: i64) -> (f64, f64) {
    let texts = || -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("user_{row:06}"))))
    };
    let rows = RecordBatch::try_from_iter([("id", texts()), ("label", texts())]).expect("two columns");
    let table = Arc::new(Table::of("users", rows.schema(), vec![rows]));
    let sql = "SELECT label FROM transactions JOIN users ON user_id = id";
    let plan = StreamPlan::with_tables(sql, catalog, "", None, vec![table]).expect("plans");
    let stage = &plan.stages.stages[0];
    let slot = &stage.leaves[0].slot;
    let users: ArrayRef = Arc::new(StringArray::from_iter_values((0..1_000).map(|n| format!("user_{n:06}"))));
    let batch = RecordBatch::try_new(slot.schema().clone(), vec![users]).expect("one column");
    let run = || {
        let start = Instant::now();
        slot.put(vec![batch.clone()]);
        assert_eq!(plan.run(stage).expect("runs")[0].num_rows(), 1_000);
        start.elapsed().as_secs_f64() * 1e3
    };
    let first = run();
    (first, (0..500).map(|_| run()).sum::<f64>() / 500.0)
}

fn main() {
    let catalog = Catalog::built_in().expect("valid");
    let sales: Vec<String> = (0..RECORDS).map(sale).collect();
    let plan = |window: &str| StreamPlan::new(&query(window), &catalog, "", None).expect("plans");
    let (tumbling, sliding) = (|| plan("'1 minute'"), || plan("'5 minutes', '1 minute'"));
    let batches = decode(&tumbling(), &sales);
    let decoding = best(|| {
        let start = Instant::now();
        decode(&tumbling(), &sales);
        start.elapsed().as_secs_f64()
    });
    let (one, five) = (best(|| aggregate(tumbling(), &batches)), best(|| aggregate(sliding(), &batches)));
    let bytes = sales.iter().map(String::len).sum::<usize>() / sales.len();
    println!("decoding {bytes} bytes, the columns of the query: {decoding:.0} ns a record");
    println!("1 min tumbling by category, exact distinct users: {one:.0} ns a record");
    println!("5 min by 1 min sliding, the same: {five:.0} ns a record");
    println!(
        "decoded and aggregated, sliding costs {:.2} times tumbling",
        (decoding + five) / (decoding + one)
    );
    for rows in [1_000, 1_000_000] {
        let (first, other) = join(&catalog, rows);
        println!(
            "1,000 records joined with a table of {rows} rows: {first:.1} ms at first, {other:.2} ms each time then"
        );
    }
}
