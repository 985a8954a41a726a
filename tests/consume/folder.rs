//! A folder of files as the source of a query: the same records as from a topic, each file once.

use super::bad_input::{DATA, USAGE, refused};
use super::{ALL, Running, SALES, Sale, Stage, integer, json_lines, sales};
use crate::support::{Ended, binary_command, wait_for};
use arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray, TimestampMillisecondArray};
use ecap::clock::{Clock, SystemClock};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// What each record of the sales is, in the order in which it was read.
const EACH: &str = "SELECT customer_id, product_category, quantity, final_amount, batch_number, _key, _topic, \
    _partition, _offset FROM `customer-transactions`";

/// A folder with files in it, and a place for everything else.
pub(super) struct Place {
    pub(super) folder: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        Self { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that was changed `age` seconds ago; it appears whole.
    pub(super) fn put(&self, name: &str, age: u64, content: &[u8]) {
        let unfinished = self.path(".unfinished");
        let mut file = File::create(&unfinished).unwrap();
        file.write_all(content).unwrap();
        let now = Duration::from_micros(SystemClock.now().unsigned_abs());
        file.set_modified(UNIX_EPOCH + now - Duration::from_secs(age)).unwrap();
        fs::rename(unfinished, self.path(name)).unwrap();
    }

    fn query(&self, sql: &str, args: &[&str]) -> Vec<String> {
        fs::write(self.path("query.sql"), sql).unwrap();
        ["query", "query.sql"].iter().chain(args).map(ToString::to_string).collect()
    }

    pub(super) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(binary_command("ecap-consume", self.folder.path()).args(args))
    }

    fn run_query(&self, sql: &str, args: &[&str]) -> Ended {
        Ended::of(binary_command("ecap-consume", self.folder.path()).args(self.query(sql, args)))
    }

    /// Every row of a query over what is there.
    #[track_caller]
    fn rows(&self, sql: &str, args: &[&str]) -> Vec<Value> {
        let args = [args, &["--trigger", "available-now", "--format", "json"]].concat();
        json_lines(&self.run_query(sql, &args).ok())
    }

    /// The column of all records that are there.
    #[track_caller]
    fn column(&self, column: &str, args: &[&str]) -> Vec<Value> {
        let rows = self.rows(EACH, &[&["--source", "in"], args].concat());
        rows.into_iter().map(|row| row[column].clone()).collect()
    }

    fn start(&self, sql: &str, args: &[&str]) -> Running {
        let mut command = binary_command("ecap-consume", self.folder.path());
        let args = [args, &["--source", "in", "--progress", "json", "--format", "json"]].concat();
        Running::start(command.args(self.query(sql, &args)))
    }

    /// A place with three files of sales, an hour between them.
    pub(super) fn of_sales(count: i64) -> Self {
        let place = Self::new();
        for (number, sales) in sales(count, 60_000).chunks(count as usize / 3).enumerate() {
            let age = 10_800 - 3_600 * number as u64;
            place.put(&format!("in/{number}.ndjson"), age, ndjson(sales).as_bytes());
        }
        place
    }

