//! Windows count what lies in them, however they are asked for.

use super::{SALES, Sale, Stage, Window, at, brute_force, cents, integer, sales};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The default query's rows as windows, after the looks of each row.
#[track_caller]
fn windows(stage: &Stage, rows: &[Value], size: i64) -> BTreeMap<i64, (i64, i64, usize, BTreeSet<i64>)> {
    let mut windows = BTreeMap::new();
    for row in rows {
        let (start, end) = (stage.time(row, "window_start"), stage.time(row, "window_end"));
        assert_eq!(end - start, size, "{row}");
        let (count, total) = (integer(row, "record_count"), cents(row, "total_transaction_value"));
        let average = row["avg_transaction_value"].as_f64().unwrap();
        assert!((average * count as f64 * 100.0 - total as f64).abs() < 1e-3, "{row}");
        let batches = [integer(row, "min_batch_number"), integer(row, "max_batch_number")];
        let customers = usize::try_from(integer(row, "unique_customers")).unwrap();
        let shown = (count, total, customers, BTreeSet::from(batches));
        assert!(windows.insert(start, shown).is_none(), "a window came twice: {row}");
    }
    windows
}

fn shown(window: &Window) -> (i64, i64, usize, BTreeSet<i64>) {
    let ends = window.batches.first().into_iter().chain(window.batches.last()).copied();
    (window.count, window.cents, window.customers.len(), ends.collect())
}

#[track_caller]
fn agrees_with_brute_force(flags: &[&str], size: i64, slide: i64) {
    let sales = sales(300, 61_000);
    let stage = Stage::with(&sales);
    let found = windows(&stage, &stage.rows(flags), size);
    let expected = brute_force(&sales, size, slide);
    let expected: BTreeMap<_, _> = expected.iter().map(|(start, window)| (*start, shown(window))).collect();
    assert_eq!(found, expected, "{flags:?}");
}

#[test]
fn every_record_is_in_exactly_two_windows_of_10_s_every_5_s() {
    let sales = sales(300, 61_000);
    let stage = Stage::with(&sales);
    let counts = stage.counts(&stage.rows(&["--window", "10s", "--slide", "5s"]));
    let mut expected = BTreeMap::new();
    for time in stage.times(SALES, sales.len()) {
        let newest = time.div_euclid(5_000) * 5_000;
        for start in [newest - 5_000, newest] {
            *expected.entry(start).or_insert(0) += 1;
        }
    }
    assert_eq!(counts, expected);
    assert_eq!(counts.values().sum::<i64>(), 600);
}

#[test]
fn the_default_query_shows_its_six_columns_over_sliding_windows() {
    agrees_with_brute_force(&["--window", "10s", "--slide", "5s"], 10_000, 5_000);
}

#[test]
fn windows_without_a_slide_are_tumbling() {
    agrees_with_brute_force(&["--window-duration", "10 seconds"], 10_000, 10_000);
}

#[test]
fn a_slide_need_not_divide_the_window() {
    agrees_with_brute_force(&["--window", "7s", "--slide-duration", "3"], 7_000, 3_000);
}

#[test]
fn aggregated_is_the_default_query_over_minutes() {
    agrees_with_brute_force(&["--aggregated"], 60_000, 60_000);
}

#[test]
fn a_window_is_half_open() {
    let stage = Stage::with(&[at(0), at(9_999), at(10_000), at(19_999), at(20_000)]);
    let counts = stage.counts(&stage.rows(&["--window", "10s"]));
    assert_eq!(counts, BTreeMap::from([(0, 2), (10_000, 2), (20_000, 1)]));
}

