//! Results in files: a file by batch, or one that grows.

use super::bad_input::{USAGE, refused};
use super::folder::Place;
use super::json_lines;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::{self, File};

const RUN: [&str; 6] = ["--source", "in", "--trigger", "available-now", "--flush-at-end", "--window"];

fn run(place: &Place, args: &[&str]) -> String {
    let ended = place.run(&[&RUN[..], &["10s", "--max-files-per-trigger", "1"], args].concat());
    ended.ok()
}

fn names(place: &Place, folder: &str) -> Vec<String> {
    place.files(folder).into_iter().filter(|name| !name.starts_with('_')).collect()
}

#[test]
fn lines_in_a_file_are_those_of_the_console() {
    let place = Place::of_sales(30);
    for form in ["ndjson", "csv"] {
        let format = if form == "csv" { "csv" } else { "json" };
        let console = run(&place, &["--format", format, "--output-mode", "append"]);
        let file = format!("out.{form}");
        assert_eq!(
            run(&place, &["--sink", form, "--path", &file, "--name", form]),
            "",
            "nothing on the console"
        );
        assert_eq!(fs::read_to_string(place.path(&file)).unwrap(), console);
        assert!(console.lines().count() >= 3, "{console}");
    }
    let again = run(&place, &["--sink", "ndjson", "--path", "out.ndjson", "--name", "ndjson"]);
    let rows = json_lines(&fs::read_to_string(place.path("out.ndjson")).unwrap());
    assert_eq!(
        (rows.len(), again.as_str()),
        (3, ""),
        "the query goes on from its checkpoint: nothing comes twice"
    );
}

#[test]
fn each_batch_with_rows_is_a_file_in_a_folder() {
    let place = Place::of_sales(30);
    run(&place, &["--sink", "ndjson", "--path", "out"]);
    // The first file closes no window; the second and the third close one each, the end the last.
    let names = names(&place, "out");
    assert_eq!(names.len(), 3);
    for (name, batch) in names.iter().zip(1..) {
        assert!(name.starts_with(&format!("batch-00000{batch}-")) && name.ends_with(".ndjson"), "{name}");
        let rows = json_lines(&fs::read_to_string(place.path("out").join(name)).unwrap());
        assert_eq!((rows.len(), &rows[0]["record_count"]), (1, &10.into()), "{name}");
    }
    fs::create_dir(place.path("mine")).unwrap();
    place.put("mine/batch-000001.ndjson", 0, b"{}");
    let ended = place.run(&[&RUN[..], &["10s", "--sink", "ndjson", "--path", "mine"][..]].concat());
    refused(ended, USAGE, &["mine", "batch-0", "another folder"]);
}

#[test]
fn parquet_holds_the_rows_with_instants_in_utc() {
    let place = Place::of_sales(30);
    let args =
        ["--agg", "count(*) AS n", "--agg", "array_agg(quantity) AS all", "--group-by", "product_category"];
    run(&place, &[&args[..], &["--sink", "parquet", "--path", "out/"]].concat());
    let console = run(&place, &[&args[..], &["--format", "json", "--output-mode", "append"]].concat());
    let mut files = Vec::new();
    for name in names(&place, "out") {
        let file = File::open(place.path("out").join(name)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        files.extend(reader.map(|rows| rows.unwrap()));
    }
    let rows: usize = files.iter().map(RecordBatch::num_rows).sum();
    assert_eq!((rows, files.len()), (console.lines().count(), 3));
    let (start, n) =
        (files[0].column_by_name("window_start").unwrap(), files[0].column_by_name("n").unwrap());
    assert_eq!(*start.data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(start.as_primitive::<TimestampMicrosecondType>().value(0) % 10_000_000, 0);
    let total: i64 = n.as_primitive::<Int64Type>().iter().flatten().sum();
    assert_eq!(total, 10);
}

#[test]
fn rows_are_parted_by_columns_and_small_files_merged() {
    let place = Place::of_sales(30);
    let parted = ["--group-by", "product_category", "--sink", "csv", "--path", "out", "--partition-by"];
    run(&place, &[&parted[..], &["product_category"]].concat());
    let folders = ["product_category=Books", "product_category=Games", "product_category=Shoes"];
    assert_eq!(names(&place, "out"), folders);
    let lines = |folder: &str| {
        let files = names(&place, &format!("out/{folder}")).into_iter();
        let files = files.map(|name| fs::read_to_string(place.path("out").join(folder).join(name)).unwrap());
        let lines: Vec<_> =
            files.flat_map(|text| text.lines().skip(1).map(String::from).collect::<Vec<_>>()).collect();
        lines
    };
    let before = folders.map(lines);
    assert!(before.iter().all(|lines| lines.len() > 1), "{before:?}");
    let said = place.run(&["compact", "out"]).ok();
    assert!(said.contains("became 3"), "{said}");
    assert_eq!(folders.map(lines), before);
    assert!(folders.iter().all(|folder| names(&place, &format!("out/{folder}")).len() == 1));
    refused(place.run(&["compact", "in"]), USAGE, &["in has no manifest"]);
}

#[test]
fn a_full_disk_is_said() {
    let place = Place::of_sales(30);
    let ended = place.run(&[&RUN[..], &["10s", "--sink", "ndjson", "--path", "/dev/full"][..]].concat());
    refused(ended, 1, &["cannot write batch", "/dev/full", "No space left"]);
}

#[test]
fn a_wrong_place_is_refused() {
    let place = Place::of_sales(30);
    fs::write(place.path("file"), "").unwrap();
    let wrong = |args: &[&str], parts: &[&str]| {
        refused(place.run(&[&RUN[..], &["10s"], args].concat()), USAGE, parts);
    };
    wrong(&["--sink", "csv"], &["--path"]);
    wrong(&["--path", "out"], &["--sink ndjson"]);
    wrong(&["--sink", "csv", "--path", "file/out"], &["file/out"]);
    wrong(&["--sink", "csv", "--path", "/proc/out"], &["/proc/out"]);
    wrong(&["--sink", "csv", "--path", "absent/out.csv"], &["absent/out.csv"]);
    wrong(&["--sink", "parquet", "--path", "out.parquet"], &["folder"]);
    wrong(&["--sink", "ndjson", "--path", "in"], &["its own results"]);
    wrong(&["--sink", "ndjson", "--path", "in/out.ndjson"], &["its own results"]);
    let map = ["--where", "quantity > 1", "--trigger", "continuous", "--source", "in", "--sink", "csv"];
    let ended = place.run(&[&map[..], &["--path", "out"]].concat());
    refused(ended, USAGE, &["continuous", "--trigger 0s"]);
    wrong(&["--sink", "carrier-pigeon"], &["carrier-pigeon"]);
    wrong(&["--sink", "csv", "--path", "out", "--partition-by", "absent"], &["absent", "window_start"]);
    wrong(&["--sink", "csv", "--path", "out.csv", "--partition-by", "window_start"], &["folder"]);
    wrong(&["--sink", "csv", "--path", "out", "--sink-option", "speed=9"], &["speed", "file-size"]);
    wrong(&["--sink", "csv", "--path", "out", "--sink-option", "speed"], &["speed", "file-size=128m"]);
    wrong(&["--sink", "csv", "--path", "out", "--merge-on", "window_start"], &["--sink delta"]);
    wrong(&["--sink", "csv", "--path", "s3://bucket/out"], &["--sink delta"]);
    wrong(&["--partition-by", "window_start"], &["--partition-by", "--sink parquet"]);
}
