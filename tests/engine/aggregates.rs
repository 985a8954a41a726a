//! Every aggregate of docs/sql.md, through the window operator: the rows come in several batches, so that
//! partial aggregates are kept and merged.

use crate::support::listed::{Listed, Stored};
use crate::support::{Ended, binary_command, project};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use ecap::catalog::Catalog;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::watermark::Policy;
use ecap::engine::{Engine, Surroundings};
use ecap::query::functions::{Now, parser_options, register};
use ecap::query::parse;
use ecap::query::plan::StreamPlan;
use ecap::sink::memory::Memory;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const SALES: [&str; 5] = [
    r#"{"customer_id":"c","quantity":1,"final_amount":10,"product_category":"a","is_premium_customer":true}"#,
    r#"{"customer_id":"c","quantity":2,"final_amount":20,"product_category":"b","first_name":"x","is_premium_customer":false}"#,
    r#"{"customer_id":"c","quantity":3,"final_amount":30,"product_category":"a","first_name":"y","is_premium_customer":true}"#,
    r#"{"customer_id":"c","quantity":4,"final_amount":40,"product_category":"c","is_premium_customer":true}"#,
    r#"{"customer_id":"c","final_amount":50,"product_category":"a","first_name":"z","is_premium_customer":true}"#,
];

/// What a query over these records of its topic gives at the end, where so many are read at once.
fn last(
    sql: &str,
    records: impl Iterator<Item = String>,
    at_once: usize,
    mode: OutputMode,
) -> Result<RecordBatch, String> {
    let plan = StreamPlan::new(sql, &Catalog::built_in().expect("valid"), "", None);
    let plan = plan.map_err(|error| error.to_string())?;
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
    let records = records.map(|value| Stored { value: Some(value), ..Stored::default() });
    let around = Surroundings {
        sources: vec![Box::new(Listed::all(records, at_once))],
        sink: Box::new(memory.clone()),
        letters: None,
        checkpoint: None,
        listener: Box::new(|_| Ok(())),
        clock: Arc::new(ManualClock::at(0)),
    };
    let ran = Engine::new(plan, options, around).and_then(|mut engine| engine.run(&Stop::default()));
    ran.map_err(|error| error.to_string())?;
    Ok(memory.rows().last().expect("a window").clone())
}

/// The value of an aggregate over the sales at the end, as text, or what is wrong.
fn aggregated(aggregate: &str, at_once: usize, mode: OutputMode) -> String {
    let sql = format!(
        "SELECT {aggregate} AS v FROM `customer-transactions` GROUP BY window(_timestamp, '1 minute')"
    );
    match last(&sql, SALES.into_iter().map(Into::into), at_once, mode) {
        Ok(rows) => shown(&rows),
        Err(reason) => reason,
    }
}

/// The first value, and its type.
fn shown(rows: &RecordBatch) -> String {
    let column = rows.column(0);
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

/// The aggregates that a window does not take, as docs/sql.md says.
const NOT_TAKEN: [&str; 1] = ["grouping"];

/// A call of each aggregate of a session, by its name.
fn call(name: &str) -> String {
    let arguments = match name {
        "approx_percentile_cont" | "percentile" | "percentile_cont" => "quantity, 0.5",
        "approx_percentile_cont_with_weight" => "quantity, quantity, 0.5",
        "bool_and" | "bool_or" => "is_premium_customer",
        "corr" | "covar_pop" | "covar_samp" => "final_amount, quantity",
        "nth_value" => "quantity, 2",
        "string_agg" => "product_category, '+'",
        _ if name.starts_with("regr_") => "final_amount, quantity",
        _ => "quantity",
    };
    format!("{name}({arguments})")
}

/// A session as queries have it.
fn session() -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(1).with_enable_ansi_mode(true);
    config.options_mut().sql_parser = parser_options();
    let builder = SessionStateBuilder::new().with_config(config);
    SessionContext::new_with_state(register(builder, &Now::default()).expect("a session"))
}

