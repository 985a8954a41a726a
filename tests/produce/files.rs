//! What files may be.

use super::*;
use arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// Writes a Parquet file of rows without a column that the topic has, and with one that it does not have.
fn parquet(cluster: &Cluster, customers: &[Option<&str>]) {
    let rows = customers.len();
    let columns: [(&str, ArrayRef); 5] = [
        ("customer_id", Arc::new(StringArray::from(customers.to_vec()))),
        ("final_amount", Arc::new(Float64Array::from(vec![1.5; rows]))),
        ("record_id", Arc::new(Int32Array::from_iter_values(1..=rows as i32))),
        ("transaction_date", Arc::new(TimestampMicrosecondArray::from(vec![1_735_689_600_000_000; rows]))),
        ("nobody_knows", Arc::new(Int32Array::from(vec![7; rows]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("a batch");
    let file = std::fs::File::create(cluster.folder.path().join("rows.parquet")).expect("made");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("written");
    writer.close().expect("closed");
}

#[test]
fn rows_of_parquet_are_sent_and_bad_ones_are_kept() {
    let cluster = cluster();
    let mut customers = vec![Some("CUST_1"); 1_000];
    customers[700] = None;
    parquet(&cluster, &customers);
    let args = ["--data-file", "rows.parquet", "--reject-file", "bad.ndjson"];
    cluster.run("ecap-produce", &args).fails(1, &["1 row was not sent"]);
    let records = read(&cluster);
    assert_eq!(records.len(), 999);
    for record in &records {
        assert_eq!((record.key.as_str(), &record.value["nobody_knows"]), ("CUST_1", &Value::Null));
        assert_eq!(record.value["transaction_date"], "2025-01-01T00:00:00.000000Z");
    }
    let bad = std::fs::read_to_string(cluster.folder.path().join("bad.ndjson")).expect("the reject file");
    let bad: Value = serde_json::from_str(&bad).expect("one line");
    assert_eq!((&bad["line"], &bad["code"]), (&701.into(), &"NULL_CUSTOMER".into()));
    assert_eq!((&bad["column"], &bad["file"]), (&"customer_id".into(), &"rows.parquet".into()));

    // Its end is where everything else is found.
    let path = cluster.folder.path().join("rows.parquet");
    let whole = std::fs::read(&path).expect("there");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    cluster.run("ecap-produce", &["--data-file", "rows.parquet"]).fails(1, &["cannot read rows.parquet"]);
    let args = ["--data-file", "-", "--file-format", "parquet"];
    cluster.run("ecap-produce", &args).fails(2, &["standard input"]);
}

#[test]
fn a_packed_file_is_read_and_one_may_begin_again() {
    let cluster = cluster();
    file(&cluster, 20, Into::into);
    let path = cluster.folder.path().join("rows.csv");
    let packed = zstd::encode_all(std::fs::File::open(&path).expect("there"), 1).expect("packed");
    std::fs::write(cluster.folder.path().join("rows.csv.zst"), packed).expect("written");
    cluster.run("ecap-produce", &["--data-file", "rows.csv.zst"]).ok();
    assert_eq!(read(&cluster).len(), 20);
    cluster.run("ecap-produce", &["--data-file", "rows.csv", "--loop", "--max-records", "50"]).ok();
    assert_eq!(read(&cluster).len(), 70);
}

#[test]
fn a_topic_may_take_less_than_the_catalog_says() {
    let cluster = cluster_with(&[("max.message.bytes", "20000")]);
    file(&cluster, 2_000, |text| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // Of letters by chance, or it would be packed into less.
        let noise: String =
            (0..40_000u64).map(|at| char::from(b'a' + (at * at * 7_919 % 9_973 % 26) as u8)).collect();
        lines[1_000] = lines[1_000].replacen("@", &format!("{noise}@"), 1);
        lines.join("\n").into()
    });
    let statistics = produce_file(&cluster, 1);
    assert_eq!((&statistics["records"], &statistics["failures"]["TOO_LARGE"]), (&1_999.into(), &1.into()));
    assert_eq!(read(&cluster).len(), 1_999);
}

#[test]
fn rows_that_nobody_checks_are_sent_as_they_are() {
    let cluster = cluster();
    let text = "{\"customer_id\":null,\"age\":\"old\"}\n{\"customer_id\":\"CUST_1\"}\n";
    std::fs::write(cluster.folder.path().join("rows.ndjson"), text).expect("written");
    let args = ["--data-file", "rows.ndjson", "--reject-file", "bad.ndjson"];
    cluster.run("ecap-produce", &args).fails(1, &["2 rows were not sent"]);
    cluster.run("ecap-produce", &["--data-file", "rows.ndjson", "--no-validate"]).ok();
    let mut keys: Vec<String> = read(&cluster).into_iter().map(|record| record.key).collect();
    keys.sort();
    assert_eq!(keys, ["", "CUST_1"]);
}