    pub(super) fn files(&self, folder: &str) -> Vec<String> {
        let names = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The record of a customer.
fn sale(customer: &str) -> String {
    format!("{{\"customer_id\":\"{customer}\",\"final_amount\":1.5,\"quantity\":2}}\n")
}

fn ndjson(sales: &[Sale]) -> String {
    sales.iter().map(|sale| sale.json() + "\n").collect()
}

fn csv(sales: &[Sale]) -> String {
    let head = "final_amount,customer_id,product_category,quantity,batch_number\n";
    let row = |sale: &Sale| {
        let (amount, batch) = (sale.cents as f64 / 100.0, sale.partition + 1);
        format!("{amount:.2},CUST_{},{},2,{batch}\n", sale.customer, sale.category)
    };
    head.to_string() + &sales.iter().map(row).collect::<String>()
}

fn parquet(sales: &[Sale]) -> Vec<u8> {
    let column = |text: &dyn Fn(&Sale) -> String| {
        Arc::new(StringArray::from_iter_values(sales.iter().map(text))) as ArrayRef
    };
    let amounts = sales.iter().map(|sale| sale.cents as f64 / 100.0);
    let columns: [(&str, ArrayRef); 6] = [
        ("not_of_the_topic", Arc::new(Int32Array::from(vec![7; sales.len()]))),
        ("final_amount", Arc::new(Float64Array::from_iter_values(amounts))),
        ("customer_id", column(&|sale| format!("CUST_{}", sale.customer))),
        ("product_category", column(&|sale| sale.category.to_string())),
        ("quantity", Arc::new(Int32Array::from(vec![2; sales.len()]))),
        ("batch_number", Arc::new(Int32Array::from_iter_values(sales.iter().map(|sale| sale.partition + 1)))),
    ];
    in_parquet(&RecordBatch::try_from_iter(columns).unwrap())
}

fn in_parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn every_form_gives_the_same_records() {
    let sales = sales(1_500, 60_000);
    let files = [
        ("a.csv", csv(&sales).into_bytes()),
        ("a.csv.gz", gzip(&csv(&sales))),
        ("a.ndjson", ndjson(&sales).into_bytes()),
        ("a.json.zst", zstd::encode_all(ndjson(&sales).as_bytes(), 1).unwrap()),
        ("a.JSONL", ndjson(&sales).replace('\n', "\r\n\n").into_bytes()),
        ("a.parquet", parquet(&sales)),
    ];
    let expected: Vec<_> = (0i64..)
        .zip(&sales)
        .map(|(offset, sale)| {
            let customer = format!("CUST_{}", sale.customer);
            json!({"customer_id": customer, "product_category": sale.category, "quantity": 2,
                "final_amount": sale.cents as f64 / 100.0, "batch_number": sale.partition + 1, "_key": customer,
                "_topic": SALES, "_partition": 0, "_offset": offset})
        })
        .collect();
    for (name, content) in files {
        let place = Place::new();
        place.put(&format!("in/{name}"), 60, &content);
        let rows = place.rows(EACH, &["--source", "in", "--fail-fast"]);
        assert_eq!(rows, expected, "{name}");
    }
}

/// A sale of the topic `transactions`, with a time of its own, and every tenth one wrong.
fn transaction(number: i64, base: i64) -> String {
    let quantity = if number % 10 == 3 { -1 } else { number % 4 + 1 };
    format!(
        r#"{{"transaction_id":"t{number}","user_id":"u{}","product_id":"p","category_id":"c{}","price":{}.25,
            "quantity":{quantity},"timestamp":{},"device_info":{{"os":"os{}"}}}}"#,
        number % 7,
        number % 3,
        number % 50,
        base + number * 997 % 600_000,
        number % 2,
    )
    .replace('\n', "")
}

#[test]
fn a_query_gives_the_same_rows_from_a_folder_as_from_a_topic() {
    let stage = Stage::new(&["transactions"]);
    let place = Place::new();
    let values: Vec<_> = (0..400).map(|number| transaction(number, stage.base)).collect();
    for (number, value) in values.iter().enumerate() {
        stage.put("transactions", (number % 3) as i32, 0, Some(value.as_bytes()));
    }
    stage.flush();
    for (number, part) in values.chunks(150).enumerate() {
        place.put(&format!("in/{number}.ndjson"), 60, part.join("\n").as_bytes());
    }
    let windows = "SELECT window.start AS start, category_id, count(*) AS n, sum(total_amount) AS total, \
        count(DISTINCT user_id) AS users FROM transactions";
    let queries = [
        format!("{windows} GROUP BY window(timestamp, '1 minute'), category_id"),
        format!(
            "{windows} GROUP BY window(timestamp, '5 minutes', '1 minute'), category_id HAVING count(*) > 20"
        ),
        "SELECT transaction_id, total_amount, device_info.os AS os FROM transactions WHERE quantity > 2"
            .into(),
    ];
    for query in queries {
        fs::write(stage.cluster.folder.path().join("query.sql"), &query).unwrap();
        let args = [&["query", "query.sql"][..], &ALL, &["--format", "json"]].concat();
        let of_topic = stage.consume(&args);
        let of_folder =
            place.run_query(&query, &[&["--source", "in", "--format", "json"], &ALL[..]].concat());
        for ended in [&of_topic, &of_folder] {
            assert!(ended.err.contains(" 40 refused, 0 late"), "{ended:?}");
        }
        let sorted = |ended: Ended| {
            let mut lines: Vec<_> = ended.ok().lines().map(str::to_string).collect();
            lines.sort();
            lines
        };
        let (of_topic, of_folder) = (sorted(of_topic), sorted(of_folder));
        assert!(of_topic.len() > 10, "{of_topic:?}");
        assert_eq!(of_folder, of_topic, "{query}");
    }
}

