//! Wrong input gets one clear line and the documented exit code; bad records do not stop the rest.

use super::{ALL, SALES, Stage, at, integer};
use crate::support::{Ended, binary_command, took_at_most};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The exit codes that are documented.
pub(super) const USAGE: i32 = 2;
const UNREACHABLE: i32 = 4;
pub(super) const DATA: i32 = 5;

/// Asserts that a command was refused with one line on standard error, and nothing on standard output.
#[track_caller]
pub(super) fn refused(ended: Ended, code: i32, parts: &[&str]) {
    let errors = ended.err.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!((errors, ended.out.as_str()), (1, ""), "{ended:#?}");
    assert!(!ended.err.contains("backtrace") && !ended.err.contains(".rs:"), "{ended:#?}");
    ended.fails(code, parts);
}

/// Runs a query where no broker is: what is wrong with a query is said before one is needed.
#[track_caller]
fn wrong(args: &[&str], parts: &[&str]) {
    let folder = TempDir::new().unwrap();
    let mut command = binary_command("ecap-consume", folder.path());
    refused(Ended::of(command.env("ECAP_BOOTSTRAP_SERVERS", "127.0.0.1:1").args(args)), USAGE, parts);
}

#[test]
fn no_broker_is_said_within_10_s() {
    let folder = TempDir::new().unwrap();
    let mut command = binary_command("ecap-consume", folder.path());
    let began = Instant::now();
    let ended = Ended::of(command.args(["--window", "10s", "-b", "127.0.0.1:1"]));
    took_at_most(Duration::from_secs(10), began);
    assert_eq!(ended.err.lines().count(), 1, "{ended:#?}");
    let parts = ["127.0.0.1:1", "refused", " s)", "`ecap-broker`", "`docker compose up -d kafka`"];
    refused(ended, UNREACHABLE, &parts);
}

#[test]
fn a_listener_that_never_answers_is_no_broker() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let mut command = binary_command("ecap-consume", folder.path());
    let began = Instant::now();
    let ended = Ended::of(command.args(["--window", "10s", "--bootstrap-servers", &address]));
    took_at_most(Duration::from_secs(10), began);
    refused(ended, UNREACHABLE, &[&address, "`ecap-broker`"]);
}

#[test]
fn a_name_that_nobody_knows_is_no_broker() {
    let folder = TempDir::new().unwrap();
    let mut command = binary_command("ecap-consume", folder.path());
    let ended = Ended::of(command.args(["--window", "10s", "-b", "nobody.invalid:9092"]));
    refused(ended, UNREACHABLE, &["nobody.invalid:9092", "`ecap-broker`"]);
}

#[test]
fn a_topic_that_is_not_there_says_how_to_create_it() {
    let stage = Stage::new(&["transactions"]);
    let ended = stage.consume(&["--window", "10s", "--from", "earliest"]);
    refused(ended, 1, &["customer-transactions' is not there", "ecap-topics create-topics"]);
}

#[test]
fn a_topic_that_nobody_declared_is_refused_with_the_nearest() {
    wrong(
        &["--topic", "custmer-transactions", "--window", "10s"],
        &["did you mean 'customer-transactions'?"],
    );
    wrong(&["--topic", "transactions.dlq", "--window", "10s"], &["dead letters"]);
}

#[test]
fn windows_that_make_no_sense_are_refused() {
    wrong(&["--window", "10s", "--slide", "20s"], &["slide (20s)", "window (10s)"]);
    wrong(&["--window", "10s", "--slide", "0s"], &["slide", "longer than 0s"]);
    wrong(&["--window", "0"], &["window", "longer than 0s"]);
    wrong(&["--window", "-10s"], &["'-10s' is not a duration", "10 minutes"]);
    wrong(&["--window", "10s", "--slide", "-5s"], &["'-5s' is not a duration"]);
    wrong(&["--window", "1d", "--slide", "1ms"], &["86400000 panes", "10000 at most"]);
    wrong(&["--window", "soon"], &["'soon' is not a duration"]);
    wrong(&["--slide", "5s"], &["--slide needs a window", "--window 10s"]);
    wrong(&["--agg", "count(*)"], &["--agg needs a window"]);
}

