//! Tables that a query makes or finds: their types, their keys, and what does not fit.

use super::postgres::Postgres;
use super::postgres_sink::{target, writer};
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit, i256};
use ecap::error::Fault;
use ecap::sink::postgres::PostgresSink;
use ecap::sink::{Batch, Rows, Sink};
use std::sync::Arc;

/// Writes rows into a table as batch `id`.
fn put(postgres: &Postgres, table: &str, key: &[&str], id: u64, rows: &[RecordBatch]) -> ecap::Result<()> {
    let columns = rows[0].schema();
    let mut sink = PostgresSink::new(target(&postgres.url(), table, key), columns.clone(), writer(table))?;
    sink.write(&Batch { id, columns, rows: Rows::Held(rows), records: 0, total_records: 0 })
}

/// A row of every kind, and one of nulls.
fn kinds() -> RecordBatch {
    let micros = 1_753_610_402_123_456;
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), None].into_iter().collect();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]);
    let parts = StructArray::from(vec![(
        Arc::new(Field::new("city", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec![Some("Rome \"x\""), None])) as ArrayRef,
    )]);
    let parts =
        StructArray::new(parts.fields().clone(), parts.columns().to_vec(), Some(vec![true, false].into()));
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let decimal = |value: &str, digits, scale| {
        let values = [Some(i256::from_string(value).unwrap()), None];
        Decimal256Array::from_iter(values).with_precision_and_scale(digits, scale).unwrap()
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("yes", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("tiny", Arc::new(Int8Array::from(vec![Some(-8), None]))),
        ("small", Arc::new(Int16Array::from(vec![Some(-300), None]))),
        ("int", Arc::new(Int32Array::from(vec![Some(70_000), None]))),
        ("big", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("float", Arc::new(Float32Array::from(vec![Some(1.5), None]))),
        ("double", Arc::new(Float64Array::from(vec![Some(-0.1), None]))),
        ("not a number", Arc::new(Float64Array::from(vec![Some(f64::NAN), None]))),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![Some(-1_234_567), None]).with_precision_and_scale(12, 2).unwrap(),
            ),
        ),
        ("huge", Arc::new(decimal("123456789012345678901234567890123456789012345", 50, 10))),
        ("text", Arc::new(StringArray::from(vec![Some("a\t\"b\"\n\\N é"), None]))),
        ("view", Arc::new(StringViewArray::from(vec![Some("a longer text than twelve"), None]))),
        ("word", Arc::new(dictionary)),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(-1), None]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(micros), None]))),
        (
            "zoned",
            Arc::new(TimestampNanosecondArray::from(vec![Some(micros * 1_000), None]).with_timezone("UTC")),
        ),
        ("took", Arc::new(DurationSecondArray::from(vec![Some(90), None]))),
        ("list", Arc::new(list)),
        ("parts", Arc::new(parts)),
        ("map", Arc::new(map.finish())),
        ("nothing", Arc::new(NullArray::new(2))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))
        .unwrap()
}

#[test]
fn a_table_is_made_with_a_type_for_every_column() {
    let postgres = Postgres::start();
    put(&postgres, "kinds", &[], 0, &[kinds()]).unwrap();
    let types = postgres.run(
        "SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute \
         WHERE attrelid = 'kinds'::regclass AND attnum > 0 ORDER BY attnum",
    );
    let row = postgres.run("SELECT * FROM kinds WHERE yes");
    let expected = [
        ("yes boolean", "t"),
        ("tiny smallint", "-8"),
        ("small smallint", "-300"),
        ("int integer", "70000"),
        ("big bigint", "-9223372036854775808"),
        ("unsigned numeric(20,0)", "18446744073709551615"),
        ("float real", "1.5"),
        ("double double precision", "-0.1"),
        ("not a number double precision", "NaN"),
        ("price numeric(12,2)", "-12345.67"),
        ("huge numeric(50,10)", "12345678901234567890123456789012345.6789012345"),
        ("text text", "a\t\"b\"\n\\N é"),
        ("view text", "a longer text than twelve"),
        ("word text", "x"),
        ("bytes bytea", "\\x00ff"),
        ("day date", "1969-12-31"),
        ("at timestamp with time zone", "2025-07-27 10:00:02.123456+00"),
        ("zoned timestamp with time zone", "2025-07-27 10:00:02.123456+00"),
        ("took text", "PT90S"),
        ("list jsonb", "[1, null]"),
        ("parts jsonb", r#"{"city": "Rome \"x\""}"#),
        ("map jsonb", r#"{"k": 7}"#),
        ("nothing text", ""),
    ];
    assert_eq!(types, expected.map(|(kind, _)| kind).join("\n"));
    assert_eq!(row, expected.map(|(_, value)| value).join("|"));
    let nulls =
        postgres.run("SELECT count(*) FROM kinds k WHERE to_jsonb(k) = jsonb_strip_nulls(to_jsonb(k))");
    assert_eq!(nulls, "0");
    assert_eq!(postgres.run("SELECT jsonb_strip_nulls(to_jsonb(k)) FROM kinds k WHERE yes IS NULL"), "{}");
}

#[test]
fn the_same_rows_go_through_the_waiting_table_and_by_key() {
    let postgres = Postgres::start();
    put(&postgres, "kinds", &[], 0, &[kinds()]).unwrap();
    put(&postgres, "keyed", &["tiny"], 0, &[kinds()]).unwrap();
    let differ = "SELECT to_jsonb(k) FROM kinds k EXCEPT SELECT to_jsonb(m) FROM keyed m";
    assert_eq!(postgres.run(differ), "");
    assert_eq!(postgres.run("SELECT count(*) FROM keyed"), "2");
}

/// Sums by user and day; either may be null.
fn sums(rows: &[(Option<&str>, Option<i32>, i64)]) -> RecordBatch {
    let users: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<StringArray>());
    let days: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Date32Array>());
    let sums: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>());
    RecordBatch::try_from_iter_with_nullable([
        ("user", users, true),
        ("day", days, true),
        ("sum", sums, false),
    ])
    .unwrap()
}