/// The value of an aggregate over the sales as a table.
fn of_a_table(session: &SessionContext, aggregate: &str) -> String {
    let sql = format!(
        "SELECT {aggregate} AS v FROM (SELECT CAST(q AS INT) AS quantity, CAST(a AS DOUBLE) AS final_amount, \
         c AS product_category, p AS is_premium_customer FROM VALUES (1, 10, 'a', true), (2, 20, 'b', false), \
         (3, 30, 'a', true), (4, 40, 'c', true), (NULL, 50, 'a', true) AS t(q, a, c, p))"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let rows = runtime.block_on(async {
        let plan = session.state().statement_to_plan(parse::statement(&sql).expect("SQL")).await?;
        session.execute_logical_plan(plan).await?.collect().await
    });
    match rows {
        Ok(rows) => shown(&rows[0]),
        Err(error) => error.strip_backtrace(),
    }
}

#[test]
fn every_aggregate_of_the_planner_gives_in_a_window_what_it_gives_over_a_table() {
    let session = session();
    let state = session.state();
    let names: BTreeSet<_> =
        state.aggregate_functions().values().map(|function| function.name().to_string()).collect();
    assert!(names.len() > 40, "{names:?}");
    let page = std::fs::read_to_string(project("docs/sql.md")).expect("the page");
    let mut wrong = Vec::new();
    for name in names {
        let expected = of_a_table(&session, &call(&name));
        let is_taken = !NOT_TAKEN.contains(&name.as_str());
        for (at_once, mode) in [(5, OutputMode::Append), (1, OutputMode::Append), (1, OutputMode::Complete)] {
            let found = aggregated(&call(&name), at_once, mode);
            if is_taken != (found == expected) {
                wrong.push(format!("{name}, {at_once} at once, {mode:?}: {found}; over a table: {expected}"));
            }
        }
        if !is_taken && !page.contains(&format!("`{name}`")) {
            wrong.push(format!("docs/sql.md does not say that a window does not take {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How far the rank of a value is from the share `of` among sorted values, as a share.
fn off(sorted: &[f64], value: f64, of: f64) -> f64 {
    let share = |count: usize| count as f64 / sorted.len() as f64;
    let below = share(sorted.partition_point(|other| *other < value));
    let up_to = share(sorted.partition_point(|other| *other <= value));
    (below - of).max(of - up_to).max(0.0)
}

#[test]
fn approximate_aggregates_keep_to_their_documented_error() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let args = ["transactions", "-n", "20000", "--seed", "7", "-o", "-"];
    let generated = Ended::of(binary_command("ecap-gen", folder.path()).args(args)).ok();
    let records = || generated.lines().map(Into::into);
    let shares = [0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999];
    let accuracies = [("", 100.0), (", 10", 100.0), (", 1000", 1_000.0), (", 10000", 10_000.0)];
    let percentiles = accuracies.iter().flat_map(|(accuracy, _)| {
        shares.map(|share| format!("approx_percentile(total_amount, {share}{accuracy})"))
    });
    let sql = format!(
        "SELECT count(DISTINCT user_id) AS a, approx_count_distinct(user_id) AS b, count(*) AS c, \
         approx_count_distinct(transaction_id, 0.01) AS d, collect_list(total_amount) AS e, {} \
         FROM transactions GROUP BY window(_timestamp, '1 minute')",
        percentiles.collect::<Vec<_>>().join(", ")
    );
    // In complete mode what each batch brings is merged with what was there: the most that is lost.
    for mode in [OutputMode::Append, OutputMode::Complete] {
        let row = last(&sql, records(), 500, mode).expect("a window");
        let count = |column: usize| row.column(column).as_primitive::<Int64Type>().value(0) as f64;
        for (exact, approximate) in [(0, 1), (2, 3)] {
            let (exact, approximate) = (count(exact), count(approximate));
            assert!(exact > 4_000.0, "{exact}");
            let error = (approximate - exact).abs() / exact;
            assert!(error < 3.0 * 0.008_125, "{approximate} of {exact}: {error}");
        }
        let all = row.column(4).as_list::<i32>().value(0);
        let mut all = all.as_primitive::<Float64Type>().values().to_vec();
        all.sort_unstable_by(f64::total_cmp);
        let wanted = accuracies.iter().flat_map(|(_, accuracy)| shares.map(|share| (share, *accuracy)));
        for (column, (share, accuracy)) in (5..).zip(wanted) {
            let value = row.column(column).as_primitive::<Float64Type>().value(0);
            let error = off(&all, value, share);
            assert!(error <= 1.0 / accuracy, "{mode:?}, {share}, {accuracy}: {value} is {error} off");
        }
    }
}
