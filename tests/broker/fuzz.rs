//! A million requests of real clients, changed here and there by a seed, against the decoder and the handlers.
//!
//! `frames.txt` has what librdkafka, kafka-python and Apache Kafka's own clients and tools sent to the
//! broker, one request a line, in hexadecimal and without its length.

use ecap::broker::Probe;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;
use std::process::Command;

/// How many requests a broker gets before the next one takes its place, so that what is stored stays little.
const REQUESTS_OF_A_BROKER: u64 = 5_000;
/// What a child process needs, with all that the requests stored in the meantime.
const MOST_RESIDENT_KB: u64 = 100 << 10;
/// The id of the topic `orders` when the frames were recorded.
const RECORDED: u128 = 0xe1d1_3bc3_9012_4644_bd28_0ad9_ebbe_1545;
/// Says to the child process how many cases it has, and the first one's number.
const CASES: &str = "ECAP_FUZZ_CASES";

fn frames() -> Vec<Vec<u8>> {
    let lines = include_str!("frames.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| (0..line.len()).step_by(2).map(|at| byte(&line[at..at + 2])).collect()).collect()
}

fn byte(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).unwrap()
}

/// A broker that real clients have just used, and the requests as they would be for it: a topic has
/// another id in each broker.
fn used(frames: &[Vec<u8>]) -> (Probe, Vec<Vec<u8>>) {
    let probe = Probe::new().unwrap();
    let mut own = frames.to_vec();
    for frame in &mut own {
        if let Some(id) = probe.topic_id("orders") {
            replace(frame, &RECORDED.to_be_bytes(), &id);
        }
        probe.ask(frame);
    }
    (probe, own)
}

fn replace(frame: &mut [u8], old: &[u8; 16], new: &[u8; 16]) {
    for at in 0..frame.len().saturating_sub(15) {
        if frame[at..at + 16] == old[..] {
            frame[at..at + 16].copy_from_slice(new);
        }
    }
}

/// Where a record batch stands in a request, if there is one.
fn batch(frame: &[u8]) -> Option<Range<usize>> {
    let int = |at: usize| Some(u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?));
    (8..frame.len().saturating_sub(60)).find_map(|at| {
        let end = at + 12 + int(at + 8)? as usize;
        (int(at + 17)? == crc32c::crc32c(frame.get(at + 21..end)?)).then_some(at..end)
    })
}

/// One to four changes, and more where `random` wants it.
fn change(frame: &mut Vec<u8>, others: &[Vec<u8>], random: &mut ChaCha8Rng) {
    let batch = batch(frame).filter(|_| random.random_bool(0.5));
    let (from, to) = batch.as_ref().map_or((0, frame.len()), |batch| (batch.start, batch.end));
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(from..to);
        match random.random_range(0..if batch.is_some() { 3 } else { 8 }) {
            0 => frame[at] ^= 1 << random.random_range(0..8),
            1 => frame[at] = random.random(),
            2 => edge(&mut frame[at..to], random),
            3 => frame.truncate(at.max(1)),
            4 => frame.insert(at, random.random()),
            5 => drop(frame.remove(at)),
            6 => {
                let end = random.random_range(at..to);
                frame.extend_from_within(at..end);
            }
            _ => {
                let other = &others[random.random_range(0..others.len())];
                frame.truncate(at.max(1));
                frame.extend_from_slice(&other[random.random_range(0..other.len())..]);
            }
        }
        if frame.len() < to.max(2) {
            break;
        }
    }
    if let Some(batch) = batch {
        // Or the checksum would refuse it before anyone looks inside.
        let sum = crc32c::crc32c(&frame[batch.start + 21..batch.end]);
        frame[batch.start + 17..batch.start + 21].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Writes a number that is at an edge, in one of the widths that the protocol has.
fn edge(place: &mut [u8], random: &mut ChaCha8Rng) {
    let numbers = [0, 1, -1, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(i32::MIN), 1 << 20, 0x7fff];
    let number = numbers[random.random_range(0..numbers.len())].to_be_bytes();
    let width = [1, 2, 4, 8][random.random_range(0..4)].min(place.len());
    place[..width].copy_from_slice(&number[8 - width..]);
}

/// The work of the child process.
fn feed(first: u64, count: u64) {
    let frames = frames();
    let (mut probe, mut own) = used(&frames);
    for case in first..first + count {
        if case % REQUESTS_OF_A_BROKER == 0 {
            (probe, own) = used(&frames);
        }
        // Each case has a seed of its own, so that one alone can be run again.
        let mut random = ChaCha8Rng::seed_from_u64(case);
        let mut frame = own[random.random_range(0..own.len())].clone();
        change(&mut frame, &own, &mut random);
        probe.ask(&frame);
        if case % 100 == 0 {
            probe.tick(case as i64 * 100_000);
        }
    }
}

/// Runs cases in processes of their own: an abort must not end the other tests, and the memory is theirs.
fn run(name: &str, cases: u64) {
    let status = "/proc/self/status";
    let given = std::env::var(CASES).ok();
    if let Some((first, count)) = given.as_deref().and_then(|given| given.split_once('+')) {
        feed(first.parse().unwrap(), count.parse().unwrap());
        let peak = std::fs::read_to_string(status).unwrap();
        let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < MOST_RESIDENT_KB, "{peak} kB were resident");
        return;
    }
    let part = cases.div_ceil(2);
    let children = (0..2).map(|at| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", name, "--nocapture"]).env(CASES, format!("{}+{part}", at * part));
        child.stdout(std::process::Stdio::piped()).spawn().unwrap()
    });
    for child in children.collect::<Vec<_>>() {
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{}: {said}", ended.status);
    }
}

#[test]
fn requests_of_real_clients_with_mistakes_do_no_harm() {
    let cases = std::env::var("ECAP_TEST_CASES").ok().and_then(|cases| cases.parse::<u64>().ok());
    run(
        "broker::fuzz::requests_of_real_clients_with_mistakes_do_no_harm",
        // 2,000 cases of other tests are ten million here.
        cases.map_or(1_000_000, |cases| cases * 5_000),
    );
}

#[test]
fn what_was_recorded_is_what_clients_send_to_this_broker() {
    let frames = frames();
    let (probe, own) = used(&frames);
    let answered = own.iter().filter(|frame| probe.ask(frame).is_some()).count();
    assert!(answered * 10 > frames.len() * 8, "{answered} of {}", frames.len());
    let kinds: std::collections::BTreeSet<_> = frames.iter().map(|frame| frame[..4].to_vec()).collect();
    assert!(kinds.len() > 40, "{} requests in some version", kinds.len());
    assert!(frames.iter().filter(|frame| batch(frame).is_some()).count() > 5);
}
