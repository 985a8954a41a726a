//! Generated records are the same for the same seed, and what they say of each other is true.

mod faults;
mod large;
mod model;
mod world;

use crate::support::{Ended, binary_command};
use ecap::catalog::Catalog;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

fn ecap_gen(folder: &Path, args: &[&str]) -> Ended {
    Ended::of(binary_command("ecap-gen", folder).args(args))
}

fn rows(kind: &str, count: usize) -> Vec<Value> {
    let folder = TempDir::new().expect("a folder");
    let args = [kind, "-n", &count.to_string(), "-o", "-", "--seed", "7", "--start", "2026-01-01"];
    let text = ecap_gen(folder.path(), &args).ok();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(rows.len(), count);
    rows
}

/// Cents of an amount that is written with two digits.
fn cents(text: &str) -> u64 {
    let (dollars, cents) = text.split_once('.').expect(text);
    assert_eq!(cents.len(), 2, "{text}");
    dollars.parse::<u64>().expect(text) * 100 + cents.parse::<u64>().expect(text)
}

#[test]
fn the_bare_command_writes_1200_rows_that_add_up() {
    let folder = TempDir::new().expect("a folder");
    let ended = ecap_gen(folder.path(), &[]);
    assert!(ended.err.contains("give --seed"), "{ended:?}");
    let path = folder.path().join("data/customer_transactions_1200.csv");
    let mut reader = csv::Reader::from_path(path).expect("the file is there");
    let catalog = Catalog::built_in().expect("valid");
    let schema =
        &catalog.topic("customer-transactions").expect("declared").record.as_ref().expect("records").schema;
    let columns: Vec<_> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(reader.headers().expect("a header").iter().collect::<Vec<_>>(), columns);

    let rows: Vec<HashMap<String, String>> = reader.deserialize().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 1_200);
    let (mut ids, mut categories, mut discounts) = (HashSet::new(), HashSet::new(), 0);
    for row in &rows {
        let [price, total, discount, paid] =
            ["unit_price", "total_amount", "discount", "final_amount"].map(|name| cents(&row[name]));
        let quantity: u64 = row["quantity"].parse().expect("a number");
        assert!((1..=10).contains(&quantity) && (599..=49_999).contains(&price), "{row:?}");
        assert_eq!((total, paid), (quantity * price, total - discount), "{row:?}");
        assert!(discount * 5 <= total, "{row:?}");
        discounts += u32::from(discount > 0);
        assert!(ids.insert(&row["transaction_id"]), "{row:?}");
        categories.insert(&row["product_category"]);
        assert_person(row);
    }
    assert_eq!(categories.len(), 14);
    assert!((280..440).contains(&discounts), "{discounts} of 1,200 have a discount");
}

fn assert_person(row: &HashMap<String, String>) {
    let points: u64 = row["loyalty_points"].parse().expect("a number");
    assert!(points <= if row["is_premium_customer"] == "True" { 10_000 } else { 1_000 }, "{row:?}");
    assert!((18..=80).contains(&row["age"].parse::<u64>().expect("a number")), "{row:?}");
    assert!(row["email"].starts_with(&row["first_name"].to_lowercase()), "{row:?}");
    assert!(row["zip_code"].len() == 5 && row["state"].len() == 2, "{row:?}");
    assert!(row["customer_since"] < row["transaction_date"], "{row:?}");
    assert!(("2025-01-01".."2025-07-20").contains(&&row["transaction_date"][..10]), "{row:?}");
}

/// Sees to it that wherever `key` is the same, all of `attributes` are.
fn assert_stable(rows: &[Value], key: &str, attributes: &[&str]) {
    let mut known: HashMap<&str, Vec<&Value>> = HashMap::new();
    for row in rows {
        let found = attributes.iter().map(|name| &row[name]).collect::<Vec<_>>();
        let id = row[key].as_str().expect(key);
        assert_eq!(*known.entry(id).or_insert_with(|| found.clone()), found, "{key} {id}");
    }
    assert!(known.len() < rows.len(), "no {key} comes twice");
}

