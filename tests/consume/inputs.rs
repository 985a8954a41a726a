//! Tables that a stream is joined with, and topics that no catalog declares.

use super::{SALES, Stage, at, integer};
use crate::support::{Ended, binary_command};
use arrow::array::{ArrayRef, Float64Array, LargeStringArray, RecordBatch};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const USAGE: i32 = 2;

fn parquet(path: &Path) {
    let names: ArrayRef = Arc::new(LargeStringArray::from(vec!["books", "toys"]));
    let factors: ArrayRef = Arc::new(Float64Array::from(vec![1.5, 2.0]));
    let rows = RecordBatch::try_from_iter([("name", names), ("factor", factors)]).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

/// A stage with sales of books and of something that no table knows, and both tables in a folder.
fn stage() -> Stage {
    let mut sales = vec![at(1_000), at(2_000), at(3_000)];
    sales[0].category = "books";
    sales[1].category = "toys";
    sales[2].category = "kites";
    let stage = Stage::with(&sales);
    let folder = stage.cluster.folder.path();
    std::fs::create_dir(folder.join("data")).unwrap();
    std::fs::write(folder.join("data/c.csv"), "name,factor,since\nbooks,1.5,2025-01-02\ntoys,2,\n").unwrap();
    parquet(&folder.join("data/c.parquet"));
    stage
}

#[test]
fn a_stream_is_joined_with_a_table_of_a_file() {
    let stage = stage();
    for table in ["c=data/c.csv", "c=data/c.parquet"] {
        let sql = "SELECT s.product_category AS category, c.factor FROM `customer-transactions` AS s \
                   JOIN c ON s.product_category = c.name";
        std::fs::write(stage.cluster.folder.path().join("q.sql"), sql).unwrap();
        let mut rows = stage.rows(&["query", "q.sql", "--table", table]);
        rows.sort_by_key(ToString::to_string);
        let expected =
            [json!({"category": "books", "factor": 1.5}), json!({"category": "toys", "factor": 2.0})];
        assert_eq!(rows, expected, "{table}");
    }
}

#[test]
fn a_left_join_keeps_the_records_without_a_match() {
    let stage = stage();
    let sql = "-- table: c = 'data/c.csv'\n\nSELECT window.start AS s, coalesce(c.name, 'other') AS name, count(*) AS n \
               FROM `customer-transactions` AS s LEFT JOIN c ON s.product_category = c.name \
               GROUP BY window(s._timestamp, '1 minute'), coalesce(c.name, 'other')";
    std::fs::write(stage.cluster.folder.path().join("q.sql"), sql).unwrap();
    let rows = stage.rows(&["query", "q.sql"]);
    let mut names: Vec<_> = rows.iter().map(|row| (row["name"].clone(), integer(row, "n"))).collect();
    names.sort_by_key(|(name, _)| name.to_string());
    assert_eq!(names, [(json!("books"), 1), (json!("other"), 1), (json!("toys"), 1)]);
}

#[test]
fn a_table_is_loaded_again_and_the_rows_of_before_stay_where_it_cannot_be() {
    let stage = stage();
    let table = stage.cluster.folder.path().join("data/c.csv");
    let sql = "SELECT c.factor FROM `customer-transactions` AS s JOIN c ON s.product_category = c.name";
    std::fs::write(stage.cluster.folder.path().join("q.sql"), sql).unwrap();
    let flags = ["query", "q.sql", "--table", "c=data/c.csv", "--trigger", "0s", "--format", "json"];
    let sell = || stage.sell(&[crate::consume::Sale { category: "books", ..at(4_000) }]);
    // The table is too old for each batch, which reads it again as it begins.
    let mut query = stage.start(&[&flags[..], &["--refresh", "0s"]].concat());
    query.batches(3);
    std::fs::write(&table, "name,factor,since\nbooks,7.25,2025-01-02\ntoys,2,\n").unwrap();
    // The first of them may be in a batch that had begun.
    for _ in 0..2 {
        sell();
        query.batches(1);
    }
    std::fs::remove_file(&table).unwrap();
    query.says("the rows of before stay");
    sell();
    query.batches(1);
    let rows = super::json_lines(&query.interrupt().ok());
    let factors: Vec<_> = rows[rows.len() - 2..].iter().map(|row| row["factor"].as_f64().unwrap()).collect();
    assert_eq!((rows.len(), factors), (5, vec![7.25, 7.25]), "{rows:?}");
}

/// Runs a query over the sales with a table, without a broker.
fn refused(table: &str, sql: &str, parts: &[&str]) {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("c.csv"), "name,factor\nbooks,1.5\n").unwrap();
    std::fs::write(folder.path().join("empty.csv"), "").unwrap();
    std::fs::write(folder.path().join("ragged.csv"), "a,b\n1,2\n3\n").unwrap();
    std::fs::write(folder.path().join("c.parquet"), "no Parquet").unwrap();
    std::fs::write(folder.path().join("q.sql"), sql).unwrap();
    let mut command = binary_command("ecap-consume", folder.path());
    Ended::of(command.args(["query", "q.sql", "--table", table])).fails(USAGE, parts);
}

