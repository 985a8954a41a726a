//! What is told of records: how they differ from their schema, and what they are worth.

use super::{ALL, SALES, Stage, integer};
use serde_json::{Value, json};

/// The line on standard error that begins so.
#[track_caller]
fn line<'a>(text: &'a str, beginning: &str) -> &'a str {
    text.lines()
        .find(|line| line.starts_with(beginning))
        .unwrap_or_else(|| panic!("no '{beginning}': {text}"))
}

#[test]
fn fields_and_types_that_the_schema_does_not_say_are_told_of() {
    let stage = Stage::new(&[SALES]);
    for more in ["", r#","coupon":{"code":1}"#, r#","coupon":null,"age":"old""#, r#","age":7,"gift":[]"#] {
        let value = format!(r#"{{"customer_id":"c","final_amount":1.5{more}}}"#);
        stage.put(SALES, 0, 1_000, Some(value.as_bytes()));
    }
    stage.put(SALES, 1, 1_000, Some(br#"{"customer_id":"c","final_amount":1,"coupon":2,"age":true}"#));
    stage.flush();
    let mut query = stage.start(&["--window", "10s", "--trigger", "once"]);
    let batch = query.batch();
    let expected =
        json!({"unknownFields": {"coupon": 3, "gift": 1}, "typeDrift": {"age": {"boolean": 1, "text": 1}}});
    assert_eq!(batch["sources"][0]["schemaReport"], expected);
    let ended = query.end();
    let topic = stage.cluster.name(SALES);
    let fields = line(&ended.err, &format!("{topic}: fields that the schema does not have: "));
    assert!(fields.ends_with("coupon (3), gift (1)"), "{fields}");
    let types = line(&ended.err, &format!("{topic}: values of another type than the schema's: "));
    assert!(types.ends_with("age INT (1 boolean, 1 text)"), "{types}");
    let summary = line(&ended.err, &format!("{topic}: 5 records read in 1 batch, 0 refused, 0 late, "));
    assert!(summary.contains("; on average ") && summary.ends_with("/s were processed"), "{summary}");
}

#[test]
fn nothing_is_said_of_records_that_are_as_their_schema_says() {
    let stage = Stage::with(&super::sales(10, 1_000));
    let mut query = stage.start(&["--window", "10s", "--trigger", "once"]);
    let source = query.batch()["sources"][0].clone();
    assert!(source.get("schemaReport").is_none() && source.get("quality").is_none(), "{source}");
    let ended = query.end();
    assert!(!ended.err.contains("schema") && !ended.err.contains("quality"), "{ended:?}");
}

/// A transaction; `price` as it stands in the JSON.
fn transaction(stage: &Stage, id: &str, millis: i64, user: &str, product: &str, price: &str) -> String {
    let time = stage.base + millis;
    format!(
        r#"{{"transaction_id":"{id}","user_id":{user},"product_id":{product},"price":{price},"quantity":1,"timestamp":{time}}}"#
    )
}

/// 40 records as they should be, two of them again, and one of each kind that should not be.
fn with_faults() -> Stage {
    let stage = Stage::new(&["transactions"]);
    let (user, product) = (r#""u""#, r#""p""#);
    let good =
        |n: i64| transaction(&stage, &format!("t{n}"), n * 1_000, user, product, &format!("1{}.5", n % 10));
    let mut values: Vec<String> = (0..40).chain([3, 39]).map(good).collect();
    values.push(transaction(&stage, "no product", 1_000, user, "null", "10"));
    values.push(transaction(&stage, "no user", 1_000, "null", product, "10"));
    values.push("{".into());
    values.push(transaction(&stage, "stale", -9 * 3_600_000, user, product, "10"));
    values.push(transaction(&stage, "dear", 1_000, user, product, "5000"));
    for value in &values {
        stage.put("transactions", 0, 0, Some(value.as_bytes()));
    }
    stage.flush();
    stage
}

const QUERY: [&str; 6] = ["--topic", "transactions", "--window", "1h", "--agg", "count(*) AS record_count"];

#[test]
fn quality_is_measured_where_that_is_asked_for() {
    let stage = with_faults();
    let mut query =
        stage.start(&[&QUERY[..], &["--trigger", "once", "--quality", "--max-age", "6h"]].concat());
    let batch = query.batch();
    let quality = &batch["sources"][0]["quality"];
    assert_eq!((integer(quality, "rows"), integer(quality, "valid")), (47, 43));
    let refused = json!({"MALFORMED_JSON": 1, "MISSING_FIELD": 1, "NULL_CUSTOMER": 1, "STALE": 1});
    assert_eq!(quality["deadLetters"], refused);
    let one = 1.0 / 47.0;
    let nulls = json!({"transaction_id": 0.0, "user_id": one, "product_id": one, "price": 0.0, "quantity": 0.0,
        "timestamp": 0.0});
    assert_eq!(quality["nullRates"], nulls);
    assert_eq!(integer(quality, "duplicates"), 2);
    assert_eq!(quality["anomalies"], json!({"price": 1, "quantity": 0, "discount_applied": 0}));
    let freshness = &quality["freshness"];
    let (median, most) =
        (freshness["medianSeconds"].as_f64().unwrap(), freshness["p99Seconds"].as_f64().unwrap());
    assert!((3_600.0 - 40.0..7_300.0).contains(&median) && most > 9.0 * 3_600.0, "{freshness}");
    assert_eq!(integer(freshness, "olderThanLimit"), 1);
    // 3 of 47 refused, 1 of 47 without its product; of the 44 that have columns 2 again, 1 too old, 1 too dear:
    // 100 - 400 × 3/47 - 200 × 1/47 - 150 × 2/44 - 150 × 1/44 - 100 × 1/44 = 57.71
    assert_eq!(quality["score"], Value::from(57.7));
    let measures: Vec<_> = quality["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["measure"].as_str().unwrap())
        .collect();
    assert_eq!(measures, ["deadLetters", "duplicates", "nulls", "tooOld", "anomalies"]);
    assert!(batch["durationMs"]["quality"].is_u64(), "{batch}");
    let ended = query.end();
    let told = line(&ended.err, &format!("{}: quality 57 (", stage.cluster.name("transactions")));
    for part in
        ["refused 6.4 %", "duplicates 4.5 %", "nulls in ", "too old 2.3 %", "anomalies in price 2.3 %"]
    {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn measuring_changes_no_result() {
    let stage = with_faults();
    let args = |more: &[&'static str]| [&QUERY[..], more].concat();
    assert_eq!(stage.rows(&args(&["--quality"])), stage.rows(&args(&[])));
    let ended = stage.consume(&[&args(&["--quality"])[..], &ALL].concat());
    assert!(ended.err.contains(": quality "), "{ended:?}");
}