#[test]
fn groups_aggregates_and_conditions_are_what_sql_says() {
    let sales = sales(300, 30_000);
    let stage = Stage::with(&sales);
    let rows = stage.rows(&[
        "--window",
        "10s",
        "--group-by",
        "product_category, customer_id",
        "--agg",
        "sum(final_amount) AS revenue",
        "--agg",
        "count(*) FILTER (WHERE final_amount > 50) AS large",
        "--where",
        "final_amount < 80 AND product_category <> 'Shoes'",
    ]);
    let mut expected: BTreeMap<(i64, String, String), (i64, i64)> = BTreeMap::new();
    for sale in sales.iter().filter(|sale| sale.cents < 8_000 && sale.category != "Shoes") {
        let start = sale.millis / 10_000 * 10_000;
        let group =
            expected.entry((start, sale.category.into(), format!("CUST_{}", sale.customer))).or_default();
        group.0 += sale.cents;
        group.1 += i64::from(sale.cents > 5_000);
    }
    let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_string();
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            let group =
                (stage.time(row, "window_start"), text(row, "product_category"), text(row, "customer_id"));
            (group, (cents(row, "revenue"), integer(row, "large")))
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(rows.len(), expected.len());
}

/// A transaction whose event time is `event` and whose record time is `record`, in milliseconds.
fn put_transaction(stage: &Stage, id: i64, record: i64, event: i64) {
    let value = format!(
        r#"{{"transaction_id":"t{id}","user_id":"u{id}","product_id":"p","price":10.0,"quantity":3,
            "discount_applied":1.5,"timestamp":{}}}"#,
        stage.base + event
    );
    stage.put("transactions", (id % 6) as i32, record, Some(value.as_bytes()));
}

#[test]
fn event_time_is_the_topic_s_or_the_one_that_is_named() {
    let stage = Stage::new(&["transactions"]);
    for id in 0..12 {
        put_transaction(&stage, id, 60_000, id * 1_000);
    }
    stage.flush();
    let topic = ["--topic", "transactions", "--window", "10s"];
    let rows = stage.rows(&topic);
    assert_eq!(stage.counts(&rows), BTreeMap::from([(0, 10), (10_000, 2)]));
    let totals: Vec<_> = rows.iter().map(|row| cents(row, "total_transaction_value")).collect();
    assert_eq!(totals.iter().sum::<i64>(), 12 * 2_850, "price times quantity less the discount");
    let by_record = stage.rows(&[&topic[..], &["--time-column", "_timestamp"]].concat());
    assert_eq!(stage.counts(&by_record), BTreeMap::from([(60_000, 12)]));
}

#[test]
fn records_are_shown_as_they_are_without_a_window() {
    let stage = Stage::with(&[
        at(1_000),
        at(2_000),
        Sale { partition: 2, millis: 3_000, customer: 9, category: "Books", cents: 2_000 },
    ]);
    let rows = stage.rows(&["--where", "final_amount > 10"]);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["customer_id"], "CUST_9");
    assert_eq!(row["_topic"], Value::from(stage.cluster.name(SALES)));
    assert_eq!(
        (integer(row, "_partition"), integer(row, "_offset"), row["_key"].as_str()),
        (2, 0, Some("key"))
    );
    assert_eq!(stage.time(row, "_timestamp"), 3_000);
    assert!(row["city"].is_null());
}

#[test]
fn a_printed_query_run_from_a_file_gives_the_same_rows() {
    let stage = Stage::with(&sales(100, 30_000));
    for flags in [
        &["--window", "10s", "--slide", "5s"][..],
        &["--window", "90s", "--group-by", "product_category", "--agg", "max(final_amount) AS dearest"],
        &["--where", "final_amount > 40"],
    ] {
        let sql = stage.consume(&[flags, &["--print-sql"]].concat()).ok();
        assert!(sql.starts_with("SELECT "), "{sql}");
        let file = stage.cluster.folder.path().join("query.sql");
        std::fs::write(&file, format!("{};\n", sql.trim_end())).unwrap();
        let sorted = |mut rows: Vec<Value>| {
            rows.sort_by_key(Value::to_string);
            rows
        };
        let from_flags = sorted(stage.rows(flags));
        assert!(!from_flags.is_empty());
        assert_eq!(from_flags, sorted(stage.rows(&["query", "query.sql"])), "{sql}");
    }
}