#[test]
fn a_customer_and_a_product_stay_who_they_are() {
    let person = ["first_name", "last_name", "email", "phone", "age", "gender", "city", "state", "zip_code"];
    let standing = ["is_premium_customer", "customer_since", "loyalty_points"];
    let history = rows("customer-transactions", 5_000);
    assert_stable(&history, "customer_id", &[&person[..], &standing].concat());
    assert_stable(&history, "zip_code", &["city", "state"]);

    let stream = rows("transactions", 20_000);
    assert_stable(&stream, "user_id", &["user_location", "device_info"]);
    let product = ["product_name", "category_id", "category_name", "subcategory", "brand"];
    assert_stable(&stream, "product_id", &product);
    assert_stable(&stream, "category_id", &["category_name"]);
    let ids: HashSet<_> = stream.iter().map(|row| row["transaction_id"].as_str()).collect();
    assert_eq!(ids.len(), stream.len());
    let times: Vec<_> = stream.iter().map(|row| row["timestamp"].as_str()).collect();
    assert!(times.is_sorted());
}

#[test]
fn rates_are_those_of_event_time() {
    let folder = TempDir::new().expect("a folder");
    let seconds = |kind: &str, count: usize, more: &[&str]| {
        let count = count.to_string();
        let args = [&[kind, "-n", &count, "-o", "-", "--seed", "7", "--start", "2026-01-05"], more].concat();
        let text = ecap_gen(folder.path(), &args).ok();
        let last: Value = serde_json::from_str(text.lines().last().expect("rows")).expect("JSON");
        let last = ecap::units::parse_time(last["timestamp"].as_str().expect("a time")).expect("a time");
        (last - 1_767_571_200_000_000) / 1_000_000
    };
    assert_eq!(seconds("transactions", 20_000, &["--traffic", "flat"]), 39, "500 a second");
    assert_eq!(seconds("transactions", 20_000, &["--traffic", "flat", "--event-rate", "100"]) / 2, 99);
    assert_eq!(seconds("user-events", 20_000, &["--traffic", "flat", "--event-rate", "100"]) / 2, 99);
    assert_eq!(seconds("product-updates", 6_000, &["--traffic", "flat", "--event-rate", "10"]), 99);
    // A Monday's first two hours are quiet.
    assert!((100..130).contains(&seconds("transactions", 20_000, &[])));
}

/// The rows of a file of NDJSON.
fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn the_kinds_of_a_world_tell_the_same_story() {
    let folder = TempDir::new().expect("a folder");
    let args =
        ["world", "-n", "12000", "-o", "w", "--seed", "7", "--start", "2026-01-05", "--products", "30"];
    ecap_gen(folder.path(), &[&args[..], &["--event-rate", "5", "--customers", "900"]].concat()).ok();
    let [sold, events, updates] = ["transactions", "user-events", "product-updates"]
        .map(|kind| read(&folder.path().join("w").join(kind).with_extension("ndjson")));
    assert_eq!(sold.len(), 12_000);
    assert!(std::fs::read_to_string(folder.path().join("w/customer-transactions.csv")).is_ok());

    // What a product cost, and whether it was sold, after each of its updates.
    let mut history: HashMap<&str, Vec<(&str, &Value, bool)>> = HashMap::new();
    // A tombstone has no time: it comes after a product was discontinued.
    for update in updates.iter().filter(|update| !update["timestamp"].is_null()) {
        let of_product = history.entry(update["product_id"].as_str().expect("an id")).or_default();
        let time = update["timestamp"].as_str().expect("a time");
        of_product.push((time, &update["price"], update["is_active"] == true));
    }
    assert_eq!(history.len(), 30);
    assert!(history.values().flatten().any(|(.., is_active)| !is_active), "nothing was discontinued");
    let bought: HashMap<&str, &Value> = events
        .iter()
        .filter(|event| event["event_type"] == "purchase")
        .map(|event| (event["event_properties"]["transaction_id"].as_str().expect("an id"), event))
        .collect();
    assert_eq!(bought.len(), sold.len());
    let seen: HashSet<_> = events
        .iter()
        .filter(|event| event["event_type"] == "view")
        .map(|event| (&event["session_id"], &event["event_properties"]["product_id"]))
        .collect();
    let mut known = 0;
    for row in &sold {
        let event = bought[row["transaction_id"].as_str().expect("an id")];
        for column in ["user_id", "session_id", "timestamp"] {
            assert_eq!(event[column], row[column], "{row}");
        }
        for (column, of) in
            [("user_location", "city"), ("user_location", "state"), ("device_info", "browser")]
        {
            assert_eq!(event[column][of], row[column][of], "{row}");
        }
        assert_eq!(event["event_properties"]["product_id"], row["product_id"]);
        assert_eq!(
            event["event_properties"]["price"],
            format!("{:.2}", row["price"].as_f64().expect("a price"))
        );
        known += usize::from(seen.contains(&(&row["session_id"], &row["product_id"])));
        let of_product = &history[row["product_id"].as_str().expect("an id")];
        let time = row["timestamp"].as_str().expect("a time");
        let last = of_product.partition_point(|(at, ..)| *at <= time) - 1;
        assert_eq!((&row["price"], true), (of_product[last].1, of_product[last].2), "{row}");
    }
    // The first sessions began before the world did.
    assert!(known > 11_000, "{known} products were looked at before they were bought");
}

