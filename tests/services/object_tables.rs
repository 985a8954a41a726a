//! Delta tables in an object store: each batch once, beside other writers.

use super::objects::{Store, options};
use crate::sinks::{give, rows, writer};
use crate::support::feed::Feed;
use crate::support::relay::{Protocol, Relay};
use crate::support::{Told, wait_for};
use ecap::Result;
use ecap::clock::{Stop, SystemClock};
use ecap::delta::optimize::optimize;
use ecap::delta::table::{Interest, Table};
use ecap::error::Fault;
use ecap::place::{Place, runtime};
use ecap::sink::delta::{DeltaSink, Options};
use ecap::sink::retry::{Patience, Retrying};
use serde_json::json;
use std::sync::Arc;

const TABLE: &str = "s3://lake/bronze";

fn place(store: &Store) -> Place {
    Place::open(TABLE, &store.options()).unwrap()
}

fn try_open(place: Place, query: &str) -> Result<DeltaSink> {
    let columns = rows([]).schema();
    DeltaSink::open(place, Options::default(), &columns, writer(query), Arc::new(SystemClock))
}

fn open(store: &Store, query: &str) -> DeltaSink {
    try_open(place(store), query).unwrap()
}

#[test]
fn queries_and_python_write_to_one_table() {
    let store = Store::start();
    let (mut first, mut second) = (open(&store, "q"), open(&store, "other"));
    for batch in 0..4 {
        give(&mut first, batch, &rows([batch as i64])).unwrap();
        give(&mut second, batch, &rows([100 + batch as i64])).unwrap();
        // As after a crash: the batch is there.
        give(&mut open(&store, "q"), batch, &rows([-1])).unwrap();
    }
    assert_eq!(store.tables(&["append", TABLE, "200"]), json!({"version": 9}));
    give(&mut first, 4, &rows([4])).unwrap();
    let ids = json!([0, 1, 2, 3, 4, 100, 101, 102, 103, 200]);
    let seen = store.tables(&["delta", TABLE]);
    assert_eq!((&seen["ids"], &seen["batch"], &seen["version"]), (&ids, &json!(4), &json!(10)));
    let interest = Interest { app: None, files: true };
    runtime().unwrap().block_on(async {
        let mut table = Table::existing(place(&store), interest, Arc::new(SystemClock)).await.unwrap();
        optimize(&mut table, None).await.unwrap();
        table.checkpoint(None).await.unwrap();
    });
    assert_eq!(store.tables(&["delta", TABLE])["ids"], ids);
    give(&mut second, 4, &rows([104])).unwrap();
    assert_eq!(store.tables(&["delta", TABLE])["ids"].as_array().unwrap().len(), 11);
}

#[test]
fn many_queries_at_the_same_time_lose_nothing() {
    let store = Store::start();
    drop(open(&store, "first"));
    std::thread::scope(|scope| {
        for query in 0..4i64 {
            let store = &store;
            scope.spawn(move || {
                let sink = Box::new(open(store, &format!("q{query}")));
                let mut sink = Retrying::new(
                    "delta",
                    sink,
                    Patience {
                        retries: None,
                        slow: None,
                        timer: Arc::new(SystemClock),
                        stop: Stop::default(),
                        dice: rand::random,
                        tell: Box::new(|_| ()),
                    },
                );
                for batch in 0..8i64 {
                    give(&mut sink, batch.unsigned_abs(), &rows([query * 100 + batch])).unwrap();
                }
            });
        }
    });
    let ids: Vec<_> = (0..4).flat_map(|query| (0..8).map(move |batch| query * 100 + batch)).collect();
    assert_eq!(store.tables(&["delta", TABLE])["ids"], json!(ids));
}

#[test]
fn what_a_store_says_is_told() {
    let fails = |options: &[(String, String)], fault: Fault, parts: &[&str]| {
        let error = try_open(Place::open(TABLE, options).unwrap(), "q").map(drop).unwrap_err();
        assert_eq!(error.fault(), fault, "{error}");
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "'{part}' in: {error}"));
    };
    let empty = Store::serving("open");
    fails(&empty.options(), Fault::Usage, &["NoSuchBucket", "create the bucket"]);
    let guarded = Store::serving("guarded");
    fails(&guarded.options(), Fault::Failed, &["InvalidAccessKeyId", "check the credentials"]);
    drop(empty);
    fails(&options(9), Fault::Unreachable, &["http://127.0.0.1:9/lake"]);
}

#[test]
fn a_store_that_stops_while_a_query_writes_to_its_table_is_waited_for() {
    let (store, feed) = (Store::start(), Feed::new());
    let relay = Relay::start(Protocol::Raw, &format!("127.0.0.1:{}", store.port()));
    feed.put("first", 0..2);
    let mut query = feed.query(&["--sink", "delta", "--path", "s3://lake/numbers"]);
    let query = Told::start(query.args(["--progress", "json"]).envs(options(relay.port())));
    let has = |numbers: std::ops::Range<u32>| {
        let expected = json!(numbers.collect::<Vec<_>>());
        wait_for("the rows", || (store.tables(&["numbers", "s3://lake/numbers"]) == expected).then_some(()));
    };
    query.says(&[r#""batchId":0"#]);
    has(0..2);
    relay.down();
    feed.put("second", 2..5_000);
    query.says(&["sink delta: ", "batch 1 with 4,998 rows is held back and given again"]);
    let before = query.resident();
    feed.put("third", 5_000..40_000);
    relay.up();
    query.says(&["batch 1 with 4,998 rows was taken after"]);
    has(0..40_000);
    assert!(query.resident() < before + 200, "{before} MB, and {} MB", query.resident());
    query.end();
}
