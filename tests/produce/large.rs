//! A large file with bad rows of every kind.

use super::*;
use std::fs::File;
use std::io::{BufWriter, Write};

/// How large the file is: 50 MB, or as large as a long run says.
fn megabytes() -> u64 {
    crate::support::number("ECAP_TEST_CSV_MB", 50)
}

/// What is done to a row, and what the reject file must say of it: code, column, and part of the reason.
type Fault = (fn(&mut Vec<Vec<u8>>), &'static str, Option<&'static str>, &'static str);

/// The columns by their place.
const CUSTOMER: usize = 0;
const NAME: usize = 3;
const EMAIL: usize = 5;
const AGE: usize = 7;
const QUANTITY: usize = 13;
const PRICE: usize = 14;
const FINAL: usize = 17;
const PREMIUM: usize = 19;
const ID: usize = 22;

/// The most bytes of a record in [`catalog`].
const MOST: usize = 65_536;

const FAULTS: [Fault; 15] = [
    (|row| row.truncate(9), "MALFORMED_ROW", None, "the row has 9 fields, the header has 23"),
    (|row| row.push(b"more".into()), "MALFORMED_ROW", None, "the row has 24 fields"),
    (|row| row[NAME] = b"J\xfcrgen".into(), "MALFORMED_ROW", Some("first_name"), "first_name is not UTF-8"),
    (|row| row[AGE] = b"old".into(), "TYPE_MISMATCH", Some("age"), "'old' is not INT"),
    (|row| row[AGE] = b"3000000000".into(), "TYPE_MISMATCH", Some("age"), "is not INT"),
    (|row| row[PRICE] = b"1,5".into(), "MALFORMED_ROW", None, "the row has 24 fields"),
    (|row| row[PREMIUM] = b"perhaps".into(), "TYPE_MISMATCH", Some("is_premium_customer"), "is not BOOLEAN"),
    (|row| row[CUSTOMER] = Vec::new(), "NULL_CUSTOMER", Some("customer_id"), "customer_id is null"),
    (|row| row[FINAL] = Vec::new(), "NULL_AMOUNT", Some("final_amount"), "final_amount is null"),
    (|row| row[FINAL] = b"-1.5".into(), "INVALID_AMOUNT", Some("final_amount"), "is not above 0"),
    (|row| row[QUANTITY] = b"0".into(), "INVALID_VALUE", Some("quantity"), "quantity = 0 is not above 0"),
    (|row| row[EMAIL].resize(MOST, b'x'), "TOO_LARGE", None, "larger than the topic's 65536 bytes"),
    (|row| row[NAME].insert(0, b'"'), "MALFORMED_ROW", Some("first_name"), "a quote that is not closed"),
    (|row| row[NAME].insert(0, b'"'), "MALFORMED_ROW", Some("first_name"), "a quote that is not closed"),
    (|row| row[ID].insert(0, b'"'), "MALFORMED_ROW", Some("record_id"), "a quote that is not closed"),
];

/// A catalog in which the topic has a rule, and records may not be as large as by default.
fn catalog(cluster: &Cluster) {
    let text = include_str!("../../src/catalog/catalog.toml");
    let (before, topic) = text.split_once("name = \"customer-transactions\"").expect("the topic");
    let topic = topic.replacen("1048576", &MOST.to_string(), 1);
    let changed = format!("{before}name = \"{TOPIC}\"\nrules = {{ quantity = {{ above = 0 }} }}{topic}");
    std::fs::write(cluster.folder.path().join("catalog.toml"), changed).expect("written");
}

/// One row in so many is bad.
const EVERY: usize = 100;

/// Writes the file; gives how many rows it has.
fn write(cluster: &Cluster) -> usize {
    let args = ["-n", "2000", "--seed", "42", "-o", "-", "--file-format", "csv"];
    let text = cluster.run("ecap-gen", &args).ok();
    let (header, rows) = text.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let path = cluster.folder.path().join("large.csv");
    let mut file = BufWriter::new(File::create(path).expect("made"));
    writeln!(file, "{header}").expect("written");
    let (mut count, mut bytes) = (0, 0);
    while bytes < megabytes() << 20 {
        let mut row: Vec<Vec<u8>> = rows[count % rows.len()].split(',').map(Into::into).collect();
        if count % EVERY == EVERY - 1 {
            (FAULTS[count / EVERY % FAULTS.len()].0)(&mut row);
        }
        let line = row.join(&b',');
        file.write_all(&line).and_then(|()| file.write_all(b"\n")).expect("written");
        bytes += line.len() as u64 + 1;
        count += 1;
    }
    file.flush().expect("written");
    count
}

/// The most memory that a process ever had, in megabytes.
fn peak(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") / 1024)
}

#[test]
fn all_good_rows_of_a_large_file_arrive_and_each_bad_one_is_kept_with_its_reason() {
    let cluster = cluster();
    let rows = write(&cluster);
    catalog(&cluster);
    let mut command = cluster.command("ecap-produce");
    command.args(["--data-file", "large.csv", "--reject-file", "bad.ndjson", "--format", "json"]);
    command.args(["--catalog", "catalog.toml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut most = 0;
    while child.try_wait().expect("a status").is_none() {
        most = most.max(peak(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    }
    let ended = Ended::from(child.wait_with_output().expect("ended"));
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert!(most < 150, "{most} MB");

    let bad = rows / EVERY;
    let statistics: Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!(statistics["records"], rows - bad);
    let failures = statistics["failures"].as_object().expect("counts");
    assert_eq!(failures.values().map(|count| count.as_u64().expect("a count")).sum::<u64>(), bad as u64);

    let rejects = File::open(cluster.folder.path().join("bad.ndjson")).expect("the reject file");
    let mut seen = 0;
    for (index, line) in BufReader::new(rejects).lines().enumerate() {
        let reject: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let (_, code, column, reason) = FAULTS[index % FAULTS.len()];
        let text = |name: &str| reject[name].as_str();
        assert_eq!((text("code"), text("column")), (Some(code), column), "{reject}");
        assert!(text("reason").expect("a reason").contains(reason), "{reject}");
        assert_eq!((text("file"), &reject["line"]), (Some("large.csv"), &((index + 1) * EVERY + 1).into()));
        assert!(text("value").or(text("value_hex")).is_some_and(|row| !row.contains('\n')), "{reject}");
        seen += 1;
    }
    assert_eq!(seen, bad);
    assert_eq!(count(&cluster), rows - bad);
}

/// How many records the topic has.
fn count(cluster: &Cluster) -> usize {
    let consumer: BaseConsumer = client(cluster).create().expect("a client");
    let of = |partition| {
        let (low, high) =
            consumer.fetch_watermarks(&cluster.name(TOPIC), partition, PATIENCE).expect("offsets");
        (high - low) as usize
    };
    (0..3).map(of).sum()
}