#[test]
fn a_file_is_continued_by_from_row() {
    let folder = TempDir::new().expect("a folder");
    for kind in ["customer-transactions", "transactions", "user-events", "product-updates"] {
        let part = |from: &str, rows: &str| {
            let args = ["--start", "2026-01-05", "--seed", "7", "-o", "-", "--from-row", from, "-n", rows];
            ecap_gen(folder.path(), &[&[kind], &args[..]].concat()).ok()
        };
        assert_eq!(part("0", "900"), part("0", "500") + &part("500", "400"), "{kind}");
    }
}

#[test]
fn bytes_and_event_time_say_how_much() {
    let folder = TempDir::new().expect("a folder");
    let args = [
        "transactions",
        "--start",
        "2026-01-05",
        "--seed",
        "7",
        "--traffic",
        "flat",
        "-o",
        "t.ndjson",
        "--force",
    ];
    let run = |more: &[&str]| {
        ecap_gen(folder.path(), &[&args[..], more].concat()).ok();
        std::fs::read_to_string(folder.path().join("t.ndjson")).expect("a file")
    };
    let text = run(&["--bytes", "1m"]);
    assert!(
        text.len() <= 1 << 20 && text.len() > (1 << 20) - 1_500 && text.ends_with('\n'),
        "{}",
        text.len()
    );
    assert_eq!(run(&["-n", "1_0k"]).lines().count(), 10_000);
    assert!((27..=30).contains(&run(&["--event-span", "10s", "--event-rate", "3/s"]).lines().count()));
    let rows = run(&["--event-span", "10s"]).lines().count();
    assert!((4_997..=5_000).contains(&rows), "{rows} rows in ten seconds at 500/s");
    assert_eq!(run(&["--event-span", "10s", "-n", "7"]).lines().count(), 7);
}