#[test]
fn files_are_read_as_they_appear_and_once() {
    for trigger in ["0s", "1s"] {
        let place = Place::new();
        place.put("in/a.ndjson", 60, (sale("a1") + &sale("a2")).as_bytes());
        let mut query = place.start(EACH, &["--trigger", trigger]);
        query.batches(2);
        place.put("in/b.csv", 60, b"customer_id,final_amount\nb1,2\n");
        query.batches(1);
        place.put("in/c.ndjson", 60, sale("c1").as_bytes());
        query.batches(1);
        let rows = json_lines(&query.interrupt().ok());
        let customers: Vec<_> = rows.iter().map(|row| row["customer_id"].clone()).collect();
        assert_eq!(customers, ["a1", "a2", "b1", "c1"]);
    }
}

#[test]
fn a_file_that_changes_after_it_was_read_is_told_of() {
    let place = Place::new();
    place.put("in/a.ndjson", 60, sale("a1").as_bytes());
    let mut query = place.start(EACH, &["--trigger", "0s"]);
    query.batches(1);
    place.put("in/a.ndjson", 30, (sale("a1") + &sale("a2")).as_bytes());
    query.says("in/a.ndjson changed after it was read");
    place.put("in/b.ndjson", 60, sale("b1").as_bytes());
    query.batches(1);
    query.interrupt().ok();
}

#[test]
fn a_file_that_could_not_be_opened_is_read_when_it_is_complete() {
    let place = Place::new();
    let whole = parquet(&sales(5, 1_000));
    place.put("in/a.parquet", 60, &whole[..whole.len() / 2]);
    let mut query = place.start(EACH, &["--trigger", "0s"]);
    query.says("in/a.parquet");
    place.put("in/a.parquet", 30, &whole);
    query.batches(5);
    query.interrupt().ok();
}

#[test]
fn the_oldest_file_is_first_or_the_newest() {
    let place = Place::new();
    for (name, age) in [("b", 30), ("c", 90), ("a", 60)] {
        place.put(&format!("in/{name}.ndjson"), age, sale(name).as_bytes());
    }
    assert_eq!(place.column("customer_id", &[]), ["c", "a", "b"]);
    assert_eq!(place.column("customer_id", &["--latest-first"]), ["b", "a", "c"]);
}

#[test]
fn a_trigger_begins_so_many_files_and_no_more() {
    let place = Place::new();
    for number in 0..7 {
        place.put(&format!("in/{number}.ndjson"), 60 - number, sale(&format!("c{number}")).as_bytes());
    }
    let read = |args: &[&str]| {
        let mut query = place.start(EACH, &[args, &["--max-files-per-trigger", "3"]].concat());
        let batches = query.batches(7);
        batches.iter().map(|batch| integer(batch, "numInputRows")).collect::<Vec<_>>()
    };
    assert_eq!(read(&["--trigger", "available-now"]), [3, 3, 1]);
    assert_eq!(read(&["--trigger", "1s"]), [3, 3, 1]);
    assert_eq!(read(&["--trigger", "0s"]), [3, 3, 1]);
    assert_eq!(read(&["--trigger", "once"]), [7], "as with topics, once is everything");
}

