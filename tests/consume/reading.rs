//! How much is read, from where, and what is told when something is gone.

use super::{ALL, SALES, Stage, at, integer, json_lines, sales, shipped};
use crate::support::wait_for;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::BTreeMap;

const TUMBLING: [&str; 2] = ["--window", "10s"];

impl Stage {
    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.cluster.address).create().unwrap()
    }

    /// Deletes the records of partition 0 before `offset`.
    fn delete_before(&self, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.cluster.name(SALES), 0, Offset::Offset(offset)).unwrap();
        let done = self.admin();
        let done = done.delete_records(&list, &AdminOptions::new());
        tokio::runtime::Runtime::new().unwrap().block_on(done).unwrap();
    }
}

fn read_by_partition(batch: &Value) -> BTreeMap<String, i64> {
    let source = &batch["sources"][0];
    let offsets = |name: &str| source[name].as_object().unwrap().clone();
    let start = offsets("startOffset");
    let end = offsets("endOffset");
    end.into_iter()
        .map(|(at, next)| (at.clone(), next.as_i64().unwrap() - start[&at].as_i64().unwrap()))
        .collect()
}

#[test]
fn a_batch_reads_no_more_records_than_it_may() {
    let stage = Stage::with(&sales(300, 60_000));
    let trigger = ["--trigger", "available-now", "--max-offsets-per-trigger", "70"];
    let mut query = stage.start(&[&TUMBLING[..], &trigger].concat());
    let read: Vec<_> = query.batches(300).iter().map(|batch| integer(batch, "numInputRows")).collect();
    assert_eq!(read, [70, 70, 70, 70, 20]);
    query.end().ok();
}

#[test]
fn a_batch_reads_no_more_bytes_than_it_may() {
    let stage = Stage::with(&sales(300, 60_000));
    let trigger = ["--trigger", "available-now", "--max-bytes-per-trigger", "10k"];
    let mut query = stage.start(&[&TUMBLING[..], &trigger].concat());
    let batches = query.batches(300);
    // About 100 bytes a record.
    assert!(batches.len() >= 3, "{batches:?}");
    query.end().ok();
}

#[test]
fn no_partition_is_read_faster_than_it_may() {
    // Partition 0 has most of the records: 40, the others 5 each.
    let mut all: Vec<_> = (0..40).map(at).collect();
    all.extend((0..10).map(|n| super::Sale { partition: 1 + (n % 2) as i32, ..at(n) }));
    let stage = Stage::with(&all);
    let trigger = ["--trigger", "available-now", "--max-rate-per-partition", "20"];
    let mut query = stage.start(&[&TUMBLING[..], &trigger].concat());
    let batches = query.batches(50);
    for batch in &batches {
        assert!(read_by_partition(batch).values().all(|read| *read <= 20), "{batch}");
    }
    assert_eq!(batches.len(), 2, "{batches:?}");
    query.end().ok();
}

/// Sales on two partitions from the same moment on, those of the first a minute apart, of the second a second.
fn side_by_side(count: i64, size: usize) -> Stage {
    let stage = Stage::new(&["transactions"]);
    let mut state = 1u64;
    // A broker may compress what it keeps, so that one fetch would bring thousands of records that are alike.
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (state >> 32) as u8 % 26)
    };
    let mut sale = |partition: i64, apart: i64| {
        for number in 0..count {
            let rest: String = (0..size).map(|_| noise()).collect();
            let time = stage.base - count * 60_000 + number * apart;
            let value = format!(
                r#"{{"transaction_id":"t","user_id":"u","product_id":"p{rest}","price":1,"quantity":1,"timestamp":{time}}}"#
            );
            stage.put("transactions", partition as i32, 0, Some(value.as_bytes()));
        }
    };
    sale(0, 60_000);
    sale(1, 1_000);
    stage.flush();
    stage
}

const BY_MINUTE: [&str; 11] = [
    "--topic",
    "transactions",
    "--window",
    "1m",
    "--watermark",
    "0s",
    "--idle-timeout",
    "0s",
    "--progress",
    "json",
    "--no-truncate",
];

