//! Sessions, keys that come once, united streams and windows over windows: the same rows however the
//! records were split into batches, also across a restart.

use crate::support::cases;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use ecap::catalog::Catalog;
use ecap::engine::graph::Graph;
use ecap::engine::intake::Intake;
use ecap::engine::operator::StateLimit;
use ecap::engine::options::OutputMode;
use ecap::engine::source::SourceRecord;
use ecap::query::plan::StreamPlan;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tempfile::TempDir;

/// A record: event time in milliseconds, and a customer.
type Visit = (i64, u8);

/// How long keys are remembered.
const DELAY: Duration = Duration::from_secs(10);

fn graph(sql: &str) -> Graph {
    let catalog = Catalog::built_in().expect("valid");
    let plan = StreamPlan::new(sql, &catalog, "", None).unwrap_or_else(|error| panic!("{sql}: {error}"));
    Graph::new(plan, DELAY).expect("fits")
}

fn push(query: &mut Graph, visits: &[Visit]) -> u64 {
    let scan = &query.plan().scans[0];
    let mut intake = Intake::new(&scan.topic, scan.columns.clone(), &scan.time).expect("has columns");
    for (offset, (millis, customer)) in (0i64..).zip(visits) {
        let value = format!(r#"{{"customer_id":"c{customer}","final_amount":1.5}}"#);
        let (timestamp, value) = (millis * 1_000, Some(value.as_bytes()));
        intake
            .take(&SourceRecord { partition: 0, offset, timestamp, key: None, value, in_file: None })
            .expect("valid");
    }
    let decoded = intake.take_rows(0).expect("decodes");
    decoded.iter().map(|decoded| query.push(0, &decoded.rows).expect("runs")).sum()
}

/// How the records of a run come: how many in a batch, and after how many batches there is a restart.
#[derive(Debug, Clone, Copy)]
struct Course {
    per_batch: usize,
    restart: usize,
    mode: OutputMode,
    /// How many bytes of state memory is to hold at most.
    limit: Option<usize>,
}

fn course() -> impl Strategy<Value = Course> {
    (1usize..40, 1usize..5, limit()).prop_map(|(per_batch, restart, limit)| Course {
        per_batch,
        restart,
        mode: OutputMode::Append,
        limit,
    })
}

/// From everything to nothing in memory.
pub(super) fn limit() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![2 => Just(None), 2 => Just(Some(0)), 1 => (1usize..40_000).prop_map(Some)]
}

/// The rows of a query over visits, in which nothing is late.
fn run(sql: &str, visits: &[Visit], course: Course) -> Vec<RecordBatch> {
    let folder = TempDir::new().expect("a temporary folder");
    let bound = |mut query: Graph| {
        if let Some(memory) = course.limit {
            query.keep_to(&StateLimit { memory, folder: folder.path().into() }, course.mode);
        }
        query
    };
    let (mut query, mut snapshots, mut rows) = (bound(graph(sql)), vec![], vec![]);
    // The watermark is where every visit to come is newer.
    let mut to_come: Vec<i64> = visits.iter().map(|(millis, _)| *millis).collect();
    for at in (0..to_come.len().saturating_sub(1)).rev() {
        to_come[at] = to_come[at].min(to_come[at + 1]);
    }
    for (number, batch) in visits.chunks(course.per_batch).enumerate() {
        assert_eq!(push(&mut query, batch), 0, "nothing is late");
        let next = to_come.get((number + 1) * course.per_batch).copied();
        query.advance(next.map_or(i64::MIN, |millis| millis * 1_000 - 1), course.mode).expect("shows");
        rows.extend(query.take_results().all().expect("are there"));
        if number % course.restart == 0 {
            snapshots.push(query.snapshot().expect("saves"));
            query = bound(Graph::new(query.into_plan(), DELAY).expect("fits"));
            query.restore(snapshots.clone()).expect("its own state");
        }
    }
    query.advance(i64::MAX - 1, course.mode).expect("closes");
    assert_eq!(query.kept().sum::<usize>(), 0, "nothing is kept of what is over");
    rows.extend(query.take_results().all().expect("are there"));
    rows
}