#[test]
fn limits_of_records_and_bytes_hold_for_files_too() {
    let place = Place::new();
    place.put("in/a.ndjson", 60, sale("a").repeat(5).as_bytes());
    place.put("in/b.ndjson", 50, sale("b").repeat(3).as_bytes());
    let read = |args: &[&str]| {
        let mut query = place.start(EACH, args);
        let batches = query.batches(8);
        batches.iter().map(|batch| integer(batch, "numInputRows")).collect::<Vec<_>>()
    };
    for trigger in ["available-now", "1s"] {
        assert_eq!(read(&["--trigger", trigger, "--max-offsets-per-trigger", "3"]), [3, 3, 2], "{trigger}");
        assert_eq!(read(&["--trigger", trigger, "--max-bytes-per-trigger", "200"]), [4, 4], "{trigger}");
    }
}

#[test]
fn files_that_were_read_are_kept_deleted_or_archived() {
    let filled = || {
        let place = Place::new();
        place.put("in/a.ndjson", 60, sale("a").as_bytes());
        place.put("in/b.ndjson", 50, sale("b").as_bytes());
        place.put("in/broken.parquet", 40, b"no Parquet");
        place
    };
    let place = filled();
    assert_eq!(place.column("customer_id", &["--clean-source", "off"]), ["a", "b"]);
    assert_eq!(place.files("in"), ["a.ndjson", "b.ndjson", "broken.parquet"]);
    assert_eq!(place.column("customer_id", &["--clean-source", "delete"]), ["a", "b"]);
    assert_eq!(place.files("in"), ["broken.parquet"], "what was not read stays");

    let place = filled();
    assert_eq!(place.column("customer_id", &["--clean-source", "archive=in/done"]), ["a", "b"]);
    assert_eq!(
        (place.files("in"), place.files("in/done")),
        (vec!["broken.parquet".into(), "done".into()], vec!["a.ndjson".into(), "b.ndjson".into()],)
    );
    place.put("in/a.ndjson", 60, sale("another").as_bytes());
    assert_eq!(place.column("customer_id", &["--clean-source", "archive=in/done"]), ["another"]);
    assert_eq!(place.files("in/done"), ["a.ndjson", "a.ndjson.1", "b.ndjson"], "nothing is overwritten");
}

#[test]
fn a_file_is_cleaned_up_while_the_query_runs() {
    let place = Place::new();
    place.put("in/a.ndjson", 60, sale("a").as_bytes());
    let mut query = place.start(EACH, &["--trigger", "0s", "--clean-source", "delete"]);
    query.batches(1);
    wait_for("the file to go", || place.files("in").is_empty().then_some(()));
    place.put("in/a.ndjson", 60, sale("the same name").as_bytes());
    query.batches(1);
    query.interrupt().ok();
}

#[test]
fn files_in_the_making_and_strangers_are_not_read() {
    let place = Place::new();
    for name in [".a.ndjson", "_SUCCESS", "_a.csv", "a.ndjson.tmp", ".a.ndjson.crc", "a.crc"] {
        place.put(&format!("in/{name}"), 60, b"not to be read");
    }
    fs::create_dir(place.path("in/folder.csv")).unwrap();
    place.put("in/folder.csv/b.ndjson", 60, sale("below").as_bytes());
    place.put("in/good.ndjson", 60, sale("good").as_bytes());
    let ended = place.run_query(EACH, &["--source", "in", "--trigger", "available-now", "--fail-fast"]);
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.contains("1 records read"), "{ended:?}");
    for name in ["notes.txt", "more.txt", "README"] {
        place.put(&format!("in/{name}"), 60, b"not to be read");
    }
    let ended = place.run_query(EACH, &["--source", "in", "--trigger", "available-now"]);
    assert_eq!(ended.err.lines().count(), 2, "one line for all of them: {ended:?}");
    assert!(ended.err.contains("is not read") && ended.err.contains(".parquet"), "{ended:?}");
}

