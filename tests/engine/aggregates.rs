//! Every aggregate of docs/sql.md, through the window operator: the rows come in several batches, so that
//! partial aggregates are kept and merged.

use crate::support::listed::{Listed, Stored};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ecap::catalog::Catalog;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::watermark::Policy;
use ecap::engine::{Engine, Surroundings};
use ecap::query::plan::StreamPlan;
use ecap::sink::memory::Memory;
use std::sync::Arc;
use std::time::Duration;

const SALES: [&str; 5] = [
    r#"{"customer_id":"c","quantity":1,"final_amount":10,"product_category":"a","is_premium_customer":true}"#,
    r#"{"customer_id":"c","quantity":2,"final_amount":20,"product_category":"b","first_name":"x","is_premium_customer":false}"#,
    r#"{"customer_id":"c","quantity":3,"final_amount":30,"product_category":"a","first_name":"y","is_premium_customer":true}"#,
    r#"{"customer_id":"c","quantity":4,"final_amount":40,"product_category":"c","is_premium_customer":true}"#,
    r#"{"customer_id":"c","final_amount":50,"product_category":"a","first_name":"z","is_premium_customer":true}"#,
];

/// The value of an aggregate at the end, as text.
fn aggregated(aggregate: &str, at_once: usize, mode: OutputMode) -> String {
    let sql = format!(
        "SELECT {aggregate} AS v FROM `customer-transactions` GROUP BY window(_timestamp, '1 minute')"
    );
    let plan = match StreamPlan::new(&sql, &Catalog::built_in().expect("valid"), "", None) {
        Ok(plan) => plan,
        Err(error) => return error.to_string(),
    };
    let options = Options {
        trigger: Trigger::AvailableNow,
        mode,
        delay: Some(Duration::ZERO),
        idle_timeout: None,
        policy: Policy::Partitions,
        flush_at_end: true,
        fail_fast: true,
        ..Options::default()
    };
    let memory = Memory::default();
    let sales = SALES.map(|value| Stored { value: Some(value.into()), ..Stored::default() });
    let around = Surroundings {
        sources: vec![Box::new(Listed::all(sales, at_once))],
        sink: Box::new(memory.clone()),
        letters: None,
        checkpoint: None,
        listener: Box::new(|_| Ok(())),
        clock: Arc::new(ManualClock::at(0)),
    };
    let ran = Engine::new(plan, options, around).and_then(|mut engine| engine.run(&Stop::default()));
    if let Err(error) = ran {
        return error.to_string();
    }
    let rows = memory.rows();
    let column = rows.last().expect("a window").column(0).clone();
    let options = FormatOptions::default().with_null("NULL");
    let text = ArrayFormatter::try_new(column.as_ref(), &options).expect("a type with a form");
    format!("{} {}", text.value(0), column.data_type())
}

#[test]
fn every_aggregate_gives_the_same_however_its_rows_come() {
    let mut wrong = Vec::new();
    for (aggregate, expected) in [
        ("count(*)", "5 Int64"),
        ("count(quantity)", "4 Int64"),
        ("count(*) FILTER (WHERE quantity > 1)", "3 Int64"),
        ("count(DISTINCT product_category)", "3 Int64"),
        ("sum(quantity)", "10 Int64"),
        ("sum(final_amount)", "150.0 Float64"),
        ("avg(quantity)", "2.5 Float64"),
        ("min(first_name)", "x Utf8"),
        ("max(quantity)", "4 Int32"),
        ("sum(final_amount) / count(*)", "30.0 Float64"),
        ("approx_count_distinct(product_category)", "3 Int64"),
        ("approx_count_distinct(product_category) FILTER (WHERE quantity > 1)", "3 Int64"),
        ("approx_percentile(final_amount, 0.5)", "30.0 Float64"),
        (
            "percentile_approx(final_amount, array(0.0, 1.0), 100)",
            "[10.0, 50.0] List(Float64, field: 'element')",
        ),
        ("percentile(quantity, 0.5)", "2.5 Float64"),
        ("percentile(quantity, 0.3)", "1.9 Float64"),
        ("percentile(DISTINCT quantity div 2, 0.75)", "1.5 Float64"),
        ("percentile(quantity, 1)", "4.0 Float64"),
        ("percentile(quantity, 0.5) FILTER (WHERE quantity > 9)", "NULL Float64"),
        ("round(skewness(quantity * quantity), 9)", "0.409512049 Float64"),
        ("round(kurtosis(quantity * quantity), 9)", "-1.27888949 Float64"),
        ("skewness(quantity) FILTER (WHERE quantity = 1)", "NULL Float64"),
        ("kurtosis(quantity) FILTER (WHERE quantity > 9)", "NULL Float64"),
        ("median(quantity)", "2.5 Float64"),
        ("stddev(quantity)", "1.2909944487358056 Float64"),
        ("stddev_samp(quantity)", "1.2909944487358056 Float64"),
        ("stddev_pop(quantity)", "1.118033988749895 Float64"),
        ("std(quantity)", "1.2909944487358056 Float64"),
        ("variance(quantity)", "1.6666666666666667 Float64"),
        ("var_samp(quantity)", "1.6666666666666667 Float64"),
        ("var_pop(quantity)", "1.25 Float64"),
        ("round(corr(quantity, final_amount), 9)", "1.0 Float64"),
        ("first(first_name)", "NULL Utf8"),
        ("first(first_name, true)", "x Utf8"),
        ("first(first_name) IGNORE NULLS", "x Utf8"),
        ("first_value(product_category)", "a Utf8"),
        ("last(first_name)", "z Utf8"),
        ("last(quantity, true)", "4 Int32"),
        ("any_value(product_category)", "a Utf8"),
        ("min_by(product_category, final_amount)", "a Utf8"),
        ("max_by(product_category, quantity)", "c Utf8"),
        ("max_by(product_category, quantity) FILTER (WHERE quantity < 3)", "b Utf8"),
        ("collect_list(quantity)", "[1, 2, 3, 4] List(Int32)"),
        ("sort_array(collect_set(product_category))", "[a, b, c] List(Utf8)"),
        ("size(collect_set(first_name))", "3 Int32"),
        ("count_if(quantity > 2)", "2 Int64"),
        ("bool_and(is_premium_customer)", "false Boolean"),
        ("every(quantity > 0)", "true Boolean"),
        ("bool_or(quantity > 3)", "true Boolean"),
        ("some(quantity > 4)", "false Boolean"),
        ("mode(product_category)", "a Utf8"),
        ("mode(quantity) FILTER (WHERE quantity = 3)", "3 Int32"),
    ] {
        // Without an order, the first row is the first only where rows are merged in their order.
        let ordered = aggregate.starts_with("first(") || aggregate.starts_with("last(");
        let modes = [(5, OutputMode::Append), (1, OutputMode::Append), (1, OutputMode::Complete)];
        for (at_once, mode) in modes.into_iter().chain((!ordered).then_some((2, OutputMode::Update))) {
            let found = aggregated(aggregate, at_once, mode);
            if found != expected {
                wrong.push(format!("{aggregate}, {at_once} at once, {mode:?}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