#[test]
fn durations_and_triggers_are_refused_with_what_would_do() {
    wrong(&["--window", "10s", "--trigger", "often"], &["'often' is no trigger", "available-now"]);
    wrong(&["--window", "10s", "--trigger", "-1s"], &["trigger"]);
    wrong(&["--window", "10s", "--trigger", "continuous"], &["continuous", "--trigger 0s"]);
    wrong(&["--window", "10s", "--watermark", "a while"], &["'a while' is not a duration"]);
    wrong(&["--window", "10s", "--watermark", "-1s"], &["'-1s' is not a duration"]);
    wrong(&["--window", "10s", "--idle-timeout", "never"], &["'never' is not a duration"]);
    wrong(&["--window", "10s", "--from", "yesterday"], &["'yesterday'", "earliest, latest"]);
    wrong(&["--window", "10s", "--output-mode", "all"], &["'all'"]);
    wrong(&["--output-mode", "complete"], &["complete needs a window"]);
    wrong(&["--window", "10s", "--format", "yaml"], &["no YAML", "--format json"]);
}

#[test]
fn an_unknown_column_is_refused_with_the_nearest() {
    let window = ["--window", "10s"];
    let with = |more: &[&'static str]| [&window[..], more].concat();
    let nearest = ["final_amonut", "did you mean 'final_amount'?"];
    wrong(&with(&["--agg", "sum(final_amonut)"]), &nearest);
    wrong(&with(&["--where", "final_amonut > 1"]), &nearest);
    wrong(&with(&["--group-by", "product_categry"]), &["did you mean 'product_category'?"]);
    wrong(&with(&["--time-column", "_timestmp"]), &["did you mean '_timestamp'?"]);
    wrong(&with(&["--agg", "count(xyzzy_plugh)"]), &["unknown column 'xyzzy_plugh'", "customer_id"]);
}

#[test]
fn a_time_column_is_a_time() {
    wrong(&["--window", "10s", "--time-column", "quantity"], &["quantity"]);
    wrong(&["--window", "10s", "--time-column", "first_name"], &["first_name"]);
}

#[test]
fn sql_that_cannot_be_planned_is_refused() {
    let agg = |sql: &'static str| ["--window", "10s", "--agg", sql];
    wrong(&agg("sum("), &["SQL"]);
    wrong(&agg("averge(final_amount)"), &["unknown function 'averge': did you mean 'avg'?"]);
    wrong(&["--window", "10s", "--where", "final_amount >"], &["SQL"]);
    wrong(&["--window", "10s", "--where", "1; DROP TABLE x"], &["error"]);
    wrong(&["--window", "10s", "--group-by", ""], &["error"]);
}

#[test]
fn a_query_file_that_is_not_one_is_refused() {
    let folder = TempDir::new().unwrap();
    let query = |name: &str, content: &[u8], parts: &[&str]| {
        std::fs::write(folder.path().join(name), content).unwrap();
        let mut command = binary_command("ecap-consume", folder.path());
        refused(Ended::of(command.args(["query", name])), USAGE, parts);
    };
    query("empty.sql", b"", &["error: "]);
    query("prose.sql", b"count the sales, please", &["SQL"]);
    query("two.sql", b"SELECT 1 FROM transactions; SELECT 2 FROM transactions", &["error: "]);
    query("drop.sql", b"DROP TABLE transactions", &["error: "]);
    query("bytes.sql", b"\xff\xfe", &["bytes.sql"]);
    query("topic.sql", b"SELECT * FROM transactoins", &["did you mean 'transactions'?"]);
    query("group.sql", b"SELECT brand, count(*) FROM transactions GROUP BY brand", &["window("]);
    wrong(&["query", "absent.sql"], &["absent.sql"]);
}

/// What a topic holds that cannot be used, and what it is called.
const BAD: [(&[u8], &str); 8] = [
    (b"{\"final_amount\": 1", "MALFORMED_JSON"),
    (b"not JSON at all", "MALFORMED_JSON"),
    (b"", "MALFORMED_JSON"),
    (b"{\"customer_id\":\"\xff\",\"final_amount\":1}", "MALFORMED_JSON"),
    (b"{\"customer_id\":7,\"final_amount\":1}", "TYPE_MISMATCH"),
    (b"{\"customer_id\":\"c\",\"final_amount\":null}", "NULL_AMOUNT"),
    (b"{\"customer_id\":\"c\",\"final_amount\":-1}", "INVALID_AMOUNT"),
    (b"{\"final_amount\":1}", "NULL_CUSTOMER"),
];

#[test]
fn bad_records_are_counted_and_the_rest_goes_on() {
    let stage = Stage::with(&[at(1_000)]);
    for (value, _) in BAD {
        stage.put(SALES, 0, 2_000, Some(value));
    }
    stage.put(SALES, 0, 2_000, None);
    stage.sell(&[at(3_000)]);
    let flags = ["--window", "10s", "--trigger", "once", "--format", "json"];
    let mut query = stage.start(&flags);
    let batch = query.batch();
    let ended = query.end();
    assert!(ended.err.contains("9 refused"), "{ended:?}");
    let rows = super::json_lines(&ended.ok());
    assert_eq!(stage.counts(&rows), [(0, 2)].into(), "the good ones");
    for (code, count) in
        [("MALFORMED_JSON", 5), ("TYPE_MISMATCH", 1), ("NULL_AMOUNT", 1), ("INVALID_AMOUNT", 1)]
    {
        assert_eq!(integer(&batch["rejected"], code), count, "{code}: {batch}");
    }
    assert_eq!(integer(&batch["rejected"], "NULL_CUSTOMER"), 1);
    assert_eq!(integer(&batch["sources"][0]["endOffset"], "0"), 11, "the offset moves past them");
}

#[test]
fn fail_fast_stops_at_the_first_bad_record() {
    for (value, code) in BAD {
        let stage = Stage::with(&[at(1_000)]);
        stage.put(SALES, 0, 2_000, Some(value));
        stage.sell(&[at(3_000)]);
        let ended = stage.consume(&[&["--window", "10s", "--fail-fast"][..], &ALL].concat());
        refused(ended, DATA, &[code, "partition 0, offset 1", "--fail-fast"]);
    }
}

#[test]
fn a_null_value_is_a_tombstone_where_a_topic_is_compacted() {
    let stage = Stage::new(&["product-updates"]);
    let update = format!(
        r#"{{"product_id":"p","update_type":"restock","timestamp":{},"unheard_of":[1,{{}}]}}"#,
        stage.base
    );
    stage.put("product-updates", 0, 0, Some(update.as_bytes()));
    stage.put("product-updates", 0, 1_000, None);
    stage.flush();
    let flags = ["--topic", "product-updates", "--window", "1m", "--trigger", "once", "--fail-fast"];
    let mut query = stage.start(&flags);
    let batch = query.batch();
    query.end().ok();
    assert_eq!((integer(&batch, "tombstones"), integer(&batch, "numInputRows")), (1, 2));
    assert_eq!(batch["rejected"], serde_json::json!({}));
}

#[test]
fn an_anonymous_event_is_no_bad_record() {
    let stage = Stage::new(&["user-events"]);
    let event =
        format!(r#"{{"event_id":"e","session_id":"s","event_type":"view","timestamp":{}}}"#, stage.base);
    stage.put("user-events", 0, 0, Some(event.as_bytes()));
    stage.flush();
    let rows = stage.rows(&["--topic", "user-events", "--window", "1m", "--fail-fast"]);
    assert_eq!((integer(&rows[0], "record_count"), integer(&rows[0], "unique_users")), (1, 0));
}

#[test]
fn a_transaction_of_nothing_or_for_nothing_is_refused() {
    let stage = Stage::new(&["transactions"]);
    let sale = |price: &str, quantity: i64, discount: &str| {
        format!(
            r#"{{"transaction_id":"t","user_id":"u","product_id":"p","price":{price},"quantity":{quantity},
                "discount_applied":{discount},"timestamp":{}}}"#,
            stage.base
        )
    };
    let bad = [
        sale("0", 2, "0"),
        sale("5", -1, "0"),
        sale("5", 2, "10"),
        sale("null", 2, "0"),
        sale("-5", -1, "0"),
    ];
    for value in std::iter::once(sale("5", 2, "null")).chain(bad) {
        stage.put("transactions", 0, 0, Some(value.as_bytes()));
    }
    stage.flush();
    let mut query = stage.start(&["--topic", "transactions", "--window", "1m", "--trigger", "once"]);
    let batch = query.batch();
    query.end().ok();
    let expected = serde_json::json!({"INVALID_AMOUNT": 3, "INVALID_VALUE": 1, "NULL_AMOUNT": 1});
    assert_eq!(batch["rejected"], expected);
}
