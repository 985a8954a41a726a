//! Two topics joined, as people type it.

use super::{Stage, integer, json_lines};
use crate::support::Ended;
use serde_json::Value;
use std::collections::BTreeSet;

const TOPICS: [&str; 2] = ["transactions", "user-events"];

/// A cluster with both topics.
fn stage() -> Stage {
    Stage::new(&TOPICS)
}

/// A purchase of 2 × 10.00 less 1.50 by a user; times are in milliseconds after the base.
fn buy(stage: &Stage, id: &str, user: &str, session: &str, at: i64) {
    let value = format!(
        r#"{{"transaction_id":"{id}","user_id":"{user}","session_id":"{session}","product_id":"p","price":10.0,"quantity":2,
            "discount_applied":1.5,"timestamp":{}}}"#,
        stage.base + at
    );
    stage.put("transactions", (at / 1_000 % 6) as i32, at, Some(value.as_bytes()));
}

/// Something that a user did.
fn act(stage: &Stage, id: &str, user: Option<&str>, session: &str, kind: &str, at: i64) {
    let user = user.map_or("null".into(), |user| format!("\"{user}\""));
    let value = format!(
        r#"{{"event_id":"{id}","user_id":{user},"session_id":"{session}","event_type":"{kind}","timestamp":{}}}"#,
        stage.base + at
    );
    stage.put("user-events", (at / 1_000 % 12) as i32, at, Some(value.as_bytes()));
}

/// A file with a query, in the folder of the commands.
fn file(stage: &Stage, sql: &str) -> &'static str {
    std::fs::write(stage.cluster.folder.path().join("join.sql"), sql).unwrap();
    "join.sql"
}

fn query(stage: &Stage, sql: &str) -> Vec<Value> {
    stage.rows(&["query", file(stage, sql)])
}

fn shipped(stage: &Stage, name: &str) -> Vec<Value> {
    query(stage, &std::fs::read_to_string(super::shipped(name)).unwrap())
}

/// Two columns of each row; a null is empty. A row that comes twice is a fault.
#[track_caller]
fn pairs(rows: &[Value], left: &str, right: &str) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let pairs: BTreeSet<_> = rows.iter().map(|row| (text(&row[left]), text(&row[right]))).collect();
    assert_eq!(pairs.len(), rows.len(), "a row came twice: {rows:?}");
    pairs
}

fn set<const N: usize>(pairs: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    pairs.into_iter().map(|(left, right)| (left.to_string(), right.to_string())).collect()
}

const MINUTE: i64 = 60_000;

#[test]
fn events_and_purchases_of_one_customer_come_together_within_two_minutes() {
    let stage = stage();
    buy(&stage, "t1", "ann", "s", 10 * MINUTE);
    buy(&stage, "t2", "bob", "s", 10 * MINUTE);
    act(&stage, "early", Some("ann"), "s", "view", 8 * MINUTE - 1);
    act(&stage, "before", Some("ann"), "s", "view", 8 * MINUTE);
    act(&stage, "after", Some("ann"), "s", "view", 12 * MINUTE);
    act(&stage, "late", Some("ann"), "s", "view", 12 * MINUTE + 1);
    act(&stage, "nobody", None, "s", "view", 10 * MINUTE);
    act(&stage, "other", Some("cat"), "s", "view", 10 * MINUTE);
    stage.flush();
    let rows = shipped(&stage, "correlated-events");
    assert_eq!(pairs(&rows, "transaction_id", "event_id"), set([("t1", "before"), ("t1", "after")]));
    for row in &rows {
        assert_eq!(
            (row["user_id"].as_str(), row["total_amount"].as_f64()),
            (Some("ann"), Some(18.5)),
            "{row}"
        );
        assert_eq!(stage.time(row, "transaction_time"), 10 * MINUTE);
    }
}

#[test]
fn a_purchase_without_a_view_comes_out_when_no_view_can_come() {
    let stage = stage();
    buy(&stage, "seen", "ann", "s1", 40 * MINUTE);
    act(&stage, "v1", Some("ann"), "s1", "view", 10 * MINUTE);
    act(&stage, "v2", Some("ann"), "s1", "view", 39 * MINUTE);
    buy(&stage, "only searched", "ann", "s2", 40 * MINUTE);
    act(&stage, "v3", Some("ann"), "s2", "search", 39 * MINUTE);
    act(&stage, "v4", Some("ann"), "s2", "view", 10 * MINUTE - 1);
    act(&stage, "v5", Some("ann"), "s2", "view", 40 * MINUTE + 1);
    buy(&stage, "too fresh", "ann", "s3", 50 * MINUTE + 1);
    // Both topics come to an hour; 10 minutes behind that, a view of 50:00 could still come.
    buy(&stage, "end", "ann", "s4", 60 * MINUTE);
    act(&stage, "v6", Some("ann"), "s4", "view", 60 * MINUTE);
    stage.flush();
    let ended = stage.consume(&[
        "query",
        &super::shipped("purchases-without-view"),
        "--from",
        "earliest",
        "--trigger",
        "once",
        "--format",
        "json",
        "--idle-timeout",
        "off",
        "--watermark-policy",
        "spark",
    ]);
    let rows = json_lines(&ended.ok());
    assert_eq!(pairs(&rows, "transaction_id", "session_id"), set([("only searched", "s2")]));
    let rows = shipped(&stage, "purchases-without-view");
    let all = set([("only searched", "s2"), ("too fresh", "s3")]);
    assert_eq!(pairs(&rows, "transaction_id", "session_id"), all, "the end of a bounded run closes the rest");
}