fn millis(batch: &RecordBatch, column: usize, row: usize) -> i64 {
    batch.column(column).as_primitive::<TimestampMicrosecondType>().value(row) / 1_000
}

fn number(batch: &RecordBatch, column: usize, row: usize) -> i64 {
    batch.column(column).as_primitive::<Int64Type>().value(row)
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    arrow::util::display::array_value_to_string(batch.column(column), row).expect("shows")
}

const SESSIONS: &str = "SELECT session_window.start AS s, session_window.end AS e, customer_id, count(*) AS n \
     FROM `customer-transactions` GROUP BY session_window(_timestamp, '2 seconds'), customer_id";

type Session = (String, i64, i64, i64);

fn sessions(batches: &[RecordBatch]) -> Vec<Session> {
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    let row = |(batch, row): (&RecordBatch, usize)| {
        (text(batch, 2, row), millis(batch, 0, row), millis(batch, 1, row), number(batch, 3, row))
    };
    let mut rows: Vec<_> = rows.map(row).collect();
    rows.sort();
    rows
}

/// Sessions by going through each customer's visits in order.
fn brute_force(visits: &[Visit]) -> Vec<Session> {
    let mut by_customer: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    visits.iter().for_each(|(millis, customer)| by_customer.entry(*customer).or_default().push(*millis));
    let mut sessions: Vec<Session> = Vec::new();
    for (customer, mut times) in by_customer {
        times.sort_unstable();
        let mut last = i64::MIN;
        for time in times {
            match sessions.last_mut() {
                Some(session) if last != i64::MIN && time <= last + 2_000 => {
                    (session.2, session.3) = (time + 2_000, session.3 + 1);
                }
                _ => sessions.push((format!("c{customer}"), time, time + 2_000, 1)),
            }
            last = time;
        }
    }
    sessions.sort();
    sessions
}

#[test]
fn what_a_batch_made_or_changed_is_counted_once() {
    let keys = "SELECT DISTINCT ON (customer_id) customer_id FROM `customer-transactions`";
    let batches: [&[&[Visit]]; 3] =
        [&[&[(0, 0), (9_000, 0), (0, 1)], &[(1_000, 0), (0, 2)]], &[&[(5_000, 1)]], &[]];
    for (sql, counts) in [(SESSIONS, [4, 1, 0]), (keys, [3, 0, 0])] {
        let mut query = graph(sql);
        for (batch, count) in batches.iter().zip(counts) {
            batch.iter().for_each(|part| assert_eq!(push(&mut query, part), 0));
            query.advance(i64::MIN, OutputMode::Append).expect("nothing is ready");
            assert_eq!(query.updated().sum::<usize>(), count, "{sql}: {batch:?}");
        }
    }
}