#[test]
fn a_broken_file_is_one_line_and_the_others_are_read() {
    let many: String = (0..2_000).map(|number| sale(&format!("many{number}"))).collect();
    let packed = gzip(&many);
    let whole = parquet(&sales(5, 1_000));
    let strings: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let stranger = in_parquet(&RecordBatch::try_from_iter([("x", strings)]).unwrap());
    let broken: [(&str, &[u8], &str); 8] = [
        ("no-header.csv", b"a,1\nb,2\n", "the header has no column of the topic"),
        ("empty.csv", b"", "the header has no column of the topic"),
        ("twice.csv", b"customer_id,customer_id\n", "'customer_id' twice"),
        ("short.parquet", &whole[..whole.len() - 9], "short.parquet"),
        ("none.parquet", b"", "none.parquet"),
        ("stranger.parquet", &stranger, "no column of the topic"),
        ("short.ndjson.gz", &packed[..packed.len() / 2], "short.ndjson.gz"),
        ("none.ndjson.zst", b"text", "none.ndjson.zst"),
    ];
    for (name, content, reason) in broken {
        let place = Place::new();
        place.put(&format!("in/{name}"), 60, content);
        place.put("in/good.ndjson", 30, sale("good").as_bytes());
        let query = [EACH, " WHERE customer_id = 'good'"].concat();
        let args = ["--source", "in", "--trigger", "available-now", "--format", "json"];
        let ended = place.run_query(&query, &args);
        assert_eq!(ended.err.lines().count(), 2, "{name}: {:.500}", ended.err);
        for part in ["in/", name, reason, "skipped"] {
            assert!(ended.err.contains(part), "{name}: no '{part}' in {:.500}", ended.err);
        }
        assert_eq!(json_lines(&ended.ok()).len(), 1, "{name}");
        let ended = place.run_query(&query, &[&args[..], &["--fail-fast"]].concat());
        refused(ended, DATA, &[name, reason, "--fail-fast"]);
    }
}

#[test]
fn a_quote_that_is_not_closed_costs_its_row_and_not_the_file() {
    let place = Place::new();
    place.put("in/quote.csv", 60, b"customer_id,final_amount\n\"bad,1\ngood,1\ngood,2\n");
    let args = ["--source", "in", "--trigger", "available-now", "--format", "json"];
    let ended = place.run_query(EACH, &args);
    for part in
        ["in/quote.csv, line 2", "MALFORMED_ROW", "customer_id begins with a quote that is not closed"]
    {
        assert!(ended.err.contains(part), "no '{part}' in {ended:?}");
    }
    assert_eq!(json_lines(&ended.ok()).len(), 2);
    let ended = place.run_query(EACH, &[&args[..], &["--fail-fast"]].concat());
    refused(ended, DATA, &["quote.csv", "a quote that is not closed", "--fail-fast"]);
}