#[test]
fn each_kind_of_join_keeps_the_rows_of_its_outer_sides() {
    let stage = stage();
    buy(&stage, "both", "ann", "s", MINUTE);
    buy(&stage, "alone", "bob", "s", MINUTE);
    act(&stage, "both", Some("ann"), "s", "view", MINUTE);
    act(&stage, "alone", Some("cat"), "s", "view", MINUTE);
    act(&stage, "nobody", None, "s", "view", MINUTE);
    stage.flush();
    let met = set([("both", "both")]);
    let left = set([("alone", "")]);
    let right = set([("", "alone"), ("", "nobody")]);
    for (kind, alone) in [
        ("INNER", vec![]),
        ("LEFT", vec![&left]),
        ("RIGHT", vec![&right]),
        ("FULL OUTER", vec![&left, &right]),
    ] {
        let rows = query(
            &stage,
            &format!(
                "SELECT t.transaction_id AS t, e.event_id AS e FROM transactions t {kind} JOIN `user-events` e \
                 ON e.user_id = t.user_id AND t.timestamp <= e.timestamp + INTERVAL 5 SECONDS \
                 AND e.timestamp <= t.timestamp + INTERVAL 5 SECONDS"
            ),
        );
        let expected = alone.into_iter().fold(met.clone(), |all, some| all.union(some).cloned().collect());
        assert_eq!(pairs(&rows, "t", "e"), expected, "{kind}");
    }
}

#[test]
fn a_topic_can_be_joined_with_itself() {
    let stage = stage();
    for (id, at) in [("a", 0), ("b", 30_000), ("c", 95_000)] {
        buy(&stage, id, "ann", "s", at);
    }
    stage.flush();
    let rows = query(
        &stage,
        "SELECT a.transaction_id AS first, b.transaction_id AS second FROM transactions a JOIN transactions b \
         ON a.user_id = b.user_id AND b.timestamp > a.timestamp AND b.timestamp < a.timestamp + INTERVAL 65 SECONDS",
    );
    assert_eq!(pairs(&rows, "first", "second"), set([("a", "b")]), "65 s is not less than 65 s");
}

#[test]
fn what_a_join_gives_can_be_counted_in_windows() {
    let stage = stage();
    for n in 0..60 {
        buy(&stage, &format!("t{n}"), ["ann", "bob"][n % 2], "s", n as i64 * 1_000);
        act(&stage, &format!("e{n}"), Some(["ann", "bob"][n % 2]), "s", "view", n as i64 * 1_000 + 500);
    }
    stage.flush();
    let rows = query(
        &stage,
        "SELECT window.start AS window_start, count(*) AS record_count FROM transactions t JOIN `user-events` e \
         ON t.user_id = e.user_id AND e.timestamp BETWEEN t.timestamp AND t.timestamp + INTERVAL 1 SECOND \
         GROUP BY window(t.timestamp, '10 seconds')",
    );
    assert_eq!(stage.counts(&rows), (0..6).map(|window| (window * 10_000, 10)).collect());
}

#[test]
fn late_rows_of_a_join_are_counted_and_match_nothing() {
    let stage = stage();
    let sql = "SELECT t.transaction_id AS t, e.event_id AS e FROM transactions t JOIN `user-events` e \
               ON t.user_id = e.user_id AND e.timestamp BETWEEN t.timestamp - INTERVAL 1 HOUR AND t.timestamp";
    act(&stage, "e", Some("ann"), "s", "view", 20 * MINUTE);
    buy(&stage, "in time", "ann", "s", 20 * MINUTE);
    stage.flush();
    let mut running = stage.start(&[
        "query",
        file(&stage, sql),
        "--trigger",
        "100ms",
        "--watermark",
        "5s",
        "--watermark-policy",
        "spark",
        "--idle-timeout",
        "off",
        "--format",
        "json",
    ]);
    running.batches(2);
    buy(&stage, "late", "ann", "s", 20 * MINUTE - 5_000);
    buy(&stage, "just in time", "ann", "s", 20 * MINUTE + 1);
    stage.flush();
    let late: i64 = running
        .batches(2)
        .iter()
        .map(|batch| integer(&batch["stateOperators"][0], "numRowsDroppedByWatermark"))
        .sum();
    assert_eq!(late, 1);
    let rows = json_lines(&running.interrupt().out);
    assert_eq!(pairs(&rows, "t", "e"), set([("in time", "e"), ("just in time", "e")]));
}

#[test]
fn a_join_that_would_never_end_is_refused_with_the_clause_that_is_missing() {
    let stage = stage();
    let refused = |from: &str| -> Ended {
        let sql = format!("SELECT t.transaction_id FROM {from}");
        stage.consume(&["query", file(&stage, &sql), "--trigger", "once"])
    };
    let [transactions, events] = ["transactions", "user-events"].map(|topic| stage.cluster.name(topic));
    refused("transactions t JOIN `user-events` e ON t.user_id = e.user_id").fails(
        2,
        &[
            &format!("the join of `{transactions}` and `{events}` has no time bound, so its state would grow for ever"),
            "add AND e.timestamp BETWEEN t.timestamp - INTERVAL 2 MINUTES AND t.timestamp + INTERVAL 2 MINUTES",
        ],
    );
    refused(
        "transactions t LEFT JOIN `user-events` e ON t.user_id = e.user_id AND e.timestamp >= t.timestamp",
    )
    .fails(2, &["has no upper time bound", "add AND e.timestamp <= t.timestamp + INTERVAL 2 MINUTES"]);
    refused("transactions t JOIN `user-events` e ON e.timestamp BETWEEN t.timestamp AND t.timestamp + INTERVAL 1 HOUR")
        .fails(2, &["has no equality", "write ON t.… = e.…"]);
    refused("transactions t WHERE t.user_id IN (SELECT user_id FROM `user-events`)")
        .fails(2, &["IN or EXISTS over a stream"]);
}