#[test]
fn a_partition_that_is_far_ahead_waits_for_the_others() {
    let stage = side_by_side(8_000, 3_000);
    let kept = |skew: &str| {
        let ended = stage.consume(&[&BY_MINUTE[..], &ALL, &["--max-skew", skew, "--format", "csv"]].concat());
        assert!(ended.err.contains("16,000 records read") && ended.err.contains(" 0 late"), "{}", ended.err);
        let batches = ended.err.lines().filter(|line| line.starts_with('{'));
        let kept = |line| {
            integer(&serde_json::from_str::<Value>(line).unwrap()["stateOperators"][0], "numRowsTotal")
        };
        batches.map(kept).max().unwrap()
    };
    // What the client holds ready of the first partition, 4 MiB, and a chunk as large may still come.
    let (aligned, free) = (kept("10m"), kept("off"));
    assert!(aligned < 4_000 && free > 6_000, "{aligned} and {free} windows");
}

#[test]
fn a_partition_that_waits_and_one_that_may_read_no_more_stop_nothing() {
    let stage = side_by_side(300, 0);
    for limit in [["--max-rate-per-partition", "150"], ["--max-offsets-per-trigger", "110"]] {
        let ended = stage.consume(&[&BY_MINUTE[..], &ALL, &["--max-skew", "1s"], &limit].concat());
        assert!(ended.err.contains("600 records read") && ended.err.contains(" 0 late"), "{}", ended.err);
    }
}

#[test]
fn a_load_sets_the_documented_limits_and_waits() {
    // A client keeps no more than 100,000 records that are on their way.
    let stage = Stage::new(&[SALES]);
    sales(100_500, 60_000).chunks(50_000).for_each(|sales| stage.sell(sales));
    for (load, sizes, [session, heartbeat, wait]) in [
        ("small", vec![10_000; 10].into_iter().chain([500]).collect(), ["10000", "3000", "500"]),
        ("medium", vec![100_000, 500], ["30000", "10000", "500"]),
        ("high", vec![100_500], ["60000", "20000", "100"]),
    ] {
        let flags = [&TUMBLING[..], &["--load", load]].concat();
        let mut query = stage.start(&[&flags[..], &["--trigger", "available-now"]].concat());
        let read: Vec<i64> =
            query.batches(100_500).iter().map(|batch| integer(batch, "numInputRows")).collect();
        assert_eq!(read, sizes, "{load}");
        query.end().ok();
        // The client tells its settings while it is asked for records.
        let mut query = stage.start(&[&flags[..], &["--trigger", "0s", "-X", "debug=conf", "-vv"]].concat());
        query.says(&format!("session.timeout.ms = {session}"));
        query.says(&format!("heartbeat.interval.ms = {heartbeat}"));
        query.says(&format!("fetch.wait.max.ms = {wait}"));
        query.interrupt().ok();
    }
}

#[test]
fn a_batch_ends_where_the_next_one_is_due_unless_nothing_holds_it() {
    // More than one chunk, each of which takes longer than the trigger.
    let stage = Stage::with(&sales(80_000, 60_000));
    let batches = |flags: &[&str]| {
        let mut query = stage.start(&[&TUMBLING[..], &["--trigger", "1ms"], flags].concat());
        let batches = query.batches(80_000).len();
        query.interrupt().ok();
        batches
    };
    assert_eq!(batches(&["--no-backpressure"]), 1);
    assert!(batches(&[]) > 1);
}

#[test]
fn a_topic_that_is_deleted_ends_the_query_with_one_line() {
    for (trigger, query) in [("0s", "--aggregated"), ("1s", "--aggregated"), ("continuous", "--no-truncate")]
    {
        let stage = Stage::with(&[at(1_000)]);
        let mut query = stage.start(&[query, "--trigger", trigger]);
        query.batches(1);
        stage.cluster.run("ecap-topics", &["delete-topic", SALES, "--yes"]).ok();
        let gone = format!("topic '{}' is gone: it was deleted while it was read", stage.cluster.name(SALES));
        query.says(&gone);
        let ended = query.end();
        assert!(!ended.err.contains("does not answer"), "{ended:?}");
        ended.fails(1, &[&gone]);
    }
}

