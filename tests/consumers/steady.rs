//! A process that runs consumers for long, with clients that look at it: its memory stays as it is.

use super::Stage;
use crate::support::{PATIENCE, number};
use ecap::units::format_rfc3339;
use rdkafka::producer::Producer;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// For how many minutes; ECAP_TEST_MINUTES for a long run.
fn minutes() -> f64 {
    number("ECAP_TEST_MINUTES", 0.1)
}

/// Both defaults, from the beginning.
const CONSUMERS: &str = "[[consumer]]\nname = 'sales'\ntype = 'transaction'\n\
    [consumer.options]\nsink = 'ndjson'\npath = 'sales.ndjson'\nfrom = 'earliest'\ntrigger = '200ms'\n\
    [[consumer]]\nname = 'visits'\ntype = 'user-behavior'\n\
    [consumer.options]\nsink = 'parquet'\npath = 'visits'\nfrom = 'earliest'\ntrigger = '200ms'\n";

/// Records of each topic in a tick, of which there are ten a second. A minute of their own time passes in each.
const RECORDS: u64 = 100;

#[test]
fn memory_stays_as_it_is() {
    let stage = Stage::new();
    stage.registry(CONSUMERS);
    let process = stage.run(&[]);
    for name in ["sales", "visits"] {
        process.becomes(name, "running");
    }
    let events = follow(&process.address);
    let (began, mut resident) = (Instant::now(), Vec::new());
    for tick in 0.. {
        if began.elapsed().as_secs_f64() > minutes() * 60.0 {
            break;
        }
        feed(&stage, tick);
        if tick % 10 == 0 {
            assert_eq!(process.http("GET", "/metrics", &[]).0, 200);
        }
        resident.push(process.told.resident());
        thread::sleep(Duration::from_millis(100));
    }
    let records = resident.len() as f64 * RECORDS as f64;
    process.reads("sales", records);
    process.reads("visits", records);
    process.told.end();
    let statuses = events.join().unwrap();
    let median = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part[part.len() / 2] as f64
    };
    let quarter = resident.len() / 4;
    let (before, after) = (median(&resident[quarter..2 * quarter]), median(&resident[3 * quarter..]));
    println!(
        "{:.1} minutes, {records} records of each topic, {statuses} statuses: {before} MB in the second quarter, {after} in the last",
        minutes()
    );
    // What is new is touched within the first minutes.
    let growth = if minutes() < 10.0 { 1.25 } else { 1.05 };
    assert!(statuses > 0 && after <= before * growth, "{before} MB, then {after} MB");
}

/// Follows the events as long as there are any; how many there were.
fn follow(address: &str) -> thread::JoinHandle<usize> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /api/v1/streaming/events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    thread::spawn(move || lines.filter(|line| line.starts_with("event: status")).count())
}

/// The records of a minute.
fn feed(stage: &Stage, minute: u64) {
    for number in minute * RECORDS..(minute + 1) * RECORDS {
        let time = format_rfc3339(1_767_600_000_000_000 + (number * 60_000_000 / RECORDS) as i64);
        let (user, product) = (number * 7 % 5_003, number % 101);
        let sale = format!(
            r#"{{"transaction_id":"t{number}","user_id":"u{user}","product_id":"p{product}","price":2.5,"quantity":2,"timestamp":"{time}"}}"#
        );
        stage.put("transactions", &sale);
        let visit = format!(
            r#"{{"event_id":"e{number}","session_id":"s{user}","event_type":"view","timestamp":"{time}"}}"#
        );
        stage.put("user-events", &visit);
    }
    stage.producer.flush(PATIENCE).unwrap();
}