#[test]
fn a_table_that_cannot_be_is_refused_with_the_reason() {
    let sql = "SELECT s.quantity FROM `customer-transactions` AS s JOIN c ON s.product_category = c.name";
    refused("c=absent.csv", sql, &["table c: cannot read absent.csv"]);
    refused("c=empty.csv", sql, &["table c: empty.csv is empty: its first line names the columns"]);
    refused("c=ragged.csv", sql, &["table c: ragged.csv: "]);
    refused("c=c.parquet", sql, &["table c: c.parquet: "]);
    refused(
        "c=c.txt",
        sql,
        &["'c.txt' is neither CSV nor Parquet nor Delta nor PostgreSQL: write name=PATH.csv"],
    );
    refused("c.csv", sql, &["'c.csv' names no table"]);
    refused("c=postgres://u@h/d", sql, &["names no table: add ?table=name"]);
    refused(
        "c=postgres://u:hunter2@h/d?table=t",
        sql,
        &["a password must not stand in a URL: set PGPASSWORD"],
    );
    refused("cc=c.csv", sql, &["topic 'c' is not in the catalog: did you mean 'cc'?"]);
    refused("transactions=c.csv", sql, &["table 'transactions' has the name of a topic"]);
}

#[test]
fn a_join_that_keeps_the_rows_of_the_table_is_refused() {
    for kind in ["RIGHT", "FULL"] {
        let sql = format!(
            "SELECT c.name FROM `customer-transactions` AS s {kind} JOIN c ON s.product_category = c.name"
        );
        refused("c=c.csv", &sql, &["an outer join that keeps the rows of a table", "turn the join round"]);
    }
}

/// A topic that no catalog declares, with records in capitals and small letters.
fn clicks() -> Stage {
    let stage = Stage::new(&[SALES]);
    let catalog = "[[topic]]\nname = 'clicks'\npartitions = 1\nkey = 'a'\ntime = '_timestamp'\n\
                   watermark = '1s'\nschema = 'a STRING'\n";
    std::fs::write(stage.cluster.folder.path().join("catalog.toml"), catalog).unwrap();
    stage.cluster.run("ecap-topics", &["create-topics", "--catalog", "catalog.toml"]).ok();
    for (second, user) in [(1, "a"), (2, "b"), (61, "a")] {
        let millis = stage.base + second * 1_000;
        let at = ecap::units::format_rfc3339(millis * 1_000);
        let value =
            format!(r#"{{"userId":"{user}","at":"{at}","n":{second},"page":{{"Path":"/x"}},"tags":[]}}"#);
        stage.put("clicks", 0, 0, Some(value.as_bytes()));
    }
    stage.flush();
    stage
}

#[test]
fn a_topic_that_nobody_declared_is_read_with_a_schema() {
    let stage = clicks();
    let sql = "SELECT window.start AS s, userid, max(page.path) AS p, count(*) AS n FROM clicks \
               GROUP BY window(at, '1 minute'), UserId";
    let folder = stage.cluster.folder.path();
    std::fs::write(folder.join("q.sql"), sql).unwrap();
    let schema = "userId STRING, at TIMESTAMP, page STRUCT<Path: STRING>";
    std::fs::write(folder.join("header.sql"), format!("-- schema: clicks = {schema}\n{sql}")).unwrap();
    let given = stage.rows(&["query", "q.sql", "--schema", schema]);
    assert_eq!(given.len(), 3, "windows on the first TIMESTAMP: {given:?}");
    assert_eq!(given[0]["p"], json!("/x"));
    let named = format!("clicks={schema}");
    assert_eq!(stage.rows(&["query", "q.sql", "--schema", &named]), given);
    assert_eq!(stage.rows(&["query", "header.sql"]), given);
    let flags = ["--topic", "clicks", "--schema", schema, "--window", "1m", "--group-by", "userId"];
    let counts: Vec<_> = stage.rows(&flags).iter().map(|row| integer(row, "record_count")).collect();
    assert_eq!(counts, [1, 1, 1]);
    let kafkas = stage.rows(&[&flags[..], &["--time-column", "_timestamp"]].concat());
    assert_eq!(kafkas.len(), 2, "one window of Kafka's time");
}

#[test]
fn a_schema_is_inferred_from_the_first_records() {
    let stage = clicks();
    let flags = ["--topic", "clicks", "--infer-schema", "2", "--window", "1m", "--agg", "sum(n) AS n"];
    let ended = stage.consume(&[&flags[..], &super::ALL, &["--format", "json"]].concat());
    let told = "clicks: inferred from 2 records: --schema 'clicks=userId STRING, at TIMESTAMP, n BIGINT, \
                page STRUCT<Path: STRING>'";
    assert!(ended.err.contains(told), "{ended:?}");
    assert!(ended.err.contains("left out, as they have no column type: tags"), "{ended:?}");
    let sums: Vec<_> = super::json_lines(&ended.ok()).iter().map(|row| integer(row, "n")).collect();
    assert_eq!(sums, [3, 61]);
}

#[test]
fn a_schema_that_is_wrong_or_missing_is_said() {
    let folder = TempDir::new().unwrap();
    let run = |args: &[&str], parts: &[&str]| {
        Ended::of(binary_command("ecap-consume", folder.path()).args(args)).fails(USAGE, parts);
    };
    run(
        &["--topic", "clicks", "--schema", "a TEXT"],
        &["topic 'clicks': schema, character 3: expected STRING"],
    );
    run(&["--topic", "transactions", "--schema", "a INT"], &["the catalog has the topics"]);
    run(&["--topic", "xyzzy"], &["topic 'xyzzy' is not in the catalog"]);
}
