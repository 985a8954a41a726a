//! Generated records are the same for the same seed, and what they say of each other is true.

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
    let product = ["product_name", "category_id", "category_name", "subcategory", "brand", "price"];
    assert_stable(&stream, "product_id", &product);
    assert_stable(&stream, "category_id", &["category_name"]);
    let ids: HashSet<_> = stream.iter().map(|row| row["transaction_id"].as_str()).collect();
    assert_eq!(ids.len(), stream.len());
    let times: Vec<_> = stream.iter().map(|row| row["timestamp"].as_str()).collect();
    assert!(times.is_sorted());
    assert_eq!(times[19_999], Some("2026-01-01T00:00:39.998Z"), "500 events in a second of event time");
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