fn visits() -> impl Strategy<Value = Vec<Visit>> {
    prop::collection::vec((0i64..40_000, 0u8..4), 1..150)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn sessions_are_those_of_each_customers_visits_in_order(visits in visits(), course in course()) {
        prop_assert_eq!(sessions(&run(SESSIONS, &visits, course)), brute_force(&visits));
    }

    #[test]
    fn the_last_word_on_a_session_in_update_mode_is_the_one_of_append(visits in visits(), course in course()) {
        let shown = sessions(&run(SESSIONS, &visits, Course { mode: OutputMode::Update, ..course }));
        let last: BTreeSet<_> = shown.into_iter().collect();
        for session in brute_force(&visits) {
            prop_assert!(last.contains(&session), "{session:?} is missing");
        }
    }

    #[test]
    fn first_and_last_without_an_order_go_by_the_order_in_which_visits_came(
        visits in visits(), course in course(), updates in any::<bool>(),
    ) {
        let sql = "SELECT session_window.start AS s, session_window.end AS e, customer_id, \
                   first_value(_timestamp) AS f, last_value(_timestamp) AS l FROM `customer-transactions` \
                   GROUP BY session_window(_timestamp, '2 seconds'), customer_id";
        let mode = if updates { OutputMode::Update } else { OutputMode::Append };
        let mut visits = visits;
        visits.sort_unstable();
        for batch in run(sql, &visits, Course { mode, ..course }) {
            for row in 0..batch.num_rows() {
                prop_assert_eq!(millis(&batch, 3, row), millis(&batch, 0, row));
                prop_assert_eq!(millis(&batch, 4, row), millis(&batch, 1, row) - 2_000);
            }
        }
    }

    #[test]
    fn each_key_comes_once(visits in visits(), course in course()) {
        let sql = "SELECT DISTINCT ON (customer_id, final_amount) customer_id, final_amount, _timestamp \
                   FROM `customer-transactions`";
        // All visits are within the time for which a key is remembered.
        let visits: Vec<_> = visits.into_iter().map(|(millis, customer)| (millis / 5, customer)).collect();
        let rows = run(sql, &visits, course);
        let mut first: BTreeMap<u8, i64> = BTreeMap::new();
        visits.iter().for_each(|(millis, customer)| { first.entry(*customer).or_insert(*millis); });
        let shown: Vec<_> = rows.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(move |row| (text(batch, 0, row), millis(batch, 2, row)))
        }).collect();
        prop_assert_eq!(shown.len(), first.len());
        for (customer, millis) in first {
            let expected = (format!("c{customer}"), millis);
            prop_assert!(shown.contains(&expected));
        }
    }

    #[test]
    fn a_window_over_windows_counts_what_they_counted(visits in visits(), course in course()) {
        let sql = "SELECT w.end AS e, sum(n) AS n, count(*) AS k FROM ( \
                     SELECT window AS w, customer_id, count(*) AS n FROM `customer-transactions` \
                     GROUP BY window(_timestamp, '1 second'), customer_id) \
                   GROUP BY window(w, '10 seconds')";
        let sql = sql.replace("w.end AS e", "window.end AS e");
        let rows = run(&sql, &visits, course);
        let mut expected: BTreeMap<i64, (i64, BTreeSet<(i64, u8)>)> = BTreeMap::new();
        for (millis, customer) in &visits {
            let window = expected.entry((millis / 10_000 + 1) * 10_000).or_default();
            window.0 += 1;
            window.1.insert((millis / 1_000, *customer));
        }
        let expected: Vec<_> = expected.into_iter().map(|(end, (n, k))| (end, n, k.len() as i64)).collect();
        let mut shown: Vec<_> = rows.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(move |row| (millis(batch, 0, row), number(batch, 1, row), number(batch, 2, row)))
        }).collect();
        shown.sort_unstable();
        prop_assert_eq!(shown, expected);
    }

    #[test]
    fn united_windows_come_out_side_by_side(visits in visits(), course in course()) {
        let sql = "SELECT window.start AS s, count(*) AS n FROM `customer-transactions` \
                   GROUP BY window(_timestamp, '1 second') UNION ALL \
                   SELECT window.start AS s, -count(*) AS n FROM `customer-transactions` \
                   GROUP BY window(_timestamp, '5 seconds')";
        let rows = run(sql, &visits, course);
        let shown: Vec<i64> = rows.iter().flat_map(|batch| {
            (0..batch.num_rows()).map(move |row| number(batch, 1, row))
        }).collect();
        let all = visits.len() as i64;
        prop_assert_eq!(shown.iter().filter(|n| **n > 0).sum::<i64>(), all);
        prop_assert_eq!(shown.iter().filter(|n| **n < 0).sum::<i64>(), -all);
    }
}