#[test]
fn bad_records_are_dead_letters_that_name_file_and_line() {
    let place = Place::new();
    let csv = "customer_id,final_amount,quantity\na,1,1\nb,x,1\nc,1\n\"d\ne\",2,1\n,2,1\nf,3,1\n";
    place.put("in/a.csv", 60, csv.as_bytes());
    place.put("in/b.ndjson", 50, format!("{}\n\nno JSON\n{{\"final_amount\":2}}\n", sale("g")).as_bytes());
    let amounts: ArrayRef = Arc::new(Float64Array::from(vec![1.0, -2.0]));
    let customers: ArrayRef = Arc::new(StringArray::from(vec!["h", "i"]));
    let rows = RecordBatch::try_from_iter([("customer_id", customers), ("final_amount", amounts)]).unwrap();
    place.put("in/c.parquet", 40, &in_parquet(&rows));
    let letters = ["--source", "in", "--trigger", "available-now", "--dead-letters", "./dead.ndjson"];
    let ended = place.run_query(EACH, &letters);
    assert!(ended.err.contains("11 records read") && ended.err.contains("6 refused"), "{ended:?}");
    assert!(ended.err.contains("topic customer-transactions, in/a.csv, line 3: TYPE_MISMATCH"), "{ended:?}");
    ended.ok();
    let dead = json_lines(&fs::read_to_string(place.path("dead.ndjson")).unwrap());
    let of =
        |letter: &Value| ["file", "line", "code", "value"].map(|field| letter[field].to_string()).join(" ");
    let found: Vec<_> = dead.iter().map(of).collect();
    let expected = [
        r#""in/a.csv" 3 "TYPE_MISMATCH" "b,x,1""#,
        r#""in/a.csv" 4 "MALFORMED_ROW" "c,1""#,
        r#""in/a.csv" 7 "NULL_CUSTOMER" "{\"customer_id\":null,\"final_amount\":2,\"quantity\":1}""#,
        r#""in/b.ndjson" 4 "MALFORMED_JSON" "no JSON""#,
        r#""in/b.ndjson" 5 "NULL_CUSTOMER" "{\"final_amount\":2}""#,
        r#""in/c.parquet" 2 "INVALID_AMOUNT" "{\"customer_id\":\"i\",\"final_amount\":-2.0}""#,
    ];
    assert_eq!(found, expected);
    assert!(dead[0]["reason"].as_str().unwrap().contains("final_amount: 'x' is not DOUBLE"), "{}", dead[0]);
    assert_eq!(
        (&dead[5]["key"], &dead[5]["partition"], &dead[5]["offset"]),
        (&json!("i"), &json!(0), &json!(10))
    );

    let ended = place.run_query(EACH, &["--source", "in", "--trigger", "available-now", "--fail-fast"]);
    refused(ended, DATA, &["in/a.csv, line 3", "TYPE_MISMATCH", "--fail-fast"]);
    fs::remove_file(place.path("in/a.csv")).unwrap();
    fs::remove_file(place.path("in/b.ndjson")).unwrap();
    let ended = place.run_query(EACH, &["--source", "in", "--trigger", "available-now", "--fail-fast"]);
    refused(ended, DATA, &["in/c.parquet, row 2"]);
    fs::remove_file(place.path("in/c.parquet")).unwrap();
    place.put("in/d.jsonl", 30, format!("\n{}", sale("no number")).as_bytes());
    let wrong_later = format!("{EACH} WHERE cast(customer_id AS INT) > 0");
    let ended =
        place.run_query(&wrong_later, &["--source", "in", "--trigger", "available-now", "--fail-fast"]);
    refused(ended, DATA, &["in/d.jsonl, line 2", "TRANSFORM_FAILED"]);
}

#[test]
fn windows_over_the_time_of_files_close() {
    let place = Place::new();
    place.put("in/a.ndjson", 3_600, sale("a").repeat(3).as_bytes());
    place.put("in/b.ndjson", 60, sale("b").as_bytes());
    let args = ["--source", "in", "--window", "10s", "--trigger", "available-now", "--output-mode", "append"];
    let args = [&args[..], &["--format", "json"]].concat();
    let counts = |args: &[&str]| {
        let rows = json_lines(&place.run(args).ok());
        rows.iter().map(|row| integer(row, "record_count")).collect::<Vec<_>>()
    };
    assert_eq!(counts(&args), [3], "the newer file makes the older one's window final");
    assert_eq!(counts(&[&args[..], &["--flush-at-end"]].concat()), [3, 1]);
}

#[test]
fn parquet_keeps_instants_and_nested_columns() {
    let place = Place::new();
    let millis = 1_753_610_889_123;
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let device = RecordBatch::try_from_iter([("os", text("Linux"))]).unwrap();
    let columns: [(&str, ArrayRef); 7] = [
        ("transaction_id", text("t")),
        ("user_id", text("u")),
        ("product_id", text("p")),
        ("price", Arc::new(Float64Array::from(vec![0.1]))),
        ("quantity", Arc::new(Int32Array::from(vec![3]))),
        ("timestamp", Arc::new(TimestampMillisecondArray::from(vec![millis]).with_timezone("Europe/Vienna"))),
        ("device_info", Arc::new(arrow::array::StructArray::from(device))),
    ];
    place.put("in/a.parquet", 60, &in_parquet(&RecordBatch::try_from_iter(columns).unwrap()));
    let query = "SELECT unix_millis(timestamp) AS ms, device_info.os AS os, price, brand FROM transactions";
    let rows = place.rows(query, &["--source", "transactions=in", "--fail-fast"]);
    assert_eq!(rows, [json!({"ms": millis, "os": "Linux", "price": 0.1, "brand": null})]);
}

