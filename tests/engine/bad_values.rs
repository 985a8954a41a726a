//! No value of a record ends a query, and no record vanishes: it counts, or it is refused and all others count.

use super::refused::{Topics, over, shown_rows};
use crate::support::listed::Stored;
use crate::support::{cases, project};
use ecap::engine::Totals;
use ecap::engine::options::{Options, OutputMode};
use ecap::record::letter::rows::Letters;
use ecap::sink::lines;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When the records are read: 2025-07-27T10:00:00Z, in milliseconds.
const NOW: i64 = 1_753_610_400_000;

const SALES: &str = "transactions";
const EVENTS: &str = "user-events";

/// A column and a value that somebody may send in it.
type Bad = (&'static str, &'static str);

/// Values of every kind in columns of sales.
const OF_SALES: &[Bad] = &[
    ("price", "1e308"),
    ("price", "5e-324"),
    ("price", "1e999"),
    ("price", "-1"),
    ("price", "null"),
    ("price", "\"12\""),
    ("price", "[]"),
    ("quantity", "2147483647"),
    ("quantity", "2147483648"),
    ("quantity", "0"),
    ("quantity", "1.5"),
    ("quantity", "null"),
    ("discount_applied", "1e308"),
    ("discount_applied", "-1e308"),
    ("discount_applied", "null"),
    ("discount_applied", "\"x\""),
    ("timestamp", "0"),
    ("timestamp", "-1"),
    ("timestamp", "-62167219200000"),
    ("timestamp", "-62167219200001"),
    ("timestamp", "253402300799999"),
    ("timestamp", "-9223372036854775"),
    ("timestamp", "9223372036854775"),
    ("timestamp", "9223372036854775807"),
    ("timestamp", "-9223372036854775808"),
    ("timestamp", "\"0000-01-01T00:00:00+23:59\""),
    ("timestamp", "\"9999-12-31T23:59:59.999999Z\""),
    ("timestamp", "\"2025-02-30T00:00:00Z\""),
    ("timestamp", "null"),
    ("timestamp", "\"\""),
    ("user_id", "\"\""),
    ("user_id", "null"),
    ("user_id", "7"),
    ("user_id", r#""\u0000""#),
    ("user_id", r#""\ud83d""#),
    ("user_id", r#""\ud83d\ude00""#),
    ("category_id", "null"),
    ("category_id", r#""\u0000\u0000""#),
    ("category_name", "{}"),
    ("session_id", "null"),
    ("transaction_id", "\"t0\""),
    ("transaction_id", "\"\""),
    ("user_location", "{\"latitude\":1e308}"),
    ("user_location", "\"nowhere\""),
    ("device_info", "null"),
];

const OF_EVENTS: &[Bad] = &[
    ("duration_ms", "2147483647"),
    ("duration_ms", "-1"),
    ("duration_ms", "0"),
    ("duration_ms", "1e9"),
    ("event_type", "null"),
    ("event_type", "\"\""),
    ("user_id", "null"),
    ("user_id", r#""\u0000""#),
    ("session_id", "\"\""),
    ("page_url", r#""://\u0000?#%%%""#),
    ("page_url", "null"),
    ("timestamp", "-62167219200000"),
    ("timestamp", "253402300799999"),
    ("timestamp", "9223372036854775807"),
    ("timestamp", "-9223372036854775"),
    ("event_properties", "{\"a\":null,\"b\":1}"),
];

/// Values that are no record at all.
const NO_RECORDS: [Option<&str>; 6] =
    [None, Some(""), Some("null"), Some("[]"), Some("{}"), Some("{\"price\":")];

/// A record of number `n`, with a value that is bad in some way, or without.
fn record(topic: &str, n: usize, bad: Option<Bad>) -> Stored {
    let time = (NOW - 600_000 + n as i64 * 1_000).to_string();
    let (id, user, kind) = (format!("\"t{n}\""), format!("\"u{}\"", n % 3), ["view", "cart"][n % 2]);
    let kind = format!("\"{kind}\"");
    let mut columns = match topic {
        SALES => BTreeMap::from([
            ("transaction_id", id.as_str()),
            ("user_id", &user),
            ("session_id", &user),
            ("product_id", "\"p\""),
            ("category_id", "\"k\""),
            ("category_name", "\"Books\""),
            ("price", "2.5"),
            ("quantity", "4"),
            ("discount_applied", "0.5"),
        ]),
        _ => BTreeMap::from([
            ("event_id", id.as_str()),
            ("user_id", &user),
            ("session_id", &user),
            ("event_type", &kind),
            ("page_url", "\"https://shop.example/cart\""),
            ("duration_ms", "5"),
        ]),
    };
    columns.insert("timestamp", &time);
    columns.extend(bad);
    let columns: Vec<_> = columns.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let value = Some(format!("{{{}}}", columns.join(",")));
    Stored { timestamp: (NOW - 60_000) * 1_000, value, ..Stored::default() }
}

/// What came of a query.
struct Ran {
    rows: Vec<String>,
    refused: BTreeSet<(String, i64)>,
    totals: Totals,
}

fn run(sql: &str, topics: &Topics, mode: OutputMode, per_read: usize) -> Ran {
    let options = Options {
        mode,
        delay: Some(Duration::from_secs(3_600)),
        max_skew: None,
        max_future: Some(Duration::from_secs(3_600)),
        flush_at_end: true,
        quality: true,
        ..Options::default()
    };
    let (totals, memory, letters) = over(sql, topics, options, per_read, NOW);
    let rows = memory.rows();
    for rows in &rows {
        let text = lines::ndjson(std::slice::from_ref(rows)).expect("rows have a form in JSON");
        let count =
            lines::split(&text).filter(|line| serde_json::from_slice::<serde_json::Value>(line).is_ok());
        assert_eq!(count.count(), rows.num_rows(), "{sql}");
        let text = lines::csv(&rows.schema(), std::slice::from_ref(rows), false).expect("and in CSV");
        assert!(
            !String::from_utf8_lossy(&text).contains("ERROR"),
            "{sql}: {}",
            String::from_utf8_lossy(&text)
        );
    }
    let mut refused = BTreeSet::new();
    for rows in letters.rows() {
        for letter in Letters::of(&rows).unwrap().iter() {
            let place = (letter.topic.to_string(), letter.offset.expect("is of one record"));
            assert!(refused.insert(place), "{sql}: a letter comes once: {letter:?}");
        }
    }
    let read: usize = topics.values().map(Vec::len).sum();
    assert_eq!((totals.read, totals.rejected), (read as u64, refused.len() as u64), "{sql}");
    Ran { rows: shown_rows(rows), refused, totals }
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(project(&format!("queries/{name}.sql"))).unwrap()
}

/// Queries of every kind. Those that begin with a number count each record once in the column `n`.
fn queries() -> Vec<String> {
    let mut queries: Vec<String> = [
        "sessions-and-conversion",
        "conversion-funnel",
        "fraud-alerts",
        "on-time-and-late",
        "revenue-by-category",
        "correlated-events",
        "purchases-without-view",
    ]
    .map(shipped)
    .into();
    queries.extend(
        [
            "SELECT transaction_id, user_id, price, quantity, total_amount, hour_of_day, day_of_week, timestamp FROM transactions",
            "SELECT event_id, user_id, event_type, duration_ms, is_mobile, page_category, hour_of_day FROM `user-events`",
            "SELECT DISTINCT ON (transaction_id) transaction_id, user_id, total_amount FROM transactions",
            "SELECT DISTINCT user_id, timestamp FROM transactions",
            "SELECT window.start AS s, user_id, sum(quantity) AS q, min(price) AS low, max(discount_applied) AS high, \
             stddev(price) AS d, approx_count_distinct(user_id) AS u, first(category_id) AS f, last(category_id) AS l, \
             percentile(price, 0.5) AS p, collect_set(category_name) AS c FROM transactions \
             GROUP BY window(timestamp, '1 minute'), user_id",
            "SELECT window.start AS s, approx_percentile(total_amount, 0.9) AS p, corr(price, discount_applied) AS c, \
             skewness(price) AS k, mode(price) AS m, var_pop(total_amount) AS v FROM transactions \
             GROUP BY window(timestamp, '10 minutes', '3 minutes')",
            "SELECT session_window.start AS s, count(*) AS n, sum(duration_ms) AS t, avg(duration_ms) AS a \
             FROM `user-events` GROUP BY session_window(timestamp, '10 seconds'), event_type",
            "SELECT t.user_id, t.price / e.duration_ms AS r, e.page_category FROM transactions t FULL JOIN `user-events` e \
             ON t.user_id = e.user_id AND t.quantity * 100000000 > e.duration_ms \
             AND e.timestamp BETWEEN t.timestamp - INTERVAL 1 MINUTES AND t.timestamp + INTERVAL 1 MINUTES",
            "SELECT window.start AS s, sum(1000000 div quantity) AS n, sum(CAST(price AS INT)) AS p, \
             max(date_format(timestamp, 'yyyy-MM-dd')) AS d FROM transactions GROUP BY window(timestamp, '1 hour')",
        ]
        .map(String::from),
    );
    queries
}

/// Queries whose rows each have a number of records in their last column, all of one topic together.
const COUNTING: [(&str, &str); 6] = [
    (
        SALES,
        "SELECT window.start AS s, user_id, count(*) AS n FROM transactions GROUP BY window(timestamp, '1 minute'), user_id",
    ),
    (SALES, "SELECT window.start AS s, count(*) AS n FROM transactions GROUP BY window(timestamp, '7 days')"),
    (
        EVENTS,
        "SELECT session_window.start AS s, count(*) AS n FROM `user-events` \
              GROUP BY session_window(timestamp, '5 seconds'), user_id",
    ),
    (SALES, "SELECT transaction_id, 1 AS n FROM (SELECT DISTINCT ON (_offset) * FROM transactions)"),
    (
        SALES,
        "SELECT a.transaction_id, 1 AS n FROM transactions a LEFT JOIN transactions b ON a._offset = b._offset + 1000 \
             AND b.timestamp BETWEEN a.timestamp - INTERVAL 1 HOURS AND a.timestamp + INTERVAL 1 HOURS",
    ),
    (
        SALES,
        "SELECT window.start AS s, sum(m) AS n FROM (SELECT window, count(*) AS m FROM transactions \
             GROUP BY window(timestamp, '1 minute')) GROUP BY window(window, '1 hour')",
    ),
];

fn topics(sql: &str, sales: &[Stored], events: &[Stored]) -> BTreeMap<&'static str, Vec<Stored>> {
    let all = [(SALES, sales.to_vec()), (EVENTS, events.to_vec())];
    all.into_iter().filter(|(name, _)| sql.contains(name)).collect()
}

/// The records that were not refused.
fn without(topics: &BTreeMap<&'static str, Vec<Stored>>, ran: &Ran) -> BTreeMap<&'static str, Vec<Stored>> {
    let kept = |topic: &str, records: &[Stored]| {
        let numbered = records.iter().zip(0..);
        let kept = numbered.filter(|(_, at)| !ran.refused.contains(&(topic.to_string(), *at)));
        kept.map(|(record, _)| record.clone()).collect()
    };
    topics.iter().map(|(topic, records)| (*topic, kept(topic, records))).collect()
}

fn sorted(ran: &Ran) -> Vec<&String> {
    let mut rows: Vec<_> = ran.rows.iter().collect();
    rows.sort_unstable();
    rows
}

fn records(topic: &'static str, bad: &'static [Bad]) -> impl Strategy<Value = Vec<Stored>> {
    let one = prop_oneof![
        4 => Just(None).prop_map(|none: Option<Bad>| Ok(none)),
        4 => prop::sample::select(bad).prop_map(|bad| Ok(Some(bad))),
        1 => prop::sample::select(&NO_RECORDS[..]).prop_map(Err),
    ];
    prop::collection::vec(one, 1..30).prop_map(move |all| {
        let stored = |(n, one): (usize, Result<Option<Bad>, Option<&'static str>>)| match one {
            Ok(bad) => record(topic, n, bad),
            Err(value) => Stored { value: value.map(String::from), ..record(topic, n, None) },
        };
        all.into_iter().enumerate().map(stored).collect()
    })
}

#[test]
fn each_bad_value_counts_or_is_refused() {
    for (topic, all) in [(SALES, OF_SALES), (EVENTS, OF_EVENTS)] {
        for bad in all {
            let values = [None, Some(*bad), None].into_iter().enumerate();
            let spoiled: Vec<_> = values.map(|(n, bad)| record(topic, n, bad)).collect();
            let good: Vec<_> =
                (0..3).map(|n| record(if topic == SALES { EVENTS } else { SALES }, n, None)).collect();
            let (sales, events) = if topic == SALES { (&spoiled, &good) } else { (&good, &spoiled) };
            for sql in queries().into_iter().filter(|sql| sql.contains(topic)) {
                let topics = topics(&sql, sales, events);
                let ran = run(&sql, &topics, OutputMode::Append, 100);
                let clean = run(&sql, &without(&topics, &ran), OutputMode::Append, 100);
                assert_eq!(clean.refused, BTreeSet::new(), "{bad:?}: {sql}");
                assert_eq!(sorted(&ran), sorted(&clean), "{bad:?}: {sql}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_record_vanishes(
        (topic, sql) in prop::sample::select(&COUNTING[..]), sales in records(SALES, OF_SALES),
        events in records(EVENTS, OF_EVENTS), per_read in 1usize..12,
    ) {
        let topics = topics(sql, &sales, &events);
        let ran = run(sql, &topics, OutputMode::Append, per_read);
        let counted: u64 = ran.rows.iter().map(|row| {
            row.trim_matches('|').rsplit('|').next().unwrap().parse::<u64>().unwrap()
        }).sum();
        let refused = ran.refused.iter().filter(|(of, _)| of == topic).count() as u64;
        prop_assert_eq!(counted + refused + ran.totals.late, topics[topic].len() as u64, "{}", sql);
    }

    #[test]
    fn bad_values_among_others_end_no_query(
        sql in prop::sample::select(queries()), sales in records(SALES, OF_SALES),
        events in records(EVENTS, OF_EVENTS), per_read in 1usize..12, update in any::<bool>(),
    ) {
        let mode = if update { OutputMode::Update } else { OutputMode::Append };
        run(&sql, &topics(&sql, &sales, &events), mode, per_read);
    }
}

#[test]
fn a_time_that_nothing_can_show_is_refused_whatever_is_asked_for() {
    let stored = |timestamp| Stored {
        timestamp,
        value: Some(r#"{"customer_id":"c","final_amount":1}"#.into()),
        ..Stored::default()
    };
    let sql = "SELECT window.start AS s, count(*) AS n FROM `customer-transactions` \
               GROUP BY window(_timestamp, '1 hour', '20 minutes')";
    let times = [i64::MIN, i64::MIN + 1, 0, i64::MAX - 1, i64::MAX, 1_000_000];
    let topics = Topics::from([("customer-transactions", times.map(stored).to_vec())]);
    let options = Options {
        mode: OutputMode::Append,
        delay: Some(Duration::ZERO),
        flush_at_end: true,
        ..Options::default()
    };
    let (totals, memory, _) = over(sql, &topics, options, 2, 0);
    assert_eq!((totals.read, totals.rejected, totals.late), (6, 4, 0));
    let counts: Vec<_> = shown_rows(memory.rows()).iter().map(|row| row.ends_with("|2|")).collect();
    assert_eq!(counts, [true; 3]);
}
