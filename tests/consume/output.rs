//! The forms of rows: a table for people, lines for machines.

use super::{ALL, Stage, at, integer, json_lines, sales};

#[track_caller]
fn shown(stage: &Stage, args: &[&str]) -> String {
    stage.consume(&[&ALL, args].concat()).ok()
}

#[test]
fn a_table_has_its_windows_in_order() {
    let stage = Stage::with(&[at(21_000), at(1_000), at(2_000)]);
    let out = shown(&stage, &["--window", "10s", "--agg", "sum(final_amount) AS revenue"]);
    let rows: Vec<_> = out.lines().filter(|line| line.starts_with("| 2")).collect();
    assert_eq!(rows.len(), 2, "{out}");
    assert!(rows[0] < rows[1] && rows[0].contains("20.00") && rows[1].contains("10.00"), "{out}");
    assert!(out.contains("| window_start ") && out.contains("| revenue |"), "{out}");
    assert!(rows[0].contains(":00:00 |") && rows[0].contains(":00:10 |"), "times as people read them: {out}");
}

#[test]
fn rows_bound_a_table_and_say_so() {
    let stage = Stage::with(&sales(100, 60_000));
    let out = shown(&stage, &["--window", "1s", "--rows", "3"]);
    let rows = out.lines().filter(|line| line.starts_with("| 2")).count();
    assert_eq!(rows % 3, 0, "{out}");
    assert!(out.contains("the first 3 of ") && out.contains("--rows"), "{out}");
    let wide = shown(&stage, &["--window", "1s", "--rows", "3", "--format", "wide"]);
    assert!(wide.lines().filter(|line| line.starts_with("| 2")).count() > 20, "{wide}");
}

#[test]
fn json_is_a_line_a_row_and_nothing_else() {
    let stage = Stage::with(&[at(1_000), at(11_000)]);
    let args = ["--window", "10s", "--format", "json", "--rows", "1"];
    let rows = json_lines(&shown(&stage, &args));
    assert_eq!(rows.len(), 2, "--rows is for tables");
    let names: Vec<_> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "window_start",
            "window_end",
            "record_count",
            "total_transaction_value",
            "avg_transaction_value",
            "unique_customers",
            "min_batch_number",
            "max_batch_number"
        ]
    );
    assert!(rows[0]["window_start"].as_str().is_some_and(|time| time.ends_with('Z')), "{rows:?}");
}

#[test]
fn csv_has_one_heading() {
    let stage = Stage::with(&[at(1_000), at(11_000)]);
    let out = shown(&stage, &["--window", "10s", "--agg", "count(*) AS n", "--format", "csv"]);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "window_start,window_end,n"), "{out}");
    assert!(lines[1..].iter().all(|line| line.ends_with("Z,1")), "{out}");
}

#[test]
fn every_format_has_the_same_rows() {
    let stage = Stage::with(&sales(100, 30_000));
    let query = ["--window", "10s", "--slide", "5s", "--agg", "count(*) AS n"];
    let json: i64 = stage.rows(&query).iter().map(|row| integer(row, "n")).sum();
    let csv = shown(&stage, &[&query[..], &["--format", "csv"]].concat());
    let last = |line: &str| line.rsplit(',').next().and_then(|n| n.parse::<i64>().ok());
    let csv: i64 = csv.lines().skip(1).filter_map(last).sum();
    assert_eq!((json, csv), (200, 200));
}