#[test]
fn parquet_holds_the_same_rows() {
    let folder = TempDir::new().expect("a folder");
    for kind in ["customer-transactions", "transactions", "user-events", "product-updates"] {
        let describe = |ending: &str| {
            let file = format!("{kind}.{ending}");
            let args = [kind, "-n", "3000", "--seed", "7", "--start", "2026-01-05", "-o", &file];
            ecap_gen(folder.path(), &args).ok();
            ecap_gen(folder.path(), &["describe", &file, "--format", "json"]).ok()
        };
        let described = describe("parquet");
        assert_eq!(described, describe("ndjson"));
        assert!(described.contains(r#""rows":3000"#), "{described}");
    }
    let args = ["transactions", "-o", "t.parquet", "--malformed", "1%"];
    ecap_gen(folder.path(), &args).fails(2, &["Parquet", "ndjson"]);
    ecap_gen(folder.path(), &["transactions", "-o", "t.parquet", "--bytes", "1m"])
        .fails(2, &["Parquet", "--rows"]);
}

#[test]
fn a_file_is_described() {
    let folder = TempDir::new().expect("a folder");
    let faults = ["--late", "10%", "--missing", "5%", "--malformed", "5%", "-o", "transactions.ndjson"];
    let args = ["transactions", "-n", "2000", "--event-rate", "5", "--traffic", "flat", "--seed", "7"];
    ecap_gen(folder.path(), &[&args[..], &faults].concat()).ok();
    let text = ecap_gen(folder.path(), &["describe", "transactions.ndjson", "--format", "json"]).ok();
    let seen: Value = serde_json::from_str(&text).expect("JSON");
    let malformed = seen["refused"]["MALFORMED_JSON"].as_u64().expect("a number");
    let refused = seen["refused"].as_object().expect("codes").values().filter_map(Value::as_u64).sum::<u64>();
    assert!((60..150).contains(&malformed) && (150..250).contains(&refused), "{seen}");
    assert_eq!(seen["rows"].as_u64(), Some(2_000 - refused));
    assert!(seen["out_of_order"].as_u64().expect("a number") > 5, "{seen}");
    assert_eq!(seen["categories"].as_object().expect("categories").len(), 14);
    let table = ecap_gen(folder.path(), &["describe", "transactions.ndjson"]).ok();
    assert!(
        seen["hours"].as_object().expect("hours").values().filter_map(Value::as_u64).sum::<u64>() > 1_500
    );
    assert!(
        table.contains("cat_03") && table.contains(":00") && table.contains("refused: MISSING_FIELD"),
        "{table}"
    );
    ecap_gen(folder.path(), &["describe", "x.ndjson"]).fails(2, &["x.ndjson", "--topic"]);
    ecap_gen(folder.path(), &["describe", "transactions.x"]).fails(2, &["--file-format"]);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = TempDir::new().expect("a folder");
    let text =
        |seed: &str| ecap_gen(folder.path(), &["--seed", seed, "-o", "-", "--file-format", "csv"]).ok();
    assert_eq!(text("42"), text("42"));
    assert_ne!(text("42"), text("43"));
}

#[test]
fn a_file_that_is_there_is_left_alone_without_force() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("a.csv"), "mine").expect("written");
    ecap_gen(folder.path(), &["-o", "a.csv"]).fails(1, &["a.csv is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("a.csv")).expect("there"), "mine");
    ecap_gen(folder.path(), &["-o", "a.csv", "--force", "-n", "3"]).ok();
    assert_eq!(std::fs::read_to_string(folder.path().join("a.csv")).expect("there").lines().count(), 4);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn options_that_do_not_fit_are_named() {
    let folder = TempDir::new().expect("a folder");
    ecap_gen(folder.path(), &["transactions", "-o", "t.csv"]).fails(2, &["nested", "ndjson"]);
    ecap_gen(folder.path(), &["--event-rate", "0"]).fails(2, &["--event-rate 0"]);
    assert_eq!(ecap_gen(folder.path(), &["--customers", "0"]).code, 2);
    ecap_gen(folder.path(), &["user-events", "--skew", "9"]).fails(2, &["--skew 9"]);
    ecap_gen(folder.path(), &["user-events", "--skew", "-1"]).fails(2, &["--skew -1"]);
    ecap_gen(folder.path(), &["-n", "-5"]).fails(2, &["'-5'", "1200"]);
    ecap_gen(folder.path(), &["transactions", "--event-rate", "5/fortnight"]).fails(2, &["5/fortnight"]);
    ecap_gen(folder.path(), &["--fraud", "5%"]).fails(2, &["no fraud", "transactions"]);
    ecap_gen(folder.path(), &["--out-of-order", "5%"]).fails(2, &["arrival"]);
    ecap_gen(folder.path(), &["-o", "/dev/null", "--force"]).fails(2, &["/dev/null is no file"]);
    ecap_gen(folder.path(), &["transactions", "--event-rate", "0.001", "-n", "1000000000"])
        .fails(2, &["year 9999", "--event-rate"]);
    assert_eq!(ecap_gen(folder.path(), &["world"]).code, 2);
}

#[test]
fn a_closed_pipe_is_success() {
    let folder = TempDir::new().expect("a folder");
    let mut command = binary_command("ecap-gen", folder.path());
    let child = command
        .args(["transactions", "-n", "100000", "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = child.spawn().expect("starts");
    drop(child.stdout.take());
    Ended::from(child.wait_with_output().expect("ends")).ok();
}