#[test]
fn a_row_takes_the_place_of_the_one_with_its_key() {
    let postgres = Postgres::start();
    let key = ["user", "day"];
    let first = [
        sums(&[(Some("a"), Some(1), 1), (Some("a"), Some(2), 2), (None, Some(1), 3)]),
        // The last of a batch counts.
        sums(&[(Some("a"), Some(1), 4), (None, None, 5)]),
    ];
    put(&postgres, "shop_sums", &key, 0, &first).unwrap();
    put(
        &postgres,
        "shop_sums",
        &key,
        1,
        &[sums(&[(None, Some(1), 6), (Some("b"), None, 7), (None, None, 8)])],
    )
    .unwrap();
    let all = "SELECT \"user\", day, sum FROM shop_sums ORDER BY sum";
    assert_eq!(postgres.run(all), "a|1970-01-03|2\na|1970-01-02|4\n|1970-01-02|6\nb||7\n||8");
    // Only keys: what is there stays.
    let users = |names: Vec<&str>| {
        RecordBatch::try_from_iter([("user", Arc::new(StringArray::from(names)) as ArrayRef)]).unwrap()
    };
    put(&postgres, "users", &["user"], 0, &[users(vec!["a", "b"])]).unwrap();
    put(&postgres, "users", &["user"], 1, &[users(vec!["b", "c", "c"])]).unwrap();
    assert_eq!(postgres.run("SELECT string_agg(\"user\", ' ' ORDER BY 1) FROM users"), "a b c");
    let key = postgres.run("SELECT indexdef FROM pg_indexes WHERE tablename = 'users'");
    assert!(key.contains("UNIQUE") && key.contains("users_pkey"), "{key}");
}

#[test]
fn a_table_that_is_there_takes_what_can_be_assigned() {
    let postgres = Postgres::start();
    postgres.run(
        "CREATE SCHEMA shop; CREATE TABLE shop.sums (no serial, sum numeric, \"user\" varchar(5) NOT NULL, \
         day timestamp, at timestamptz DEFAULT now())",
    );
    put(&postgres, "shop.sums", &[], 0, &[sums(&[(Some("a"), Some(1), 9)])]).unwrap();
    assert_eq!(
        postgres.run("SELECT no, sum, \"user\", day, at IS NOT NULL FROM shop.sums"),
        "1|9|a|1970-01-02 00:00:00|t"
    );
    assert_eq!(postgres.run("SELECT query, sink, batch FROM shop.ecap_progress"), "shop.sums|pg|0");
    let error = put(&postgres, "shop.sums", &[], 1, &[sums(&[(Some("longer"), Some(1), 9)])]).unwrap_err();
    assert_eq!(error.fault(), Fault::Failed);
    assert!(error.to_string().contains("value too long for type character varying(5)"), "{error}");
    let error = put(&postgres, "shop.sums", &[], 1, &[sums(&[(None, Some(1), 9)])]).unwrap_err();
    assert!(error.to_string().contains("null value in column \"user\""), "{error}");
}

#[test]
fn a_table_that_does_not_fit_is_refused_at_the_start() {
    let postgres = Postgres::start();
    postgres.run(
        "CREATE TABLE narrow (\"user\" text, sum bigint); CREATE TABLE other (\"user\" text, day text, sum date);
         CREATE TABLE unkeyed (\"user\" text, day date, sum bigint); CREATE VIEW seen AS SELECT 1 AS \"user\"; \
         CREATE ROLE guest LOGIN; GRANT SELECT ON unkeyed TO guest",
    );
    let refused = |url: &str, table: &str, key: &[&str], parts: &[&str]| {
        let opened = PostgresSink::new(target(url, table, key), sums(&[]).schema(), writer("sums"));
        let error = opened.map(|_| ()).unwrap_err();
        assert_eq!(error.fault(), Fault::Usage, "{error}");
        parts
            .iter()
            .for_each(|part| assert!(error.to_string().contains(part), "'{part}' is missing: {error}"));
    };
    let url = postgres.url();
    refused(
        &url,
        "narrow",
        &[],
        &["'narrow' has no column 'day'", "ALTER TABLE \"narrow\" ADD COLUMN \"day\" date"],
    );
    refused(&url, "other", &[], &["column \"sum\" is of type date but expression is of type bigint", "cast"]);
    refused(&url, "unkeyed", &["user", "day"], &["CREATE UNIQUE INDEX ON \"unkeyed\" (\"user\", \"day\")"]);
    refused(&url, "unkeyed", &["usr"], &["no column 'usr' to merge on", "'user'"]);
    refused(&url, "nowhere.sums", &[], &["schema \"nowhere\" does not exist"]);
    refused(&url.replace("/postgres", "/nowhere"), "t", &[], &["database \"nowhere\" does not exist"]);
    let guest = url.replace("ecap@", "guest@");
    refused(&guest, "unkeyed", &[], &["permission denied for table unkeyed", "grant"]);
    refused(&guest, "new", &[], &["permission denied for schema public"]);
    let long =
        Schema::new(vec![Field::new("x".repeat(64), DataType::Timestamp(TimeUnit::Second, None), true)]);
    let error =
        PostgresSink::new(target(&url, "t", &[]), Arc::new(long), writer("q")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("with AS"), "{error}");
}
