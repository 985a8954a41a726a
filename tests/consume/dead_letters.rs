//! Looking at dead letters wherever they are kept, and sending the records back.

use super::{SALES, Stage, at, integer};
use crate::sinks_kafka::committed;
use rdkafka::message::{Headers, Message, OwnedMessage};
use serde_json::{Value, json};

const DLQ: &str = "customer-transactions.dlq";

/// A window a batch, so that each run goes on where the last one was.
const QUERY: [&str; 8] =
    ["--topic", SALES, "--window", "10s", "--from", "earliest", "--trigger", "available-now"];

/// A place for dead letters, as a query and as the verbs call it.
const PLACES: [(&str, &str); 4] = [
    ("topic", DLQ),
    ("./dead.ndjson", "./dead.ndjson"),
    ("parquet:dead-parquet", "parquet:dead-parquet"),
    ("delta:dead-delta", "delta:dead-delta"),
];

/// A stage with two sales, and four records that cannot be used, one of them no text and one without a key.
fn spoiled() -> Stage {
    let stage = Stage::with(&[at(1_000)]);
    stage.cluster.create_topics(&[DLQ]);
    spoil(&stage, 2_000);
    stage.put(SALES, 1, 3_000, Some(b"\xff\xfe"));
    stage.put(SALES, 2, 4_000, Some(br#"{"customer_id":"c","final_amount":-1}"#));
    stage.put(SALES, 0, 5_000, None);
    stage.sell(&[at(6_000)]);
    stage
}

fn spoil(stage: &Stage, millis: i64) {
    stage.put(SALES, 1, millis, Some(b"{\"final_amount\":"));
    stage.flush();
}

/// Runs a query that keeps its results and its dead letters, over what is there by now.
#[track_caller]
fn keep(stage: &Stage, place: &str) {
    let sink = ["--sink", "ndjson", "--path", "out.ndjson", "--name", &place.replace([':', '/'], "-")];
    let sink = sink.map(|word| word.trim_start_matches(".-"));
    stage.consume(&[&QUERY[..], &sink, &["--dead-letters", place]].concat()).ok();
}

fn verb(stage: &Stage, args: &[&str]) -> Value {
    let args = [&["dead-letters"][..], args, &["--format", "json"]].concat();
    serde_json::from_str(&stage.consume(&args).ok()).unwrap()
}

/// The letters of an answer without what differs from query to query, in order.
fn letters(answer: &Value) -> Vec<Value> {
    let mut letters = answer["letters"].as_array().unwrap().clone();
    for letter in &mut letters {
        for field in ["query", "refused_at"] {
            assert!(letter[field].is_string(), "{letter}");
            letter[field].take();
        }
    }
    letters.sort_by_key(|letter| (letter["partition"].as_i64(), letter["offset"].as_i64()));
    letters
}

#[test]
fn every_place_keeps_the_same_letters_once() {
    let stage = spoiled();
    for (place, _) in PLACES {
        keep(&stage, place);
        keep(&stage, place);
    }
    spoil(&stage, 7_000);
    for (place, _) in PLACES {
        keep(&stage, place);
    }
    let first = letters(&verb(&stage, &["show", DLQ]));
    assert_eq!(first.len(), 5);
    for (_, place) in PLACES {
        assert_eq!(letters(&verb(&stage, &["show", place])), first, "{place}");
        let listed = verb(&stage, &["list", place]);
        assert_eq!(listed["letters"], 5, "{place}");
        let groups = listed["groups"].as_array().unwrap().iter();
        let groups: Vec<_> =
            groups.map(|group| (group["code"].as_str().unwrap(), integer(group, "letters"))).collect();
        assert_eq!(groups, [("INVALID_AMOUNT", 1), ("MALFORMED_JSON", 4)], "{place}");
    }
    let topic = stage.cluster.name(SALES);
    let expected = json!({
        "topic": topic, "partition": 1, "offset": 1, "timestamp": stage.text(3_000), "stage": "decode",
        "code": "MALFORMED_JSON", "reason": first[2]["reason"], "key": "key", "value_hex": "fffe",
        "consumer": "ecap-customer-transactions", "query": null, "batch": first[2]["batch"], "refused_at": null,
    });
    assert_eq!(first[2], expected);
    assert_eq!((&first[0]["value"], integer(&first[3], "batch")), (&Value::Null, 1), "{first:#?}");
}

#[test]
fn they_are_listed_shown_and_counted() {
    let stage = spoiled();
    keep(&stage, "topic");
    let name = stage.cluster.name(SALES);
    let listed = stage.consume(&["dead-letters", "list"]).ok();
    for part in [&*name, "MALFORMED_JSON", "decode", "3", "INVALID_AMOUNT"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let shown = |args: &[&str]| letters(&verb(&stage, &[&["show"], args].concat())).len();
    assert_eq!((shown(&[]), shown(&["--code", "invalid_amount"]), shown(&["--code", "LATE"])), (4, 1, 0));
    assert_eq!(
        (shown(&["--topic", SALES, "--stage", "decode"]), shown(&["--topic", "transactions"])),
        (4, 0)
    );
    assert_eq!((shown(&["--partition", "1"]), shown(&["--partition", "1", "--offset", "1"])), (2, 1));
    let some = stage.consume(&["dead-letters", "show", "--limit", "1", "--partition", "1"]);
    assert!(some.err.contains("1 more: --limit"), "{some:?}");
    let binary = stage.consume(&["dead-letters", "show", "--offset", "1", "--partition", "1"]).ok();
    assert!(binary.contains("0xfffe"), "{binary}");
    let stats = verb(&stage, &["stats"]);
    let code =
        |code: &str, letters: u64, share: f64| json!({ "code": code, "letters": letters, "share": share });
    assert_eq!(stats["codes"], json!([code("INVALID_AMOUNT", 1, 0.25), code("MALFORMED_JSON", 3, 0.75)]));
    let csv = stage.consume(&["dead-letters", "stats", "--format", "csv"]).ok();
    assert!(
        csv.starts_with("hour,code,letters,share\nall,INVALID_AMOUNT,1,25.0%\nall,MALFORMED_JSON,3,75.0%\n"),
        "{csv}"
    );
}

fn header(record: &OwnedMessage) -> Option<&str> {
    let header = record.headers()?.iter().find(|header| header.key == "ecap.replayed")?;
    std::str::from_utf8(header.value?).ok()
}

#[test]
fn records_go_back_once_as_they_were() {
    let stage = spoiled();
    keep(&stage, "topic");
    keep(&stage, "delta:dead-delta");
    let sales = || committed(&stage.cluster, SALES);
    let before = sales().len();
    let dry = stage.consume(&["dead-letters", "replay", "--code", "MALFORMED_JSON"]);
    assert!(dry.err.contains("3 records would be sent back: --execute sends them"), "{dry:?}");
    stage.consume(&["dead-letters", "replay", "--dry-run"]).ok();
    stage.consume(&["dead-letters", "replay", "--execute"]).fails(2, &["4 records go to", "--yes"]);
    assert_eq!(sales().len(), before, "nothing was sent");

    let sent = verb(&stage, &["replay", "--code", "MALFORMED_JSON", "--execute", "--yes"]);
    let topic = stage.cluster.name(SALES);
    let of = |code: &str, records: u64| json!({ "topic": topic, "code": code, "records": records });
    assert_eq!((&sent["records"], &sent["topics"]), (&json!(3), &json!([of("MALFORMED_JSON", 3)])));
    let all = sales();
    let (back, own): (Vec<_>, Vec<_>) = all.iter().partition(|record| header(record).is_some());
    assert_eq!((back.len(), own.len()), (3, before));
    for record in back {
        let place = header(record).unwrap().rsplit('/').take(2).map(|number| number.parse::<i64>().unwrap());
        let [offset, partition] = place.collect::<Vec<_>>()[..] else { panic!("{record:?}") };
        let was =
            own.iter().find(|own| (i64::from(own.partition()), own.offset()) == (partition, offset)).unwrap();
        assert_eq!((record.key(), record.payload()), (was.key(), was.payload()));
        assert_eq!(record.timestamp(), was.timestamp());
    }

    // The same records from another place are the same.
    let rest = verb(&stage, &["replay", "delta:dead-delta", DLQ, "--execute", "--yes"]);
    assert_eq!((&rest["topics"], &rest["replayed_before"]), (&json!([of("INVALID_AMOUNT", 1)]), &json!(7)));
    let none = verb(&stage, &["replay", "--execute", "--yes"]);
    assert_eq!((&none["records"], &none["replayed_before"]), (&json!(0), &json!(4)));
    let again = verb(&stage, &["replay", "delta:dead-delta", DLQ, "--again", "--execute", "--yes"]);
    assert_eq!((&again["records"], &again["replayed_before"]), (&json!(4), &json!(4)));
    assert_eq!(sales().len(), before + 8);
}

#[test]
fn records_of_several_topics_go_back_each_to_its_own() {
    let stage = spoiled();
    let topics = ["transactions", "transactions.dlq"];
    stage.cluster.create_topics(&topics);
    for millis in [1_000, 2_000] {
        stage.put(topics[0], 0, millis, Some(b"{"));
    }
    stage.flush();
    keep(&stage, "topic");
    let other = ["--topic", topics[0], "--window", "10s", "--from", "earliest", "--trigger", "available-now"];
    stage.consume(&[&other[..], &["--dead-letters", "topic"]].concat()).ok();
    let before = [SALES, topics[0]].map(|topic| committed(&stage.cluster, topic).len());
    let sent = verb(&stage, &["replay", "--execute", "--yes"]);
    assert_eq!((&sent["records"], &sent["replayed_before"]), (&json!(6), &json!(0)));
    let after = [SALES, topics[0]].map(|topic| committed(&stage.cluster, topic).len());
    assert_eq!(after, [before[0] + 4, before[1] + 2]);
    let none = verb(&stage, &["replay", "--execute", "--yes"]);
    assert_eq!((&none["records"], &none["replayed_before"]), (&json!(0), &json!(6)));
}

#[test]
fn what_a_producer_refused_is_shown_and_goes_where_it_is_told_to() {
    let stage = Stage::new(&["transactions"]);
    let line = r#"{"topic":"transactions","file":"a.csv","line":7,"column":"age","code":"TYPE_MISMATCH","reason":"'x' is not an INT","stage":"produce","timestamp":"2025-07-27T10:08:09.123Z","value":"1,x"}"#;
    std::fs::write(stage.cluster.folder.path().join("rejects.ndjson"), format!("{line}\n{line}\n")).unwrap();
    let shown = verb(&stage, &["show", "rejects.ndjson", "--stage", "produce", "--limit", "1"]);
    assert_eq!((&shown["letters"][0]["file"], &shown["more"]), (&json!("a.csv"), &json!(1)));
    let dry = verb(&stage, &["replay", "rejects.ndjson"]);
    assert_eq!((&dry["records"], &dry["rows_of_files"]), (&json!(0), &json!(2)));
    let sent = verb(&stage, &["replay", "rejects.ndjson", "--to", "transactions", "--execute", "--yes"]);
    assert_eq!((&sent["records"], &sent["replayed_before"]), (&json!(1), &json!(1)), "a line is there once");
    let record = &committed(&stage.cluster, "transactions")[0];
    assert_eq!((record.payload(), header(record)), (Some(&b"1,x"[..]), Some("a.csv:7")));
}

#[test]
fn what_is_no_place_of_dead_letters_is_refused() {
    let stage = spoiled();
    keep(&stage, "topic");
    let folder = stage.cluster.folder.path();
    std::fs::write(folder.join("other.ndjson"), "{\"a\":1}\n").unwrap();
    std::fs::write(folder.join("no.parquet"), "no Parquet").unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    let list = |place: &str| stage.consume(&["dead-letters", "list", place]);
    let nowhere = format!("topic '{}' is not there", stage.cluster.name("nowhere"));
    list("nowhere").fails(2, &[&nowhere, "a file, a folder"]);
    list("./nowhere.ndjson").fails(2, &["nowhere.ndjson"]);
    list("other.ndjson").fails(5, &["other.ndjson", "line 1", "no line of dead letters", "topic"]);
    list("no.parquet").fails(5, &["no.parquet", "no Parquet"]);
    list("./empty").fails(2, &["empty", "no manifest"]);
    list("delta:empty").fails(2, &["empty"]);
    let show = |args: &[&str]| stage.consume(&[&["dead-letters", "show"], args].concat());
    show(&["--code", "MALFORMED"]).fails(2, &["no code 'MALFORMED'"]);
    show(&["--stage", "decoding"]).fails(2, &["no stage 'decoding'", "decode"]);
    let replay = |args: &[&str]| stage.consume(&[&["dead-letters", "replay"], args].concat());
    replay(&["--to", DLQ]).fails(2, &["keeps these dead letters", "--to"]);
    replay(&["--to", "nowhere", "--execute", "--yes"]).fails(1, &["nowhere"]);
    replay(&["--execute", "--dry-run"]).fails(2, &["--dry-run"]);
    let query = |place: &str| stage.consume(&[&QUERY[..], &["--dead-letters", place]].concat());
    query("nowhere").fails(2, &["no place for dead letters", "delta:"]);
    query("s3://lake/letters").fails(2, &["no files", "delta:s3://"]);
    query("./letters.csv").fails(2, &["no place in CSV", ".ndjson"]);
    query("./letters.parquet").fails(2, &["Parquet is written into a folder"]);
}

#[test]
fn a_topic_that_holds_other_records_too_shows_its_letters() {
    let stage = spoiled();
    keep(&stage, "topic");
    stage.put(DLQ, 0, 0, Some(b"{}"));
    stage.flush();
    assert_eq!(verb(&stage, &["list", DLQ])["letters"], 4);
}