#[test]
fn a_topic_that_is_deleted_ends_a_bounded_run_that_has_more_to_read() {
    let stage = Stage::new(&[SALES]);
    for number in 0..30 {
        // In a batch of its own, which is more than the client is to keep ready.
        let value =
            format!(r#"{{"customer_id":"c","final_amount":1,"city":"{}"}}"#, "x".repeat(50_000 + number));
        stage.put(SALES, 0, 1_000, Some(value.as_bytes()));
        stage.flush();
    }
    let slow = ["--max-rate-per-partition", "1", "-X", "queued.max.messages.kbytes=1"];
    let small = ["-X", "fetch.message.max.bytes=1000", "--trigger", "available-now"];
    let mut query = stage.start(&[&TUMBLING[..], &slow, &small].concat());
    query.batches(1);
    stage.cluster.run("ecap-topics", &["delete-topic", SALES, "--yes"]).ok();
    let gone = format!("topic '{}' is gone: it was deleted while it was read", stage.cluster.name(SALES));
    query.says(&gone);
    query.end().fails(1, &[&gone]);
}

#[test]
fn reading_begins_at_the_offsets_that_are_named() {
    let stage = Stage::with(&sales(30, 10_000));
    let args = ["--window", "10s", "--trigger", "available-now", "--from", "0:8,1:10"];
    let ended = stage.consume(&args);
    // Ten in each partition: two of the first, none of the second, all of the third.
    assert!(ended.err.contains("12 records read"), "{ended:?}");
    let refused = stage.consume(&["--window", "10s", "--trigger", "once", "--from", "7:1"]);
    refused.fails(2, &["has 3 partitions, and no partition 7"]);
}

#[test]
fn each_topic_begins_where_it_is_told() {
    let stage = Stage::new(&[SALES, "transactions"]);
    stage.sell(&sales(30, 10_000));
    for millis in 0..10 {
        let time = stage.base + millis;
        let value = format!(
            r#"{{"transaction_id":"t","user_id":"u","product_id":"p","price":1,"quantity":1,"timestamp":{time}}}"#
        );
        stage.put("transactions", 5, millis, Some(value.as_bytes()));
    }
    stage.flush();
    let sql = "SELECT _topic FROM transactions UNION ALL SELECT _topic FROM `customer-transactions`";
    std::fs::write(stage.cluster.folder.path().join("both.sql"), sql).unwrap();
    let read = |flag: &str, from: &str| {
        let args = ["query", "both.sql", "--trigger", "available-now", "--format", "json"];
        let checkpoint = if flag == "--from" { "--temporary-checkpoint" } else { "--checkpoint=kept" };
        let ended = stage.consume(&[&args[..], &[checkpoint, flag, from]].concat());
        let of = |topic: &str| {
            let name = format!("\"{}\"", stage.cluster.name(topic));
            ended.out.lines().filter(|line| line.contains(&name)).count()
        };
        (of("transactions"), of(SALES), ended)
    };
    // Partition 5 is of one topic only. Ten records are in each partition of the other.
    for flag in ["--from", "--restart-from"] {
        let (transactions, sales, ended) = read(flag, "transactions=5:7;customer-transactions=0:8,1:10");
        assert_eq!((transactions, sales), (3, 12), "{ended:?}");
        let (transactions, sales, ended) = read(flag, "transactions=5:7;latest");
        assert_eq!((transactions, sales), (3, 0), "{ended:?}");
        let (_, _, ended) = read(flag, "transaction=5:7;latest");
        ended.fails(2, &[flag, "the query reads no topic 'transaction'", "did you mean 'transactions'?"]);
        let (_, _, ended) = read(flag, "transactions=5:7");
        ended.fails(2, &[flag, "nothing is said of topic 'customer-transactions'", ";earliest"]);
        let (_, _, ended) = read(flag, "5:7");
        ended.fails(2, &["has 3 partitions, and no partition 5", "TOPIC=0:1200"]);
    }
}

#[test]
fn what_was_deleted_before_it_was_read_is_told_and_counted() {
    let stage = Stage::with(&(0..10).map(|n| at(n * 1_000)).collect::<Vec<_>>());
    stage.delete_before(4);
    let args = ["--window", "10s", "--trigger", "available-now", "--from", "0:1", "--progress", "json"];
    let ended = stage.consume(&args);
    assert!(ended.err.contains("offsets 1 to 3 were deleted before they were read"), "{ended:?}");
    assert!(ended.err.contains("6 records read"), "{ended:?}");
    assert!(ended.err.contains(r#""lostRecords":3"#), "{ended:?}");
    let strict = stage.consume(&[&args[..], &["--fail-on-data-loss"]].concat());
    strict.fails(5, &["offsets 1 to 3 were deleted", "--from earliest"]);
}

#[test]
fn a_partition_that_is_added_is_read_from_its_start() {
    let stage = Stage::with(&[at(1_000)]);
    let mut query = stage.start(&[&TUMBLING[..], &["--trigger", "1s"]].concat());
    query.batches(1);
    let topic = stage.cluster.name(SALES);
    let added = [NewPartitions::new(&topic, 4)];
    let admin = stage.admin();
    let done = admin.create_partitions(&added, &AdminOptions::new());
    tokio::runtime::Runtime::new().unwrap().block_on(done).unwrap();
    wait_for("the new partition", || {
        let metadata = rdkafka::producer::Producer::client(&stage.producer)
            .fetch_metadata(Some(&topic), std::time::Duration::from_secs(5))
            .ok()?;
        (metadata.topics()[0].partitions().len() == 4).then_some(())
    });
    stage.sell(&[super::Sale { partition: 3, ..at(2_000) }]);
    query.batches(1);
    let ended = query.interrupt();
    assert!(ended.err.contains("partition 3 was added"), "{ended:?}");
}

#[test]
fn each_record_is_given_out_at_once() {
    let stage = Stage::new(&[SALES]);
    let args = ["--where", "final_amount > 5", "--trigger", "continuous", "--format", "json"];
    let query = stage.start(&[&args[..], &["--checkpoint-interval", "200ms"]].concat());
    let mut query = query;
    for millis in [1_000, 2_000, 3_000] {
        stage.sell(&[at(millis)]);
        assert_eq!(integer(&query.batch()["sink"], "numOutputRows"), 1);
    }
    let rows = json_lines(&query.interrupt().ok());
    assert_eq!(
        rows.iter().map(|row| stage.time(row, "_timestamp")).collect::<Vec<_>>(),
        [1_000, 2_000, 3_000]
    );
    let refused = stage.consume(&["--window", "10s", "--trigger", "continuous"]);
    refused.fails(2, &["gives out each record at once", "--trigger 0s"]);
}

#[test]
fn windows_of_processing_time_close_by_the_clock() {
    let stage = Stage::with(&[at(1_000), at(50_000)]);
    let args = ["--window", "1s", "--time", "processing", "--trigger", "0s", "--output-mode", "append"];
    let mut query = stage.start(&[&args[..], &["--format", "json"]].concat());
    // No record comes after these two: the clock alone makes their window final.
    let mut given = 0;
    while given == 0 {
        given += integer(&query.batch()["sink"], "numOutputRows");
    }
    let rows = json_lines(&query.interrupt().ok());
    assert_eq!(rows.iter().map(|row| integer(row, "record_count")).sum::<i64>(), 2, "{rows:?}");
    let refused = stage.consume(&["query", &shipped("revenue-by-category"), "--time", "processing"]);
    refused.fails(2, &["the windows are of 'timestamp'", "window(_arrival"]);
}

#[test]
fn sessions_of_each_customer() {
    let visits = [(1, 0), (1, 4_000), (2, 5_000), (1, 9_001), (2, 30_000)];
    let visits = visits.map(|(customer, millis)| super::Sale { customer, ..at(millis) });
    let stage = Stage::with(&visits);
    let args = ["--session", "5s", "--group-by", "customer_id", "--agg", "count(*) AS record_count"];
    let mut rows: Vec<_> = stage
        .rows(&args)
        .iter()
        .map(|row| {
            let bounds = (stage.time(row, "window_start"), stage.time(row, "window_end"));
            (row["customer_id"].as_str().unwrap().to_string(), bounds, integer(row, "record_count"))
        })
        .collect();
    rows.sort();
    let one = |customer: &str, start, end, count| (customer.to_string(), (start, end), count);
    let expected = [
        one("CUST_1", 0, 9_000, 2),
        one("CUST_1", 9_001, 14_001, 1),
        one("CUST_2", 5_000, 10_000, 1),
        one("CUST_2", 30_000, 35_000, 1),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_record_that_comes_again_counts_once() {
    let stage = Stage::with(&[at(1_000), at(2_000), super::Sale { customer: 2, ..at(3_000) }]);
    let rows = stage.rows(&["--window", "10s", "--dedup", "customer_id"]);
    assert_eq!(stage.counts(&rows), BTreeMap::from([(0, 2)]));
    let rows = json_lines(
        &stage.consume(&[&["--dedup", "customer_id", "--format", "json"][..], &ALL[..4]].concat()).ok(),
    );
    assert_eq!(rows.len(), 2, "{rows:?}");
}
