//! What becomes of records that cannot be used: counted, told of, and kept where that was asked for.

use super::{ALL, SALES, Stage, at, integer};
use crate::support::wait_for;
use rdkafka::consumer::Consumer;
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Lines of a file of dead letters.
fn letters(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Stage, code and offset of each.
fn codes(letters: &[Value]) -> Vec<(&str, &str, i64)> {
    letters
        .iter()
        .map(|letter| {
            (letter["stage"].as_str().unwrap(), letter["code"].as_str().unwrap(), integer(letter, "offset"))
        })
        .collect()
}

/// The records of a topic with so many partitions, once there are so many.
fn letters_in(stage: &Stage, (topic, partitions): (&str, i32), count: usize) -> Vec<OwnedMessage> {
    let consumer = stage.consumer("letters");
    let topic = stage.cluster.name(topic);
    let mut from = TopicPartitionList::new();
    (0..partitions).for_each(|number| from.add_partition_offset(&topic, number, Offset::Beginning).unwrap());
    consumer.assign(&from).unwrap();
    let mut letters = Vec::new();
    wait_for("the dead letters", || {
        letters.extend(consumer.poll(Duration::from_millis(50)).map(|letter| letter.unwrap().detach()));
        (letters.len() == count).then_some(())
    });
    letters
}

fn headers(letter: &OwnedMessage) -> BTreeMap<String, String> {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    letter.headers().unwrap().iter().map(|header| (header.key.to_string(), text(header.value))).collect()
}

#[test]
fn they_go_to_a_file_with_their_bytes_and_the_reason() {
    let stage = Stage::with(&[at(1_000)]);
    for value in [
        &b"{\"final_amount\":"[..],
        b"{\"final_amount\":-1}",
        b"\xff\xfe",
        b"{\"customer_id\":\"c\",\"final_amount\":\"x\"}",
    ] {
        stage.put(SALES, 0, 2_000, Some(value));
    }
    stage.flush();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("dead.ndjson");
    let rows = stage.rows(&["--window", "10s", "--dead-letters", path.to_str().unwrap()]);
    assert_eq!(stage.counts(&rows), BTreeMap::from([(0, 1)]));
    let letters = letters(&path);
    let expected = [
        ("decode", "MALFORMED_JSON", 1),
        ("decode", "INVALID_AMOUNT", 2),
        ("decode", "MALFORMED_JSON", 3),
        ("decode", "TYPE_MISMATCH", 4),
    ];
    assert_eq!(codes(&letters), expected);
    assert_eq!(letters[0]["value"], "{\"final_amount\":");
    assert_eq!((letters[2]["value_hex"].as_str(), letters[2].get("value")), (Some("fffe"), None));
    assert_eq!(
        (letters[0]["key"].as_str(), letters[0]["topic"].as_str()),
        (Some("key"), Some(stage.cluster.name(SALES).as_str()))
    );
}

#[test]
fn they_go_to_the_topic_of_dead_letters_as_they_were() {
    let stage = Stage::with(&[at(1_000)]);
    stage.cluster.create_topics(&["customer-transactions.dlq"]);
    stage.put(SALES, 1, 2_000, Some(b"{oops"));
    stage.flush();
    stage.rows(&["--window", "10s", "--dead-letters", "topic"]);
    let letter = &letters_in(&stage, ("customer-transactions.dlq", 3), 1)[0];
    assert_eq!((letter.key(), letter.payload()), (Some(&b"key"[..]), Some(&b"{oops"[..])));
    let headers = headers(letter);
    assert_eq!((headers["ecap.partition"].as_str(), headers["ecap.offset"].as_str()), ("1", "0"));
    assert_eq!((headers["ecap.code"].as_str(), headers["ecap.stage"].as_str()), ("MALFORMED_JSON", "decode"));
    assert_eq!(headers["ecap.topic"], stage.cluster.name(SALES));
}

#[test]
fn a_time_far_ahead_of_the_clock_ends_no_window() {
    let stage = Stage::new(&["transactions"]);
    let day = 86_400_000;
    for millis in [1_000, 3 * day, 2_000] {
        let time = stage.base + millis;
        let value = format!(
            r#"{{"transaction_id":"t","user_id":"u","product_id":"p","price":1,"quantity":1,"timestamp":{time}}}"#
        );
        stage.put("transactions", 0, 0, Some(value.as_bytes()));
    }
    stage.flush();
    let args = ["--topic", "transactions", "--window", "10s", "--agg", "count(*) AS record_count"];
    let ended = stage.consume(&[&args[..], &ALL, &["--watermark", "0s", "--format", "json"]].concat());
    assert!(ended.err.contains("timestamp = ") && ended.err.contains("ahead of the clock"), "{ended:?}");
    assert!(ended.err.contains(" 1 refused, 0 late"), "{ended:?}");
    assert_eq!(stage.counts(&super::json_lines(&ended.ok())), BTreeMap::from([(0, 2)]));
    let all = stage.rows(&[&args[..], &["--max-future", "off"]].concat());
    assert_eq!(all.len(), 2, "{all:?}");
    let path = stage.cluster.folder.path().join("dead.ndjson");
    stage.rows(&[&args[..], &["--dead-letters", path.to_str().unwrap()]].concat());
    let letters = letters(&path);
    assert_eq!(codes(&letters), [("time", "INVALID_VALUE", 1)]);
    assert!(letters[0]["reason"].as_str().unwrap().contains("ahead of the clock"), "{letters:?}");
    assert!(
        letters[0]["value"].as_str().unwrap().contains(&(stage.base + 3 * day).to_string()),
        "{letters:?}"
    );
}

#[test]
fn what_is_too_old_is_stale() {
    let stage = Stage::with(&[at(1_000), at(-9 * 3_600_000)]);
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("dead.ndjson");
    let rows = stage.rows(&["--window", "10s", "--max-age", "6h", "--dead-letters", path.to_str().unwrap()]);
    assert_eq!(stage.counts(&rows), BTreeMap::from([(0, 1)]));
    assert_eq!(codes(&letters(&path)), [("time", "STALE", 1)]);
}

#[test]
fn late_records_are_kept_where_that_is_asked_for() {
    let stage = Stage::with(&[at(1_000), at(12_000), at(21_000)]);
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("dead.ndjson");
    let flags = ["--window", "10s", "--watermark", "5s", "--trigger", "0s", "--output-mode", "append"];
    let keep = ["--late", "dead-letter", "--dead-letters", path.to_str().unwrap()];
    let mut query = stage.start(&[&flags[..], &keep].concat());
    query.batches(3);
    stage.sell(&[at(9_999), at(10_000), at(2_000)]);
    query.batches(3);
    let ended = query.interrupt();
    assert!(ended.err.contains("0 refused, 2 late"), "{ended:?}");
    assert_eq!(codes(&letters(&path)), [("window", "LATE", 3), ("window", "LATE", 5)]);
    stage.consume(&["--window", "10s", "--late", "dead-letter"]).fails(2, &["--dead-letters topic"]);
}

#[test]
fn late_records_go_to_a_topic_of_their_own() {
    let stage = Stage::with(&[at(1_000), at(21_000)]);
    // Any topic that is there will do.
    stage.cluster.create_topics(&["fraud-alerts"]);
    let flags = ["--window", "10s", "--watermark", "5s", "--trigger", "0s", "--output-mode", "append"];
    let mut query = stage.start(&[&flags[..], &["--late", "fraud-alerts"]].concat());
    query.batches(2);
    stage.put(SALES, 0, 22_000, Some(b"{oops"));
    let late = [at(2_000), at(9_999)];
    stage.sell(&late);
    query.batches(3);
    let letters = letters_in(&stage, ("fraud-alerts", 2), 2);
    let ended = query.interrupt();
    assert!(ended.err.contains("1 refused, 2 late"), "{ended:?}");
    for letter in &letters {
        let headers = headers(letter);
        assert_eq!((headers["ecap.code"].as_str(), headers["ecap.stage"].as_str()), ("LATE", "window"));
        let sale = &late[headers["ecap.offset"].parse::<usize>().unwrap() - 3];
        assert_eq!((letter.key(), letter.payload()), (Some(&b"key"[..]), Some(sale.json().as_bytes())));
        assert_eq!(letter.timestamp().to_millis(), Some(stage.base + sale.millis));
    }
}

#[test]
fn a_topic_for_late_records_has_to_be_there_and_be_another_one() {
    let stage = Stage::with(&[at(1_000)]);
    let late = |place: &str| stage.consume(&["--window", "10s", "--late", place]);
    late("late-sales").fails(2, &["--late late-sales: the cluster has no such topic", "dead-letter"]);
    late("fraud-alerts").fails(1, &["is not there", "ecap-topics create-topics"]);
    late(SALES).fails(2, &["late records would come again", "another topic"]);
}

#[test]
fn a_record_on_which_an_expression_fails_is_a_dead_letter_and_no_stop() {
    let stage = Stage::with(&(0..40).map(|n| super::Sale { customer: n, ..at(n * 100) }).collect::<Vec<_>>());
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("dead.ndjson");
    let sql = folder.path().join("query.sql");
    // Of 40 customers, four end in 7: 10 divided by nothing.
    let text = "SELECT window.start AS window_start, count(*) AS record_count, sum(10 div (CAST(right(customer_id, 1) AS INT) - 7)) AS t \
                FROM `customer-transactions` GROUP BY window(_timestamp, '10 seconds')";
    std::fs::write(&sql, text).unwrap();
    let args = [
        &["query", sql.to_str().unwrap()][..],
        &ALL,
        &["--format", "json", "--dead-letters", path.to_str().unwrap()],
    ];
    let ended = stage.consume(&args.concat());
    assert!(ended.err.contains("TRANSFORM_FAILED"), "{ended:?}");
    assert!(ended.err.contains("4 refused"), "{ended:?}");
    assert_eq!(stage.counts(&super::json_lines(&ended.ok())), BTreeMap::from([(0, 36)]));
    let offsets: Vec<_> = letters(&path).iter().map(|letter| integer(letter, "offset")).collect();
    assert_eq!(offsets, [7, 17, 27, 37]);
    let reason = letters(&path)[0]["reason"].as_str().unwrap().to_string();
    assert!(reason.starts_with("10 div (CAST(right(customer_id, 1) AS INT) - 7): 'div' by zero"), "{reason}");
}

#[test]
fn a_sum_or_an_average_that_its_type_does_not_hold_is_a_dead_letter_of_its_window() {
    let stage = Stage::with(&[at(1_000), at(2_000), at(11_000), at(12_000)]);
    let folder = tempfile::TempDir::new().unwrap();
    let (sql, path) = (folder.path().join("query.sql"), folder.path().join("dead.ndjson"));
    let each =
        [("sum", "BIGINT", 18, "6"), ("sum", "DECIMAL(38, 0)", 37, "6"), ("avg", "DECIMAL(38, 18)", 18, "3")];
    for (aggregate, kind, zeros, small) in each {
        let text = format!(
            "SELECT window.start AS window_start, {aggregate}(CAST(\
             CASE WHEN _offset < 2 THEN '9' || repeat('0', {zeros}) ELSE '3' END AS {kind})) AS t \
             FROM `customer-transactions` GROUP BY window(_timestamp, '10 seconds')"
        );
        std::fs::write(&sql, text).unwrap();
        let args = ["--format", "json", "--dead-letters", path.to_str().unwrap()];
        let ended = stage.consume(&[&["query", sql.to_str().unwrap()][..], &ALL, &args].concat());
        assert!(ended.err.contains("TRANSFORM_FAILED"), "{ended:?}");
        let rows = super::json_lines(&ended.ok());
        let sums: Vec<_> = rows.iter().map(|row| row["t"].to_string().replace('"', "")).collect();
        assert_eq!(sums.len(), 1, "{sums:?}");
        assert_eq!(sums[0].split('.').next(), Some(small), "{sums:?}");
        let reason = letters(&path).pop().unwrap()["reason"].to_string();
        assert!(reason.contains("on the row"), "{reason}");
    }
}

#[test]
fn a_sale_without_a_match_on_which_the_query_fails_is_read_again_to_be_kept() {
    let stage = Stage::with(&[at(1_000), at(2_000)]);
    stage.cluster.create_topics(&["user-events", "customer-transactions.dlq"]);
    let sql = "SELECT t.customer_id, 10 div coalesce(e.duration_ms, t.quantity - 2) AS n, t._offset AS o \
        FROM `customer-transactions` t LEFT JOIN `user-events` e ON t.customer_id = e.user_id \
        AND e.timestamp BETWEEN t._timestamp - INTERVAL 5 SECONDS AND t._timestamp + INTERVAL 5 SECONDS";
    let windows = "SELECT window.start, 10 div (count(*) - 2) AS n FROM `customer-transactions` \
        GROUP BY window(_timestamp, '10 seconds')";
    let folder = stage.cluster.folder.path();
    std::fs::write(folder.join("unmatched.sql"), sql).unwrap();
    std::fs::write(folder.join("windows.sql"), windows).unwrap();
    let args = |file| [&["query", file, "--dead-letters", "topic"][..], &ALL].concat();
    let ended = stage.consume(&args("unmatched.sql"));
    assert!(ended.err.contains("offset 0: TRANSFORM_FAILED: 10 div "), "{ended:?}");
    ended.ok();
    let letters = letters_in(&stage, ("customer-transactions.dlq", 3), 2);
    for letter in &letters {
        let headers = headers(letter);
        assert_eq!((letter.key(), letter.payload()), (Some(&b"key"[..]), Some(at(0).json().as_bytes())));
        assert_eq!((&*headers["ecap.stage"], &*headers["ecap.code"]), ("result", "TRANSFORM_FAILED"));
    }
    // A window is made of many records, and none of them can be sent back for it.
    stage.consume(&args("windows.sql")).ok();
    let letters = letters_in(&stage, ("customer-transactions.dlq", 3), 3);
    let of_window = letters.iter().find(|letter| letter.payload().is_none()).unwrap();
    assert!(headers(of_window)["ecap.reason"].contains("on the row {"), "{of_window:?}");
    let replay = stage.consume(&["dead-letters", "replay"]);
    assert!(replay.err.contains("2 records would be sent back"), "{replay:?}");
    assert!(replay.err.contains("1 letters were passed over: they do not have their record"), "{replay:?}");
}