#[test]
fn several_topics_have_a_folder_each() {
    let place = Place::new();
    fs::create_dir(place.path("events=1")).unwrap();
    place.put("in/a.ndjson", 60, transaction(1, 1_753_610_400_000).as_bytes());
    let event = r#"{"event_id":"e","session_id":"s","event_type":"view","timestamp":1753610400000}"#;
    place.put("events=1/a.ndjson", 60, event.as_bytes());
    let query =
        "SELECT transaction_id AS id FROM transactions UNION ALL SELECT event_id AS id FROM `user-events`";
    let mut rows = place.rows(query, &["--source", "transactions=in", "--source", "user-events=events=1"]);
    rows.sort_by_key(Value::to_string);
    assert_eq!(rows, [json!({"id": "e"}), json!({"id": "t1"})]);
    let ended = place.run_query(query, &["--source", "in"]);
    refused(ended, USAGE, &["which topic", "transactions=…", "user-events=in"]);
}

#[test]
fn a_topic_that_is_not_in_the_catalog_may_be_a_folder() {
    let place = Place::new();
    place.put("in/a.csv", 60, b"city,degrees,at\nOslo,-3.5,2025-07-27T10:00:00Z\n");
    let schema = "city STRING, degrees DOUBLE, at TIMESTAMP";
    let rows = place.rows("SELECT city, degrees, at FROM weather", &["--source", "in", "--schema", schema]);
    assert_eq!(rows, [json!({"city": "Oslo", "degrees": -3.5, "at": "2025-07-27T10:00:00.000Z"})]);
}

#[test]
fn a_wrong_source_is_refused() {
    let place = Place::new();
    place.put("in/a.ndjson", 60, sale("a").as_bytes());
    let wrong = |args: &[&str], parts: &[&str]| {
        refused(place.run(&[&["--window", "10s", "--trigger", "once"], args].concat()), USAGE, parts);
    };
    wrong(&["--source", "absent"], &["absent", "folder"]);
    wrong(&["--source", "in/a.ndjson"], &["in/a.ndjson", "folder"]);
    wrong(&["--source", "transactions=in"], &["'transactions'", "customer-transactions"]);
    wrong(&["--source", "in", "--source", "in"], &["two sources"]);
    wrong(&["--source", "in", "--clean-source", "sweep"], &["archive=DIR"]);
    wrong(&["--source", "in", "--clean-source", "archive=in"], &["its own archive"]);
    wrong(&["--source", "in", "--max-files-per-trigger", "0"], &["--max-files-per-trigger"]);
}

#[test]
fn a_folder_that_goes_away_ends_the_query() {
    let place = Place::new();
    place.put("in/a.ndjson", 60, sale("a").as_bytes());
    let mut query = place.start(EACH, &["--trigger", "0s"]);
    query.batches(1);
    fs::rename(place.path("in"), place.path("elsewhere")).unwrap();
    let ended = query.end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("cannot read the folder in"), "{ended:?}");
}

/// Any damage to a Parquet file is a line or a few wrong values, never a crash.
#[test]
fn damaged_parquet_does_not_crash() {
    let place = Place::new();
    let whole = parquet(&sales(300, 60_000));
    let step = (whole.len() / 400).max(1);
    for (at, mask) in (0..whole.len()).step_by(step).zip([0x55, 0x80, 0x01, 0xff].into_iter().cycle()) {
        let mut damaged = whole.clone();
        damaged[at] ^= mask;
        place.put(&format!("in/{at}.parquet"), 60, &damaged);
    }
    place.put("in/last.ndjson", 0, sale("last").as_bytes());
    let ended = place.run_query(EACH, &["--source", "in", "--trigger", "available-now", "--format", "json"]);
    assert!(!ended.err.contains("panicked"), "{:.5000}", ended.err);
    assert!(ended.ok().contains("\"last\""), "the others are read");
}