#[test]
fn every_kind_of_aggregate_over_windows_that_start_elsewhere() {
    // Two windows of ten seconds that begin three seconds behind the full ones.
    let sale = |millis: i64, customer: i64, category: &'static str, cents: i64| Sale {
        customer,
        category,
        cents,
        ..at(millis)
    };
    let sales = [
        sale(3_000, 1, "Books", 1_000),
        sale(4_000, 2, "Books", 2_000),
        sale(5_000, 1, "Games", 3_000),
        sale(12_999, 3, "Books", 6_000),
        sale(13_000, 4, "Shoes", 500),
    ];
    let stage = Stage::with(&sales);
    let sql = "SELECT window.start AS window_start, count(*) AS record_count,
                      approx_count_distinct(customer_id) AS customers, approx_percentile(final_amount, 0.5) AS middle,
                      stddev(final_amount) AS deviation, first(product_category) AS first, last(final_amount) AS last,
                      sort_array(collect_set(product_category)) AS categories
               FROM `customer-transactions`
               GROUP BY window(_timestamp, '10 seconds', '10 seconds', '3 seconds')";
    std::fs::write(stage.cluster.folder.path().join("query.sql"), sql).unwrap();
    let mut rows = stage.rows(&["query", "query.sql"]);
    rows.sort_by_key(|row| stage.time(row, "window_start"));
    assert_eq!(stage.counts(&rows), BTreeMap::from([(3_000, 4), (13_000, 1)]));
    let row = &rows[0];
    assert_eq!((integer(row, "customers"), cents(row, "middle"), cents(row, "last")), (3, 2_000, 6_000));
    // The squares of the distances from 30 are 400, 100, 0 and 900.
    let deviation = row["deviation"].as_f64().unwrap();
    assert!((deviation - (1_400.0_f64 / 3.0).sqrt()).abs() < 1e-9, "{row}");
    assert_eq!((&row["first"], &row["categories"]), (&json!("Books"), &json!(["Books", "Games"])));
    let alone = &rows[1];
    assert_eq!((integer(alone, "customers"), &alone["deviation"]), (1, &Value::Null), "{alone}");
    assert_eq!((&alone["first"], &alone["categories"]), (&json!("Shoes"), &json!(["Shoes"])));
}

#[test]
fn every_topic_of_the_catalog_can_be_queried() {
    let catalog = ecap::catalog::Catalog::built_in().unwrap();
    let with_records = catalog.topics().iter().filter(|topic| topic.record.is_some());
    let names: Vec<_> = with_records.map(|topic| topic.name.as_str()).collect();
    let stage = Stage::new(&names);
    for name in names {
        assert!(stage.rows(&["--topic", name, "--aggregated"]).is_empty());
        assert!(stage.rows(&["--topic", name]).is_empty());
    }
}

#[test]
fn derived_and_nested_columns_have_values() {
    let stage = Stage::new(&["user-events"]);
    for (device, city) in
        [("\"mobile\"", "Rome"), ("\"tablet\"", "Rome"), ("\"desktop\"", "Oslo"), ("null", "Rome")]
    {
        let event = format!(
            r#"{{"event_id":"e","session_id":"s","event_type":"view","timestamp":{},
                "device_info":{{"type":{device}}},"user_location":{{"city":"{city}"}}}}"#,
            stage.base + 1_000
        );
        stage.put("user-events", 0, 0, Some(event.as_bytes()));
    }
    stage.flush();
    let rows = stage.rows(&["--topic", "user-events", "--where", "user_location.city = 'Rome'"]);
    let mobile: Vec<_> = rows.iter().map(|row| row["is_mobile"].as_bool()).collect();
    assert_eq!(mobile, [Some(true), Some(true), Some(false)]);
    let hour = (stage.base / 3_600_000) % 24;
    assert!(rows.iter().all(|row| integer(row, "hour_of_day") == hour), "{rows:?}");
}

#[test]
fn the_watermark_is_on_the_column_of_the_window() {
    let stage = Stage::new(&["transactions"]);
    put_transaction(&stage, 0, 60_000, 1_000);
    stage.flush();
    let sql = "SELECT window.start AS window_start, count(*) AS record_count FROM transactions \
               GROUP BY window(_timestamp, '10 seconds')";
    std::fs::write(stage.cluster.folder.path().join("query.sql"), sql).unwrap();
    let mut query = stage.start(&["query", "query.sql", "--trigger", "once", "--watermark", "5s"]);
    let batch = query.batch();
    query.end().ok();
    assert_eq!(stage.time(&batch["eventTime"], "watermark"), 55_000, "{batch}");
}
