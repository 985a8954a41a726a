//! Windows of more keys than memory is to hold, in the process that a user starts.

use super::folder::Place;
use crate::support::{Ended, binary_command, number, peak};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;

/// How many keys there are: a million, or ECAP_TEST_KEYS for a long run.
fn keys() -> usize {
    number("ECAP_TEST_KEYS", 1_000_000)
}

/// The first tenth of the keys come twice.
fn times(key: usize) -> u64 {
    if key < keys() / 10 { 2 } else { 1 }
}

/// The folder with a record of each key, and then another one of some.
fn place() -> Place {
    let place = Place::new();
    fs::write(
        place.path("query.sql"),
        "SELECT customer_id, count(*) AS n, sum(quantity) AS items FROM `customer-transactions` \
         GROUP BY window(_timestamp, '10000 days'), customer_id",
    )
    .unwrap();
    let all = (0..keys()).chain(0..keys() / 10);
    let mut file = BufWriter::new(File::create(place.path("in/sales.ndjson")).unwrap());
    for key in all {
        writeln!(file, r#"{{"customer_id":"customer-{key}","final_amount":1.5,"quantity":{}}}"#, key % 7)
            .unwrap();
    }
    file.flush().unwrap();
    place
}

fn consume(place: &Place, args: &[&str]) -> Command {
    let mut command = binary_command("ecap-consume", place.folder.path());
    command.args(["query", "query.sql", "--source", "in", "--trigger", "available-now"]);
    command.args(["--sink", "ndjson", "--path", "out.ndjson"]).args(args);
    command
}

/// A fortieth of what ten million keys take without a limit, so that most state is on the disk.
fn limit() -> String {
    (keys() * 26).to_string()
}

#[test]
fn a_window_of_more_keys_than_memory_holds_has_the_same_rows() {
    let (place, limit) = (place(), limit());
    let bound = ["--state-memory", &limit, "--progress", "json"];
    let report = place.path("reports");
    let mut command = consume(&place, &bound);
    command.stderr(File::create(&report).unwrap());
    let reading = peak(&mut command);
    let reports = fs::read_to_string(&report).unwrap();
    let last = reports.lines().rfind(|line| line.starts_with('{')).expect("a report");
    let state = &serde_json::from_str::<Value>(last).unwrap()["stateOperators"][0];
    assert!(state["diskUsedBytes"].as_u64() > state["memoryUsedBytes"].as_u64(), "{state}");

    // The next start goes on from more state than it may hold, and closes the window.
    let closing = peak(
        consume(&place, &[&bound[..2], &["--flush-at-end"]].concat()).stderr(File::create(&report).unwrap()),
    );
    println!("{} keys: {reading} MB while reading, {closing} MB while closing", keys());
    assert!(reading < 600 && closing < 600, "{reading} MB while reading, {closing} MB while closing");

    let (mut seen, mut rows) = (vec![false; keys()], 0);
    for line in BufReader::new(File::open(place.path("out.ndjson")).unwrap()).lines() {
        let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let key: usize = row["customer_id"].as_str().unwrap()["customer-".len()..].parse().unwrap();
        assert!(!std::mem::replace(&mut seen[key], true), "{key} comes once");
        let n = times(key);
        assert_eq!(
            (row["n"].as_u64(), row["items"].as_u64()),
            (Some(n), Some(n * (key as u64 % 7))),
            "{key}"
        );
        rows += 1;
    }
    assert_eq!(rows, keys());
}

#[test]
fn state_without_room_loses_nothing() {
    let place = Place::new();
    fs::write(
        place.path("query.sql"),
        "SELECT customer_id, count(*) AS n FROM `customer-transactions` \
         GROUP BY window(_timestamp, '10000 days'), customer_id",
    )
    .unwrap();
    place.put("in/0.ndjson", 60, b"{\"customer_id\":\"a\",\"final_amount\":1,\"quantity\":1}\n");
    let full = ["--state-memory", "0", "--state-directory", "query.sql", "--flush-at-end"];
    Ended::of(&mut consume(&place, &full)).fails(1, &["cannot keep state in query.sql", "--state-directory"]);
    Ended::of(&mut consume(&place, &["--state-memory", "0", "--flush-at-end"])).ok();
    assert_eq!(fs::read_to_string(place.path("out.ndjson")).unwrap(), "{\"customer_id\":\"a\",\"n\":1}\n");
}

#[test]
fn sessions_and_keys_that_are_not_in_memory_give_the_same_rows() {
    let sessions = "SELECT customer_id, count(*) AS n, sum(quantity) AS items FROM `customer-transactions` \
                    GROUP BY session_window(_timestamp, '5 minutes'), customer_id";
    let keys = "SELECT DISTINCT ON (customer_id) customer_id FROM `customer-transactions`";
    for sql in [sessions, keys] {
        let given = [&[][..], &["--state-memory", "0"]].map(|limit: &[&str]| {
            let place = Place::of_sales(300);
            fs::write(place.path("query.sql"), sql).unwrap();
            let run = ["--max-offsets-per-trigger", "50", "--flush-at-end", "--progress", "json"];
            let ended = Ended::of(&mut consume(&place, &[limit, &run].concat()));
            let spilled = ended.err.lines().filter(|line| line.starts_with('{')).any(|line| {
                let report: Value = serde_json::from_str(line).unwrap();
                report["stateOperators"][0]["diskUsedBytes"].as_u64() > Some(0)
            });
            assert_eq!(spilled, !limit.is_empty(), "{ended:?}");
            ended.ok();
            let out = fs::read_to_string(place.path("out.ndjson")).unwrap();
            let mut lines: Vec<String> = out.lines().map(Into::into).collect();
            lines.sort_unstable();
            lines
        });
        assert!(!given[0].is_empty());
        assert_eq!(given[0], given[1]);
    }
}

#[test]
fn results_that_are_not_in_memory_reach_every_kind_of_sink() {
    let sinks: [&[&str]; 8] = [
        &["--sink", "csv", "--path", "out.csv"],
        &["--sink", "ndjson", "--path", "out.ndjson"],
        &["--sink", "csv", "--path", "out/"],
        &["--sink", "ndjson", "--path", "out/", "--partition-by", "product_category"],
        &["--sink", "exec", "--command", "cat >> out.txt"],
        &["--format", "csv"],
        &["--format", "json"],
        &["--format", "table", "--rows", "1000"],
    ];
    let window = ["--window", "10m", "--group-by", "product_category,customer_id", "--agg", "count(*) AS n"];
    let run = ["--source", "in", "--trigger", "available-now", "--output-mode", "append", "--flush-at-end"];
    for sink in sinks {
        let place = Place::of_sales(300);
        let given = [&[][..], &["--state-memory", "0"]].map(|limit| {
            let out = place.run(&[&window[..], &run, sink, limit].concat()).ok();
            let mut lines: Vec<String> = out.lines().map(Into::into).collect();
            take_texts(place.folder.path(), &mut lines);
            lines.sort_unstable();
            lines
        });
        assert!(given[0].len() > 10, "{sink:?} {:?}", given[0]);
        assert_eq!(given[0], given[1], "{sink:?}");
    }
}

/// The lines of the files that results are in, wherever these are below a folder; everything but the records is removed.
fn take_texts(folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        match name.as_str() {
            "in" => {}
            "home" => fs::remove_dir_all(path).unwrap(),
            _ if path.is_dir() => {
                take_texts(&path, lines);
                fs::remove_dir(path).unwrap();
            }
            _ => {
                let text = fs::read_to_string(&path).unwrap();
                lines.extend(text.lines().filter(|_| !name.starts_with(['.', '_'])).map(Into::into));
                fs::remove_file(path).unwrap();
            }
        }
    }
}
