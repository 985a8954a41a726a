//! A record on which an expression fails is a dead letter, wherever in a query that is: it leaves no trace, and all others
//! count.

use crate::support::cases;
use crate::support::listed::{Listed, Stored};
use arrow::array::RecordBatch;
use ecap::catalog::Catalog;
use ecap::clock::{ManualClock, Stop};
use ecap::engine::letters::LetterSink;
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::record::letter::rows::Letters;
use ecap::sink::memory::Memory;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const SALES: &str = "customer-transactions";
const EVENTS: &str = "user-events";

/// The records of topics, by name.
pub(super) type Topics = BTreeMap<&'static str, Vec<Stored>>;

/// How a query is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub mode: OutputMode,
    pub flush: bool,
    pub per_read: usize,
}

impl Run {
    pub fn of(mode: OutputMode) -> Self {
        Self { mode, flush: true, per_read: 7 }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ran {
    /// The rows as text, in the order in which they came.
    pub rows: Vec<String>,
    /// The reasons of dead letters, by topic and offset.
    letters: BTreeMap<(String, i64), String>,
    /// The reasons of those that are of no single record.
    of_rows: Vec<String>,
    pub totals: Totals,
}

impl Ran {
    fn sorted(&self) -> Vec<String> {
        let mut rows = self.rows.clone();
        rows.sort_unstable();
        rows
    }
}

/// Runs a query over all that is there at a time, in milliseconds: what it did, its rows and its letters.
pub(super) fn over(
    sql: &str,
    topics: &Topics,
    options: Options,
    per_read: usize,
    now: i64,
) -> (Totals, Memory, Memory) {
    let plan = StreamPlan::new(sql, &Catalog::built_in().unwrap(), "", None).unwrap();
    let options = Options { trigger: Trigger::AvailableNow, ..options };
    let source = |topic: &str| Listed::all(topics[topic].clone(), per_read);
    let (memory, letters) = (Memory::default(), Memory::default());
    let around = Surroundings {
        sources: plan.scans.iter().map(|scan| Box::new(source(&scan.topic.name)) as _).collect(),
        sink: Box::new(memory.clone()),
        letters: Some(LetterSink {
            sink: Box::new(letters.clone()),
            consumer: "a test".into(),
            query: "a test".into(),
        }),
        checkpoint: None,
        listener: Box::new(|_| Ok(())),
        clock: Arc::new(ManualClock::at(now * 1_000)),
    };
    let totals = Engine::new(plan, options, around).unwrap().run(&Stop::default());
    (totals.unwrap_or_else(|error| panic!("{sql}: {error}")), memory, letters)
}

/// Runs a query over all that is there. Nothing is late.
pub(super) fn run(sql: &str, topics: &Topics, Run { mode, flush, per_read }: Run) -> Ran {
    let options = Options {
        mode,
        delay: Some(Duration::from_secs(3_600)),
        max_skew: None,
        flush_at_end: flush,
        ..Options::default()
    };
    let (totals, memory, letters) = over(sql, topics, options, per_read, 0);
    let (mut refused, mut of_rows) = (BTreeMap::new(), vec![]);
    for rows in letters.rows() {
        for letter in Letters::of(&rows).unwrap().iter() {
            assert_eq!(letter.code, "TRANSFORM_FAILED");
            assert!(["transform", "result"].contains(&letter.stage), "{letter:?}");
            let Some(offset) = letter.offset else {
                assert_eq!((letter.stage, letter.value, letter.partition), ("result", None, None));
                of_rows.push(letter.reason.to_string());
                continue;
            };
            let stored = &topics[letter.topic][usize::try_from(offset).unwrap()];
            assert_eq!(letter.value, stored.value.as_deref().map(str::as_bytes), "{letter:?}");
            assert_eq!(letter.timestamp, Some(stored.timestamp), "{letter:?}");
            let place = (letter.topic.to_string(), offset);
            assert_eq!(refused.insert(place, letter.reason.to_string()), None, "a letter comes once");
        }
    }
    let read = topics.values().map(Vec::len).sum::<usize>() as u64;
    let count = (refused.len() + of_rows.len()) as u64;
    assert_eq!((totals.read, totals.rejected, totals.late), (read, count, 0));
    Ran { rows: shown_rows(memory.rows()), letters: refused, of_rows, totals }
}

/// The rows as text, without padding.
pub(super) fn shown_rows(rows: Vec<RecordBatch>) -> Vec<String> {
    let text = |rows| arrow::util::pretty::pretty_format_batches(&[rows]).unwrap().to_string();
    let lines = |text: String| text.lines().skip(3).filter(|line| line.starts_with('|')).map(shown).collect();
    rows.into_iter().flat_map(|rows| -> Vec<String> { lines(text(rows)) }).collect()
}

/// A line of a table without its padding.
fn shown(line: &str) -> String {
    line.split('|').map(str::trim).collect::<Vec<_>>().join("|")
}

/// Second, customer and quantity. Where the quantity is nothing, expressions of the tests fail.
pub(super) type Sale = (i64, u8, i64);

pub(super) fn sales(sales: &[Sale]) -> Vec<Stored> {
    let value = |(_, c, q): &Sale| format!(r#"{{"customer_id":"c{c}","quantity":{q},"final_amount":1}}"#);
    let stored =
        |sale: &Sale| Stored { timestamp: sale.0 * 1_000_000, value: Some(value(sale)), ..Stored::default() };
    sales.iter().map(stored).collect()
}

fn events(events: &[Sale]) -> Vec<Stored> {
    let value = |(second, user, duration): &Sale| {
        format!(
            r#"{{"event_id":"e","session_id":"s","event_type":"view","user_id":"c{user}",
                "duration_ms":{duration},"timestamp":{}}}"#,
            second * 1_000
        )
    };
    events.iter().map(|event| Stored { value: Some(value(event)), ..Stored::default() }).collect()
}

/// The offsets of its letters.
fn offsets(ran: &Ran) -> Vec<i64> {
    ran.letters.keys().map(|(_, offset)| *offset).collect()
}

/// The offsets of the sales that a query must refuse, where that is easily said.
fn bad(sql: &str, sales: &[Sale]) -> Option<Vec<i64>> {
    let first_of_each = [FIRST_OF_EACH, FIRST_OF_EACH_IN_WINDOWS].contains(&sql);
    if !first_of_each && ![TWO_WINDOWS, RAW_AND_WINDOW, WITH_ITSELF, OUTER_WITH_ITSELF].contains(&sql) {
        return None;
    }
    let (mut bad, mut seen) = (Vec::new(), BTreeSet::new());
    for ((_, customer, quantity), offset) in sales.iter().zip(0..) {
        // Of a customer who was seen nobody looks at more.
        if first_of_each && seen.contains(customer) {
            continue;
        }
        if *quantity == 0 {
            bad.push(offset);
        } else {
            seen.insert(customer);
        }
    }
    Some(bad)
}

/// The topics without the records that a run refused.
fn without(topics: &Topics, refused: &Ran) -> Topics {
    let kept = |topic: &str, records: &[Stored]| {
        let numbered = records.iter().zip(0..);
        let kept = numbered.filter(|(_, at)| !refused.letters.contains_key(&(topic.to_string(), *at)));
        kept.map(|(record, _)| record.clone()).collect()
    };
    topics.iter().map(|(topic, records)| (*topic, kept(topic, records))).collect()
}

const TWO_WINDOWS: &str = "SELECT window.start AS s, count(*) AS n FROM `customer-transactions` \
    GROUP BY window(_timestamp, '10 seconds') UNION ALL SELECT window.start AS s, sum(10 div quantity) AS n \
    FROM `customer-transactions` GROUP BY window(_timestamp, '20 seconds', '5 seconds')";
const RAW_AND_WINDOW: &str = "SELECT _timestamp AS s, quantity AS n FROM `customer-transactions` UNION ALL \
    SELECT window.start AS s, max(10 div quantity) AS n FROM `customer-transactions` \
    GROUP BY window(_timestamp, '10 seconds')";
const WITH_ITSELF: &str = "SELECT a.quantity AS q, a.quantity div b.quantity AS n FROM `customer-transactions` a \
    JOIN `customer-transactions` b ON a.customer_id = b.customer_id \
    AND b._timestamp BETWEEN a._timestamp - INTERVAL 9 SECONDS AND a._timestamp";
const OUTER_WITH_ITSELF: &str = "SELECT a.quantity AS q, b.quantity AS r, coalesce(a.quantity div b.quantity, 0) AS n \
    FROM `customer-transactions` a FULL JOIN `customer-transactions` b ON a.customer_id = b.customer_id \
    AND a.quantity >= b.quantity AND b._timestamp BETWEEN a._timestamp - INTERVAL 9 SECONDS AND a._timestamp";
const FIRST_OF_EACH: &str = "SELECT customer_id AS c, 10 div quantity AS n FROM \
    (SELECT DISTINCT ON (customer_id) * FROM `customer-transactions`)";
const FIRST_OF_EACH_IN_WINDOWS: &str = "SELECT window.start AS s, customer_id AS c, sum(10 div quantity) AS n FROM \
    (SELECT DISTINCT ON (customer_id) * FROM `customer-transactions`) \
    GROUP BY window(_timestamp, '10 seconds'), customer_id";
const FIRST_OF_EACH_JOINED: &str = "SELECT a.customer_id AS c, a.quantity AS q, b.quantity AS r FROM \
    (SELECT DISTINCT ON (customer_id) * FROM `customer-transactions`) a JOIN `customer-transactions` b \
    ON a.customer_id = b.customer_id AND a.quantity div b.quantity >= 0 \
    AND b._timestamp BETWEEN a._timestamp - INTERVAL 9 SECONDS AND a._timestamp + INTERVAL 9 SECONDS";
const SESSIONS: &str = "SELECT session_window.start AS s, sum(10 div quantity) AS n FROM \
    (SELECT DISTINCT customer_id, quantity, _timestamp FROM `customer-transactions`) \
    GROUP BY session_window(_timestamp, '3 seconds')";
const WITH_EVENTS: &str = "SELECT t.customer_id AS c, t.quantity AS q, t.quantity div e.duration_ms AS n \
    FROM `customer-transactions` t LEFT JOIN `user-events` e ON t.customer_id = e.user_id \
    AND e.timestamp BETWEEN t._timestamp - INTERVAL 5 SECONDS AND t._timestamp + INTERVAL 5 SECONDS";
const WITH_EVENTS_IN_WINDOWS: &str = "SELECT window.start AS s, count(*) AS c, sum(t.quantity div e.duration_ms) AS n \
    FROM `customer-transactions` t JOIN `user-events` e ON t.customer_id = e.user_id \
    AND e.timestamp BETWEEN t._timestamp - INTERVAL 5 SECONDS AND t._timestamp + INTERVAL 5 SECONDS \
    GROUP BY window(t._timestamp, '10 seconds')";

/// Sales without an event fail when they come out, if they have no quantity.
const UNMATCHED: &str = "SELECT t.customer_id AS c, 10 div coalesce(e.duration_ms + 1, t.quantity) AS n \
    FROM `customer-transactions` t LEFT JOIN `user-events` e ON t.customer_id = e.user_id \
    AND e.timestamp BETWEEN t._timestamp - INTERVAL 5 SECONDS AND t._timestamp + INTERVAL 5 SECONDS";
const UNMATCHED_ON_BOTH_SIDES: &str = "SELECT coalesce(t.customer_id, e.user_id) AS c, \
    CASE WHEN t.quantity IS NULL THEN 10 div e.duration_ms WHEN e.duration_ms IS NULL THEN 20 div t.quantity END AS n \
    FROM (SELECT customer_id, quantity, _timestamp FROM `customer-transactions` WHERE customer_id <> 'c5') t \
    FULL JOIN `user-events` e ON t.customer_id = e.user_id \
    AND e.timestamp BETWEEN t._timestamp - INTERVAL 5 SECONDS AND t._timestamp + INTERVAL 5 SECONDS";
const UNMATCHED_IN_WINDOWS: &str = "SELECT window.start AS s, count(*) AS c, \
    sum(10 div coalesce(e.duration_ms + 1, t.quantity)) AS n \
    FROM `customer-transactions` t LEFT JOIN `user-events` e ON t.customer_id = e.user_id \
    AND e.timestamp BETWEEN t._timestamp - INTERVAL 5 SECONDS AND t._timestamp + INTERVAL 5 SECONDS \
    GROUP BY window(t._timestamp, '10 seconds')";

const QUERIES: [&str; 13] = [
    TWO_WINDOWS,
    RAW_AND_WINDOW,
    WITH_ITSELF,
    OUTER_WITH_ITSELF,
    FIRST_OF_EACH,
    FIRST_OF_EACH_IN_WINDOWS,
    FIRST_OF_EACH_JOINED,
    SESSIONS,
    WITH_EVENTS,
    WITH_EVENTS_IN_WINDOWS,
    UNMATCHED,
    UNMATCHED_ON_BOTH_SIDES,
    UNMATCHED_IN_WINDOWS,
];

fn any_sales() -> impl Strategy<Value = Vec<Sale>> {
    let quantity = prop_oneof![1 => Just(0i64), 6 => 1i64..9];
    prop::collection::vec((0i64..40, 0u8..6, quantity), 1..60)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_results_are_those_without_the_records_that_are_refused(
        sql in prop::sample::select(&QUERIES[..]), (one, two) in (any_sales(), any_sales()),
        per_read in 1usize..40, other in 1usize..40,
    ) {
        let all = [(SALES, sales(&one)), (EVENTS, events(&two))];
        let topics: Topics = all.into_iter().filter(|(name, _)| sql.contains(name)).collect();
        let way = |per_read| Run { per_read, ..Run::of(OutputMode::Append) };
        let spoiled = run(sql, &topics, way(per_read));
        let clean = run(sql, &without(&topics, &spoiled), way(other));
        prop_assert_eq!(&clean.letters, &BTreeMap::new(), "{}", sql);
        prop_assert_eq!(clean.sorted(), spoiled.sorted(), "{}", sql);
        if let Some(bad) = bad(sql, &one) {
            prop_assert_eq!(offsets(&spoiled), bad, "{}", sql);
        }
    }
}

#[test]
fn the_reason_names_the_expression() {
    let topics = Topics::from([(SALES, sales(&[(0, 1, 2), (1, 2, 0), (2, 3, 4)]))]);
    let from = "FROM `customer-transactions`";
    for (sql, expression) in [
        (format!("SELECT 10 div quantity AS n {from}"), "10 div quantity: 'div' by zero"),
        (format!("SELECT customer_id {from} WHERE 7 % quantity < 5"), "7 % quantity: '%' by zero"),
        (
            format!("SELECT customer_id {from} WHERE quantity > 1 OR CAST(customer_id AS INT) = 1"),
            "CAST(customer_id AS INT): ",
        ),
        (format!("SELECT upper(substr('abc', 10 div quantity)) AS n {from}"), "10 div quantity: "),
        (
            format!("SELECT 1 / (quantity * (quantity + 1)) AS n {from}"),
            "1 / (quantity * (quantity + 1)): '/' by zero",
        ),
        (
            format!("SELECT 10 div quantity AS n, _timestamp AS t {from} WHERE quantity < 3"),
            "10 div quantity: ",
        ),
    ] {
        let ran = run(&sql, &topics, Run::of(OutputMode::Append));
        assert_eq!(offsets(&ran), [1], "{sql}");
        let reason = ran.letters.values().next().unwrap();
        assert!(reason.contains(expression), "{sql}\n{reason}\n{expression}");
    }
}

#[test]
fn a_row_without_a_match_that_fails_in_the_end_is_a_dead_letter() {
    // The first two sales have an event, the third and the fourth have none.
    let sales = sales(&[(0, 1, 0), (1, 2, 3), (2, 3, 0), (3, 4, 5)]);
    let topics = Topics::from([(SALES, sales), (EVENTS, events(&[(1, 1, 4), (2, 2, 1), (3, 9, 0)]))]);
    let of = |topic: &str, offset| (topic.to_string(), offset);
    for mode in [OutputMode::Append, OutputMode::Update] {
        let ran = run(UNMATCHED, &topics, Run::of(mode));
        assert_eq!(ran.sorted(), ["|c1|2|", "|c2|5|", "|c4|2|"], "{mode:?}");
        let reason = &ran.letters[&of(SALES, 2)];
        assert_eq!((ran.letters.len(), ran.of_rows.len()), (1, 0), "{mode:?}");
        assert!(reason.starts_with("10 div ") && reason.contains("'div' by zero"), "{reason}");
        assert!(reason.contains("on the row {") && reason.contains("\"customer_id\":\"c3\""), "{reason}");
    }
    let both = run(UNMATCHED_ON_BOTH_SIDES, &topics, Run::of(OutputMode::Append));
    assert_eq!(both.letters.into_keys().collect::<Vec<_>>(), [of(SALES, 2), of(EVENTS, 2)]);
    let windows = run(UNMATCHED_IN_WINDOWS, &topics, Run::of(OutputMode::Append));
    assert_eq!(windows.letters.into_keys().collect::<Vec<_>>(), [of(SALES, 2)]);
    assert_eq!(windows.rows, ["|1970-01-01T00:00:00|3|9|"]);
}

#[test]
fn a_row_of_many_records_that_fails_ends_nothing() {
    let topics = Topics::from([(SALES, sales(&[(0, 1, 2), (1, 2, 0), (2, 3, 5), (12, 2, 0), (13, 1, 0)]))]);
    let from = "FROM `customer-transactions`";
    let by = "GROUP BY window(_timestamp, '10 seconds'), customer_id";
    let all = format!("SELECT window, customer_id, sum(quantity) AS q {from} {by}");
    for (sql, rows) in [
        (
            format!("SELECT customer_id AS c, 10 div sum(quantity) AS n {from} {by}"),
            &["|c1|5|", "|c3|2|"][..],
        ),
        (format!("SELECT customer_id AS c, 1 AS n {from} {by} HAVING 10 div sum(quantity) > 2"), &["|c1|1|"]),
        // Something looks at several rows of a window.
        (
            format!("SELECT customer_id AS c, 10 div q AS n FROM ({all}) ORDER BY customer_id"),
            &["|c1|5|", "|c3|2|"],
        ),
        // In a window over the windows.
        (
            format!(
                "SELECT max(customer_id) AS c, sum(10 div q) AS n FROM ({all}) GROUP BY window(window, '1 minute')"
            ),
            &["|c3|7|"],
        ),
        (
            format!(
                "SELECT customer_id AS c, 10 div count(CASE WHEN quantity > 0 THEN 1 END) AS n {from} \
                 GROUP BY session_window(_timestamp, '2 seconds'), customer_id"
            ),
            &["|c1|10|", "|c3|10|"],
        ),
    ] {
        let ran = run(&sql, &topics, Run::of(OutputMode::Append));
        assert_eq!(ran.sorted(), rows, "{sql}");
        assert_eq!((ran.letters.len(), ran.of_rows.len()), (0, 3), "{sql}: {:?}", ran.of_rows);
        let reason = &ran.of_rows[0];
        assert!(reason.contains("'div' by zero") && reason.contains(", on the row {"), "{sql}: {reason}");
    }
    for mode in [OutputMode::Update, OutputMode::Complete] {
        let sql = format!("SELECT customer_id AS c, 10 div sum(quantity) AS n {from} {by}");
        let ran = run(&sql, &topics, Run { per_read: 9, flush: false, ..Run::of(mode) });
        assert_eq!(
            (ran.sorted(), ran.of_rows.len()),
            (vec!["|c1|5|".into(), "|c3|2|".into()], 3),
            "{mode:?}"
        );
    }
}
